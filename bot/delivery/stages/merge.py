"""Merge: one message says of an episode what several notices would.

What still waits when a later notice of the same episode is written, and goes to the same destination, is settled by the
query `merge_earlier`. Here ends the all-clear of what was never told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.delivery.stages.outcome import PASS, Drop

if TYPE_CHECKING:
    from bot.delivery.stages.outcome import Outcome
    from storage.alerts.outbox import OutboxRow


def merge(row: OutboxRow) -> Outcome:
    """Drop what goes on with, or ends, an episode that was never announced here.

    Not an end that tells of the whole episode by itself.
    """
    payload = row.notice.payload
    if row.told and not row.message:
        return Drop("merged", "a message told of it in a line, and there is none of its own to edit")
    if row.notice.kind not in {"resolved", "changed"} or row.message or row.announced:
        return PASS
    if payload.get("came_and_went") or payload.get("alone"):
        return PASS
    return Drop("merged", "the episode was never announced here")
