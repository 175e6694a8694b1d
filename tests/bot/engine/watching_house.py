"""A store, the job that judges positions, a dispatcher and a chat, at one clock: the price walks by hand."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from bot.delivery.dispatcher import Dispatcher
from bot.engine.positions import Positions
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, nobody
from storage.alerts import outbox
from storage.engine.database import Store
from storage.market import points
from tests import loop
from tests.fakes.channel import FakeChannel, HandClock

if TYPE_CHECKING:
    from handlers.reply import Reply

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
USER = "5550123456"
ASKER = Asker("telegram", Address(USER), USER)


@dataclass
class House:
    """A store with prices, the job, a dispatcher and a chat, all at one clock."""

    store: Store
    clock: HandClock
    channel: FakeChannel = field(default_factory=FakeChannel)
    refreshed: list[str] = field(default_factory=list)
    seen: int = 0

    def __post_init__(self) -> None:
        self.job = Positions(self.store, self.clock, told=lambda: None, assets=("BTC", "ETH"), refresh=self._refresh)
        self.dispatcher = Dispatcher(self.store, [self.channel], self.clock, noise=random.Random(1))
        self.dispatcher.start()

    async def _refresh(self, asset: str) -> None:
        self.refreshed.append(asset)

    def ask(self, line: str, asker: Asker = ASKER) -> Reply:
        deps = Deps(self.clock.now(), asker, self.store, ("BTC", "ETH"), nobody)
        return loop.run(answer(line, deps))

    def mark(self, price: float, *, asset: str = "BTC", venue: str = "binance", **more: float) -> None:
        at = pd.DatetimeIndex([self.clock.now()], name="at")
        frame = pd.DataFrame({"mark_price": [price], **{name: [value] for name, value in more.items()}}, index=at)
        points.write(self.store, [points.Points.of_frame(venue, asset, None, frame)])

    def settled(self, at: datetime, rate: float) -> None:
        index = pd.DatetimeIndex([at], name="at")
        frame = pd.DataFrame({"funding_rate": [rate], "funding_interval_hours": [8.0]}, index=index)
        points.write(self.store, [points.Points.of_frame("binance", "BTC", None, frame, settled=True)])

    def turn(self, price: float | None = None, *, minutes: float = 1) -> list[str]:
        """Let time pass, with a new mark price or without, and return the headlines that reach the chat."""
        self.clock.forward(60 * minutes)
        if price is not None:
            self.mark(price)
        loop.run(self.judged())
        new, self.seen = self.channel.said[self.seen :], len(self.channel.said)
        return [("edit: " if sent.edited else "") + sent.text.split("\n")[0] for sent in new]

    async def judged(self) -> None:
        await self.job.turn()
        for _ in range(20):
            if not await self.dispatcher.turn():
                if not outbox.waiting(self.store):
                    return
                self.clock.seconds += 2  # the pace of the platform; the wall stands still

    def restarted(self) -> House:
        """Return the same house after a restart: nothing but the file is left."""
        path = self.store.path
        self.store.close()
        return House(Store(path), self.clock, self.channel, seen=self.seen)


# 3x long from 95,000 at Binance, first tier: (1 - 1/3) / (1 - 0.004) x 95,000
LIQUIDATION = 63_587.68


def at(distance: float) -> float:
    """Return the mark price that lies this far above the liquidation price of the 3x long."""
    return LIQUIDATION / (1 - distance)
