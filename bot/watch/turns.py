"""How turns go and how late the event loop is: counted here, and read by whoever watches."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

    from bot.clock import Clock

BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds, each an upper bound
_LOOK_S: Final = 1.0
_KEPT: Final = 60  # looks


class TurnCounts:
    """Counts turns. good, failed: how many. buckets: of good ones by BUCKETS, the last beyond all. seconds: in all.

    last_good: when the last good one ended; None before the first.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = self._last = clock.monotonic()
        self.good, self.failed, self.seconds = 0, 0, 0.0
        self.buckets = [0] * (len(BUCKETS) + 1)
        self.last_good: datetime | None = None

    def took(self, seconds: float, *, good: bool) -> None:
        """Count a turn that has ended."""
        if not good:
            self.failed += 1
            return
        self.good += 1
        self.seconds += seconds
        self.buckets[bisect_left(BUCKETS, seconds)] += 1
        self.last_good, self._last = self._clock.now(), self._clock.monotonic()

    @property
    def since_good(self) -> float:
        """Return the seconds since the last good turn, or since the start where there was none."""
        return self._clock.monotonic() - self._last

    @property
    def running(self) -> float:
        """Return the seconds since the start."""
        return self._clock.monotonic() - self._began


class LoopLag:
    """Measures once a second by how much the event loop is late; `worst` is that of the last minute, in seconds."""

    def __init__(self) -> None:
        self._late: deque[float] = deque([0.0], maxlen=_KEPT)

    @property
    def worst(self) -> float:
        """Return by how many seconds the loop was late at most within a minute."""
        return max(self._late)

    async def run(self) -> None:
        """Measure until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(_LOOK_S)
            self._late.append(max(0.0, loop.time() - before - _LOOK_S))
