"""How fast two hourly years of one series come into a frame, and how many bytes a value takes on the disk.

The plain table is what one would write without thinking: one value a row, (ts, exchange, symbol, metric, value) with
text keys and a primary key, read with pandas.read_sql; times are whole milliseconds in both. Both files hold the same:
two years of hourly bars, open interest and funding. Each reader has a process of its own on its own file, in turn; the
median counts.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.__main__ import megabytes

ROUNDS, READS = 5, 7
HOURS = 2 * 365 * 24
START = datetime(2024, 1, 1, tzinfo=UTC)
ASSET, NAME = "A3", "open_interest_coin"
ROOT = Path(__file__).resolve().parents[2]
NAMES = {"store": "perpulse, the panel that a metric reads", "plain": "pandas.read_sql of the plain table"}
PLAIN = (
    "CREATE TABLE points (ts INTEGER NOT NULL, exchange TEXT NOT NULL, symbol TEXT NOT NULL, metric TEXT NOT NULL, "
    "value REAL NOT NULL, PRIMARY KEY (exchange, symbol, metric, ts))"
)


def prepare(folder: Path) -> int:
    """Write both files and return how many values each holds."""
    from benchmarks.storing.bench_write import batches  # noqa: PLC0415 - the parent needs it for a moment only
    from storage.engine.database import Store  # noqa: PLC0415 - as above
    from storage.market import points  # noqa: PLC0415 - as above

    every = batches()
    store = Store(folder / "store.db")
    count = points.write(store, every)
    store.purge()
    store.close()
    with closing(sqlite3.connect(folder / "plain.db")) as plain:
        plain.execute(PLAIN)
        for batch in every:
            for name, column in batch.columns.items():
                rows = zip(batch.times, points.plain(column), strict=True)
                known = [(at, batch.venue, batch.asset, name, value) for at, value in rows if value == value]  # noqa: PLR0124
                plain.executemany("INSERT INTO points VALUES (?, ?, ?, ?, ?)", known)
        plain.commit()
    return count


def child(contender: str, path: Path) -> None:
    """Read one series several times and print rows, the median of the seconds, and megabytes."""
    import pandas as pd  # noqa: PLC0415 - both need it; importing is not timed

    took = []
    if contender == "store":
        from storage.engine.database import Store  # noqa: PLC0415 - as above
        from storage.engine.settings import settings_of  # noqa: PLC0415 - as above
        from storage.panels import panels  # noqa: PLC0415 - the other does not pay for it

        store = Store(path)
        settings_of(store, "")
        for _ in range(READS):
            begin = time.perf_counter()
            found = panels.panel(
                store, [NAME], [ASSET], step=timedelta(hours=1), start=START, end=START + timedelta(hours=HOURS)
            )
            frame = pd.DataFrame(found.values[NAME], index=found.at, columns=list(found.assets))
            took.append(time.perf_counter() - begin)
        store.close()
    else:
        with closing(sqlite3.connect(path)) as plain:
            for _ in range(READS):
                begin = time.perf_counter()
                frame = pd.read_sql(
                    "SELECT ts, value FROM points WHERE exchange = 'binance' AND symbol = ? AND metric = ? ORDER BY ts",
                    plain,
                    params=(ASSET, NAME),
                    parse_dates={"ts": {"unit": "ms", "utc": True}},
                    index_col="ts",
                )
                took.append(time.perf_counter() - begin)
    peak = megabytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(int(frame.notna().to_numpy().sum()), statistics.median(took), float(frame.sum().sum()), peak)


def main() -> None:
    measured: dict[str, list[tuple[float, ...]]] = {name: [] for name in NAMES}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = prepare(folder)
        size = {kind: (folder / f"{kind}.db").stat().st_size / count for kind in NAMES}
        for _ in range(ROUNDS):
            for kind in NAMES:
                done = subprocess.run(
                    [sys.executable, "-m", "benchmarks.storing.bench_read", kind, str(folder / f"{kind}.db")],
                    cwd=ROOT, capture_output=True, text=True, check=False,
                )  # fmt: skip
                if done.returncode:
                    sys.exit(f"{kind} failed:\n{done.stderr}")
                measured[kind].append(tuple(map(float, done.stdout.split())))
    middle = {
        kind: [statistics.median(column) for column in zip(*rows, strict=True)] for kind, rows in measured.items()
    }
    assert middle["store"][0] == middle["plain"][0] == HOURS, "both read the same"
    assert abs(middle["store"][2] / middle["plain"][2] - 1) < 1e-9, "and the same values"
    print(f"{HOURS:,} points of one series out of {count:,} values, median of {ROUNDS} runs")
    print(f"{'':<42} {'ms':>8} {'peak MB':>8} {'bytes a value':>14}")
    for kind, label in NAMES.items():
        print(f"{label:<42} {middle[kind][1] * 1000:>8.1f} {middle[kind][3]:>8,.0f} {size[kind]:>14.1f}")
    ratio = middle["store"][1] / middle["plain"][1]
    memory = f"{middle['store'][3]:,.0f} against {middle['plain'][3]:,.0f} MB"
    print(f"ratio | reading two hourly years into a frame, pandas.read_sql = 1 | {ratio} | < 1 | {memory}")
    print(
        f"ratio | bytes a value on the disk, plain table = 1 | {size['store'] / size['plain']} | < 0.3334 |"
        f" {size['store']:.1f} against {size['plain']:.1f}"
    )


if __name__ == "__main__":
    main() if len(sys.argv) == 1 else child(sys.argv[1], Path(sys.argv[2]))
