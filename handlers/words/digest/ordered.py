"""When a digest comes, and what of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from handlers.words import wording
from signals.due import EVERY_DAY, WEEKDAYS
from signals.units import DAY, WEEK

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.people.digests import Ordered

DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def sentence(ordered: Ordered, now: datetime) -> str:
    """Say one that was asked for: Every weekday at 08:30 (Berlin), BTC and ETH; next on Monday."""
    of = wording.listing(ordered.assets) if ordered.assets else "all followed assets"
    return (
        f"{_days(ordered)} at {ordered.wall.at:%H:%M} ({wording.place(ordered.zone)}), {of}; "
        f"next {_next(ordered.due, now, ordered.zone)}."
    )


def line(ordered: Ordered) -> str:
    """Return the line that asks for it: /digest weekdays 08:30 btc eth."""
    wall = ordered.wall
    if ordered.kind == "daily" and wall.days in (EVERY_DAY, WEEKDAYS):
        days = ["daily"] if wall.days == EVERY_DAY else ["weekdays"]
    else:  # a single day alone would be read as that of a weekly one
        named = ["weekly"] if ordered.kind == "weekly" else ["daily"] if len(wall.days) == 1 else []
        days = [*named, *(DAYS[day].lower() for day in wall.days)]
    return " ".join(("/digest", *days, f"{wall.at:%H:%M}", *(asset.lower() for asset in ordered.assets)))


def on_days(ordered: Ordered) -> str:
    """Say on which days alone one comes: on weekdays, once a week on Sunday, on Monday and Friday."""
    days = ordered.wall.days
    if ordered.kind == "weekly":
        return f"once a week, on {_listed(days)}"
    return "on weekdays" if days == WEEKDAYS else f"on {_listed(days)}"


def _days(ordered: Ordered) -> str:
    days = ordered.wall.days
    if ordered.kind == "weekly":
        return f"Once a week, on {_listed(days)}"
    if days in (EVERY_DAY, WEEKDAYS):
        return "Every day" if days == EVERY_DAY else "Every weekday"
    return f"Every {_listed(days)}"


def _listed(days: Sequence[int]) -> str:
    return wording.listing([DAYS[day] for day in days])


def _next(due: datetime, now: datetime, zone: str) -> str:
    """Say when the next one comes: today, tomorrow, on Monday, on 6 December."""
    here = ZoneInfo(zone)
    local, today = due.astimezone(here), now.astimezone(here).date()
    if local.date() - today <= DAY:
        return "today" if local.date() == today else "tomorrow"
    if local.date() - today < WEEK:
        return f"on {DAYS[local.weekday()]}"
    return f"on {wording.day(local.date(), year=False)}"
