"""What a quick run leaves out, and who says when that is no longer enough: a plugin, loaded by the conftest.

`--quick` runs every room on at most LIMIT of processor time a test. What takes more is marked `slow`, by hand, since a
marker is read beside the test and says so in the same commit. Every run looks whether all are marked that have to be:
it notes what each test takes of the processor, programs that it starts included, and names at its end who is over.
"""

from __future__ import annotations

import resource
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import settings

from tests.examples import FEW

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _pytest.fixtures import FixtureDef, SubRequest
    from _pytest.terminal import TerminalReporter

LIMIT: Final = 0.05  # seconds of processor time
# Only three times as much is told: a processor that is shared with others takes up to twice as long for the same.
TOLD: Final = 3 * LIMIT
_MODULES: Final = 10  # so many new ones are a library
_TOOK: Final = "processor time"


def spent() -> float:
    """Return the seconds of processor time of this process, all of its threads, and of programs that it has ended."""
    mine, theirs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return mine.ru_utime + mine.ru_stime + theirs.ru_utime + theirs.ru_stime


class Watch:
    """Notes the time of each test, but for what is not its own.

    That is what is made once for many (a fixture of the module or the session), and whatever the first of all to load a
    library pays for: such a test is not judged.
    """

    def __init__(self) -> None:
        self._shared, self._loaded = 0.0, 0
        self.over: dict[str, float] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: FixtureDef[Any], request: SubRequest) -> Iterator[None]:
        """Note what is made for many."""
        if fixturedef.scope == "function":
            return (yield)
        begin, inner = spent(), self._shared
        try:
            return (yield)
        finally:
            self._shared = inner + spent() - begin

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """Begin to count."""
        self._shared, self._loaded, item.stash[_BEGUN] = 0.0, len(sys.modules), spent()
        yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Note who took too long and is not marked; a property test by the share of its examples that is quick."""
        try:
            return (yield)
        finally:
            took = spent() - item.stash[_BEGUN] - self._shared
            if item.get_closest_marker("hypothesis"):
                took *= min(1.0, FEW / settings().max_examples)
            loads = len(sys.modules) - self._loaded > _MODULES
            if took > TOLD and not loads and item.get_closest_marker("slow") is None:
                item.user_properties.append((_TOOK, took))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take what a worker noted."""
        self.over.update((report.nodeid, took) for name, took in report.user_properties if name == _TOOK)

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Name who is over, the longest first."""
        if not self.over:
            return
        terminalreporter.section("too slow for a quick run: make them cheaper, or mark them `slow`")
        for name, took in sorted(self.over.items(), key=lambda one: -one[1]):
            terminalreporter.line(f"{took:.2f} s  {name}")


_BEGUN = pytest.StashKey[float]()


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what is slow out of a quick run, and say that it was."""
    slow = [item for item in items if item.get_closest_marker("slow") is not None]
    config.hook.pytest_deselected(items=slow)
    items[:] = [item for item in items if item.get_closest_marker("slow") is None]
