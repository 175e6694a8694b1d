"""Whether a test notices: each mutant in a forked process, where the tests that reach it run until the first fails.

Which tests reach a function or a query, and how long each takes, is noted once, without a mutant. Whoever does not
reach it cannot notice it, so nothing is lost by leaving it out.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.machinery
import json
import os
import selectors
import signal
import sys
import tempfile
import threading
import time
import traceback
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import Phase, settings

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from types import FrameType

    from tests.faults.mutants.breaking import Mutant

ROOT = Path(__file__).resolve().parents[3]
KEPT: Final = ROOT / ".pytest_cache" / "mutants.json"  # what was noted, for as long as nothing changes
QUICK: Final = 0.3  # seconds of processor time; who takes longer is asked last
LONGEST: Final = 240  # seconds by the clock that the tests of one mutant may wait for something
_EVERY: Final = ""  # of what a test reaches: what a module does as it is imported
_FAILED: Final = (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED)  # interrupted: it cannot even be imported
_FELL: Final = 70  # before pytest could say anything
_PASSED: Final = (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED)


class Noticing:
    """What runs are alike in: the file alone, since tests that ask a server too would say the same again."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave the server out."""
        items[:] = [item for item in items if _of(item) != "postgres"]


def _of(item: pytest.Item) -> object:
    called = getattr(item, "callspec", None)
    return called.params.get("engine") if called else None


@dataclass(eq=False)  # pytest keeps its plugins in sets
class Notes(Noticing):
    """What the tests do without a mutant: a plugin of that run.

    reached: by test, file of tests, or nothing, what was called: functions by file and first line, queries by name.
    took: seconds of processor time, by test in the order in which they ran. loaded: libraries.
    """

    reached: dict[str, set[tuple[str, int | str]]] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)

    def watch(self, files: Collection[str]) -> None:
        """Note from now on whatever is called of some files."""
        from storage.engine.sql import Queries  # noqa: PLC0415 - in the process of the tests alone

        self._now = self.reached.setdefault(_EVERY, set())
        of_path = {str(ROOT / file): file for file in files}

        def enters(frame: FrameType, event: str, arg: object) -> None:
            if file := of_path.get(frame.f_code.co_filename):
                self._now.add((file, frame.f_code.co_firstlineno))

        real = Queries.__getattr__

        def asked(queries: Queries, name: str) -> Any:
            self._now.add(("", name))
            return real(queries, name)

        Queries.__getattr__ = asked  # type: ignore[method-assign]
        threading.settrace(enters)
        sys.settrace(enters)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Iterator[None]:
        """Note what a set-up does as done for the whole file: it may have been made for many."""
        self._now = self.reached.setdefault(item.nodeid.partition("::")[0], set())
        self._begun = time.process_time()
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Note what a test does."""
        self._now = self.reached.setdefault(item.nodeid, set())
        try:
            return (yield)
        finally:
            self._now = self.reached[_EVERY]
            self.took[item.nodeid] = time.process_time() - self._begun

    def write(self, path: Path) -> None:
        """Keep it for another process."""
        self.loaded |= {
            name
            for name, module in list(sys.modules.items())
            if (file := getattr(module, "__file__", None)) and not file.startswith(f"{ROOT}/")
        }
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            json.dumps([{key: sorted(of, key=str) for key, of in self.reached.items()}, self.took, [*self.loaded]])
        )

    @classmethod
    def read(cls, path: Path) -> Notes:
        """Read what another process wrote."""
        reached, took, loaded = json.loads(path.read_text())
        return cls({key: {(file, at) for file, at in of} for key, of in reached.items()}, took, set(loaded))

    def without(self, files: Collection[str]) -> Notes:
        """Return what is noted of all other files of tests."""
        return Notes(
            {key: of for key, of in self.reached.items() if key.partition("::")[0] not in files},
            {test: took for test, took in self.took.items() if test.partition("::")[0] not in files},
            self.loaded,
        )

    def tests_of(self, mutant: Mutant, tests: Collection[str]) -> list[str]:
        """Return those tests of some files that reach a mutant: in the order of the files, but the quick ones first."""
        place = {file: number for number, file in enumerate(tests)}
        among = [test for test in self.took if test.partition("::")[0] in place and self._reaches(mutant, test)]
        return sorted(among, key=lambda test: (max(self.took[test], QUICK), place[test.partition("::")[0]]))

    def _reaches(self, mutant: Mutant, test: str) -> bool:
        if mutant.within is None:
            return True
        called = set().union(*(self.reached.get(key, ()) for key in (_EVERY, test.partition("::")[0], test)))
        if isinstance(mutant.within, str):
            return ("", mutant.within) in called
        return any((mutant.file, line) in called for line in mutant.within)


@dataclass(eq=False)
class _Only(Noticing):
    """A plugin that runs some tests, in their order, and writes down the one that failed or ran on.

    A test may take five times the processor time that it takes without a mutant, and ten seconds: a busy machine takes
    longer by the clock alone.
    """

    tests: dict[str, float]
    path: Path

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        super().pytest_collection_modifyitems(items)
        place = {test: i for i, test in enumerate(self.tests)}
        items[:] = sorted((item for item in items if item.nodeid in place), key=lambda item: place[item.nodeid])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self.path.write_text(item.nodeid)
        signal.setitimer(signal.ITIMER_PROF, 10 + 5 * self.tests[item.nodeid])
        return (yield)


@dataclass(frozen=True)
class Outcome:
    """What came of a mutant. by: the test that ran last, which is the one that failed. seconds: what it took.

    unclear: neither did a test fail nor did all pass; it ran on, or fell. That is no evidence that anybody looks.
    """

    mutant: Mutant
    what: str
    by: str
    seconds: float


def files_of(tests: Collection[str]) -> list[str]:
    """Return the files of tests in some folders, or named themselves."""
    found = [file for name in tests for file in ([ROOT / name] if name.endswith(".py") else _within(ROOT / name))]
    return list(dict.fromkeys(str(file.relative_to(ROOT)) for file in found))


def _within(folder: Path) -> list[Path]:
    return sorted(folder.rglob("test_*.py"))


def noted(files: Collection[str], tests: Collection[str], left_out: Collection[str]) -> Notes | None:
    """Return what some files of tests do without a mutant, as it is kept or by running them; None where one fails.

    files: what is to be watched. left_out: tests that are not asked. Afterwards this process holds what each mutant's
    begins with: the libraries.
    """
    notes = _kept()
    if missing := [file for file in tests if file not in notes.reached]:
        sys.stdout.flush()
        pid = os.fork()
        if not pid:
            code = _FELL
            try:
                notes.watch(files)
                code = _pytest([*(f"--deselect={name}" for name in left_out), *missing], notes)
                if code == 0:
                    notes.write(KEPT)
            finally:
                if code == _FELL:
                    traceback.print_exc()
                os._exit(code)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0:
            return None
        notes = Notes.read(KEPT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in notes.loaded:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    gc.collect()
    gc.freeze()
    return notes


def _kept() -> Notes:
    """Return what was noted before: of no file of tests that has changed, and nothing where anything else has."""
    if not KEPT.exists():
        return Notes()
    at = KEPT.stat().st_mtime
    rooms = [ROOT / room for room in ("bot", "handlers", "storage", "signals", "tests")]
    every = [path for room in rooms for path in (room, *room.rglob("*")) if path.suffix in {".py", ".sql"}]
    changed = [path for path in every if path.stat().st_mtime > at]
    if not all(path.name.startswith("test_") for path in changed):
        return Notes()
    return Notes.read(KEPT).without([str(path.relative_to(ROOT)) for path in changed])


def put_in(mutant: Mutant) -> None:
    """Have this process import the mutant in place of the module."""
    if mutant.file.endswith(".sql"):
        from storage.engine import sql  # noqa: PLC0415 - in the process of the mutant alone

        parse, original = sql.parse, (ROOT / mutant.file).read_text(encoding="utf-8")
        sql.parse = lambda text: parse(mutant.text if text == original else text)
        return
    loader = importlib.machinery.SourceFileLoader
    real = loader.get_code
    path = str(ROOT / mutant.file)

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> object:
        if self.path == path:
            return compile(mutant.text, path, "exec", dont_inherit=True)
        return real(self, fullname)

    loader.get_code = get_code  # type: ignore[method-assign,assignment]


def _pytest(arguments: Collection[str], plugin: Noticing) -> int:
    """Run tests until the first fails; return pytest's exit code. Only for a process of its own."""
    settings.register_profile(
        "mutants",
        derandomize=True,
        max_examples=25,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
    )
    with tempfile.TemporaryDirectory() as folder:
        return int(
            pytest.main(
                [
                    *("-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=no", f"--basetemp={folder}/t"),
                    *("-W", "ignore::pytest.PytestAssertRewriteWarning", "--hypothesis-profile=mutants"),
                    "--timeout=0",  # by the clock
                    *arguments,
                ],
                plugins=[plugin],
            )
        )


