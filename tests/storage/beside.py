"""Ask a database beside its store, in SQL that the tests write themselves and both kinds of database speak."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from storage.engine.place import Server
from tests import postgres

if TYPE_CHECKING:
    from storage.engine.database import Store


class Row(tuple[Any, ...]):  # noqa: SLOT001 -- a tuple has no room for slots, and this one has names
    """The values of a row in their places, which also go by their names."""

    names: list[str]

    def __getitem__(self, place: Any) -> Any:
        return super().__getitem__(self.names.index(place) if isinstance(place, str) else place)

    def keys(self) -> list[str]:
        return self.names


def _named(cursor: Any, values: tuple[Any, ...]) -> Row:
    row = Row(values)
    row.names = [column[0] for column in cursor.description]
    return row


def rows(store: Store, sql: str, *values: object) -> list[Row]:
    """Run one statement in a transaction of its own and return its rows; none where there is no database yet.

    A parameter is a question mark.
    """
    if not store.exists:
        return []
    if isinstance(store.place, Server):
        cursor = postgres.connection(store.place.url).execute(
            sql.replace("%", "%%").replace("?", "%s").encode(), values
        )
        return [_named(cursor, row) for row in cursor] if cursor.description else []
    with closing(sqlite3.connect(f"file:{store.path}?mode=rw", uri=True)) as file, file:
        file.row_factory = _named
        return file.execute(sql, values).fetchall()


def one(store: Store, sql: str, *values: object) -> Any:
    """Read one row, or None."""
    found = rows(store, sql, *values)
    return found[0] if found else None
