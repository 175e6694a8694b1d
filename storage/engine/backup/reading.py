"""What is in a backup: recognised by its content, unpacked, and looked at before anything is done with it."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
import zlib
from contextlib import closing, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from storage.engine.database import StoreError
from storage.engine.settings import setting
from storage.engine.sql import queries
from storage.engine.sqlite import migrations
from storage.engine.sqlite.dialect import SQLITE

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from storage.engine.database import Store

SQL: Final = queries("storage.engine")
BACKED_UP: Final = "backed up"  # the setting that says when a copy was made, in the copy alone
_DATABASE: Final = b"SQLite format 3\x00"
_PACKED: Final = b"\x1f\x8b"
DUMP: Final = b"PGDMP"  # the head of a backup of a server
_CHUNK: Final = 1 << 20


def backed_up(store: Store) -> datetime | None:
    """Return when a database was made as a backup of another one; None of one that is none."""
    said = setting(store, BACKED_UP)
    return datetime.fromisoformat(json.loads(said)) if said else None


@dataclass(frozen=True, slots=True)
class Contents:
    """What a copy holds. at: when it was made; of a copy that does not say so, when its file was written last.

    step: the newest migration in it. older: this perpulse has more.
    """

    at: datetime
    step: str
    older: bool


def refuse_no_file(file: Path) -> None:
    """Raise StoreError where there is no file that could be put back."""
    if file.is_dir():
        raise StoreError(f"{file} is a folder. Name the backup in it, such as {file / 'perpulse.db.gz'}.")
    if not file.exists():
        raise StoreError(f"There is no file {file}.")
    if not file.is_file():
        raise StoreError(f"{file} is a device or a pipe. Save the backup to a file first.")


def is_backup(file: Path) -> bool:
    """Tell whether a file is a packed database, by its first bytes. OSError where it cannot be read."""
    try:
        with file.open("rb") as raw:
            if raw.read(2) != _PACKED:
                return False
        with gzip.open(file) as plain:
            return plain.read(len(_DATABASE)) == _DATABASE
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False


def begins_well(path: Path) -> bool:
    """Tell whether a file begins as a database does."""
    with path.open("rb") as file:
        return file.read(len(_DATABASE)) == _DATABASE


def unpacked(file: Path, into: Path | None) -> tuple[int, str]:
    """Unpack a backup, or copy a plain database, into a new private file; return its size and digest.

    into: None to read it only. StoreError where the file is neither, or breaks off. OSError from the disk.
    """
    digest, size = hashlib.sha256(), 0
    with file.open("rb") as raw:
        kind = gzip.open if raw.read(2) == _PACKED else open
    source: AbstractContextManager[Any] = kind(file, "rb")
    if into:
        into.touch(mode=0o600, exist_ok=False)
    target: AbstractContextManager[Any] = into.open("wb") if into else nullcontext()
    try:
        with source as plain, target as out:
            while chunk := plain.read(_CHUNK):
                if not size and chunk.startswith(DUMP):
                    raise StoreError(f"{file} is a backup of a server. Name the server with --db postgresql://…")
                if not size and not chunk.startswith(_DATABASE):
                    raise StoreError(f"{file} is no backup of perpulse: there is no database in it.")
                digest.update(chunk)
                size += len(chunk)
                if out:
                    out.write(chunk)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise StoreError(f"{file} is damaged or was not written to its end: {error}. Take another one.") from error
    if not size:
        raise StoreError(f"{file} is empty.")
    return size, digest.hexdigest()


def contents(path: Path, *, called: Path, checked: bool = False) -> Contents:
    """Look into an unpacked copy. StoreError, in words, for what is damaged, another program's, or newer than we are.

    called: the file that a person knows it by. checked: it was just found to be sound.
    """
    if not begins_well(path):  # SQLite would throw the log of what it cannot read away
        raise StoreError(f"{called} is no database.")
    try:
        with closing(sqlite3.connect(path)) as copy:
            found = SQLITE.sound if checked else copy.execute(SQLITE.check).fetchone()[0]
            tables = [row[0] for row in copy.execute(SQLITE.tables)]
            ours = SQLITE.steps_table in tables
            steps = [row[0] for row in copy.execute(SQLITE.steps, {"set": migrations.SET})] if ours else []
            said = copy.execute(SQL.setting.text, {"name": BACKED_UP}).fetchone() if steps else None
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{called} is damaged: {error}. Take another one.") from error
    if found != SQLITE.sound:
        raise StoreError(f"{called} is damaged: {str(found).splitlines()[-1]}. Take another one.")
    if not steps:
        named = f" (it has the table {tables[0]!r})" if tables else ""
        raise StoreError(f"{called} is no database of perpulse{named}.")
    if unknown := [name for name in steps if name not in migrations.NAMES]:
        raise StoreError(f"{called} was written by a newer perpulse ({unknown[-1]}). Update perpulse first.")
    noted = datetime.fromisoformat(json.loads(said[0])) if said and said[0] else None
    at = noted or datetime.fromtimestamp(called.stat().st_mtime, UTC)
    return Contents(at, steps[-1], older=set(steps) != set(migrations.NAMES))
