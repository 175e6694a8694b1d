"""What was liquidated within a day: a floor, and never more than was open.

    value = sum of liquidated USD over 24 h          of_open = value / U          U = most open interest of those 24 h

USD, one-sided. "Revenge rally" (Cointelegraph, January 2026) prints "$800 billion … past 24 hours", 8.5 times all that
was open at its record (signals.md LI-3, C3 and A14, 2026): a sum above what was open at any time of its day is
impossible and is not shown. The most of the day is asked rather than its start, since positions opened within the day
can be liquidated in it. `larger_days_ago` is the article's "largest single day since late November", within a month: a
longer look back costs more at each close than all else here.

NaN handling: an hour that was not heard is no zero, so a day with one is not known; neither is a day of which no open
interest is known to hold it against. `larger_days_ago` is the whole window where no stored day was as large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

DAY = days(1)
WINDOW = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return the liquidations of 24 hours, by side and against open interest, and whether they are impossible."""
    longs, shorts = s["liquidated_longs_usd"].total(DAY), s["liquidated_shorts_usd"].total(DAY)
    told = longs + shorts
    most_open = s["open_interest_usd"].max(DAY + s.step, least=s.step)
    impossible = told > most_open
    value = told.where(impossible < 1)
    return {
        "value": value,
        "longs": longs.where(impossible < 1),
        "shorts": shorts.where(impossible < 1),
        "longs_share": longs.where(impossible < 1) / value,
        "of_open": told / most_open,
        "impossible": impossible,
        "larger_days_ago": value.since_as_high(WINDOW) * (s.step / DAY),
    }


METRIC = Metric(
    id="liq_24h",
    title="Liquidations of a day",
    question="How much was liquidated within a day, and whose?",
    needs=("liquidated_longs_usd", "liquidated_shorts_usd", "open_interest_usd"),
    step=hours(1),
    window=WINDOW + DAY,
    says="At least {value:usd} liquidated in 24 h, {longs_share:part} longs; {of_open:part2} of what was open.",
    chart=Chart(title="Liquidations of 24 hours", axis="dollars a day, at least", unit="usd", over=DAY),
    values={
        "value": Value("usd", "liquidations of 24 h", "a floor; not known where it is impossible", usual=0.0),
        "longs": Value("usd", "longs liquidated in 24 h", usual=0.0),
        "shorts": Value("usd", "shorts liquidated in 24 h", usual=0.0),
        "longs_share": Value("share", "share of longs in the liquidations of 24 h", usual=0.5),
        "of_open": Value(
            "share",
            "liquidations of 24 h over open interest",
            "over the most of those 24 h; above 1 it is impossible",
            usual=0.0,
        ),
        "impossible": Value("code", "whether more is liquidated than was open", codes=("possible", "impossible")),
        "larger_days_ago": Value(
            "days", "time since a day of as many liquidations", "30 where there was none within 30 days"
        ),
    },
    tells_not="What feeds leave out: the true sum is larger, on some venues many times.",
    compute=compute,
)
