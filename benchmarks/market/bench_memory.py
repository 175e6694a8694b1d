"""Resident memory after an hour of operation with three venues and 300 assets, in minutes of simulated time.

The bot's own Collector, turns and store, with a clock that is moved a minute at a time. The sources are made up in
the process: bars, open interest and funding of each asset, in the shape that the recipes return, so that what is
measured is perpulse and not a loopback exchange; ccxt is loaded, since a running bot has it. The first rounds bring
some weeks of hourly history, a portion of the assets in each, as a first start does; what they need at their most is
set against what stays. PERPULSE_BENCH_DAYS=200 makes it a true first start, of some minutes.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import os
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.__main__ import megabytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.market.source import Ask, Topic
    from storage.market.points import Points

VENUES, ASSETS, MINUTES = ("binance", "bybit", "okx"), int(os.environ.get("PERPULSE_BENCH_ASSETS", "300")), 60
HISTORY = timedelta(days=int(os.environ.get("PERPULSE_BENCH_DAYS", "20")))
START = datetime(2026, 11, 20, 12, 30, 30, tzinfo=UTC)
NAMES = {
    "bars": ("open", "high", "low", "close", "volume_usd", "taker_buy_usd"),
    "open_interest": ("open_interest_coin", "open_interest_usd"),
    "funding": ("funding_rate", "funding_interval_hours", "mark_price", "index_price"),
}
LIKE = {"funding_rate": 1e-4, "open_interest_usd": 1e4, "taker_buy_usd": 45.0}  # the others are 100


class Made:
    """A venue that answers from thin air: values that swing a little around their middle."""

    attribution = "made up"

    def __init__(self, name: str) -> None:
        self.name = name
        self.offers: dict[Topic, timedelta] = {topic: timedelta(minutes=1) for topic in NAMES}  # type: ignore[misc]
        self.caveats: dict[Topic, str] = {}
        self.left_out: dict[str, str] = {}

    async def fetch(self, ask: Ask) -> Sequence[Points]:
        """Answer hourly rows since the time asked for, and the present."""
        from signals.units import HOUR_MS, to_ms  # noqa: PLC0415 - as the recipes do, after the start
        from storage.market.points import Points  # noqa: PLC0415 - as above

        await asyncio.sleep(0)
        hour = to_ms(ask.now) // HOUR_MS * HOUR_MS
        bars = ask.topic == "bars"
        first = hour if ask.since is None else to_ms(ask.since) // HOUR_MS * HOUR_MS
        times = list(range(first, hour if bars else hour + 1, HOUR_MS)) if ask.since or bars else []
        if not bars:
            times.append(to_ms(ask.now))
        swing = [1 + 0.01 * math.sin(at / 5e7 + len(ask.asset)) for at in times]
        columns = {name: [LIKE.get(name, 100.0) * part for part in swing] for name in NAMES[ask.topic]}
        fixed = {"high": 102.0, "low": 98.0, "funding_interval_hours": 8.0}
        columns |= {name: [value] * len(times) for name, value in fixed.items() if name in columns}
        return [Points(self.name, ask.asset, timedelta(hours=1) if bars else None, times, columns)] if times else []

    async def close(self) -> None:
        """Have nothing to close."""


def resident() -> float:
    """Return what the process holds now, in MB; the peak where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


async def measure(path: Path) -> None:
    from bot.clock import ReplayClock  # noqa: PLC0415 - what is imported here is part of what is measured
    from bot.engine.turn import TurnTaker  # noqa: PLC0415 - as above
    from bot.market.collector import Collector  # noqa: PLC0415 - as above
    from bot.market.keeper import Keeper  # noqa: PLC0415 - as above
    from bot.schedule import keep_the_loop_free  # noqa: PLC0415 - as above
    from storage.engine.database import Store  # noqa: PLC0415 - as above

    importlib.import_module("ccxt.async_support")
    for module in ("bot.app", "matplotlib.figure", "handlers.channels.telegram.channel"):
        importlib.import_module(module)
    keep_the_loop_free()
    print(f"libraries loaded: {resident():,.0f} MB", flush=True)
    clock, store = ReplayClock(START), Store(path)
    assets = [f"A{number}" for number in range(ASSETS)]
    collector = Collector(
        [Made(name) for name in VENUES],
        clock=clock.now,
        steady=clock.monotonic,
        keeper=Keeper(store, clock.now),
        history=HISTORY,
        longest=timedelta(hours=1),
    )
    turns = TurnTaker(store, clock, assets, told=lambda: None)
    took, held = [], []
    for minute in range(MINUTES + 1):
        clock.move(START + timedelta(minutes=minute))
        begin = time.perf_counter()
        await collector.round(assets)
        await turns.turn()
        took.append(time.perf_counter() - begin)
        held.append(resident())
        if minute in {0, 1, MINUTES // 2, MINUTES}:
            print(f"after minute {minute:>2}: {held[-1]:,.0f} MB, the turn took {took[-1]:.1f} s", flush=True)
    await collector.close()
    store.close()
    a_turn = statistics.median(took[1:])
    print(
        f"{len(VENUES)} venues, {ASSETS} assets, {HISTORY.days} days of history; a turn within the hour {a_turn:.2f} s"
    )
    peak = megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(f"ratio | memory of first histories, after an hour = 1 | {peak / held[-1]} | < 1.25 | {peak:,.0f} MB")
    growth = held[-1] / held[1]
    print(f"ratio | memory after an hour, after the first minute = 1 | {growth} | < 1.25 | {held[-1]:,.0f} MB resident")


def main() -> None:
    if MINUTES < 2:
        sys.exit("perpulse: give it at least two minutes")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder) / "perpulse.db"))


if __name__ == "__main__":
    main()
