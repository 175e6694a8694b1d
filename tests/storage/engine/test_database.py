"""The database file: opened late, one transaction at a time, and one clear line for whatever is wrong with it."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from signals.units import from_ms, to_ms
from storage.engine.database import Broken, Store, StoreError
from storage.engine.sql import queries
from storage.engine.sqlite import file, migrations
from storage.engine.sqlite.dialect import SQLITE
from tests.storage import beside

SQL = queries("storage.engine")
ROOT = Path(__file__).resolve().parents[3]


def names(store: Store) -> list[str]:
    return sorted(row["name"] for row in store.read(SQL.settings_of, prefix=""))


def test_nobody_else_reads_what_is_made_and_what_is_there_keeps_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(Store(path)) as store, store.write():
        modes = {file.name: oct(file.stat().st_mode & 0o777) for file in tmp_path.iterdir()}
        assert modes == dict.fromkeys(("new.db", "new.db-wal", "new.db-shm"), "0o600")
    path.chmod(0o640)
    with closing(Store(path)) as store, store.write():
        assert path.stat().st_mode & 0o777 == 0o640


def test_nothing_is_made_before_the_first_use(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "perpulse.db")
    assert not store.exists
    assert not store.path.parent.exists()
    assert names(store) == []
    assert store.exists
    store.close()
    store.close()  # twice is harmless


def test_a_closed_store_opens_again(store: Store) -> None:
    with store.write() as work:
        work.run(SQL.keep_setting, name="a", value="1")
    store.close()
    assert names(store) == ["a"]


HAMMERED = """
import sys, threading
from pathlib import Path
from storage.engine.database import Store
from storage.engine.sql import queries

SQL = queries("storage.engine")
store, seen, stop = Store(Path(sys.argv[1])), [0] * 4, threading.Event()
with store.write() as work:
    work.many(SQL.keep_setting, [{"name": str(n), "value": "x"} for n in range(2000)])

def read(place):
    while not stop.is_set():
        assert len(store.read(SQL.settings_of, prefix="")) == 2000
        assert len(store.read_plain(SQL.settings_of, prefix="")) == 2000
        seen[place] += 1

def write():
    while not stop.is_set():
        with store.write() as work:
            work.run(SQL.keep_setting, name="1", value="y")

def excepthook(args):
    print(repr(args.exc_value))
    stop.set()

threading.excepthook = excepthook
threads = [threading.Thread(target=read, args=(place,)) for place in range(4)] + [threading.Thread(target=write)]
for thread in threads:
    thread.start()
for _ in range(300):
    store.close()
while min(seen) < 10 and not stop.is_set():
    pass
stop.set()
for thread in threads:
    thread.join()
