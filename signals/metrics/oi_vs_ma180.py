"""Open interest against its own 180-day average, in dollars and in coins.

    value = U / SMA180(U) − 1          coins = C / SMA180(C) − 1

U in USD, C in coins, both one-sided; the 180 daily values end with the day itself. After "OI reset" (Darkfost, January
2026: falling below the average is "more significant than the level"), signals.md OI-2. A cross counts when it is
confirmed by a second daily close, in both directions, and when coins are below their own average too: of 18 crosses of
BTC in 2021-25 ten were price alone, which the alarm's own last line refuted (signals.md section 7, 2026). It is over
when dollars are back above, or coins 5 % above theirs: they stayed above their average for two days three times between
January and March 2026, and were below again within three. The deeper lines are ours.

NaN handling: an average over 180 days is told from 180 known days on. Of fewer it would be another average, and the
day of a cross would hang on what happens to be missing. `days_below` counts closes in a row, at most a year.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.condition import AT_ONCE, above, at_most, below, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric, Value
from signals.series import days

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(180)
YEAR = days(365)
COINS_BACK = 0.05


def compute(s: Panel) -> dict[str, Series]:
    """Return the gap to the 180-day average in dollars and in coins."""
    usd, coins = s["open_interest_usd"], s["open_interest_coin"]
    average = usd.mean(WINDOW, least=WINDOW)
    value = usd / average - 1
    return {
        "value": value,
        "coins": coins / coins.mean(WINDOW, least=WINDOW) - 1,
        "usd": usd,
        "coins_now": coins,
        "average": average,
        "days_below": (value < 0).streak(YEAR) * (s.step / days(1)),
    }


METRIC = Metric(
    id="oi_vs_ma180",
    title="Open interest against its 180-day average",
    question="Is the book of open positions larger or smaller than it has been for half a year?",
    needs=("open_interest_usd", "open_interest_coin"),
    step=days(1),
    window=WINDOW + YEAR,
    says=(
        "Open interest {usd:usd}, {value:change0} against its 180-day average of {average:usd}; "
        "in coins {coins:change0}."
    ),
    chart=Chart(
        title="Open interest against its 180-day average", axis="percent from the average", lines=(("average", 0.0),)
    ),
    charts=(
        Chart(title="Open interest", axis="dollars", value="usd", unit="usd", beside=("180-day average", "average")),
    ),
    values={
        "value": Value("fraction", "open interest against its 180-day average", "in USD"),
        "coins": Value("fraction", "open interest in coins against its 180-day average"),
        "usd": Value("usd", "open interest beside its 180-day average"),
        "coins_now": Value("coins", "open interest in coins beside its 180-day average"),
        "average": Value("usd", "average of open interest over 180 days"),
        "days_below": Value("days", "time of open interest below its 180-day average", "in a row, at most 365"),
    },
    running=True,
    tells_not="Anything quick: the average lags by weeks.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="oi_vs_ma180",
        title="Open interest below its 180-day average",
        levels=(
            level(
                "notice",
                enter=(below(0.0), below(0.0, "coins")),
                leave=[(above(0.0),), (above(COINS_BACK, "coins"),)],
                hold=days(2),
            ),
            level(
                "warning",
                enter=(at_most(-0.25), at_most(-0.10, "coins")),
                leave=[(above(-0.15),), (above(-0.02, "coins"),)],
                hold=AT_ONCE,
                hold_leave=days(2),
            ),
            level(
                "critical",
                enter=(at_most(-0.40), at_most(-0.20, "coins")),
                leave=[(above(-0.30),), (above(-0.10, "coins"),)],
                hold=AT_ONCE,
                hold_leave=days(2),
            ),
        ),
        of_a_fall=((at_most(0.0),),),
        headline="{asset}: open interest has fallen below its 180-day average, in dollars and in coins.",
        legs=(
            (
                "Open interest {usd:usd}, average {average:usd}: {value:change} in dollars, "
                "below it for {days_below:count day}."
            ),
            "In coins {coins:change} against their own 180-day average: that part is not price.",
        ),
        counter=(
            "It is wrong if coins come back above their own average: then positions were opened again. "
            "The average lags by weeks."
        ),
        resolved=(
            "{asset}: against its 180-day average open interest is {value:change} in dollars, {coins:change} in coins."
        ),
    ),
)
