"""One open transaction on a server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from storage.engine.postgres import dialect, quarters
from storage.engine.postgres.dialect import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from psycopg import Connection

    from storage.engine.sql import Query
    from storage.engine.work import Row

STOOD: Final = 2.0  # seconds that a connection waits for its client: who is at work says something more often
_COPIED: Final = 50  # rows from which on COPY pays
_INSERT: Final = re.compile(r"INSERT INTO (\w+) \(([^()]+)\)\s+VALUES \(([^()]+)\)(.*)", re.DOTALL)
_CONFLICT: Final = re.compile(r"ON CONFLICT \(([^()]+)\)")
_STAGE: Final = "CREATE TEMP TABLE IF NOT EXISTS stage_{table} (LIKE {table}); TRUNCATE stage_{table}"
_COPY: Final = "COPY stage_{table} ({columns}) FROM STDIN"
_FROM_STAGE: Final = "INSERT INTO {table} ({columns}) SELECT {columns} FROM stage_{table}{order}{rest}"


@dataclass(frozen=True, slots=True)
class _Insert:
    """A statement that inserts a row of market data. names: of the parameters, in the order of the columns."""

    table: str
    columns: str
    names: tuple[str, ...]
    key: tuple[str, ...]
    rest: str

    @property
    def forgiving(self) -> bool:
        """Tell whether a row that is there already is passed over."""
        return self.rest.endswith("DO NOTHING")


@lru_cache(maxsize=512)
def _insert(statement: str) -> _Insert | None:
    """Return the parts of a statement that inserts into a table with quarters; None for any other."""
    found = _INSERT.fullmatch(statement)
    if not found or found[1] not in quarters.TABLES:
        return None
    names = tuple(name.strip().removeprefix(":") for name in found[3].split(","))
    key = _CONFLICT.search(found[4])
    return _Insert(found[1], found[2], names, tuple(key[1].split(", ")) if key else (), found[4])


class ServerWork:
    """One open transaction. make_quarters: sees to it that a table has room for some times (ms)."""

    __slots__ = ("_make_quarters", "connection")

    def __init__(self, connection: Connection[Any], make_quarters: Callable[[str, Iterable[int]], None]) -> None:
        self.connection = connection  # for the engine alone
        self._make_quarters = make_quarters

    def run(self, query: Query, **values: Any) -> int:
        """Run a statement and return how many rows it changed."""
        if insert := _insert(query.text):
            self._make_quarters(insert.table, [values["at"]])
        return self.connection.execute(said(query.text), values).rowcount

    def insert(self, query: Query, **values: Any) -> int:
        """Insert one row and return its number; 0 where there was one already."""
        found = self.connection.execute(f"{said(query.text)} RETURNING id", values).fetchone()
        return int(found["id"]) if found else 0

    def many(self, query: Query, rows: Iterable[Mapping[str, Any]]) -> int:
        """Run a statement once for each row and return how many rows were changed in all.

        Statements go one after the other without waiting for the answer of each; see `table` for market data.
        """
        given = list(rows)
        if not given:
            return 0
        if _insert(query.text):
            names = tuple(given[0])
            return self.table(query, names, [tuple(row[name] for name in names) for row in given])
        with self.connection.cursor() as cursor:
            cursor.executemany(said(query.text), given)
            return cursor.rowcount

    def table(self, query: Query, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> int:
        """Do as `many`, with rows that have their values in the order of the names.

        Many rows of market data go as a stream (COPY) beside the table and from there into it.
        """
        given = list(rows)
        if not given:
            return 0
        if insert := _insert(query.text):
            at = names.index("at")
            self._make_quarters(insert.table, [row[at] for row in given])
            if len(given) >= _COPIED and (insert.forgiving or (insert.key and _distinct(given, names, insert))):
                return self._copy(insert, names, given)
        with self.connection.cursor() as cursor:
            cursor.executemany(said(query.text), [dict(zip(names, row, strict=True)) for row in given])
            return cursor.rowcount

    def _copy(self, insert: _Insert, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> int:
        # In the order of the key: two who write the same rows wait for each other, and never each for the other.
        order = f" ORDER BY {', '.join(insert.key)}" if insert.key else ""
        words = {"table": insert.table, "columns": insert.columns, "order": order, "rest": f" {insert.rest}"}
        places = [names.index(name) for name in insert.names]
        with self.connection.cursor() as cursor:
            cursor.execute(_STAGE.format(**words))
            with cursor.copy(_COPY.format(**words)) as copy:
                for row in rows:
                    copy.write_row([row[place] for place in places])
            cursor.execute(_FROM_STAGE.format(**words))
            return cursor.rowcount

    def rows(self, query: Query, **values: Any) -> list[Row]:
        """Read rows."""
        return self.connection.execute(said(query.text), values).fetchall()

    def one(self, query: Query, **values: Any) -> Row | None:
        """Read one row, or None."""
        found: Row | None = self.connection.execute(said(query.text), values).fetchone()
        return found

    def alone(self, what: str) -> None:
        """Wait until no other transaction does `what`, and keep all others from it until this one has ended."""
        self.connection.execute(dialect.ALONE, {"what": what})

    def cut_off(self, process: int) -> None:
        """Have the server end what a process has open, and wait for that; a statement that it began is undone."""
        self.connection.execute(dialect.CUT_OFF, {"name": dialect.PROCESS.format(process), "stood": STOOD})

    def hint(self, what: str) -> None:
        """Have the server tell who listens, when this transaction is kept."""
        self.connection.execute(dialect.HINT, {"what": what})


def _distinct(rows: Sequence[tuple[Any, ...]], names: Sequence[str], insert: _Insert) -> bool:
    """Tell whether each key stands once: one statement cannot change a row twice."""
    given = dict(zip(insert.columns.split(", "), insert.names, strict=True))
    places = [names.index(given[column]) for column in insert.key]
    return len({tuple(row[place] for place in places) for row in rows}) == len(rows)
