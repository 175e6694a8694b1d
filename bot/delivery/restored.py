"""After a restore: one message a destination says how much was not repeated, and lists the newest of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from signals.alerts.event import RESTORED
from storage.alerts import outbox
from storage.alerts.sending import restored

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.work import Work

LISTED: Final = 10
IS_TOLD_FOR: Final = timedelta(days=7)


def tell_restored(work: Work, now: datetime) -> None:
    """Write these messages when the first minutes after a restore are over."""
    found = restored.untold(work, now)
    if found is None:
        return
    when, settled = found
    for destination, every in settled.items():
        listed = [{"at": at.isoformat(), "payload": payload} for at, payload in every[-LISTED:]]
        event = {
            "event": RESTORED,
            "backup": when.backup.isoformat(),
            "until": now.isoformat(),
            "count": len(every),
            "notices": listed,
        }
        notice = outbox.Notice("late", "notice", now, event, rule=RESTORED)
        outbox.announce_to(work, destination, notice, now=now, expires=now + IS_TOLD_FOR)
