"""When something is due by the clock on the wall of a place: once a date, whatever that clock does in between.

A time that the clock shows twice counts the first time; one that it skips comes as much later as it skips: 02:30 is
03:30 then, and a midnight that is missing is 01:00 of the same date.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.units import DAY
from signals.wall_clock import instant

if TYPE_CHECKING:
    from datetime import date, datetime, time, tzinfo

EVERY_DAY: Final = (0, 1, 2, 3, 4, 5, 6)
WEEKDAYS: Final = (0, 1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class WallTime:
    """A time of day on some days of the week. days: 0 is Monday, rising. ValueError for none, or for what is no day."""

    at: time
    days: tuple[int, ...] = EVERY_DAY

    def __post_init__(self) -> None:
        if not self.days or not set(self.days) <= set(EVERY_DAY) or list(self.days) != sorted(set(self.days)):
            raise ValueError(f"days of the week are 0 to 6, rising, not {self.days}")


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
