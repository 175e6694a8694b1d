"""The liquidation map of an asset with what stands beside it: how its marks did, and what is measured.

Everything modelled is read from the same bars as the reading of `liq_map`. Measured are the positions that followed
addresses hold in public, in sum alone, and what the streams heard of liquidations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.inputs import EVERYWHERE
from signals.liquidation_map import REACH, MarkedDay, bins_at, mark_homework, spread_of
from signals.metric import metrics
from signals.units import DAY, HOUR, MILLISECOND, floor, from_ms
from signals.venues import of_accounts
from storage.market import liquidations as kept
from storage.panels import panels
from storage.people import positions
from storage.queries.liquidation import liquidated_bars, liquidations
from storage.queries.liquidation.liquidations import Sums
from storage.queries.market.known_at import newest_price

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from signals.liquidation_map import Homework, LeverageSpread, PriceBins
    from signals.series import Array, Panel
    from storage.engine.database import Store
    from storage.people.positions import WatchedPosition
    from storage.queries.liquidation.liquidations import Liquidations
    from storage.queries.market.readings import Reading

METRIC: Final = "liq_map"
MARKED_OVER: Final = timedelta(days=30)
FEWEST_ADDRESSES: Final = 3  # a sum of fewer would tell what one of them holds
FRESH: Final = HOUR  # addresses are asked once a minute; what was seen longer ago is not told as held


@dataclass(frozen=True, slots=True)
class HeldInPublic:
    """What followed addresses hold, in sum: dollars by side whose own liquidation price lies within reach of price.

    venue: that tells it. addresses: how many different ones hold something of the asset.
    """

    venue: str
    addresses: int
    longs: float
    shorts: float


@dataclass(frozen=True, slots=True)
class MapAnswer:
    """The map of an asset and what stands beside it.

    reading: of liq_map. bins: None where the bars have been written anew since it was read. spread: whose liquidation
    rule it is. homework: None where no liquidations are stored of a day that had a map. seen: liquidations that were
    heard. held: None where too few addresses are followed for a sum. price_now: as /price tells it, in USD.
    """

    reading: Reading
    bins: PriceBins | None
    spread: LeverageSpread
    homework: Homework | None
    seen: Liquidations
    held: HeldInPublic | None
    price_now: float | None = None


def read(store: Store, reading: Reading, now: datetime) -> MapAnswer:
    """Read what belongs to a reading of `liq_map`."""
    asset, price = reading.asset, reading.values["price"]
    panel = _panel(store, reading, timedelta(0))
    return MapAnswer(
        reading,
        bins_at(panel)[0],
        spread_of(asset, panel.scope.get(("open_interest_coin", asset), ())),
        _homework(store, reading, now),
        liquidations.read(store, asset, now),
        _held(store, asset, price, now),
        live.value if (live := newest_price(store, asset, now)) else None,
    )


def bins_of(store: Store, reading: Reading) -> PriceBins | None:
    """Return the map of a reading by price, for a picture."""
    return bins_at(_panel(store, reading, timedelta(0)))[0]


def _panel(store: Store, reading: Reading, longer: timedelta) -> Panel:
    """Read the bars that a reading rests on, and those of a time before them."""
    metric, step = metrics()[METRIC], reading.step
    start = floor(reading.at - longer, step) - metric.bars_back(step) * step
    return panels.panel(store, panels.needs(metric), [reading.asset], step=step, start=start, end=reading.at)


# --- homework ---------------------------------------------------------------------------------------------------------


def _homework(store: Store, reading: Reading, now: datetime) -> Homework | None:
    """Mark the whole days of the last 30 that have begun with a map and of which liquidations are stored."""
    asset, step = reading.asset, reading.step
    last = floor(reading.at, DAY)
    first = last - MARKED_OVER
    by_bar = _liquidated(store, asset, first, min(now, last))
    if not by_bar:
        return None
    panel = _panel(store, reading, 2 * MARKED_OVER + DAY)
    rows, at = len(panel), panel.at[0].to_pydatetime()
    days = [first + n * DAY for n in range(round(MARKED_OVER / DAY))]
    begins = [round((day - at) / step) for day in days]  # the row that opens with the day; that before it has closed
    maps = bins_at(panel, [rows - begin for begin in begins])
    per_day = round(DAY / step)
    found = []
    for day, begin, was in zip(days, begins, maps, strict=True):
        falls, rises = _moves(panel, begin, per_day)
        heard = _bars_of_day(panel, begin, per_day, by_bar, day)
        if heard is not None and _possible(heard, panel, begin - 1):
            found.append(MarkedDay(was, falls, rises, *heard))
    return mark_homework(found)


def _moves(panel: Panel, begin: int, per_day: int) -> tuple[Array, Array]:
    """Return how far price fell and rose from the open of each of the 30 days before a row, as fractions."""
    days = round(MARKED_OVER / DAY)
    rows = slice(begin - days * per_day, begin)
    opened = panel.values["close"][rows.start - 1 : begin - 1 : per_day, 0]
    low, high = (panel.values[name][rows, 0].reshape(days, per_day) for name in ("low", "high"))
    falls, rises = 1 - np.fmin.reduce(low, axis=1) / opened, np.fmax.reduce(high, axis=1) / opened - 1
    return np.maximum(falls, 0.0), np.maximum(rises, 0.0)


def _possible(heard: tuple[Array, ...], panel: Panel, row: int) -> bool:
    """Tell whether what was liquidated can be true: no more than was open as the day began (signals.md A14)."""
    limit = panel.values["open_interest_coin"][row, 0] * panel.values["close"][row, 0]
    return not np.nansum(heard[-1]) + np.nansum(heard[-2]) > limit


def _bars_of_day(
    panel: Panel, begin: int, per_day: int, by_bar: Mapping[datetime, Mapping[datetime, Sums]], day: datetime
) -> tuple[Array, ...] | None:
    """Return opening, lowest and highest price, longs and shorts of each bar of a day; None where nothing was heard."""
    heard = by_bar.get(day)
    if not heard:
        return None
    rows = slice(begin, begin + per_day)
    low, high = (panel.values[name][rows, 0] for name in ("low", "high"))
    opened = panel.values["close"][begin - 1 : begin - 1 + per_day, 0]
    if list(heard) == [day] and per_day > 1 and heard[day].heard >= DAY:  # a day's sum beside hourly prices
        known = ~np.isnan(low) & ~np.isnan(high)
        if not known.any():
            return None
        low, high, opened = np.array([low[known].min()]), np.array([high[known].max()]), opened[:1]
    else:
        sums = [heard.get(day + n * panel.step) for n in range(per_day)]
        longs, shorts = (
            np.array([math.nan if one is None else getattr(one, side) for one in sums]) for side in ("longs", "shorts")
        )
        return opened, low, high, longs, shorts
    return opened, low, high, np.array([heard[day].longs]), np.array([heard[day].shorts])


def _liquidated(store: Store, asset: str, first: datetime, end: datetime) -> dict[datetime, dict[datetime, Sums]]:
    """Return what was liquidated on all venues by day and bar: by hours where any were heard, else as a day's sum."""
    ends = liquidated_bars.ends_of(store, asset)
    hourly = {
        venue: hours.slots
        for venue in ends.keys() | kept.venues_heard(store, asset, first)
        if (hours := liquidated_bars.hours_of(store, asset, venue, HOUR, first, end, ends.get(venue, ()))).slots
    }
    if len(hourly) > 1:
        hourly.pop(EVERYWHERE, None)  # the sum of the others, it must not be counted beside them
    sums: dict[int, tuple[float, float, int]] = {}
    for hour in (hour for hours in hourly.values() for hour in hours):
        longs, shorts, heard = sums.get(hour.at, (0.0, 0.0, 0))
        sums[hour.at] = longs + hour.longs_usd, shorts + hour.shorts_usd, heard + hour.heard
    found: dict[datetime, dict[datetime, Sums]] = {}
    for ms, (longs, shorts, heard) in sums.items():
        if first <= (at := from_ms(ms)) < end:
            found.setdefault(floor(at, DAY), {})[at] = Sums(longs, shorts, heard * MILLISECOND)
    venues = ends.keys() - {EVERYWHERE} or ends.keys()
    daily: dict[datetime, Sums] = {}
    for venue in sorted(venues):
        for at, day in liquidations.bars_of(store, asset, venue, DAY, first, end):
            if at not in found and first <= at < end:
                daily[at] = daily[at] + day if at in daily else day
    return found | {at: {at: day} for at, day in daily.items()}


# --- measured ---------------------------------------------------------------------------------------------------------


def _held(store: Store, asset: str, price: float, now: datetime) -> HeldInPublic | None:
    """Sum what followed addresses hold of an asset, each address once however many people follow it."""
    if not store.exists:
        return None
    followed = {address.address: address.id for address in positions.followed(store)}
    sums, holders = {"long": 0.0, "short": 0.0}, 0
    for number in followed.values():
        holds = [one for one in positions.held(store, number) if one.holding.asset == asset and _fresh(one, now)]
        holders += bool(holds)
        for one in holds:
            at = None if one.given is None else one.given / one.holding.multiplier
            if at is not None and abs(at / price - 1) <= REACH:
                sums[one.holding.side] += one.holding.size * one.holding.multiplier * price
    if holders < FEWEST_ADDRESSES:
        return None
    return HeldInPublic(of_accounts().id, holders, sums["long"], sums["short"])


def _fresh(watched: WatchedPosition, now: datetime) -> bool:
    return watched.seen is not None and now - watched.seen <= FRESH
