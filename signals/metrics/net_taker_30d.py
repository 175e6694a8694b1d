"""Who crosses the spread: taker buys less taker sells, averaged over 30 days, and the day its sign turns.

    value = (sum over 30 d of B − S) / 30, with B − S = 2 · taker buy volume − volume

USD a day. After "OI reset" (Darkfost, January 2026; CryptoQuant's net taker volume), signals.md FL-1 and FL-2, 2026.
`worst` is the most negative value of 180 days; `times_smaller` = worst / value while both are negative.
`days_below` counts the closes below zero before the present run above zero; `flip_exit` = −5 % of the largest absolute
value of a year. A mean near zero flickers, so the way out of a flip is further than the way in.

NaN handling: a flow needs all its days; one missing bar in 30 days makes the value unknown. `worst` and `flip_exit`
are told from 30 known values on: an extreme over a shorter history is still true of that history.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.condition import above, at_least, below, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric, Value
from signals.series import days

if TYPE_CHECKING:
    from signals.series import Panel, Series

MEAN_OVER = days(30)
WORST_OVER = days(180)
YEAR = days(365)
LEAST = days(30)
EXIT_SHARE = 0.05


def compute(s: Panel) -> dict[str, Series]:
    """Return the 30-day mean of net taker volume in USD a day, with what its flip is judged by."""
    buys, volume = s["taker_buy_usd"], s["volume_usd"]
    value = (2 * buys - volume).total(MEAN_OVER) / (MEAN_OVER / days(1))
    worst = value.min(WORST_OVER, least=LEAST)
    under_zero = (value < 0).streak(YEAR)
    return {
        "value": value,
        "worst": worst,
        "times_smaller": (worst / value).where((value < 0).both(worst < 0)),
        # Three rows, so that the run below is still seen on the second close above zero.
        "days_below": under_zero.max(3 * s.step) * (s.step / days(1)),
        "flip_exit": value.abs().max(YEAR, least=LEAST) * -EXIT_SHARE,
        "buy_share": buys.total(days(1)) / volume.total(days(1)),
    }


METRIC = Metric(
    id="net_taker_30d",
    title="Net taker volume, 30-day mean",
    question="Who crosses the spread, month by month: buyers or sellers, and how much more than the others?",
    needs=("volume_usd", "taker_buy_usd"),
    step=days(1),
    window=YEAR + MEAN_OVER + days(3),
    says="Net taker volume, 30-day mean: {value:usd} a day; at its worst in 180 days {worst:usd}.",
    chart=Chart(
        title="Net taker volume, 30-day mean", axis="dollars a day", unit="usd", lines=(("zero", 0.0),), over=MEAN_OVER
    ),
    values={
        "value": Value("usd", "net taker volume a day", "taker buys less taker sells, mean over 30 days", usual=0.0),
        "worst": Value("usd", "worst net taker volume of 180 days", "a day, mean over 30 days", usual=0.0),
        "times_smaller": Value("times", "worst net taker volume over that of now", "while both are negative"),
        "days_below": Value(
            "days", "time of net taker volume below zero", "before the present run above it, or so far"
        ),
        "flip_exit": Value("usd", "line at which the turn of net taker volume is over", "a day", usual=0.0),
        "buy_share": Value("share", "share of buys in the taker volume of a day", "of 24 h", usual=0.5, band=0.005),
    },
    tells_not="A limit buyer who absorbs the selling is not seen.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="net_taker_flip",
        title="Taker buyers lead again",
        levels=(
            level(
                "warning",
                enter=(above(0.0), at_least(10.0, "days_below")),
                leave=below("flip_exit"),
                hold=days(2),
                hold_leave=days(1),
            ),
        ),
        headline="{asset}: buyers at market lead again, after {days_below:count day} in which sellers did.",
        legs=(
            (
                "Net taker volume, 30-day mean: {value:usd} a day, above zero on 2 daily closes. "
                "Worst of 180 days: {worst:usd}."
            ),
            "Last 24 h: {buy_share:part} of taker volume is buys.",
        ),
        counter="It is wrong if the mean falls back under {flip_exit:usd} a day: then this was noise around zero.",
        resolved="{asset}: sellers lead again, 30-day mean {value:usd} a day.",
    ),
)
