"""Liquidations as they happen: a stream for each venue, summed into hours, with what cannot be true kept out.

The sums are written every half minute and when the program ends, so that a restart goes on with the running hour.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, cast

import structlog

from bot.market.exchange.venue import CcxtVenue, at_venue
from bot.market.exchange.venue_recipe import recipes
from bot.market.source_state import TOLD_AFTER
from bot.market.streams.connection import Stream
from bot.market.streams.dialects import DIALECTS, StreamDialect
from bot.market.streams.feed import Contracts, LiquidationTalk, Usual
from signals.units import DAY, HOUR, to_ms
from storage.engine.database import StoreError
from storage.market import liquidations, points
from storage.market.points import Points
from storage.sources import source_state
from storage.sources.source_events import SourceEvent
from storage.sources.source_state import SourceHealth

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from bot.clock import Clock
    from bot.market.breaker import State
    from bot.market.exchange.contracts import Contract
    from bot.market.source import Topic
    from bot.tape import Wrap
    from storage.engine.database import Store
    from storage.market.liquidations import Hour

TOPIC: Final[Topic] = "liquidations"
KEEP_EVERY: Final = timedelta(seconds=30)
AGAIN: Final = timedelta(hours=3)  # closed hours are handed out again for so long, should a write have failed


@dataclass(slots=True)
class _VenueLine:
    """One venue: its stream, and what has been told about it."""

    talk: LiquidationTalk
    stream: Stream
    told: State = "ok"


class LiquidationStreams:
    """The liquidation streams of every venue.

    assets: those that are followed. contracts: looks up what a venue lists; by itself through ccxt. urls and
    exchange_url: other addresses of the streams, by venue, and of the lists, for tests and mirrors. chance, wait and
    look_s: the jitter, how to sleep for seconds, and how often the clock is looked at. wrap: puts a recording or a tape
    in the place of each connection.
    """

    def __init__(
        self,
        store: Store,
        assets: Sequence[str],
        *,
        clock: Clock,
        dialects: Sequence[StreamDialect] = DIALECTS,
        contracts: Contracts | None = None,
        urls: Mapping[str, str] | None = None,
        exchange_url: str | None = None,
        proxy: str | None = None,
        timeout_s: float = 10.0,
        chance: Callable[[], float] = random.random,
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
        look_s: float = 1.0,
        wrap: Wrap | None = None,
    ) -> None:
        self._store, self._assets, self._clock, self._wait = store, tuple(assets), clock, wait
        self._usual: dict[tuple[str, str], Usual] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._handed: datetime | None = None
        self._log = structlog.get_logger("liquidations")
        load = contracts or _Listed(clock, timeout_s, proxy, exchange_url, wrap)
        self._lines = [
            self._line(dialect, load, (urls or {}).get(dialect.venue), chance, look_s, timeout_s, proxy, wrap)
            for dialect in dialects
        ]

    def _line(
        self,
        dialect: StreamDialect,
        contracts: Contracts,
        url: str | None,
        chance: Callable[[], float],
        look_s: float,
        timeout_s: float,
        proxy: str | None,
        wrap: Wrap | None,
    ) -> _VenueLine:
        talk = LiquidationTalk(
            dialect, self._assets, clock=self._clock, contracts=contracts, usual=self._usual_of, url=url
        )
        stream = Stream(
            talk,
            clock=self._clock,
            chance=chance,
            wait=self._wait,
            look_s=look_s,
            timeout_s=timeout_s,
            proxy=proxy,
            wrap=wrap,
        )
        return _VenueLine(talk, stream)

    async def start(self) -> None:
        """Take up the running hour where another run left it, and open the streams."""
        if self._tasks:
            return
        await asyncio.to_thread(self._restore)
        await asyncio.to_thread(self._look_up)
        self._tasks = [asyncio.create_task(line.stream.run()) for line in self._lines]
        self._tasks.append(asyncio.create_task(self._keep_on()))

    async def stop(self) -> None:
        """Close the streams and write the sums; safe to call twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for line in self._lines:
            line.talk.give_up()
        if tasks:
            await self._keep()

    @property
    def heard(self) -> bool:
        """Tell whether this process is the one that hears them: of what another one hears nothing is known here."""
        return bool(self._tasks)

    async def collect(self, now: datetime) -> list[Points]:
        """Return the hours that have been closed whole, as bars. An hour that was not heard whole is not among them."""
        closed = [line.talk.bars.close(to_ms(now)) for line in self._lines]
        if not any(closed) and self._handed is not None:
            return []
        since = now - (AGAIN if self._handed else liquidations.RECENT)
        self._handed = now
        found: dict[tuple[str, str], list[Hour]] = {}
        for hour in self._hours():
            if hour.whole and hour.at >= since:
                found.setdefault((hour.venue, hour.asset), []).append(hour)
        return [_points(*key, hours) for key, hours in found.items()]

    def running(self, asset: str) -> list[Hour]:
        """Return the hour that is not over yet, by venue, as far as it has been heard."""
        start = self._clock.now().replace(minute=0, second=0, microsecond=0)
        return [hour for hour in self._hours(asset) if hour.at == start]

    def health(self) -> list[SourceHealth]:
        """Say how every stream stands. last_good: the exchange's time as far as it was heard."""
        now = self._clock.now()
        return [_health(line.talk, line.stream, now) for line in self._lines]

    def events(self) -> list[SourceEvent]:
        """Return the changes since the last call that are worth telling: each is told once."""
        return [event for line in self._lines if (event := _change(line, self._clock.now()))]

    def _hours(self, asset: str | None = None) -> list[Hour]:
        return [hour for line in self._lines for hour in line.talk.bars.hours(asset)]

    def _usual_of(self, venue: str, asset: str) -> Usual:
        return self._usual.get((venue, asset), Usual(None, None))

    def _look_up(self) -> None:
        """Read prices and open interest anew, in a thread of its own: once for many liquidations."""
        now = self._clock.now()
        for asset in self._assets:
            known = [points.newest(self._store, asset, name) for name in ("mark_price", "close")]
            price = max((newest for newest in known if newest), key=lambda newest: newest.at, default=None)
            anywhere = liquidations.most_open_interest(self._store, asset, since=now - DAY)
            for line in self._lines:
                venue = line.talk.dialect.venue
                there = liquidations.most_open_interest(self._store, asset, since=now - DAY, venue=venue)
                self._usual[venue, asset] = Usual(price.value if price else None, there or anywhere)

    async def _keep_on(self) -> None:
        while True:
            await self._wait(KEEP_EVERY.total_seconds())
            await self._keep()

    async def _keep(self) -> None:
        """Write the sums. A disk that is full costs the half minute, not the stream."""
        now = self._clock.now()
        for line in self._lines:
            line.talk.bars.forget(to_ms(now - liquidations.RECENT))
        recent = [hour for hour in self._hours() if hour.at >= now - AGAIN - HOUR]
        try:
            await asyncio.to_thread(liquidations.save, self._store, recent, now=now)
            await asyncio.to_thread(self._look_up)
        except StoreError as error:
            self._log.error(str(error))

    def _restore(self) -> None:
        """Take up what another run, or another process, has heard and told: an end of trouble that it told is news."""
        kept = liquidations.load(self._store, since=self._clock.now() - liquidations.RECENT)
        told = source_state.told(self._store)
        for line in self._lines:
            line.talk.bars.restore(hour for hour in kept if hour.venue == line.talk.dialect.venue)
            line.stream.forget()
            line.told = cast("State", told.get(_name(line.talk.venue), "ok"))


