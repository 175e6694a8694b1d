"""Putting a copy in the place of a database: prepared beside it, and then there in one step, or not at all."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from storage.engine.backup.copying import remove
from storage.engine.backup.reading import Contents, begins_well, contents, refuse_no_file, unpacked
from storage.engine.database import StoreError
from storage.engine.presence import saved_name
from storage.engine.sqlite import migrations
from storage.engine.sqlite.dialect import SQLITE
from storage.engine.sqlite.troubles import check_kind, reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path


@contextmanager
def prepared(file: Path, target: Path) -> Iterator[tuple[Path, Contents]]:
    """Unpack a backup beside the database that it is to replace, check it and bring its schema up to date.

    Yield the copy and what was in it; it is gone afterwards unless `put` has moved it. StoreError where it cannot be
    used. Nothing of the database itself is touched.
    """
    refuse_no_file(file)
    check_kind(target)
    fresh = target.with_name(f".{target.name}.restoring")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove(fresh)  # of one that was killed
        try:
            unpacked(file, fresh)
            known = contents(fresh, called=file)
            if known.older:
                migrations.migrate(fresh)
            yield fresh, known
        finally:
            with suppress(OSError):
                remove(fresh)
    except (sqlite3.DatabaseError, OSError) as error:
        raise StoreError(
            f"{file} cannot be put back at {target}: {reason(error, fresh)}. Nothing was changed."
        ) from error


def put(fresh: Path, target: Path, *, now: datetime) -> Path | None:
    """Let a prepared copy take the place of the database; return where that one is kept, None where there was none.

    StoreError where any program has it open: the bot, one that stands by, a tool. At each moment one of the two lies
    there whole. What is kept is called as copies that perpulse saves by itself, so that /forgetme reaches it too; what
    this perpulse cannot read, `.replaced-`.
    """
    if any(fresh.with_name(fresh.name + suffix).exists() for suffix in SQLITE.beside):
        raise StoreError(f"{fresh} is still open.")
    if not target.exists():
        _take_log_along(target, saved_name(target, now, readable=False))
        fresh.replace(target)
        return None
    try:
        contents(target, called=target)
        kept = saved_name(target, now)
    except StoreError:  # damaged, or of a newer perpulse
        kept = saved_name(target, now, readable=False)
    if not _log_emptied(target):
        _take_log_along(target, kept)  # what SQLite cannot read stays together, for whoever can
    _as_it_was(fresh, target)
    try:
        os.link(target, kept)
    except OSError:  # a file system without a second name for a file
        shutil.copy2(target, kept)
    fresh.replace(target)
    return kept


def _as_it_was(fresh: Path, target: Path) -> None:
    """Give a copy the rights and the owner of the file that it replaces: restored by root, the bot must write it."""
    before = target.stat()
    fresh.chmod(before.st_mode & 0o777)
    with suppress(OSError, AttributeError):  # only root gives files away, and Windows has no such owner
        os.chown(fresh, before.st_uid, before.st_gid)


def _log_emptied(target: Path) -> bool:
    """Move the log of a database into its file, where nobody else has it open; False where that cannot be read."""
    if not begins_well(target):
        return False
    with closing(sqlite3.connect(target, timeout=0, isolation_level=None)) as held:
        try:
            held.execute(SQLITE.sole)
            held.execute(SQLITE.begin)
            held.commit()
            held.execute(SQLITE.empty_log)
        except sqlite3.DatabaseError as error:
            if SQLITE.trouble(str(error)) == "busy":
                raise StoreError(
                    f"{target} is in use. Stop perpulse, and every other program that reads the file, and try again."
                ) from error
            return False
    return True


def _take_log_along(target: Path, kept: Path) -> None:
    for suffix in SQLITE.beside:
        log = target.with_name(target.name + suffix)
        if log.exists():
            log.replace(kept.with_name(kept.name + suffix))
