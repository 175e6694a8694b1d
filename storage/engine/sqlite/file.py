"""A file as the database: opened late, one writer, WAL, and clear words when it cannot be used.

sqlite3 of the standard library is used for reading and for batches; sqlite-utils makes and migrates the schema, and is
imported only when there is something to migrate, because it costs half a second.
"""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from signals.units import SECOND_MS
from storage.engine.backup import copying
from storage.engine.database import Broken, StoreError
from storage.engine.presence import presence, saved_copies
from storage.engine.sqlite import migrations, troubles
from storage.engine.sqlite.dialect import SQLITE, by_place, numbered, of_several, said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from storage.engine.presence import Loss, Presence
    from storage.engine.sql import Query
    from storage.engine.work import ColumnsPart, Row

BUSY_MS = 10_000
_AT_ONCE = 20  # rows in one statement: with more of them the rows themselves are what it costs


@dataclass(frozen=True, slots=True)
class Shape:
    """How a table is made: its columns, and those of its key."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]


@dataclass(slots=True)
class _Line:
    """A connection and who uses it now: closed under a running query, SQLite takes the whole program down."""

    connection: sqlite3.Connection
    busy: AbstractContextManager[object]
    closed: bool = False


class FileWork:
    """One open transaction in a file."""

    __slots__ = ("connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection  # for the engine alone

    def run(self, query: Query, **values: Any) -> int:
        """Run a statement and return how many rows it changed."""
        return self.connection.execute(said(query.text), values).rowcount

    def insert(self, query: Query, **values: Any) -> int:
        """Insert one row and return its number."""
        return int(self.connection.execute(said(query.text), values).lastrowid or 0)

    def many(self, query: Query, rows: Iterable[Mapping[str, Any]]) -> int:
        """Run a statement once for each row and return how many rows were changed in all."""
        statement, names = numbered(query.text)
        return self.connection.executemany(statement, map(by_place(names), rows)).rowcount

    def table(self, query: Query, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> int:
        """Do as `many`, with rows that have their values in the order of the names.

        Some at a time, since nearly half of what a row costs is to begin and to end its statement.
        """
        statement, order = numbered(query.text)
        if order != tuple(names):
            rows = map(by_place([names.index(name) for name in order]), rows)
        several = of_several(statement, _AT_ONCE)
        if several is None:
            return self.connection.executemany(statement, rows).rowcount
        values, count, changed = itertools.chain.from_iterable(rows), len(order), 0
        while block := tuple(itertools.islice(values, _AT_ONCE * count)):
            if len(block) < _AT_ONCE * count:
                single = zip(*[iter(block)] * count, strict=True)
                return changed + self.connection.executemany(statement, single).rowcount
            changed += self.connection.execute(several, block).rowcount
        return changed

    def upsert(self, query: Query, key: Sequence[str], parts: Iterable[ColumnsPart]) -> None:
        """Write rows of several sets of columns into one table, part after part: a file has one writer at a time."""
        for columns, rows in parts:
            self.table(query.filled(columns=", ".join(columns)), (*key, *columns), rows)

    def rows(self, query: Query, **values: Any) -> list[Row]:
        """Read rows."""
        return self.connection.execute(said(query.text), values).fetchall()

    def one(self, query: Query, **values: Any) -> Row | None:
        """Read one row, or None."""
        found: Row | None = self.connection.execute(said(query.text), values).fetchone()
        return found

    def alone(self, what: str) -> None:
        """Do nothing: a file has one writer at a time."""

    def cut_off(self, process: int) -> None:
        """Do nothing: what another program has open in a file ends with it alone."""

    def hint(self, what: str) -> None:
        """Do nothing: nobody listens to a file."""


class DatabaseFile:
    """One database file, as the store uses it.

    Reading uses one connection a thread; writing goes through `write()`, one transaction at a time.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._writing = threading.RLock()
        self._opening = threading.RLock()  # taken after the one above, where both are
        self._writer: _Line | None = None
        self._opened: list[_Line] = []
        self._seen: Presence | None = None  # the files that are open
        self._ready = False

    @property
    def in_unit_of_work(self) -> bool:
        """Tell whether this thread is inside `write()`, where it sees what may yet be undone."""
        return self._writer is not None and getattr(self._local, "line", None) is self._writer

    @property
    def exists(self) -> bool:
        """Tell whether there is a file already."""
        return self.path.exists()

    def read(self, query: Query, values: dict[str, Any]) -> list[Row]:
        """Read the rows of a named query; inside `write()` what it has written is seen."""
        with self._reading() as connection:
            return connection.execute(said(query.text), values).fetchall()

    def read_plain(self, query: Query, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Read rows by place alone."""
        with self._reading() as connection:
            cursor = connection.cursor()
            cursor.row_factory = None
            return cursor.execute(said(query.text), values).fetchall()

    @contextmanager
    def write(self) -> Iterator[FileWork]:
        """Open a unit of work: all of it is kept, or nothing. A nested call joins the outer one."""
        with self._writing:
            try:
                self._prepare()
                line = self._writing_line()
                writer = line.connection
                if writer.in_transaction:
                    yield FileWork(writer)
                    return
                writer.execute(SQLITE.begin)
                before, self._local.line = getattr(self._local, "line", None), line
                try:
                    yield FileWork(writer)
                    writer.commit()
                except BaseException:
                    writer.rollback()  # of a failed commit too: left open, it would swallow all that follows
                    raise
                finally:
                    self._local.line = before
            except sqlite3.IntegrityError as error:
                raise Broken(str(error)) from error
            except sqlite3.DatabaseError as error:
                raise self._explained(error) from error

    def purge(self) -> bool:
        """Move everything from the write-ahead log into the file and cut the log to nothing: old pages live on in it.

        False when another program reads at this moment, so that the log stays a little longer.
        """
        with self._writing:
            self._prepare()
            try:
                busy = self._writing_line().connection.execute(SQLITE.empty_log).fetchone()[0]
            except sqlite3.DatabaseError as error:
                raise self._explained(error) from error
            return not busy

    def drop_before(self, before: int) -> int:  # noqa: ARG002 - as on a server
        """Drop nothing: a file has no parts, and rows go one by one."""
        return 0

    def known_as(self, process: int) -> None:
        """Do nothing: nobody can cut off a program that has a file open."""

    def at_once(self, query: Query, values: dict[str, Any]) -> int:
        """Run one statement and return how many rows it changed; in a file it waits for its turn like any other."""
        with self.write() as work:
            return work.run(query, **values)

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:  # noqa: ARG002 - as on a server
        """Hear nothing: nobody hints in a file."""
        return lambda: None

    def numbers(self) -> dict[str, int]:
        """Return the highest number that each table has given to a row."""
        found = {}
        with self._reading() as connection:
            kept = dict(map(tuple, connection.execute(SQLITE.numbers)))
            for (table,) in connection.execute(SQLITE.numbered).fetchall():
                (highest,) = connection.execute(SQLITE.highest.format(table=table)).fetchone()
                found[table] = max(kept.get(table, 0), highest)
        return found

    def go_on_after(self, numbers: Mapping[str, int]) -> None:
        """Give no number again that was given elsewhere, in tables that promise it."""
        with self.write() as work:
            for table, number in numbers.items():
                work.connection.execute(SQLITE.go_on_after, {"table": table, "number": number})

    def shapes(self) -> list[Shape]:
        """Return how each table is made, a table after those that its rows name."""
        with self._reading() as connection:
            names = [row[0] for row in connection.execute(SQLITE.ours)]
            left = {name: self._shape(connection, name) for name in names}
        found: list[Shape] = []
        while left:
            known = {shape.table for shape in found}
            found += (ready := [shape for shape, of in left.values() if of <= known | {shape.table}])
            for shape in ready:
                del left[shape.table]
        return found

    @staticmethod
    def _shape(connection: sqlite3.Connection, table: str) -> tuple[Shape, set[str]]:
        """Return the shape of a table, and which tables its rows name."""
        rows = connection.execute(SQLITE.columns, {"table": table}).fetchall()
        key = [name for _, name in sorted((place, name) for name, place in rows if place)]
        of = {row[0] for row in connection.execute(SQLITE.references, {"table": table})}
        return Shape(table, tuple(name for name, _ in rows), tuple(key)), of

    def close(self) -> None:
        """Close every connection, each after the query that runs on it; safe to call twice, and not the end.

        A thread that the event loop no longer waits for may still be at work when the program stops: its next query
        opens the file again.
        """
        with self._writing, self._opening:
            lines, self._opened, self._writer, self._seen = self._opened, [], None, None
            for line in lines:
                with line.busy:
                    line.connection.close()
                    line.closed = True

    # --- when the file goes away under it

    @property
    def saved(self) -> tuple[Path, ...]:
        """Return the copies beside the file that were saved when it had gone, oldest first."""
        return saved_copies(self.path)

    def loss(self) -> Loss | None:
        """Tell whether the file that is open is no longer the one at its path, or has lost its log."""
        with self._opening:  # not in the middle of it
            seen = self._seen
        return seen.loss(presence(self.path)) if seen else None

    def save(self, target: Path) -> None:
        """Copy everything that is open into a new file, whatever became of its own, and look whether it can be read.

        Nothing can be written meanwhile. StoreError where the copy cannot be made, and then nothing of it is left, or
        where it is not sound.
        """
        with self._writing:
            line = self._writer or next((line for line in self._opened if not line.closed), None)
            if line is None:
                raise StoreError(f"{self.path} is not open, so there is nothing to save.")
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.touch(mode=0o600, exist_ok=False)  # what is there already is not ours to write into
            except OSError as error:
                raise self._explained(error, target) from error
            try:
                with line.busy:
                    found = copying.copy(line.connection, target)
                if self._seen and self._seen.file:
                    target.chmod(self._seen.file.mode)
            except (sqlite3.DatabaseError, OSError) as error:
                with suppress(OSError):
                    copying.remove(target)
                raise self._explained(error, target) from error
            if found != SQLITE.sound:
                raise StoreError(f"{target} was written and is not sound: {found}.")

    def leave_log(self) -> None:
        """Take away the log of a file that another one has taken the place of; call it when all is saved.

        Left there, SQLite would write its pages into the other file as soon as that one is opened. What is open stays
        so, and no new connection is made to the other file until this store is closed.
        """
        with self._writing, self._opening:
            mine = dict(self._seen.beside) if self._seen else {}
            for suffix, mark in presence(self.path).beside:
                if suffix in mine and mine[suffix].is_same(mark):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def put_back(self, saved: Path) -> None:
        """Let a copy of `saved` take the place of the file, and go on in it. StoreError where that cannot be done.

        A log that is left there belongs to another file: SQLite would write its pages into this one.
        """
        with self._writing, self._opening:
            fresh = self.path.with_name(f"{self.path.name}.new")
            try:
                shutil.copy(saved, fresh)
                self.close()
                copying.remove(self.path, keep=True)
                fresh.replace(self.path)
            except OSError as error:
                with suppress(OSError):
                    copying.remove(fresh)
                raise self._explained(error, fresh) from error

    # --- within

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        """Lend this thread's connection for one query."""
        try:
            while True:
                line: _Line | None = getattr(self._local, "line", None)
                if line is None:
                    self._prepare()
                    line = self._local.line = self._connect(threading.Lock())
                with line.busy:
                    if not line.closed:
                        yield line.connection
                        return
                self._local.line = None
        except sqlite3.DatabaseError as error:
            raise self._explained(error) from error

    def _writing_line(self) -> _Line:
        if self._writer is None:
            self._writer = self._connect(self._writing)
            for statement in SQLITE.writer_settings:
                self._writer.connection.execute(statement)
        return self._writer

    def _connect(self, busy: AbstractContextManager[object]) -> _Line:
        with self._opening:  # the first one says for all which files are open
            if self._seen and (loss := self._seen.loss(presence(self.path))):
                raise troubles.lost(loss, self.path)
            # Without mode=rw SQLite makes an empty file where there is none any more. Connections are closed by another
            # thread than their own at shutdown, hence check_same_thread.
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=rw",
                uri=True,
                isolation_level=None,
                check_same_thread=False,
                timeout=BUSY_MS / SECOND_MS,
            )
            connection.row_factory = sqlite3.Row
            for statement in (*SQLITE.settings, SQLITE.first_look):
                connection.execute(statement)
            line = _Line(connection, busy)
            self._opened.append(line)
            self._seen = self._seen or presence(self.path)
            return line

    def _prepare(self) -> None:
        """Make the file and bring its schema up to date, once per process."""
        with self._writing:
            if self._ready:
                return
            try:
                troubles.check_kind(self.path)
                self.path.parent.mkdir(parents=True, exist_ok=True)
                applied = self._applied()
                unknown = [name for name in applied if name not in migrations.NAMES]
                if unknown:
                    raise StoreError(
                        f"{self.path} was written by a newer perpulse ({unknown[-1]}). Update perpulse, or choose "
                        "another file with --db."
                    )
                if set(applied) != set(migrations.NAMES):
                    if applied:
                        self._back_up(applied[-1])
                    self.path.touch(mode=0o600)  # positions lie in it; its log is made with the same rights
                    migrations.migrate(self.path)
                self._ready = True
            except (sqlite3.DatabaseError, OSError) as error:
                raise self._explained(error) from error

    def _applied(self) -> tuple[str, ...]:
        if not self.path.exists() or self.path.stat().st_size == 0:
            return ()
        with closing(sqlite3.connect(self.path, timeout=BUSY_MS / SECOND_MS)) as connection:
            tables = [row[0] for row in connection.execute(SQLITE.tables)]
            if SQLITE.steps_table not in tables:
                if tables:
                    raise StoreError(
                        f"{self.path} is a database of another program (it has the table {tables[0]!r}). "
                        "Choose another file with --db."
                    )
                return ()
            return tuple(row[0] for row in connection.execute(SQLITE.steps, {"set": migrations.SET}))

    def _back_up(self, last: str) -> None:
        """Copy the file before changing its schema: the way back when an update goes wrong, by `perpulse restore`."""
        target = self.path.with_name(f"{self.path.name}.after-{last}.bak")
        fresh = target.with_name(f"{target.name}.new")
        copying.remove(fresh)
        try:
            with closing(sqlite3.connect(self.path)) as source:
                found = copying.copy(source, fresh)
            if found == SQLITE.sound:
                fresh.replace(target)
        finally:
            with suppress(OSError):
                copying.remove(fresh)
        if found != SQLITE.sound:  # a step that changes what is damaged makes it worse
            raise troubles.said("damaged", self.path)

    def _explained(self, error: Exception, file: Path | None = None) -> StoreError:
        """Say what is the matter with the database, or with a file beside it that could not be written."""
        if file:
            return StoreError(f"{file} cannot be written: {troubles.reason(error, file)}.")
        return troubles.explained(self.path, error)
