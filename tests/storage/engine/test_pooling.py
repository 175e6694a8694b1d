"""A pool between perpulse and its server: each connection a session of its own, or it is refused at once."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from storage.engine.database import Store, StoreError
from storage.engine.sql import queries
from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SQL = queries("storage.engine")
NOBODY = 65534


class Session:
    """A connection of which the pool says one number, and whose statements reach one server process after another."""

    def __init__(self, told: int, *reached: int) -> None:
        self.info, self._reached, self.asked = SimpleNamespace(backend_pid=told), reached, 0

    def execute(self, _: str) -> SimpleNamespace:
        number = self._reached[self.asked % len(self._reached)]
        self.asked += 1
        return SimpleNamespace(fetchone=lambda: (number,))


@pytest.mark.parametrize(
    ("told", "first", "second", "shared"),
    [
        pytest.param(7, [7], [], False, id="nobody in between"),
        pytest.param(91, [7], [8], False, id="a session each"),
        pytest.param(91, [7], [7], True, id="what was used last"),
        pytest.param(91, [7, 9], [8], True, id="one after the other"),
        pytest.param(91, [7], [8, 8, 7], True, id="beside others"),
    ],
)  # fmt: skip
def test_a_pool_that_shares_its_sessions_is_known(
    told: int, first: Sequence[int], second: Sequence[int], shared: bool
) -> None:
    pooling = pytest.importorskip("storage.engine.postgres.pooling")
    asked: list[int] = []

    def connect() -> AbstractContextManager[Any]:
        asked.append(1)
        return nullcontext(Session(92, *second))

    assert pooling.shares_sessions(Session(told, *first), connect) is shared
    assert asked == [1] * bool(second), "a connection more than it takes"


@pytest.fixture
def pooled(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of an empty database, through a PgBouncer of the mode that the test names."""
    if (program := shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")) is None:
        pytest.skip("pgbouncer is not here")
    if (server := postgres.embedded()) is None:
        pytest.skip(postgres.MISSING)
    place = Path(tempfile.mkdtemp(prefix="perpulse-pool-"))
    place.joinpath("pool.ini").write_text(
        f"[databases]\n* = user=postgres host={server.partition('host=')[2]}\n"
        f"[pgbouncer]\nlisten_addr =\nlisten_port = 6432\nunix_socket_dir = {place}\nauth_type = any\n"
        f"pool_mode = {request.param}\n",
        encoding="utf-8",
    )
    who: dict[str, Any] = {}
    if os.getuid() == 0:  # it refuses to run as root, as the server does
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
        os.chown(place, NOBODY, NOBODY)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([program, "-q", place / "pool.ini"], **quiet, **who)
    try:
        for _ in range(100):
            if (place / ".s.PGSQL.6432").exists():
                break
            time.sleep(0.05)
        yield f"postgresql://postgres@/postgres?host={place}&port=6432"
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(place)


@pytest.mark.slow
@pytest.mark.parametrize("pooled", ["transaction", "statement"], indirect=True)
def test_pgbouncer_without_sessions_is_refused(pooled: str) -> None:
    with closing(Store(pooled)) as store:
        for _ in range(2):
            with pytest.raises(StoreError, match=r"no session of its own\. Set pool_mode = session in PgBouncer"):
                store.read(SQL.settings_of, prefix="")


@pytest.mark.slow
@pytest.mark.parametrize("pooled", ["session"], indirect=True)
def test_pgbouncer_with_sessions_serves(pooled: str) -> None:
    with closing(Store(pooled)) as store:
        with store.write():
            pass
        assert store.read(SQL.settings_of, prefix="") == []
