"""A store with a quiet year of two assets, the job that makes digests, a dispatcher and a chat, at one clock."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.delivery.dispatcher import Dispatcher
from bot.engine.digests import Digests
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused, nobody
from handlers.reply import plain_text
from storage.alerts import outbox
from storage.engine.database import Store
from tests import loop
from tests.fakes.channel import FakeChannel, HandClock
from tests.waves import ASSETS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.reply import Reply

USER = "5550123456"
ASKER = Asker("telegram", Address(USER), USER)
START = datetime(2026, 3, 6, 12, tzinfo=UTC)  # two days before New York changes its clock


@dataclass
class DigestHouse:
    """The parts of a perpulse that make digests; nothing of them is a fake but the clock and the chat."""

    store: Store
    clock: HandClock
    channel: FakeChannel = field(default_factory=FakeChannel)
    seen: int = 0

    def __post_init__(self) -> None:
        self.job = Digests(self.store, self.clock, ASSETS, told=lambda: None)
        self.dispatcher = Dispatcher(self.store, [self.channel], self.clock, noise=random.Random(1))
        self.dispatcher.start()

    def ask(self, line: str, asker: Asker = ASKER) -> Reply:
        deps = Deps(self.clock.now(), asker, self.store, ASSETS, nobody)
        return loop.run(answer(line, deps))

    def text(self, line: str, asker: Asker = ASKER) -> str:
        try:
            return plain_text(self.ask(line, asker).all_blocks())
        except Refused as refused:
            return str(refused)

    def make(self) -> int:
        """Take a turn without sending anything."""
        return loop.run(self.job.turn())

    def send(self) -> list[str]:
        """Send what waits, and return what reached the chat since the last look."""
        loop.run(self._sent())
        new, self.seen = self.channel.said[self.seen :], len(self.channel.said)
        return [said.text for said in new]

    async def _sent(self) -> None:
        for _ in range(20):
            if not await self.dispatcher.turn() and not outbox.waiting(self.store):
                return
            self.clock.seconds += 2  # the pace of the platform; the wall stands still

    def turn(self) -> list[str]:
        """Take a turn and send."""
        self.make()
        return self.send()

    def until(self, at: datetime, *, every: timedelta = timedelta(minutes=30)) -> list[tuple[datetime, str]]:
        """Let time pass with a turn at each step, and return what was told at which."""
        found = []
        while self.clock.now() < at:
            self.clock.forward(min(every, at - self.clock.now()).total_seconds())
            found += [(self.clock.now(), text) for text in self.turn()]
        return found

    def restarted(self) -> DigestHouse:
        """Return the same house after a restart: nothing but the file is left."""
        path = self.store.path
        self.store.close()
        return DigestHouse(Store(path), self.clock, self.channel, seen=self.seen)


def hours_of(told: Sequence[tuple[datetime, str]]) -> list[str]:
    """Return when things were told, in UTC."""
    return [f"{at:%m-%d %H:%M}" for at, _ in told]
