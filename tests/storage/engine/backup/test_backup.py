"""Backups: whole or not there, of one moment whoever writes, and put back only where that harms nobody."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from storage.engine.backup import restoring, writing
from storage.engine.backup.writing import write
from storage.engine.database import Store, StoreError
from storage.engine.settings import keep_setting, setting
from storage.engine.sqlite import migrations
from tests.storage.engine.dumping import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[4]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database with a word in it."""
    store = Store(tmp_path / "data" / "perpulse.db")
    say(store, "word", "kept")
    store.close()
    return store.path


def say(store: Store, name: str, value: str) -> None:
    with store.write() as work:
        keep_setting(work, name, value)


def word(path: Path, name: str = "word") -> str | None:
    store = Store(path)
    try:
        return setting(store, name)
    finally:
        store.close()


def restore(file: Path, target: Path, now: datetime = NOW) -> Path | None:
    with restoring.prepared(file, target) as (fresh, _):
        return restoring.put(fresh, target, now=now)


def files(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_a_backup_is_one_private_file_that_can_be_put_back(path: Path, tmp_path: Path) -> None:
    made = write(path, tmp_path / "there" / "one.db.gz", now=NOW)
    assert files(tmp_path / "there") == ["one.db.gz"]
    assert made.file.stat().st_mode & 0o777 == 0o600
    assert (made.contents.at, made.contents.step, made.contents.older) == (NOW, migrations.NAMES[-1], False)
    assert made.size > made.packed == made.file.stat().st_size
    assert files(path.parent) == ["perpulse.db"], "nothing is left beside the database"
    store = Store(path)
    say(store, "word", "changed")
    store.close()
    kept = restore(made.file, path)
    assert word(path) == "kept"
    assert kept == path.with_name("perpulse.saved-20260301T120000Z.db")
    assert word(kept) == "changed"
    assert files(path.parent) == ["perpulse.db", kept.name]
    with closing(sqlite3.connect(path)) as file:
        assert file.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.slow
def test_a_backup_is_of_one_moment_whoever_writes_meanwhile(path: Path, tmp_path: Path) -> None:
    store, stop, count = Store(path), threading.Event(), 0

    def hammer() -> None:
        nonlocal count
        while not stop.is_set():
            with store.write() as work:
                keep_setting(work, "one", str(count))
                keep_setting(work, "other", str(count))
            count += 1

    writer = threading.Thread(target=hammer)
    writer.start()
    try:
        while count < 20:
            time.sleep(0.001)
        for number in range(5):
            before = count
            made = write(path, tmp_path / f"{number}.db.gz", now=NOW)
            with (
                restoring.prepared(made.file, tmp_path / "new.db") as (fresh, _),
                closing(sqlite3.connect(fresh)) as copy,
            ):
                told = dict(copy.execute("SELECT name, value FROM settings"))
            assert told["one"] == told["other"]
            assert int(told["one"]) >= before - 1
        assert count > before, "nobody was held up"
    finally:
        stop.set()
        writer.join()
        store.close()


def foreign(folder: Path) -> Path:
    with closing(sqlite3.connect(folder / "songs.db")) as other:
        other.execute("CREATE TABLE songs (name TEXT)")
    return packed(folder / "songs.db")


def packed(file: Path) -> Path:
    target = file.with_name(file.name + ".gz")
    target.write_bytes(gzip.compress(file.read_bytes()))
    return target


def of_a_backup(change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    def made(folder: Path) -> Path:
        store = Store(folder / "source.db")
        with store.write() as work:
            for number in range(400):
                keep_setting(work, f"name {number}", "x" * 200)
        store.close()
        file = write(store.path, folder / "whole.db.gz", now=NOW).file
        changed = folder / "changed.db.gz"
        changed.write_bytes(change(file.read_bytes()))
        return changed

    return made


def newer(folder: Path) -> Path:
    store = Store(folder / "newer.db")
    with store.write() as work:
        work.connection.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('perpulse', 'm999_tomorrow', '')"
        )
    store.close()
    return packed(store.path)


def text(folder: Path) -> Path:
    (folder / "notes.txt").write_text("milk, bread")
    return folder / "notes.txt"


def dump(folder: Path) -> Path:
    (folder / "perpulse.dump").write_bytes(b"PGDMP\x01\x10")
    return folder / "perpulse.dump"


def empty(folder: Path) -> Path:
    (folder / "empty").touch()
    return folder / "empty"


def spoiled(data: bytes) -> bytes:
    """Return a backup whose database is damaged inside, packed anew, so that only a look into it finds out."""
    plain = bytearray(gzip.decompress(data))
    plain[4096:8192] = b"\xa5" * 4096
    return gzip.compress(bytes(plain))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(lambda folder: folder / "nothing.gz", "There is no file", id="no file"),
        pytest.param(text, "no database in it", id="a text"),
        pytest.param(empty, "is empty", id="an empty file"),
        pytest.param(dump, r"a backup of a server\. Name the server with --db", id="of a server"),
        pytest.param(foreign, r"no database of perpulse \(it has the table 'songs'\)", id="another program's"),
        pytest.param(newer, r"newer perpulse \(m999_tomorrow\)\. Update perpulse", id="a newer schema"),
        pytest.param(of_a_backup(lambda data: data[:-2000]), "not written to its end", id="cut off"),
        pytest.param(of_a_backup(lambda data: data[:900] + b"\0" * 40 + data[940:]), "damaged", id="bytes flipped"),
        pytest.param(of_a_backup(spoiled), "damaged", id="damaged inside"),
    ],
)
def test_what_cannot_be_put_back_is_refused_and_changes_nothing(
    path: Path, tmp_path: Path, make: Callable[[Path], Path], says: str
) -> None:
    file = make(tmp_path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match=says) as caught:
        restore(file, path)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert files(path.parent) == ["perpulse.db"]


