"""Price sits beside a strike that holds much of an expiry that is near.

After the derivatives guide (2026, "gravitational" strikes), signals.md section 3 and OP-1, 2026: within 2 % of a strike
with at least 10 % of its expiry's open interest, 3 days before it or less. Who is short these options is not known, so
it is told only to who asks for it by name, and to all in the digest.
"""

from __future__ import annotations

from signals.alerts.condition import above, at_most
from signals.alerts.setup import Leg, Setup, Stage
from signals.series import days, hours

SETUP = Setup(
    id="options_pin",
    title="Price beside a large option strike",
    question="Does price sit beside a strike at which much expires soon?",
    metric="options_walls",
    legs=(
        Leg(
            id="strike",
            title="a large strike near the price",
            holds=((at_most(0.02, "options_walls.near"),),),
            must=True,
            says=(
                "Largest strikes of this expiry: {options_walls.wall_below:price} with "
                "{options_walls.wall_below_share:part} of it below, {options_walls.wall_above:price} with "
                "{options_walls.wall_above_share:part} above."
            ),
        ),
        Leg(
            id="expiry",
            title="an expiry within 3 days",
            holds=((at_most(3.0, "options_walls.days_to_expiry"),),),
            must=True,
            says=(
                "It expires in {options_walls.days_to_expiry:number1} days. Least total payout at "
                "{options_walls.max_pain:price}. Puts to calls {options_walls.put_call:ratio}."
            ),
        ),
        Leg(
            id="volatility",
            title="implied volatility",
            counted=False,
            says="Implied volatility {implied_vol.iv:number} % a year, {implied_vol.value:zscore} against 90 days.",
        ),
        Leg(id="price", title="price", counted=False, says="Price {price_move.price:price}."),
    ),
    stages=(
        Stage(
            rank="notice",
            legs=2,
            hold=hours(2),
            leave=((above(0.04, "options_walls.near"),), (above(3.5, "options_walls.days_to_expiry"),)),
            hold_leave=hours(4),
        ),
    ),
    lasts=days(3),
    only_asked=True,
    headline="{asset}: price sits beside a large option strike, and the expiry is near.",
    counter="It is wrong if price closes outside the strikes: hedges and stops then push the same way.",
    resolved="{asset}: the next expiry is {options_walls.days_to_expiry:number1} days away.",
)
