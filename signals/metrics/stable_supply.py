"""How fast the supply of dollar stablecoins grows or shrinks, for the market as a whole.

    value = S / S(30 d ago) − 1          change_7d = S / S(7 d ago) − 1          rank = percentile of value in 2 years

S in USD, of all coins pegged to the dollar, as DefiLlama sums them. The derivatives guide (2026) reads the same figure
two ways, as money that waits and as money taken out of risk (signals.md ST-1 and C11), so that it is reported and never
scored. Setups call +2 % growing until +1 %, and −1 % draining until 0 %.

The series is revised: what is stored of an old day is what was said of it later, not what was known on that day.

NaN handling: a missing day is unknown and not carried over; a change needs both its ends, the rank 2/3 of two years.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days

if TYPE_CHECKING:
    from signals.series import Panel, Series

MONTH = days(30)
RANKED = days(730)


def compute(s: Panel) -> dict[str, Series]:
    """Return the change over 30 and 7 days, the supply itself, and the place of the change among those of 2 years."""
    supply = s["stablecoin_supply_usd"]
    change = supply / supply.lag(MONTH) - 1
    return {
        "value": change,
        "change_7d": supply / supply.lag(days(7)) - 1,
        "supply_usd": supply,
        "rank": change.percentile(RANKED),
    }


METRIC = Metric(
    id="stable_supply",
    title="Supply of dollar stablecoins",
    question="Is there more or less money in dollar stablecoins than a month ago?",
    needs=("stablecoin_supply_usd",),
    step=days(1),
    window=RANKED + MONTH,
    says="Stablecoins in dollars: {supply_usd:usd}, {value:change2} in 30 days, {change_7d:change2} in 7.",
    chart=Chart(
        title="Stablecoin supply, change over 30 days",
        axis="percent in 30 days",
        over=days(60),
        lines=(("growing +2 %", 0.02), ("draining −1 %", -0.01)),
    ),
    charts=(Chart(title="Supply of dollar stablecoins", axis="USD", value="supply_usd", unit="usd"),),
    values={
        "value": Value(
            "fraction", "change of the stablecoin supply in 30 days", of="supply_usd", over=days(30), band=0.002
        ),
        "change_7d": Value(
            "fraction", "change of the stablecoin supply in 7 days", of="supply_usd", over=days(7), band=0.001
        ),
        "supply_usd": Value("usd", "stablecoin supply", "all that are pegged to the dollar"),
        "rank": Value(
            "rank", "rank of the change of the stablecoin supply in two years", "30-day changes at or below this one"
        ),
    },
    market_wide=True,
    tells_not="Where the money lies: a coin that was issued may wait at an exchange, or never come near one.",
    compute=compute,
)