def test_nothing_is_put_in_the_place_of_a_database_that_is_open(path: Path, tmp_path: Path) -> None:
    made = write(path, tmp_path / "one.db.gz", now=NOW)
    store = Store(path)
    assert setting(store, "word") == "kept"  # one reader is enough, as of a perpulse that stands by
    with pytest.raises(StoreError, match=r"is in use\. Stop perpulse"):
        restore(made.file, path)
    say(store, "word", "goes on")
    assert setting(store, "word") == "goes on"
    store.close()
    restore(made.file, path)
    assert word(path) == "kept"


def test_what_is_damaged_is_replaced_and_kept_together(path: Path, tmp_path: Path) -> None:
    made = write(path, tmp_path / "one.db.gz", now=NOW)
    path.write_bytes(b"not a database, a shopping list " * 40)
    path.with_name("perpulse.db-wal").write_bytes(b"its log")
    kept = restore(made.file, path)
    assert kept == path.with_name("perpulse.replaced-20260301T120000Z.db")
    assert files(path.parent) == ["perpulse.db", kept.name, f"{kept.name}-wal"]
    assert word(path) == "kept"


def test_where_there_is_none_a_stray_log_is_not_mixed_in(path: Path, tmp_path: Path) -> None:
    made = write(path, tmp_path / "one.db.gz", now=NOW)
    path.unlink()
    path.with_name("perpulse.db-wal").write_bytes(b"of another file")
    assert restore(made.file, path) is None
    assert word(path) == "kept"


