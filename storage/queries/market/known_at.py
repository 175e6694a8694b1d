"""The newest values as they were known at a moment: a picture of an event shows nothing of what came after it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from signals.units import MILLISECOND, MINUTE, from_ms, in_ms
from signals.venues import venue_order
from storage.market import points

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store
    from storage.market.points import Newest, StoredSeries

_AS_FRESH: Final = 11 * MINUTE  # as in points.newest: of venues that are about as fresh the same one speaks


def newest_price(store: Store, asset: str, until: datetime) -> Newest | None:
    """Return the newest price known at a moment, as /price tells it: the mark price or the last close."""
    return next(iter(price_by_input(store, asset, until).values()), None)


def price_by_input(store: Store, asset: str, until: datetime) -> dict[str, Newest]:
    """Return the newest price known at a moment under the input that it is of; nothing where none is known."""
    found = {name: point for name in ("close", "mark_price") if (point := newest_by(store, asset, name, until))}
    newest = max(found, key=lambda name: found[name].at, default=None)
    return {} if newest is None else {newest: found[newest]}


def newest_by(store: Store, asset: str, name: str, until: datetime, venue: str | None = None) -> Newest | None:
    """Return the newest value of an input that was known at a moment; the rules are those of points.newest."""
    newest = points.newest(store, asset, name, venue)
    if newest is None or newest.at <= until:
        return newest
    known: dict[str, tuple[int, StoredSeries]] = {}
    for series in points.stored(store, asset, name):
        length = timedelta(seconds=series.step)
        if venue not in {None, series.venue} or from_ms(series.first) + length > until:
            continue
        last = points.last_before(store, asset, name, series, until - length + MILLISECOND)
        if series.venue not in known or last + in_ms(length) > known[series.venue][0]:
            known[series.venue] = last + in_ms(length), series
    if not known:
        return None
    latest = max(at for at, _ in known.values())
    speaker = min(
        (one for one, (at, _) in known.items() if latest - at <= in_ms(_AS_FRESH)), key=lambda v: (venue_order(v), v)
    )
    at, series = known[speaker]
    opened = from_ms(at) - timedelta(seconds=series.step)
    _, steps, columns = points.columns(store, asset, speaker, [name], start=opened, end=opened + MILLISECOND)
    values = [
        value for step, value in zip(steps, columns[name], strict=True) if step == series.step and value is not None
    ]
    return points.Newest(from_ms(at), values[-1], speaker) if values else None


def values_between(
    store: Store, asset: str, venue: str, name: str, start: datetime, end: datetime
) -> list[tuple[int, float]]:
    """Return the values of a level in [start, end] with their times in ms."""
    times, _, columns = points.columns(store, asset, venue, [name], start=start, end=end + MILLISECOND)
    return [(at, value) for at, value in zip(times, columns[name], strict=True) if value is not None]
