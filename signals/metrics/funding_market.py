"""What the market as a whole pays for being long: the funding of all venues, weighted by what is open there.

    value = sum(r · 8760 / h · U) / sum(U) over the venues that tell all three

r = funding rate per interval, h = interval in hours, U = open interest in USD, one-sided; a simple yearly rate,
positive where longs pay. After the derivatives guide and "OI guide" (both 2026), signals.md FU-1 and DQ-1: an hourly
venue with little open interest does not speak for the market. Setups are judged by it; its place in a year is that of
the venue whose year is longest (`funding_stretch.pct`).

NaN handling: a venue that does not tell all three is left out of that row; where none does, the rate of the one that
speaks for funding is taken as it is, and NaN where there is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours
from signals.units import HOURS_A_YEAR

if TYPE_CHECKING:
    from signals.series import Panel, Series

NOTIONAL = 100_000


def compute(s: Panel) -> dict[str, Series]:
    """Return the weighted yearly rate, and what the paying side pays a day."""
    hourly = s["funding_rate"] / s["funding_interval_hours"]
    return {"value": hourly * HOURS_A_YEAR, "paid_per_100k_day": (hourly * 24 * NOTIONAL).abs()}


METRIC = Metric(
    id="funding_market",
    title="Funding, weighted by open interest",
    question="Which side pays to stay in, over all venues together?",
    needs=("funding_rate", "funding_interval_hours"),
    step=hours(1),
    window=hours(1),
    says=(
        "Funding, weighted by open interest: {value:yearly}; "
        "of $100k the paying side pays {paid_per_100k_day:usd} a day."
    ),
    chart=Chart(
        title="Funding weighted by open interest, yearly",
        axis="percent a year",
        over=days(10),
        unit="apr",
        lines=(("rest 10.95 %", 0.1095), ("neutral from −5 %", -0.05), ("neutral to +15 %", 0.15)),
    ),
    values={
        "value": Value(
            "apr", "funding of all venues", "weighted by open interest, a simple yearly rate; positive: longs pay"
        ),
        "paid_per_100k_day": Value("usd", "funding that the paying side pays a day for $100,000", usual=0.0),
    },
    of_all_venues=True,
    tells_not="What one venue asks: it may be far from this.",
    compute=compute,
)
