"""The engine over stored history: what perpulse would have said, and the demo that says it."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from bot.engine.evaluate import Verdict, history, write_notice
from handlers.reply import Line, plain_text
from handlers.words import alerts
from storage.alerts import episodes
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bot.clock import ReplayClock
    from bot.delivery.dispatcher import Sender
    from storage.alerts.episodes import Key
    from storage.engine.database import Store


def bounds(store: Store, assets: Sequence[str]) -> tuple[datetime, datetime] | None:
    """Return the span of everything stored for these assets: the first open and the last close."""
    from signals.inputs import INPUTS  # noqa: PLC0415 - only here

    spans = [span for asset in assets for name in INPUTS if (span := points.span(store, asset, name))]
    if not spans:
        return None
    return min(span[0] for span in spans), max(span[1] for span in spans) + timedelta(days=1)


def verdicts(
    store: Store, assets: Sequence[str], start: datetime, end: datetime, *, note: str | None = None
) -> list[Verdict]:
    """Judge history as who subscribed to everything would be told it; what began before `start` is not told again."""
    every = history(store, assets, start, end, note=note)
    return [each for each in every if each.happening and not each.happening.watch.only_asked]


async def play(store: Store, told: Iterable[Verdict], sender: Sender, clock: ReplayClock) -> None:
    """Send each verdict at its own time through episodes, outbox and channel, exactly as a running bot does."""
    open_now: dict[Key, int] = {}
    for verdict in told:
        happening = verdict.happening
        if happening is None:
            continue
        clock.move(max(happening.transition.at, clock.now()))
        with store.write() as work:
            episode = episodes.record(work, verdict.key, happening.transition, open_now.get(verdict.key))
            open_now[verdict.key] = episode
            ended = happening.transition.kind == "resolved"
            episodes.save(work, verdict.key, verdict.state, None if ended else episode)
            write_notice(store, happening, episode, clock.now())
        if ended:
            del open_now[verdict.key]
        await _sent(sender, clock)


async def _sent(sender: Sender, clock: ReplayClock) -> None:
    """Send what waits. The clock goes on meanwhile: while it stands, no chat has ever rested since its last message."""
    clock.move(clock.now() + timedelta(seconds=1))
    while await sender.turn():
        clock.move(clock.now() + timedelta(seconds=1))


def as_json(verdict: Verdict) -> dict[str, Any]:
    """Return a notice as the outside interface has it."""
    happening = verdict.happening
    if happening is None:
        raise ValueError("a verdict that tells nothing has no JSON")
    transition = happening.transition
    value = transition.values.get("value", math.nan)
    return {
        "at": alerts.at_of(transition.at),
        "kind": transition.kind,
        "id": happening.watch.id,
        "asset": happening.asset,
        "level": transition.rank,
        "value": None if math.isnan(value) else value,
        "text": text_of(verdict),
    }


def as_text(verdict: Verdict) -> str:
    """Return a notice as a person reads it in a list of many."""
    happening = verdict.happening
    if happening is None:
        return ""
    transition = happening.transition
    head = f"{transition.at:%Y-%m-%d %H:%M} UTC · {transition.kind} · {transition.rank}"
    return f"\n── {head} " + "─" * max(0, 60 - len(head)) + f"\n{text_of(verdict)}"


def text_of(verdict: Verdict) -> str:
    """Return the message in plain text."""
    if verdict.happening is None:
        return ""
    blocks = alerts.tell(verdict.happening).blocks
    return plain_text(tuple(block for block in blocks if isinstance(block, Line)))
