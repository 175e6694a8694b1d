"""When funding is settled next, and how many hours of it make a year."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

HOURS_A_YEAR = 8760  # of 365 days: the simple yearly rate of a funding rate r per h hours is r times 8760 / h


def next_settlement(at: datetime, interval_hours: float) -> datetime:
    """Return the first settlement after `at`: venues settle every 1, 2, 4 or 8 hours counted from midnight UTC.

    `at` carries an offset. A settlement that falls on `at` itself is past. ValueError for an interval that is not above
    zero (NaN included).
    """
    if not interval_hours > 0:
        raise ValueError("The funding interval must be above zero hours.")
    midnight = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    interval = timedelta(hours=interval_hours)
    return min(midnight + ((at - midnight) // interval + 1) * interval, midnight + timedelta(days=1))
