"""How far the largest clusters of modelled liquidations are from price, also in usual moves.

    value = distance of the nearer of the two largest clusters (one above, one below), a fraction of price
    sigmas = ln(cluster / price) / sd of the changes ln(close / close before) over 30 days

A cluster is the half percent of price that holds most of a side within 10 %, by the model of signals/liquidation_map
(November 2026). Guides call clusters support and resistance and see them at round numbers (signals.md LI-6, 2026): both
are claims to be tested. Setups ask for 2 % and for 4 % to end. A usual move is that of one row, an hour where data are
hourly.

NaN handling: as in signals/liquidation_map/model.py; a side without a cluster is not known, and value is that of the
other one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.liquidation_map import LONG, SHORT, WINDOW, MapSeries
from signals.metric import Chart, Metric, Value
from signals.series import Series, days, hours

if TYPE_CHECKING:
    from signals.series import Panel

USUAL_OVER = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return the largest cluster of each side: price, USD, distance from price and usual moves to it."""
    price, found = s["close"], MapSeries(s)
    usual = price.log().change(s.step).deviation(USUAL_OVER)
    above, below = found.peak(SHORT), found.peak(LONG)
    up, down = above / price - 1, 1 - below / price
    return {
        "value": Series(lambda rows: np.fmin(up.last(rows), down.last(rows)), s.step),
        "above": above,
        "above_usd": found.peak_coins(SHORT) * price,
        "above_away": up,
        "above_sigmas": (above / price).log() / usual,
        "below": below,
        "below_usd": found.peak_coins(LONG) * price,
        "below_away": down,
        "below_sigmas": (price / below).log() / usual,
        "price": price,
    }


METRIC = Metric(
    id="liq_clusters",
    title="Nearest liquidation cluster",
    question="How far is price from where most positions would be forced out?",
    needs=("open_interest_coin", "high", "low", "close"),
    step=hours(1),
    window=WINDOW + hours(2),
    says=(
        "Largest modelled clusters: {above_usd:usd} of shorts at {above:price}, {above_away:part1} above; "
        "{below_usd:usd} of longs at {below:price}, {below_away:part1} below."
    ),
    chart=Chart(
        title="Distance of the nearest modelled cluster",
        axis="percent of price",
        lines=(("2 %", 0.02), ("4 %", 0.04)),
    ),
    values={
        "value": Value("share", "distance of the nearer liquidation cluster", "of price; of the two largest, modelled"),
        "above": Value("price", "price of the largest cluster of shorts", "modelled"),
        "above_usd": Value("usd", "shorts in their largest cluster", "modelled"),
        "above_away": Value("share", "distance of the largest cluster of shorts", "above price"),
        "above_sigmas": Value(
            "times", "distance of the largest cluster of shorts in usual moves", "of one row, 30 days"
        ),
        "below": Value("price", "price of the largest cluster of longs", "modelled"),
        "below_usd": Value("usd", "longs in their largest cluster", "modelled"),
        "below_away": Value("share", "distance of the largest cluster of longs", "below price"),
        "below_sigmas": Value(
            "times", "distance of the largest cluster of longs in usual moves", "of one row, 30 days"
        ),
        "price": Value("price", "price beside the clusters"),
    },
    tells_not="Whether price turns there or runs through it.",
    compute=compute,
)
