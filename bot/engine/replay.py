"""The engine over stored history: what perpulse would have said, and the demo that says it."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from bot.engine.around import OpenSetups
from bot.engine.burst import Bursts
from bot.engine.closes import EVER
from bot.engine.evaluate import announce, history, with_story
from bot.engine.evidence.proof import freeze, price_of, replayed
from signals.alerts import burst
from signals.alerts.rule import rules
from signals.inputs import INPUTS
from signals.units import DAY, HOUR, HOUR_MS, SECOND, from_ms, to_ms
from storage.alerts import episodes
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from bot.clock import ReplayClock
    from bot.delivery.dispatcher import Dispatcher
    from bot.engine.evaluate import Evaluation
    from signals.alerts.burst import Burst, Running
    from signals.alerts.condition import Rank
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
    store: Store,
    assets: Sequence[str],
    start: datetime,
    end: datetime,
    *,
    note: str | None = None,
    running_since: datetime = EVER,
) -> list[Evaluation]:
    """Judge history as who subscribed to everything would be told it; what began before `start` is not told again.

    running_since: what is told after that is the record, as far as it lies before `start` too.
    """
    every = history(store, assets, running_since, end, note=note)
    known = [evaluation for evaluation in every if not rules()[evaluation.key[0]].only_asked]
    told = [evaluation for evaluation in known if evaluation.event and evaluation.event.at > start]
    proved = replayed(store, [evaluation.event for evaluation in known if evaluation.event], end, start=start)
    return [replace(evaluation, event=event) for evaluation, event in zip(told, proved, strict=True)]


def notices(told: Iterable[Evaluation]) -> list[Event]:
    """Return what has a message of its own: neither a leg of a setup, nor that one of its legs joined or left."""
    events = (one.event for one in told if one.event)
    return [event for event in events if not event.within and event.kind != "changed"]


def fast_moves(store: Store, assets: Iterable[str], start: datetime, end: datetime) -> list[Burst]:
    """Judge stored prices as a running bot does each minute, where they are dense enough; hours say nothing of it.

    What was heard liquidated within a move is not stored, and not told.
    """
    return sorted(
        (told for asset in assets for told in _fast_moves_of(store, asset, start, end)), key=lambda told: told.at
    )


def _fast_moves_of(store: Store, asset: str, start: datetime, end: datetime) -> Iterator[Burst]:
    bursts = Bursts(store)
    venues = sorted({series.venue for series in points.directory(store, asset).get((asset, "mark_price"), [])})
    running: Running | None = None
    rank: Rank | None = None
    over = 0
    for at, restless in _prices_told(store, asset, venues, start, end):
        if running is None and not restless:
            continue
        now = from_ms(at)
        found = bursts.step(asset, bursts.stored_prices(asset, venues, now, over), running, rank, now)
        if found is None:
            continue
        running, rank = found.running, found.rank
        if found.said:
            yield found.said
            if found.said.kind == "resolved":
                running, rank, over = None, None, found.newest[0]


def _prices_told(
    store: Store, asset: str, venues: Iterable[str], start: datetime, end: datetime
) -> list[tuple[int, bool]]:
    """Return when a price was told, in ms, and whether one moved enough within the hour before to be looked at."""
    least = 1 + min(burst.FLOORS.values()) / burst.FORCED
    told: dict[int, bool] = {}
    for venue in venues:
        times, _, values = points.columns(store, asset, venue, ["mark_price"], start=start - HOUR, end=end)
        within: deque[tuple[int, float]] = deque()
        for at, price in zip(times, values["mark_price"], strict=True):
            if price is None or price <= 0:
                continue
            within.append((at, price))
            while within[0][0] < at - HOUR_MS:
                within.popleft()
            if at >= to_ms(start):
                prices = [known for _, known in within]
                told[at] = told.get(at, False) or max(prices) / min(prices) >= least
    return sorted(told.items())


async def play(store: Store, told: Iterable[Evaluation], dispatcher: Dispatcher, clock: ReplayClock) -> None:
    """Send the events of each close at its own time through episodes, outbox and channel, as a running bot does."""
    last: dict[Key, int] = {}
    around = OpenSetups()
    for at, of_close in groupby((one for one in told if one.event), key=_when):
        clock.move(max(at, clock.now()))
        every = [(one.key, one.state, one.event) for one in of_close if one.event]
        prices = [price_of(store, event) for _, _, event in every]
        with store.write() as work:
            for (key, state, found), price in zip(every, prices, strict=True):
                event = with_story(work, replace(found, takes_in=around.inside(found)), last.get(key))
                episode = last[key] = episodes.record(work, key, event, last.get(key))
                episodes.save(work, key, state, episode)
                around.stands(key, state, episode)
                if event.kind == "fired":
                    freeze(work, event, episode, price, clock.now())
                if not event.within:
                    announce(work, event, episode, clock.now())
        await _sent(dispatcher, clock)


def _when(evaluation: Evaluation) -> datetime:
    return evaluation.event.at if evaluation.event else evaluation.state.at or EVER


async def _sent(dispatcher: Dispatcher, clock: ReplayClock) -> None:
    """Send what waits. The clock goes on meanwhile: while it stands, no chat has ever rested since its last message."""
    clock.move(clock.now() + SECOND)
    while await dispatcher.turn():
        clock.move(clock.now() + SECOND)