store.close()
print("whole")
"""


@pytest.mark.slow
def test_closing_under_running_queries_harms_nobody(tmp_path: Path) -> None:
    """At shutdown threads are still reading: SQLite would end the whole program with a segmentation fault."""
    done = subprocess.run(
        [sys.executable, "-c", HAMMERED, str(tmp_path / "perpulse.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\n", "")


@pytest.mark.parametrize("outside", [pytest.param(False, id="inner"), pytest.param(True, id="outer")])
def test_all_or_nothing_also_when_nested(store: Store, outside: bool) -> None:
    def broken() -> None:
        with store.write() as outer:
            outer.run(SQL.keep_setting, name="outer", value="1")
            with store.write() as inner:
                inner.run(SQL.keep_setting, name="inner", value="1")
                if not outside:
                    raise RuntimeError("inside")
            raise RuntimeError("outside")

    with pytest.raises(RuntimeError):
        broken()
    assert names(store) == []
    with store.write() as work:
        work.run(SQL.keep_setting, name="after", value="1")
    assert names(store) == ["after"]


def test_a_transaction_reads_what_it_has_written_and_others_do_not(store: Store) -> None:
    with store.write() as work:
        work.run(SQL.keep_setting, name="mine", value="1")
        assert names(store) == ["mine"]
        assert beside.one(store, "SELECT count(*) FROM settings") == (0,)
    assert names(store) == ["mine"]


def test_a_commit_that_fails_leaves_no_transaction_open(file_store: Store) -> None:
    """A foreign key that is checked at the commit makes the commit itself fail."""
    with pytest.raises(Broken), file_store.write() as work:  # noqa: PT012 - the end of `with` raises
        work.connection.execute("PRAGMA defer_foreign_keys = ON")
        work.connection.execute("INSERT INTO subscriptions VALUES (99, '*', '*')")
    with file_store.write() as work:
        work.run(SQL.keep_setting, name="kept", value="1")
    with closing(sqlite3.connect(file_store.path)) as other:
        assert other.execute("SELECT name FROM settings").fetchall() == [("kept",)]
        assert other.execute("SELECT count(*) FROM subscriptions").fetchone() == (0,)


# -- what is wrong with a file --------------------------------------------------------------------------------------


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (name TEXT)")


def newer(path: Path) -> None:
    store = Store(path)
    with store.write() as work:
        work.connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('perpulse', 'm999_tomorrow', '')"
        )
    store.close()


def no_database(path: Path) -> None:
    path.write_bytes(b"not a database, a shopping list " * 40)


def damaged(path: Path) -> None:
    """Flip bytes behind the header of a real file."""
    store = Store(path)
    with store.write() as work:
        work.many(SQL.keep_setting, [{"name": f"name {n}", "value": "x" * 200} for n in range(200)])
    store.close()
    data = bytearray(path.read_bytes())
    data[100:4096] = b"\xa5" * 3996
    path.write_bytes(data)


def folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(foreign, r"database of another program.*'songs'.*--db", id="another program's"),
        pytest.param(newer, r"newer perpulse \(m999_tomorrow\)\. Update perpulse", id="newer schema"),
        pytest.param(no_database, r"damaged or no database.*Move it away", id="no database"),
        pytest.param(damaged, r"damaged or no database.*\.bak", id="damaged"),
        pytest.param(folder, r"is a folder", id="a folder"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(tmp_path: Path, spoil, says: str) -> None:
    path = tmp_path / "perpulse.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    store = Store(path)
    for use in (lambda: names(store), lambda: store.write().__enter__()):
        with pytest.raises(StoreError, match=says) as caught:
            use()
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)
    assert before is None or path.read_bytes() == before
    store.close()


def test_a_file_in_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot be used: .*Give another file with --db"):
        names(Store(tmp_path / "file" / "perpulse.db"))


@pytest.mark.slow
def test_a_folder_without_rights_is_named() -> None:
    """Root may write everywhere, so a child process gives up root first, in a place that is not root's own."""
    program = (
        "import os, sys, sqlite_utils\n"
        "from storage.engine.database import Broken, Store, StoreError\n"
        "os.getuid() or os.setuid(65534)\n"
        "try:\n    Store(sys.argv[1]).write().__enter__()\n"
        "except StoreError as error:\n    print(error)\n"
    )
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o555)
        done = subprocess.run(
            [sys.executable, "-c", program, f"{place}/perpulse.db"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        Path(place).chmod(0o755)
    assert "cannot be written: check the rights of the folder, or give --db PATH." in done.stdout, done.stderr


def test_a_file_that_another_program_holds_is_named(file_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "BUSY_MS", 50)
    names(file_store)
    with closing(sqlite3.connect(file_store.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="in use by another program that does not let go"), file_store.write():
            pass
        assert names(file_store) == []  # reading goes on
        other.execute("ROLLBACK")
    with file_store.write() as work:
        work.run(SQL.keep_setting, name="a", value="1")
    assert names(file_store) == ["a"]


# -- migrations -----------------------------------------------------------------------------------------------------


@pytest.fixture
def older(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as the first two steps leave it, with a value in it."""
    path = tmp_path / "perpulse.db"
    steps = migrations._STEPS
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_STEPS", steps[:2])
        patch.setattr(migrations, "NAMES", migrations.NAMES[:2])
        store = Store(path)
        with store.write() as work:
            work.run(SQL.keep_setting, name="old", value="1")
            work.connection.execute(
                "INSERT INTO bars (asset, venue, step, at, close) VALUES ('BTC', 'binance', 60, 5, 7.0)"
            )
            work.connection.execute(
                "INSERT INTO levels (asset, venue, at, funding_rate) VALUES ('BTC', 'binance', 9, 1e-4)"
            )
        store.close()
    return path


@pytest.mark.slow
@pytest.mark.real_migrations
def test_an_older_file_is_copied_first_and_then_brought_up_to_date(older: Path) -> None:
    store = Store(older)
    assert names(store) == ["old"]
    assert beside.rows(store, "SELECT * FROM spans ORDER BY input") == [
        ("BTC", "close", "binance", 60, 5, 5),
        ("BTC", "funding_rate", "binance", 0, 9, 9),
    ]
    store.close()
    copy = older.with_name("perpulse.db.after-m002_alerts.bak")
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("SELECT name FROM settings").fetchall() == [("old",)]
        assert old.execute("SELECT 1 FROM sqlite_master WHERE name = 'series'").fetchall() == []


@pytest.mark.slow
@pytest.mark.real_migrations
def test_a_step_that_fails_leaves_the_file_as_it_was(older: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def m003_broken(database) -> None:
        database.execute("CREATE TABLE half_done (a INTEGER)")
        raise sqlite3.OperationalError("something in the middle")

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "_STEPS", (*migrations._STEPS[:2], m003_broken))
        patch.setattr(migrations, "NAMES", (*migrations.NAMES[:2], "m003_broken"))
        with pytest.raises(StoreError, match="something in the middle"):
            names(Store(older))
    with closing(sqlite3.connect(older)) as file:
        assert file.execute("SELECT 1 FROM sqlite_master WHERE name = 'half_done'").fetchall() == []
    store = Store(older)
    assert names(store) == ["old"]
    store.close()


def test_a_file_that_is_up_to_date_is_not_copied(file_store: Store) -> None:
    names(file_store)
    file_store.close()
    again = Store(file_store.path)
    names(again)
    again.close()
    assert [path.name for path in file_store.path.parent.glob("*.bak")] == []


def test_durability_is_what_was_promised(file_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file, "SQLITE", SQLITE)  # the other tests do not wait for the disk
    with file_store.write() as work:
        assert work.connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert work.connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert work.connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


@pytest.mark.parametrize(
    "at",
    [
        pytest.param(datetime(2026, 1, 15, 12, 30, 15, 250_000, tzinfo=UTC), id="UTC"),
        pytest.param(datetime(1969, 12, 31, tzinfo=UTC), id="before 1970"),
        pytest.param(datetime(2026, 1, 15, 12, tzinfo=timezone(timedelta(hours=5.5))), id="another zone"),
    ],
)
def test_times_come_back(at: datetime) -> None:
    assert from_ms(to_ms(at)) == at
    assert from_ms(to_ms(at)).tzinfo is UTC
