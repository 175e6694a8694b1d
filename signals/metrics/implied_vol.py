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

from signals.metric import Chart, Metric
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
    unit="z",
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
            unit="index",
            over=days(7),
            beside=("realised, last 30 days", "realised"),
        ),
    ),
    values={
        "value": "z of the volatility index against the 90 days before",
        "iv": "volatility index, % a year",
        "change_7d": "change over 7 days, points",
        "change_24h": "change over 24 h, points",
        "realised": "volatility of the last 30 days, % a year",
        "over_realised": "volatility index less that, points",
        "highest": "highest of 90 days, % a year",
        "lowest": "lowest of 90 days, % a year",
    },
    running=True,
    tells_not="Which way: it is the price of insurance against moves to either side.",
    compute=compute,
)
