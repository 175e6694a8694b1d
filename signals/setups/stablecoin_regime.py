"""The supply of dollar stablecoins grows or drains.

After the derivatives guide (2026), signals.md section 3 and ST-1, 2026: +2 % or −1 % in 30 days. The guide reads growth
as money waiting to buy and as money taken out of risk, so it is reported and never scored, and told only to who asks
for it by name, and to all in the digest. Stored supplies get revised: a past value is not what was known then.
"""

from __future__ import annotations

from signals.alerts.condition import at_least, at_most, below
from signals.alerts.setup import Leg, Setup, Stage, Variant
from signals.series import days

SETUP = Setup(
    id="stablecoin_regime",
    title="Dollar stablecoins grow or drain",
    question="Does money move into dollar stablecoins or out of them?",
    metric="stable_supply",
    legs=(
        Leg(
            id="supply",
            title="supply in 30 days",
            holds=((at_least(0.02, "stable_supply.value"),), (at_most(-0.01, "stable_supply.value"),)),
            must=True,
            says=(
                "Supply {stable_supply.supply_usd:usd}, {stable_supply.value:change} in 30 days, "
                "{stable_supply.change_7d:change} in 7 days."
            ),
        ),
        Leg(
            id="exchanges",
            title="what lies on exchanges",
            counted=False,
            says="Exchange balances are not in free data, so nobody can say where the money sits.",
        ),
    ),
    stages=(
        Stage(
            rank="notice",
            legs=1,
            hold=days(2),
            leave=((below(0.01, "stable_supply.value"), at_least(0.0, "stable_supply.value")),),
            hold_leave=days(2),
        ),
    ),
    only_asked=True,
    scored=False,
    headline="Dollar stablecoins are draining.",
    counter=(
        "It is wrong to read a direction out of this: the same figure is read as money that waits and as money taken "
        "out of risk."
    ),
    variants=(Variant(holds=((at_least(0.0, "stable_supply.value"),),), headline="Dollar stablecoins are growing."),),
    resolved=("Supply {stable_supply.value:change} in 30 days."),
)
