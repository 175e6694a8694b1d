"""How often something may happen, by name: token buckets, and windows of a minute. Times are monotonic seconds."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

_MINUTE: Final = 60.0
_SWEPT_AT: Final = 1_000  # names; whoever has not asked for long is forgotten


@dataclass(frozen=True, slots=True)
class Pace:
    """So many at once, and then so many a minute. debt: how far what is refused counts against whoever goes on."""

    burst: float
    per_minute: float
    debt: float = 0.0


class Buckets:
    """One token bucket for each name, full at first."""

    def __init__(self, rate: Pace) -> None:
        self._rate = rate
        self._left: dict[Hashable, tuple[float, float]] = {}  # how much was left, and when
        self._sweep_at = _SWEPT_AT

    def __len__(self) -> int:
        """Return how many names are remembered."""
        return len(self._left)

    def take(self, name: Hashable, now: float) -> bool:
        """Take one; False where none is left. What is refused counts too, down to the debt, so a flood dries up."""
        left = self._at(name, now)
        taken = left >= 1.0
        if taken or self._rate.debt:
            left = max(left - 1.0, -self._rate.debt)
        self._left[name] = (left, now)
        if len(self._left) > self._sweep_at:
            self._sweep(now)
        return taken

    def wait(self, name: Hashable, now: float) -> float:
        """Return after how many seconds one is left, if nothing is asked meanwhile."""
        return max(0.0, (1.0 - self._at(name, now)) * _MINUTE / self._rate.per_minute)

    def _at(self, name: Hashable, now: float) -> float:
        left, since = self._left.get(name, (self._rate.burst, now))
        return min(self._rate.burst, left + max(0.0, now - since) * self._rate.per_minute / _MINUTE)

    def _sweep(self, now: float) -> None:
        self._left = {name: kept for name, kept in self._left.items() if self._at(name, now) < self._rate.burst}
        self._sweep_at = max(_SWEPT_AT, 2 * len(self._left))


class PerMinute:
    """At most so many within any minute for each name."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._times: dict[Hashable, deque[float]] = {}

    def __len__(self) -> int:
        """Return how many names are remembered."""
        return len(self._times)

    def free(self, name: Hashable, now: float) -> bool:
        """Tell whether one more fits."""
        times = self._times.get(name)
        while times and now - times[0] >= _MINUTE:
            times.popleft()
        if not times:
            self._times.pop(name, None)
        return len(times or ()) < self._most

    def wait(self, name: Hashable, now: float) -> float:
        """Return after how many seconds one more fits."""
        return 0.0 if self.free(name, now) else self._times[name][0] + _MINUTE - now

    def count(self, name: Hashable, now: float) -> None:
        """Count one."""
        if len(self._times) > _SWEPT_AT:
            self._times = {other: times for other, times in self._times.items() if now - times[-1] < _MINUTE}
        self._times.setdefault(name, deque()).append(now)
