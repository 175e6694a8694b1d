"""A loopback server that speaks the liquidation streams of Binance, Bybit and OKX, with a switch for each fault.

Frames have the shapes of the venues' documents; their times follow the clock of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import WSMsgType, web

from tests.fakes.served import Served

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

# what the server does to a venue's stream
Fault = Literal[
    "mute",  # pings only, and no word
    "frozen",  # the same pulse again and again
    "garbage",  # what is no JSON, and binary frames
    "old_address",  # takes the subscription without a word, sends nothing
    "declined",  # refuses the subscription
    "no_answer",  # a pulse, but never an answer to the subscription
    "geo",  # refuses the handshake for the country
    "hang_up",  # closes after the first frame
]
PULSE_S = 0.003
GARBAGE = ("<html>maintenance</html>", '{"cut', "[]", "null", '"text"', "{}", '{"e": 1}', "NaN")


class FakeStreams(Served):
    """Serve until stopped. faults: by venue. opened, open: connections made, and those that are open now."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.faults: dict[str, Fault] = {}
        self.gone: set[str] = set()  # contracts that Bybit refuses
        self.opened: Counter[str] = Counter()
        self.asked: list[Any] = []
        self.pings: Counter[str] = Counter()
        self._sockets: defaultdict[str, set[web.WebSocketResponse]] = defaultdict(set)
        self._frozen: dict[str, int] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/{venue}", self._serve)]

    @property
    def urls(self) -> dict[str, str]:
        return {venue: f"{self.base_url}/{venue}" for venue in ("binance", "bybit", "okx")}

    def open(self, venue: str) -> int:
        return len(self._sockets[venue])

    async def hang_up(self, venue: str) -> None:
        """Close every connection of a venue."""
        for socket in tuple(self._sockets[venue]):
            await socket.close()

    async def say(self, venue: str, *frames: object) -> None:
        """Send frames as they are: text as text, anything else as JSON."""
        for frame in frames:
            for socket in tuple(self._sockets[venue]):
                await socket.send_str(frame if isinstance(frame, str) else json.dumps(frame))

    async def liquidate(
        self,
        venue: str,
        side: str,
        *,
        price: float = 90_000.0,
        size: float = 1.0,
        asset: str = "BTC",
        ahead_s: float = 0.0,
    ) -> dict[str, Any]:
        """Tell of one liquidation. side: long or short, of the position; size: in the venue's own unit."""
        frame = liquidation(venue, side, price, size, asset, self.ms + round(ahead_s * 1000))
        await self.say(venue, frame)
        return frame

    @property
    def ms(self) -> int:
        return round(self.clock().timestamp() * 1000)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        venue = request.match_info["venue"]
        self.opened[venue] += 1
        if self.faults.get(venue) == "geo":
            return web.Response(status=451, text="restricted location")
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[venue].add(socket)
        pulse = asyncio.create_task(self._pulses(venue, socket))
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await self._answer(venue, socket, message.data)
        finally:
            self._sockets[venue].discard(socket)
            pulse.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await pulse
        return socket

    async def _answer(self, venue: str, socket: web.WebSocketResponse, text: str) -> None:
        fault = self.faults.get(venue)
        if text == "ping" or json.loads(text).get("op") == "ping":
            self.pings[venue] += 1
            await socket.send_str("pong" if text == "ping" else json.dumps({"success": True, "op": "ping"}))
            return
        asked = json.loads(text)
        self.asked.append(asked)
        if fault not in {"mute", "old_address", "no_answer", "garbage"}:
            await socket.send_str(json.dumps(self._receipt(venue, asked, declined=fault == "declined")))
        if fault == "hang_up":
            await socket.close()

    def _receipt(self, venue: str, asked: dict[str, Any], *, declined: bool) -> dict[str, Any]:
        if venue == "binance":
            wrong = {"error": {"code": 2, "msg": "Invalid request: unknown property"}}
            return wrong | {"id": asked["id"]} if declined else {"result": None, "id": asked["id"]}
        if venue == "bybit":
            topic = asked["args"][0]
            ok = not declined and topic.rpartition(".")[2] not in self.gone
            said = "" if ok else f"error:handler not found,topic:{topic}"
            return {"success": ok, "ret_msg": said, "conn_id": "x", "req_id": asked["req_id"], "op": "subscribe"}
        if declined:
            return {"event": "error", "code": "60012", "msg": "Invalid request", "connId": "x"}
        return {"event": "subscribe", "arg": asked["args"][0], "connId": "x"}

    async def _pulses(self, venue: str, socket: web.WebSocketResponse) -> None:
        turn = 0
        while not socket.closed:
            fault = self.faults.get(venue)
            if fault in {"mute", "old_address"}:
                await socket.ping()
            elif fault == "garbage":
                turn += 1
                text = GARBAGE[turn % len(GARBAGE)]
                await (socket.send_str(text) if turn % 5 else socket.send_bytes(text.encode()))
            else:
                at = self._frozen.setdefault(venue, self.ms) if fault == "frozen" else self.ms
                await socket.send_str(json.dumps(pulse(venue, at)))
            await asyncio.sleep(PULSE_S)


def pulse(venue: str, at: int) -> dict[str, Any]:
    if venue == "binance":
        return {"e": "markPriceUpdate", "E": at, "s": "BTCUSDT", "p": "90000.10", "i": "90010.00", "r": "0.0001"}
    if venue == "bybit":
        return {"topic": "tickers.BTCUSDT", "type": "delta", "ts": at, "cs": 1, "data": {"symbol": "BTCUSDT"}}
    arg = {"channel": "mark-price", "instId": "BTC-USDT-SWAP"}
    return {"arg": arg, "data": [{"instType": "SWAP", "instId": "BTC-USDT-SWAP", "markPx": "90000", "ts": str(at)}]}


def liquidation(venue: str, side: str, price: float, size: float, asset: str, at: int) -> dict[str, Any]:
    sells = side == "long"  # the order that closes it
    if venue == "binance":
        order = {
            "s": f"{asset}USDT", "S": "SELL" if sells else "BUY", "o": "LIMIT", "f": "IOC", "q": str(size),
            "p": str(price * 0.99), "ap": str(price), "X": "FILLED", "l": "0.001", "z": str(size), "T": at,
        }  # fmt: skip
        return {"e": "forceOrder", "E": at + 3, "o": order}
    if venue == "bybit":
        one = {"T": at, "s": f"{asset}USDT", "S": "Buy" if sells else "Sell", "v": str(size), "p": str(price)}
        return {"topic": f"allLiquidation.{asset}USDT", "type": "snapshot", "ts": at + 3, "data": [one]}
    one = {
        "bkLoss": "0", "bkPx": str(price), "ccy": "", "posSide": side, "side": "sell" if sells else "buy",
        "sz": str(size), "ts": str(at),
    }  # fmt: skip
    data = {"details": [one], "instFamily": f"{asset}-USDT", "instId": f"{asset}-USDT-SWAP", "instType": "SWAP"}
    return {"arg": {"channel": "liquidation-orders", "instType": "SWAP"}, "data": [data | {"uly": f"{asset}-USDT"}]}
