"""The rules of the border, one figure or one row at a time: what can be, what leaps, and what is another unit."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from signals.inputs import INPUTS
from signals.units import DAY_MS, HOUR_MS
from storage.market.writing import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from signals.series import Array
    from storage.market.points import Column, Points

Why = Literal[
    "missing", "bound", "interval", "future", "shifted", "order", "buys", "traded", "open", "leap", "scale", "switch",
    "percent", "past", "doubt",
]  # fmt: skip

FUNDING: Final = "funding_rate"
OPEN_INTEREST: Final = ("open_interest_coin", "open_interest_usd")
PRICES: Final = ("open", "high", "low", "close")
LIQUIDATED: Final = ("liquidated_longs_usd", "liquidated_shorts_usd")
WITHIN: Final = MappingProxyType({  # beside Input.possible: both ends are possible
    "fear_greed": (0.0, 100.0),
    FUNDING: (-0.05, 0.05),  # per interval; the widest cap in use is Hyperliquid's 4 % an hour
    "open_interest_usd": (0.0, 1e12),  # all of crypto was 0.23e12 at its peak in October 2025
    "volume_usd": (0.0, 2e12),
    "taker_buy_usd": (0.0, 2e12),
    "liquidated_longs_usd": (0.0, 1e11),  # the worst day of all, 10 October 2025, was told as 0.19e11
    "liquidated_shorts_usd": (0.0, 1e11),
    "implied_volatility": (0.0, 1_000.0),
    "stablecoin_supply_usd": (1e6, 1e13),  # USDT alone has been more since 2015; all of them in millions are 0.3e6
    # Accounts come as parts of four digits; the most lopsided small coins stand near 30 to 1.
    **dict.fromkeys(("long_short_accounts", "long_short_top_accounts", "long_short_top_positions"), (0.002, 500.0)),
})  # fmt: skip
LEAST, HIGHEST = 1e-18, 1e18  # whatever is measured: beyond lies a slip of the program that wrote it
INTERVALS: Final = (1.0, 2.0, 4.0, 6.0, 8.0)  # hours that venues settle at: OKX names 1, 2, 4, 6 and 8
_SAME: Final = 0.01  # of an hour
OFF: Final = 100.0  # times the last price: what a liquidation's own price may differ from it
_WICK: Final = 500.0  # a high this far above open and close is another unit; lows do fall to a thousandth for a second

# How far a figure moves from one to the next within a day: a leap beyond is held until another one agrees.
_LEAP: Final = MappingProxyType({
    **dict.fromkeys(PRICES, 5.0),
    **dict.fromkeys(("mark_price", "index_price", "spot_price"), 100.0),  # cross-checks see less and name the venue
    # Two sources summed, or both sides, are 2; BTC and ETH have moved 1.19 in a day.
    **dict.fromkeys(OPEN_INTEREST, 1.8),
    **dict.fromkeys(("volume_usd", "taker_buy_usd"), 500.0),  # a hundredfold between a dull night and a crash
    **dict.fromkeys(("depth_bids_usd", "depth_asks_usd"), 100.0),
    **dict.fromkeys(("long_short_accounts", "long_short_top_accounts", "long_short_top_positions"), 10.0),
    "implied_volatility": 5.0,
    "stablecoin_supply_usd": 1.3,
})  # fmt: skip
FREE: Final = frozenset(name for name in INPUTS if name not in _LEAP and name != FUNDING)  # may move as they like
_DAY_MS: Final = DAY_MS + 2 * HOUR_MS
_MONTH_MS: Final = 35 * DAY_MS  # what is further apart than this says nothing of each other
_UNSCALED: Final = 500.0  # below every leap that has the shape of a scale
_SCALE: Final = math.log10(1.5)
_WITH_PRICE: Final = math.log(1.1)  # positions that double, or close by half, take the price along
LONG: Final = 16  # rows from which on arrays pay


def _sure(name: str) -> tuple[float, float]:
    least, most = WITHIN.get(name, (-HIGHEST, HIGHEST))
    spec = INPUTS[name]
    if name == "funding_interval_hours":
        return math.inf, -math.inf
    if spec.least is not None:
        least = max(least, spec.least, LEAST if spec.least_open and spec.least == 0 else least)
    return least, most


# What lies between these two is possible, as nearly every figure is; of the others `impossible` decides.
SURE: Final = MappingProxyType({name: _sure(name) for name in INPUTS})


class Fault(NamedTuple):
    """What is wrong with the figure at a place of a column; see Rejected. since: in ms."""

    place: int
    why: Why
    times: float = math.nan
    since: int | None = None


def impossible(name: str, value: float) -> Why | None:
    """Say why a figure cannot be true, whatever stands beside it; None where it can."""
    if not INPUTS[name].possible(value):
        return "missing" if value != value else "bound"  # noqa: PLR0124 - the plain test for NaN
    if abs(value) > HIGHEST or (value < LEAST and INPUTS[name].least_open and INPUTS[name].least == 0):
        return "bound"
    if name in WITHIN:
        least, most = WITHIN[name]
        return None if least <= value <= most else "bound"
    if name == "funding_interval_hours" and all(abs(value - hours) > _SAME for hours in INTERVALS):
        return "interval"
    return None


def possible(name: str, figures: Array) -> NDArray[np.bool_]:
    """Tell of each figure whether it can be true, as `impossible` does of one: a call is for those in doubt alone.

    NaN handling: it cannot.
    """
    least, most = SURE[name]
    can: NDArray[np.bool_] = (least < figures) & (figures < most)
    if not can.all():
        verdicts: dict[float, bool] = {}  # an interval is one of a few
        for place in np.flatnonzero(~can).tolist():
            value = float(figures[place])
            if value not in verdicts:
                verdicts[value] = impossible(name, value) is None
            can[place] = verdicts[value]
    return can


def all_possible(name: str, column: Column) -> bool:
    """Tell whether all figures of a column can be true; of a short one it may be False where one is in doubt."""
    if len(column) >= LONG:
        return bool(possible(name, np.asarray(column, dtype=float)).all())
    least, most = SURE[name]
    return all(least < value < most for value in column)


def limit_of(name: str, apart: int) -> float:
    """Return how many times the last figure the next one may be, by the time between them in ms."""
    limit = _LEAP.get(name, math.inf)
    if apart <= _DAY_MS:
        return limit
    return min(limit**3, _UNSCALED) if apart <= _MONTH_MS else math.inf


def is_scale(times: float) -> bool:
    """Tell whether a leap has the shape of other units: a power of ten from a thousand on, as far as a day's move."""
    power = abs(math.log10(times))
    return power > 3.5 or (power > 2.5 and abs(power - round(power)) <= _SCALE)