def _begin(mutant: Mutant, tests: dict[str, float], path: Path) -> int:
    """Fork a process that runs the tests of a mutant; return its number."""
    sys.stdout.flush()
    if pid := os.fork():
        return pid
    os.setsid()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    code = _FELL
    try:
        put_in(mutant)
        code = _pytest(list(dict.fromkeys(test.partition("::")[0] for test in tests)), _Only(tests, path))
    finally:
        os._exit(code)


def outcomes(chosen: list[tuple[Mutant, list[str]]], took: dict[str, float], workers: int) -> Iterator[Outcome]:
    """Run mutants side by side, each with its tests; tell of each, as it ends, what came of it."""
    todo, running = chosen[::-1], {}
    waiting = selectors.DefaultSelector()
    with tempfile.TemporaryDirectory() as folder:
        while todo or running:
            while todo and len(running) < workers:
                mutant, tests = todo.pop()
                if not tests:
                    yield Outcome(mutant, "survives", "no test reaches it", 0.0)
                    continue
                path = Path(folder) / str(len(todo))
                pid = _begin(mutant, {test: took[test] for test in tests}, path)
                ended = os.pidfd_open(pid)
                waiting.register(ended, selectors.EVENT_READ)
                running[ended] = (pid, mutant, time.monotonic(), path)
            ready = {key.fd for key, _ in waiting.select(timeout=1.0)} if running else set()
            for ended, (pid, mutant, begun, path) in list(running.items()):
                seconds = time.monotonic() - begun
                if seconds > LONGEST:
                    os.killpg(pid, signal.SIGKILL)
                if seconds > LONGEST or ended in ready:
                    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                    waiting.unregister(ended)
                    os.close(ended)
                    del running[ended]
                    what = "noticed" if code in _FAILED else "survives" if code in _PASSED else "unclear"
                    yield Outcome(mutant, what, path.read_text() if path.exists() else f"exit code {code}", seconds)
