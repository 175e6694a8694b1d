"""When to leave somebody alone: one small state machine for a host, for a topic and for a single asset."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from bot.clock import NotBefore
from bot.market.source import Blocked, NotOffered, SourceDown, SourceError
from signals.units import DAY, HOUR, SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

State = Literal["ok", "down", "blocked", "absent"]

SHORTEST: Final = timedelta(seconds=5)
LONGEST: Final = timedelta(minutes=5)
PROBE: Final = HOUR  # a refused host is asked this often whether that has changed
AGAIN: Final = DAY  # a contract that is not offered may be listed tomorrow


class Breaker:
    """Count failures and say when the next attempt is allowed.

    state: how the last attempt ended. since: when that state began. failures: attempts without success in a row.
    steady: the monotonic clock, in seconds, by which it rests.
    """

    def __init__(self, steady: Callable[[], float], chance: Callable[[], float]) -> None:
        self.state: State = "ok"
        self.since: datetime | None = None
        self.failures = 0
        self.reason = ""
        self._next = NotBefore(steady)
        self._said: datetime | None = None  # the time of the next try, so that it is the same each time it is said
        self._chance = chance

    @property
    def rests(self) -> bool:
        """Tell whether nothing may be asked yet."""
        return self.state != "ok" and not self._next.passed  # the clock is not asked for hundreds that are well

    @property
    def left(self) -> timedelta | None:
        """Return how long nothing may be asked; None where nothing has failed."""
        return self._next.left

    def next_try(self, now: datetime) -> datetime | None:
        """Return when it may be asked again, by the wall clock as it goes now; None where nothing has failed."""
        left = self._next.left
        if left and (self._said is None or abs(now + left - self._said) > SECOND):  # the wall clock was set since
            self._said = now + left
        return None if left is None else self._said or now

    def worked(self, now: datetime) -> None:
        """Note a success: all is forgotten."""
        if self.state == "ok" and self.since is not None and not self.failures:
            return  # the usual case, hundreds of times a round
        self._enter("ok", "", now)
        self.failures = 0
        self._next.forget()

    def failed(self, error: SourceError, now: datetime) -> None:
        """Note a failure and choose the next attempt: the venue's own time, an hour, a day, or a growing pause."""
        self.failures += 1
        self._said = None
        if isinstance(error, Blocked):
            self._enter("blocked", str(error), now)
            self._next.wait(PROBE)
        elif isinstance(error, NotOffered):
            self._enter("absent", str(error), now)
            self._next.wait(AGAIN)
        else:
            self._enter("down", str(error), now)
            named = error.retry_at if isinstance(error, SourceDown) else None
            pause = self._pause()
            self._next.wait(max(pause, named - now) if named else pause)

    def _pause(self) -> timedelta:
        """Double from 5 seconds to 5 minutes, up to half more by chance: not everybody comes back in one second."""
        doubled = SHORTEST * float(1 << min(self.failures - 1, 10))
        return min(doubled * (1 + self._chance() / 2), LONGEST)

    def _enter(self, state: State, reason: str, now: datetime) -> None:
        if state != self.state or self.since is None:
            self.since = now
        self.state, self.reason = state, reason
