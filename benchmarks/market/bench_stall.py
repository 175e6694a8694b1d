"""How long the event loop stands still while a tick of 15,000 values is written, as the bot writes it: from a thread.

The values come as sources hand them over, one row a topic, asset and venue. Beside it a clock of the loop asks
to be woken every millisecond and notes how late it is. Variants, each in a process of its own on a file of its own: the
bot's way, the same write inside the loop, and nothing at all, which is what the machine itself adds.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.__main__ import megabytes

if TYPE_CHECKING:
    from storage.market.points import Points

ROUNDS = 3
TICKS = 5
VENUES, ASSETS = ("binance", "bybit", "okx"), 300
EVERY = 0.001
ROOT = Path(__file__).resolve().parents[2]
TOPICS = (
    (timedelta(hours=1), ("open", "high", "low", "close", "volume_usd", "taker_buy_usd")),
    (None, ("open_interest_coin", "open_interest_usd")),
    (None, ("funding_rate", "funding_interval_hours", "mark_price", "index_price")),
    (None, ("long_short_accounts", "long_short_top_accounts", "long_short_top_positions")),
    (None, ("depth_bids_usd", "depth_asks_usd")),
)
NAMES = {
    "thread": "perpulse, written from a thread",
    "loop": "the same write inside the loop",
    "idle": "nothing is written",
}


def tick(number: int) -> list[Points]:
    """Return 15,300 values of one moment."""
    import numpy as np  # noqa: PLC0415 - only the children need it

    from signals.units import floor, to_ms  # noqa: PLC0415 - as above
    from storage.market.points import Points  # noqa: PLC0415 - as above

    noise = np.random.default_rng(number)
    minute = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    found = []
    for venue in VENUES:
        for asset in range(ASSETS):
            for place, (step, names) in enumerate(TOPICS):
                at = floor(minute, step) if step else minute + timedelta(seconds=place)
                columns = {name: [value] for name, value in zip(names, noise.uniform(1, 2, len(names)), strict=True)}
                found.append(Points(venue, f"A{asset}", step, [to_ms(at)], columns))
    return found


async def late(stop: asyncio.Event) -> list[float]:
    """Ask to be woken every millisecond and note by how much each waking was late, in milliseconds."""
    found = []
    while not stop.is_set():
        before = time.perf_counter()
        await asyncio.sleep(EVERY)
        found.append(max(0.0, time.perf_counter() - before - EVERY) * 1000)
    return found


async def measure(variant: str, path: Path) -> tuple[float, float, float, int]:
    """Write ticks and return the 99th percentile and the worst of the lateness, seconds a tick, and values a tick."""
    from bot.schedule import keep_the_loop_free  # noqa: PLC0415 - as above
    from storage.engine.database import Store  # noqa: PLC0415 - as above
    from storage.market import points  # noqa: PLC0415 - as above

    keep_the_loop_free()
    store = Store(path)
    await asyncio.to_thread(store.rows, "SELECT 1")
    stalls: list[float] = []
    took: list[float] = []
    values = 0
    for number in range(TICKS):
        batch = tick(number)
        stop = asyncio.Event()
        watching = asyncio.create_task(late(stop))
        await asyncio.sleep(0.01)
        start = time.perf_counter()
        if variant == "thread":
            values = await asyncio.to_thread(points.write, store, batch)
        elif variant == "loop":
            values = points.write(store, batch)
        else:
            await asyncio.sleep(0.2)
        took.append(time.perf_counter() - start)
        stop.set()
        stalls += await watching
    store.close()
    return statistics.quantiles(stalls, n=100)[98], max(stalls), statistics.median(took), values


def child(variant: str, path: Path) -> None:
    percentile, worst, took, values = asyncio.run(measure(variant, path))
    print(percentile, worst, took, values, megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))


def main() -> None:
    measured: dict[str, list[tuple[float, ...]]] = {name: [] for name in NAMES}
    for _ in range(ROUNDS):
        for name in NAMES:
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.market.bench_stall", name, f"{folder}/points.db"],
                    cwd=ROOT, capture_output=True, text=True, check=False,
                )  # fmt: skip
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr}")
            measured[name].append(tuple(map(float, done.stdout.split())))
    middle = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in measured.items()
    }
    print(
        f"ticks of {middle['thread'][3]:,.0f} values, {TICKS} a run, median of {ROUNDS} runs; milliseconds of lateness"
    )
    print(f"{'':<34} {'99th':>8} {'worst':>8} {'a tick':>8} {'peak MB':>8}")
    for name, label in NAMES.items():
        percentile, worst, took, _, peak = middle[name]
        print(f"{label:<34} {percentile:>8.1f} {worst:>8.1f} {took * 1000:>8.0f} {peak:>8,.0f}")
    ours, idle = middle["thread"], middle["idle"]
    said = f"milliseconds; {idle[0]:.1f} with nothing written, {middle['loop'][1]:.0f} inside the loop"
    print(f"ratio | event loop late while 15,000 values are written, 99th | {ours[0]:.2f} | < 5 | {said}")


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else child(sys.argv[1], Path(sys.argv[2]))