class _Listed:
    """Look up the perpetuals of a venue through ccxt, one venue at a time, and let go of it at once.

    A list of markets is 10 MB and more, and is needed once a day.
    """

    def __init__(
        self, clock: Clock, timeout_s: float, proxy: str | None, base_url: str | None, wrap: Wrap | None
    ) -> None:
        self._clock, self._timeout_s, self._proxy, self._wrap = clock, timeout_s, proxy, wrap
        self._base_url = base_url
        self._one = asyncio.Lock()

    async def __call__(self, dialect: StreamDialect) -> Mapping[str, Contract]:
        async with self._one:
            venue = CcxtVenue(
                recipes()[dialect.venue],
                clock=self._clock.now,
                steady=self._clock.monotonic,
                timeout_s=self._timeout_s,
                proxy=self._proxy,
                base_url=at_venue(self._base_url, dialect.venue),
                wrap=self._wrap,
            )
            try:
                return await venue.contracts(self._clock.now())
            finally:
                await venue.close()


def _points(venue: str, asset: str, hours: Sequence[Hour]) -> Points:
    columns = {
        "liquidated_longs_usd": [hour.longs_usd for hour in hours],
        "liquidated_shorts_usd": [hour.shorts_usd for hour in hours],
    }
    return Points(venue, asset, HOUR, [to_ms(hour.at) for hour in hours], columns)


def _health(talk: LiquidationTalk, stream: Stream, now: datetime) -> SourceHealth:
    breaker = stream.breaker
    rejected = f"Last rejected: {talk.last_rejected}." if talk.last_rejected else None
    return SourceHealth(
        source=_name(talk.venue),
        topic=TOPIC,
        state=breaker.state,
        since=breaker.since or now,
        last_good=stream.newest,
        next_try=breaker.next_try(now),
        error=breaker.reason or rejected,
        quarantined=talk.quarantined + stream.unreadable,
    )


def _change(line: _VenueLine, now: datetime) -> SourceEvent | None:
    """Tell a stream's change once: into trouble that lasts, into a block at once, and out of it."""
    breaker = line.stream.breaker
    state: State = line.told
    if breaker.state == "ok":
        state = line.told if breaker.since is None else "ok"  # nothing is known before it has opened
    elif breaker.state == "blocked" or breaker.failures >= TOLD_AFTER:
        state = breaker.state
    if state == line.told:
        return None
    line.told = state
    return SourceEvent(_name(line.talk.venue), (TOPIC,), state, breaker.reason, breaker.since or now)


def _name(venue: str) -> str:
    """Return the name under which a venue's stream is known as a source."""
    return f"{venue} liquidations"
