"""Hours in which every venue is well: nobody is in trouble, nothing is rejected, and no figure grows old.

What goes wrong only at the turn of an hour, at a settlement or at midnight shows here and in no test of one question.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.app import App, build
from bot.beside import sources_of
from bot.clock import ReplayClock
from bot.config import Config, Market
from signals.inputs import INPUTS
from storage.market import points
from tests.fakes.exchange import FakeExchange

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

VENUES = ("binance", "binance_coinm", "bybit", "okx", "hyperliquid", "deribit", "gate", "bitget", "kucoin")
MINUTE = timedelta(minutes=1)


def wrong(app: App) -> list[str]:
    return [
        f"{health.source}, {health.topic}: {health.state} {health.error}"
        for health in app.collector.health()
        if health.state != "ok" or health.error or health.quarantined or health.last_good is None
    ]


async def test_when_all_is_well_nobody_is_in_trouble(tmp_path: Path) -> None:
    clock = ReplayClock(datetime(2026, 11, 20, 23, 48, 17, tzinfo=UTC))  # over midnight, an hour and a settlement
    async with FakeExchange(clock.now) as exchange:
        market = Market(
            venues=VENUES,
            exchange_url=exchange.base_url,
            fear_greed_url=exchange.base_url,
            stablecoins_url=exchange.base_url,
            history=False,
            liquidations=False,
        )
        config = Config(assets=("BTC",), database=tmp_path / "calm.db", market=market)
        app = build(config, clock=clock, sources=sources_of(config, clock), channels=())
        try:
            for _ in range(6):
                await app.collector.round(config.assets)
                assert await app.turns.turn() == []
                assert wrong(app) == [], f"at {clock.now()}"
                clock.move(clock.now() + 4 * MINUTE)
            now = clock.now() - 4 * MINUTE
            for name in ("close", "mark_price", "open_interest_usd", "funding_rate", "implied_volatility"):
                for venue in points.venues_of(app.store, "BTC", name):
                    newest = points.newest(app.store, "BTC", name, venue)
                    assert newest
                    assert now - newest.at <= max(INPUTS[name].fresh_for, 65 * MINUTE * (name == "close")), (
                        venue,
                        name,
                    )
        finally:
            await app.close()
