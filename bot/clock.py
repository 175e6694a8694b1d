"""The clock: the one place where the time is read. Everything else takes `now` as an argument.

There are two clocks. The wall clock says when something was; people and time servers set it, so it jumps. The monotonic
clock says how long something took, and every pause and schedule counts by it, or an hour taken off the wall clock would
be an hour in which nothing is asked.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from signals.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

# Counts the time that a machine slept, so that a laptop's pauses are over in the morning. Linux names it BOOTTIME;
# MONOTONIC of macOS counts it, that of Linux does not; Windows has neither, and time.monotonic() counts it there.
_STEADY: Final[int | None] = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class Clock(Protocol):
    """What time it is, and how much has passed."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never go back, for durations."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back, for durations; those that the machine slept are among them."""
        return time.monotonic() if _STEADY is None else time.clock_gettime(_STEADY)


STEADY: Final = SystemClock().monotonic  # for who is given no clock


class ReplayClock:
    """A clock that stands still until it is moved: the replay lives in the time of its data."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._passed = 0.0

    def now(self) -> datetime:
        """Return the time it was moved to."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds by which it was moved on."""
        return self._passed

    def move(self, now: datetime) -> None:
        """Let time pass until `now`. Back, it is a clock that was set back: no time passes."""
        self._passed += max(0.0, (now - self._now).total_seconds())
        self._now = now

    def jump(self, by: timedelta) -> None:
        """Set the wall clock, while no time passes."""
        self._now += by


class NotBefore:
    """A moment that is waited for, by the monotonic clock: no jump of the wall clock shortens or stretches the wait.

    steady: that clock, in seconds.
    """

    __slots__ = ("_end", "_steady")

    def __init__(self, steady: Callable[[], float]) -> None:
        self._steady = steady
        self._end: float | None = None

    def wait(self, pause: timedelta) -> None:
        """Begin to wait, from now on and for so long; a wait that was on is forgotten."""
        self._end = self._steady() + pause.total_seconds()

    def forget(self) -> None:
        """Wait for nothing any more."""
        self._end = None

    @property
    def left(self) -> timedelta | None:
        """Return how long is still waited: nothing where the moment has passed, None where none is waited for."""
        return None if self._end is None else timedelta(seconds=max(0.0, self._end - self._steady()))

    @property
    def passed(self) -> bool:
        """Tell whether the moment has come, or none is waited for."""
        return self._end is None or self._steady() >= self._end


def apart(clock: Clock) -> float:
    """Return the seconds between a clock's two counts: they change only where the wall clock is set."""
    wall = clock.now().timestamp()
    return wall - clock.monotonic()


class JumpWatch:
    """Notices jumps of the wall clock: it and the monotonic clock must count the same between two looks."""

    LEAST: Final = SECOND  # what a time server corrects bit by bit stays far below it

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._apart = apart(clock)

    def look(self) -> timedelta:
        """Return by how much the wall clock was set since the last look: below zero when back, zero if it was not."""
        now = apart(self._clock)
        jump = timedelta(seconds=now - self._apart)
        self._apart = now  # also where it was too little to tell: corrections bit by bit must not add up to a jump
        return jump if abs(jump) >= self.LEAST else timedelta(0)
