"""How often the open positions changed hands within a day.

    value = V over 24 h / U          usual = median of it over 30 d

V = traded volume, U = open interest, both in USD and of one venue: the volume of one exchange over the open interest of
four would be a quarter of the truth. "OI guide" (Leverage.Trading, 2026): volume is activity and open interest is
inventory; a hand-over from an old holder to a new one leaves it unchanged (signals.md OI-10, 2026).

NaN handling: NaN where any bar of the 24 h or the open interest is not known, or where no venue tells both. `usual`
asks for 2/3 of the 30 days.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours

if TYPE_CHECKING:
    from signals.series import Panel, Series

DAY = days(1)
WINDOW = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return the volume of 24 hours as a multiple of open interest, and what is usual of it."""
    volume, usd = s["volume_usd"].total(DAY), s["open_interest_usd"]
    value = volume / usd
    return {"value": value, "usual": value.median(WINDOW), "volume": volume, "usd": usd}


METRIC = Metric(
    id="oi_turnover",
    title="Turnover of open positions",
    question="How often did the open positions change hands within a day?",
    needs=("volume_usd", "open_interest_usd"),
    step=hours(1),
    window=WINDOW + DAY,
    says="{volume:usd} traded in 24 h, {value:times} the {usd:usd} that are open; usual over 30 days: {usual:times}.",
    chart=Chart(
        title="Turnover of open positions",
        axis="times a day",
        unit="ratio",
        over=DAY,
        beside=("median of 30 days", "usual"),
    ),
    values={
        "value": Value("times", "volume of 24 h over open interest"),
        "usual": Value("times", "usual turnover of open interest", "median over 30 days"),
        "volume": Value("usd", "volume of 24 h"),
        "usd": Value("usd", "open interest of the exchange whose volume is read"),
    },
    same_venue=True,
    tells_not="Direction: every trade has a buyer and a seller.",
    compute=compute,
)
