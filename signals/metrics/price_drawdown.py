"""How far price has fallen from its highest close of 16 days.

    value = P / max(P over 16 d) − 1          change = P / P(16 d ago) − 1
    line = −max(10 %, 4 · sd of the 24-hour log changes of 365 d)          lines = value / −line

P in USD, closing prices. The span is that of "revenge rally" (Cointelegraph, January 2026: −14.5 % in 16 days),
signals.md PX-1: −10 %. What is unusual differs by market: four daily deviations are one deviation of 16 days, 9 % for
BTC and 16 % for ETH in October 2025, and a fall of one of them is told where it is more than 10 %. With −10 % for
every market BTC and ETH told of 81 falls in 2021-25. Twice the line is a warning (for BTC −20 %, the customary line of
a bear market, crossed here within 16 days), three times critical.

Each line is told at the first close beyond it: with a day of hourly closes the falls of 10 October and 21 November 2025
became news a day late (signals.md section 7, 2026), and a line that is left at half of it and after days needs no hold
against flicker. The way out has to hold for four days: of a falling market a day's jump makes two events otherwise, as
in March 2025.

NaN handling: no value while under 2/3 of the 16 days are known; the line is −10 % while under 2/3 of the year are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.alerts.condition import AT_ONCE, above, at_most, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(16)
YEAR = days(365)
DAYS_OUT = days(4)
LEAST_FALL = 0.10
DEVIATIONS = 4.0  # of a day in 16 days: the square root of them


def compute(s: Panel) -> dict[str, Series]:
    """Return the fall from the highest close of 16 days, what is unusual of it, and the change over them."""
    price = s["close"]
    value = price / price.max(WINDOW) - 1
    usual = price.log().change(days(1)).deviation(YEAR) * DEVIATIONS
    line = usual.map(lambda sizes: -np.fmax(sizes, LEAST_FALL)).where(value <= 0.0)
    return {
        "value": value,
        "line": line,
        "lines": value / -line,
        "change": price / price.lag(WINDOW) - 1,
        "price": price,
        "high": price.max(WINDOW),
        "high_days_ago": price.since_max(WINDOW) * (s.step / days(1)),
    }


METRIC = Metric(
    id="price_drawdown",
    title="Fall of price in 16 days",
    question="How large is the present fall?",
    needs=("close",),
    step=hours(1),
    window=YEAR + days(1),
    says="Price {price:price}, {value:change} from its 16-day high of {high:price} {high_days_ago:count day} ago.",
    chart=Chart(
        title="Price below its 16-day high",
        axis="percent from the high",
        lines=(("−10 %", -0.10), ("−20 %", -0.20), ("−30 %", -0.30)),
        over=WINDOW,
    ),
    values={
        "value": Value("fraction", "price against its 16-day high", "highest close"),
        "line": Value(
            "fraction", "fall from which on it is told", "one deviation of 16 days in the past year, at least 10 %"
        ),
        "lines": Value("times", "fall of price as a multiple of the usual line", "below zero"),
        "change": Value("fraction", "change of price in 16 days", of="price", over=days(16)),
        "price": Value("price", "closing price beside its 16-day high"),
        "high": Value("price", "highest close of 16 days"),
        "high_days_ago": Value("days", "time since the highest close of 16 days"),
    },
    tells_not="Anything on the cause of the fall.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="price_drawdown",
        title="Price well below its recent high",
        levels=(
            level(
                "notice", enter=at_most(-1.0, "lines"), leave=above(-0.5, "lines"), hold=AT_ONCE, hold_leave=DAYS_OUT
            ),
            level(
                "warning", enter=at_most(-2.0, "lines"), leave=above(-1.5, "lines"), hold=AT_ONCE, hold_leave=DAYS_OUT
            ),
            level(
                "critical", enter=at_most(-3.0, "lines"), leave=above(-2.5, "lines"), hold=AT_ONCE, hold_leave=DAYS_OUT
            ),
        ),
        of_a_fall=((at_most(0.0),),),
        headline="{asset}: price is well below its high of the past 16 days.",
        legs=(
            (
                "Price {price:price}, {value:change} from the close of {high:price} on {high_at:date}. "
                "Unusual here is {line:change} and below."
            ),
            "Against 16 days ago: {change:change}.",
        ),
        counter="It is wrong to read a cause out of this: it measures the size of a fall and nothing else.",
        resolved="{asset}: price is {price:price}, {value:under} its 16-day high.",
    ),
)
