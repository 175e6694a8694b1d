"""What a perpetual costs to hold, as a yearly rate, from the funding rate and its true interval.

    value = r · 8760 / h

r = funding rate per interval (fraction), h = interval in hours; simple, not compounded (signals.md FU-1 and A17, 2026).
Neutral is not zero: the interest leg of 0.01 % per 8 h is 10.95 % a year. A positive rate is paid by longs.

NaN handling: a rate without its interval has no yearly rate. The interval is never guessed: the same 0.01 % is
10.95 % a year every 8 hours and 87.6 % every hour.
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
    """Return the yearly rate, the rate it is made from, and what it costs."""
    rate, interval = s["funding_rate"], s["funding_interval_hours"]
    an_hour = rate / interval
    return {
        "value": an_hour * HOURS_A_YEAR,
        "rate": rate,
        "interval_hours": interval,
        "eight_hour": an_hour * 8,
        "cost_per_100k_day": an_hour * 24 * NOTIONAL,
    }


METRIC = Metric(
    id="funding_apr",
    title="Funding, yearly",
    question="Which side pays to stay in, and how much?",
    needs=("funding_rate", "funding_interval_hours"),
    step=hours(1),
    window=hours(1),
    says=(
        "Funding {value:yearly}: {rate:rate}, every {interval_hours:number} h. "
        "Per $100k a long pays {cost_per_100k_day:usd} a day; below zero it receives."
    ),
    chart=Chart(
        title="Funding, yearly",
        axis="percent a year",
        over=days(10),
        unit="apr",
        lines=(("rest 10.95 %", 0.1095), ("neutral from −5 %", -0.05), ("neutral to +15 %", 0.15)),
    ),
    values={
        "value": Value("apr", "funding of one venue", "a simple yearly rate; positive: longs pay"),
        "rate": Value("rate", "funding rate of one venue"),
        "interval_hours": Value("hours", "funding interval"),
        "eight_hour": Value("rate_8h", "funding rate of one venue for 8 h"),
        "cost_per_100k_day": Value(
            "usd", "funding that a long of $100,000 pays a day", "negative: receives", usual=0.0
        ),
    },
    running=True,
    tells_not="How long the rate will last.",
    compute=compute,
)
