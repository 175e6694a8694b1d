"""What holds for every test: no network beyond this machine, no settings of whoever runs them."""

from __future__ import annotations

import gc
import ipaddress
import os
import sys
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from hypothesis import Phase, settings

from storage.engine.sqlite import file, migrations
from storage.engine.sqlite.dialect import SQLITE
from tests import quick
from tests.examples import FEW

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

# No deadline: two busy cores are no defect. .ci/run takes the whole profile, whose examples are the same each time, so
# that a push is judged by itself; `make test` and `make fuzz` look for new ones.
# None explains: before Python 3.12 that traces every line, and a failure becomes a time-out that shows nothing.
_PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
settings.register_profile("quick", deadline=None, print_blob=True, phases=_PHASES, max_examples=FEW)
settings.register_profile("fast", deadline=None, print_blob=True, phases=_PHASES, max_examples=30)
settings.register_profile("whole", deadline=None, print_blob=True, phases=_PHASES, max_examples=100, derandomize=True)
settings.register_profile("fuzz", deadline=None, print_blob=True, phases=_PHASES, max_examples=5000)
settings.load_profile("fast")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--quick`, for in between."""
    parser.addoption("--quick", action="store_true", help="the tests of each room alone, and of them not the slow ones")


def pytest_configure(config: pytest.Config) -> None:
    """Take fewer examples where it has to be quick; a profile that was named on the command line wins."""
    if config.getoption("--quick") and not config.getoption("--hypothesis-profile", None):
        settings.load_profile("quick")
    config.pluginmanager.register(quick.Watch())


_TESTS = Path(__file__).parent
_BEYOND_ONE_ROOM = frozenset({_TESTS / "field", _TESTS / "faults", *_TESTS.glob("test_*.py")})


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Read nothing in a quick run that is told of the whole bot (tests/field, tests/faults) or asked of the whole tree.

    Each worker would import it, which is a quarter of what it does before its first test.
    """
    return True if config.getoption("--quick") and collection_path in _BEYOND_ONE_ROOM else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what is slow out of a quick run."""
    if config.getoption("--quick"):
        quick.leave_out(config, items)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what stays until the end: modules and tests, a million objects at each full look."""
    gc.collect()
    gc.freeze()


_MIGRATE: Callable[[Path], None] = migrations.migrate


@cache
def _prepared() -> bytes:
    """Return a database of the newest schema, made once by the steps that make every database."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "perpulse.db"
        _MIGRATE(path)
        return path.read_bytes()


def _copied(path: Path) -> None:
    """Write the prepared database where a new one begins: all steps a test are a tenth of all its time.

    Files that exist are migrated as ever.
    """
    if path.exists() and path.stat().st_size:
        _MIGRATE(path)
    else:
        path.write_bytes(_prepared())


# No test pulls the plug, and waiting for the disk at each commit was a third of all their time. Programs that tests
# start wait as ever, and so does `test_durability_is_what_was_promised`.
file.SQLITE = replace(SQLITE, settings=(*SQLITE.settings, "PRAGMA synchronous = OFF"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Give tests of the steps themselves (`real_migrations`) nothing prepared.

    A hook: the fixtures that each test would pay for were a millisecond of its set-up.
    """
    migrations.migrate = _copied if item.get_closest_marker("real_migrations") is None else _MIGRATE


# A traceback drawn with boxes and colours takes a second; what a test prints is read where it failed, and plain.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

# A developer's own token must never reach a test; the server that is named for tests must, in each of their processes.
for _name in [name for name in os.environ if name.startswith("PERPULSE_") and name != "PERPULSE_TEST_POSTGRES"]:
    del os.environ[_name]


def _stay_here(event: str, args: tuple[Any, ...]) -> None:
    """Refuse any connection that would leave this machine: tests run on recordings and loopback servers."""
    if event == "socket.connect":
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None  # a path: a Unix socket
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if host in (None, "", b"", "localhost", b"localhost"):
        return
    try:
        here = ipaddress.ip_address(host.decode() if isinstance(host, bytes) else host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise RuntimeError(f"A test reached for {host!r}. Tests use the fakes in tests/fakes and recordings only.")


sys.addaudithook(_stay_here)
