"""A backup: a copy of the database in one packed file, made while the bot writes, and read again before it counts."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import mkstemp
from typing import TYPE_CHECKING, BinaryIO, Final

from storage.engine.backup.copying import copy, remove
from storage.engine.backup.reading import BACKED_UP, Contents, contents, is_backup, unpacked
from storage.engine.database import StoreError
from storage.engine.sql import queries
from storage.engine.sqlite.dialect import SQLITE
from storage.engine.sqlite.troubles import check_kind, reason

if TYPE_CHECKING:
    from datetime import datetime

SQL: Final = queries("storage.engine")
PART: Final = ".part"
_CHUNK: Final = 1 << 20
_LEVEL: Final = 6
_SPARE: Final = 16 << 20  # bytes: a disk that a backup fills to the last is no help


@dataclass(frozen=True, slots=True)
class Backup:
    """A file that was written and read again. size: bytes of the database in it; packed: of the file."""

    file: Path
    contents: Contents
    size: int
    packed: int


def write(path: Path, target: Path, *, now: datetime) -> Backup:
    """Back the database at `path` up into `target`, which is there whole and checked, or not at all.

    StoreError, in words, where that cannot be: no database, no room, no rights, a target that is something else. An
    earlier backup of that name is replaced when the new one is sound. Killed in the middle, it leaves a hidden file
    that ends in `.part`.
    """
    _refuse(path, target)
    parts: list[Path] = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _room(path, target.parent)
        raw, packed = (_part(target, parts) for _ in range(2))
        known = _copied(path, raw, now)
        size, digest = _pack(raw, packed)
        if unpacked(packed, None) != (size, digest):
            raise StoreError(f"{target}: what was written is not what can be read again. Look at the disk.")
        made = Backup(target, known, size, packed.stat().st_size)
        packed.replace(target)
        _sync(target.parent)
    except (sqlite3.DatabaseError, OSError) as error:
        raise StoreError(f"{target} cannot be written: {reason(error, *parts)}. No backup was made.") from error
    finally:
        for part in parts:
            with suppress(OSError):
                remove(part)
    return made


def refuse_without(path: Path) -> None:
    """Raise StoreError where there is no database: opening it would make an empty one."""
    check_kind(path)
    if not path.is_file():
        raise StoreError(f"There is no database at {path}, so there is nothing to back up. Give --db the right one.")


def _refuse(path: Path, target: Path) -> None:
    refuse_without(path)
    if target.is_dir():
        raise StoreError(f"{target} is a folder. Name a file in it, such as {target / 'perpulse.db.gz'}.")
    if target.exists() and not target.is_file():
        raise StoreError(f"{target} is a device or a pipe, where no backup is kept. Name a file.")
    mine = {path, *(path.with_name(path.name + suffix) for suffix in SQLITE.beside)}
    if target.resolve() in {one.resolve() for one in mine} or (target.exists() and not is_backup(target)):
        raise StoreError(f"{target} is there and is no backup, so it is left alone. Choose another name.")


def _room(path: Path, folder: Path) -> None:
    """Refuse at once what would fill the disk: the copy and, at worst, as much again packed."""
    files = (path, *(path.with_name(path.name + suffix) for suffix in SQLITE.beside))
    needed = 2 * sum(file.stat().st_size for file in files if file.exists()) + _SPARE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StoreError(
            f"The disk that holds {folder} has {free / 1e6:.0f} MB free, and a backup takes up to "
            f"{needed / 1e6:.0f} MB while it is made. Make room, or choose another folder."
        )


def _part(target: Path, parts: list[Path]) -> Path:
    handle, name = mkstemp(prefix=f".{target.name}.", suffix=PART, dir=target.parent)  # private by itself
    os.close(handle)
    parts.append(Path(name))
    return parts[-1]


def _copied(path: Path, raw: Path, now: datetime) -> Contents:
    """Copy the database, check the copy, and note in it when that was."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)) as source:
        found = copy(source, raw)
    if found != SQLITE.sound:
        raise StoreError(
            f"{path} is damaged, so no backup was made: {found.splitlines()[-1]}. Put back the last one that is sound."
        )
    known = contents(raw, called=path, checked=True)
    with closing(sqlite3.connect(raw)) as made:
        made.execute(SQL.keep_setting.text, {"name": BACKED_UP, "value": json.dumps(now.isoformat())})
        made.commit()
    return replace(known, at=now)


def _pack(raw: Path, packed: Path) -> tuple[int, str]:
    """Pack a file and return its size and digest."""
    digest, size = hashlib.sha256(), 0
    with raw.open("rb") as plain, packed.open("wb") as file:
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=_LEVEL, mtime=0) as out:
            while chunk := plain.read(_CHUNK):
                digest.update(chunk)
                size += out.write(chunk)
        _flush(file)
    return size, digest.hexdigest()


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Have the new name itself written down, where the system can do that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
