"""How large the open positions are against two years, and since when they have not been as large, or as small.

    value = C / max(C over 2 y) − 1          above_low = C / min(C over 2 y) − 1
    larger_days_ago, smaller_days_ago = days since C was last at least as large, or as small

C in coins, one-sided, by day. "Largest since …" is how "revenge rally" (Cointelegraph, January 2026) ranks its figures,
signals.md EX-1 and OI-3 (2026); a rank is one in what is stored, whose length `known_days` says. Days and not hours:
two years of hours of every exchange are more than a bot of 500 assets keeps in memory, and nobody counts such a rank
in hours.

NaN handling: the extremes are those of the *stored* values, told from 30 known days on. `larger_days_ago` and
`smaller_days_ago` are the whole window where no stored value is as extreme; a day that is not known is not as large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(730)
LEAST = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return open interest in coins against the extremes of two years, and how long ago it was as extreme."""
    coins = s["open_interest_coin"]
    day = s.step / days(1)
    high, low = coins.max(WINDOW, least=LEAST), coins.min(WINDOW, least=LEAST)
    return {
        "value": coins / high - 1,
        "above_low": coins / low - 1,
        "coins": coins,
        "usd": s["open_interest_usd"],
        "high": high,
        "low": low,
        "larger_days_ago": coins.since_as_high(WINDOW) * day,
        "smaller_days_ago": (-coins).since_as_high(WINDOW) * day,
        "known_days": (coins.known(WINDOW) * day).where(coins > 0),
    }


METRIC = Metric(
    id="oi_extremes",
    title="Open interest against two years",
    question="How large are the open positions against two years, and when were they last as large?",
    needs=("open_interest_coin", "open_interest_usd"),
    step=days(1),
    window=WINDOW,
    says=(
        "Open interest {coins:coins {asset}}: {value:change0} from the most and {above_low:change0} from the least "
        "of {known_days:count day}."
    ),
    chart=Chart(title="Open interest below its most of two years", axis="percent from the most, in coins"),
    charts=(
        Chart(
            title="Open interest in coins",
            axis="coins",
            value="coins",
            unit="coins",
            beside=("most of two years", "high"),
        ),
    ),
    values={
        "value": Value("fraction", "open interest in coins against its two-year high", "0 at the high"),
        "above_low": Value("fraction", "open interest in coins above its two-year low"),
        "coins": Value("coins", "open interest in coins at the daily close"),
        "usd": Value("usd", "open interest at the daily close"),
        "high": Value("coins", "highest open interest in coins of two years"),
        "low": Value("coins", "lowest open interest in coins of two years"),
        "larger_days_ago": Value(
            "days", "time since open interest was as large", "730 where it was not within two years"
        ),
        "smaller_days_ago": Value(
            "days", "time since open interest was as small", "730 where it was not within two years"
        ),
        "known_days": Value("days", "known part of two years of open interest"),
    },
    running=True,
    tells_not="Whether it is much for this price: the same coins are other dollars at another price.",
    compute=compute,
)
