"""How dear options are, against the last 90 days.

    value = z(V; 90 d)          change_7d = V − V(7 d ago)          over_realised = V − realised volatility of 30 days

V is the volatility index of the venue (Deribit's DVOL, % a year, of options 30 days ahead). The derivatives guide
(2026) finds a market vulnerable where funding spikes and implied volatility expands (signals.md VL-1); it gives no
window. Setups enter at z 1.5 and leave at 0.75. Realised: sd of hourly log returns, zero mean assumed, times √8760, in
% a year.

NaN handling: no z while under 2/3 of the 90 days are known. Realised volatility needs 2/3 of 30 days of closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(90)
AHEAD = days(30)  # DVOL is of the next 30 days, so it is held against the last 30


def compute(s: Panel) -> dict[str, Series]:
    """Return the z-score of the index, the index, its changes, and what the last 30 days moved in the same unit."""
    index, close = s["implied_volatility"], s["close"]
    returns = close.log().change(s.step)
    realised = (returns * returns).mean(AHEAD).map(np.sqrt) * (100 * (days(365) / s.step) ** 0.5)
    return {
        "value": index.zscore(WINDOW),
        "iv": index,
        "change_7d": index.change(days(7)),
        "change_24h": index.change(days(1)),
        "realised": realised,
        "over_realised": index - realised,
        "highest": index.max(WINDOW),
        "lowest": index.min(WINDOW),
    }


METRIC = Metric(
    id="implied_vol",
    title="Implied volatility",
    question="Are options dear, so that large moves are paid for in advance?",
    needs=("implied_volatility", "close"),
    step=hours(1),
    window=WINDOW + hours(1),
    says="Implied volatility {iv:number1} % a year: {value:zscore} against 90 days, {change_7d:points} in 7 days.",
    chart=Chart(
        title="Implied volatility against 90 days",
        axis="standard deviations",
        over=days(7),
        unit="z",
        lines=(("dear 1.5", 1.5), ("usual again 0.75", 0.75)),
    ),
    charts=(
        Chart(
            title="Implied volatility",
            axis="percent a year",
            value="iv",
            unit="percent_a_year",
            over=days(7),
            beside=("realised, last 30 days", "realised"),
        ),
    ),
    values={
        "value": Value("z", "z of implied volatility", "against the 90 days before"),
        "iv": Value("percent_a_year", "implied volatility", "the volatility index"),
        "change_7d": Value("points", "change of implied volatility in 7 days", of="iv", over=days(7)),
        "change_24h": Value("points", "change of implied volatility in 24 h", of="iv", over=days(1)),
        "realised": Value("percent_a_year", "realised volatility of 30 days"),
        "over_realised": Value("points", "implied less realised volatility"),
        "highest": Value("percent_a_year", "highest implied volatility of 90 days"),
        "lowest": Value("percent_a_year", "lowest implied volatility of 90 days"),
    },
    running=True,
    tells_not="Which way: it is the price of insurance against moves to either side.",
    compute=compute,
)
