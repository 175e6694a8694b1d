"""One tick over 500 assets and all metrics: the newest row alone, against recomputing two years of history.

Both variants run in a process of their own, on the same numbers, and must end with the same newest values. The first
holds only as many rows as a metric looks back, as a tick does; the second holds and computes every row. Hourly metrics
get hourly rows, daily ones daily rows.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.__main__ import megabytes
from signals.inputs import MARKET
from signals.metric import Metric, metrics
from signals.series import Panel, days

if TYPE_CHECKING:
    from numpy.typing import NDArray

ASSETS = int(os.environ.get("PERPULSE_BENCH_ASSETS", "500"))
HISTORY = days(730)
BLOCK = 240  # rows drawn from one seed, so that the newest rows can be had without drawing the old ones
TIMES = 5
PORTION = 50  # assets whose whole history is computed at once
ROOT = Path(__file__).resolve().parents[1]
VARIANTS = ("newest", "whole")
LIKE = {  # middle value, spread of its logarithm
    "close": (100.0, 0.02),
    "high": (101.0, 0.001),
    "low": (99.0, 0.001),
    "open_interest_coin": (1e6, 0.02),
    "open_interest_usd": (1e8, 0.03),
    "volume_usd": (1e8, 0.5),
    "taker_buy_usd": (0.49e8, 0.02),
    "funding_rate": (1e-4, 0.5),
    "liquidated_longs_usd": (1e5, 1.0),
    "liquidated_shorts_usd": (1e5, 1.0),
    "depth_bids_usd": (1e7, 0.2),
    "depth_asks_usd": (1e7, 0.2),
    "stablecoin_supply_usd": (3e11, 0.001),
    "mark_price": (100.0, 0.02),
    "index_price": (100.0, 0.02),
    "dated_premium": (0.01, 0.2),
    "dated_days": (60.0, 0.2),
    "long_short_accounts": (1.3, 0.2),
    "long_short_top_accounts": (1.2, 0.2),
    "long_short_top_positions": (1.1, 0.2),
    "implied_volatility": (50.0, 0.1),
    "options_open_interest_usd": (1e10, 0.1),
    "options_days_to_expiry": (2.0, 0.2),
    "options_expiry_share": (0.2, 0.2),
    "options_max_pain": (100.0, 0.02),
    "options_put_call": (0.6, 0.2),
    "options_wall_above": (105.0, 0.02),
    "options_wall_above_share": (0.1, 0.2),
    "options_wall_below": (95.0, 0.02),
    "options_wall_below_share": (0.1, 0.2),
    "fear_greed": (40.0, 0.3),
}


def drawn(name: str, assets: int, rows: int, newest: int) -> NDArray[np.float64]:
    """Draw the newest rows of an input that has `rows` of them; the same numbers however many are asked for."""
    if name == "funding_interval_hours":
        return np.full((newest, assets), 8.0)
    middle, spread = LIKE[name]
    first = (rows - newest) // BLOCK
    blocks = []
    for block in range(first, -(-rows // BLOCK)):
        random = np.random.default_rng([block, *name.encode()])
        blocks.append(middle * np.exp(spread * random.standard_normal((BLOCK, assets))))
    start = rows - newest - first * BLOCK
    return np.concatenate(blocks)[start : start + newest].copy()


def panel_for(metric: Metric, newest: int | None) -> Panel:
    """Return the newest rows (None: all of two years) of what a metric needs."""
    rows = int(HISTORY / metric.step)
    newest = rows if newest is None else min(newest, rows)
    assets = (MARKET,) if metric.market_wide else tuple(f"A{i}" for i in range(ASSETS))
    values = {name: drawn(name, len(assets), rows, newest) for name in metric.needs}
    at = pd.date_range(end="2026-01-01", periods=newest, freq=metric.step, tz="UTC")
    return Panel(metric.step, at, assets, values)


def portions(panel: Panel, newest: bool) -> list[Panel]:  # noqa: FBT001 - which of the two variants
    """Split a whole history by assets, or a laptop has no memory for it; the newest rows are taken at once."""
    size = len(panel.assets) if newest else PORTION
    every, cuts = dict(panel.values), range(0, len(panel.assets), size)
    return [
        Panel(panel.step, panel.at, panel.assets[i : i + size], {k: v[:, i : i + size] for k, v in every.items()})
        for i in cuts
    ]


def newest_of(computed: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Keep the last row of each value."""
    return {name: rows[-1].copy() for name, rows in computed.items()}


def measure(variant: str, into: str) -> None:
    """Time every metric of one variant and keep its newest values. Drawing the numbers is not timed."""
    kept: dict[str, Any] = {}
    for metric in metrics().values():
        newest = variant == "newest"
        panel = panel_for(metric, metric.bars_back(metric.step) if newest else None)
        took = []
        for _ in range(TIMES if newest else 1):
            start = time.perf_counter()
            last = [newest_of(metric.evaluate(part, rows=1 if newest else None)) for part in portions(panel, newest)]
            took.append(time.perf_counter() - start)
        for name in last[0]:
            kept[f"{metric.id} {name}"] = np.concatenate([part[name] for part in last])
        kept[metric.id] = statistics.median(took)
    np.savez(into, **kept)


def run(variant: str, folder: str) -> tuple[dict[str, Any], float]:
    """Run one variant in a fresh process and return what it kept and its peak memory in MB."""
    into = str(Path(folder) / f"{variant}.npz")
    with subprocess.Popen([sys.executable, "-m", "benchmarks.bench_tick", variant, into], cwd=ROOT) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"perpulse: the variant {variant} ended with {child.returncode}")
    with np.load(into) as kept:
        return dict(kept), megabytes(used.ru_maxrss)


def main() -> None:
    """Print per metric and in total how much cheaper the newest row is, and the peak memory of each variant."""
    with tempfile.TemporaryDirectory() as folder:
        (newest, low), (whole, high) = (run(variant, folder) for variant in VARIANTS)
    for name in newest:
        if " " in name:
            np.testing.assert_allclose(newest[name], whole[name], rtol=1e-6, atol=1e-9, err_msg=name)
    print(f"{ASSETS} assets, two years; seconds for one tick")
    print(f"{'metric':<18}{'newest row':>12}{'whole history':>16}{'times':>10}")
    for name in metrics():
        fast, slow = float(newest[name]), float(whole[name])
        print(f"{name:<18}{fast:>12.4f}{slow:>16.3f}{slow / fast:>10.0f}")
    fast, slow = (sum(float(kept[name]) for name in metrics()) for kept in (newest, whole))
    print(f"{'together':<18}{fast:>12.4f}{slow:>16.3f}{slow / fast:>10.0f}")
    print(f"peak memory: newest row {low:,.0f} MB, whole history {high:,.0f} MB; the newest values are equal")
    print(
        f"ratio | whole history over newest row, {ASSETS} assets, all metrics | {slow / fast:.1f} | > 50 |"
        f" {low:,.0f} MB"
    )


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in VARIANTS:  # this file started by itself, for one variant
        measure(sys.argv[1], sys.argv[2])
    else:
        main()
