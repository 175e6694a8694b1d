"""How stretched funding is, against its own year and in plain yearly cost.

    value = r · 8760 / h          pct = mid-rank of value among the values of 365 d

r = funding rate per interval, h = interval in hours; simple yearly rate. After "OI guide" and the derivatives guide
(both 2026), signals.md FU-2; the neutral band of −5 … +15 % a year is that of signals.md section 1.

Two things differ from a bare percentile, for the same reason: funding *rests* on one value (0.01 % per 8 h, 10.95 % a
year) for weeks. (a) Equal values count half. "At or below" would put the resting value at 1.00, the highest of the
year, in any year that never went above it. (b) The percentile speaks only outside the neutral band. After a year below
zero even the resting rate can rank above 95 % of it, and nobody is crowded at rest. For the same reason a rate that is
back near rest ends the episode whatever its rank.

A line has to be crossed for two closes, which is one settlement where a rate rules for eight hours; to wait for eight
closes told the same settlement six hours later and no other. What gets worse is told at once: +60 and +100 %, −30 and
−100 % a year (on 9 November 2022 shorts paid 15 %, 16 hours later 130 %).

The way out has to hold for a week: funding swings from one settlement to the next, and with three days BTC and ETH in
2021-25 told of 73 crowds and of 19 that restarted within three days, with a week of 48 and one. The recorded winter of
2025-26 told of 19 crowds of shorts with 8 h.

Where the other side's line is reached there is nothing to wait for: both sides cannot pay, so the one alarm ends as the
other begins.

NaN handling: no percentile while under 2/3 of the year is known; the plain lines (+30 %, −10 % a year) work without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.condition import AT_ONCE, above, at_least, at_most, below, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric, Value
from signals.series import days, hours
from signals.units import HOURS_A_YEAR

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(365)
HOLD, HOLD_LEAVE = hours(2), days(7)
NEUTRAL_TOP, NEUTRAL_BOTTOM = 0.15, -0.05
AT_REST = 0.12  # the resting 10.95 % a year and a little
MIDDLE = 0.05  # of the neutral band
LONGS_PAY = ((at_least(0.95, "pct"), above(NEUTRAL_TOP)), (at_least(0.30),))
SHORTS_PAY = ((at_most(0.05, "pct"), below(NEUTRAL_BOTTOM)), (at_most(-0.10),))
NOTIONAL = 100_000


def compute(s: Panel) -> dict[str, Series]:
    """Return the yearly rate and its place among the rates of a year."""
    rate, interval = s["funding_rate"], s["funding_interval_hours"]
    value = rate / interval * HOURS_A_YEAR
    pct = value.percentile(WINDOW, split_ties=True)
    return {
        "value": value,
        "pct": pct,
        "pct_above": 1 - pct,
        "rate": rate,
        "interval_hours": interval,
        "paid_per_100k_day": (rate / interval * 24 * NOTIONAL).abs(),
    }


METRIC = Metric(
    id="funding_stretch",
    title="Stretched funding",
    question="Is one side crowded, and what does it pay to stay?",
    needs=("funding_rate", "funding_interval_hours"),
    step=hours(1),
    window=WINDOW,
    says="Funding {value:yearly}, above {pct:part} of the past year.",
    chart=Chart(
        title="Funding, yearly",
        axis="percent a year",
        over=days(10),
        unit="apr",
        lines=(("warning +60 %", 0.60), ("+30 %", 0.30), ("rest 10.95 %", 0.1095), ("−10 %", -0.10)),
    ),
    values={
        "value": Value("apr", "funding of the leading venue", "a simple yearly rate; positive: longs pay"),
        "pct": Value("rank", "rank of funding in a year", "mid-rank"),
        "pct_above": Value("rank", "share of a year with higher funding", "one less that rank"),
        "rate": Value("rate", "funding rate of the leading venue"),
        "interval_hours": Value("hours", "funding interval of the leading venue"),
        "paid_per_100k_day": Value(
            "usd", "funding that the paying side pays a day for $100,000 at the leading venue", usual=0.0
        ),
    },
    running=True,
    tells_not="When it ends: a trend can pay for weeks.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="funding_stretch",
        title="Longs pay much",
        levels=(
            level(
                "notice",
                enter=[*LONGS_PAY],
                leave=[(below(0.80, "pct"), below(0.20)), (at_most(AT_REST),)],
                hold=HOLD,
                hold_leave=HOLD_LEAVE,
                at_once=[*SHORTS_PAY],
            ),
            level(
                "warning",
                enter=at_least(0.60),
                leave=below(0.40),
                hold=AT_ONCE,
                hold_leave=HOLD_LEAVE,
                at_once=[*SHORTS_PAY],
            ),
            level(
                "critical",
                enter=at_least(1.00),
                leave=below(0.75),
                hold=AT_ONCE,
                hold_leave=HOLD_LEAVE,
                at_once=[*SHORTS_PAY],
            ),
        ),
        headline="{asset}: longs are paying much to stay.",
        legs=(
            (
                "Funding {value:yearly} (it rests near 11 %): {rate:rate}, every {interval_hours:number} h. "
                "Above {pct:rank} of the past year."
            ),
            "A $100k long pays {paid_per_100k_day:usd} a day.",
        ),
        counter="It is wrong if spot leads: a rising trend can carry this funding for weeks.",
        resolved="{asset}: funding {value:yearly} (it rests near 11 %).",
    ),
    AlertRule(
        id="funding_stretch_low",
        title="Shorts pay much",
        levels=(
            level(
                "notice",
                enter=[*SHORTS_PAY],
                leave=[(above(0.20, "pct"), above(-0.03)), (at_least(MIDDLE),)],
                hold=HOLD,
                hold_leave=HOLD_LEAVE,
                at_once=[*LONGS_PAY],
            ),
            level(
                "warning",
                enter=at_most(-0.30),
                leave=above(-0.20),
                hold=AT_ONCE,
                hold_leave=HOLD_LEAVE,
                at_once=[*LONGS_PAY],
            ),
            level(
                "critical",
                enter=at_most(-1.00),
                leave=above(-0.75),
                hold=AT_ONCE,
                hold_leave=HOLD_LEAVE,
                at_once=[*LONGS_PAY],
            ),
        ),
        of_a_fall=((at_most(0.0),),),
        headline="{asset}: shorts are paying much to stay.",
        legs=(
            (
                "Funding {value:yearly} (it rests near +11 %): {rate:rate}, every {interval_hours:number} h. "
                "Below {pct_above:rank} of the past year."
            ),
            "A $100k short pays {paid_per_100k_day:usd} a day.",
        ),
        counter="It is wrong if these shorts are hedges: hedgers pay and are not forced out.",
        resolved="{asset}: funding {value:yearly} (it rests near +11 %).",
    ),
)
