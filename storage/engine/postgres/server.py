"""A server as the database: a pool of connections that read, one that writes, and clear words when it cannot be used.

psycopg is an extra: this module is imported only where the database is a server.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from storage.engine.database import Broken, StoreError

try:
    import psycopg
    from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout
except ImportError as error:
    raise StoreError(
        "PostgreSQL is reached through psycopg, which is not installed: pip install 'perpulse[postgres]'."
    ) from error

from psycopg.pq import TransactionStatus

from signals.units import SECOND_MS
from storage.engine.postgres import dialect, migrations, pooling, quarters, troubles
from storage.engine.postgres.dialect import said
from storage.engine.postgres.listening import Listener
from storage.engine.postgres.rows import adapt, named
from storage.engine.postgres.work import ServerWork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from psycopg.rows import RowFactory

    from storage.engine.place import Server
    from storage.engine.sql import Query
    from storage.engine.work import Row

PATIENCE: Final = 10.0  # seconds: for a connection, for a lock, and of others for us where we are stopped
READERS: Final = 8  # connections that read at most; a turn and the answers to a few people take three or four
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # what it warns of is raised here, in our words


class DatabaseServer:
    """A database on a server, as the store uses it.

    Reading takes a connection of a pool for one query; writing goes through `write()`, one transaction at a time in
    this process. Other processes write at the same time: what must not happen twice is forbidden by a key, or done
    `alone` (Work.alone).
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._local = threading.local()
        self._writing = threading.RLock()
        self._opening = threading.RLock()
        self._pool: ConnectionPool[Any] | None = None
        self._writer: psycopg.Connection[Any] | None = None
        self._quarters: set[str] = set()
        self._ready = self._away = False
        self._name = ""
        self._named: psycopg.Connection[Any] | None = None

    @property
    def exists(self) -> bool:
        """Tell whether there are tables; where that cannot be known, reading says why."""
        if not self._ready:
            try:
                with self._connect() as connection:
                    return migrations.begun(connection)
            except psycopg.Error:
                pass
        return True

    @property
    def in_unit_of_work(self) -> bool:
        """Tell whether this thread is inside `write()`."""
        return getattr(self._local, "writer", None) is not None

    def read(self, query: Query, values: dict[str, Any]) -> list[Row]:
        """Read the rows of a named query; inside `write()` what it has written is seen."""
        return self._read(query, values, named)

    def read_plain(self, query: Query, values: dict[str, Any]) -> list[tuple[Any, ...]]:
        """Read rows by place alone."""
        return self._read(query, values, psycopg.rows.tuple_row)

    def _read(self, query: Query, values: dict[str, Any], made: RowFactory[Any]) -> list[Any]:
        text = said(query.text)
        writer: psycopg.Connection[Any] | None = getattr(self._local, "writer", None)
        if writer is not None:
            return _fetched(writer, text, values, made)
        try:
            if self._away or self._pool is None:
                self._reach()
            return self._once(text, values, made)
        except PoolTimeout as error:
            raise self._explained(error) from error
        except (psycopg.OperationalError, PoolClosed):  # the server was started anew, or the store closed meanwhile
            try:
                self._reach()
                with suppress(PoolClosed):
                    self._readers().check()
                return self._once(text, values, made)
            except psycopg.Error as error:
                raise self._explained(error) from error
        except psycopg.Error as error:
            raise self._explained(error) from error

    def _reach(self) -> None:
        """Reach the server by a connection of its own: a pool waits for one that the server refuses at once."""
        self._away = True
        self._connect().close()
        self._away = False

    def _once(self, text: str, values: dict[str, Any], made: RowFactory[Any]) -> list[Any]:
        with self._readers().connection() as connection:
            return _fetched(connection, text, values, made)

    @contextmanager
    def write(self) -> Iterator[ServerWork]:
        """Open a unit of work: all of it is kept, or nothing. A nested call joins the outer one."""
        with self._writing:
            outer: psycopg.Connection[Any] | None = getattr(self._local, "writer", None)
            if outer is not None:
                yield ServerWork(outer, self._make_quarters)
                return
            try:
                connection = self._begun()
                self._local.writer = connection
                try:
                    yield ServerWork(connection, self._make_quarters)
                    _keep(connection)
                except BaseException:
                    with suppress(psycopg.Error):
                        connection.execute("ROLLBACK")
                    raise
                finally:
                    self._local.writer = None
            except psycopg.IntegrityError as error:
                self._quarters.clear()  # another process may have dropped one, which is looked at anew then
                raise Broken(_first_line(error)) from error
            except psycopg.Error as error:
                raise self._explained(error) from error

    def _begun(self) -> psycopg.Connection[Any]:
        """Return the connection that writes, in a new transaction; another one where the server has been away."""
        self._prepare()
        if self._writer is not None and not self._writer.closed:
            try:
                return self._in_transaction(self._writer)
            except psycopg.OperationalError:
                self._writer.close()
        self._writer = self._connect_writer()
        return self._in_transaction(self._writer)

    def _in_transaction(self, connection: psycopg.Connection[Any]) -> psycopg.Connection[Any]:
        if self._name and self._named is not connection:
            connection.execute(dialect.KNOWN_AS, {"name": self._name})
            self._named = connection
        connection.execute("BEGIN")
        return connection

    def known_as(self, process: int) -> None:
        """Call the connection that writes by the number of a process, so that others can cut it off."""
        with self._writing:
            self._name, self._named = dialect.PROCESS.format(process), None

    def at_once(self, query: Query, values: dict[str, Any]) -> int:
        """Run one statement beside the transaction that is under way, and return how many rows it changed."""
        try:
            with self._readers().connection() as connection:
                return int(connection.execute(said(query.text).encode(), values).rowcount)
        except psycopg.Error as error:
            raise self._explained(error) from error

    def purge(self) -> bool:
        """Have the server free the places of rows that were deleted; it writes over them, and over its log, in time."""
        self._prepare()
        try:
            with self._readers().connection() as connection:
                connection.execute(dialect.VACUUM)
        except psycopg.Error as error:
            raise self._explained(error) from error
        return False

    def drop_before(self, before: int) -> int:
        """Drop the quarters that end before a time (ms) and return how many rows went."""
        gone = 0
        with self.write() as work:
            work.alone("quarters")
            for (name,) in work.connection.execute(quarters.KNOWN).fetchall():
                if quarters.is_over(name, before):
                    gone += _number(work.connection, quarters.COUNT.format(name=name))
                    work.connection.execute(quarters.DROP.format(name=name))
                    self._quarters.discard(name)
        return gone

    def listen(self, heard: Callable[[str], None]) -> Callable[[], None]:
        """Have the hints of other processes heard, in a thread of its own; return what ends it."""
        listener = Listener(self._connect, self._own_pid, heard)
        listener.start()
        return listener.stop

    def _own_pid(self) -> int | None:
        writer = self._writer
        return None if writer is None or writer.closed else writer.info.backend_pid

    def numbers(self) -> dict[str, int]:
        """Return the highest number that each table has given to a row."""
        with self.write() as work:
            every = work.connection.execute(dialect.NUMBERED).fetchall()
            return {
                table: _number(work.connection, dialect.LAST_NUMBER.format(numbers=numbers)) for table, numbers in every
            }

    def go_on_after(self, numbers: Mapping[str, int]) -> None:
        """Give no number again that was given elsewhere."""
        with self.write() as work:
            for table, of in work.connection.execute(dialect.NUMBERED).fetchall():
                if number := numbers.get(table):
                    work.connection.execute(dialect.GO_ON_AFTER, {"numbers": of, "number": number})

    def close(self) -> None:
        """Close every connection, each after the query that runs on it."""
        with self._writing, self._opening:
            pool, self._pool, writer, self._writer = self._pool, None, self._writer, None
            if writer is not None:
                writer.close()
            if pool is not None:
                pool.close(timeout=PATIENCE)

    # --- within

    def _readers(self) -> ConnectionPool[Any]:
        pool = self._pool
        if pool is not None:
            return pool
        if not self._ready:  # else nobody waits for what is being written
            self._prepare()
        with self._opening:
            if self._pool is None:
                self._pool = ConnectionPool(
                    self._server.url,
                    kwargs=self._options(),
                    configure=self._configure,
                    min_size=1,
                    max_size=READERS,
                    timeout=PATIENCE,
                    reconnect_timeout=PATIENCE,
                    num_workers=1,
                    name="perpulse",
                    open=True,
                )
            return self._pool

    def _options(self) -> dict[str, Any]:
        return {"autocommit": True, "connect_timeout": int(PATIENCE), "row_factory": named}

    @staticmethod
    def _configure(connection: psycopg.Connection[Any]) -> None:
        adapt(connection)
        connection.execute(dialect.SETTINGS.format(patience=int(PATIENCE * SECOND_MS)))

    def _connect(self) -> psycopg.Connection[Any]:
        connection = psycopg.connect(self._server.url, **self._options())
        self._configure(connection)
        return connection

    def _connect_writer(self) -> psycopg.Connection[Any]:
        connection = self._connect()
        connection.execute(dialect.WRITER_SETTINGS)
        return connection

    def _prepare(self) -> None:
        """Look whether the database is ours and bring its schema up to date, once per process."""
        with self._writing:
            if self._ready:
                return
            try:
                connection = self._connect_writer()
                try:
                    self._refuse_shared(connection)
                    migrations.prepare(connection, str(self._server))
                    self._quarters = {row[0] for row in connection.execute(quarters.KNOWN)}
                except BaseException:
                    connection.close()
                    raise
                self._writer, self._ready = connection, True
            except psycopg.Error as error:
                raise self._explained(error) from error

    def _refuse_shared(self, connection: psycopg.Connection[Any]) -> None:
        """Raise StoreError where a pool in between gives no session of our own."""
        if pooling.shares_sessions(connection, self._connect):
            raise StoreError(
                f"{self._server} is reached through a pool that gives perpulse no session of its own. Set "
                "pool_mode = session in PgBouncer, or name the server itself."
            )

    def _make_quarters(self, table: str, times: Iterable[int]) -> None:
        """Make the parts of a table in which some times lie.

        On a connection of its own, at once: other processes must not wait for what is being written.
        """
        wanted = {quarters.part_of(table, quarter): quarter for quarter in quarters.quarters_of(times)}
        for name in wanted.keys() - self._quarters:
            words = quarters.words(table, wanted[name])
            with self._readers().connection() as connection, connection.transaction():
                connection.execute(dialect.ALONE, {"what": "quarters"})
                self._quarters |= {row[0] for row in connection.execute(quarters.KNOWN)}
                if name not in self._quarters:
                    connection.execute(quarters.MAKE.format(**words))
                    connection.execute(quarters.ATTACH.format(**words))
            self._quarters.add(name)

    def _explained(self, error: psycopg.Error) -> StoreError:
        """Say what is the matter with the server, and what to do; never in words that hold a part of its address."""
        if isinstance(error, PoolTimeout | PoolClosed):  # the pool keeps the reason to itself
            try:
                self._reach()
            except psycopg.Error as reason:
                error = reason
            else:
                return StoreError(f"{self._server} is too busy to answer. Wait a moment and try again.")
        found, its_words = str(error), error.diag.message_primary  # the server's own words, once it has let us in
        outside = isinstance(error, psycopg.OperationalError) or troubles.is_of_address(found)
        if (error.sqlstate or outside) and (what := troubles.trouble(error.sqlstate, found)):
            return troubles.explained(self._server, what, its_words or "")
        # A mistake of ours, such as a value that goes into no column.
        return StoreError(f"{self._server}: {its_words or _first_line(error)}")


def _fetched(
    connection: psycopg.Connection[Any], text: str, values: dict[str, Any], made: RowFactory[Any]
) -> list[Any]:
    return connection.cursor(binary=True, row_factory=made).execute(text.encode(), values).fetchall()


def _number(connection: psycopg.Connection[Any], statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    return 0 if row is None else int(row[0])


def _keep(connection: psycopg.Connection[Any]) -> None:
    """Commit. StoreError where a statement failed and nobody said so: the server would undo everything in silence."""
    if connection.info.transaction_status is TransactionStatus.INERROR:
        raise StoreError("A statement failed and was passed over; nothing of it all is kept.")
    connection.execute("COMMIT")


def _first_line(error: Exception) -> str:
    """Return what an error says in a line."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
