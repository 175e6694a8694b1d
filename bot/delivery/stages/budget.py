"""Budget: beyond so many new messages a day notices wait for the day's end, and one line tells of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.delivery.stages.outcome import PASS, Hold, no_alarm
from signals.alerts.event import POSITION
from signals.wall_clock import midnight

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from bot.delivery.stages.outcome import Outcome, Recipient
    from storage.alerts.outbox import OutboxRow


def may_wait(rows: Sequence[OutboxRow]) -> bool:
    """Tell whether one message of these rows is new and nothing but notices.

    An edit makes no sound, and what may have arrived already is no news. What begins in the message of another episode
    answers it, and that is a new message. What somebody watches of their own is asked for one by one and never waits.
    """
    return all(
        row.notice.rank == "notice"
        and not row.message
        and not row.uncertain
        and not no_alarm(row.notice)
        and row.notice.payload.get("event") != POSITION
        for row in rows
    )


def budget(recipient: Recipient, most: int, sent: int, now: datetime) -> Outcome:
    """Hold a message that may wait where so many were sent since the last midnight of the destination.

    Until its next midnight, or where its quiet hours run then, until these end.
    """
    if sent < most:
        return PASS
    over = midnight(now, recipient.clock, days=1)
    return Hold(recipient.quiet_until(over) or over, f"beyond {most} new messages a day", "budget")
