"""Mute: a destination does not want to hear of a rule, of an asset, or of anything, for a time or for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.delivery.stages.outcome import PASS, Drop
from signals.alerts.event import POSITION
from storage.people.switches import ANY

if TYPE_CHECKING:
    from datetime import datetime

    from bot.delivery.stages.outcome import Outcome, Recipient
    from storage.alerts.outbox import Notice


def mute(notice: Notice, recipient: Recipient, now: datetime) -> Outcome:
    """Drop what is muted now.

    An asset that is muted is one of the market: who watches a position of their own in it is told of that all the same.
    """
    if notice.kind == "late":  # it says what was not told in time, and was asked for when it was news
        return PASS
    meant = {ANY, notice.rule}
    if notice.payload.get("event") != POSITION:
        meant.add(notice.asset)
    for switch in recipient.switches:
        if switch.kind == "mute" and switch.what in meant and (switch.until is None or now < switch.until):
            what = "everything" if switch.what == ANY else switch.what
            until = f" until {switch.until:%Y-%m-%d %H:%M} UTC" if switch.until else ""
            return Drop("muted", f"this chat has muted {what}{until}")
    return PASS
