"""Three days without perpulse: after the first turn nothing that a venue still has is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from bot.market.collector import Collector
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.keeper import Keeper
from signals.inputs import INPUTS
from storage.engine.database import Store
from storage.market import points
from tests.fakes.exchange import Clock, FakeExchange

if TYPE_CHECKING:
    from pathlib import Path

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STOPPED = datetime(2026, 11, 17, 9, 34, 56, tzinfo=UTC)
FOUR = ("bars", "funding", "open_interest", "ratios")
KEPT = {  # whose interfaces give the past back, by topic; the others have the present only
    "binance": FOUR,
    "binance_coinm": FOUR,
    "bybit": FOUR,
    "okx": FOUR,
    "hyperliquid": ("bars", "funding"),
    "deribit": ("bars", "funding", "volatility"),
    "gate": FOUR,
    "bitget": ("bars", "funding"),  # of ratios the last day and a half
    "kucoin": ("bars", "funding"),
}
SPEAKS = {
    "bars": "close",
    "funding": "funding_rate",
    "open_interest": "open_interest_coin",
    "ratios": "long_short_accounts",
    "volatility": "implied_volatility",
}


async def run(venue: str, exchange: FakeExchange, clock: Clock, store: Store) -> None:
    """One life of a process: two turns."""
    source = CcxtVenue(
        recipes()[venue],
        clock=clock,
        steady=clock.steady,
        base_url=f"{exchange.base_url}/{venue}",
        timeout_s=5,
        paced=False,
    )
    collector = Collector(
        [source], clock=clock, steady=clock.steady, keeper=Keeper(store, clock), chance=lambda: 0.0, history=4 * DAY
    )
    for _ in range(2):
        await collector.round(["BTC"])
        clock.go(minutes=1)
    await collector.close()


def widest(store: Store, venue: str, name: str, start: datetime, end: datetime) -> timedelta:
    """The longest stretch without a value; of funding, without a settled one."""
    names = [name, "mark_price"] if name == "funding_rate" else [name]
    at, steps, found = points.columns(store, "BTC", venue, names, start=start, end=end)
    known = [
        time + step * 1000
        for time, step, value, *mark in zip(at, steps, *found.values(), strict=True)
        if value is not None and mark in ([], [None])
    ]
    edges = [round(start.timestamp() * 1000), *known, round(end.timestamp() * 1000)]
    return timedelta(milliseconds=max(later - earlier for earlier, later in pairwise(edges)))


@pytest.mark.slow
@pytest.mark.parametrize("venue", KEPT)
async def test_three_days_of_silence_leave_no_hole(venue: str, tmp_path: Path) -> None:
    clock, store = Clock(STOPPED), Store(tmp_path / "a.db")
    async with FakeExchange(clock) as exchange:
        await run(venue, exchange, clock, store)
        clock.go(days=3)
        await run(venue, exchange, clock, store)
    end = clock.now
    for topic in KEPT[venue]:
        name = SPEAKS[topic]
        long = (8 if topic == "funding" else 1) * HOUR
        slack = 2 * HOUR if INPUTS[name].kind == "bar" else timedelta(minutes=1)  # the running hour is no bar yet
        assert widest(store, venue, name, STOPPED - 3 * DAY, end) <= long + slack, topic
    offered = {topic for topic in recipes()[venue].offers if topic in SPEAKS}
    assert offered - set(KEPT[venue]) <= {"open_interest", "ratios"}
    store.close()
