"""Buyers cross the spread more than sellers again, after weeks in which they did not.

After "OI reset" (Darkfost, January 2026: positive again "would light the fuse for a bullish reversal"), signals.md
section 3 and FL-2, 2026: the 30-day mean above zero on 2 daily closes after at least 10 below. It ends below −5 % of
the largest absolute value of a year: a mean near zero flickers. What followed is the base rate's to say, not the
name's.
"""

from __future__ import annotations

from signals.alerts.condition import above, at_least, below
from signals.alerts.setup import Leg, Setup, Stage
from signals.series import days

SETUP = Setup(
    id="reversal_trigger",
    title="Buyers at market lead again",
    question="Do buyers cross the spread more than sellers again?",
    metric="net_taker_30d",
    legs=(
        Leg(
            id="flow",
            title="net taker flow above zero",
            holds=((above(0.0, "net_taker_30d.value"),),),
            must=True,
            alarms=("net_taker_flip",),
            says=(
                "Net taker flow, 30-day mean: {net_taker_30d.value:usd} a day. "
                "Worst of 180 days: {net_taker_30d.worst:usd}."
            ),
        ),
        Leg(
            id="day",
            title="the last day",
            counted=False,
            says="Last 24 h: buys are {net_taker_30d.buy_share:part1} of taker volume.",
        ),
        Leg(
            id="price",
            title="price",
            counted=False,
            says="Price {price_move.price:price}, {price_move.change_7d:change} in 7 days.",
        ),
    ),
    stages=(
        Stage(
            rank="warning",
            legs=1,
            also=(at_least(10.0, "net_taker_30d.days_below"),),
            hold=days(2),
            leave=((below("net_taker_30d.flip_exit", "net_taker_30d.value"),),),
            hold_leave=days(1),
        ),
    ),
    headline="{asset}: buyers at market lead again, after weeks in which sellers did.",
    counter=(
        "It is wrong if the mean falls back under {net_taker_30d.flip_exit:usd} a day: then this was noise around zero."
    ),
    resolved=("{asset}: sellers lead again, 30-day mean {net_taker_30d.value:usd} a day."),
)
