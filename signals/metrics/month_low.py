"""A dip of price under its low of a month, and whether it was bought back.

    support = lowest low of the 30 days before the last 3       low = lowest low of the last 3 days
    value = low / support − 1          back = close / support − 1          above_low = close / lowest low of 20 d − 1
    coins = C / C 3 d ago − 1          longs = highest z of ln(1 + longs liquidated a day; 30 d) of the last 3 days

Prices and dollars in USD, C in coins. After "revenge rally" (Cointelegraph, January 2026: lows of $80,000–83,000 swept,
"briefly dips below support"), signals.md WY-1, 2026. Its targets are wishes and are not computed. `above_low` looks at
the 20 days before the row itself: below zero, support was lost after all.

NaN handling: `support` wants 20 of its 30 days; `coins` and `longs` are NaN where open interest or liquidations are not
known, and nothing else suffers for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days

if TYPE_CHECKING:
    from signals.series import Panel, Series

SUPPORT_OVER = days(30)
DIP_WITHIN = days(3)
FAILS_BELOW = days(20)


def compute(s: Panel) -> dict[str, Series]:
    """Return how far price dipped under its low of 30 days within 3, and how far it is back."""
    low, close, coins = s["low"], s["close"], s["open_interest_coin"]
    support, dip = low.min(SUPPORT_OVER).lag(DIP_WITHIN), low.min(DIP_WITHIN)
    longs = (s["liquidated_longs_usd"] + 1).log().zscore(SUPPORT_OVER)
    return {
        "value": dip / support - 1,
        "back": close / support - 1,
        "support": support,
        "low": dip,
        "close": close,
        "above_low": close / low.min(FAILS_BELOW).lag(s.step) - 1,
        "coins": coins / coins.lag(DIP_WITHIN) - 1,
        "longs": longs.max(DIP_WITHIN, least=s.step),
    }


METRIC = Metric(
    id="month_low",
    title="Dip under the low of a month",
    question="Did price dip under its low of a month, and did it come back?",
    needs=("low", "close", "open_interest_coin", "liquidated_longs_usd"),
    step=days(1),
    window=SUPPORT_OVER + DIP_WITHIN + days(2),
    says=(
        "Low of 3 days {low:price}, {value:change} from the low of the 30 days before ({support:price}); "
        "last close {close:price}."
    ),
    chart=Chart(
        title="Low of 3 days against the low of the 30 days before",
        axis="percent from that low",
        over=days(30),
        lines=(("the low", 0.0), ("−5 %", -0.05)),
    ),
    values={
        "value": Value("fraction", "low of 3 days against the low of the 30 days before"),
        "back": Value("fraction", "close against the low of the 30 days before"),
        "support": Value("price", "low of 30 days", "of the 30 days before the last 3"),
        "low": Value("price", "low of 3 days"),
        "close": Value("price", "daily closing price"),
        "above_low": Value("fraction", "close against the low of 20 days"),
        "coins": Value("fraction", "change of open interest in coins in 3 days"),
        "longs": Value("z", "highest z of liquidated longs in 3 days", "of a day's, against 30"),
    },
    tells_not="Whether the low holds: a sweep and a break look alike until days later.",
    compute=compute,
)
