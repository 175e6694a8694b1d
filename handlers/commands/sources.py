"""/sources: who answers, who does not and why, and what must be said with each one's figures."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, Nothing, command
from handlers.reply import Block, Line, Reply, plain
from handlers.words import wording
from signals.venues import source_title

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.queries.sources import SourceStatus
    from storage.sources.source_state import SourceHealth

_NAMED: Final = 8  # contracts that are named one by one
_STATES: Final = {"ok": "answers", "down": "does not answer", "blocked": "refuses this server"}


@command(
    subject="admin",
    example="/sources",
    words="which exchanges, exchanges, who answers, data sources, source, is down",
    harmless=True,
)
async def sources(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - a command's signature
    """Show who answers, who does not and why.

    For each source: how old its figures are, until when it rests or is refused, how many were rejected, and what
    must be said with them.

    One source in trouble harms no other. A refused country is asked again once an hour, a ban is kept to its second.
    Figures that cannot be true, or that contradict the other venues, are left out and counted here.
    """
    from storage.queries import sources as query  # noqa: PLC0415 - opens the database

    every = await asyncio.to_thread(query.read, deps.store)
    if not every:
        return Reply((Line("No source was asked yet; `perpulse run` asks them.", "headline"),), {"sources": []})
    lines: list[Block] = [Line(_headline(every), "headline")]
    for source in every:
        lines += [Line(said) for said in _source(source, deps.now, deps.zone)]
    if credit := query.credits_of(deps.store):
        lines.append(Line(f"With thanks to: {'; '.join(credit)}.", "caveat"))
    values = plain({"sources": [_as_data(source) for source in every]})
    return Reply(tuple(lines), values, stamp=deps.stamp_note)


def _headline(every: Sequence[SourceStatus]) -> str:
    states = [source.state for source in every]
    good = states.count("ok")
    if good == len(states):
        return f"All {good} sources answer." if good > 1 else f"{source_title(every[0].name)} answers."
    parts = [f"{good} of {wording.count(len(states), 'source')} answer"]
    for state, said in (("blocked", "refuse this server"), ("down", "are in trouble")):
        if count := states.count(state):
            parts.append(f"{count} {said if count > 1 else said.replace('refuse', 'refuses').replace('are', 'is')}")
    return f"{', '.join(parts)}."


def _source(source: SourceStatus, now: datetime, zone: str) -> list[str]:
    """Say a source in one line, and each of its topics that is in trouble, or had a figure rejected, in one more."""
    age = "never gave a figure" if source.newest is None else f"newest figure {wording.ago(now - source.newest)}"
    bad = [topic for topic in source.topics if topic.state != "ok"]
    state = _STATES[source.state] if len(bad) in {0, len(source.topics)} else "answers in part"
    lines = [f"{source_title(source.name)}: {state}, {age}"]
    if bad and len(bad) == len(source.topics) and len({topic.error for topic in bad}) == 1:
        lines.append(f"– {_trouble(bad[0], now, zone, whole=True)}")
    else:
        lines += [f"– {_trouble(topic, now, zone, whole=False)}" for topic in bad]
    lines += [f"– {_rejected(topic)}" for topic in source.topics if topic.quarantined]
    for topic_, reach in source.reaches.items():
        span, when = wording.duration(reach.span), wording.day(reach.at)
        lines.append(f"– {_topic(topic_)}: it gives back {span}, and refused more on {when}")
    if source.note and source.note.left_out:
        lines.append(f"– {_left_out(source.note.left_out)}")
    return lines + [f"– {caveat}" for caveat in (source.note.caveats if source.note else ())]


def _trouble(health: SourceHealth, now: datetime, zone: str, *, whole: bool) -> str:
    since = wording.clock(health.since, zone, dated=True)
    what = "" if whole else f"{_topic(health.topic)} "
    verb = "resting" if health.state == "down" and health.next_try else _STATES.get(health.state, health.state)
    until = f", asked again {wording.again(health.next_try, now, zone)}" if health.next_try else ""
    error = f": {health.error}" if health.error else ""
    return f"{what}{verb} since {since}{until}{error}"


def _rejected(health: SourceHealth) -> str:
    why = f" {health.error}" if health.state == "ok" and health.error else ""
    return f"{_topic(health.topic)}: {wording.count(health.quarantined, 'figure')} rejected as impossible.{why}"


def _left_out(every: Sequence[tuple[str, str]]) -> str:
    """Name what is no coin before what is dated: a share may be looked for by the name of a coin."""
    ranked = sorted(every, key=lambda one: one[1] == "dated")
    named = [f"{name} ({kind})" for name, kind in ranked[:_NAMED]]
    more = [f"{len(every) - _NAMED} more"] if len(every) > _NAMED else []
    return f"not taken for coins: {wording.listing([*named, *more])}"


def _topic(topic: str) -> str:
    return topic.replace("_", " ")


def _as_data(source: SourceStatus) -> dict[str, Any]:
    return {
        "source": source.name,
        "state": source.state,
        "last_good": source.newest,
        "next_try": source.next_try,
        "quarantined": source.quarantined,
        "attribution": source.note.attribution if source.note else None,
        "caveats": list(source.note.caveats) if source.note else [],
        "left_out": dict(source.note.left_out) if source.note else {},
        "gives_back_days": {topic: reach.span.days for topic, reach in source.reaches.items()},
        "topics": [{"topic": topic.topic, "state": topic.state, "error": topic.error} for topic in source.topics],
    }
