"""Between which prices an asset moved: bars of trades, the mark prices that were stored, and a typical day's move."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from signals.liquidation.moves import DayRange, MarkRange, PriceRange, typical_day
from signals.units import DAY_MS, MINUTE, SECOND_MS, from_ms, in_ms, to_ms
from signals.venues import venue_order
from storage.engine.sql import queries
from storage.market import points

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store

SQL: Final = queries("storage.market")
_SILENT: Final = 3 * MINUTE  # a mark price comes each minute; until then one that is late is waited for


def bars(
    store: Store, asset: str, venues: tuple[str, ...], *, start: datetime, end: datetime, multiplier: int = 1
) -> tuple[str, list[PriceRange]]:
    """Return (venue, bars): what began at or after `start` and was closed by `end`, of the first venue that has any.

    A bar that began before `start` is left out whole: nobody knows on which side of it the extreme lies. multiplier:
    prices are of so many coins, here and below.
    """
    first, last = to_ms(start), to_ms(end)
    for venue in venues:
        steps = {series.step for series in points.stored(store, asset, "low") if series.venue == venue and series.step}
        if not steps:
            continue
        rows = store.read_plain(
            SQL.closed_bars, asset=asset, venue=venue, steps=json.dumps(sorted(steps)), start=first, end=last
        )
        return venue, [
            PriceRange(from_ms(at), from_ms(at + step * SECOND_MS), low * multiplier, high * multiplier)
            for at, step, low, high in rows
        ]
    return "", []


def whole_days(store: Store, asset: str, venue: str, *, start: datetime, end: datetime) -> dict[int, DayRange]:
    """Return the whole days of a venue in [start, end), by their numbers since 1970, as its bars of trades tell them.

    The database makes them: to read a year of hours and go through them here costs four times as much.
    """
    rows = store.read_plain(SQL.whole_days, asset=asset, venue=venue, start=to_ms(start), end=to_ms(end), day=DAY_MS)
    # What the venue itself tells of a day comes last, and counts.
    return {day: DayRange(first, high, low) for day, _, first, high, low in rows if first is not None}


def marks(
    store: Store, asset: str, venue: str, *, after: datetime, before: datetime, multiplier: int = 1
) -> list[PriceRange]:
    """Return the mark prices of a venue in (after, before), each as a stretch of its own."""
    return [
        PriceRange(at := from_ms(row[0]), at, row[1] * multiplier, row[1] * multiplier)
        for row in _stored_marks(store, asset, venue, to_ms(after) + 1, to_ms(before) - 1)
    ]


def marks_within(store: Store, asset: str, venue: str, span: PriceRange, *, multiplier: int = 1) -> MarkRange | None:
    """Sum up the mark prices of a venue within a stretch of time; None where none is stored."""
    start, end = to_ms(span.start), to_ms(span.end)
    rows = _stored_marks(store, asset, venue, start, end)
    if not rows:
        return None
    prices = [price * multiplier for _, price in rows]
    times = [start, *(at for at, _ in rows), end]
    gap = max(b - a for a, b in pairwise(times))
    return MarkRange(min(prices), max(prices), len(rows), gap / SECOND_MS)


def _stored_marks(store: Store, asset: str, venue: str, start: int, end: int) -> list[tuple[int, float]]:
    rows = store.read_plain(SQL.marks_between, asset=asset, venue=venue, start=start, end=end)
    return [(at, price) for at, price in rows]


def mark(store: Store, asset: str, venue: str) -> points.Newest | None:
    """Return the newest mark price, of one coin: the venue's own, else that of any venue; None where none is stored.

    While a venue is silent and others speak, one of those stands in: a position is better watched by a price that may
    be half a per cent off than by none.
    """
    known: dict[str, int] = {}
    for series in points.stored(store, asset, "mark_price"):
        known[series.venue] = max(series.known, known.get(series.venue, 0))
    latest = max(known.values(), default=0)
    speaking = [name for name, at in known.items() if latest - at < in_ms(_SILENT)]
    if not speaking:
        return None
    speaker = venue if venue in speaking else min(speaking, key=lambda name: (venue_order(name), name))
    return points.newest(store, asset, "mark_price", speaker)


def typical_move(store: Store, asset: str, now: datetime) -> float | None:
    """Return the mean absolute move of a day over the last 30 stored days, as a fraction; None for fewer than 20."""
    best: dict[int, float] = {}
    for venue in points.venues_of(store, asset, "close"):
        rows = store.read_plain(
            SQL.closes_of_days,
            asset=asset,
            venue=venue,
            start=to_ms(now) - 33 * DAY_MS,
            end=to_ms(now),
            day=DAY_MS,
        )
        best = max(best, dict(rows), key=len)
    return typical_day(best)
