"""One turn: collect what is due, store it, judge the closes it completes, put what follows into the outbox."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from bot.engine.evaluate import judge
from handlers.words import wording
from signals.alerts.event import SOURCE, news_for
from signals.inputs import MARKET
from signals.venues import source_title
from storage.alerts import outbox
from storage.market import coverage, options, points, source_state

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from bot.market.collector import Market
    from bot.market.source_state import Collected, SourceEvent, SourceHealth
    from bot.market.streams.liquidations import LiquidationStreams
    from signals.alerts.event import Event
    from storage.engine.database import Store

log = structlog.get_logger(__name__)


class Ticker:
    """Takes turns, one at a time.

    told: called when something was put into the outbox. asks: called before anything is asked, with the time and the
    assets (none: all of them), so that it can be done again.
    """

    def __init__(
        self,
        store: Store,
        market: Market,
        clock: Clock,
        assets: Sequence[str],
        *,
        told: Callable[[], None],
        streams: LiquidationStreams | None = None,
        asks: Callable[[datetime, Sequence[str]], None] | None = None,
    ) -> None:
        self._store, self._market, self._clock, self._assets = store, market, clock, tuple(assets)
        self._told, self._streams, self._asks = told, streams, asks or _unasked
        self._started = clock.now()
        self._noted = False  # what providers ask us to say is written once a run
        self._one = asyncio.Lock()

    async def turn(self) -> list[Event]:
        """Take one turn and return what is told because of it."""
        async with self._one:
            now = self._clock.now()
            self._asks(now, ())
            collected = await self._market.collect(self._assets, now)
            if self._streams:
                heard, changes = await self._streams.collect(now), self._streams.events()
                collected = replace(collected, points=[*collected.points, *heard], events=[*collected.events, *changes])
            events = await asyncio.to_thread(self._keep, collected)
            if events or collected.events or collected.assets:
                self._told()
            return events

    async def refresh(self, asset: str) -> None:
        """Bring one asset up to date for somebody who asks; what is not due or rests is left alone."""
        async with self._one:
            now = self._clock.now()
            self._asks(now, [asset])
            collected = await self._market.collect([asset], now)
            await asyncio.to_thread(self._store_points, collected, [])

    def _keep(self, found: Collected) -> list[Event]:
        self._store_points(found, self._streams.health() if self._streams else [])
        return judge(self._store, self._assets, self._clock.now(), started=self._started)

    def _store_points(self, found: Collected, heard: Sequence[SourceHealth]) -> None:
        keep(self._store, found)
        if found.chains:
            options.write(self._store, found.chains)
        if not self._noted:
            source_state.save_notes(
                self._store, [source_state.Note(name, *each) for name, each in self._market.notes().items()]
            )
            self._noted = True
        now = self._clock.now()
        source_state.save(
            self._store,
            [
                source_state.SourceHealth(
                    each.source,
                    each.topic,
                    each.state,
                    each.since or now,
                    each.last_good,
                    each.next_try,
                    each.error or (f"Last rejected: {each.last_rejected}." if each.last_rejected else None),
                    each.quarantined,
                )
                for each in [*self._market.health(), *heard]
            ],
        )
        for event in found.events:
            with self._store.write():  # both or neither: what a kill in between leaves out would never be told
                source_state.remember_told(self._store, event.source, event.state)
                self._tell(sentence(event), MARKET, now, good=event.state == "ok")
        for change in found.assets:
            with self._store.write():
                if change.kind != "interval":  # an interval is stored with its rate
                    source_state.remember_told(self._store, f"{change.source} {change.asset}", change.kind)
                self._tell(change.text, change.asset, now, good=change.kind in {"agrees", "listed"})

    def _tell(self, text: str, asset: str, now: datetime, *, good: bool) -> None:
        """Say once that a source or a contract went or changed, and once that it is back (/sub sources)."""
        log.info(text) if good else log.warning(text)
        notice = outbox.Notice("source", "notice", now, {"event": SOURCE, "text": text}, None, "sources", asset)
        with self._store.write() as work:
            outbox.announce(work, notice, now=now, expires=now + news_for("notice", "source"), only_asked=True)


def keep(store: Store, found: Collected) -> None:
    """Write what a round brought and what is owed after it, both or neither; a gap that was answered is one no more."""
    with store.write():
        points.write(store, found.points)
        coverage.note_owed(store, found.owed)
        for venue, asset in {(venue, asset) for (venue, _, asset), since in found.owed.items() if since is None}:
            coverage.heal(store, asset, venue)


def _unasked(_now: datetime, _assets: Sequence[str]) -> None:
    """Note nothing."""


def sentence(event: SourceEvent) -> str:
    """Say in one sentence what became of a source."""
    name = source_title(event.source)
    topics = wording.listing([topic.replace("_", " ") for topic in event.topics])
    which = f" ({topics})"
    if name.endswith(topics):  # "Bybit liquidations" is one stream, and its one topic
        name, which = f"The stream of {name}", ""
    since = wording.clock(event.since, dated=True)
    match event.state:
        case "ok":
            return f"{name} answers again{which}."
        case "blocked":
            return f"{name} refuses this server{which} since {since}: {event.reason}"
        case _:
            return f"{name} does not answer{which} since {since}: {event.reason}"
