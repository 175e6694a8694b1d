"""Time and units in one place: milliseconds as stored, whole steps, and the hours of a year."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Final

MILLISECOND: Final = timedelta(milliseconds=1)
SECOND: Final = timedelta(seconds=1)
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)

HOUR_S: Final = 3600  # as pictures count
DAY_S: Final = 86_400

SECOND_MS: Final = 1000
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

HOURS_A_YEAR: Final = 8760  # of 365 days: the simple yearly rate of a funding rate r per h hours is r times 8760 / h


def to_ms(at: datetime) -> int:
    """Return a time as whole milliseconds since 1970, as stored. The time must have a zone."""
    return round(at.timestamp() * SECOND_MS)


def from_ms(ms: int) -> datetime:
    """Return a stored time in UTC."""
    return datetime.fromtimestamp(ms / SECOND_MS, tz=UTC)


def in_ms(span: timedelta) -> int:
    """Return a span of time in whole milliseconds."""
    return round(span.total_seconds() * SECOND_MS)


def floor(at: datetime, step: timedelta) -> datetime:
    """Return the whole step at or before a time, counted from 1970 in UTC."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp(math.floor(at.timestamp() / seconds) * seconds, tz=UTC)


def next_settlement(at: datetime, interval_hours: float) -> datetime:
    """Return the first settlement after `at`: venues settle every 1, 2, 4 or 8 hours counted from midnight UTC.

    `at` carries an offset. A settlement that falls on `at` itself is past. ValueError for an interval that is not above
    zero (NaN included).
    """
    if not interval_hours > 0:
        raise ValueError("The funding interval must be above zero hours.")
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    interval = timedelta(hours=interval_hours)
    return min(midnight + ((at - midnight) // interval + 1) * interval, midnight + DAY)
