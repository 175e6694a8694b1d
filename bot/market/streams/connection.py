"""A stream kept open: watched on the exchange's own time, closed when it stands still, opened again after a pause.

A socket that is open says nothing: exchanges keep one alive with pings while no data comes, or repeat one frame for
hours. Only a time stamp of the exchange that moves is a sign of life.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

import aiohttp
import structlog

from bot.market.border.rows import AHEAD
from bot.market.breaker import Breaker
from bot.market.exchange.recipe import Unreadable
from bot.market.exchange.strict import HttpAnswer, HttpRefusal, lowered, translated
from bot.market.source import SourceDown, SourceError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from bot.tape import Wrap

LEAST_SILENCE: Final = timedelta(seconds=30)
PING_EVERY: Final = timedelta(seconds=20)  # OKX hangs up after 30 s without a word of ours, Bybit advises 20 s
_CLOSED: Final = frozenset({aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED})


class Talk(Protocol):
    """What is said on a stream. Its methods may raise SourceError, which closes the stream and opens another."""

    venue: str
    title: str
    url: str
    ping: str | None  # sent now and then, where the venue wants to hear from us
    gap: timedelta  # between two signs of life, when all is well

    async def prepare(self) -> Sequence[str]:
        """Return what to send once the stream is open."""
        ...

    def hear(self, text: str) -> datetime | None:
        """Take a frame; return the exchange time that it proves. Unreadable for what is no frame of this venue."""
        ...

    def alive(self, at: datetime) -> bool:
        """Learn that the exchange's time has moved on to `at`; tell whether the stream is in order as far as known."""
        ...

    def complaint(self, since: timedelta) -> str | None:
        """Say what is wrong with a stream that is open since so long, though its time moves; None if nothing is."""
        ...

    def lost(self) -> None:
        """Learn that the stream is closed, for whatever reason."""
        ...


class Stream:
    """One stream of one venue.

    breaker: how it stands and when it is opened again. newest: the exchange's time as far as it has been heard.
    opened, unreadable: how many connections were made and how many frames were no frames. wait: sleeps for seconds;
    look_s: how long to wait for a frame before looking at the clock. wrap: puts a recording or a tape in the place of
    the connection.
    """

    def __init__(
        self,
        talk: Talk,
        *,
        clock: Clock,
        chance: Callable[[], float],
        wait: Callable[[float], Awaitable[object]] = asyncio.sleep,
        look_s: float = 1.0,
        timeout_s: float = 10.0,
        proxy: str | None = None,
        wrap: Wrap | None = None,
    ) -> None:
        self._talk, self._clock, self._wait, self._look_s = talk, clock, wait, look_s
        self._chance = chance
        self.breaker = Breaker(clock.monotonic, chance)
        self.newest: datetime | None = None
        self.opened = self.unreadable = 0
        self._timeout_s, self._proxy, self._wrap = timeout_s, proxy, wrap
        self._limit = max(2 * talk.gap, LEAST_SILENCE)
        self._log = structlog.get_logger("streams")

    def forget(self) -> None:
        """Know nothing of how it stood when it was open before: another process may have had it since."""
        self.breaker = Breaker(self._clock.monotonic, self._chance)

    async def run(self) -> None:
        """Keep the stream open until cancelled; nothing that the other side does ends it."""
        while True:
            failure: SourceError
            try:
                with translated(self._talk.title, self._clock.now):
                    await self._once()
            except SourceError as error:
                failure = error
            except Exception:  # noqa: BLE001 - a defect of ours in one venue must not end the others
                self._log.exception("reading a stream failed", source=self._talk.title)
                failure = SourceDown(f"Reading {self._talk.title} failed inside perpulse; the log has the details.")
            finally:
                self._talk.lost()
            self.breaker.failed(failure, self._clock.now())
            await self._rest()

    async def _rest(self) -> None:
        if left := self.breaker.left:
            await self._wait(left.total_seconds())

    async def _once(self) -> None:
        """Open one connection and listen until something is wrong. Whatever happens, it is closed before this ends."""
        hello = await self._talk.prepare()
        async with self._session() as session, await self._connected(session) as socket:
            self.opened += 1
            for frame in hello:
                await socket.send_str(frame)
            await self._listen(socket)

    def _session(self) -> Any:
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=self._timeout_s)
        if self._wrap:
            return self._wrap(lambda: aiohttp.ClientSession(timeout=timeout), self._talk.venue)
        return aiohttp.ClientSession(timeout=timeout)

    async def _connected(self, session: Any) -> Any:
        closing = aiohttp.ClientWSTimeout(ws_close=min(self._timeout_s, 2.0))  # a dead venue must not hold us up
        try:
            async with asyncio.timeout(self._timeout_s):
                return await session.ws_connect(self._talk.url, proxy=self._proxy, timeout=closing)
        except aiohttp.WSServerHandshakeError as error:
            raise HttpRefusal(HttpAnswer(error.status, lowered(error.headers or {}), "")) from None

    async def _listen(self, socket: Any) -> None:
        began = moved = spoke = pinged = self._clock.monotonic()
        limit = self._limit.total_seconds()
        while True:
            message = None
            # Not receive(timeout=...): that one begins anew with every ping, and pings are what a mute stream sends.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_s):
                    message = await socket.receive()
            now = self._clock.monotonic()
            if message is not None:
                said = self._take(message)
                spoke = spoke if said == "nothing" else now
                moved = now if said == "news" else moved
            if now - moved > limit:
                raise SourceDown(self._mute(now - spoke) if now - spoke > limit else self._frozen(now - moved))
            if complaint := self._talk.complaint(timedelta(seconds=now - began)):
                raise SourceDown(complaint)
            if self._talk.ping and now - pinged >= PING_EVERY.total_seconds():
                pinged = now
                await socket.send_str(self._talk.ping)

    def _take(self, message: aiohttp.WSMessage) -> Literal["news", "stale", "nothing"]:
        """Take a message; tell whether the exchange's time has moved, stands still, or was not in it."""
        if message.type in _CLOSED:
            raise SourceDown(f"{self._talk.title} closed the stream.")
        if message.type is aiohttp.WSMsgType.ERROR:
            raise SourceDown(f"{self._talk.title} broke off the stream.")
        try:
            at = self._talk.hear(message.data if message.type is aiohttp.WSMsgType.TEXT else "")
        except Unreadable:
            self.unreadable += 1
            return "stale"
        if at is None:
            return "nothing"
        now = self._clock.now()
        # What lies in the future or far behind proves nothing: this clock or theirs is wrong.
        if (self.newest is not None and at <= self.newest) or not -self._limit <= at - now <= AHEAD:
            return "stale"
        self.newest = at
        if self._talk.alive(at) and (self.breaker.failures or self.breaker.since is None):
            self.breaker.worked(now)
        return "news"

    def _mute(self, seconds: float) -> str:
        return f"{self._talk.title} keeps the stream open but has sent nothing for {seconds:.0f} s."

    def _frozen(self, seconds: float) -> str:
        stands = f"it stands at {self.newest:%H:%M:%S} UTC" if self.newest else "it was never near this machine's clock"
        return f"{self._talk.title} goes on sending, but its time has not moved for {seconds:.0f} s: {stands}."
