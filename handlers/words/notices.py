"""What a stored notice says: the event of each kind becomes a message, for the chat that it is sent to."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from handlers import reply
from handlers.reply import Button, Buttons, Line
from handlers.words import alerts, machine, sources, wording
from handlers.words.digest import said as digests
from handlers.words.held import tell_held
from handlers.words.message import Message
from handlers.words.positions import events as position_events
from signals import digest
from signals.alerts.burst import BURST, Burst
from signals.alerts.event import (
    ALERT,
    ANNOUNCEMENT,
    HELD,
    LATE,
    OWN_GONE,
    POSITION,
    RESTORED,
    SELF,
    SOURCE,
    Event,
)
from signals.digest import DIGEST
from signals.liquidation.events import CameNear, LineCrossed, LinesLeft, from_json
from storage.sources import source_events

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from storage.alerts.outbox import Notice

LATE_LINES = 10


def message_of(payload: Mapping[str, Any], zone: str) -> Message:
    """Put the event of a notice into words, with its times in a zone.

    Ready blocks are what earlier versions stored instead. ValueError for an event that this version does not know.
    """
    if "blocks" in payload:
        return Message(reply.from_json(payload["blocks"]), payload.get("reply"))
    kind = str(payload.get("event"))
    if kind not in _TELL:
        raise ValueError(f"unknown event {kind!r}: it was written by a newer version of perpulse")
    return _TELL[kind](payload, zone)


def _position(payload: Mapping[str, Any], zone: str) -> Message:
    """Tell of a position or an address; a nearer line and the end answer the message of the beginning."""
    event = from_json(payload["position"])
    blocks = position_events.blocks_of(event, zone)
    match event:
        case LinesLeft() | CameNear(went=True) | LineCrossed(escalated=True):
            return Message(blocks, position_events.reply_of(event))
        case _:
            return Message(blocks)


def _late(payload: Mapping[str, Any], zone: str) -> Message:
    """List what could not be delivered in time, the newest of it."""
    return late_together([payload], zone)


def late_together(payloads: Sequence[Mapping[str, Any]], zone: str) -> Message:
    """List what several notices say could not be delivered in time, as one of them would."""
    listed = sorted((one for payload in payloads for one in payload["notices"]), key=lambda one: str(one["at"]))
    count = sum(int(payload["count"]) for payload in payloads)
    lines = [_late_line(one, zone) for one in listed[-LATE_LINES:]]
    more = count - len(lines)
    head = f"{wording.count(count, 'message')} could not be delivered in time:"
    return Message((Line(head, "headline"), *map(Line, lines), *([Line(f"and {more} more")] if more > 0 else [])))


def _restored(payload: Mapping[str, Any], zone: str) -> Message:
    """Say that perpulse was put back from a backup, and what was not repeated because of it."""
    listed = payload["notices"][-LATE_LINES:]
    lines = [_late_line(one, zone) for one in listed]
    more = int(payload["count"]) - len(lines)
    backup, until = (
        wording.clock(datetime.fromisoformat(payload[name]), zone, dated=True) for name in ("backup", "until")
    )
    head = (
        f"perpulse was restored from a backup of {backup}. {wording.count(int(payload['count']), 'notice')} of the "
        f"time until {until} may have been sent before and {'is' if payload['count'] == 1 else 'are'} not repeated:"
    )
    return Message((Line(head, "headline"), *map(Line, lines), *([Line(f"and {more} more")] if more > 0 else [])))


def _late_line(one: Mapping[str, Any], zone: str) -> str:
    at = datetime.fromisoformat(one["at"])
    perhaps = " (may have arrived)" if one.get("perhaps") else ""
    return f"{wording.clock(at, zone, dated=True)}: {headline_of(one['payload'], zone)}{perhaps}"


def announced(text: str) -> Message:
    """Put what an owner tells every chat into words: theirs, and who says it."""
    first, *rest = (line for line in text.splitlines() if line.strip())
    return Message((Line(first, "headline"), *map(Line, rest), Line("From the owner of this bot.", "stamp")))


def gone(payload: Mapping[str, Any]) -> Message:
    """Say that a rule of one's own says nothing any more, and why."""
    why = (
        "A value that it stands on is no longer computed."
        if payload["what"] == "rule"
        else "Nothing that it asks of is followed any more."
    )
    head = f"Your rule {payload['number']} is paused: {payload['line']}"
    return Message((Line(head, "headline"), Line(why), Line(f"Delete it: /alerts delete {payload['number']}")))


def sources_together(payloads: Sequence[Mapping[str, Any]], zone: str) -> Message:
    """Say what befell several sources: a line a cause."""
    events = [source_events.from_json(payload["source"]) for payload in payloads]
    return Message(tuple(Line(said) for said in sources.sentences(events, zone)))


def with_mute(message: Message, notices: Sequence[Notice]) -> Message:
    """Add to a message the button that mutes what it tells of, as long as anything of that is not over.

    A fast move is muted at once, for two hours; of the rest is asked what and for how long.
    """
    going = [notice for notice in notices if notice.episode is not None and notice.kind != "resolved"]
    kinds = {notice.payload.get("event"): notice for notice in going}
    if BURST in kinds and kinds[BURST].asset:
        button = Button("Mute 2 h", f"/mute {BURST} {kinds[BURST].asset.lower()} 2h")
    elif kinds.keys() & {ALERT, POSITION}:
        button = Button("Mute", f"/mute episode {going[0].episode}")
    else:
        return message
    rows = [block.buttons for block in message.blocks if isinstance(block, Buttons)]
    rest = [block for block in message.blocks if not isinstance(block, Buttons)]
    first = (*(rows[0] if rows else ()), button)
    return replace(message, blocks=(*rest, Buttons(first), *map(Buttons, rows[1:])))


def headline_of(payload: Mapping[str, Any], zone: str) -> str:
    """Say in one line what a notice tells."""
    return message_of(payload, zone).headline


_TELL: Final[Mapping[str, Callable[[Mapping[str, Any], str], Message]]] = {
    ALERT: lambda payload, zone: alerts.tell(Event.from_json(payload), zone),
    BURST: lambda payload, zone: alerts.tell_burst(Burst.from_json(payload), zone),
    POSITION: _position,
    SOURCE: lambda payload, zone: Message((Line(sources.sentence(source_events.from_json(payload["source"]), zone)),)),
    LATE: _late,
    RESTORED: _restored,
    SELF: lambda payload, zone: Message((Line(machine.own_alarm(payload, zone)),)),
    ANNOUNCEMENT: lambda payload, _: announced(payload["text"]),
    OWN_GONE: lambda payload, _: gone(payload),
    DIGEST: lambda payload, zone: digests.tell(digest.from_json(payload), zone),
    HELD: lambda payload, zone: tell_held(payload, zone, headline_of),
}
