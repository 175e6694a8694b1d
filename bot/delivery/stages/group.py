"""Group: what several rules say of one asset at one close is one message.

So is what befell several sources, and all that grew too old for news.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.alerts.event import ALERT, LATE, SOURCE

if TYPE_CHECKING:
    from storage.alerts.outbox import OutboxRow


def group(first: OutboxRow, other: OutboxRow) -> bool:
    """Tell whether another row for the same destination is said in the message of the first one.

    Both tell of a rule, of one asset at one close, and of episodes that share a message or have none yet; or both
    tell of sources: a network that is gone is one cause and not ten; or both list what is late. What may have arrived
    already is repeated as it was: together with what was in it, and with nothing else.
    """
    one, another = first.notice, other.notice
    kind = one.payload.get("event")
    if kind != another.payload.get("event") or kind not in {ALERT, SOURCE, LATE}:
        return False
    if kind == ALERT and (one.asset, one.at, _told_in(first)) != (another.asset, another.at, _told_in(other)):
        return False
    if first.uncertain or other.uncertain:
        return first.uncertain and other.uncertain and first.lead == other.lead
    return True


def _told_in(row: OutboxRow) -> str | None:
    return row.message or row.goes_on
