"""A move that comes from positions being closed, not opened.

After "OI guide" (Leverage.Trading, 2026; its third risk condition), signals.md section 3, 2026: coins −5 % in 24 h
while price moved at least one of its own deviations. Up, shorts cover; down, longs leave. It happens often, so it is
told only to who asks for it by name, and to all in the digest.
"""

from __future__ import annotations

from signals.alerts.condition import above, at_least, at_most
from signals.alerts.setup import Leg, Setup, Stage, Variant
from signals.series import hours

SETUP = Setup(
    id="position_closing",
    title="The move comes from positions being closed",
    question="Does the move come from positions being closed rather than opened?",
    metric="oi_coins",
    legs=(
        Leg(
            id="coins",
            title="coins closed in 24 h",
            holds=((at_most(-0.05, "oi_coins.change_24h"),),),
            must=True,
            alarms=("oi_zscore",),
            says=(
                "Price {price_move.change_24h:change} in 24 h, open interest {oi_coins.change_24h:change} in coins "
                "({oi_coins.dollars_24h:change} in dollars)."
            ),
        ),
        Leg(
            id="move",
            title="a move of price",
            holds=((at_least(1.0, "price_move.value"),), (at_most(-1.0, "price_move.value"),)),
            must=True,
            says="In usual daily moves of 30 days that is {price_move.value:number1}.",
        ),
        Leg(
            id="takers",
            title="takers",
            counted=False,
            says="Takers: {taker_ratio.buy_share:part} buys in 24 h.",
        ),
        Leg(
            id="liquidations",
            title="liquidations",
            counted=False,
            says="Liquidated in 24 h: at least {liq_zscore.usd_24h:usd}, {liq_zscore.longs_share_24h:part} longs.",
        ),
    ),
    stages=(
        Stage(
            rank="notice",
            legs=2,
            hold=hours(2),
            leave=((above(-0.02, "oi_coins.change_24h"),),),
            hold_leave=hours(2),
        ),
    ),
    only_asked=True,
    headline="{asset}: the fall comes from longs leaving, not from shorts being opened.",
    counter="It is wrong if open interest rises on the next fall: then shorts are pressing.",
    variants=(
        Variant(
            holds=((at_least(0.0, "price_move.value"),),),
            headline="{asset}: the rise comes from shorts covering, not from longs being opened.",
            counter="It is wrong if open interest rises again while price holds: then new buyers took over.",
        ),
    ),
    resolved=("{asset}: open interest {oi_coins.change_24h:change} in coins in 24 h."),
)
