"""Mute: a destination does not want to hear of a rule, an asset, an episode, or anything, for a time or for good."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from bot.delivery.stages.outcome import PASS, Drop, lists_others
from signals.alerts.event import POSITION
from storage.people.switches import ANY, EPISODE

if TYPE_CHECKING:
    from datetime import datetime

    from bot.delivery.stages.outcome import Outcome, Recipient
    from storage.alerts.outbox import Notice, OutboxRow
    from storage.people.switches import Switch


def mute(row: OutboxRow, recipient: Recipient, now: datetime) -> Outcome:
    """Drop what is muted now, and what would go on in a message that is.

    An asset that is muted is one of the market: who watches a position of their own in it is told of that all the same.
    """
    notice = row.notice
    if lists_others(notice) and notice.kind != "digest":  # one that is not told is part of the next
        return PASS
    if joined := _joins_muted(row, recipient, now):
        return Drop("muted", "this chat has muted the message that it goes on in", joined)
    meant = {ANY, notice.rule, f"{EPISODE}{notice.episode}"}
    if notice.payload.get("event") != POSITION:
        meant |= {notice.asset, f"{notice.rule} {notice.asset}"}
    for switch in recipient.switches:
        if switch.kind == "mute" and switch.what in meant and _runs(switch, notice, now):
            what = "everything" if switch.what == ANY else switch.what
            until = f" until {switch.until:%Y-%m-%d %H:%M} UTC" if switch.until else ""
            until = f" until {switch.value} is over" if switch.value else until
            return Drop("muted", f"this chat has muted {what}{until}")
    return PASS


def _joins_muted(row: OutboxRow, recipient: Recipient, now: datetime) -> Switch | None:
    """Return the mute of a row that begins, and goes on in a message which is muted by itself; else None.

    It ends as that one does, and at the latest when what the message told of first is over.
    """
    takes_in = row.notice.payload.get("takes_in")
    if row.goes_on is None or row.notice.episode is None or not takes_in:
        return None
    newest = f"{EPISODE}{takes_in[-1]}"  # in whose message it goes on
    muted = (switch for switch in recipient.switches if switch.kind == "mute" and switch.what == newest)
    running = next((switch for switch in muted if switch.runs(now)), None)
    if running is None:
        return None
    return replace(running, what=f"{EPISODE}{row.notice.episode}", value=running.value or running.what)


def _runs(switch: Switch, notice: Notice, now: datetime) -> bool:
    """Tell whether a mute holds for a notice: the end of the episode that ends it is muted with it, what begins not."""
    if switch.episode is not None and switch.episode == notice.episode:
        return notice.kind != "resumed"
    return switch.runs(now)
