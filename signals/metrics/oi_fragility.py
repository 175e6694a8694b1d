"""What a move could set off: open positions against the orders that would have to absorb them.

    value = U / (bids + asks within 1 % of mid)          to_volume = U / V over 24 h
    pct, pct_volume = share of the values of 365 d at or below this one

All in USD, of one venue, by day: depth is that of 00:00 UTC, so that a quiet hour is not compared with a busy one. "OI
guide" (Leverage.Trading, 2026): open interest "sets the ceiling for how far a cascade can run", a 10 % move on $94bn
hits more positions than on $60bn (signals.md OI-8, 2026: pct from 0.90, and below 0.75 on the way out; no alarm stands
on it).

NaN handling: NaN where open interest or either side of the book is not known, or where no venue tells all. A volume
that is not known leaves the value; no `pct` while under 2/3 of the year are known, and depth is collected only from
the installation on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(365)


def compute(s: Panel) -> dict[str, Series]:
    """Return open interest as a multiple of depth and of volume, each with its place in a year."""
    usd, depth = s["open_interest_usd"], s["depth_bids_usd"] + s["depth_asks_usd"]
    value, to_volume = usd / depth, usd / s["volume_usd"].total(s.step)
    return {
        "value": value,
        "pct": value.percentile(WINDOW),
        "to_volume": to_volume,
        "pct_volume": to_volume.percentile(WINDOW),
        "depth": depth,
        "usd": usd,
    }


METRIC = Metric(
    id="oi_fragility",
    title="Open interest against the book",
    question="How much is open against the orders that would have to absorb it?",
    needs=("open_interest_usd", "depth_bids_usd", "depth_asks_usd", "volume_usd"),
    step=days(1),
    window=WINDOW,
    says=(
        "Open interest {usd:usd} is {value:times} the orders within 1 % of price ({depth:usd}) "
        "and {to_volume:times} the volume of the day."
    ),
    chart=Chart(title="Open interest against the book", axis="times the orders within 1 %", unit="ratio"),
    values={
        "value": Value("times", "open interest over depth", "bids and asks within 1 % of mid"),
        "pct": Value("rank", "rank of open interest over depth in a year", "days with as much or less"),
        "to_volume": Value("times", "open interest over the volume of a day"),
        "pct_volume": Value("rank", "rank of open interest over volume in a year", "days with as much or less"),
        "depth": Value("usd", "depth of a day within 1 % of mid", "bids and asks"),
        "usd": Value("usd", "open interest of the exchange whose book is read"),
    },
    same_venue=True,
    tells_not="That it happens: it is potential, and resting orders can be pulled or added.",
    compute=compute,
)
