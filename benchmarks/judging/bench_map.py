"""The liquidation map of 500 assets, bar by bar: one step of what is kept, against rebuilding it from its 90 days.

Both are given the same hourly bars and must end with the same sums. Beside the seconds stands what each holds: the
state that is kept of all assets, and the 90 days of bars that a rebuild reads.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from signals.liquidation_map import BANDS, history, spread_of, stepped
from signals.liquidation_map.model import GAP, WINDOW
from signals.series import hours

if TYPE_CHECKING:
    from signals.series import Array

ASSETS = int(os.environ.get("PERPULSE_BENCH_ASSETS", "500"))
ROWS = int(WINDOW / hours(1))
BARS = 24  # that are stepped through
REBUILT = 3  # of them, each by itself


def drawn(rows: int) -> tuple[Array, Array, Array, Array]:
    """Draw coins, high, low and close: walks of 0.4 % an hour in price and 0.3 % in coins."""
    random = np.random.default_rng(11)
    shape = (rows, ASSETS)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.004, shape), axis=0))
    high, low = (close * np.exp(sign * np.abs(random.normal(0, 0.003, shape))) for sign in (1, -1))
    return 1e6 * np.exp(np.cumsum(random.normal(0, 0.003, shape), axis=0)), high, low, close


def main() -> None:
    """Print what a step and a rebuild of all assets take, and what they hold."""
    bars = drawn(ROWS + GAP + BARS)
    spread = spread_of("BTC")
    factors = np.repeat(np.array([[spread.longs, spread.shorts]]), ASSETS, axis=0)
    kept = stepped([values[:-BARS] for values in bars], factors, ROWS)
    steps, rebuilds = [], []
    for bar in range(BARS):
        row = ROWS + GAP + bar
        start = time.perf_counter()
        kept.step(*(values[row] for values in bars))
        sums = kept.within()
        steps.append(time.perf_counter() - start)
        if bar >= BARS - REBUILT:
            start = time.perf_counter()
            whole = history([values[bar : row + 1] for values in bars], factors, 1, ROWS, 1)
            rebuilds.append(time.perf_counter() - start)
            for number, band in enumerate(BANDS):
                np.testing.assert_allclose(sums[:, :, number], whole.within[band][0], rtol=1e-9, atol=1e-3)
    step, rebuild = statistics.median(steps), statistics.median(rebuilds)
    held = sum(value.nbytes for value in vars(kept).values() if isinstance(value, np.ndarray)) / 1e6
    read = 4 * 8 * ROWS * ASSETS / 1e6
    print(f"{ASSETS} assets, 90 days of hours; one bar of all of them")
    print(f"step {step * 1000:8.2f} ms, {held:6.0f} MB kept")
    print(f"rebuild {rebuild * 1000:5.0f} ms, {read:6.0f} MB of bars read; the sums are equal")
    print(
        f"ratio | rebuilding the map over a step of it, {ASSETS} assets | {rebuild / step:.1f} | > 50 | {held:.0f} MB"
    )


if __name__ == "__main__":
    main()
