"""A unit of work: what is written together, all of it or nothing. It is handed on; who gets it knows no database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
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


# Columns, and rows with their values in the order of these, behind those of the key.
ColumnsPart: TypeAlias = "tuple[Sequence[str], Iterable[tuple[Any, ...]]]"
NamedRow: TypeAlias = "Mapping[str, Any]"  # of a row, by name


def by_name(row: Row) -> NamedRow:
    """Return the values of a row by name, for one that is asked for dozens: a row looks each name up anew."""
    return dict(zip(row.keys(), row, strict=True))


class Work(Protocol):
    """One open transaction. Made by Store.write(); what it has written is seen by its own reading at once.

    Broken is raised where the tables do not allow what is to be written.
    """

    def run(self, query: Query, **values: Any) -> int:
        """Run a statement and return how many rows it changed."""
        ...

    def insert(self, query: Query, **values: Any) -> int:
        """Insert one row and return its number, which is called `id`."""
        ...

    def many(self, query: Query, rows: Iterable[Mapping[str, Any]]) -> int:
        """Run a statement once for each row and return how many rows were changed in all.

        Where it puts rows in the place of others of the same key, they may be written in the order of the key: of two
        transactions that write the same rows one waits for the other, and never each for the other.
        """
        ...

    def table(self, query: Query, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> int:
        """Do as `many`, with rows that have their values in the order of the names: of thousands a row is no dict."""
        ...

    def upsert(self, query: Query, key: Sequence[str], parts: Iterable[ColumnsPart]) -> None:
        """Write rows of several sets of columns into one table, in the order of the key as `many` does.

        query: with `{columns}`, for those of a part; of one row and column the last value that is known counts. key:
        the columns by which a row is known.
        """
        ...

    def rows(self, query: Query, **values: Any) -> list[Row]:
        """Read rows."""
        ...

    def one(self, query: Query, **values: Any) -> Row | None:
        """Read one row, or None."""
        ...

    def alone(self, what: str) -> None:
        """Wait until no other transaction does `what`, and keep all others from it until this one has ended.

        For what is read first and then written by what was found, and no key of a table forbids twice. In a file
        there is one writer at a time, and it is alone already.
        """
        ...

    def cut_off(self, process: int) -> None:
        """End what a process that was found dead has open, so that nobody waits for a lock that it holds.

        One that was stopped in the middle of a statement would keep its locks for as long as it stands. In a file it
        does, and no other program can write until it goes on or ends.
        """
        ...

    def hint(self, what: str) -> None:
        """Tell other programs on the same database, when all is written, that there is `what` to look at.

        A hint may get lost, and nobody hears it in a file: whoever waits looks by himself as well.
        """
        ...
