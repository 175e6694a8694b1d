"""How Binance, Bybit and OKX tell of liquidations over a websocket: what to send, and what their frames mean.

ccxt.pro is not used here, after a look at 4.5.90: of an OKX message it reads the first of several liquidations, of a
Bybit message it hands on the first and keeps the last 1000, and it takes Binance's last fill for the whole order. It
has no sign of life beside the liquidations, which can be truly rare. The sockets are aiohttp's, the frames below.

Sides, the trap of these feeds: Binance writes the side of the order that closes the position (SELL: a long is gone),
Bybit the side of the position ("Buy": a long is gone), OKX both.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.recipe import Unreadable, number, stamp
from signals.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from bot.market.streams.hours import Side


@dataclass(frozen=True, slots=True)
class Beat:
    """A sign of life: the exchange's time in milliseconds."""

    at: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue will tell of this contract from now on; None: of every one."""

    market_id: str | None


@dataclass(frozen=True, slots=True)
class Declined:
    """The venue will not tell of this contract; None: of none, or not even its time. reason: in its own words."""

    market_id: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Liquidation:
    """One liquidation as the venue counts it. price: as quoted; size: in contracts; at: its time in milliseconds."""

    market_id: str
    side: Side
    price: float
    size: float
    at: int


@dataclass(frozen=True, slots=True)
class Odd:
    """A liquidation that cannot be read, and why."""

    market_id: str
    reason: str


Heard = Beat | Accepted | Declined | Liquidation | Odd


@dataclass(frozen=True, slots=True)
class StreamDialect:
    """One venue. market_wide: one subscription tells of every contract.

    gap: between two beats, at most, when all is well. most: contracts that one connection can follow.
    """

    venue: str
    title: str
    url: str
    market_wide: bool
    ping: str | None
    gap: timedelta
    hello: Callable[[Sequence[str]], list[str]]
    read: Callable[[Mapping[str, Any]], Iterator[Heard]]
    most: int = 10_000


def heard(dialect: StreamDialect, text: str) -> list[Heard]:
    """Read one frame. Unreadable for what is no frame of the venue."""
    if text in {"pong", "ping"}:
        return []
    try:
        frame = json.loads(text)
    except ValueError:
        raise Unreadable("it is not JSON") from None
    if not isinstance(frame, dict):
        raise Unreadable("an object was due, something else came")
    try:
        return list(dialect.read(frame))
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Unreadable("it has another shape than the venue describes") from None


def _one(market_id: object, side: Side | None, price: object, size: object, at: object) -> Heard:
    name = str(market_id)
    if side is None:
        return Odd(name, "has a side that is neither buy nor sell")
    try:
        return Liquidation(name, side, number(price), number(size), stamp(at))
    except Unreadable as error:
        return Odd(name, f"cannot be read: {error}")


# --- Binance: addresses by class of data since 2026-04-23; the old ones connect and stay silent

_LIQUIDATIONS, _PULSE = 1, 2
_UNFINISHED: Final = frozenset({"NEW", "PARTIALLY_FILLED"})  # the same order comes again, its fills added up
_BY_ORDER: Final[dict[str, Side]] = {"SELL": "long", "BUY": "short"}


def _binance_hello(_market_ids: Sequence[str]) -> list[str]:
    asks = {_LIQUIDATIONS: "!forceOrder@arr", _PULSE: "btcusdt@markPrice@1s"}
    return [json.dumps({"method": "SUBSCRIBE", "params": [name], "id": ask}) for ask, name in asks.items()]


def _binance(frame: Mapping[str, Any]) -> Iterator[Heard]:
    frame = frame.get("data", frame)  # a combined stream puts each message into an envelope
    if "id" in frame and "e" not in frame:
        wrong = frame.get("error") or ("code" in frame and frame)
        if wrong:
            yield Declined(None, str(wrong.get("msg", "no reason given")))
        elif frame["id"] == _LIQUIDATIONS:
            yield Accepted(None)
    elif frame["e"] == "markPriceUpdate":
        yield Beat(stamp(frame["E"]))
    elif frame["e"] == "forceOrder":
        order = frame["o"]
        if order.get("X") not in _UNFINISHED:
            yield _one(order["s"], _BY_ORDER.get(order["S"]), order["ap"], order["z"], order["T"])


# --- Bybit: the complete feed, every liquidation each half second, a subscription for each contract

_BY_POSITION: Final[dict[str, Side]] = {"Buy": "long", "Sell": "short"}
_BYBIT_PULSE: Final = "tickers.BTCUSDT"


def _bybit_hello(market_ids: Sequence[str]) -> list[str]:
    # One request each: the venue refuses a request whole when one contract in it is gone.
    topics = {"pulse": _BYBIT_PULSE} | {name: f"allLiquidation.{name}" for name in market_ids}
    return [json.dumps({"op": "subscribe", "req_id": name, "args": [topic]}) for name, topic in topics.items()]


def _bybit(frame: Mapping[str, Any]) -> Iterator[Heard]:
    if frame.get("op") == "subscribe":
        asked = str(frame.get("req_id"))
        contract = None if asked == "pulse" else asked
        if not frame["success"]:
            yield Declined(contract, str(frame.get("ret_msg") or "no reason given"))
        elif contract:
            yield Accepted(contract)
    elif "topic" in frame:
        topic = str(frame["topic"])
        if topic == _BYBIT_PULSE:
            yield Beat(stamp(frame["ts"]))
        elif topic.startswith("allLiquidation."):
            for row in frame["data"]:
                yield _one(row["s"], _BY_POSITION.get(row["S"]), row["p"], row["v"], row["T"])
    elif "op" not in frame:
        raise Unreadable("it has neither a topic nor an operation")


# --- OKX: at most one liquidation a second and contract; several may come in one message

_OKX_LIQUIDATIONS: Final = "liquidation-orders"
_OKX_PULSE: Final = "mark-price"
_BY_CLOSING: Final[dict[str, Side]] = {"sell": "long", "buy": "short"}


def _okx_hello(_market_ids: Sequence[str]) -> list[str]:
    asks = (
        {"channel": _OKX_LIQUIDATIONS, "instType": "SWAP"},
        {"channel": _OKX_PULSE, "instId": "BTC-USDT-SWAP"},
    )
    return [json.dumps({"op": "subscribe", "args": [question]}) for question in asks]


def _okx(frame: Mapping[str, Any]) -> Iterator[Heard]:
    channel = frame.get("arg", {}).get("channel")
    match frame.get("event"):
        case "error":
            yield Declined(None, str(frame.get("msg") or "no reason given"))
        case "subscribe" if channel == _OKX_LIQUIDATIONS:
            yield Accepted(None)
        case None if channel == _OKX_PULSE:
            yield from (Beat(stamp(row["ts"])) for row in frame["data"])
        case None if channel == _OKX_LIQUIDATIONS:
            for row in frame["data"]:
                for one in row["details"]:
                    yield _one(row["instId"], _okx_side(one), one["bkPx"], one["sz"], one["ts"])
        case None:
            raise Unreadable("it is of a channel that was not asked for")


def _okx_side(one: Mapping[str, Any]) -> Side | None:
    """Return the side that was liquidated. In hedge mode the position is named too, and must agree with the order."""
    side = _BY_CLOSING.get(one["side"])
    return side if one.get("posSide") in {side, "net", "", None} else None


BINANCE: Final = StreamDialect(
    venue="binance",
    title="Binance",
    url="wss://fstream.binance.com/market/ws",
    market_wide=True,
    ping=None,
    gap=SECOND,
    hello=_binance_hello,
    read=_binance,
)
BYBIT: Final = StreamDialect(
    venue="bybit",
    title="Bybit",
    url="wss://stream.bybit.com/v5/public/linear",
    market_wide=False,
    ping=json.dumps({"op": "ping"}),
    gap=SECOND,
    hello=_bybit_hello,
    read=_bybit,
    most=700,  # one connection takes 21,000 characters of topics
)
OKX: Final = StreamDialect(
    venue="okx",
    title="OKX",
    url="wss://ws.okx.com:8443/ws/v5/public",
    market_wide=True,
    ping="ping",
    gap=timedelta(seconds=10),  # pushed on a change, and every 10 s without one
    hello=_okx_hello,
    read=_okx,
)
DIALECTS: Final = (BINANCE, BYBIT, OKX)
