"""One tick over 500 assets, all metrics and the legs of all setups: the newest row, against two years computed anew.

Both variants run in a process of their own, on the same numbers, and must end with the same newest values. The first
holds only as many rows as a metric looks back, as a tick does; the second holds and computes every row. Hourly metrics
get hourly rows, daily ones daily rows; the legs of a setup are counted at every hour, where a day's row rules its day.

Beyond three portions of assets the second variant computes the first, the middle and the last of them alone, and what
that takes is multiplied by how many assets there are to one that was computed; a figure of the market as a whole is
not. No number of a column depends on another column, so each portion costs the same. The newest values of all that was
computed are compared.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from benchmarks.__main__ import megabytes
from signals.alerts.setup import setups
from signals.inputs import MARKET
from signals.metric import Metric, metrics
from signals.series import Panel, days

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

ASSETS = int(os.environ.get("PERPULSE_BENCH_ASSETS", "500"))
HISTORY = days(730)
BLOCK = 240  # rows drawn from one seed, so that the newest rows can be had without drawing the old ones
TIMES = 5
PORTION = 50  # assets whose whole history is computed at once
SAMPLED = 3  # portions; of 500 assets 150: three minutes of CPU, where all of them are nine
ROOT = Path(__file__).resolve().parents[2]
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


def portions_of(assets: int) -> list[range]:
    """Return the assets in portions."""
    return [range(i, min(i + PORTION, assets)) for i in range(0, assets, PORTION)]


def sampled(portions: list[range]) -> list[range]:
    """Return the portions whose whole history is computed: the first, the middle and the last of more than three."""
    return portions if len(portions) <= SAMPLED else [portions[0], portions[len(portions) // 2], portions[-1]]


def drawn(name: str, portion: int, assets: int, rows: int, newest: int) -> NDArray[np.float64]:
    """Draw the newest rows of an input that has `rows` of them; the same numbers however many are asked for."""
    if name == "funding_interval_hours":
        return np.full((newest, assets), 8.0)
    middle, spread = LIKE[name]
    first = (rows - newest) // BLOCK
    blocks = []
    for block in range(first, -(-rows // BLOCK)):
        random = np.random.default_rng([block, portion, *name.encode()])
        blocks.append(middle * np.exp(spread * random.standard_normal((BLOCK, assets))))
    start = rows - newest - first * BLOCK
    return np.concatenate(blocks)[start : start + newest].copy()


def panel_for(metric: Metric, portions: list[range], *, newest: bool) -> Panel:
    """Return what a metric needs of some assets: as many rows as it looks back, or all of two years."""
    rows = int(HISTORY / metric.step)
    few = min(metric.bars_back(metric.step), rows) if newest else rows
    if metric.market_wide:
        assets, values = (MARKET,), {name: drawn(name, 0, 1, rows, few) for name in metric.needs}
    else:
        assets = tuple(f"A{i}" for portion in portions for i in portion)
        values = {
            name: np.concatenate([drawn(name, part.start, len(part), rows, few) for part in portions], axis=1)
            for name in metric.needs
        }
    at = pd.date_range(end="2026-01-01", periods=few, freq=metric.step, tz="UTC")
    return Panel(metric.step, at, assets, values)


def compared() -> frozenset[str]:
    """Return the whole names of the values that the legs of setups are judged by."""
    return frozenset(
        name
        for setup in setups().values()
        for leg in setup.legs
        for group in leg.holds
        for one in group
        for name in one.names()
    )


def timed(work: Callable[[], Mapping[str, Any]], times: int) -> tuple[float, Mapping[str, Any]]:
    """Return how much CPU it takes, the median of some times, and what comes of it."""
    took, found = [], dict[str, Any]()
    for _ in range(times):
        start = time.process_time()
        found = dict(work())
        took.append(time.process_time() - start)
    return statistics.median(took), found


def measure(variant: str, into: str) -> None:
    """Time every metric and setup of one variant and keep its newest values. Drawing the numbers is not timed.

    A whole history is computed some assets at a time, or a laptop has no memory for it; the newest rows at once.
    """
    newest, kept = variant == "newest", dict[str, Any]()
    times, names, market = TIMES if newest else 1, compared(), dict[str, Any]()
    every = portions_of(ASSETS)

    def note(of: str, took: float, found: Mapping[str, Any]) -> None:
        kept[of] = kept.get(of, 0.0) + took
        for name, rows in found.items():
            whole = f"value {name if name.startswith(f'{of}.') else f'{of}.{name}'}"
            if not np.ndim(rows) or (whole in kept and rows.shape[1] == 1):
                continue  # the same at every close, as where no leg has to hold, or of every asset
            kept.setdefault(whole, []).append(rows[-1].copy())

    for portions in [every] if newest else [[part] for part in sampled(every)]:
        values = dict(market)
        for metric in metrics().values():
            if metric.market_wide and portions[0].start:
                continue
            panel = panel_for(metric, portions, newest=newest)
            took, found = timed(lambda metric=metric, panel=panel: metric.evaluate(panel, 1 if newest else None), times)
            note(metric.id, took, found)
            hours = 1 if newest else round(metric.step / timedelta(hours=1))
            of_metric = {f"{metric.id}.{name}": np.repeat(rows, hours, axis=0) for name, rows in found.items()
                         if f"{metric.id}.{name}" in names}  # fmt: skip
            values |= of_metric
            market |= of_metric if metric.market_wide else {}
        for setup in setups().values():
            note(setup.id, *timed(lambda setup=setup, values=values: setup.counts(values), times))
    np.savez(
        into, **{name: np.concatenate(found) if isinstance(found, list) else found for name, found in kept.items()}
    )


def run(variant: str, folder: str) -> tuple[dict[str, Any], float]:
    """Run one variant in a fresh process and return what it kept and its peak memory in MB."""
    into = str(Path(folder) / f"{variant}.npz")
    with subprocess.Popen([sys.executable, "-m", "benchmarks.judging.bench_tick", variant, into], cwd=ROOT) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        sys.exit(f"perpulse: the variant {variant} ended with {child.returncode}")
    with np.load(into) as kept:
        return dict(kept), megabytes(used.ru_maxrss)


def main() -> None:
    """Print how much cheaper the newest row is: each metric, all setups, together; and the peak memory of both."""
    with tempfile.TemporaryDirectory() as folder:
        (newest, low), (whole, high) = (run(variant, folder) for variant in VARIANTS)
    portions = portions_of(ASSETS)
    computed = [asset for portion in sampled(portions) for asset in portion]
    for name in newest:
        if name.startswith("value "):
            ours = newest[name] if len(newest[name]) == 1 else newest[name][computed]
            np.testing.assert_allclose(ours, whole[name], rtol=1e-6, atol=1e-9, err_msg=name)
    times_more = ASSETS / len(computed)
    for name in (*metrics(), *setups()):
        if name in setups() or not metrics()[name].market_wide:
            whole[name] = float(whole[name]) * times_more
    print(f"{ASSETS} assets, two years; seconds of CPU for one tick")
    if times_more > 1:
        print(f"whole history: computed of {len(computed)} assets ({len(sampled(portions))} portions) and multiplied "
              f"by {times_more:.2f}")  # fmt: skip
    print(f"{'metric':<18}{'newest row':>12}{'whole history':>16}{'times':>10}")
    groups = {name: [name] for name in metrics()} | {"setups": [*setups()], "together": [*metrics(), *setups()]}
    for title, names in groups.items():
        fast, slow = (sum(float(kept[name]) for name in names) for kept in (newest, whole))
        print(f"{title:<18}{fast:>12.4f}{slow:>16.3f}{slow / fast:>10.0f}")
    print(f"peak memory: newest row {low:,.0f} MB, whole history {high:,.0f} MB, {PORTION} assets at a time")
    print(f"the newest values of {len(computed)} assets are equal")
    print(
        f"ratio | whole history over newest row, {ASSETS} assets, metrics and setups | {slow / fast:.1f} | > 50 |"
        f" {low:,.0f} MB"
    )


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in VARIANTS:  # this file started by itself, for one variant
        measure(sys.argv[1], sys.argv[2])
    else:
        main()
