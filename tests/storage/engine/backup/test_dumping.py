"""A backup of a server is made and put back by PostgreSQL's own programs, and its password is seen by nobody."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.watch.backups import Backups, lacking
from bot.watch.config import BackupSection
from storage.engine import settings
from storage.engine.backup import dumping
from storage.engine.database import Store, StoreError
from storage.engine.place import Server
from tests import postgres
from tests.fakes.channel import HandClock

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "p%40ss w0rd"


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> str:
    return postgres.dumpable(monkeypatch)


def kept(url: str, value: str) -> None:
    store = Store(url)
    with store.write() as work:
        settings.keep_setting(work, "told", value)
    store.close()


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def told(url: str) -> str | None:
    store = Store(url)
    found = settings.setting(store, "told")
    store.close()
    return found


def test_a_backup_is_made_and_put_back(url: str, tmp_path: Path) -> None:
    kept(url, "before")
    made = dumping.write(Server(url), tmp_path / "there" / "one.dump")
    assert made.packed == made.file.stat().st_size > 0
    assert abs(made.at - datetime.now(UTC)) < timedelta(minutes=1)
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    assert [file.name for file in made.file.parent.iterdir()] == ["one.dump"]
    kept(url, "after")
    assert dumping.put(Server(url), made.file).at == made.at
    assert told(url) == "before"
    kept(url, "and on")
    assert dumping.write(Server(url), made.file).file == made.file, "one of before is replaced"


def test_what_cannot_be_put_back_changes_nothing(url: str, tmp_path: Path) -> None:
    kept(url, "before")
    made = dumping.write(Server(url), tmp_path / "one.dump")
    whole = made.file.read_bytes()
    made.file.write_bytes(whole[: len(whole) - 2000])
    kept(url, "after")
    with pytest.raises(StoreError):
        dumping.put(Server(url), made.file)
    made.file.write_bytes(b"nothing")
    with pytest.raises(StoreError, match="is no backup of a server"):
        dumping.put(Server(url), made.file)
    assert told(url) == "after"


def test_what_is_something_else_is_left_alone(url: str, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    for target, said in ((tmp_path, "is a folder"), (tmp_path / "mine.txt", "left alone")):
        with pytest.raises(StoreError, match=said):
            dumping.write(Server(url), target)
    with pytest.raises(StoreError, match=r"^postgresql:.* holds no database of perpulse"):
        dumping.write(Server(url), tmp_path / "empty.dump")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.txt"]


def test_the_password_is_in_the_environment_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    for program in dumping.PROGRAMS:
        script = tmp_path / program
        script.write_text(
            f'#!/bin/sh\necho "$@" >> {seen}\necho "$PGPASSWORD" >> {seen}.password\n'
            'echo "pg_dump: error: the password p@ss w0rd is wrong" >&2\nexit 1\n'
        )
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for url in (
        f"postgresql://me:{SECRET}@host/one".replace(" ", "%20"),
        "postgresql://me@host/one?password=p%40ss%20w0rd",
    ):
        with pytest.raises(StoreError) as failed:
            dumping.write(Server(url), tmp_path / "one.dump")
        assert str(failed.value) == "pg_dump: error: the password *** is wrong. No backup was made."
    assert "w0rd" not in seen.read_text()
    assert Path(f"{seen}.password").read_text() == "p@ss w0rd\n" * 2
    assert not list(tmp_path.glob(".one*"))


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param(
            'connection to server at "host", port 5432 failed: FATAL:  password authentication failed for user "me"',
            "postgresql://me@host/one refuses the password.",
            id="password",
        ),
        pytest.param(
            'could not translate host name "host" to address: Name or service not known',
            "postgresql://me@host/one cannot be reached: a host of that name is not known here.",
            id="no host",
        ),
        pytest.param(
            'invalid sslmode value: "always"', "postgresql://me@host/one: a setting of the address has", id="a setting"
        ),
        pytest.param("query failed: ERROR: x", "pg_dump: error: query failed: ERROR: x. No backup", id="anything else"),
    ],
)
def test_what_the_client_says_of_the_address_is_not_passed_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, shown: str
) -> None:
    for program in dumping.PROGRAMS:
        script = tmp_path / program
        script.write_text(f"#!/bin/sh\necho 'pg_dump: error: {said}' >&2\nexit 1\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(StoreError) as failed:
        dumping.write(Server(f"postgresql://me:{SECRET}@host/one".replace(" ", "%20")), tmp_path / "one.dump")
    assert str(failed.value).startswith(shown)
    assert str(failed.value).endswith("No backup was made.")


async def test_backups_by_the_clock_are_dumps_and_the_oldest_go(url: str, tmp_path: Path) -> None:
    kept(url, "before")
    store, clock = Store(url), HandClock(NOW)
    watched = Backups(store, BackupSection(folder=tmp_path, keep=2), clock)
    for _ in range(3):
        assert await watched.turn()
        assert await watched.turn() is None
        clock.forward(86_400)
    assert [name[-21:] for name in names(tmp_path)] == ["20260302T120000Z.dump", "20260303T120000Z.dump"]
    assert watched.failing is False
    store.close()


async def test_without_the_programs_it_is_said_once_and_raises_no_alarm(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    store, section = Store("postgresql://me@host/one"), BackupSection(folder=tmp_path)
    watched = Backups(store, section, HandClock(NOW))
    assert "pg_dump, pg_restore, psql not found" in str(lacking(store, section))
    assert lacking(store, BackupSection()) is None
    for _ in range(2):
        assert await watched.turn() is None
    assert watched.failing is False
    with pytest.raises(StoreError, match="Install PostgreSQL's client"):
        dumping.write(Server("postgresql://me@host/one"), tmp_path / "one.dump")
