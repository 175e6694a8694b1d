"""The one way in which a database is copied: whole, as it was at one moment, and looked at afterwards."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from storage.engine.sqlite.dialect import SQLITE

if TYPE_CHECKING:
    from pathlib import Path


def copy(source: sqlite3.Connection, target: Path) -> str:
    """Copy all that a connection sees into a private file, new or empty; return what its check says, or SQLITE.sound.

    One step, so one moment: who writes meanwhile is neither held up nor half in it. sqlite3.DatabaseError or OSError
    where it cannot be made; what was made by then is the caller's to remove.
    """
    target.touch(mode=0o600)  # private before anything private is in it
    with closing(sqlite3.connect(target)) as made:
        source.backup(made)
    with closing(sqlite3.connect(target)) as made:
        return str(made.execute(SQLITE.check).fetchone()[0])


def remove(path: Path, *, keep: bool = False) -> None:
    """Remove a database with all that lies beside it; keep: only that. OSError where it cannot be removed."""
    for suffix in (*SQLITE.beside, *SQLITE.passing, *(() if keep else ("",))):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
