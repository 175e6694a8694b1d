"""How far price has fallen from its highest close of 16 days.

    value = P / max(P over 16 d) − 1          change = P / P(16 d ago) − 1

P in USD, closing prices. The span is that of "revenge rally" (Cointelegraph, January 2026: −14.5 % in 16 days),
signals.md PX-1. The warning at −20 % is ours: the customary line of a bear market, crossed here within 16 days.
The way out has to hold for two days: of a falling market in March 2025 one day's jump made two events otherwise.

NaN handling: no value while under 2/3 of the 16 days are known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.condition import above, at_most, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(16)


def compute(s: Panel) -> dict[str, Series]:
    """Return the fall from the highest close of 16 days, and the change over them."""
    price = s["close"]
    return {
        "value": price / price.max(WINDOW) - 1,
        "change": price / price.lag(WINDOW) - 1,
        "price": price,
        "high": price.max(WINDOW),
        "high_days_ago": price.since_max(WINDOW) * (s.step / days(1)),
    }


METRIC = Metric(
    id="price_drawdown",
    title="Fall of price in 16 days",
    question="How large is the present fall?",
    unit="fraction",
    needs=("close",),
    step=hours(1),
    window=WINDOW,
    says="Price {price:price}, {value:change} from its 16-day high of {high:price} {high_days_ago:count day} ago.",
    chart=Chart(
        title="Price below its 16-day high",
        axis="percent from the high",
        lines=(("leave −5 %", -0.05), ("enter −10 %", -0.10), ("warning −20 %", -0.20)),
    ),
    values={
        "value": "price over its highest close of 16 days, less one, fraction",
        "change": "change against 16 days ago, fraction",
        "price": "closing price, USD",
        "high": "highest close of 16 days, USD",
        "high_days_ago": "days since that close",
    },
    tells_not="Anything on the cause of the fall.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="price_drawdown",
        title="Price well below its recent high",
        levels=(
            level("notice", enter=at_most(-0.10), leave=above(-0.05), hold=days(1), hold_leave=days(2)),
            level("warning", enter=at_most(-0.20), leave=above(-0.15), hold=days(1), hold_leave=days(2)),
        ),
        headline="{asset}: price is well below its high of the past 16 days.",
        legs=(
            "Price {price:price}, {value:change} from {high:price} on {high_at:date}.",
            "Against 16 days ago: {change:change}.",
        ),
        counter="It is wrong to read a cause out of this: it measures the size of a fall and nothing else.",
        resolved="{asset}: price is {price:price}, {value:under} its 16-day high, after {duration:duration}.",
    ),
)
