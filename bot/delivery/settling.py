"""What the stages make of a row, written: it passes, waits, or ends here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.delivery.stages.outcome import Drop, Hold
from storage.alerts import outbox
from storage.people import switches

if TYPE_CHECKING:
    from datetime import datetime

    from bot.delivery.stages.outcome import Outcome
    from storage.alerts.outbox import OutboxRow
    from storage.engine.work import Work


def passes(work: Work, destination: int, row: OutboxRow, outcome: Outcome, now: datetime) -> bool:
    """Settle a row that does not pass as its outcome says, and tell whether it passes."""
    match outcome:
        case Hold(until, reason, held_for):
            outbox.hold(work, row, until, reason, held_for)
            return False
        case Drop(state, reason, mutes):
            if mutes:
                switches.switch_on(work, destination, mutes)
            outbox.end(work, row, state, reason, now=now)
            return False
        case _:
            return True
