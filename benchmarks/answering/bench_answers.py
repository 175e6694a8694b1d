"""What an answer costs: commands over nine venues and two hourly years, in CPU time, the first after a close and again.

The store is what a bot that has run for two years holds of one asset: bars and levels of each hour, levels each five
minutes in the last 40 days and each minute in the last three. Each command is asked in one process through
handlers.answer, with a new hour of minutes written before each first time. CPU is that of
the whole process, all threads. Beside it, in the same run, plain SQL that reads the columns of such an answer once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sqlite3
import statistics
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from benchmarks.__main__ import megabytes
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps
from signals.inputs import MARKET
from storage.engine.database import Store
from storage.market import liquidations, points
from storage.market.points import Points
from storage.panels.cache import BOUND, PanelCache

if TYPE_CHECKING:
    from collections.abc import Iterator

VENUES = ("binance", "bybit", "okx", "hyperliquid", "deribit", "gate", "bitget", "kucoin", "binance_coinm")
COMMANDS = (
    "/health btc",
    "/oi btc",
    "/funding btc",
    "/price btc",
    "/taker btc",
    "/quadrant btc",
    "/setup btc",
    "/why btc",
    "/liqs btc",
    "/chart oi btc",
    "/chart btc 1y",
    "/liq 95000 25x long",
    "/map btc",
    "/cost 100k 7d btc long 25x",
    "/digest now",
)
BUDGET_MS = 100.0
ROUNDS, AGAIN = int(os.environ.get("PERPULSE_BENCH_ROUNDS", "3")), 3
ASSET = "BTC"
END = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
YEARS, FIVE_MINUTES_FOR, MINUTES_FOR = 730 * DAY, 40 * DAY, 3 * DAY
BARS = ("open", "high", "low", "close", "volume_usd", "taker_buy_usd", "liquidated_longs_usd", "liquidated_shorts_usd")


def times(start: datetime, end: datetime, every: timedelta) -> pd.DatetimeIndex:
    """Return the times in [start, end)."""
    return pd.date_range(start, end, freq=pd.Timedelta(every), tz=UTC, inclusive="left", name="at")


def walk(at: pd.DatetimeIndex, name: str, spread: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return a curve around 1 that depends on the time alone, so that it goes on where it ended."""
    hours = at.as_unit("ms").asi8 / 3_600_000
    phase = sum(name.encode()) % 97
    return 1 + spread * (np.sin(hours / 31 + phase) + np.sin(hours / 407 + phase) + 0.3 * np.sin(hours * 7 + phase))


def bars(venue: str, at: pd.DatetimeIndex) -> Points:
    """Return hourly bars of a venue."""
    price, volume = 90_000 * walk(at, "price", 0.05), 1e8 * walk(at, venue, 0.2)
    values = {"open": price, "high": price * 1.01, "low": price * 0.99, "close": price, "volume_usd": volume}
    values |= {"taker_buy_usd": volume * 0.5 * walk(at, f"{venue} taker", 0.02)}
    values |= {name: 1e5 * walk(at, f"{venue} {name}", 0.3) for name in BARS[6:]}
    return Points.of_frame(venue, ASSET, HOUR, pd.DataFrame(values, index=at))


def levels(venue: str, at: pd.DatetimeIndex) -> Points:
    """Return levels of a venue: open interest, funding, prices, depth."""
    price = 90_000 * walk(at, "price", 0.05)
    coins = (1 + sum(venue.encode()) % 7) * 1e4 * walk(at, f"{venue} coins", 0.1)
    values = {"open_interest_coin": coins, "open_interest_usd": coins * price, "mark_price": price}
    values |= {"index_price": price, "funding_rate": 1e-4 * walk(at, f"{venue} rate", 0.4)}
    values |= {"funding_interval_hours": np.full(len(at), 8.0)}
    values |= {name: 1e7 * walk(at, f"{venue} {name}", 0.2) for name in ("depth_bids_usd", "depth_asks_usd")}
    return Points.of_frame(venue, ASSET, None, pd.DataFrame(values, index=at))


def past() -> Iterator[Points]:
    """Return two years as retention leaves them."""
    for venue in VENUES:
        yield bars(venue, times(END - YEARS, END, HOUR))
        yield levels(venue, times(END - YEARS, END - FIVE_MINUTES_FOR, HOUR) + 55 * MINUTE)
        yield levels(venue, times(END - FIVE_MINUTES_FOR, END - MINUTES_FOR, 5 * MINUTE))
        yield levels(venue, times(END - MINUTES_FOR, END + MINUTE, MINUTE))
        at = times(END.replace(hour=0) - YEARS, END, 8 * HOUR)
        rates = {"funding_rate": 1e-4 * walk(at, f"{venue} rate", 0.4), "funding_interval_hours": np.full(len(at), 8.0)}
        yield Points.of_frame(venue, ASSET, None, pd.DataFrame(rates, index=at), settled=True)
    at = times(END.replace(hour=0) - YEARS, END, DAY)
    yield Points.of_frame(
        "alternative.me", MARKET, None, pd.DataFrame({"fear_greed": 50 * walk(at, "mood", 0.3)}, index=at)
    )


