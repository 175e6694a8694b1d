"""When to leave somebody alone: one small state machine for a host, for a topic and for a single asset."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from bot.market.source import Blocked, NotOffered, SourceDown, SourceError
from signals.units import DAY, HOUR

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
    """

    def __init__(self, chance: Callable[[], float]) -> None:
        self.state: State = "ok"
        self.since: datetime | None = None
        self.failures = 0
        self.next_try: datetime | None = None
        self.reason = ""
        self._failed_at: datetime | None = None
        self._chance = chance

    def rests(self, now: datetime) -> bool:
        """Tell whether nothing may be asked yet. A clock that was put back ends the rest: it would last too long."""
        return self.next_try is not None and self._failed_at is not None and self._failed_at <= now < self.next_try

    def worked(self, now: datetime) -> None:
        """Note a success: all is forgotten."""
        if self.state == "ok" and self.since is not None and not self.failures:
            return  # the usual case, hundreds of times a round
        self._enter("ok", "", now)
        self.failures, self.next_try = 0, None

    def failed(self, error: SourceError, now: datetime) -> None:
        """Note a failure and choose the next attempt: the venue's own time, an hour, a day, or a growing pause."""
        self.failures += 1
        self._failed_at = now
        if isinstance(error, Blocked):
            self._enter("blocked", str(error), now)
            self.next_try = now + PROBE
        elif isinstance(error, NotOffered):
            self._enter("absent", str(error), now)
            self.next_try = now + AGAIN
        else:
            self._enter("down", str(error), now)
            named = error.retry_at if isinstance(error, SourceDown) else None
            self.next_try = max(now + self._pause(), named) if named else now + self._pause()

    def _pause(self) -> timedelta:
        """Double from 5 seconds to 5 minutes, up to half more by chance: not everybody comes back in one second."""
        doubled = SHORTEST * float(1 << min(self.failures - 1, 10))
        return min(doubled * (1 + self._chance() / 2), LONGEST)

    def _enter(self, state: State, reason: str, now: datetime) -> None:
        if state != self.state or self.since is None:
            self.since = now
        self.state, self.reason = state, reason
