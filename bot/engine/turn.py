"""One turn: judge the closes that what is stored completes, and put what follows into the outbox; wait for nobody."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import structlog

from bot.engine.burst import Bursts
from bot.engine.evaluate import judge
from bot.engine.own.judging import OwnJudge
from bot.processes.roles import assets_in, lease_of
from signals.alerts.event import SOURCE, news_for
from signals.inputs import MARKET
from signals.units import MINUTE
from storage.alerts import outbox
from storage.sources.source_events import AssetEvent, SourceEvent, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from bot.clock import Clock
    from bot.processes.holdings import Holdings
    from signals.alerts.event import Event
    from storage.engine.database import Store
    from storage.engine.work import Work

log = structlog.get_logger(__name__)
Ways = ParamSpec("Ways")
Made = TypeVar("Made")
OWN_RULES: Final = "own rules"  # all of them are judged by one process: chats share what is judged
TOGETHER: Final = MINUTE  # news of a source waits so long for others with the same cause: no network is one message


class TurnTaker:
    """Takes turns, one at a time; whoever has something new may ask for one at any moment.

    holdings: what of the assets this process judges now; without, all of them. told: called when something was put into
    the outbox. noted: called with the time of each turn, so that it can be done again.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        assets: Sequence[str],
        *,
        told: Callable[[], None],
        noted: Callable[[datetime], None] | None = None,
        holdings: Holdings | None = None,
    ) -> None:
        self._store, self._clock, self._assets = store, clock, tuple(assets)
        self._told, self._noted, self._holdings = told, noted, holdings
        self._started = clock.now()
        self._bursts = Bursts(store)
        self._own = OwnJudge(store, assets)
        self._own_epoch: int | None = None
        self._one = asyncio.Lock()

    async def turn(self) -> list[Event]:
        """Take one turn and return what is told because of it.

        LeaseLost where another process judges an asset of ours by now; the next turn is taken without it.
        """
        async with self._one:
            now = self._clock.now()
            if self._noted:
                self._noted(now)
            self._heed_handover()
            # Bursts first: what is fast waits for no other judgement.
            share = self._share()
            if await self._as_holder(share, self._bursts.judge, assets_in(share), now):
                self._told()
            events: list[Event] = []
            events += await self._as_holder([OWN_RULES], self._own.judge_live, now, started=self._started) or []
            if events:
                self._told()
            share = self._share()
            judging = partial(judge, self._store, started=self._started, market=MARKET in share)
            events += await self._as_holder(share, judging, assets_in(share), now) or []
            events += await self._as_holder([OWN_RULES], self._own.judge, now, started=self._started) or []
        if events:
            self._told()
        return events

    def _heed_handover(self) -> None:
        """Have rules of one's own read again where another process has judged them since the last turn."""
        if self._holdings and (epoch := self._holdings.held.get(lease_of("judge", OWN_RULES))) != self._own_epoch:
            self._own.anew()
            self._own_epoch = epoch

    async def _as_holder(
        self, what: Sequence[str], job: Callable[Ways, Made], *given: Ways.args, **named: Ways.kwargs
    ) -> Made | None:
        """Do something in a thread as the one process that does so; None where another one does."""
        if not what or (own := self._under(what)) is None:
            return None
        with own:
            return await asyncio.to_thread(job, *given, **named)

    def _share(self) -> Sequence[str]:
        return self._holdings.share("judge") if self._holdings else (*self._assets, MARKET)

    def _under(self, what: Sequence[str]) -> AbstractContextManager[None] | None:
        return self._holdings.under("judge", *what) if self._holdings else nullcontext()


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
