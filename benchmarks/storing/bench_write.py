"""How fast points are written: the store beside sqlite-utils `insert_all` of the same rows.

Two years of hourly bars, open interest and funding, from frames as a source hands them over. sqlite-utils gets the same
values as wide rows (one dict a row, a primary key, WAL) and as a long table (one dict a value), which is what one would
write without thinking; its dicts are made before the clock starts. Each contender has a process and a file of its own,
in turn; the median counts. Bytes a value are of the file after a checkpoint.
"""

from __future__ import annotations

import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.__main__ import megabytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.market.points import Points

ROUNDS = 3
ASSETS, HOURS = 8, 2 * 365 * 24
ROOT = Path(__file__).resolve().parents[2]
KEY = ("asset", "venue", "step", "at")


def batches() -> list[Points]:
    """Return what is written: seeded noise in the shape of the real thing."""
    import numpy as np  # noqa: PLC0415 - only the children need it
    import pandas as pd  # noqa: PLC0415 - as above

    from storage.market.points import Points  # noqa: PLC0415 - as above

    noise = np.random.default_rng(1)
    at = pd.date_range("2024-01-01", periods=HOURS, freq="h", tz="UTC")
    found = []
    for number in range(ASSETS):
        asset, price = f"A{number}", noise.uniform(10, 1e5, HOURS)
        bars = {name: price * noise.uniform(0.99, 1.01, HOURS) for name in ("open", "high", "low", "close")}
        bars |= {name: noise.uniform(1e6, 1e9, HOURS) for name in ("volume_usd", "taker_buy_usd")}
        levels = {"open_interest_coin": noise.uniform(1e4, 1e5, HOURS)}
        levels |= {"open_interest_usd": levels["open_interest_coin"] * price}
        funding = pd.DataFrame({"funding_rate": noise.normal(1e-4, 1e-5, HOURS // 8)}, index=at[::8])
        found.append(Points.of_frame("binance", asset, timedelta(hours=1), pd.DataFrame(bars, index=at)))
        found.append(Points.of_frame("binance", asset, None, pd.DataFrame(levels, index=at).join(funding)))
    return found


def wide(every: list[Points]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return the rows of each table as dicts, NaN as None."""
    from storage.market import points  # noqa: PLC0415 - as above

    for batch in every:
        step = int(batch.step.total_seconds()) if batch.step else 0
        head = {"asset": batch.asset, "venue": batch.venue, "step": step}
        columns = list(batch.columns)
        rows = zip(batch.times, zip(*map(points.plain, batch.columns.values()), strict=True), strict=True)
        yield (
            "bars" if step else "levels",
            [
                head | {"at": at} | {name: None if v != v else v for name, v in zip(columns, row, strict=True)}  # noqa: PLR0124
                for at, row in rows
            ],
        )


def long(every: list[Points]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Return one dict a value."""
    for _, rows in wide(every):
        yield (
            "points",
            [
                {"at": row["at"], "venue": row["venue"], "asset": row["asset"], "input": name, "value": value}
                for row in rows
                for name, value in row.items()
                if name not in KEY and value is not None
            ],
        )


def child(contender: str, path: Path) -> None:
    """Write everything once and print values, seconds, megabytes and bytes."""
    every = batches()
    values = sum(batch.count() for batch in every)
    if contender == "store":
        from storage.engine.database import Store  # noqa: PLC0415 - as above
        from storage.engine.settings import settings_of  # noqa: PLC0415 - as above
        from storage.market import points  # noqa: PLC0415 - the others do not pay for it

        store = Store(path)
        settings_of(store, "")  # made and migrated before the clock starts
        start = time.perf_counter()
        points.write(store, every)
        took = time.perf_counter() - start
        store.close()
    else:
        import sqlite_utils  # noqa: PLC0415 - as above

        shape, pk = (wide, KEY) if contender == "wide" else (long, ("at", "venue", "asset", "input"))
        database = sqlite_utils.Database(path, execute_plugins=False)
        database.enable_wal()
        tables = list(shape(every))
        start = time.perf_counter()
        with database.atomic():
            for table, rows in tables:
                database[table].insert_all(rows, pk=pk)  # type: ignore[union-attr]
        took = time.perf_counter() - start
        database.close()
    peak = megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(values, took, peak, path.stat().st_size)


def main() -> None:
    names = {
        "store": "perpulse, as a source hands it over",
        "wide": "sqlite-utils insert_all, wide rows",
        "long": "sqlite-utils insert_all, one row a value",
    }
    measured: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.storing.bench_write", name, f"{folder}/points.db"],
                    cwd=ROOT,
                    capture_output=True,
                    text=True,
                    check=False,
                )
            if done.returncode:
                sys.exit(f"{name} failed:\n{done.stderr}")
            values, took, peak, size = map(float, done.stdout.split())
            measured[name].append((values / took, peak, size / values, values))
    print(f"{measured['store'][0][3]:,.0f} values of {ASSETS} assets, median of {ROUNDS} runs, memory with the frames")
    print(f"{'':<42} {'values a second':>16} {'peak MB':>8} {'bytes a value':>14}")
    speed = {}
    for name, label in names.items():
        rate, peak, size, _ = (statistics.median(column) for column in zip(*measured[name], strict=True))
        speed[name] = rate
        print(f"{label:<42} {rate:>16,.0f} {peak:>8,.0f} {size:>14.1f}")
    # The plain table is what the goal means; the same rows as wide ones leave only what sqlite-utils itself costs.
    for name, goal in (("long", "> 5"), ("wide", "> 3")):
        print(f"ratio | points written a second, {names[name]} = 1 | {speed['store'] / speed[name]} | {goal} |")


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else child(sys.argv[1], Path(sys.argv[2]))