def price_moved(before: float, after: float) -> bool:
    """Tell whether a price has moved by a tenth: that proves a leap of what is open. NaN proves nothing."""
    return abs(math.log(after / before)) >= _WITH_PRICE


def contradictions(columns: Mapping[str, Column]) -> list[tuple[str, Fault]]:
    """Find bars that contradict themselves: low above open, close or high, and buys above the volume. NaN is silent."""
    found = {name: columns[name] for name in (*PRICES, "volume_usd", "taker_buy_usd") if name in columns}
    if len(found) < 2:
        return []
    count = len(next(iter(found.values())))
    if count >= LONG:  # of a first history hardly ever one bar is odd: arrays say which ones may be
        arrays = {name: np.asarray(column, dtype=float) for name, column in found.items()}
        places = np.flatnonzero(_suspect(arrays)).tolist()
    else:
        places = list(range(count))
    rows = ((place, {name: float(column[place]) for name, column in found.items()}) for place in places)
    return [(wrong[0], Fault(place, wrong[1])) for place, row in rows if (wrong := _contradiction(row))]


def _suspect(arrays: Mapping[str, Array]) -> Array:
    low, high = arrays.get("low"), arrays.get("high")
    inner = [arrays[name] for name in ("open", "close", "low") if name in arrays]
    count = len(next(iter(arrays.values())))
    odd = np.zeros(count, dtype=bool)
    with np.errstate(invalid="ignore"):
        for price in inner:
            odd |= False if low is None else low > price
            odd |= False if high is None else (price > high) | (high > _WICK * price)
        odd |= False if low is None or high is None else low > high
        if {"volume_usd", "taker_buy_usd"} <= arrays.keys():
            odd |= arrays["taker_buy_usd"] > arrays["volume_usd"]
    return odd


def _contradiction(row: Mapping[str, float]) -> tuple[str, Why] | None:
    """Name the figure of a bar that contradicts another one of it, and how."""
    nan = math.nan
    low, high, opened, closed = (row.get(name, nan) for name in ("low", "high", "open", "close"))
    if low > high or low > opened or low > closed:
        return "low", "order"
    beside = [price for price in (low, opened, closed) if price > 0]  # NaN is not above zero
    if opened > high or closed > high or (beside and high > _WICK * max(beside)):
        return "high", "order"
    if row.get("taker_buy_usd", nan) > row.get("volume_usd", nan):
        return "taker_buy_usd", "buys"
    return None


def liquidations_above(points: Points, highest: Callable[[Points], float]) -> list[tuple[str, Fault]]:
    """Find liquidations of a bar above what was traded in it, or above all that was open, which `highest` tells."""
    sides = {name: plain(points.columns[name]) for name in LIQUIDATED if name in points.columns}
    if not sides:
        return []
    most = highest(points)
    traded = plain(points.columns["volume_usd"]) if "volume_usd" in points.columns else [math.nan] * len(points)
    found: list[tuple[str, Fault]] = []
    for place, volume in enumerate(traded):
        possible = {name: row[place] for name, row in sides.items() if impossible(name, row[place]) is None}
        total = sum(possible.values())
        if total > volume or total > most:
            why: Why = "traded" if total > volume else "open"
            found += [(name, Fault(place, why)) for name, value in possible.items() if value > 0]
    return found
