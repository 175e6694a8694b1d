"""Between which prices an asset moved: bars of trades, the mark prices that were stored, and a typical day's move."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from signals.liquidation.moves import MarkRange, PriceRange, typical_day
from signals.liquidation.watching import stored_as
from signals.units import DAY_MS, from_ms, to_ms
from storage.engine.sql import queries
from storage.market import points

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store

SQL: Final = queries("storage.market")
_SILENT: Final = timedelta(hours=1)


def bars(
    store: Store, asset: str, venues: tuple[str, ...], *, start: datetime, end: datetime
) -> tuple[str, list[PriceRange]]:
    """Return (venue, bars): what began at or after `start` and was closed by `end`, of the first venue that has any.

    A bar that began before `start` is left out whole: nobody knows on which side of it the extreme lies.
    """
    first, last = to_ms(start), to_ms(end)
    for venue in venues:
        for name, times in dict.fromkeys(((asset, 1.0), stored_as(asset))):
            steps = {
                series.step for series in points.stored(store, name, "low") if series.venue == venue and series.step
            }
            if not steps:
                continue
            rows = store.read_plain(
                SQL.bars_between, asset=name, venue=venue, steps=json.dumps(sorted(steps)), start=first, end=last
            )
            return venue, [
                PriceRange(from_ms(at), from_ms(at + step * 1000), low * times, high * times)
                for at, step, low, high in rows
            ]
    return "", []


def marks(store: Store, asset: str, venue: str, *, after: datetime, before: datetime) -> list[PriceRange]:
    """Return the mark prices of a venue in (after, before), each as a stretch of its own."""
    return [
        PriceRange(at := from_ms(row[0]), at, row[1], row[1])
        for row in _stored_marks(store, asset, venue, to_ms(after) + 1, to_ms(before) - 1)
    ]


def marks_within(store: Store, asset: str, venue: str, span: PriceRange) -> MarkRange | None:
    """Sum up the mark prices of a venue within a stretch of time; None where none is stored."""
    start, end = to_ms(span.start), to_ms(span.end)
    rows = _stored_marks(store, asset, venue, start, end)
    if not rows:
        return None
    prices = [price for _, price in rows]
    times = [start, *(at for at, _ in rows), end]
    gap = max(b - a for a, b in pairwise(times))
    return MarkRange(min(prices), max(prices), len(rows), gap / 1000)


def _stored_marks(store: Store, asset: str, venue: str, start: int, end: int) -> list[tuple[int, float]]:
    for name, times in dict.fromkeys(((asset, 1.0), stored_as(asset))):
        rows = store.read_plain(SQL.marks_between, asset=name, venue=venue, start=start, end=end)
        if rows:
            return [(at, price * times) for at, price in rows]
    return []


def mark(store: Store, asset: str, venue: str) -> points.Newest | None:
    """Return the newest mark price: the venue's own, else that of any venue; None where none is stored.

    A venue that fell silent for an hour while others speak is one that is not collected any more.
    """
    name, times = stored_as(asset)
    for stored, factor in ((asset, 1.0), (name, times)):
        found = points.newest(store, stored, "mark_price")
        if found is None:
            continue
        own = points.newest(store, stored, "mark_price", venue)
        if own is not None and found.at - own.at < _SILENT:
            found = own
        return points.Newest(found.at, found.value * factor, found.venue)
    return None


def typical_move(store: Store, asset: str, now: datetime) -> float | None:
    """Return the mean absolute move of a day over the last 30 stored days, as a fraction; None for fewer than 20."""
    best: dict[int, float] = {}
    for stored in dict.fromkeys((asset, stored_as(asset)[0])):
        for venue in points.venues_of(store, stored, "close"):
            rows = store.read_plain(
                SQL.closes_of_days,
                asset=stored,
                venue=venue,
                start=to_ms(now) - 33 * DAY_MS,
                end=to_ms(now),
                day=DAY_MS,
            )
            best = max(best, dict(rows), key=len)
    return typical_day(best)
