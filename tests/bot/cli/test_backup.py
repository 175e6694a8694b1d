"""`perpulse backup` and `perpulse restore`, as somebody types them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bot.cli import backup
from storage.alerts import outbox
from storage.alerts.sending import restored
from storage.engine.database import Store, StoreError
from storage.engine.sharing import leases
from storage.people import destinations
from tests import postgres
from tests.bot.commandline import GOOD, HEADER, written

if TYPE_CHECKING:
    from pathlib import Path

    from tests.bot.commandline import Perpulse

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def filled(perpulse: Perpulse, tmp_path: Path) -> Path:
    """A database with two values."""
    assert perpulse("import", written(tmp_path, HEADER + GOOD)).code == 0
    return tmp_path / "data" / "perpulse.db"


@pytest.mark.slow
def test_a_backup_is_made_and_put_back(perpulse: Perpulse, filled: Path, tmp_path: Path) -> None:
    ended = perpulse("backup", "one.db.gz")
    assert ended.code == 0
    assert "read again and sound. To put it back: perpulse restore one.db.gz" in ended.out
    filled.unlink()
    ended = perpulse("restore", "one.db.gz")
    assert ended.code == 0
    assert "data/perpulse.db is as it was on " in ended.out
    assert "Nothing waited in it. What is found to have happened since may" in ended.out
    assert "What was there before" not in ended.out
    assert "91,000" in perpulse("say", "/price btc").out
    assert "What was there before is data/perpulse.saved-" in perpulse("restore", "one.db.gz").out
    assert not [file for file in (tmp_path / "data").iterdir() if "restoring" in file.name]


def test_without_a_file_it_goes_into_the_folder_of_the_configuration(
    perpulse: Perpulse, filled: Path, tmp_path: Path
) -> None:
    assert "Name a file" in perpulse("backup").refusal
    (tmp_path / "config.toml").write_text('[backup]\nfolder = "there"\nkeep = 1\n')
    assert perpulse("backup").code == 0
    assert len(list((tmp_path / "there").glob("perpulse-*.db.gz"))) == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        pytest.param(("backup", "data/perpulse.db"), "is no backup, so it is left alone", id="over the database"),
        pytest.param(("restore", "file.csv"), "there is no database in it", id="no backup"),
        pytest.param(("restore", "none.gz"), "There is no file none.gz", id="no file"),
        pytest.param(("restore", "."), ". is a folder. Name the backup in it", id="a folder"),
        pytest.param(("restore", "/dev/null"), "is a device or a pipe", id="a device"),
        pytest.param(("backup", "x.gz", "--db", "/dev/null"), "is a device or a pipe, where nothing", id="of a device"),
        pytest.param(("backup", "x.gz", "--db", "data"), "data is a folder: give --db", id="of a folder"),
        pytest.param(("backup", "/dev/null"), "is a device or a pipe", id="to a device"),
        pytest.param(("backup", "x.gz", "--db", "other.db"), "There is no database at other.db", id="no database"),
    ],
)
def test_what_goes_wrong_is_one_line(perpulse: Perpulse, filled: Path, args: tuple[str, ...], says: str) -> None:
    assert says in perpulse(*args).refusal


@pytest.mark.slow
def test_a_database_in_use_is_not_replaced(perpulse: Perpulse, filled: Path) -> None:
    assert perpulse("backup", "one.db.gz").code == 0
    store = Store(filled)
    with store.write():
        """Open it."""
    assert "is in use. Stop perpulse" in perpulse("restore", "one.db.gz").refusal
    store.close()
    assert perpulse("restore", "one.db.gz").code == 0


def broken(*_: object, **__: object) -> None:
    raise StoreError("it broke off.")


def test_a_server_is_backed_up_and_put_back(
    perpulse: Perpulse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.dumpable(monkeypatch)
    (tmp_path / "config.toml").write_text(f'database = "{url}"\n[backup]\nfolder = "there"\n')
    store = Store(url)
    place = destinations.ensure(store, "telegram", "1", None, kind="private", title=None, now=NOW)
    notice = outbox.Notice("late", "notice", NOW, {})
    with store.write() as work:
        outbox.announce_to(work, place.id, notice, now=NOW, expires=NOW)
    ended = perpulse("backup", "one.dump")
    assert (ended.code, "read again and sound. To put it back: perpulse restore one.dump" in ended.out) == (0, True)
    assert perpulse("backup").code == 0
    assert len(list((tmp_path / "there").glob("perpulse_test_*.dump"))) == 1
    number = leases.begin(store, "0123456789ab 1 1", ["send"], NOW)
    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", lambda _: leases.beat(store, number))  # it lives
        assert "is in use: stop perpulse" in perpulse("restore", "one.dump").refusal
    destinations.set_zone(store, place.id, "Europe/Berlin", NOW)
    store.close()
    monkeypatch.setattr(backup, "_BEATS", 0)
    with monkeypatch.context() as patched:
        patched.setattr(restored, "mark", broken)
        said = perpulse("restore", "one.dump").refusal
    assert "may be sent a second time: it broke off. Restore it once more" in said
    ended = perpulse("restore", "one.dump")
    assert (ended.code, "1 message waited in it. That, and what is found" in ended.out) == (0, True)
    store = Store(url)
    assert [one.zone for one in destinations.everyone(store)] == ["UTC"]
    assert outbox.waiting(store) == 0, "what may have been sent after the backup is not sent again"
    store.close()
