"""The days that say how near a liquidation is in the asset's own terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from signals.units import DAY, DAY_MS, floor, from_ms, to_ms
from storage.market import points, ranges

if TYPE_CHECKING:
    from datetime import datetime

    from signals.liquidation.moves import DayRange
    from storage.engine.database import Store

LOOK_BACK = timedelta(days=365)
FEWEST = 30  # days; a share of fewer says nothing


@dataclass(frozen=True, slots=True)
class PastDays:
    """Whole days of one asset at one venue, and when the first begins and the last ends."""

    days: tuple[DayRange, ...]
    venue: str
    first: datetime
    last: datetime


def past_days(store: Store, asset: str, now: datetime) -> PastDays | None:
    """Return the whole days of the last year, from the venue that has most of them stored; None for fewer than 30.

    Who may have most is read first, and mostly has all, so that nobody else is read.
    """
    end = floor(now, DAY)
    start = end - LOOK_BACK
    best: tuple[str, dict[int, DayRange]] = "", {}
    for venue, most in sorted(_at_most(store, asset, start, end).items(), key=lambda found: -found[1]):
        if most <= len(best[1]):
            break
        days = ranges.whole_days(store, asset, venue, start=start, end=end)
        if len(days) > len(best[1]):
            best = venue, days
    speaks, whole = best
    if len(whole) < FEWEST:
        return None
    first, last = (from_ms(number * DAY_MS) for number in (min(whole), max(whole) + 1))
    return PastDays(tuple(whole.values()), speaks, first, last)


def _at_most(store: Store, asset: str, start: datetime, end: datetime) -> dict[str, float]:
    """Return by venue how many days of a stretch can be stored at most, by where its bars begin and end."""
    spans: dict[str, tuple[int, int]] = {}
    for series in points.stored(store, asset, "low"):
        first, last = spans.get(series.venue, (series.first, series.known))
        spans[series.venue] = min(first, series.first), max(last, series.known)
    begin, until = to_ms(start), to_ms(end)
    return {venue: (min(last, until) - max(first, begin)) / DAY_MS for venue, (first, last) in spans.items()}
