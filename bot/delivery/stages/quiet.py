"""Quiet: in the hours that a destination wants quiet, by its own clock, only what is critical is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.delivery.stages.outcome import PASS, Hold, no_alarm
from handlers.words.wording import place

if TYPE_CHECKING:
    from datetime import datetime

    from bot.delivery.stages.outcome import Outcome, Recipient
    from storage.alerts.outbox import OutboxRow


def quiet(row: OutboxRow, recipient: Recipient, now: datetime) -> Outcome:
    """Hold what is not critical until the quiet hours end, and what is critical as well where they are strict."""
    switch = next((switch for switch in recipient.switches if switch.kind == "quiet"), None)
    if switch is None or row.told or (row.notice.rank == "critical" and not switch.strict):
        return PASS
    end = recipient.quiet_until(now)
    if end is None:
        return PASS
    return Hold(end, f"quiet hours, {switch.hours} {place(recipient.zone)}", None if no_alarm(row.notice) else "quiet")
