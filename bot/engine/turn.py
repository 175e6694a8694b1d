"""One turn: judge the closes that what is stored completes, and put what follows into the outbox; wait for nobody."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog

from bot.engine.evaluate import judge
from handlers.reply import Line
from handlers.words import sources
from handlers.words.alerts import Told
from signals.inputs import MARKET
from storage.alerts import outbox
from storage.market.source_events import SourceEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from handlers.words.alerts import Happening
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.market.source_events import AssetEvent

log = structlog.get_logger(__name__)

TOLD_WITHIN = timedelta(hours=6)  # later than this, news of a source are none


class TurnTaker:
    """Takes turns, one at a time; whoever has something new may ask for one at any moment.

    told: called when something was put into the outbox. noted: called with the time of each turn, so that it can be
    done again.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        assets: Sequence[str],
        *,
        told: Callable[[], None],
        noted: Callable[[datetime], None] | None = None,
    ) -> None:
        self._store, self._clock, self._assets = store, clock, tuple(assets)
        self._told, self._noted = told, noted
        self._started = clock.now()
        self._one = asyncio.Lock()

    async def turn(self) -> list[Happening]:
        """Take one turn and return what is told because of it."""
        async with self._one:
            now = self._clock.now()
            if self._noted:
                self._noted(now)
            happenings = await asyncio.to_thread(judge, self._store, self._assets, now, started=self._started)
        if happenings:
            self._told()
        return happenings


def announce(work: Work, event: SourceEvent | AssetEvent, now: datetime) -> None:
    """Say once that a source or a contract went or changed, and once that it is back (/sub sources)."""
    whole = isinstance(event, SourceEvent)
    text = sources.source_sentence(event) if isinstance(event, SourceEvent) else sources.asset_sentence(event)
    good = event.state == "ok" if isinstance(event, SourceEvent) else event.kind in {"agrees", "listed"}
    log.info(text) if good else log.warning(text)
    asset = MARKET if whole else event.asset  # type: ignore[union-attr] # one of the two it is
    notice = outbox.Notice("source", "notice", now, Told((Line(text),)).to_json(), None, "sources", asset)
    outbox.announce(work, notice, now=now, expires=now + TOLD_WITHIN, only_asked=True)
