"""Shorts crowd in and pay to stay: coins are added while funding is stretched on their side.

After "OI guide" (Leverage.Trading, 2026; its risk condition two), signals.md section 3, 2026: coins +5 % in 7 days with
funding at or below 5 % of its year and below the neutral band, or −10 % a year. Told on 2 closes: waiting for eight
tells the same settlement six hours later (see signals/metrics/funding_stretch.py). The ranks and the way out are those
of the alarm that it contains: a week, and at once where the other side pays. With a day BTC's crowds of longs and of
shorts began 27 times in 2021-25, seven of them within a week of the end of the one before; with a week 13 times (a
public daily series of open interest, 2026).
"""

from __future__ import annotations

from signals.alerts.condition import AT_ONCE, above, at_least, at_most, below
from signals.alerts.setup import Leg, Setup, Stage
from signals.metrics.funding_stretch import HOLD_LEAVE, NEUTRAL_BOTTOM, NEUTRAL_TOP
from signals.series import hours

OTHER_SIDE = (
    (at_least(0.95, "funding_stretch.pct"), above(NEUTRAL_TOP, "funding_market.value")),
    (at_least(0.30, "funding_market.value"),),
)

SETUP = Setup(
    id="short_crowding",
    title="Shorts crowd in and pay to stay",
    question="Are shorts being added that already pay dearly to stay?",
    metric="funding_stretch",
    legs=(
        Leg(
            id="funding",
            title="funding",
            holds=(
                (at_most(0.05, "funding_stretch.pct"), below(NEUTRAL_BOTTOM, "funding_market.value")),
                (at_most(-0.10, "funding_market.value"),),
            ),
            must=True,
            alarms=("funding_stretch_low",),
            says=(
                "Funding, weighted by open interest: {funding_market.value:yearly} (it rests near +11 %). "
                "On the venue with the longest past that is below {funding_stretch.pct_above:rank} of a year. "
                "A $100k short pays {funding_market.paid_per_100k_day:usd} a day."
            ),
        ),
        Leg(
            id="coins",
            title="coins added in 7 days",
            holds=((at_least(0.05, "oi_coins.change_7d"),),),
            must=True,
            says=(
                "Open interest in 7 days: {oi_coins.change_7d:change} in coins, "
                "{oi_coins.dollars_7d:change} in dollars."
            ),
        ),
        Leg(id="price", title="price", counted=False, says="Price in 7 days {price_move.change_7d:change}."),
    ),
    stages=(
        Stage(
            rank="notice",
            legs=2,
            hold=hours(2),
            leave=(
                (above(0.20, "funding_stretch.pct"), above(-0.03, "funding_market.value")),
                (at_most(0.0, "oi_coins.change_7d"),),
            ),
            hold_leave=HOLD_LEAVE,
            at_once=OTHER_SIDE,
        ),
        Stage(
            rank="warning",
            legs=2,
            also=(at_most(-0.30, "funding_market.value"),),
            hold=AT_ONCE,
            leave=((above(-0.20, "funding_market.value"),),),
            hold_leave=HOLD_LEAVE,
            at_once=OTHER_SIDE,
        ),
        Stage(
            rank="critical",
            legs=2,
            also=(at_most(-1.00, "funding_market.value"),),
            hold=AT_ONCE,
            leave=((above(-0.75, "funding_market.value"),),),
            hold_leave=HOLD_LEAVE,
            at_once=OTHER_SIDE,
        ),
    ),
    headline="{asset}: shorts are crowding in and pay to stay.",
    counter="It is wrong if these shorts are hedges: hedgers pay and are not forced out.",
    resolved=(
        "{asset}: funding {funding_market.value:yearly}, open interest {oi_coins.change_7d:change} in coins in 7 days."
    ),
)
