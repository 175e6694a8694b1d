"""The edge of a simulated month: a clock, and the fakes, which hold no more on its last day than on its second.

All of them live in the loop of the program, whose time jumps where everybody waits (bot/tape/time.py): what one side
writes is there for the other before the loop looks again, so a question over loopback takes no time.
"""

from __future__ import annotations

import contextlib
import json
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, TypeVarTuple

from aiohttp import web

from bot.tape.time import TapeLoop
from tests.fakes.bot_api import BotApi, Refusal
from tests.fakes.discord_wire import DiscordWire
from tests.fakes.discord_wire import Shown as OnDiscord
from tests.fakes.exchange import FakeExchange
from tests.fakes.served import Served
from tests.fakes.telegram_chats import Sent

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

# The month's clock goes so much faster than the loop: a pause of a second is two minutes and a half of it, and what is
# done every fifteen seconds is done nearly twice an hour.
SPEED: Final = 150.0
IN_A_THREAD: Final = 8  # of so many pieces of work, one
KEPT: Final = 200  # newest messages that a fake can show again; an edit of an older one is taken unseen
FELL_TO: Final = 0.8  # of its price, while an asset has fallen
FALLS_FOR: Final = timedelta(hours=2)  # until it is there, and as long on its way back
NONCES: Final = timedelta(minutes=5)  # how long Discord knows a nonce again


_Found = TypeVar("_Found")
_Given = TypeVarTuple("_Given")


class MonthLoop(TapeLoop):
    """A loop of which most threads are none: who hands work to one waits for it anyway, and a switch costs as much.

    One piece of work in IN_A_THREAD is done in a thread all the same, so that the threads are there and counted.
    """

    def __init__(self) -> None:
        super().__init__()
        self._handed = 0

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Given], _Found], *args: *_Given
    ) -> asyncio.Future[_Found]:
        """Run at once, or in a thread."""
        self._handed += 1
        if self._handed % IN_A_THREAD == 0:
            return super().run_in_executor(executor, func, *args)
        done = self.create_future()
        try:
            done.set_result(func(*args))
        except StopIteration:
            raise
        except Exception as error:  # noqa: BLE001 - it is whose who waits
            done.set_exception(error)
        return done


class MonthClock:
    """The clock of a machine: SPEED times as fast as its loop, and `wrong` by what somebody set it."""

    def __init__(self, begin: datetime, loop: asyncio.AbstractEventLoop) -> None:
        self._begin, self._loop = begin, loop
        self.wrong = timedelta(0)

    def true(self) -> datetime:
        """Return the time in UTC as everybody else has it."""
        return self._begin + timedelta(seconds=self.monotonic())

    def now(self) -> datetime:
        """Return the time in UTC as the machine shows it."""
        return self.true() + self.wrong

    def monotonic(self) -> float:
        """Return the seconds of the month that have passed."""
        return self._loop.time() * SPEED


def in_loop(span: timedelta) -> float:
    """Return how many seconds of the loop a span of the month takes."""
    return span.total_seconds() / SPEED


def hung_up(request: web.Request) -> web.Response:
    """Break the connection instead of an answer."""
    if request.transport:
        request.transport.abort()
    return web.Response()


class Closable(Served):
    """A server whose port is closed for as long as anybody wants it closed, before it is or after."""

    _closers = 0

    async def shut(self) -> None:
        """Close the port, unless it is closed."""
        self._closers += 1
        if self._closers == 1:
            await self.stop()

    async def unshut(self) -> None:
        """Open it again, where nobody else wants it closed."""
        self._closers -= 1
        if self._closers == 0:
            await self.start()


class MonthTelegram(Closable, BotApi):
    """The Bot API. away: no question is answered, nor taken. malformed: the token is none to it (404)."""

    def __init__(self, clock: MonthClock) -> None:
        super().__init__(speed=1.0)
        self.clock, self.wall = clock.monotonic, lambda: clock.true().timestamp()
        self.away = self.malformed = False
        self._seen = 0
        self._pictures: set[tuple[int, int]] = set()

    def taken(self) -> list[tuple[str, str]]:
        """Return what chats were shown since the last look, as chat and text, and forget what is old."""
        new = [(str(message.chat), message.text) for message in self.accepted[self._seen :]]
        for message in self.accepted[:-KEPT]:
            if message.photo is not None:
                self._pictures.add((message.chat, message.message_id))
        del self.accepted[:-KEPT]
        self._seen = len(self.accepted)
        for kept in (self.requests, self.typing, self.toasts):
            kept.clear()
        self.offered.clear()
        self._disturbances = [one for one in self._disturbances if one.times > 0]
        return new

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        return hung_up(request) if self.away else await super()._answer(request)

    async def _perform(self, method: str, params: dict[str, Any], files: dict[str, bytes]) -> Any:
        if self.away:
            raise Refusal(502, "Bad Gateway")
        return await super()._perform(method, params, files)

    def _check_token(self, token: str) -> None:
        if self.malformed:
            raise Refusal(404, "Not Found")
        super()._check_token(token)

    def _editable(self, params: dict[str, Any]) -> Sent:
        chat, number = self._reachable(params["chat_id"]), params["message_id"]
        oldest = self.accepted[0] if self.accepted else None
        known = any((message.chat, message.message_id) == (chat.id, number) for message in self.accepted)
        if known or oldest is None or len(self.accepted) < KEPT:
            return super()._editable(params)
        picture = b"\x89PNG" if (chat.id, number) in self._pictures else None
        return Sent(chat.id, number, "", None, None, None, False, [], picture, False, self.wall())


