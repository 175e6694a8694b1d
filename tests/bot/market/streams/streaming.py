"""The liquidation streams of three venues against the loopback server, with a clock that goes when it is told to."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd

from bot.clock import ReplayClock
from bot.market.exchange.contracts import Contract
from bot.market.streams.dialects import DIALECTS
from bot.market.streams.liquidations import LiquidationStreams
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from tests.fakes.streams import FakeStreams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from bot.market.streams.connection import Stream
    from bot.market.streams.dialects import StreamDialect
    from bot.market.streams.feed import LiquidationTalk
    from storage.sources.source_state import SourceHealth

START = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
LOOK_S = 0.01
PRICES = {"BTC": 90_000.0, "ETH": 3_000.0, "PEPE": 0.00001}
OPEN_INTEREST = {"BTC": 8e9, "ETH": 4e9, "PEPE": 1e8}
LISTED = {
    "binance": {"BTC": ("BTCUSDT", 1, 1.0), "ETH": ("ETHUSDT", 1, 1.0), "PEPE": ("1000PEPEUSDT", 1000, 1.0)},
    "bybit": {"BTC": ("BTCUSDT", 1, 1.0), "ETH": ("ETHUSDT", 1, 1.0), "PEPE": ("1000PEPEUSDT", 1000, 1.0)},
    "okx": {"BTC": ("BTC-USDT-SWAP", 1, 0.01), "ETH": ("ETH-USDT-SWAP", 1, 0.1), "PEPE": ("PEPE-USDT-SWAP", 1, 1e7)},
}


async def listed(dialect: StreamDialect) -> Mapping[str, Contract]:
    return {
        asset: Contract(dialect.venue, asset, f"{asset}/USDT:USDT", code, times, size)
        for asset, (code, times, size) in LISTED[dialect.venue].items()
    }


def prime(store: Store, at: datetime) -> None:
    """Store a price and an open interest of every asset, as the ticks do."""
    index = pd.DatetimeIndex([at], name="at")
    points.write(
        store,
        [
            Points.of_frame(
                "binance",
                asset,
                None,
                pd.DataFrame({"mark_price": [price], "open_interest_usd": [OPEN_INTEREST[asset]]}, index=index),
            )
            for asset, price in PRICES.items()
        ],
    )


async def until(holds: Callable[[], object], what: str = "") -> None:
    """Wait until something holds: five seconds at most, and mostly a few milliseconds."""
    for _ in range(5000):
        if holds():
            return
        await asyncio.sleep(0.001)
    raise AssertionError(f"It did not come about: {what or holds}")


class Rig:
    """LiquidationStreams and what a test wants to do with them. slept: the pauses asked for, in seconds."""

    def __init__(self, store: Store, clock: ReplayClock, server: FakeStreams, assets: tuple[str, ...]) -> None:
        self.store, self.clock, self.server = store, clock, server
        self.slept: list[float] = []
        self.streams = LiquidationStreams(
            store,
            assets,
            clock=clock,
            dialects=DIALECTS,
            contracts=listed,
            urls=server.urls,
            timeout_s=1.0,
            chance=lambda: 0.5,
            wait=self._wait,
            look_s=LOOK_S,
        )

    async def _wait(self, seconds: float) -> None:
        """Sleep until the clock of the test has gone so far."""
        due = self.clock.monotonic() + seconds
        self.slept.append(seconds)
        while self.clock.monotonic() < due:  # noqa: ASYNC110 - the clock of a test rings no bell
            await asyncio.sleep(0.002)

    def talk(self, venue: str) -> LiquidationTalk:
        return next(line.talk for line in self.streams._lines if line.talk.dialect.venue == venue)

    def stream(self, venue: str) -> Stream:
        return next(line.stream for line in self.streams._lines if line.talk.dialect.venue == venue)

    def health(self, venue: str) -> SourceHealth:
        return next(health for health in self.streams.health() if health.source == f"{venue} liquidations")

    def covered(self, venue: str, asset: str = "BTC") -> float:
        """How much of the running hour has been heard, in seconds."""
        found = [hour for hour in self.streams.running(asset) if hour.venue == venue]
        return found[0].covered.total_seconds() if found else 0.0

    def usd(self, venue: str, asset: str = "BTC") -> tuple[float, float]:
        found = [hour for hour in self.streams.running(asset) if hour.venue == venue]
        return (found[0].longs_usd, found[0].shorts_usd) if found else (0.0, 0.0)

    def caught_up(self, venue: str) -> bool:
        newest = self.stream(venue).newest
        return newest is not None and abs(newest - self.clock.now()) < timedelta(milliseconds=2)

    async def alive(self, *venues: str) -> None:
        """Wait until streams are in order; the clock goes on a little, since only a time that moves is a beat."""
        names = venues or tuple(self.server.urls)
        for _ in range(200):
            if all(self.stream(venue).breaker.since and self.health(venue).state == "ok" for venue in names):
                break
            self.clock.move(self.clock.now() + timedelta(milliseconds=20))
            await asyncio.sleep(0.005)
        assert [self.health(name).state for name in names] == ["ok"] * len(names)
        for venue in names:
            await until(lambda venue=venue: self.caught_up(venue), f"{venue} follows")

    async def go(self, seconds: float, *follow: str, step: float = 20.0) -> None:
        """Let time pass in steps that a healthy stream survives; `follow`: venues whose beats are awaited."""
        while seconds > 0:
            self.clock.move(self.clock.now() + timedelta(seconds=min(step, seconds)))
            seconds -= step
            for venue in follow:
                await until(lambda venue=venue: self.caught_up(venue), f"{venue} follows")
            if not follow:
                await asyncio.sleep(2 * LOOK_S)


@asynccontextmanager
async def rigged(
    path: Path, *, at: datetime = START, assets: tuple[str, ...] = ("BTC", "ETH", "PEPE"), primed: bool = True
) -> AsyncIterator[Rig]:
    clock = ReplayClock(at)
    store = Store(path / "perpulse.db")
    if primed:
        prime(store, at)
    async with FakeStreams(clock.now) as server:
        rig = Rig(store, clock, server, assets)
        try:
            yield rig
        finally:
            await rig.streams.stop()
            store.close()
