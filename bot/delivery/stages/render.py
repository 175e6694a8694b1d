"""Render: the events of a claim become words, for the chat that they are sent to."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final

from handlers.words.message import together
from handlers.words.notices import late_together, message_of, sources_together, with_mute
from signals.alerts.condition import RANKS
from signals.alerts.event import LATE, SOURCE
from signals.alerts.setup import setups

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.reply import Block
    from storage.alerts.outbox import Claim, Notice

KEPT: Final = 256  # messages: a broadcast says the same to thousands, so its words are made once a zone


class Renderer:
    """Renders claims; what was rendered last is kept, since notices never change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Any, ...], tuple[tuple[Block, ...], tuple[str, ...]]] = OrderedDict()

    def render(self, claim: Claim) -> tuple[tuple[Block, ...], tuple[str, ...]]:
        """Return the blocks of the message, and the lines that answer it where episodes got worse or are over.

        ValueError or KeyError for an event that this version cannot put into words.
        """
        notices = claim.notices
        answered = tuple(row.notice.number for row in claim.rows if not row.told)
        key = (tuple(notice.number for notice in notices), answered, claim.zone)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = _rendered(notices, answered, claim.zone)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


def _rendered(
    notices: Sequence[Notice], answered: Sequence[int], zone: str
) -> tuple[tuple[Block, ...], tuple[str, ...]]:
    said_of = _in_order(_without_legs(notices), answered)
    messages = {notice.number: message_of(notice.payload, zone) for notice in notices}
    for event, joined in ((SOURCE, sources_together), (LATE, late_together)):
        payloads = [notice.payload for notice in notices if notice.payload.get("event") == event]
        if len(payloads) == len(messages) > 1:
            return joined(payloads, zone).blocks, ()
    # What a message leaves out it would refute: a story that goes on says that its leg holds, whatever ended an alarm.
    replies = (messages[number].reply for number in answered if number in {notice.number for notice in said_of})
    parts = [messages[notice.number] for notice in said_of]
    new = [notice.number in answered for notice in said_of]
    before = [
        place for place, notice in enumerate(said_of) if not new[place] and (any(new) or notice.kind == "resolved")
    ]
    said = together(parts, before)
    return with_mute(said, said_of).blocks, tuple(reply for reply in replies if reply)


def _in_order(notices: Sequence[Notice], answered: Sequence[int]) -> list[Notice]:
    """Put what is more urgent first, of that what is new, and last what is over, which is as urgent as a notice."""

    def place(notice: Notice) -> tuple[bool, int, bool, bool]:
        over, before = notice.kind == "resolved", notice.number not in answered
        return over and before, 0 if over else -RANKS.index(notice.rank), before, over

    return sorted(notices, key=place)


def _without_legs(notices: Sequence[Notice]) -> list[Notice]:
    """Leave out the alarms that an open setup of the message tells as its legs; one more urgent stays beside it.

    So does its end: who was called by it is told that it is over, though the setup goes on.
    """
    open_setups = [notice for notice in notices if notice.kind != "resolved" and notice.rule in setups()]
    return [
        notice
        for notice in notices
        if not any(
            notice.rule in setups()[one.rule or ""].alarms
            and notice.asset == one.asset
            and RANKS.index(one.rank) >= RANKS.index(notice.rank)
            for one in open_setups
        )
    ]
