"""More shorts above than longs below the price could be forced out, after a fall into which positions were added.

After "revenge rally" (Cointelegraph, January 2026), signals.md section 3 and LI-4, 2026: 3 to 1 on our own map per 1 %
of price, price −10 % over 16 days, coins 10 % above their low of 120 days. Without a map, or with one that explains
under 15 % of open interest, it stays silent. It is told for two weeks at most: fuel that has not burnt by then is an
old map.

3 to 1 of nearly nothing is no fuel: a fall empties the side below, and $34m of shorts were 1000 to 1. What could be
forced out has to be 5 % of open interest, so that all of it burning would be what signals.md calls closing (RC-3, and
section 7.3: 5 % of coins in a day), and it is over when half of that is left (section 3: "half of the short side traded
through"). Both lines are taken from those definitions and not from a span; on BTC of 2021-25, with a public daily
series of open interest, 8 fires of both sides are 2, and none is over the next day where 6 were (November 2026).
"""

from __future__ import annotations

from signals.alerts.condition import at_least, at_most, below
from signals.alerts.setup import Leg, Setup, Stage
from signals.series import days, hours

LEAST_PLACED = 0.15  # of open interest: a map that explains less says nothing of the market
LEAST_FUEL = 0.05  # of open interest: what is forced out of less would not even be called closing
BURNT = LEAST_FUEL / 2

SETUP = Setup(
    id="squeeze_fuel",
    title="More shorts above than longs below",
    question="Is there fuel for a rise: more shorts above than longs below that could be forced out?",
    metric="liq_map",
    legs=(
        Leg(
            id="map",
            title="shorts above against longs below",
            holds=(
                (
                    at_least(3.0, "liq_map.value"),
                    at_least(LEAST_PLACED, "liq_map.placed"),
                    at_least(LEAST_FUEL, "liq_map.shorts_of_oi"),
                ),
            ),
            must=True,
            says=(
                "Modelled within 10 %: {liq_map.shorts_above_usd:usd} of shorts above "
                "({liq_map.shorts_of_oi:part1} of open interest), {liq_map.longs_below_usd:usd} of longs below. "
                "Per 1 % of price that is "
                "{liq_map.shorts_per_1:usd} against {liq_map.longs_per_1:usd}."
            ),
        ),
        Leg(
            id="fall",
            title="a fall of price in 16 days",
            holds=((at_most(-0.10, "price_drawdown.change"),),),
            must=True,
            alarms=("price_drawdown",),
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
            title="fear",
            holds=((at_most(24.0, "fear_greed.value"),),),
            counted=False,
            says="Fear & Greed {fear_greed.value:number} of 100.",
        ),
        Leg(
            id="funding",
            title="funding",
            holds=((at_most(0.0, "funding_market.value"),),),
            counted=False,
            says="Funding {funding_market.value:yearly}: shorts pay to stay.",
        ),
        Leg(id="price", title="price", counted=False, says="In 24 h price {price_move.change_24h:change}."),
    ),
    stages=(
        Stage(
            rank="notice",
            legs=3,
            hold=hours(2),
            leave=((below(1.5, "liq_map.value"),), (below(BURNT, "liq_map.shorts_of_oi"),)),
            hold_leave=hours(2),
        ),
    ),
    lasts=days(14),
    headline="{asset}: more shorts above than longs below could be forced out.",
    counter=(
        "It is wrong if open interest falls while price does not rise: then the fuel left without burning. "
        "A map shows where positions may sit, not where price goes."
    ),
    resolved=(
        "{asset}: modelled within 10 %: {liq_map.shorts_above_usd:usd} of shorts above, "
        "{liq_map.longs_below_usd:usd} of longs below."
    ),
)
