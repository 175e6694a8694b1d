"""The clock on the wall of a place: where its days begin, when it shows an hour next, and its hours of quiet.

Times that come in and go out are instants in UTC. An hour that the clock skips is not waited for longer than it would
have lasted, one that it shows twice comes first the first time.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING

from signals.units import DAY

if TYPE_CHECKING:
    from datetime import date, tzinfo


def midnight(at: datetime, zone: tzinfo, days: int = 0) -> datetime:
    """Return when the day of `at` begins there, or one so many days after it; where midnight is skipped, at its end."""
    return instant(at.astimezone(zone).date() + timedelta(days=days), time(), zone)


def instant(day: date, clock: time, zone: tzinfo) -> datetime:
    """Return when the clock there shows a time on a day; the first time where it does twice."""
    return datetime.combine(day, clock.replace(fold=0), tzinfo=zone).astimezone(UTC)


def shown_again(at: datetime, zone: tzinfo) -> datetime:
    """Return when the clock there shows once more what it shows at `at`, as it goes back; else `at` itself, in UTC."""
    local = at.astimezone(zone)
    again = local.replace(fold=1).astimezone(UTC)
    same = again.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
    return max(again, at.astimezone(UTC)) if same else at.astimezone(UTC)


def shown_next(at: datetime, clock: time, zone: tzinfo) -> datetime:
    """Return when the clock there shows a time next, after `at`."""
    day = at.astimezone(zone).date()
    for later in range(3):
        first = instant(day + later * DAY, clock, zone)
        if first > at:
            return first
        again = datetime.combine(day + later * DAY, clock.replace(fold=1), tzinfo=zone).astimezone(UTC)
        if again > at and again.astimezone(zone).time() == clock:
            return again
    raise ValueError(f"{zone} shows no {clock} within three days of {at}")


def hours_of(text: str) -> tuple[time, time]:
    """Return the begin and the end of hours written like 22:00-07:00. ValueError for what is not."""
    begin, end = (time.fromisoformat(part) for part in text.split("-"))
    return begin, end


def quiet_until(hours: str, zone: tzinfo, now: datetime) -> datetime | None:
    """Return when hours of quiet such as 22:00-07:00 that run now end there; None where they do not run.

    By the clock on the wall: an hour that it skips is not waited for, one that it shows twice is quiet twice.
    """
    begin, end = hours_of(hours)
    local = now.astimezone(zone)
    shown = local.time()
    within = begin <= shown < end if begin <= end else shown >= begin or shown < end
    if not within:
        return None
    day = local.date() if shown < end else local.date() + DAY
    over = instant(day, end, zone)
    if over <= now:  # the clock goes back in between, and the end is shown once more
        over = datetime.combine(day, end.replace(fold=1), tzinfo=zone).astimezone(UTC)
    return over
