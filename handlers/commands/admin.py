"""/status: what is known, how old it is, and which sources answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, command
from handlers.language.grammar import ASSET, argument
from handlers.reply import Block, Line, Reply
from handlers.version import VERSION
from handlers.words import wording

if TYPE_CHECKING:
    from handlers.known import Known
    from storage.market.source_state import SourceHealth

MOST_NAMED: Final = 3  # sources in the headline; each has a line of its own below
_WRONG: Final = {"down": "does not answer", "blocked": "refuses this server"}


@dataclass(frozen=True, slots=True)
class OneAsset:
    """Whose inputs; the first followed asset where none is named."""

    asset: str | None = argument(ASSET, default=None)


@command(subject="admin", example="/status")
async def status(deps: Deps, args: OneAsset) -> Reply:
    """Show what is stored, how old it is, which sources answer.

    For each kind of input: how old its newest value is, since when each exchange's history goes back, how much of the
    usual open interest answers, where the history has gaps, and where the archive of the last 30 days differs by more
    than 0.5 % from what had come live. For each source: whether it answers, since when not, and when it is asked again.
    """
    return await asyncio.to_thread(_status, deps, args.asset)


def _status(deps: Deps, asset: str | None) -> Reply:
    from handlers import known, looking  # noqa: PLC0415 - bring numpy along
    from storage.alerts import outbox  # noqa: PLC0415 - open the database
    from storage.market import coverage, source_state  # noqa: PLC0415 - open the database

    asset = looking.known_asset(deps, asset, "/status btc")
    zone = looking.zone_of(deps)
    stored = deps.store.exists
    inputs = known.inputs_of(deps, asset) if stored else []
    gaps = coverage.gaps(deps.store, asset) if stored else []
    sources = source_state.load(deps.store) if stored else []
    waiting = outbox.waiting(deps.store) if stored else 0
    lines: list[Block] = [Line(_headline(inputs, sources), "headline"), Line(f"What is known of {asset}:")]
    said = known.lines_of(deps, asset, inputs, gaps) if inputs else ["nothing is stored yet"]
    lines += [Line(f"– {each}") for each in said]
    if gaps:
        lines.append(Line("Gaps in its history, which nothing fills:"))
        lines += [Line(f"– {each}") for each in known.gap_lines(gaps)]
    if stored and (differing := known.difference_lines(deps, asset)):
        lines += [Line("Where the archive differs from what came live (its figures are kept):")]
        lines += [Line(f"– {each}") for each in differing]
    lines.append(Line("Sources:"))
    lines += [Line(f"– {_source(each, deps.now, zone)}") for each in _alike(sources, zone)] or [
        Line("– no source was asked yet; perpulse run asks them")
    ]
    lines.append(Line(f"Outbox: {wording.count(waiting, 'message')} waiting. Followed: {', '.join(deps.assets[:12])}."))
    lines.append(Line(f"perpulse {VERSION}"))
    values = {
        "asset": asset,
        "version": VERSION,
        "waiting": waiting,
        "inputs": {each.name: known.as_data(each) for each in inputs},
        "gaps": known.gaps_as_data(gaps),
        "sources": [_as_data(each) for each in sources],
    }
    return Reply(tuple(lines), looking.plain(values), stamp=deps.stamp_note)


def _headline(inputs: list[Known], sources: list[SourceHealth]) -> str:
    ill = sorted({(each.source, each.state) for each in sources if each.state != "ok"})
    stale, never = (sum(each.state == state for each in inputs) for state in ("stale", "never"))
    if not inputs and not ill:
        return "Nothing is stored yet."
    parts = [f"{_title(source)} {_WRONG.get(state, 'is in trouble')}" for source, state in ill]
    if len(parts) > MOST_NAMED:
        parts = [
            f"{len({source for source, _ in ill})} of {len({each.source for each in sources})} sources are in trouble"
        ]
    if stale == len(inputs) > 1:
        parts.append(f"all {stale} inputs are stale")
    elif stale:
        parts.append(f"{stale} of {wording.count(len(inputs), 'input')} {'is' if stale == 1 else 'are'} stale")
    if never:
        parts.append(f"{wording.count(never, 'input')} never had a value")
    said = ", ".join(parts) or "All stored inputs are current"
    return f"{said[:1].upper()}{said[1:]}."


def _alike(sources: list[SourceHealth], zone: str) -> list[list[SourceHealth]]:
    """Put together what goes well with one source, or went wrong in the same way at the same time."""
    groups: dict[Any, list[SourceHealth]] = {}
    for each in sources:
        if each.state == "ok" and not each.quarantined:
            groups.setdefault((each.source,), []).append(each)
            continue
        own = each.topic if each.quarantined else None
        since, again = (wording.clock(when, zone, dated=True) if when else None for when in (each.since, each.next_try))
        groups.setdefault((each.source, each.state, own, since, again, each.error), []).append(each)
    return list(groups.values())


def _source(alike: list[SourceHealth], now: datetime, zone: str) -> str:
    if len(alike) > 1 and alike[0].state == "ok":
        return f"{_title(alike[0].source)}: ok. {_ages(alike, now)}."
    each = min(alike, key=lambda one: one.last_good or datetime.min.replace(tzinfo=UTC))  # the worst speaks for all
    topic = wording.listing([one.topic.replace("_", " ") for one in alike])
    whose = _title(each.source) if _title(each.source).endswith(topic) else f"{_title(each.source)}, {topic}"
    good = "never gave a value" if each.last_good is None else f"last value {wording.ago(now - each.last_good)}"
    rejected = f", {wording.count(each.quarantined, 'figure')} rejected as impossible" if each.quarantined else ""
    if each.state == "ok":
        return f"{whose}: ok, {good}{rejected}"
    since = wording.clock(each.since, zone, dated=True)
    again = f", asked again {wording.again(each.next_try, now, zone)}" if each.next_try else ""
    error = f". {each.error}" if each.error else ""
    return f"{whose}: {each.state.upper()} since {since}, {good}{again}{rejected}{error}"


def _ages(alike: list[SourceHealth], now: datetime) -> str:
    """Say how old the newest value of each topic is, those of one age together."""
    topics: dict[str, list[str]] = {}
    for each in alike:
        age = "never gave a value" if each.last_good is None else wording.ago(now - each.last_good)
        topics.setdefault(age, []).append(each.topic.replace("_", " "))
    said = "; ".join(f"{wording.listing(names)} {age}" for age, names in topics.items())
    return f"{said[:1].upper()}{said[1:]}"


def _title(venue: str) -> str:
    from signals.venues import source_title  # noqa: PLC0415 - brings numpy along

    return source_title(venue)


def _as_data(each: SourceHealth) -> dict[str, Any]:
    from handlers.looking import plain  # noqa: PLC0415 - brings numpy along

    names = ("source", "topic", "state", "since", "last_good", "next_try", "error", "quarantined")
    return plain({name: getattr(each, name) for name in names})
