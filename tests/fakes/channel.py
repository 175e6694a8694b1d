"""A channel that does as it is told: it records what it is given and fails by script."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from handlers.channels.channel import Address, Limits, Outgoing
from handlers.reply import Line

if TYPE_CHECKING:
    from collections.abc import Callable

    from handlers.channels.channel import Answerer
    from handlers.channels.failure import SendFailed


class HandClock:
    """A clock moved by hand; wall time and monotonic time go together unless a test sets the wall alone."""

    def __init__(self, now: datetime) -> None:
        self.wall, self.seconds = now, 1000.0

    def now(self) -> datetime:
        return self.wall

    def monotonic(self) -> float:
        return self.seconds

    def forward(self, seconds: float) -> None:
        self.seconds += seconds
        self.wall += timedelta(seconds=seconds)


@dataclass
class Said:
    """One call that went through. edited: the message that was replaced."""

    to: Address
    message: Outgoing
    edited: str | None = None

    @property
    def text(self) -> str:
        return "\n".join(block.text for block in self.message.blocks if isinstance(block, Line))


@dataclass
class FakeChannel:
    """script: what the next calls do, an error to raise or None to succeed; when it is empty, all succeed."""

    limits: Limits = field(default_factory=lambda: Limits(4096, 1024, 30, 1, 20))
    platform: str = "telegram"
    script: deque[SendFailed | Exception | None] = field(default_factory=deque)
    said: list[Said] = field(default_factory=list)
    asked: list[Said] = field(default_factory=list)
    checked: Callable[[], SendFailed | None] = field(default=lambda: None)  # what asking how it does comes to
    checks: int = 0
    always: Callable[[Said], Exception | None] = field(default=lambda _: None)

    async def start(self, answer: Answerer) -> None:
        self.answer = answer

    async def stop(self) -> None:
        """Close nothing."""

    async def check(self) -> str:
        self.checks += 1
        if error := self.checked():
            raise error
        return f"{self.platform} would work"

    async def working(self, to: Address) -> None:
        """Show nothing."""

    async def send(self, to: Address, message: Outgoing) -> str:
        self._take(Said(to, message))
        return f"m{len(self.said)}"

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:
        self._take(Said(to, message, message_id))

    def _take(self, said: Said) -> None:
        self.asked.append(said)
        if error := (self.script.popleft() if self.script else self.always(said)):
            raise error
        self.said.append(said)
