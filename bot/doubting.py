"""A clock that doubts a jump of the machine's clock, until servers elsewhere have said which time is right.

Followed at once, a clock that was set back wrongly makes every figure of an exchange one of the future, so that nothing
is believed and the last price stays the newest for an hour. Never followed, a machine that learns the time only after
its start would stay wrong for ever.
"""

from __future__ import annotations

import threading
from collections import deque
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING, Final

from bot.clock import NotBefore, apart

if TYPE_CHECKING:
    from bot.clock import Clock

DOUBTED: Final = timedelta(minutes=2)  # a smaller jump is followed at once: it makes hardly a figure old or early
AGREES: Final = timedelta(seconds=30)  # servers say the time to the second, and their answers travel
WITNESSES: Final = 3  # answers in a row that say the same
KEPT: Final = 15  # answers of which the middle one is believed: one server may be wrong, or a cache old
ENOUGH: Final = 5
PATIENCE: Final = timedelta(minutes=10)  # where nobody can be asked the machine's clock is all there is


class DoubtingClock:
    """The machine's clock; after a jump, the time as it went before, until the jump is found to be right.

    machine: the clock that jumps. held: how far our time is ahead of it. doubts: it is not known yet which is right.
    """

    def __init__(self, machine: Clock) -> None:
        self.machine = machine
        self.held = timedelta(0)
        self._apart = apart(machine)
        self._patience = NotBefore(machine.monotonic)
        self._said: tuple[bool, int] = (False, 0)  # what the last answers said, and how many in a row
        self._ahead: deque[float] = deque(maxlen=KEPT)  # by how many seconds servers were ahead of the machine
        self._one = threading.Lock()

    @property
    def doubts(self) -> bool:
        """Tell whether it is not known yet which time is right."""
        self.now()
        return bool(self.held) and self._patience.left is not None

    def now(self) -> datetime:
        """Return the time in UTC."""
        with self._one:
            self._look()
            return self.machine.now() + self.held

    def monotonic(self) -> float:
        """Return seconds that never go back, for durations."""
        return self.machine.monotonic()

    @property
    def wrong_by(self) -> timedelta | None:
        """Return how far the machine's clock is ahead of what servers said lately; None where too few have said it."""
        with self._one:
            return timedelta(seconds=-median(self._ahead)) if len(self._ahead) >= ENOUGH else None

    def heard(self, at: datetime) -> None:
        """Take the time of a server elsewhere, as it has just said it."""
        with self._one:
            self._ahead.append((at - self.machine.now()).total_seconds())
        if not self.held:
            return
        with self._one:
            self._look()
            wall = self.machine.now()
            right, wrong = abs(at - wall) <= AGREES, abs(at - wall - self.held) <= AGREES
            if right == wrong:
                return
            before, count = self._said
            self._said = (right, count + 1 if before == right else 1)
            if self._said[1] >= WITNESSES:
                self._patience.forget()
                self.held = timedelta(0) if right else self.held

    def _look(self) -> None:
        """Notice a jump: our time goes on as it went, whatever the machine shows."""
        now = apart(self.machine)
        jump, self._apart = timedelta(seconds=now - self._apart), now
        if abs(jump) >= DOUBTED:
            self.held -= jump
            self._said = (False, 0)
            self._patience.wait(PATIENCE)
        if abs(self.held) < DOUBTED or (self._patience.left is not None and self._patience.passed):
            self.held = timedelta(0)
            self._patience.forget()
