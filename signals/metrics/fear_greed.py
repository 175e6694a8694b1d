"""The mood of the market as the Fear & Greed index of alternative.me gives it, 0 to 100, once a day.

    value = the index;  change_7d = index − index 7 d ago

After "revenge rally" (Cointelegraph, January 2026: 16, "Extreme Fear"), signals.md FG-1. The provider calls 0 to 24
Extreme Fear; the borders in the middle differ between sites, so no class is worked out here. The lines are ours:
20 / 30 as in the reference; 10 / 15 for the rare deep end, where the index stood on 2 % of its days since 2018 (66 of
3,044), and 5 / 10 for its floor, reached on 3 of them. The first line is left after five days above it: single better
days cut one fright of March 2025 into three.

The value of a day is published as the day begins and is judged then.

NaN handling: a missing day is unknown, never carried over from the day before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.condition import AT_ONCE, above, at_most, level
from signals.alerts.rule import AlertRule
from signals.metric import Chart, Metric, Value
from signals.series import days

if TYPE_CHECKING:
    from signals.series import Panel, Series


def compute(s: Panel) -> dict[str, Series]:
    """Return the index and its change over 7 days, in points."""
    index = s["fear_greed"]
    return {"value": index, "change_7d": index.change(days(7))}


METRIC = Metric(
    id="fear_greed",
    title="Fear & Greed index",
    question="How frightened or greedy is the market as a whole?",
    needs=("fear_greed",),
    step=days(1),
    window=days(8),
    says="Fear & Greed {value:number} of 100 ({change_7d:points} in 7 days).",
    chart=Chart(
        title="Fear & Greed index",
        axis="0 to 100",
        over=days(30),
        unit="index",
        lines=(("extreme 10", 10.0), ("enter 20", 20.0), ("leave 30", 30.0)),
    ),
    values={
        "value": Value("index", "Fear & Greed index", "0 fear, 100 greed"),
        "change_7d": Value("points", "change of the Fear & Greed index in 7 days", of="value", over=days(7)),
    },
    running=True,
    market_wide=True,
    at_open=True,
    tells_not="Anything but mood, and that once a day; it is made from price, volume and surveys of the days before.",
    compute=compute,
)

RULES = (
    AlertRule(
        id="fear_greed",
        title="Extreme fear",
        levels=(
            level("notice", enter=at_most(20.0), leave=above(30.0), hold=days(1), hold_leave=days(5)),
            level("warning", enter=at_most(10.0), leave=above(15.0), hold=AT_ONCE),
            level("critical", enter=at_most(5.0), leave=above(10.0), hold=AT_ONCE),
        ),
        headline="The market is in extreme fear.",
        legs=("Fear & Greed index {value:number} of 100. In 7 days {change_7d:points}.",),
        counter="It is wrong to read this as a turning point: fear has stayed this deep for weeks before.",
        resolved="Fear & Greed index {value:number} of 100.",
    ),
)
