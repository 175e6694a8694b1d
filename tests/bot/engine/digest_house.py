"""A store with a quiet year of two assets, the job that makes digests, a dispatcher and a chat, at one clock."""

from __future__ import annotations

import asyncio
import math
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
from signals.units import HOUR, to_ms
from storage.alerts import outbox
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from tests.fakes.channel import FakeChannel, HandClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.reply import Reply

ASSETS = ("BTC", "ETH")
USER = "5550123456"
ASKER = Asker("telegram", Address(USER), USER)
START = datetime(2026, 3, 6, 12, tzinfo=UTC)  # two days before New York changes its clock
DAYS = 50


def market(store: Store, end: datetime, *, hours: int = DAYS * 24, last_move: float = 0.0) -> None:
    """Write hours of waves up to a time; the last one moves the price of BTC."""
    times = [to_ms(end - HOUR * back) for back in range(hours, 0, -1)]
    for asset, price in zip(ASSETS, (80_000.0, 3_000.0), strict=True):
        closes = [price * (1 + 0.01 * math.sin(at / 40e6 + price)) for at in times]
        if asset == "BTC":
            closes[-1] *= 1 + last_move
        volume = [1e8 + 1e7 * math.sin(at / 30e6) for at in times]
        columns = {
            "open": closes,
            "high": [close * 1.001 for close in closes],
            "low": [close * 0.999 for close in closes],
            "close": closes,
            "volume_usd": volume,
            "taker_buy_usd": [one * (0.5 + 0.01 * math.sin(at / 50e6)) for at, one in zip(times, volume, strict=True)],
        }
        known = [at + to_ms(datetime(1970, 1, 1, 1, tzinfo=UTC)) for at in times]
        coins = [2e5 + 1e3 * math.sin(at / 60e6) for at in known]
        levels = {
            "open_interest_coin": coins,
            "open_interest_usd": [one * close for one, close in zip(coins, closes, strict=True)],
            "mark_price": closes,
            "funding_rate": [1e-4 + 1e-5 * math.sin(at / 70e6) for at in known],
            "funding_interval_hours": [8.0] * hours,
        }
        points.write(
            store, [Points("binance", asset, HOUR, times, columns), Points("binance", asset, None, known, levels)]
        )


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
        return asyncio.run(answer(line, deps))

    def text(self, line: str, asker: Asker = ASKER) -> str:
        try:
            return plain_text(self.ask(line, asker).all_blocks())
        except Refused as refused:
            return str(refused)

    def make(self) -> int:
        """Take a turn without sending anything."""
        return asyncio.run(self.job.turn())

    def send(self) -> list[str]:
        """Send what waits, and return what reached the chat since the last look."""
        asyncio.run(self._sent())
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
