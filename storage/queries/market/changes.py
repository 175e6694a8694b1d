"""How far the figures of an asset came between two times, each held against what it usually does in so long a time."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.inputs import EVERYWHERE
from signals.units import DAY, HOUR, HOURS_A_YEAR, floor
from signals.unusual import LEAST, PAST_DAYS, FigureChange, against
from storage.panels import panels
from storage.queries.freshness import of_daily_data
from storage.queries.liquidation import liquidated_bars, liquidations
from storage.queries.market import flows, open_interest, prices
from storage.queries.market.known_at import newest_price

if TYPE_CHECKING:
    from datetime import datetime

    from signals.series import Array, Panel
    from signals.unusual import Figure
    from storage.engine.database import Store
    from storage.market.points import Newest

_SLACK: Final = 2 * HOUR  # how far before its time a price may lie and still speak for it
_HEARD: Final = 0.9  # of the hours must be known, or their sum is that of another time
_FLOWS: Final = ("volume_usd", "taker_buy_usd")
_PAST: Final = (
    "close",
    "open_interest_coin",
    "open_interest_usd",
    "funding_rate",
    "funding_interval_hours",
    *_FLOWS,
    *liquidations.NAMES,
)


def read(store: Store, asset: str, start: datetime, end: datetime) -> tuple[FigureChange, ...]:
    """Return the changes of price, open interest, funding, taker flow and liquidations; price always comes first.

    The past is that of the 180 days before `start`, in windows as long in whole days; to a span that is no number of
    days their sizes are scaled by the root of time. What is not known is None, and but for price left out.
    """
    days = max(1, round((end - start) / DAY))
    scale = math.sqrt((end - start) / (days * DAY))
    last = floor(start, DAY)
    panel = panels.panel(store, _PAST, [asset], step=DAY, start=last - (PAST_DAYS + days) * DAY, end=last)
    past = _past(panel, days)
    found = [
        _price(store, asset, start, end),
        _interest(store, asset, start, end),
        _funding(store, asset, start, end),
        _takers(store, asset, start, end),
        _liquidated(store, asset, start, end),
    ]
    return tuple(_held_against(change, past, days, scale) for change in found if change)


def usual_move(store: Store, asset: str, span: timedelta, end: datetime) -> float | None:
    """Return the median absolute change of price over such a span in 180 days; None where too little is known."""
    days = max(1, round(span / DAY))
    last = floor(end, DAY)
    panel = panels.panel(store, ["close"], [asset], step=DAY, start=last - (PAST_DAYS + days) * DAY, end=last)
    close = panel.values["close"][:, 0]
    moves = np.abs(close[days:] / close[:-days] - 1)
    moves = moves[~np.isnan(moves)]
    return float(np.median(moves)) if len(moves) >= LEAST else None


def _held_against(change: FigureChange, past: dict[Figure, Array], days: int, scale: float) -> FigureChange:
    values = past[change.what][-PAST_DAYS:].tolist()
    if change.what in {"price", "open_interest", "funding"}:
        return against(change, [value * scale for value in values])
    if change.what == "takers":
        return against(change, values)
    size = None if change.value is None else change.value / (scale * scale * days)  # a day of them
    return against(change, [value / days for value in values], size)


def _past(panel: Panel, days: int) -> dict[Figure, Array]:
    """Return the same changes over every so many days of the past, NaN where not known; liquidations as dollars."""
    of = {name: panel.values[name][:, 0] for name in _PAST}
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = of["funding_rate"] * HOURS_A_YEAR / of["funding_interval_hours"]
        volume, buys = (_sums(of[name], days) for name in _FLOWS)
        return {
            "price": of["close"][days:] / of["close"][:-days] - 1,
            "open_interest": of["open_interest_coin"][days:] / of["open_interest_coin"][:-days] - 1,
            "funding": rate[days:] - rate[:-days],
            "takers": 2 * buys / volume - 1,
            "liquidated": _sums(of[liquidations.NAMES[0]] + of[liquidations.NAMES[1]], days),
        }


def _sums(values: Array, days: int) -> Array:
    return np.lib.stride_tricks.sliding_window_view(values, days).sum(axis=1) if len(values) >= days else values[:0]


def _price(store: Store, asset: str, start: datetime, end: datetime) -> FigureChange:
    now = price_at(store, asset, end)
    if now is None:
        return FigureChange(asset, "price", None, None)
    change = prices.change_since(store, asset, now, start)
    if change is None and (then := price_at(store, asset, start)) and then.value > 0:
        change = now.value / then.value - 1
    return FigureChange(asset, "price", now.value, change)


def price_at(store: Store, asset: str, at: datetime) -> Newest | None:
    """Return the price of a moment; None where none is stored that speaks for it: of daily data, that of its day."""
    point = newest_price(store, asset, at)
    if point is None or at - point.at <= _SLACK:
        return point
    daily = at - point.at <= DAY and of_daily_data(store, asset, {"close": point})
    return point if daily else None


def _interest(store: Store, asset: str, start: datetime, end: datetime) -> FigureChange | None:
    came = open_interest.change_between(store, asset, start, end)
    return None if came.coins is None else FigureChange(asset, "open_interest", None, came.coins, usd=came.usd)


def _funding(store: Store, asset: str, start: datetime, end: datetime) -> FigureChange | None:
    now, then = (flows.rate_at(store, asset, at) for at in (end, start))
    if not (now and then):
        return None
    return FigureChange(asset, "funding", now.apr, now.apr - then.apr, paid=now.paid, paid_before=then.paid)


def _takers(store: Store, asset: str, start: datetime, end: datetime) -> FigureChange | None:
    first, last = floor(start, HOUR), floor(end, HOUR)
    panel = panels.panel(store, _FLOWS, [asset], step=HOUR, start=first, end=last)
    if not len(panel):
        return None
    volume, buys = (panel.values[name][:, 0] for name in _FLOWS)
    known = ~(np.isnan(volume) | np.isnan(buys))
    if known.mean() < _HEARD or not volume[known].sum() > 0:
        return None
    whole, bought = float(volume[known].sum()), float(buys[known].sum())
    return FigureChange(asset, "takers", 2 * bought - whole, 2 * bought / whole - 1)


def _liquidated(store: Store, asset: str, start: datetime, end: datetime) -> FigureChange | None:
    first = floor(start, HOUR)
    hours = liquidations.hours_of(store, asset, first, end)
    if len(hours) > 1:
        hours.pop(EVERYWHERE, None)  # the sum of the others
    if not hours:
        return None
    sums = sum((one for venue in hours.values() for one in venue.values()), liquidations.Sums())
    if not sums.both:
        return None
    change = FigureChange(asset, "liquidated", sums.both, sums.longs / sums.both)
    until = floor(end, HOUR)
    heard = {
        venue: sum((one.heard for at, one in of.items() if first <= at < until), timedelta(0))
        for venue, of in hours.items()
    }
    return replace(change, at_least=liquidated_bars.is_least(heard, until - first))
