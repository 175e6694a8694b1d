"""Price dipped under its low of a month and came back within days: support was swept, not lost.

After "revenge rally" (Cointelegraph, January 2026), signals.md section 3 and WY-1, 2026: a dip of 0.3 to 5 % and a
daily close back above, with coins closed or longs liquidated in the dip. Its targets are wishes and are not computed.
It is told for 20 days at most.
"""

from __future__ import annotations

from signals.alerts.condition import at_least, at_most, below
from signals.alerts.setup import Leg, Setup, Stage
from signals.series import days

SETUP = Setup(
    id="spring",
    title="A dip under the month's low was bought back",
    question="Was the low of the month swept and won back, rather than lost?",
    metric="month_low",
    legs=(
        Leg(
            id="dip",
            title="a dip under the month's low",
            holds=((at_most(-0.003, "month_low.value"), at_least(-0.05, "month_low.value")),),
            must=True,
            passes=True,
            says="Support {month_low.support:price}, low of the dip {month_low.low:price} ({month_low.value:change}).",
        ),
        Leg(
            id="back",
            title="a close back above it",
            holds=((at_least(0.0, "month_low.back"),),),
            must=True,
            passes=True,
            says="Daily close {month_low.close:price}, {month_low.back:change} above that support.",
        ),
        Leg(
            id="coins",
            title="coins closed in the dip",
            passes=True,
            holds=((at_most(-0.02, "month_low.coins"),),),
            says="Open interest over the dip: {month_low.coins:change} in coins, so positions were cleared out.",
        ),
        Leg(
            id="longs",
            title="long liquidations",
            passes=True,
            holds=((at_least(2.0, "month_low.longs"),),),
            says="Long liquidations in the dip: {month_low.longs:zscore} against 30 days.",
        ),
        Leg(id="price", title="price", counted=False, says="Price {price_move.price:price}."),
    ),
    stages=(
        Stage(
            rank="notice",
            legs=3,
            leave=((below(0.0, "month_low.above_low"),), (at_least(0.10, "month_low.above_low"),)),
            hold_leave=days(1),
        ),
    ),
    lasts=days(20),
    only_asked=True,
    headline="{asset}: price dipped under its low of a month and came back.",
    counter="A daily close under {month_low.low:price} makes it wrong: then support was lost, not swept.",
    resolved="{asset}: daily close {month_low.above_low:change} against the low of 20 days.",
)
