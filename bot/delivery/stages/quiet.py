"""Quiet: in the hours that a destination wants quiet, by its own clock, only what is critical is sent."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from bot.delivery.stages.outcome import PASS, Hold
from signals.units import DAY

if TYPE_CHECKING:
    from bot.delivery.stages.outcome import Outcome, Recipient
    from storage.alerts.outbox import Notice


def quiet(notice: Notice, recipient: Recipient, now: datetime) -> Outcome:
    """Hold what is not critical until the quiet hours end."""
    if notice.rank == "critical":
        return PASS
    for switch in recipient.switches:
        if switch.kind == "quiet" and switch.hours and (end := ends(switch.hours, recipient.zone, now)):
            return Hold(end, f"quiet hours, {switch.hours} {recipient.zone}")
    return PASS


def ends(hours: str, zone: str, now: datetime) -> datetime | None:
    """Return when quiet hours such as 22:00-07:00 that run now end; None where they do not run.

    By the clock on the wall: an hour that it skips is not waited for, one that it shows twice is quiet twice.
    """
    begin, end = (time.fromisoformat(part) for part in hours.split("-"))
    local = now.astimezone(ZoneInfo(zone))
    shown = local.time()
    within = begin <= shown < end if begin <= end else shown >= begin or shown < end
    if not within:
        return None
    day = local.date() if shown < end else local.date() + DAY
    over = datetime.combine(day, end, tzinfo=local.tzinfo).astimezone(UTC)
    if over <= now:  # the clock goes back in between, and the end is shown once more
        over = datetime.combine(day, end.replace(fold=1), tzinfo=local.tzinfo).astimezone(UTC)
    return over
