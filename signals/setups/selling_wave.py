"""Sellers hit a thin book while positions are closed and liquidated.

After "selling wave" (2026), signals.md section 3, NB-1 and A13, 2026: taker flow, depth, closing and liquidations,
three of the four, taker flow among them, on 2 hourly closes. The taker ratio is the same fact as the flow and is no leg
of its own; funding is named and never counted. Beside each z stands a floor of size (signals.md section 7): of taker
volume at most 47 % buys, of the coins at least 2 % closed in 24 h, which is less than the 5 % of the alarm that stands
alone.
"""

from __future__ import annotations

from signals.alerts.condition import above, at_least, at_most
from signals.alerts.setup import Leg, Setup, Stage, Variant
from signals.series import hours

_FEWER = "selling_wave.possible"

SETUP = Setup(
    id="selling_wave",
    title="Sellers press and positions close",
    question="Do sellers press while nobody stands against them and positions are forced out?",
    metric="taker_zscore",
    legs=(
        Leg(
            id="flow",
            title="taker flow",
            holds=((at_most(-2.0, "taker_zscore.value"), at_most(0.47, "taker_zscore.buy_share")),),
            must=True,
            alarms=("taker_zscore", "taker_ratio"),
            says=(
                "Taker flow: {taker_zscore.value:zscore}, ratio {taker_zscore.ratio:ratio}, "
                "only {taker_zscore.buy_share:part} of taker volume buys."
            ),
        ),
        Leg(
            id="depth",
            title="depth within 1 %",
            holds=((at_most(-0.75, "depth_index.value"),),),
            says="Depth within 1 %: {depth_index.value:zscore}, large orders move the price.",
        ),
        Leg(
            id="closing",
            title="positions being closed",
            holds=((at_most(-1.0, "oi_zscore.value"), at_most(-0.02, "oi_zscore.coins")),),
            alarms=("oi_zscore",),
            says=(
                "Open interest: {oi_zscore.value:zscore}, {oi_zscore.coins:change} in coins in 24 h: "
                "positions are closed, not opened."
            ),
        ),
        Leg(
            id="liquidations",
            title="liquidations",
            holds=((at_least(2.0, "liq_zscore.value"),),),
            says=(
                "Liquidations: {liq_zscore.value:zscore}, at least {liq_zscore.usd_24h:usd} in 24 h, "
                "{liq_zscore.longs_share_24h:part} longs."
            ),
        ),
        Leg(
            id="funding",
            title="funding",
            counted=False,
            says="Funding {funding_market.value:yearly}.",
        ),
        Leg(
            id="price",
            title="price",
            counted=False,
            says="Price {price_move.price:price}, {price_move.change_24h:change} in 24 h.",
        ),
    ),
    stages=(
        Stage(
            rank="warning",
            legs=3,
            hold=hours(2),
            leave=(
                (above(-1.0, "taker_zscore.value"), at_most(2.0, _FEWER)),
                (above(-0.40, "depth_index.value"), at_most(2.0, _FEWER)),
            ),
            hold_leave=hours(2),
        ),
    ),
    word="STRAINED",
    headline="{asset}: sellers press while positions are closed and forced out.",
    counter=(
        "It ends when buying or depth comes back. It is wrong if the ratio is back above 1 within a day: "
        "then the flush was the end of the move."
    ),
    variants=(
        Variant(
            holds=((at_least(1.0, "selling_wave.depth"), at_least(1.0, "selling_wave.closing")),),
            headline="{asset}: sellers hit a thin book while positions are closed.",
        ),
        Variant(
            holds=((at_least(1.0, "selling_wave.depth"),),),
            headline="{asset}: sellers hit a thin book while positions are forced out.",
        ),
    ),
    resolved="{asset}: taker ratio {taker_zscore.ratio:ratio}.",
)
