"""Whether a large book of positions is balanced, or one side pays to hold it.

    coins_pct = share of the values of C in 365 d at or below this one          large: 0.80 and above
    stretched: FU-2's own lines, funding beyond +30 or −10 % a year, or among the 5 % furthest out and not neutral
    value = 0 neither, 1 large and balanced, 2 large and longs pay, 3 large and shorts pay, 4 and 5 as these, not large

C in coins, one-sided, of all venues; funding as a simple yearly rate r · 8760 / h of the leading venue, since a place
in a year asks for one that has told it for a year, and says so; both by day. After "OI guide" (Leverage.Trading, 2026):
high open interest with mild funding is much leverage in balance, with stretched funding one side carries the risk "with
every settlement" (signals.md FU-4 and FU-2, 2026). The two tables are crossed here and nowhere else.

NaN handling: no value while under 2/3 of the year of coins is known. Without a year of funding its plain lines decide.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.metric import Chart, Metric, Value
from signals.series import days
from signals.units import HOURS_A_YEAR

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signals.series import Panel, Series

WINDOW = days(365)
LARGE = 0.80
HIGH, LOW = 0.95, 0.05  # of a year of funding
NEUTRAL_TOP, NEUTRAL_BOTTOM = 0.15, -0.05
LONGS_PAY, SHORTS_PAY = 0.30, -0.10

READINGS: Final[Mapping[int, str]] = MappingProxyType(
    {
        0: "no large book, and neither side pays much",
        1: "a large book in balance",
        2: "a large book, and longs pay to hold it",
        3: "a large book, and shorts pay to hold it",
        4: "no large book, but longs pay much",
        5: "no large book, but shorts pay much",
    }
)


def compute(s: Panel) -> dict[str, Series]:
    """Return the code of the reading, with the two places it is read from."""
    coins = s["open_interest_coin"]
    funding = s["funding_rate"] / s["funding_interval_hours"] * HOURS_A_YEAR
    coins_pct, funding_pct = coins.percentile(WINDOW), funding.percentile(WINDOW, split_ties=True)
    longs = _either(funding >= LONGS_PAY, (funding_pct >= HIGH).both(funding > NEUTRAL_TOP))
    shorts = _either(funding <= SHORTS_PAY, (funding_pct <= LOW).both(funding < NEUTRAL_BOTTOM))
    large = coins_pct >= LARGE
    return {
        "value": (1 + longs + 2 * shorts).where(large, 4 * longs + 5 * shorts),
        "coins_pct": coins_pct,
        "funding": funding,
        "funding_pct": funding_pct,
        "coins": coins,
    }


def _either(plain: Series, ranked: Series) -> Series:
    """Return 1.0 where one of two truths holds; a rank that is not known yet leaves the plain line to decide."""
    return plain + (1 - plain) * ranked.map(np.nan_to_num)


METRIC = Metric(
    id="book_balance",
    title="Balance of a large book",
    question="Is much open, and does one side pay to hold it?",
    needs=("open_interest_coin", "funding_rate", "funding_interval_hours"),
    step=days(1),
    window=WINDOW,
    says=(
        "Open interest of {coins:coins {asset}} is at or above {coins_pct:part} of the days of a year. "
        "Funding of the leading venue is {funding:yearly}, above {funding_pct:rank} of them."
    ),
    chart=Chart(
        title="Open interest in coins, its place in a year",
        axis="percent of the days of a year at or below",
        value="coins_pct",
        lines=(("large from 80 %", LARGE),),
    ),
    values={
        "value": Value(
            "code",
            "balance of the book",
            "0 to 5 in this order",
            codes=(
                "neither",
                "large and balanced",
                "large and longs pay",
                "large and shorts pay",
                "longs pay",
                "shorts pay",
            ),
        ),
        "coins_pct": Value("rank", "rank of open interest in coins in a year", "days with as many or fewer"),
        "funding": Value("apr", "daily funding of the leading venue", "a simple yearly rate"),
        "funding_pct": Value("rank", "rank of daily funding of the leading venue in a year", "mid-rank"),
        "coins": Value("coins", "daily open interest in coins"),
    },
    running=True,
    tells_not="When it breaks, only who would pay for it.",
    compute=compute,
)
