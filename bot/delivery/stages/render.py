"""Render: the events of a claim become words, for the chat that they are sent to."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from handlers.words.message import together
from handlers.words.notices import late_together, message_of, sources_together, with_mute
from signals.alerts.event import LATE, SOURCE

if TYPE_CHECKING:
    from handlers.reply import Block
    from handlers.words.message import Message
    from storage.alerts.outbox import Claim, Notice

KEPT: Final = 512  # messages: a broadcast says the same to thousands, so its words are made once a zone


class Renderer:
    """Renders claims; what was rendered last is kept, since notices never change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, str], Message] = OrderedDict()

    def render(self, claim: Claim) -> tuple[tuple[Block, ...], tuple[str, ...]]:
        """Return the blocks of the message, and the lines that answer it where episodes got worse or are over.

        ValueError or KeyError for an event that this version cannot put into words.
        """
        messages = {notice.number: self._message(notice, claim.zone) for notice in claim.notices}
        replies = (messages[row.notice.number].reply for row in claim.rows if not row.told)
        for event, joined in ((SOURCE, sources_together), (LATE, late_together)):
            payloads = [notice.payload for notice in claim.notices if notice.payload.get("event") == event]
            if len(payloads) == len(messages) > 1:
                return joined(payloads, claim.zone).blocks, ()
        said = together(tuple(messages.values()))
        return with_mute(said, claim.notices).blocks, tuple(reply for reply in replies if reply)

    def _message(self, notice: Notice, zone: str) -> Message:
        key = notice.number, zone
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = message_of(notice.payload, zone)
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found
