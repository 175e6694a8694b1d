"""Price dipped under its low of a month and came back within days: support was swept, not lost.

After "revenge rally" (Cointelegraph, January 2026), signals.md section 3 and WY-1, 2026: a dip of 0.3 to 5 % and a
daily close back above, with coins closed or longs liquidated in the dip. Its targets are wishes and are not computed.
It is told for 20 days at most.
"""

from __future__ import annotations

from signals.alerts.condition import at_least, at_most, below
from signals.series import days
from signals.setup import Leg, Setup, Stage

SETUP = Setup(
    id="spring",
    title="A dip under the month's low was bought back",
    question="Was the low of the month swept and won back, rather than lost?",
    metric="spring",
    legs=(
        Leg(
            id="dip",
            title="a dip under the month's low",
            holds=((at_most(-0.003, "spring.value"), at_least(-0.05, "spring.value")),),
            must=True,
            says="Support {spring.support:price}, low of the dip {spring.low:price} ({spring.value:change}).",
        ),
        Leg(
            id="back",
            title="a close back above it",
            holds=((at_least(0.0, "spring.back"),),),
            must=True,
            says="Daily close {spring.close:price}, {spring.back:change} above that support.",
        ),
        Leg(
            id="coins",
            title="coins closed in the dip",
            holds=((at_most(-0.02, "spring.coins"),),),
            says="Open interest over the dip: {spring.coins:change} in coins, so positions were cleared out.",
        ),
        Leg(
            id="longs",
            title="long liquidations",
            holds=((at_least(2.0, "spring.longs"),),),
            says="Long liquidations in the dip: {spring.longs:zscore} against 30 days.",
        ),
        Leg(id="price", title="price", counted=False, says="Price {price_move.price:price}."),
    ),
    stages=(
        Stage(
            rank="notice",
            legs=3,
            leave=((below(0.0, "spring.above_low"),), (at_least(0.10, "spring.above_low"),)),
            hold_leave=days(1),
        ),
    ),
    lasts=days(20),
    headline="{asset}: price dipped under its low of 30 days and came back.",
    counter="A daily close under {spring.low:price} makes it wrong: then support was lost, not swept.",
    resolved="{asset}: price {spring.close:price}; what began with the dip lasted {duration:duration}.",
)
