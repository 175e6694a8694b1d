"""One open transaction on a server."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from storage.engine.postgres import dialect, quarters
from storage.engine.postgres.dialect import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from psycopg import Connection

    from storage.engine.sql import Query
    from storage.engine.work import ColumnsPart, Row

STOOD: Final = 2.0  # seconds that a connection waits for its client: who is at work says something more often
_COPIED: Final = 50  # rows from which on COPY pays
_INSERT: Final = re.compile(r"INSERT INTO (\w+) \(([^()]+)\)\s+VALUES \(([^()]+)\)(.*)", re.DOTALL)
_CONFLICT: Final = re.compile(r"ON CONFLICT \(([^()]+)\)")
_STAGE: Final = "CREATE TEMP TABLE IF NOT EXISTS stage_{table} (LIKE {table}); TRUNCATE stage_{table}"
_COPY: Final = "COPY stage_{table} ({columns}) FROM STDIN"
_FROM_STAGE: Final = "INSERT INTO {table} ({columns}) SELECT {columns} FROM stage_{table}{order}{rest}"


@dataclass(frozen=True, slots=True)
class _Insert:
    """A statement that inserts a row. names: of the parameters, in the order of the columns. key: columns, or none."""

    table: str
    columns: tuple[str, ...]
    names: tuple[str, ...]
    key: tuple[str, ...]
    rest: str

    @property
    def of_quarters(self) -> bool:
        """Tell whether it is market data, which lies in parts by time."""
        return self.table in quarters.TABLES

    @property
    def forgiving(self) -> bool:
        """Tell whether a row that is there already is passed over."""
        return self.rest.endswith("DO NOTHING")

    @property
    def key_names(self) -> list[str]:
        """Return the parameters that make the key."""
        return [self.names[self.columns.index(column)] for column in self.key]


@lru_cache(maxsize=512)
def _insert(statement: str) -> _Insert | None:
    """Return the parts of a statement that inserts a row of values; None for any other."""
    found = _INSERT.fullmatch(statement)
    if not found:
        return None
    names = tuple(name.strip().removeprefix(":") for name in found[3].split(","))
    key = _CONFLICT.search(found[4])
    return _Insert(found[1], tuple(found[2].split(", ")), names, tuple(key[1].split(", ")) if key else (), found[4])


class ServerWork:
    """One open transaction. make_quarters: sees to it that a table has room for some times (ms)."""

    __slots__ = ("_make_quarters", "connection")

    def __init__(self, connection: Connection[Any], make_quarters: Callable[[str, Iterable[int]], None]) -> None:
        self.connection = connection  # for the engine alone
        self._make_quarters = make_quarters

    def run(self, query: Query, **values: Any) -> int:
        """Run a statement and return how many rows it changed."""
        if (insert := _insert(query.text)) and insert.of_quarters:
            self._make_quarters(insert.table, [values["at"]])
        return self.connection.execute(said(query.text), values).rowcount

    def insert(self, query: Query, **values: Any) -> int:
        """Insert one row and return its number; 0 where there was one already."""
        found = self.connection.execute(f"{said(query.text)} RETURNING id", values).fetchone()
        return int(found["id"]) if found else 0

    def many(self, query: Query, rows: Iterable[Mapping[str, Any]]) -> int:
        """Run a statement once for each row and return how many rows were changed in all; see `table`."""
        given = list(rows)
        if not given:
            return 0
        if _insert(query.text):
            names = tuple(given[0])
            return self.table(query, names, [tuple(row[name] for name in names) for row in given])
        return self._each(query, given)

    def table(self, query: Query, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> int:
        """Do as `many`, with rows that have their values in the order of the names.

        Statements go one after the other without waiting for the answer of each. Many rows of market data go as a
        stream (COPY) beside the table and from there into it.
        """
        given = list(rows)
        if not given:
            return 0
        if insert := _insert(query.text):
            if insert.key:
                given.sort(key=itemgetter(*(names.index(name) for name in insert.key_names)))
            if insert.of_quarters:
                at = names.index("at")
                self._make_quarters(insert.table, [row[at] for row in given])
                if len(given) >= _COPIED and (insert.forgiving or (insert.key and _distinct(given, names, insert))):
                    places = [names.index(name) for name in insert.names]
                    return self._copy(insert, [(insert.columns, [[row[place] for place in places] for row in given])])
        return self._each(query, [dict(zip(names, row, strict=True)) for row in given])

    def upsert(self, query: Query, key: Sequence[str], parts: Iterable[ColumnsPart]) -> None:
        """Write rows of several sets of columns into one table: all in one statement, in the order of the key."""
        given = [(tuple(columns), list(rows)) for columns, rows in parts]
        if len(given) > 1 and not _once(given, len(key)):
            given = [_merged(given, len(key))]
        every = tuple(dict.fromkeys(column for columns, _ in given for column in columns))
        whole = query.filled(columns=", ".join(every))
        if len(given) == 1:
            self.table(whole, (*key, *every), given[0][1])
        elif insert := _insert(whole.text):
            at = list(key).index("at")
            self._make_quarters(insert.table, [row[at] for _, rows in given for row in rows])
            self._copy(insert, [((*key, *columns), rows) for columns, rows in given])

    def _each(self, query: Query, rows: Sequence[Mapping[str, Any]]) -> int:
        with self.connection.cursor() as cursor:
            cursor.executemany(said(query.text), rows)
            return cursor.rowcount

    def _copy(self, insert: _Insert, parts: Iterable[tuple[Sequence[str], Iterable[Sequence[Any]]]]) -> int:
        # In the order of the key: two who write the same rows wait for each other, and never each for the other.
        order = f" ORDER BY {', '.join(insert.key)}" if insert.key else ""
        words = {
            "table": insert.table, "columns": ", ".join(insert.columns), "order": order, "rest": f" {insert.rest}"
        }  # fmt: skip
        with self.connection.cursor() as cursor:
            cursor.execute(_STAGE.format(**words))
            for columns, rows in parts:
                with cursor.copy(_COPY.format(table=insert.table, columns=", ".join(columns))) as copy:
                    for row in rows:
                        copy.write_row(row)
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
    key = itemgetter(*(names.index(name) for name in insert.key_names))
    return len({key(row) for row in rows}) == len(rows)


def _once(parts: Sequence[tuple[tuple[str, ...], list[tuple[Any, ...]]]], width: int) -> bool:
    """Tell whether each key stands once in all parts. width: of how many values it is, the first ones of a row."""
    return len({row[:width] for _, rows in parts for row in rows}) == sum(len(rows) for _, rows in parts)


def _merged(
    parts: Sequence[tuple[tuple[str, ...], list[tuple[Any, ...]]]], width: int
) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    """Return all parts in one, each key once, with what was known of it last."""
    every = tuple(dict.fromkeys(column for columns, _ in parts for column in columns))
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for columns, rows in parts:
        for row in rows:
            known = zip(columns, row[width:], strict=True)
            found.setdefault(row[:width], {}).update({name: value for name, value in known if value == value})  # noqa: PLR0124 - NaN
    return every, [(*key, *map(values.get, every)) for key, values in found.items()]
