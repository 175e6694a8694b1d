"""The days that say how near a liquidation is in the asset's own terms."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from signals.liquidation.moves import DayRange
from signals.units import DAY, DAY_MS, HOUR, SECOND, floor, from_ms
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.engine.database import Store

LOOK_BACK = timedelta(days=365)
FEWEST = 30  # days; a share of fewer says nothing
_HOURS = 24


@dataclass(frozen=True, slots=True)
class PastDays:
    """Whole days of one asset at one venue, and when the first begins and the last ends."""

    days: tuple[DayRange, ...]
    venue: str
    first: datetime
    last: datetime


def past_days(store: Store, asset: str, now: datetime) -> PastDays | None:
    """Read the whole days of the last year that are stored, from the venue that has most; None for fewer than 30."""
    end = floor(now, DAY)
    best: PastDays | None = None
    for venue in points.venues_of(store, asset, "low"):
        times, steps, columns = points.columns(
            store, asset, venue, ["open", "high", "low"], start=end - LOOK_BACK, end=end
        )
        found = _whole(zip(times, steps, columns["open"], columns["high"], columns["low"], strict=True))
        if len(found) >= FEWEST and (best is None or len(found) > len(best.days)):
            first, last = (from_ms(number * DAY_MS) for number in (min(found), max(found) + 1))
            best = PastDays(tuple(found.values()), venue, first, last)
    return best


def _whole(rows: Iterable[tuple[int, int, float | None, float | None, float | None]]) -> dict[int, DayRange]:
    """Make days (by their number since 1970) of daily bars, and of hourly ones where all 24 are there."""
    days: dict[int, DayRange] = {}
    hours: dict[int, list[tuple[int, float, float, float]]] = {}
    for at, step, start, high, low in rows:
        if start is None or high is None or low is None:
            continue
        if step * SECOND == DAY:
            days[at // DAY_MS] = DayRange(start, high, low)
        elif step * SECOND == HOUR:
            hours.setdefault(at // DAY_MS, []).append((at, start, high, low))
    for number, bars in hours.items():
        if number not in days and len(bars) == _HOURS:
            days[number] = DayRange(min(bars)[1], max(bar[2] for bar in bars), min(bar[3] for bar in bars))
    return days
