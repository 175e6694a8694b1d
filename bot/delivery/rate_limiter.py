"""How fast messages may leave: limited before the claim, so that what waits keeps its order.

Answers to people share what a platform allows: they take the next place, and what waits in the outbox goes behind them.
"""

from __future__ import annotations

import asyncio
import math
from bisect import bisect_right, insort
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.clock import Clock

SHARE = 0.975  # of a platform's limit, so that its window and ours may lie a little apart
# In which what a platform allows in a second may leave: some messages take 25 ms longer than others on their way. With
# a window of one second an answer that came in between made one too many in every two hundred messages.
WINDOW = 1 / SHARE
BURST = 1.5  # messages; a burst earns a 429, half a message makes up for a turn that came late
UNLIMITED = 1_000  # messages at once where the platform has no limit


@dataclass(slots=True)
class RateLimiter:
    """What a platform allows: so many messages a second in all, to one chat, and to one group a minute.

    Times are monotonic seconds. A message to a chat counts from its answer on, which lies after the platform's own
    count; until then the outbox has the chat's next one wait.
    """

    per_second: float
    per_chat_second: float
    per_group_minute: float
    tokens: float = BURST
    filled: float | None = None
    last: dict[int, float] = field(default_factory=dict)
    group: dict[int, deque[float]] = field(default_factory=dict)
    leaving: list[float] = field(default_factory=list)  # when the messages of the last window leave, in order

    def room(self, now: float) -> int:
        """Return how many messages may leave now."""
        if math.isinf(self.per_second):
            return UNLIMITED
        passed = 0.0 if self.filled is None else max(0.0, now - self.filled)
        self.tokens = min(BURST, self.tokens + passed * self.per_second * SHARE)
        self.filled = now
        self._forget(now)
        return max(0, min(int(self.tokens), int(self.per_second) - len(self.leaving)))

    def wait(self) -> float:
        """Return after how many seconds there is room again."""
        return 0.0 if math.isinf(self.per_second) else max(0.0, (1 - self.tokens) / (self.per_second * SHARE))

    def resting(self, now: float) -> set[int]:
        """Return the destinations that were written to too recently."""
        chat, minute = 1 / self.per_chat_second, 60.0
        while self.last and now - next(iter(self.last.values())) >= chat:  # the oldest stand first
            del self.last[next(iter(self.last))]
        for destination in list(self.group):
            times = self.group[destination]
            while times and now - times[0] >= minute:
                times.popleft()
            if not times:
                del self.group[destination]
        full = {destination for destination, times in self.group.items() if len(times) >= self.per_group_minute}
        return set(self.last) | full

    def spend(self, now: float) -> None:
        """Count a message that leaves."""
        self.tokens -= 1
        self._note(now)

    def answer(self, now: float) -> float:
        """Count an answer, and return after how many seconds it may leave.

        It goes at once where the window has room for it, and otherwise with the next place that falls free, for
        which nothing of the outbox is claimed then. How many there may be at once is counted where they are admitted.
        """
        if math.isinf(self.per_second):
            return 0.0
        self._forget(now)
        most = int(self.per_second)
        at = max(now, self.leaving[-most] + WINDOW) if len(self.leaving) >= most else now
        self.tokens = max(self.tokens - 1, -self.per_second)
        self._note(at)
        return at - now

    def _note(self, at: float) -> None:
        if not math.isinf(self.per_second):
            insort(self.leaving, at)

    def _forget(self, now: float) -> None:
        del self.leaving[: bisect_right(self.leaving, now - WINDOW)]

    def arrived(self, destination: int, kind: str, now: float) -> None:
        """Count a message that was answered for."""
        self.last.pop(destination, None)  # so that the last stands last
        self.last[destination] = now
        if kind == "group":
            self.group.setdefault(destination, deque()).append(now)


class Paces:
    """The limiter of each platform, for the outbox and for the answers beside it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.limiters: dict[str, RateLimiter] = {}

    async def answer(self, platform: str) -> None:
        """Wait until an answer may leave."""
        limiter = self.limiters.get(platform)
        if limiter and (wait := limiter.answer(self._clock.monotonic())) > 0:
            await asyncio.sleep(wait)
