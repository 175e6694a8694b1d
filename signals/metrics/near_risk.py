"""How dense the neighbourhood of price is: modelled liquidations within 1 and 2 %, as a part of open interest.

    value = (longs within 1 % below + shorts within 1 % above) / open interest, both in USD at price now
    percentile = share of the rows of 30 days at or below it

"OI guide" (2026): with high leverage a significant share of positions is liquidated within 1 to 2 % (signals.md LI-7).
By the model of signals/liquidation_map (November 2026), of which the 100x and 50x parts are what lies so near. Setups
ask for the 90th percentile for 4 hours, and for less than the 75th to end.

NaN handling: as in signals/liquidation_map/model.py; no percentile while under 2/3 of the 30 days are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.liquidation_map import LONG, SHORT, WINDOW, MapSeries
from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

RANKED_OVER = days(30)
FURTHEST = 0.02


def compute(s: Panel) -> dict[str, Series]:
    """Return what lies within 1 % of price over open interest, its percentile, and the dollars."""
    price, coins, found = s["close"], s["open_interest_coin"], MapSeries(s, reach=FURTHEST)
    near, further = (found.within(band, LONG) + found.within(band, SHORT) for band in (0.01, FURTHEST))
    value = near / coins
    return {
        "percentile": value.percentile(RANKED_OVER),
        "value": value,
        "within_1": near * price,
        "within_2": further * price,
    }


METRIC = Metric(
    id="near_risk",
    title="Liquidations near price",
    question="How much would be forced out by a move of 1 %?",
    needs=("open_interest_coin", "high", "low", "close"),
    step=hours(1),
    window=WINDOW + RANKED_OVER + hours(2),
    says=(
        "Modelled within 1 % of price: {within_1:usd}, {value:part1} of open interest; within 2 %: {within_2:usd}. "
        "That is at or above {percentile:rank} of the closes of 30 days."
    ),
    chart=Chart(
        title="Modelled liquidations within 1 % of price",
        axis="percent of open interest",
    ),
    values={
        "value": Value("share", "liquidations within 1 % of price over open interest", "both sides; modelled"),
        "within_1": Value("usd", "liquidations within 1 % of price", "both sides; modelled"),
        "within_2": Value("usd", "liquidations within 2 % of price", "both sides; modelled"),
        "percentile": Value("rank", "rank of liquidations near price in 30 days", "rows at or below it"),
    },
    tells_not="Which way the move goes, or whether one comes.",
    compute=compute,
)
