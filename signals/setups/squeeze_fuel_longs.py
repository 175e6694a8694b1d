"""More longs below than shorts above the price could be forced out, after a rise into which positions were added.

The mirror of squeeze_fuel (signals.md section 3, 2026): 3 to 1 on our own map per 1 % of price, price +10 % over 16
days, coins 10 % above their low of 120 days; the same floor of 5 % of open interest and the same end at half of it.
Without a map, or with one that explains under 15 % of open interest, it stays silent. It is told for two weeks at most:
fuel that has not burnt by then is an old map.
"""

from __future__ import annotations

from signals.alerts.condition import above, at_least, at_most, below
from signals.alerts.setup import Leg, Setup, Stage
from signals.series import days, hours
from signals.setups.squeeze_fuel import BURNT, LEAST_FUEL, LEAST_PLACED

SETUP = Setup(
    id="squeeze_fuel_longs",
    title="More longs below than shorts above",
    question="Is there fuel for a fall: more longs below than shorts above that could be forced out?",
    metric="liq_map",
    legs=(
        Leg(
            id="map",
            title="longs below against shorts above",
            holds=(
                (
                    at_most(1 / 3, "liq_map.value"),
                    at_least(LEAST_PLACED, "liq_map.placed"),
                    at_least(LEAST_FUEL, "liq_map.longs_of_oi"),
                ),
            ),
            must=True,
            says=(
                "Modelled within 10 %: {liq_map.longs_below_usd:usd} of longs below "
                "({liq_map.longs_of_oi:part1} of open interest), "
                "{liq_map.shorts_above_usd:usd} of shorts above. Per 1 % of price that is "
                "{liq_map.longs_per_1:usd} against {liq_map.shorts_per_1:usd}."
            ),
        ),
        Leg(
            id="rise",
            title="a rise of price in 16 days",
            holds=((at_least(0.10, "price_drawdown.change"),),),
            must=True,
            says="Price {price_drawdown.price:price}, {price_drawdown.change:change} in 16 days.",
        ),
        Leg(
            id="added",
            title="positions added",
            holds=((at_least(0.10, "oi_coins.above_low_120d"),),),
            must=True,
            says=(
                "Open interest {oi_coins.value:coins {asset}}, {oi_coins.above_low_120d:change} from "
                "{oi_coins.low_120d:coins {asset}} on {oi_coins.low_120d_at:date}: positions were added since."
            ),
        ),
        Leg(
            id="mood",
            title="greed",
            holds=((at_least(75.0, "fear_greed.value"),),),
            counted=False,
            says="Fear & Greed {fear_greed.value:number} of 100.",
        ),
        Leg(
            id="funding",
            title="funding",
            holds=((at_least(0.15, "funding_market.value"),),),
            counted=False,
            says="Funding {funding_market.value:yearly}: longs pay to stay.",
        ),
        Leg(id="price", title="price", counted=False, says="In 24 h price {price_move.change_24h:change}."),
    ),
    stages=(
        Stage(
            rank="notice",
            legs=3,
            hold=hours(2),
            leave=((above(1 / 1.5, "liq_map.value"),), (below(BURNT, "liq_map.longs_of_oi"),)),
            hold_leave=hours(2),
        ),
    ),
    lasts=days(14),
    headline="{asset}: more longs below than shorts above could be forced out.",
    counter=(
        "It is wrong if open interest falls while price does not fall: then the fuel left without burning. "
        "A map shows where positions may sit, not where price goes."
    ),
    resolved=(
        "{asset}: modelled within 10 %: {liq_map.longs_below_usd:usd} of longs below, "
        "{liq_map.shorts_above_usd:usd} of shorts above."
    ),
)
