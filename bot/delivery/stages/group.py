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
    tell of sources: a network that is gone is one cause and not ten; or both list what is late. What would go on in an
    older message comes along with what is new and more urgent: that message is read now. What may have arrived already
    is repeated as it was: together with what was in it, and with nothing else.
    """
    one, another = first.notice, other.notice
    kind = one.payload.get("event")
    if kind != another.payload.get("event") or kind not in {ALERT, SOURCE, LATE}:
        return False
    if kind == ALERT and not ((one.asset, one.at) == (another.asset, another.at) and _share(first, other)):
        return False
    if first.uncertain or other.uncertain:
        return first.uncertain and other.uncertain and first.lead == other.lead
    return True


def _share(first: OutboxRow, other: OutboxRow) -> bool:
    alone = not (first.message or first.goes_on or other.message)
    return alone or (first.message or first.goes_on) == (other.message or other.goes_on)
