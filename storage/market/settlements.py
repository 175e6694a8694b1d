"""What a watched position needs of the past: funding as it was settled, and one close a day."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from signals.liquidation.moves import typical_day
from signals.liquidation.watching import RateRow, settlements, stored_as
from signals.units import to_ms
from storage.market import points

if TYPE_CHECKING:
    from datetime import datetime

    from signals.liquidation.funding import Settlement
    from storage.engine.database import Store

_HOUR_MS = 3_600_000
_DAY_MS = 86_400_000
_SILENT = timedelta(hours=1)
_NEAR_MS = 300_000  # of an hour: where settlements and the announcements before them stand


def settled(
    store: Store, asset: str, venue: str, *, start: datetime, end: datetime, otherwise: float
) -> list[Settlement] | None:
    """Return the settlements of a venue in [start, end]; None where it has no rates stored at all.

    otherwise: the mark price to take where none is stored near a settlement.
    """
    name, times = stored_as(asset)
    if not _stored(store, name, venue):
        name, times = asset, 1.0
        if not _stored(store, name, venue):
            return None
    first, last = to_ms(start) - _NEAR_MS, to_ms(end)
    rows = store.rows(
        "SELECT at, funding_rate, funding_interval_hours, mark_price FROM levels WHERE asset = ? AND venue = ? "
        "AND at >= ? AND at <= ? AND (at % ? < ? OR at % ? > ?) "
        "AND (funding_rate IS NOT NULL OR mark_price IS NOT NULL)",
        (name, venue, first, last, _HOUR_MS, _NEAR_MS, _HOUR_MS, _HOUR_MS - _NEAR_MS),
    )
    closes = store.rows(
        "SELECT at + step * 1000 AS closed, close FROM bars WHERE asset = ? AND venue = ? AND step = 3600 "
        "AND at >= ? AND at <= ? AND close IS NOT NULL",
        (name, venue, first - _HOUR_MS, last),
    )
    found = [RateRow(row[0], row[1], row[2], None if row[3] is None else row[3] * times) for row in rows]
    return settlements(found, {row[0]: row[1] * times for row in closes}, otherwise=otherwise)


def _stored(store: Store, asset: str, venue: str) -> bool:
    return any(each.venue == venue for each in points.stored(store, asset, "funding_rate"))


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
            rows = store.rows(
                "SELECT (at + step * 1000) / ? AS day, close FROM bars WHERE asset = ? AND venue = ? AND at >= ? "
                "AND at + step * 1000 <= ? AND (at + step * 1000) % ? = 0 AND close IS NOT NULL",
                (_DAY_MS, stored, venue, to_ms(now) - 33 * _DAY_MS, to_ms(now), _DAY_MS),
            )
            closes = {row[0]: row[1] for row in rows}
            best = max(best, closes, key=len)
    return typical_day(best)
