"""Ask a database beside its store, in SQL that the tests write themselves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storage.engine.database import Store


def plain(store: Store, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """Run one statement in a transaction of its own and return its rows. The file must be there."""
    with closing(sqlite3.connect(f"file:{store.path}?mode=rw", uri=True)) as file, file:
        return file.execute(sql, values).fetchall()


def rows(store: Store, sql: str, *values: object) -> list[Any]:
    """Read rows whose values have names and places; none where there is no database yet."""
    if not store.exists:
        return []
    with closing(sqlite3.connect(f"file:{store.path}?mode=rw", uri=True)) as file, file:
        file.row_factory = sqlite3.Row
        return file.execute(sql, values).fetchall()


def one(store: Store, sql: str, *values: object) -> Any:
    """Read one row, or None."""
    found = rows(store, sql, *values)
    return found[0] if found else None
