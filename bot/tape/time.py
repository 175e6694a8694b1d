"""Time on a tape: a loop in which nobody waits, and the clock that goes with it."""

from __future__ import annotations

import asyncio
import selectors
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from datetime import datetime

_Found = TypeVar("_Found")
_Given = TypeVarTuple("_Given")


class TapeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time stands still while anything is done, and jumps when everybody waits.

    So an hour of a tape takes seconds, every pause and time limit keeps its length, and what happens does not depend on
    how busy this machine is. Only what waits inside this process may run in it: an answer from a network would always
    come too late. A thread that works holds the time.
    """

    def __init__(self) -> None:
        self._passed = 0.0
        self._working = 0
        super().__init__(_Jumping(self))

    def time(self) -> float:
        """Return the seconds that have passed on the tape."""
        return self._passed

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Given], _Found], *args: *_Given
    ) -> asyncio.Future[_Found]:
        """Run in a thread, and let no time pass until it is done."""
        done = super().run_in_executor(executor, func, *args)
        self._working += 1
        done.add_done_callback(self._worked)
        return done

    @property
    def working(self) -> bool:
        """Tell whether a thread works."""
        return self._working > 0

    def jump(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds

    def _worked(self, _: object) -> None:
        self._working -= 1


class _Jumping(selectors.DefaultSelector):
    """Where a loop waits for the next timer, the loop jumps to it."""

    def __init__(self, loop: TapeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._loop.working and (timeout is None or timeout > 0):
            return super().select(None)  # the thread rings when it is done
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if found := super().select(0):
            return found
        self._loop.jump(timeout)
        return []


class TapeClock:
    """The clock of a tape: it shows the time at which its lines were written."""

    def __init__(self, begin: datetime, loop: TapeLoop) -> None:
        self._begin, self._loop = begin, loop

    def now(self) -> datetime:
        """Return the time on the tape, in UTC."""
        return self._begin + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        """Return the seconds since the tape began."""
        return self._loop.time()

    async def until(self, at: datetime) -> None:
        """Wait until the tape has come to a time."""
        seconds = (at - self.now()).total_seconds()
        if seconds > 0:
            await asyncio.sleep(seconds)