@pytest.mark.slow
@pytest.mark.parametrize("step", sorted(SCHEMAS.glob("*.sql")), ids=lambda file: file.stem)
def test_a_backup_of_every_schema_that_ever_shipped_is_put_back_and_brought_up_to_date(
    tmp_path: Path, step: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript(step.read_text(encoding="utf-8"))
    made = write(tmp_path / "old.db", tmp_path / "old.db.gz", now=NOW)
    assert made.contents.step == step.stem
    assert restore(made.file, tmp_path / "new.db") is None
    store = Store(tmp_path / "new.db")
    with store.write():
        assert not list(tmp_path.glob("*.bak")), "it is up to date, and the backup itself is the way back"
    store.close()


@pytest.mark.parametrize(
    ("target", "says"),
    [
        pytest.param("data/perpulse.db", "is no backup, so it is left alone", id="the database itself"),
        pytest.param("notes.txt", "is no backup, so it is left alone", id="a file of somebody"),
        pytest.param("data", "is a folder. Name a file in it", id="a folder"),
        pytest.param("notes.txt/one.db.gz", "cannot be written", id="in a file"),
    ],
)
def test_a_backup_never_takes_the_place_of_something_else(path: Path, tmp_path: Path, target: str, says: str) -> None:
    text(tmp_path)
    with pytest.raises(StoreError, match=says):
        write(path, tmp_path / target, now=NOW)
    assert (tmp_path / "notes.txt").read_text() == "milk, bread"
    assert word(path) == "kept"


def test_an_earlier_backup_is_replaced_when_the_new_one_is_sound(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(path, tmp_path / "one.db.gz", now=NOW).file
    before = file.read_bytes()
    monkeypatch.setattr(writing, "unpacked", lambda *_: (0, "other"))
    with pytest.raises(StoreError, match=r"is not what can be read again\. Look at the disk"):
        write(path, file, now=NOW + timedelta(hours=1))
    assert file.read_bytes() == before
    assert files(tmp_path) == ["data", "one.db.gz"]
    monkeypatch.undo()
    assert write(path, file, now=NOW + timedelta(hours=1)).contents.at == NOW + timedelta(hours=1)


def test_of_a_damaged_database_no_backup_is_made(path: Path, tmp_path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8192:12288] = b"\xa5" * 4096
    path.write_bytes(data)
    with pytest.raises(StoreError, match="is damaged, so no backup was made") as caught:
        write(path, tmp_path / "one.db.gz", now=NOW)
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == ["data"]


def test_another_programs_database_is_not_backed_up(tmp_path: Path) -> None:
    foreign(tmp_path)
    with pytest.raises(StoreError, match=r"songs\.db is no database of perpulse"):
        write(tmp_path / "songs.db", tmp_path / "one.db.gz", now=NOW)


def test_no_database_is_made_by_backing_it_up(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="There is no database at"):
        write(tmp_path / "perpulse.db", tmp_path / "one.db.gz", now=NOW)
    assert files(tmp_path) == []


def test_a_disk_without_room_is_said_before_it_is_full(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 1_000_000))  # type: ignore[attr-defined]
    with pytest.raises(StoreError, match=r"has 1 MB free, and a backup takes up to \d+ MB"):
        write(path, tmp_path / "one.db.gz", now=NOW)
    assert files(tmp_path) == ["data"]


FULL = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from storage.engine.backup import restoring
from storage.engine.backup.writing import write
from storage.engine.database import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
what, one, other = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    if what == "write":
        write(one, other, now=datetime(2026, 3, 1, tzinfo=UTC))
    else:
        with restoring.prepared(one, other):
            pass
except StoreError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", ["write", "restore"])
def test_a_disk_that_fills_in_the_middle_leaves_everything_as_it_was(path: Path, tmp_path: Path, what: str) -> None:
    store = Store(path)
    with store.write() as work:
        for number in range(2000):
            keep_setting(work, f"name {number}", "x" * 200)
    store.close()
    made = write(path, tmp_path / "one.db.gz", now=NOW).file
    before = path.read_bytes()
    args = (path, tmp_path / "two.db.gz") if what == "write" else (made, path)
    done = subprocess.run(
        [sys.executable, "-c", FULL, what, *map(str, args)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr
    assert ("No backup was made" if what == "write" else "Nothing was changed") in done.stdout
    assert path.read_bytes() == before
    assert (files(tmp_path), files(path.parent)) == (["data", "one.db.gz"], ["perpulse.db"])


KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from storage.engine.backup import restoring, writing
what, place, one, other = sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4])
module = writing if what == "write" else restoring
def die(*args, **more):
    os.kill(os.getpid(), signal.SIGKILL)
if place == "replace":
    Path.replace = die
else:
    setattr(module, place, die)
now = datetime(2026, 3, 1, tzinfo=UTC)
if what == "write":
    writing.write(one, other, now=now)
else:
    with restoring.prepared(one, other) as (fresh, _):
        restoring.put(fresh, other, now=now)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "place"),
    [("write", "_pack"), ("write", "replace"), ("restore", "contents"), ("restore", "put"), ("restore", "replace")],
)
def test_killed_in_the_middle_it_leaves_what_was_there_whole(path: Path, tmp_path: Path, what: str, place: str) -> None:
    made = write(path, tmp_path / "one.db.gz", now=NOW).file
    store = Store(path)
    say(store, "word", "changed")
    store.close()
    args = (path, made) if what == "write" else (made, path)
    done = subprocess.run([sys.executable, "-c", KILLED, what, place, *map(str, args)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert word(path) == "changed"
    restore(made, path)  # the next one finds its way through what was left
    assert word(path) == "kept"
    assert not [name for name in files(path.parent) if "restoring" in name]


def test_what_is_put_back_has_the_rights_of_what_was_there(path: Path, tmp_path: Path) -> None:
    made = write(path, tmp_path / "one.db.gz", now=NOW).file
    path.chmod(0o640)
    if os.getuid() == 0:
        os.chown(path, 65534, 65534)
    before = path.stat()
    restore(made, path)
    after = path.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


def test_what_was_kept_a_moment_before_is_not_written_over(path: Path, tmp_path: Path) -> None:
    made = write(path, tmp_path / "one.db.gz", now=NOW).file
    first, second = restore(made, path), restore(made, path)
    assert first
    assert second
    assert first != second
    assert [word(kept) for kept in (first, second)] == ["kept", "kept"]


def test_a_file_system_without_second_names_keeps_the_replaced_one_too(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> None:
        raise OSError("not here")

    made = write(path, tmp_path / "one.db.gz", now=NOW).file
    monkeypatch.setattr(restoring.os, "link", refused)
    kept = restore(made, path)
    assert kept
    assert word(kept) == word(path) == "kept"
