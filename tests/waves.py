"""A market of waves: hours of two assets in which nothing happens but what a test adds."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from signals.units import HOUR, HOUR_MS, to_ms
from storage.market import points
from storage.market.points import Points

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store

ASSETS = ("BTC", "ETH")


def market(store: Store, end: datetime, *, hours: int, last_move: float = 0.0) -> None:
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
        known = [at + HOUR_MS for at in times]
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
