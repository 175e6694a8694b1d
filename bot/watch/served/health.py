"""Whether perpulse does what it is there for, and if not, why: in words, for whoever asks /healthz."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.watch.vitals import NO_DATA, NO_TURN, NOBODY
from handlers.version import VERSION
from handlers.words import wording
from handlers.words.delivery import of_bot, refused
from handlers.words.machine import nobody

if TYPE_CHECKING:
    from bot.watch.vitals import Look


def reasons(look: Look) -> list[str]:
    """Return why it is not ready, a sentence each; none where it is.

    To stand by is no reason: that is what the second process is for.
    """
    found = []
    if look.stored.error:
        found.append(f"The database cannot be used: {look.stored.error}")
    if look.since_good_turn > NO_TURN.total_seconds():
        found.append(f"No turn has gone well for {wording.duration(timedelta(seconds=look.since_good_turn))}.")
    elif look.turns.last_good is None:
        found.append("It has just started, and no turn was taken yet.")
    if look.newest is None:
        found.append("No source has given a figure yet.")
    elif look.no_data_for >= NO_DATA:
        found.append(f"No source has given a figure for {wording.duration(look.no_data_for)}.")
    found += [f"{nobody(role).capitalize()}." for role, span in look.lacking.items() if span >= NOBODY]
    for channel, state in look.channels.items():
        if state == "token refused":
            found.append(f"{refused(channel)}.")
        elif state == "not reached":
            found.append(f"{of_bot(channel)} is not reached.")
    found += [
        f"The outbox is stuck: a message to {of_bot(channel)} has been due for {wording.duration(wait)}."
        for channel, wait in look.stuck.items()
    ]
    return found


def report(look: Look) -> dict[str, Any]:
    """Return what /healthz says, as plain data: ready or not, why not, and the figures that this rests on."""
    why = reasons(look)
    return {
        "ready": not why,
        "reasons": why,
        "version": VERSION,
        "running_seconds": round(look.running, 1),
        "database": look.stored.error or "ok",
        "newest_figure": look.newest and look.newest.isoformat(timespec="seconds"),
        "last_good_turn": look.turns.last_good and look.turns.last_good.isoformat(timespec="seconds"),
        "outbox": dict(look.stored.waiting),
        "channels": dict(look.channels),
        "holds": dict(look.holds),
        "processes": look.processes,
        "own_alarms": sorted(look.stored.own),
    }
