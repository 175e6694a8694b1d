"""One turn: collect what is due, store it, judge the closes it completes, put what follows into the outbox."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from bot.judge import judge
from handlers import wording
from handlers.notices import Told
from handlers.reply import Line
from storage import health, outbox, points

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from bot.market import Market, SourceEvent
    from handlers.notices import Happening
    from storage.db import Store
    from storage.points import Points

log = structlog.get_logger(__name__)


class Ticker:
    """Takes turns, one at a time. told: called when something was put into the outbox."""

    def __init__(
        self, store: Store, market: Market, clock: Clock, assets: Sequence[str], *, told: Callable[[], None]
    ) -> None:
        self._store, self._market, self._clock, self._assets = store, market, clock, tuple(assets)
        self._told = told
        self._started = clock.now()
        self._one = asyncio.Lock()

    async def turn(self) -> list[Happening]:
        """Take one turn and return what is told because of it."""
        async with self._one:
            now = self._clock.now()
            collected = await self._market.collect(self._assets, now)
            happenings = await asyncio.to_thread(self._keep, collected.points, collected.events)
            if happenings or collected.events:
                self._told()
            return happenings

    async def refresh(self, asset: str) -> None:
        """Bring one asset up to date for somebody who asks; what is not due or rests is left alone."""
        async with self._one:
            collected = await self._market.collect([asset], self._clock.now())
            await asyncio.to_thread(self._store_points, collected.points, collected.events)

    def _keep(self, found: Sequence[Points], events: Sequence[SourceEvent]) -> list[Happening]:
        self._store_points(found, events)
        return judge(self._store, self._assets, self._clock.now(), started=self._started)

    def _store_points(self, found: Sequence[Points], events: Sequence[SourceEvent]) -> None:
        points.write(self._store, found)
        now = self._clock.now()
        health.save(
            self._store,
            [
                health.SourceHealth(
                    each.source,
                    each.topic,
                    each.state,
                    each.since or now,
                    each.last_good,
                    each.next_try,
                    each.error or None,
                    each.quarantined,
                )
                for each in self._market.health()
            ],
        )
        for event in events:
            self._tell(event, now)

    def _tell(self, event: SourceEvent, now: datetime) -> None:
        """Say once that a source went, and once that it is back, to those who asked to know (/sub sources)."""
        text = sentence(event)
        log.warning(text) if event.state != "ok" else log.info(text)
        notice = outbox.Notice("source", "notice", now, Told((Line(text),)).to_json(), None, "sources", "MARKET")
        with self._store.write() as connection:
            outbox.announce(connection, notice, now=now, expires=now + timedelta(hours=6))


def sentence(event: SourceEvent) -> str:
    """Say in one sentence what became of a source."""
    topics = wording.listing([topic.replace("_", " ") for topic in event.topics])
    since = wording.clock(event.since, dated=True)
    match event.state:
        case "ok":
            return f"{event.source} answers again ({topics})."
        case "blocked":
            return f"{event.source} refuses this server ({topics}) since {since}: {event.reason}"
        case _:
            return f"{event.source} does not answer ({topics}) since {since}: {event.reason}"
