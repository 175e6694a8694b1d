"""The database, in a file or on a server: opened late, and whoever reads and writes here knows neither.

What both can do is `Engine`; each has a folder of its own beside this module, with its words for the queries and its
steps of the schema. What only a file can do is asked of `Store.file`.
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from storage.engine.place import PlaceError, Server, place_of
from storage.engine.sharing import fence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from storage.engine.sql import Query
    from storage.engine.sqlite.file import DatabaseFile
    from storage.engine.work import Row, Work

Kept = TypeVar("Kept")
_BESIDE_SERVER: Final = Path("data")  # tables of tiers lie there, which people read and edit


class StoreError(Exception):
    """The database cannot be used; the text says why and what to do."""


class LeaseLost(StoreError):  # noqa: N818 - it is what happened
    """What was to be written is another process's by now; nothing of it was."""


class Broken(Exception):  # noqa: N818 - it is the rule that is broken
    """What was to be written is not allowed by the tables: a key twice, or nothing where there must be something."""


class Engine(Protocol):
    """What a database does for the store. Everything may raise StoreError."""

    @property
    def exists(self) -> bool:
        """Tell whether there is something to read, without making anything."""
        ...

    @property
    def in_unit_of_work(self) -> bool:
        """Tell whether this thread is inside `write()`."""
        ...

    def read(self, query: Query, values: dict[str, Any]) -> list[Row]:
        """Read rows with names; inside `write()` what it has written is seen."""
        ...

    def read_plain(self, query: Query, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Read rows by place alone."""
        ...

    def write(self) -> AbstractContextManager[Work]:
        """Open a unit of work, or join the one that this thread is in."""
        ...

    def purge(self) -> bool:
        """Take the last copies of what was deleted out of what is kept. False: some of them stay for a while."""
        ...

    def drop_before(self, before: int) -> int:
        """Drop market data that ends before a time (ms), as far as that is done at once; return how many rows went."""
        ...

    def known_as(self, process: int) -> None:
        """Call what this process has open by its number, so that others can cut it off when it is found dead."""
        ...

    def at_once(self, query: Query, values: dict[str, Any]) -> int:
        """Run one statement that waits for no transaction of this process; return how many rows it changed."""
        ...

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        """Have the hints of other processes heard, in a thread of its own; return what ends it."""
        ...

    def numbers(self) -> dict[str, int]:
        """Return the highest number that each table has given to a row, of those tables that give any."""
        ...

    def go_on_after(self, numbers: Mapping[str, int]) -> None:
        """Give no number again that was given elsewhere: rows that went may be known by theirs."""
        ...

    def close(self) -> None:
        """Close all connections; the next use opens it again."""
        ...


class Store:
    """One database. Nothing is opened before the first use, so a calculator never touches the disk.

    place: a path, or the address of a server as `place_of` reads it. Writing goes through `write()`, one transaction
    at a time in this process.
    """

    def __init__(self, place: Path | Server | str) -> None:
        try:
            self.place = place_of(place)
        except PlaceError as error:
            raise StoreError(f"This is no database: {error}.") from None
        self.file: DatabaseFile | None = None
        self.engine: Engine  # for storage/engine alone
        if isinstance(self.place, Server):
            from storage.engine.postgres.server import DatabaseServer  # noqa: PLC0415 - only where it is asked for

            self.engine = DatabaseServer(self.place)
        else:
            from storage.engine.sqlite.file import DatabaseFile  # noqa: PLC0415 - it raises the errors of this module

            self.engine = self.file = DatabaseFile(self.place)
        self._beside: dict[Any, Any] = {}

    def beside(self, kind: Callable[[Store], Kept]) -> Kept:
        """Return the one object of a kind that lives as long as this store, such as a cache; made on first use."""
        if kind not in self._beside:
            self._beside.setdefault(kind, kind(self))  # of two threads that make one, both take the first
        return cast("Kept", self._beside[kind])

    @property
    def path(self) -> Path:
        """Return the path of the file. StoreError where it is a server."""
        if self.file is None:
            raise StoreError(f"{self.place} is a server and has no file. Back it up there, as with pg_dump.")
        return self.file.path

    @property
    def folder(self) -> Path:
        """Return the folder for what is kept in files beside the database."""
        return _BESIDE_SERVER if self.file is None else self.file.path.parent

    @property
    def in_unit_of_work(self) -> bool:
        """Tell whether this thread is inside `write()`, where it sees what may yet be undone."""
        return self.engine.in_unit_of_work

    @property
    def exists(self) -> bool:
        """Tell whether there is a database already. StoreError where that cannot be known."""
        return self.engine.exists

    def read(self, query: Query, **values: Any) -> list[Row]:
        """Read the rows of a named query; inside `write()` what it has written is seen."""
        return self.engine.read(query, values)

    def read_one(self, query: Query, **values: Any) -> Row | None:
        """Read one row of a named query, or None."""
        found = self.engine.read(query, values)
        return found[0] if found else None

    def read_plain(self, query: Query, **values: Any) -> list[tuple[Any, ...]]:
        """Read rows by place alone, for thousands of them: names cost a third of the time."""
        return self.engine.read_plain(query, values)

    def write(self) -> AbstractContextManager[Work]:
        """Open a unit of work: all of it is kept, or nothing. A nested call joins the outer one.

        LeaseLost where it is done under a lease (sharing/fence.py) that another process has taken over.
        """
        held = fence.current()
        return self.engine.write() if held is None or self.in_unit_of_work else self._write_under(held)

    @contextmanager
    def _write_under(self, held: fence.Fence) -> Iterator[Work]:
        with self.engine.write() as work:
            if lost := held.lost(work):
                raise LeaseLost(f"Another process does this by now: {', '.join(lost[:3])}.")
            yield work

    @property
    def saved(self) -> tuple[Path, ...]:
        """Return the copies beside a file that were saved when it had gone, oldest first; a server has none."""
        return self.file.saved if self.file else ()

    def drop_before(self, before: int) -> int:
        """Drop market data that ends before a time (ms), as far as that is done at once; return how many rows went.

        A file has no parts that could be dropped: its rows go one by one, whoever asks for it.
        """
        return self.engine.drop_before(before)

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        """Have the hints of other processes heard (Work.hint), in a thread of its own; return what ends it.

        What is heard is that there is something to look at; in a file nobody hints, and one looks from time to time.
        """
        return self.engine.listen(heard)

    def purge(self) -> bool:
        """Take the last copies of what was deleted out of what is kept: old pages live on in a log.

        False when some of them stay a little longer, as when another program reads at this moment.
        """
        return self.engine.purge()

    def close(self) -> None:
        """Close every connection, each after the query that runs on it; safe to call twice, and not the end.

        A thread that the event loop no longer waits for may still be at work when the program stops: its next query
        opens the database again.
        """
        self.engine.close()
