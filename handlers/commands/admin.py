"""/status: what is known, how old it is, and which sources answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from handlers.channels.local import local
from handlers.command import Deps, command
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Line, Reply, plain
from handlers.version import VERSION
from handlers.words import delivery, machine, wording
from handlers.words import stored as words
from signals.language.spelling import sentence_case
from signals.venues import source_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.queries.stored import Status
    from storage.sources.source_state import SourceHealth

MOST_NAMED: Final = 3  # sources in the headline; each has a line of its own below
_WRONG: Final = {"down": "does not answer", "blocked": "refuses this server"}


@command(
    subject="admin",
    example="/status",
    words="are you working, are you alive, are you ok, data age, how old, up to date, uptime, working, "
    "what coins, which coins, what assets, which assets",
    harmless=True,
)
async def status(deps: Deps, args: OneAsset) -> Reply:
    """Show what is stored, how old it is, which sources answer.

    For each kind of input: how old its newest value is, since when each exchange's history goes back, how much of the
    usual open interest answers, where the history has gaps, and where the archive of the last 30 days differs by more
    than 0.5 % from what had come live. For each source: whether it answers, since when not, and when it is asked again.
    """
    from storage.queries import stored  # noqa: PLC0415 - brings numpy along

    asset = meant_asset(deps, args.asset, "/status btc")
    found = await asyncio.to_thread(stored.read, deps.store, asset, deps.now)
    lines: list[Block] = [Line(_headline(found), "headline"), Line(f"What is known of {asset}:")]
    lines += _listed(words.input_lines(found, deps.now) or ["nothing is stored yet"])
    if found.gaps:
        lines += [Line("Gaps in its history, which nothing fills:"), *_listed(words.gap_lines(found.gaps))]
    if found.taken:
        lines += [Line("Kept on the word of whoever imported it:"), *_listed(words.taken_lines(found.taken))]
    if found.differing:
        lines.append(Line("Where the archive differs from what came live (its figures are kept):"))
        lines += _listed(words.difference_lines(found.differing))
    lines.append(Line("Sources:"))
    said = [_source(alike, deps.now, deps.zone) for alike in _alike(found.sources, deps.zone)]
    lines += _listed(said or ["no source was asked yet; perpulse run asks them"])
    waiting = wording.count(found.waiting, "message")
    lines.append(Line(f"Outbox: {waiting} waiting. Followed: {', '.join(deps.assets[:12])}."))
    if found.processes and (len(found.processes) > 1 or found.lacking):
        lines.append(Line("Processes that share the work:"))
        lines += _listed([f"{process.number} {machine.does(held)}" for process, held in found.processes])
        lines += _listed([machine.nobody(role) for role in found.lacking])
    for refusal in found.refused:
        lines.append(Line(delivery.token_told(refusal.platform, refusal.since, refusal.reason, deps.zone)))
    lines += [Line(machine.own_goes_on(alarm.name, alarm.since, deps.zone)) for alarm in found.own]
    if found.resting:
        lines.append(Line("Chats that rest:"))
        here, names = (deps.asker.platform, deps.asker.address.chat), deps.asker.platform == local().asker.platform
        lines += _listed(delivery.resting_lines(found.resting, deps.now, deps.zone, names=names, here=here))
    if found.jump:
        lines.append(Line(machine.clock_jump(found.jump, deps.zone)))
    if found.saved:
        lines.append(Line(machine.saved_copies(found.saved)))
    lines.append(Line(f"perpulse {VERSION}"))
    return Reply(tuple(lines), plain(_values(found)), stamp=deps.stamp_note)


def _listed(said: Sequence[str]) -> list[Line]:
    return [Line(f"– {text}") for text in said]


def _headline(found: Status) -> str:
    ill = sorted({(health.source, health.state) for health in found.sources if health.state != "ok"})
    stale, never, count = found.in_state("stale"), found.in_state("never"), len(found.inputs)
    if not found.inputs and not ill:
        return "Nothing is stored yet."
    parts = [f"{source_title(source)} {_WRONG.get(state, 'is in trouble')}" for source, state in ill]
    if len(parts) > MOST_NAMED:
        sources = {health.source for health in found.sources}
        parts = [f"{len({source for source, _ in ill})} of {len(sources)} sources are in trouble"]
    if stale == count > 1:
        parts.append(f"all {stale} inputs are stale")
    elif stale:
        parts.append(f"{stale} of {wording.count(count, 'input')} {'is' if stale == 1 else 'are'} stale")
    if never:
        parts.append(f"{wording.count(never, 'input')} never had a value")
    said = ", ".join(parts) or "All stored inputs are current"
    return f"{sentence_case(said)}."


def _alike(sources: Sequence[SourceHealth], zone: str) -> list[list[SourceHealth]]:
    """Put together what goes well with one source, or went wrong in the same way at the same time."""
    groups: dict[tuple[str | None, ...], list[SourceHealth]] = {}
    for health in sources:
        if health.state == "ok" and not health.quarantined:
            groups.setdefault((health.source,), []).append(health)
            continue
        own = health.topic if health.quarantined else None
        times = (wording.clock(at, zone, dated=True) if at else None for at in (health.since, health.next_try))
        groups.setdefault((health.source, health.state, own, *times, health.error), []).append(health)
    return list(groups.values())


def _source(alike: list[SourceHealth], now: datetime, zone: str) -> str:
    if len(alike) > 1 and alike[0].state == "ok":
        return f"{source_title(alike[0].source)}: ok. {_ages(alike, now)}."
    # the worst speaks for all
    worst = min(alike, key=lambda health: health.last_good or datetime.min.replace(tzinfo=UTC))
    topic = wording.listing([health.topic.replace("_", " ") for health in alike])
    title = source_title(worst.source)
    whose = title if title.endswith(topic) else f"{title}, {topic}"
    good = "never gave a value" if worst.last_good is None else f"last value {wording.ago(now - worst.last_good)}"
    rejected = f", {wording.count(worst.quarantined, 'figure')} rejected as impossible" if worst.quarantined else ""
    if worst.state == "ok":
        return f"{whose}: ok, {good}{rejected}"
    since = wording.clock(worst.since, zone, dated=True)
    again = f", asked again {wording.again(worst.next_try, now, zone)}" if worst.next_try else ""
    error = f". {worst.error}" if worst.error else ""
    return f"{whose}: {worst.state.upper()} since {since}, {good}{again}{rejected}{error}"


def _ages(alike: list[SourceHealth], now: datetime) -> str:
    """Say how old the newest value of each topic is, those of one age together."""
    topics: dict[str, list[str]] = {}
    for health in alike:
        age = "never gave a value" if health.last_good is None else wording.ago(now - health.last_good)
        topics.setdefault(age, []).append(health.topic.replace("_", " "))
    said = "; ".join(f"{wording.listing(names)} {age}" for age, names in topics.items())
    return sentence_case(said)


def _values(found: Status) -> dict[str, Any]:
    jump = found.jump
    names = ("source", "topic", "state", "since", "last_good", "next_try", "error", "quarantined")
    return {
        "asset": found.asset,
        "version": VERSION,
        "waiting": found.waiting,
        "resting": len(found.resting),
        "token_refused": {refusal.platform: refusal.since for refusal in found.refused},
        "processes": {str(process.number): list(held) for process, held in found.processes},
        "own_alarms": {alarm.name: alarm.since for alarm in found.own},
        "clock_jump": jump and {"at": jump.at, "seconds": jump.by.total_seconds(), "followed": jump.followed},
        "saved_copies": [copy.name for copy in found.saved],
        "inputs": {
            stored.name: {
                "state": stored.state,
                "since": min((at for _, at in stored.since), default=None),
                "newest": stored.newest.at if stored.newest else None,
                "venue": stored.newest.venue if stored.newest else None,
                "venues": dict(stored.since),
            }
            for stored in found.inputs
        },
        "gaps": [
            {"venue": gap.venue, "input": gap.group, "from": gap.start, "to": gap.end, "reason": gap.reason}
            for gap in found.gaps
        ],
        "sources": [{name: getattr(health, name) for name in names} for health in found.sources],
    }
