"""One side is being forced out in a chain: liquidations far above the usual hour, coins closed, price driven.

After "OI guide" and the derivatives guide (2026), signals.md section 3 and LI-2, 2026: within an hour liquidations of
ten times the median hour of 30 days, three quarters of them of one side, and coins −2 %. Where no feed of liquidations
is there, coins −2 % with a move of price of 3 deviations only looks like it, and the message says so. The minute in
which it begins is told by `burst` (signals/alerts/burst.py); this is the story of the hours.
"""

from __future__ import annotations

from signals.alerts.condition import above, at_least, at_most, below
from signals.alerts.setup import Leg, Setup, Stage, Variant
from signals.series import hours

_PACE = at_least(10.0, "liq_zscore.pace")
_LONGS = at_least(0.75, "liq_zscore.longs_share_1h")
_SHORTS = at_most(0.25, "liq_zscore.longs_share_1h")

SETUP = Setup(
    id="cascade",
    title="Forced selling or buying in a chain",
    question="Is one side being forced out, each liquidation setting off the next?",
    metric="liq_zscore",
    legs=(
        Leg(
            id="coins",
            title="coins closed in an hour",
            holds=((at_most(-0.02, "oi_coins.change_1h"),),),
            must=True,
            alarms=("oi_zscore",),
            says=(
                "Open interest {oi_coins.change_1h:change} in coins in an hour, {oi_coins.change_24h:change} in 24 h."
            ),
        ),
        Leg(
            id="forced",
            title="liquidations of one side",
            holds=((_PACE, _LONGS), (_PACE, _SHORTS)),
            says=(
                "Liquidated in the hour: at least {liq_zscore.usd_1h:usd}, {liq_zscore.longs_share_1h:part} longs; "
                "{liq_zscore.pace:number} times the usual hour."
            ),
        ),
        Leg(
            id="move",
            title="a move of price beyond 3 deviations",
            holds=((at_least(3.0, "price_move.value_1h"),), (at_most(-3.0, "price_move.value_1h"),)),
            says=(
                "Price {price_move.change_1h:change} in an hour, now {price_move.price:price}, "
                "{price_move.change_24h:change} in 24 h."
            ),
        ),
        Leg(id="funding", title="funding", counted=False, says="Funding {funding_market.value:yearly}."),
    ),
    stages=(
        Stage(
            rank="critical",
            legs=2,
            leave=(
                (below(2.0, "liq_zscore.pace"), above(-0.005, "oi_coins.change_1h")),
                (
                    above(-1.0, "price_move.value_1h"),
                    below(1.0, "price_move.value_1h"),
                    above(-0.005, "oi_coins.change_1h"),
                ),
            ),
            hold_leave=hours(1),
        ),
    ),
    headline="{asset}: it looks like positions being forced out in a chain.",
    counter="It is wrong to read this as the end: past chains stopped and started again.",
    variants=(
        Variant(holds=((_PACE, _LONGS),), headline="{asset}: longs are being forced out in a chain."),
        Variant(holds=((_PACE, _SHORTS),), headline="{asset}: shorts are being forced out in a chain."),
    ),
    resolved=("{asset}: open interest {oi_coins.change_24h:change} in coins in 24 h."),
)
