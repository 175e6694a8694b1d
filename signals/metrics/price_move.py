"""How large the last day's move of price is, measured in usual days.

    value = ln(P / P 24 h ago) / sd(of such returns over the 30 d before)          change = P / P(some time ago) − 1

P in USD, closing prices; returns are sampled at every close and sd has n − 1, now left out (signals.md section 1,
2026). No mean is taken off: a move of nothing is 0, not a little below the trend. Ours: signals.md RC-3 and `cascade`
ask for a move "of at least 1 σ" and "3 σ" without a window.

NaN handling: no value while under 2/3 of the 30 days are known, or while nothing moved in them. Daily data have no
change over an hour or four.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from datetime import timedelta

    from signals.series import Panel, Series

CHANGE_OVER = days(1)
WINDOW = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return the day's move in deviations, with the changes it is beside."""
    price = s["close"]
    moved, usual = _moved(price, CHANGE_OVER)
    moved_1h, usual_1h = _moved(price, hours(1))
    return {
        "value": moved / usual,
        "value_1h": moved_1h / usual_1h,
        "usual": usual,
        "change_1h": _change(price, hours(1)),
        "change_4h": _change(price, hours(4)),
        "change_24h": _change(price, CHANGE_OVER),
        "change_7d": _change(price, days(7)),
        "price": price,
    }


def _moved(price: Series, window: timedelta) -> tuple[Series, Series]:
    """Return the log return over a window, and the standard deviation of such returns in the 30 days before."""
    moved = price.log().change(window)
    return moved, moved.lag(price.step).deviation(WINDOW)


def _change(price: Series, window: timedelta) -> Series:
    return price / price.lag(window) - 1


METRIC = Metric(
    id="price_move",
    title="Price move of a day",
    question="Is the last day's move large for this market?",
    needs=("close",),
    step=hours(1),
    window=WINDOW + CHANGE_OVER + hours(1),
    says=(
        "Price {price:price}, {change_24h:change} in a day and {change_7d:change} in 7 days; "
        "a usual day moves it by {usual:part1}."
    ),
    chart=Chart(
        title="A day's move of price",
        axis="times the usual day's move",
        over=CHANGE_OVER,
        unit="z",
        lines=(("+1", 1.0), ("−1", -1.0)),
    ),
    values={
        "value": Value(
            "z", "z of the move of price in 24 h", "log return over the deviation of such returns in the 30 days before"
        ),
        "value_1h": Value("z", "z of the move of price in 1 h", "against those of 30 days"),
        "usual": Value("fraction", "usual move of price in 24 h", "standard deviation, a log return"),
        "change_1h": Value("fraction", "change of price in 1 h", of="price", over=hours(1)),
        "change_4h": Value("fraction", "change of price in 4 h", of="price", over=hours(4)),
        "change_24h": Value("fraction", "change of price in 24 h", of="price", over=days(1)),
        "change_7d": Value("fraction", "change of price in 7 days", of="price", over=days(7)),
        "price": Value("price", "price", "closing price of the hour"),
    },
    tells_not="Why price moved, or whether it goes on.",
    compute=compute,
)
