"""Events of a replay as they are printed: an object of the outside interface, or text for a person."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from handlers.reply import Line, plain_text
from handlers.words import alerts
from signals.alerts.burst import BURST, Burst
from signals.alerts.rule import rules

if TYPE_CHECKING:
    from signals.alerts.event import Event


def as_json(event: Event) -> dict[str, Any]:
    """Return an event as the outside interface has it."""
    value = event.values.get(f"{rules()[event.rule].metrics[0]}.value", math.nan)
    return {
        "at": event.at.isoformat().replace("+00:00", "Z"),
        "kind": event.kind,
        "id": event.rule,
        "asset": event.asset,
        "level": event.rank,
        "value": None if math.isnan(value) else value,
        "text": text_of(event),
    }


def move_as_json(move: Burst) -> dict[str, Any]:
    """Return what is told of a fast move in the same form; its value is how far price went, as a fraction."""
    return {
        "at": move.at.isoformat().replace("+00:00", "Z"),
        "kind": move.kind,
        "id": BURST,
        "asset": move.asset,
        "level": move.rank,
        "value": move.change,
        "text": text_of(move),
    }


def as_text(event: Event | Burst) -> str:
    """Return an event as a person reads it in a list of many."""
    head = f"{event.at:%Y-%m-%d %H:%M} UTC · {event.kind} · {event.rank}"
    return f"\n── {head} " + "─" * max(0, 60 - len(head)) + f"\n{text_of(event)}"


def text_of(event: Event | Burst) -> str:
    """Return the message in plain text."""
    message = alerts.tell_burst(event) if isinstance(event, Burst) else alerts.tell(event)
    return plain_text(tuple(block for block in message.blocks if isinstance(block, Line)))
