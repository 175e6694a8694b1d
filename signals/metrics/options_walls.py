"""How near price is to a strike that many options of an expiry hang on.

    near = least of abs(wall / P − 1) over the walls above and below that hold at least a tenth of their expiry,
           where that expiry is at least 2 % of all options

P is the index price. The inputs are read out of each option chain as it comes in (signals/options.py), so that their
history is whole where chains are thinned. They are of one expiry: of those within three days the one with most open
interest, else the next. The derivatives guide (2026) calls such strikes "gravitational" (signals.md OP-1); a setup asks
for 2 % and leaves at 4 %. The 2 % of all options are ours: some strike of a day's own expiry always holds a tenth, and
such an expiry is 0.1 to 0.5 % of all options where a weekly one is 3 to 8 % (Deribit, BTC, December 2025); without that
line a setup would be on every day.

NaN handling: all NaN in a row without a chain. A side without any strike is NaN in `wall_above` or `wall_below` and is
no wall; where no strike holds a tenth, or the expiry is too small, `near` is 1, further than any line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from signals.metric import Chart, Metric, Value
from signals.options import WALL
from signals.series import hours

if TYPE_CHECKING:
    from signals.series import Array, Panel, Series

FAR: Final = 1.0
WEIGHTY: Final = 0.02  # of all options that an expiry must be for its strikes to matter


def compute(s: Panel) -> dict[str, Series]:
    """Return the distance to the nearest wall as `value` and `near`, and the walls themselves."""
    price, days = s["index_price"], s["options_days_to_expiry"]
    above, below = (_distance(s, side, price, days) for side in ("above", "below"))
    near = above.where(above < below, below).where(s["options_expiry_share"] >= WEIGHTY, FAR)
    return {
        "value": near,
        "near": near,
        "wall_above": s["options_wall_above"],
        "wall_above_share": s["options_wall_above_share"],
        "wall_below": s["options_wall_below"],
        "wall_below_share": s["options_wall_below_share"],
        "days_to_expiry": days,
        "expiry_share": s["options_expiry_share"],
        "max_pain": s["options_max_pain"],
        "put_call": s["options_put_call"],
        "open_interest_usd": s["options_open_interest_usd"],
        "price": price,
    }


def _distance(s: Panel, side: str, price: Series, days: Series) -> Series:
    """Return how far the wall of a side is; FAR where there is none although a chain came, NaN where none came."""
    away = (s[f"options_wall_{side}"] / price - 1).abs()
    holds = s[f"options_wall_{side}_share"].map(_zero_if_none) >= WALL
    return away.where(holds, FAR).where((price > 0).both(days > 0))


def _zero_if_none(share: Array) -> Array:
    return np.nan_to_num(share, nan=0.0)


METRIC = Metric(
    id="options_walls",
    title="Option walls near price",
    question="Is price near a strike on which much of an option expiry hangs?",
    needs=(
        "index_price",
        "options_wall_above",
        "options_wall_above_share",
        "options_wall_below",
        "options_wall_below_share",
        "options_days_to_expiry",
        "options_expiry_share",
        "options_max_pain",
        "options_put_call",
        "options_open_interest_usd",
    ),
    step=hours(1),
    window=hours(1),
    says=(
        "Options that expire in {days_to_expiry:number1} days ({expiry_share:part} of all): most above price at "
        "${wall_above:price} ({wall_above_share:part}), below at ${wall_below:price} ({wall_below_share:part}); "
        "least payout at ${max_pain:price}."
    ),
    chart=Chart(
        title="Distance of price to the nearest option wall",
        axis="percent of price",
        lines=(("near 2 %", 0.02), ("away 4 %", 0.04)),
    ),
    charts=(
        Chart(title="Open interest of options", axis="USD", value="open_interest_usd", unit="usd"),
        Chart(title="Puts to calls of the expiry", axis="puts to calls", value="put_call", unit="ratio"),
    ),
    values={
        "value": Value(
            "share",
            "distance of price to the nearest option wall",
            "a strike that holds a tenth of its expiry; 1: there is none",
        ),
        "near": Value("share", "distance of price to an option wall", "the same as the main value"),
        "wall_above": Value(
            "price",
            "option wall above price",
            "nearest strike at or above it that holds a tenth, else the largest there",
        ),
        "wall_above_share": Value("share", "share of the option wall above in its expiry"),
        "wall_below": Value("price", "option wall below price"),
        "wall_below_share": Value("share", "share of the option wall below in its expiry"),
        "days_to_expiry": Value("days", "time to the next large expiry of options"),
        "expiry_share": Value("share", "share of that expiry in all options"),
        "max_pain": Value("price", "max pain", "strike at which all options of the expiry together would pay least"),
        "put_call": Value("ratio", "open puts over open calls", "of the expiry"),
        "open_interest_usd": Value("usd", "open interest of options"),
        "price": Value("price", "index price"),
    },
    tells_not="Who is short these options, and so which way a hedge would push.",
    compute=compute,
)