class MonthDiscord(Closable, DiscordWire):
    """Discord. away: no question is answered, nor taken."""

    def __init__(self, clock: MonthClock) -> None:
        super().__init__()
        self._month, self.away = clock, False
        # The library beats in threads, by the clock of this machine; one whose gateway is lost ends at its next beat.
        self.heartbeat_ms = round(self.heartbeat_ms / SPEED)
        self._seen = 0
        self._since: deque[tuple[float, tuple[int, str]]] = deque()

    def limit(self) -> None:
        """Count requests from now on."""
        self.clock = self._month.monotonic

    def taken(self) -> list[tuple[str, str]]:
        """Return what channels were shown since the last look, as channel and text, and forget what is old."""
        new = [
            (str(message.channel), f"{message.text}\n{(message.embed.get('footer') or {}).get('text', '')}")
            for message in self.messages[self._seen :]
        ]
        del self.messages[:-KEPT]
        self._seen = len(self.messages)
        for kept in (self.requests, self.commands, self.sessions):
            kept.clear()
        self.answers.clear()
        now, known = self._month.monotonic(), {nonce for _, nonce in self._since}
        self._since.extend((now, nonce) for nonce in self._nonces if nonce not in known)
        while self._since and now - self._since[0][0] > NONCES.total_seconds():
            self._nonces.pop(self._since.popleft()[1], None)
        self._disturbances = [one for one in self._disturbances if one.times > 0]
        return new

    async def beat(self) -> None:
        """Confirm a heartbeat at each gateway: the library sends its own by the clock of this machine."""
        for _, socket in self._sockets:
            with contextlib.suppress(ConnectionError):  # of a program that is about to leave
                await socket.send_str(json.dumps({"op": 11}))
        self._sockets = [(bot, socket) for bot, socket in self._sockets if not socket.closed]

    async def _rest(self, request: web.Request) -> web.StreamResponse:
        return hung_up(request) if self.away else await super()._rest(request)

    async def _gateway(self, request: web.Request) -> web.StreamResponse:
        return hung_up(request) if self.away else await super()._gateway(request)

    def _perform(self, bot: int, method: str, path: str, payload: dict[str, Any], files: list[str]) -> tuple[int, Any]:
        if self.away:
            raise ConnectionResetError("the network is away")
        return super()._perform(bot, method, path, payload, files)

    def _find(self, channel: int, number: int) -> OnDiscord:
        if len(self.messages) >= KEPT and number < self.messages[0].id:
            return OnDiscord(number, channel, {})
        return super()._find(channel, number)


@dataclass(frozen=True)
class Fall:
    """An asset that falls to FELL_TO of its price, between two times at which nothing is of it yet or any more."""

    asset: str
    begin: datetime
    end: datetime


def _deep(at: float, begin: float, end: float) -> float:
    """Return how much of a fall is on at a time, from 0 to 1: no two venues are asked at the same moment."""
    slide = FALLS_FOR.total_seconds() * 1000
    return max(0.0, min(1.0, (at - begin) / slide, (end - at) / slide))


class MonthExchange(Closable, FakeExchange):
    """Every venue. away: no question is answered. falls: when which asset has fallen, at all of them."""

    def __init__(self, clock: MonthClock, falls: Sequence[Fall]) -> None:
        super().__init__(clock.true)
        self.away = False
        self._falls = [(f"{one.asset}USDT", one.begin.timestamp() * 1000, one.end.timestamp() * 1000) for one in falls]

    def price(self, symbol: str, at_ms: int) -> float:
        """Return the price of the model, less what the fall takes that is on."""
        deep = max((_deep(at_ms, begin, end) for name, begin, end in self._falls if name == symbol), default=0.0)
        return super().price(symbol, at_ms) * (1 - deep * (1 - FELL_TO))

    def forget(self) -> None:
        """Forget what was asked."""
        self.queries.clear()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        return hung_up(request) if self.away else await super()._answer(request)
