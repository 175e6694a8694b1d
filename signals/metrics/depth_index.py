"""How thin the order book is, against the same hour of the 30 days before.

    depth = bids + asks within 1 % of mid, USD          value = z(ln depth; 30 d, same hour of day)
    below_median = depth / median(depth; 30 d) − 1

The idea is that of "selling wave" (2026: −0.80, "absorption markedly impaired"), which publishes neither formula nor
window; ours is 30 days, so its figure will not be reproduced (signals.md FL-5 and section 1, 2026). The same hour,
because a book is thinner each night and each weekend without anything having happened; the logarithm, because depth
halves and doubles. Setups enter at −0.75 and leave at −0.40.

A row holds the last book seen in it. Of several venues one speaks: books of two venues are not one.

NaN handling: no z while under 2/3 of the 30 days know this hour, or while the book stood still in all of them; no
median under 2/3 of the 30 days. A side that is not known makes the depth unknown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.metric import Chart, Metric, Value
from signals.series import days, hours
from signals.statistics.hour_of_day import zscore_of_hour

if TYPE_CHECKING:
    from signals.series import Panel, Series

WINDOW = days(30)


def compute(s: Panel) -> dict[str, Series]:
    """Return the z-score of depth for its hour, its distance from the median, and both sides in USD."""
    bids, asks = s["depth_bids_usd"], s["depth_asks_usd"]
    depth = bids + asks
    return {
        "value": zscore_of_hour(depth.log(), WINDOW),
        "below_median": depth / depth.median(WINDOW) - 1,
        "depth_usd": depth,
        "bids_usd": bids,
        "asks_usd": asks,
    }


METRIC = Metric(
    id="depth_index",
    title="Depth of the order book",
    question="How much can be bought or sold before price moves by a percent?",
    needs=("depth_bids_usd", "depth_asks_usd"),
    step=hours(1),
    window=WINDOW + hours(1),
    says=(
        "Orders within 1 % of price: {depth_usd:usd}, {below_median:change0} against the 30-day median; "
        "{value:zscore} for this hour of the day."
    ),
    chart=Chart(
        title="Depth within 1 %, against the same hour of 30 days",
        axis="standard deviations",
        over=days(1),
        unit="z",
        lines=(("thin −0.75", -0.75), ("usual again −0.40", -0.40)),
    ),
    charts=(Chart(title="Orders within 1 % of price", axis="USD", value="depth_usd", unit="usd"),),
    values={
        "value": Value("z", "z of depth", "of its logarithm, against the same hour of the 30 days before"),
        "below_median": Value("fraction", "depth against its 30-day median", "negative: thinner", band=0.02),
        "depth_usd": Value("usd", "depth within 1 % of mid", "bids and asks"),
        "bids_usd": Value("usd", "bids within 1 % of mid"),
        "asks_usd": Value("usd", "asks within 1 % of mid"),
    },
    running=True,
    tells_not="Whether the orders are meant: what rests in a book can be taken away before it is reached.",
    compute=compute,
)
