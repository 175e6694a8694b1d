"""A unit of work: what is written together, all of it or nothing. It is handed on; who gets it knows no database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from storage.engine.sql import Query


class Row(Protocol):
    """One row that was read: values by name or by place, in the order of the query."""

    def __getitem__(self, key: Any) -> Any:
        """Return the value of a column."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Go through the values."""
        ...

    def keys(self) -> Sequence[str]:
        """Return the names of the columns, in the order of the query."""
        ...


class Work:
    """One open transaction. Made by Store.write(); what it has written is seen by its own reading at once."""

    __slots__ = ("connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection  # for storage/engine alone

    def run(self, query: Query, **values: Any) -> int:
        """Run a statement and return how many rows it changed."""
        return self.connection.execute(query.text, values).rowcount

    def insert(self, query: Query, **values: Any) -> int:
        """Insert one row and return its number."""
        return int(self.connection.execute(query.text, values).lastrowid or 0)

    def many(self, query: Query, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> int:
        """Run a statement once for each row and return how many rows were changed in all."""
        return self.connection.executemany(query.text, rows).rowcount

    def rows(self, query: Query, **values: Any) -> list[Row]:
        """Read rows."""
        return self.connection.execute(query.text, values).fetchall()

    def one(self, query: Query, **values: Any) -> Row | None:
        """Read one row, or None."""
        found: Row | None = self.connection.execute(query.text, values).fetchone()
        return found
