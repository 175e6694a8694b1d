"""When something comes next by a clock on the wall, whatever that clock does in between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from signals.units import DAY

EVERY_DAY: Final = (0, 1, 2, 3, 4, 5, 6)
WEEKDAYS: Final = (0, 1, 2, 3, 4)
_WEEK: Final = 7


@dataclass(frozen=True, slots=True)
class WallTime:
    """A time of day on some days of the week. days: 0 is Monday, rising. ValueError for none, or for what is no day."""

    at: time
    days: tuple[int, ...] = EVERY_DAY

    def __post_init__(self) -> None:
        if not self.days or not set(self.days) <= set(EVERY_DAY) or list(self.days) != sorted(set(self.days)):
            raise ValueError(f"days of the week are 0 to 6, rising, not {self.days}")

    @property
    def rarest(self) -> timedelta:
        """Return how long it can be from one time to the next; an hour is left for the clock that goes back."""
        apart = [
            (later - day - 1) % _WEEK + 1 for day, later in zip(self.days, self.days[1:] + self.days[:1], strict=True)
        ]
        return max(apart) * DAY + DAY / 12


def instant(day: date, at: time, zone: tzinfo) -> datetime:
    """Return when a clock on the wall of a zone shows a time of a date, in UTC.

    What it shows twice counts the first time; what it skips comes as much later as it skips: 02:30 is 03:30 then, and
    a midnight that is missing is 01:00 of the same date.
    """
    return datetime.combine(day, at.replace(fold=0), tzinfo=zone).astimezone(UTC)


def next_due(wall: WallTime, zone: tzinfo, after: datetime, done: date | None = None) -> datetime:
    """Return the first time after `after` (with an offset), in UTC, whose date in the zone is not the one that is done.

    zone: rules of a zone, such as a ZoneInfo. done: the date of which nothing more is due, None where there is none.
    """
    day = after.astimezone(zone).date() - DAY
    while True:
        if day.weekday() in wall.days:
            found = instant(day, wall.at, zone)
            if found > after and found.astimezone(zone).date() != done:
                return found
        day += DAY


def newest_due(wall: WallTime, zone: tzinfo, until: datetime) -> datetime:
    """Return the last time up to `until` (with an offset), in UTC."""
    day = until.astimezone(zone).date() + DAY
    while True:
        if day.weekday() in wall.days:
            found = instant(day, wall.at, zone)
            if found <= until:
                return found
        day -= DAY
