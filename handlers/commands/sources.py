"""/sources: who answers, who does not and why, and what must be said with each one's figures."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, command
from handlers.reply import Block, Line, Reply
from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.market.source_state import Note, SourceHealth

_STATES: Final = {"ok": "answers", "down": "does not answer", "blocked": "refuses this server"}
_WORST: Final = ("blocked", "down", "ok")


@dataclass(frozen=True, slots=True)
class Nothing:
    """A command without arguments."""


@command(subject="admin", example="/sources")
async def sources(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - a command's signature
    """Show who answers, who does not and why.

    For each source: how old its figures are, until when it rests or is refused, how many were rejected, and what
    must be said with them.

    One source in trouble harms no other. A refused country is asked again once an hour, a ban is kept to its second.
    Figures that cannot be true, or that contradict the other venues, are left out and counted here.
    """
    return await asyncio.to_thread(_sources, deps)


def _sources(deps: Deps) -> Reply:
    from handlers import looking  # noqa: PLC0415 - brings numpy along
    from storage.market import source_state  # noqa: PLC0415 - opens the database

    stored = deps.store.exists
    by_source: dict[str, list[SourceHealth]] = {}
    for each in source_state.load(deps.store) if stored else []:
        by_source.setdefault(each.source, []).append(each)
    notes = {each.source: each for each in source_state.notes(deps.store)} if stored else {}
    if notes:  # a venue that is no longer in the configuration has nothing to say any more
        by_source = {name: each for name, each in by_source.items() if name in notes or _heard_itself(name)}
    if not by_source:
        return Reply((Line("No source was asked yet; `perpulse run` asks them.", "headline"),), {"sources": []})
    zone = looking.zone_of(deps)
    lines: list[Block] = [Line(_headline(by_source), "headline")]
    for name, topics in by_source.items():
        lines += [Line(each) for each in _source(name, topics, notes.get(name), deps.now, zone)]
    credit = list(dict.fromkeys(each.attribution for each in notes.values()))
    if credit:
        lines.append(Line(f"With thanks to: {'; '.join(credit)}.", "caveat"))
    values = {"sources": [_as_data(name, topics, notes.get(name)) for name, topics in by_source.items()]}
    return Reply(tuple(lines), looking.plain(values), stamp=deps.stamp_note)


def _heard_itself(name: str) -> bool:
    """Tell whether a source reports without a note of its own: the streams of a venue do."""
    return " " in name


def _state(topics: Iterable[SourceHealth]) -> str:
    states = {each.state for each in topics}
    return next((state for state in _WORST if state in states), "ok")


def _headline(by_source: dict[str, list[SourceHealth]]) -> str:
    states = [_state(topics) for topics in by_source.values()]
    good = states.count("ok")
    if good == len(states):
        return f"All {good} sources answer." if good > 1 else f"{_title(next(iter(by_source)))} answers."
    parts = [f"{good} of {wording.count(len(states), 'source')} answer"]
    for state, said in (("blocked", "refuse this server"), ("down", "are in trouble")):
        if count := states.count(state):
            parts.append(f"{count} {said if count > 1 else said.replace('refuse', 'refuses').replace('are', 'is')}")
    return f"{', '.join(parts)}."


def _source(name: str, topics: list[SourceHealth], note: Note | None, now: datetime, zone: str) -> list[str]:
    """Say a source in one line, and each of its topics that is in trouble, or had a figure rejected, in one more."""
    newest = max((each.last_good for each in topics if each.last_good), default=None)
    age = "never gave a figure" if newest is None else f"newest figure {wording.ago(now - newest)}"
    bad = [each for each in topics if each.state != "ok"]
    state = _STATES[_state(topics)] if len(bad) in {0, len(topics)} else "answers in part"
    found = [f"{_title(name)}: {state}, {age}"]
    if bad and len(bad) == len(topics) and len({each.error for each in bad}) == 1:
        found.append(f"– {_trouble(bad[0], now, zone, whole=True)}")
    else:
        found += [f"– {_trouble(each, now, zone, whole=False)}" for each in bad]
    found += [f"– {_rejected(each)}" for each in topics if each.quarantined]
    if note:
        found += [f"– {caveat}" for caveat in note.caveats]
    return found


def _trouble(each: SourceHealth, now: datetime, zone: str, *, whole: bool) -> str:
    since = wording.clock(each.since, zone, dated=True)
    what = "" if whole else f"{_topic(each.topic)} "
    verb = "resting" if each.state == "down" and each.next_try else _STATES.get(each.state, each.state)
    until = f", asked again {wording.again(each.next_try, now, zone)}" if each.next_try else ""
    error = f": {each.error}" if each.error else ""
    return f"{what}{verb} since {since}{until}{error}"


def _rejected(each: SourceHealth) -> str:
    why = f" {each.error}" if each.state == "ok" and each.error else ""
    return f"{_topic(each.topic)}: {wording.count(each.quarantined, 'figure')} rejected as impossible.{why}"


def _topic(topic: str) -> str:
    return topic.replace("_", " ")


def _title(name: str) -> str:
    from signals.venues import source_title  # noqa: PLC0415 - brings numpy along

    return source_title(name)


def _as_data(name: str, topics: list[SourceHealth], note: Note | None) -> dict[str, Any]:
    return {
        "source": name,
        "state": _state(topics),
        "last_good": max((each.last_good for each in topics if each.last_good), default=None),
        "next_try": max((each.next_try for each in topics if each.next_try), default=None),
        "quarantined": sum(each.quarantined for each in topics),
        "attribution": note.attribution if note else None,
        "caveats": list(note.caveats) if note else [],
        "topics": [{"topic": each.topic, "state": each.state, "error": each.error} for each in topics],
    }
