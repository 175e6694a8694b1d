"""How fast messages may leave: limited before the claim, so that what waits keeps its order."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

SHARE = 0.97  # of a platform's limit, so that its window and ours may lie a little apart
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

    def room(self, now: float) -> int:
        """Return how many messages may leave now."""
        if math.isinf(self.per_second):
            return UNLIMITED
        passed = 0.0 if self.filled is None else max(0.0, now - self.filled)
        self.tokens = min(BURST, self.tokens + passed * self.per_second * SHARE)
        self.filled = now
        return max(0, int(self.tokens))

    def wait(self) -> float:
        """Return after how many seconds there is room again."""
        return 0.0 if math.isinf(self.per_second) else max(0.0, (1 - self.tokens) / (self.per_second * SHARE))

    def resting(self, now: float) -> set[int]:
        """Return the destinations that were written to too recently."""
        chat, minute = 1 / self.per_chat_second, 60.0
        self.last = {destination: at for destination, at in self.last.items() if now - at < chat}
        for destination in list(self.group):
            times = self.group[destination]
            while times and now - times[0] >= minute:
                times.popleft()
            if not times:
                del self.group[destination]
        full = {destination for destination, times in self.group.items() if len(times) >= self.per_group_minute}
        return set(self.last) | full

    def spend(self) -> None:
        """Count a message that leaves."""
        self.tokens -= 1

    def arrived(self, destination: int, kind: str, now: float) -> None:
        """Count a message that was answered for."""
        self.last[destination] = now
        if kind == "group":
            self.group.setdefault(destination, deque()).append(now)