def heard(start: datetime, hours: int) -> list[liquidations.Hour]:
    """Return hours of liquidations as three streams heard them."""
    return [
        liquidations.Hour(venue, ASSET, start + hour * HOUR, 1e5, 2e5, HOUR, whole=True)
        for venue in VENUES[:3]
        for hour in range(hours)
    ]


def live(store: Store, start: datetime) -> None:
    """Write one more hour: each minute, and the bars when it has closed."""
    minutes = times(start + MINUTE, start + HOUR + MINUTE, MINUTE)
    points.write(store, [levels(venue, minutes) for venue in VENUES])
    points.write(store, [bars(venue, pd.DatetimeIndex([start])) for venue in VENUES])
    liquidations.save(store, heard(start, 1), now=start + HOUR)


async def asked(store: Store, line: str, now: datetime) -> float:
    """Return the CPU time of one answer in ms."""
    deps = Deps(now, Asker("terminal", Address("me", kind="terminal")), store, (ASSET,), lambda _: None)
    gc.collect()
    start = time.process_time()
    await answer(line, deps)
    return (time.process_time() - start) * 1000


async def measure(path: Path) -> tuple[dict[str, tuple[float, float, float]], float]:
    """Return for each command ms at a cold start, the first time after a close and again within it; and MB kept."""
    found, end = {}, END
    store = Store(path)
    for line in ("/help", *COMMANDS):  # what is imported on the way is no part of an answer
        await asked(store, line, end + MINUTE)
    for line in COMMANDS:
        fresh = Store(path)
        cold = await asked(fresh, line, end + MINUTE)
        fresh.close()
        await asked(store, line, end + MINUTE)
        first, again = [], []
        for _ in range(ROUNDS):
            live(store, end)
            end += HOUR
            first.append(await asked(store, line, end + MINUTE))
            again += [await asked(store, line, end + MINUTE) for _ in range(AGAIN)]
        found[line] = cold, statistics.median(first), statistics.median(again)
    kept = store.beside(PanelCache).size / 1e6
    store.close()
    return found, kept


def plainly(path: Path) -> float:
    """Return the ms of CPU in which plain SQL reads a year of open interest, funding and bars of every venue once."""
    since = round((END - 365 * DAY).timestamp() * 1000)
    took = []
    with closing(sqlite3.connect(path)) as plain:
        for _ in range(3):
            start = time.process_time()
            for venue in VENUES:
                plain.execute(
                    "SELECT at, open_interest_coin, open_interest_usd, funding_rate, funding_interval_hours "
                    "FROM levels WHERE asset = ? AND venue = ? AND at >= ? ORDER BY at",
                    (ASSET, venue, since),
                ).fetchall()
                plain.execute(
                    "SELECT at, close, volume_usd, taker_buy_usd FROM bars "
                    "WHERE asset = ? AND venue = ? AND step = 3600 AND at >= ? ORDER BY at",
                    (ASSET, venue, since),
                ).fetchall()
            took.append((time.process_time() - start) * 1000)
    return statistics.median(took)


def main() -> None:
    """Print what each answer costs beside plain SQL, and the memory that the process needs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "perpulse.db"
        store = Store(path)
        for batch in past():
            points.write(store, [batch])
        liquidations.save(store, heard(END - 30 * HOUR, 30), now=END)
        store.close()
        before = megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        found, kept = asyncio.run(measure(path))
        plain = plainly(path)
        peak = megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        size = path.stat().st_size / 1e6
    print(f"{len(VENUES)} venues, two hourly years, {size:,.0f} MB on the disk; ms of CPU, median of {ROUNDS} closes")
    print(f"plain SQL reads a year of the same columns of every venue once in {plain:,.0f} ms")
    print(
        f"peak memory {peak:,.0f} MB, {before:,.0f} MB before the first question; "
        f"kept between questions {kept:.1f} MB, at most {BOUND / 1e6:.0f} MB"
    )
    print(f"{'':<28}{'cold':>10}{'after a close':>15}{'again':>10}")
    for line, (cold, first, again) in found.items():
        print(f"{line:<28}{cold:>10,.1f}{first:>15,.1f}{again:>10,.1f}")
    for line, (_, first, again) in found.items():
        print(f"ratio | {line} within a close, 100 ms of CPU = 1 | {again / BUDGET_MS} | < 1 | {again:,.0f} ms")
        print(f"ratio | {line} after a close, plain SQL = 1 | {first / plain} | < 1 | {first:,.0f} ms")


if __name__ == "__main__":
    main()
