"""The engine over stored history: what perpulse would have said, and the demo that says it."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from bot.engine.evaluate import EVER, announce, history, with_story
from signals.alerts.rule import rules
from signals.inputs import INPUTS
from signals.units import DAY, SECOND
from storage.alerts import episodes
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from bot.clock import ReplayClock
    from bot.delivery.dispatcher import Dispatcher
    from bot.engine.evaluate import Evaluation
    from signals.alerts.event import Event
    from storage.alerts.episodes import Key
    from storage.engine.database import Store


def bounds(store: Store, assets: Sequence[str]) -> tuple[datetime, datetime] | None:
    """Return the span of everything stored for these assets: the first open and the last close."""
    spans = [span for asset in assets for name in INPUTS if (span := points.span(store, asset, name))]
    if not spans:
        return None
    return min(span[0] for span in spans), max(span[1] for span in spans) + DAY


def evaluations(
    store: Store, assets: Sequence[str], start: datetime, end: datetime, *, note: str | None = None
) -> list[Evaluation]:
    """Judge history as who subscribed to everything would be told it; what began before `start` is not told again."""
    every = history(store, assets, start, end, note=note)
    return [evaluation for evaluation in every if not rules()[evaluation.key[0]].only_asked]


def events(told: Iterable[Evaluation]) -> list[Event]:
    """Return what happened."""
    return [evaluation.event for evaluation in told if evaluation.event]


async def play(store: Store, told: Iterable[Evaluation], dispatcher: Dispatcher, clock: ReplayClock) -> None:
    """Send the events of each close at its own time through episodes, outbox and channel, as a running bot does."""
    last: dict[Key, int] = {}
    for at, of_close in groupby((one for one in told if one.event), key=_when):
        clock.move(max(at, clock.now()))
        with store.write() as work:
            for key, state, found in ((one.key, one.state, one.event) for one in of_close if one.event):
                event = with_story(work, found, last.get(key))
                episode = last[key] = episodes.record(work, key, event, last.get(key))
                episodes.save(work, key, state, episode)
                announce(work, event, episode, clock.now())
        await _sent(dispatcher, clock)


def _when(evaluation: Evaluation) -> datetime:
    return evaluation.event.at if evaluation.event else evaluation.state.at or EVER


async def _sent(dispatcher: Dispatcher, clock: ReplayClock) -> None:
    """Send what waits. The clock goes on meanwhile: while it stands, no chat has ever rested since its last message."""
    clock.move(clock.now() + SECOND)
    while await dispatcher.turn():
        clock.move(clock.now() + SECOND)
