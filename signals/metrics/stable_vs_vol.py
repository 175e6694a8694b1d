"""Whether more stablecoins went with calmer prices: a claim, tested on the stored two years.

    value = rank correlation of the supply's change over 30 d with the volatility of the 30 d that followed

The derivatives guide (2026) says that more supply "correlates with reduced volatility" (signals.md ST-3). Each pair was
known at its end: the change until 30 days ago, and the volatility since. Spans of 30 days, one after the other, so that
two years are 24 observations; the bound says how far chance alone comes once in twenty. Volatility is the root of the
mean square of daily log returns, % a year.

NaN handling: NaN while under 2/3 of the spans are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.metric import Chart, Metric, Value
from signals.series import days
from signals.statistics.rank_correlation import rank_correlation

if TYPE_CHECKING:
    from signals.series import Panel, Series

SPAN, WINDOW = days(30), days(720)


def compute(s: Panel) -> dict[str, Series]:
    """Return the rank correlation with the bound of chance, over how many spans, and what both are now."""
    supply, returns = s["stablecoin_supply_usd"], s["close"].log().change(s.step)
    change = supply / supply.lag(SPAN) - 1
    realised = (returns * returns).mean(SPAN).map(np.sqrt) * (100 * (days(365) / s.step) ** 0.5)
    found = rank_correlation(change.lag(SPAN), realised, every=SPAN, window=WINDOW)
    return {
        "value": found.tau,
        "bound": found.bound,
        "spans": found.spans,
        "supply_change": change,
        "realised": realised,
    }


METRIC = Metric(
    id="stable_vs_vol",
    title="Stablecoin supply and calm",
    question="Did more stablecoins go with calmer prices?",
    needs=("stablecoin_supply_usd", "close"),
    step=days(1),
    window=WINDOW + 2 * SPAN,
    says=(
        "Supply against the volatility that followed, over {spans:number} spans of 30 days: {value:ratio}; "
        "chance alone reaches {bound:ratio}."
    ),
    chart=Chart(
        title="Stablecoin supply against later volatility",
        axis="rank correlation",
        over=days(365),
        unit="ratio",
        lines=(("no relation", 0.0),),
    ),
    values={
        "value": Value(
            "ratio",
            "correlation of stablecoin supply and volatility",
            "rank correlation over two years, −1 to 1; negative: more supply, calmer prices",
            usual=0.0,
        ),
        "bound": Value("ratio", "correlation of chance alone", "exceeded once in twenty", usual=0.0),
        "spans": Value("count", "spans of 30 days known of supply and volatility"),
        "supply_change": Value("fraction", "change of the stablecoin supply in a month"),
        "realised": Value("percent_a_year", "realised volatility of a month"),
    },
    tells_not="A cause: both may follow something else, and two years are few spans.",
    compute=compute,
)
