"""Between which prices an asset moved: bars of trades, and the mark prices that were stored."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from signals.liquidation.moves import MarkRange, PriceRange
from signals.liquidation.watching import stored_as
from signals.units import from_ms, to_ms
from storage.market import points

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store


def bars(
    store: Store, asset: str, venues: tuple[str, ...], *, start: datetime, end: datetime
) -> tuple[str, list[PriceRange]]:
    """Return (venue, bars): what began at or after `start` and was closed by `end`, of the first venue that has any.

    A bar that began before `start` is left out whole: nobody knows on which side of it the extreme lies.
    """
    first, last = to_ms(start), to_ms(end)
    for venue in venues:
        for name, times in dict.fromkeys(((asset, 1.0), stored_as(asset))):
            steps = {each.step for each in points.stored(store, name, "low") if each.venue == venue and each.step}
            if not steps:
                continue
            rows = store.rows(
                f"SELECT at, step, low, high FROM bars WHERE asset = ? AND venue = ? "  # noqa: S608 - marks only
                f"AND step IN ({', '.join('?' * len(steps))}) AND at >= ? AND at <= ? AND at + step * 1000 <= ? "
                "AND low IS NOT NULL AND high IS NOT NULL ORDER BY at",
                (name, venue, *sorted(steps), first, last, last),
            )
            found = [(from_ms(row[0]), from_ms(row[0] + row[1] * 1000), row[2] * times, row[3] * times) for row in rows]
            return venue, [PriceRange(*each) for each in found]
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
        rows = store.rows(
            "SELECT at, mark_price FROM levels WHERE asset = ? AND venue = ? AND at >= ? AND at <= ? "
            "AND mark_price IS NOT NULL ORDER BY at",
            (name, venue, start, end),
        )
        if rows:
            return [(row[0], row[1] * times) for row in rows]
    return []
