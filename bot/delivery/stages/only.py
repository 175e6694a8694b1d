"""Only: a destination wants to hear of nothing below a rank; what it was told of goes on to its end all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.delivery.stages.outcome import PASS, Drop, no_alarm
from signals.alerts.condition import RANKS
from storage.people.switches import least_rank

if TYPE_CHECKING:
    from bot.delivery.stages.outcome import Outcome, Recipient
    from storage.alerts.outbox import OutboxRow

_SAID: Final = {"warning": "warnings and what is critical", "critical": "what is critical"}


def only(row: OutboxRow, recipient: Recipient) -> Outcome:
    """Drop what is less urgent than the destination wants."""
    least, notice = least_rank(recipient.switches), row.notice
    if RANKS.index(notice.rank) >= RANKS.index(least) or row.announced or row.message or no_alarm(notice):
        return PASS
    return Drop("muted", f"this chat wants only {_SAID[least]}")
