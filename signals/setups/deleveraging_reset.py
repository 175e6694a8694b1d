"""Futures positions have been cut: dollars and coins well below the peak, and below the average of half a year.

After "OI reset" (Darkfost, January 2026), signals.md section 3, 2026: −30 % in dollars from the peak of a year with −5
% in coins, below the 180-day average on 2 closes. The coin test is ours (signals.md C1 and C2): dollars fall with
price. The deeper ranks are those of the alarm that it contains.
"""

from __future__ import annotations

from signals.alerts.condition import AT_ONCE, above, at_least, at_most, below
from signals.alerts.setup import Leg, Setup, Stage
from signals.series import days

SETUP = Setup(
    id="deleveraging_reset",
    title="Futures positions cut in dollars and in coins",
    question="Has the leverage that had built up left the market, and do sellers still lead?",
    metric="oi_drawdown",
    legs=(
        Leg(
            id="dollars",
            title="dollars below the peak",
            holds=((at_most(-0.30, "oi_drawdown.value"),),),
            must=True,
            alarms=("oi_drawdown",),
            says=(
                "Open interest {oi_drawdown.usd:usd}, {oi_drawdown.coins_now:coins {asset}}. "
                "Peak {oi_drawdown.peak_usd:usd} on {oi_drawdown.peak_at:date}."
            ),
        ),
        Leg(
            id="coins",
            title="coins below those of the peak",
            holds=((at_most(-0.05, "oi_drawdown.coins"),),),
            must=True,
            says=(
                "Since then {oi_drawdown.value:change0} in dollars, {oi_drawdown.coins:change0} in coins. "
                "{oi_drawdown.price_share:explains}."
            ),
        ),
        Leg(
            id="average",
            title="open interest below its 180-day average",
            holds=((below(0.0, "oi_vs_ma180.value"),),),
            must=True,
            alarms=("oi_vs_ma180",),
            says="Below its 180-day average for {oi_vs_ma180.days_below:count day}.",
        ),
        Leg(
            id="sellers",
            title="sellers weaker than at their worst",
            holds=((below(0.0, "net_taker_30d.value"), at_least(2.0, "net_taker_30d.times_smaller")),),
            counted=False,
            says=(
                "Net taker flow, 30-day mean: {net_taker_30d.value:usd} a day, {net_taker_30d.times_smaller:number1} "
                "times smaller than at its worst ({net_taker_30d.worst:usd}): sellers still lead, but weakly."
            ),
        ),
    ),
    stages=(
        Stage(
            rank="notice",
            legs=3,
            hold=days(2),
            leave=((above(0.0, "oi_vs_ma180.value"),), (above(-0.20, "oi_drawdown.value"),)),
            hold_leave=days(2),
        ),
        Stage(
            rank="warning",
            legs=3,
            also=(at_most(-0.45, "oi_drawdown.value"), at_most(-0.10, "oi_drawdown.coins")),
            hold=AT_ONCE,
            leave=((above(-0.35, "oi_drawdown.value"),),),
            hold_leave=days(2),
        ),
        Stage(
            rank="critical",
            legs=3,
            also=(at_most(-0.60, "oi_drawdown.value"), at_most(-0.20, "oi_drawdown.coins")),
            hold=AT_ONCE,
            leave=((above(-0.50, "oi_drawdown.value"),),),
            hold_leave=days(2),
        ),
    ),
    headline="{asset}: futures positions have been cut, in coins as well as in dollars.",
    counter=(
        "This is not a bottom call. It is wrong if open interest in coins keeps falling from here: "
        "then positions are still being closed."
    ),
    resolved=(
        "{asset}: open interest is {oi_drawdown.usd:usd}, {oi_drawdown.value:change0} from its peak in dollars and "
        "{oi_drawdown.coins:change0} in coins."
    ),
)
