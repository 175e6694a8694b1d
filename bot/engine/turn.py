"""One turn: judge the closes that what is stored completes, and put what follows into the outbox; wait for nobody."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

import structlog

from bot.engine.burst import Bursts
from bot.engine.evaluate import judge
from bot.engine.own.judging import OwnJudge
from signals.alerts.event import SOURCE, news_for
from signals.inputs import MARKET
from signals.units import MINUTE
from storage.alerts import outbox
from storage.sources.source_events import AssetEvent, SourceEvent, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from signals.alerts.event import Event
    from storage.engine.database import Store
    from storage.engine.work import Work

log = structlog.get_logger(__name__)
TOGETHER: Final = MINUTE  # news of a source waits so long for others with the same cause: no network is one message


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
        self._bursts = Bursts(store, assets)
        self._own = OwnJudge(store, assets)
        self._one = asyncio.Lock()

    async def turn(self) -> list[Event]:
        """Take one turn and return what is told because of it."""
        async with self._one:
            now = self._clock.now()
            if self._noted:
                self._noted(now)
            if await asyncio.to_thread(self._bursts.judge, now):  # first: what is fast waits for no other judgement
                self._told()
            at_once = await asyncio.to_thread(self._own.judge_live, now, started=self._started)
            if at_once:
                self._told()
            events = at_once + await asyncio.to_thread(judge, self._store, self._assets, now, started=self._started)
            events += await asyncio.to_thread(self._own.judge, now, started=self._started)
        if events:
            self._told()
        return events


def announce(work: Work, event: SourceEvent | AssetEvent, now: datetime, *, also: Collection[int] = ()) -> None:
    """Put into the outbox once that a source or a contract went or changed, and once that it is back (/sub sources).

    also: destinations that are told though they did not ask.
    """
    due = now
    match event:
        case SourceEvent(source=source, state=state, topics=topics, reason=reason):
            asset, good, due = MARKET, state in {"ok", "accepted"}, now + TOGETHER
            facts = {"source": source, "state": state, "topics": ", ".join(topics), "reason": reason}
        case AssetEvent(source=source, asset=asset, kind=kind, reason=reason):
            good = kind in {"agrees", "listed", "joined"}
            facts = {"source": source, "asset": asset, "change": kind, "reason": reason}
    said = {name: fact for name, fact in facts.items() if fact}
    log.info("a source is well again", **said) if good else log.warning("a source changed", **said)
    payload = {"event": SOURCE, "source": to_json(event)}
    notice = outbox.Notice("source", "notice", now, payload, None, "sources", asset)
    outbox.announce(
        work, notice, now=now, expires=now + news_for("notice", "source"), only_asked=True, due=due, also=also
    )
