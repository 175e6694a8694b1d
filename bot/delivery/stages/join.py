"""Join: an alarm that a setup has told of here is a leg in that setup's message, and is not told beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.delivery.stages.outcome import PASS, Drop
from signals.alerts.event import tellers

if TYPE_CHECKING:
    from collections.abc import Collection

    from bot.delivery.stages.outcome import Outcome
    from storage.alerts.outbox import OutboxRow


def setups_around(row: OutboxRow) -> list[int]:
    """Return the episodes of setups that tell an alarm as their leg where they are told."""
    return [episode for episode, _ in tellers(row.notice.payload.get("within", ()), row.notice.rank)]


def join(row: OutboxRow, told: Collection[int]) -> Outcome:
    """Drop what a setup says already. told: the episodes of setups that this destination was told of, or is now.

    An alarm that is more urgent than its setup is told all the same, and the end of one that had a message of its own
    closes that message.
    """
    if row.notice.kind == "resolved" and row.message:
        return PASS
    around = next((episode for episode in setups_around(row) if episode in told), None)
    return PASS if around is None else Drop("merged", f"the message of episode {around} tells of it as a leg")
