"""Events of a replay as they are printed: an object of the outside interface, or text for a person."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from handlers.reply import Line, plain_text
from handlers.words import alerts
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


def as_text(event: Event) -> str:
    """Return an event as a person reads it in a list of many."""
    head = f"{event.at:%Y-%m-%d %H:%M} UTC · {event.kind} · {event.rank}"
    return f"\n── {head} " + "─" * max(0, 60 - len(head)) + f"\n{text_of(event)}"


def text_of(event: Event) -> str:
    """Return the message in plain text."""
    return plain_text(tuple(block for block in alerts.tell(event).blocks if isinstance(block, Line)))
