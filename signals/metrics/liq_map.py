"""Where positions may be liquidated: shorts above price against longs below it, by our own model.

    value = (shorts within 10 % above / 10) / (longs within 10 % below / 10)      in USD at price now, per 1 % of price

The model, its weights and its sources stand in signals/liquidation_map (November 2026): what open interest in coins
rose by in each hour of 90 days, spread over leverage 5x to 100x, at the venue's own liquidation prices, less what price
has crossed since and what was closed. The idea is that of "revenge rally" (January 2026), which reads $6.5bn of shorts
up to $92,000 against $1.2bn of longs down to $72,600 off a map that tells no formula: 5.4 to 1 in total. Two sums that
reach differently far do not compare, so both sides are counted equally far here, and said per 1 % of price (signals.md
LI-4, C7 and A15). Setups ask for 3 to 1, and for less than 1.5 to end.

NaN handling: as in signals/liquidation_map/model.py; where one side holds nothing the
ratio is 1000 to 1, where neither does it is not known.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from signals.liquidation_map import LONG, REACH, SHORT, WINDOW, MapSeries, per_percent
from signals.metric import Chart, Metric, Value
from signals.series import Series, hours

if TYPE_CHECKING:
    from signals.series import Array, Panel

MOST = 1000.0  # to one; beyond it, and where a side holds nothing, the other one is all there is


def compute(s: Panel) -> dict[str, Series]:
    """Return both sides within 2, 5 and 10 % in USD, what they are per 1 % of price, and the largest clusters."""
    price, found = s["close"], MapSeries(s, read=s.read)
    longs, shorts = ({band: found.within(band, side) * price for band in (0.02, 0.05, REACH)} for side in (LONG, SHORT))
    return {
        "value": Series(lambda rows: _ratio(shorts[REACH].last(rows), longs[REACH].last(rows)), s.step),
        "shorts_share": shorts[REACH] / (shorts[REACH] + longs[REACH]),
        "shorts_above_usd": shorts[REACH],
        "longs_below_usd": longs[REACH],
        "shorts_of_oi": shorts[REACH] / (s["open_interest_coin"] * price),
        "longs_of_oi": longs[REACH] / (s["open_interest_coin"] * price),
        "shorts_2": shorts[0.02],
        "shorts_5": shorts[0.05],
        "longs_2": longs[0.02],
        "longs_5": longs[0.05],
        "shorts_per_1": per_percent(shorts[REACH], REACH),
        "longs_per_1": per_percent(longs[REACH], REACH),
        "placed": (found.placed(LONG) + found.placed(SHORT)) / (s["open_interest_coin"] * 2),
        "cluster_above": found.peak(SHORT),
        "cluster_below": found.peak(LONG),
        "cluster_above_usd": found.peak_coins(SHORT) * price,
        "cluster_below_usd": found.peak_coins(LONG) * price,
        "price": price,
    }


def _ratio(shorts: Array, longs: Array) -> Array:
    """Return shorts over longs within bounds: one side may have been emptied by a fall."""
    return np.clip(shorts / longs, 1 / MOST, MOST)


METRIC = Metric(
    id="liq_map",
    title="Liquidation map",
    question="Where would positions be forced out, above price or below it?",
    needs=("open_interest_coin", "high", "low", "close"),
    step=hours(1),
    window=WINDOW + hours(2),
    says=(
        "Modelled within 10 % of price: {shorts_above_usd:usd} of shorts above, {longs_below_usd:usd} of longs below, "
        "{value:ratio} to 1 per 1 % of price."
    ),
    chart=Chart(
        title="Modelled shorts above price as a part of both sides",
        axis="percent of what lies within 10 % of price",
        value="shorts_share",
        lines=(("shorts 3 to 1", 0.75), ("as much", 0.5), ("longs 3 to 1", 0.25)),
    ),
    values={
        "value": Value(
            "ratio",
            "ratio of liquidations above to below price",
            "shorts within 10 % over longs within 10 %, per 1 % of price; modelled",
        ),
        "shorts_share": Value("share", "share of shorts in liquidations within 10 %", "modelled", usual=0.5),
        "shorts_above_usd": Value("usd", "shorts liquidated within 10 % above price", "modelled"),
        "longs_below_usd": Value("usd", "longs liquidated within 10 % below price", "modelled"),
        "shorts_of_oi": Value(
            "share", "part of open interest in shorts liquidated within 10 % above", "modelled; all shorts are 100 %"
        ),
        "longs_of_oi": Value(
            "share", "part of open interest in longs liquidated within 10 % below", "modelled; all longs are 100 %"
        ),
        "shorts_2": Value("usd", "shorts liquidated within 2 % above price", "modelled"),
        "shorts_5": Value("usd", "shorts liquidated within 5 % above price", "modelled"),
        "longs_2": Value("usd", "longs liquidated within 2 % below price", "modelled"),
        "longs_5": Value("usd", "longs liquidated within 5 % below price", "modelled"),
        "shorts_per_1": Value("usd", "shorts liquidated above for each 1 % of price", "modelled"),
        "longs_per_1": Value("usd", "longs liquidated below for each 1 % of price", "modelled"),
        "placed": Value(
            "share", "part of open interest on the liquidation map", "what the 90 days explain and is still on it"
        ),
        "cluster_above": Value("price", "price of the largest half percent of shorts above", "modelled"),
        "cluster_below": Value("price", "price of the largest half percent of longs below", "modelled"),
        "cluster_above_usd": Value("usd", "shorts in the largest half percent above", "modelled"),
        "cluster_below_usd": Value("usd", "longs in the largest half percent below", "modelled"),
        "price": Value("price", "price beside the liquidation map"),
    },
    tells_not="Where price goes: a map shows where positions may sit, by a model that nobody can check position by "
    "position.",
    compute=compute,
)
