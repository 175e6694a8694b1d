from __future__ import annotations

import ast
import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from bot.market.exchange.connecting import connected
from bot.market.exchange.public import PublicEndpoints
from bot.market.exchange.venue_recipe import recipes
from bot.market.source import SourceDown
from bot.market.venues.binance_both import _RATIOS, COIN_M, USD_M
from bot.tape.sessions import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

VENUES = Path(__file__).resolve().parents[4] / "bot" / "market" / "venues"
NOW = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
# What questions are made of: a symbol, a number, a word, and what a path may name.
PARAMS: Mapping[str, Any] = {"symbol": "BTC-USDT", "limit": 500, "startTime": 1_795_178_096_000, "settle": "usdt"}


class Heard(Session):
    """A connection that notes what is asked, and has one answer for everything."""

    def __init__(self, status: int = 200, text: str = '{"code": "0", "success": true}') -> None:
        self.asked: list[tuple[str, str, dict[str, str], Any, Any]] = []
        self.status, self.said = status, text

    @asynccontextmanager
    async def request(self, method: str, url: Any, **more: Any) -> AsyncIterator[Any]:
        self.asked.append((method, str(url), dict(more["headers"]), more.get("data"), more["proxy"]))

        async def text(**_: Any) -> str:
            if not self.status:
                raise aiohttp.ClientPayloadError
            return self.said

        yield SimpleNamespace(status=self.status, headers={}, reason="", content=b"", text=text)

    async def close(self) -> None:
        """Have nothing to close."""


def methods(venue: str) -> list[str]:
    """Return the methods that the recipe of a venue names."""
    tree = ast.parse((VENUES / f"{venue}.py").read_text(encoding="utf-8"))
    texts = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    found = {text for text in texts if text.isidentifier() and ("Get" in text[2:] or text == "publicPostInfo")}
    if side := {"binance": USD_M, "binance_coinm": COIN_M}.get(venue):
        found |= {f"{side.prefix}DataGet{kind}" for kind in _RATIOS.values()} | {f"{side.prefix}PublicGetDepth"}
    return sorted(found)


async def made(venue: str, session: Heard) -> tuple[Any, PublicEndpoints]:
    settings = {"session": session, "aiohttp_proxy": "http://proxy.test", "enableRateLimit": False}
    exchange, guard = await connected(recipes()[venue], settings, clock=lambda: NOW, base_url="http://x.test/y")
    return exchange, PublicEndpoints(exchange, guard)


@pytest.mark.parametrize("venue", sorted(recipes()))
async def test_what_is_asked_is_what_ccxt_asks(venue: str) -> None:
    ours, theirs = Heard(), Heard()
    exchange, _ = await made(venue, theirs)
    asking, endpoints = await made(venue, ours)
    assert methods(venue)
    for method in methods(venue):
        ours.asked.clear()
        theirs.asked.clear()
        for params in (PARAMS, {**PARAMS, "symbol": "BTCUSDT"}):
            both = endpoints.ask(method, params), getattr(exchange, method)(dict(params))
            await asyncio.gather(*both, return_exceptions=True)  # one answer for all is an error at some
        assert ours.asked == theirs.asked, method
        assert len(ours.asked) == 2, method
    await exchange.close()
    await asking.close()


async def test_weights_are_ccxts_own() -> None:
    exchange, endpoints = await made("binance", Heard())
    spent: list[float] = []

    async def throttle(cost: float) -> None:
        spent.append(cost)

    exchange.enableRateLimit, exchange.throttle = True, throttle
    for limit in (50, 400, 1000, 1500):  # the weight of bars grows with their number
        await endpoints.ask("fapiPublicGetKlines", {"symbol": "BTCUSDT", "limit": limit})
        await exchange.fapiPublicGetKlines({"symbol": "BTCUSDT", "limit": limit})
    assert spent[::2] == spent[1::2] == [1, 2, 5, 10]
    await exchange.close()


async def test_the_same_question_is_written_once() -> None:
    exchange, endpoints = await made("binance", Heard())
    written: list[str] = []
    sign = exchange.sign

    def noted(path: str, *more: Any) -> Any:
        written.append(path)
        return sign(path, *more)

    exchange.sign = noted
    for symbol in ("BTCUSDT", "ETHUSDT", "BTCUSDT"):
        await endpoints.ask("fapiPublicGetOpenInterest", {"symbol": symbol})
    assert written == ["openInterest"] * 2
    await exchange.close()


@pytest.mark.parametrize(
    ("status", "text"),
    [
        pytest.param(200, "<html>maintenance</html>", id="a page"),
        pytest.param(200, '{"symbol": "BTC', id="cut"),
        pytest.param(200, "", id="empty"),
        pytest.param(200, "null", id="null"),
        pytest.param(400, '{"code": -1121, "msg": "Invalid symbol."}', id="an error that ccxt knows"),
        pytest.param(400, '{"code": -9999, "msg": "Odd."}', id="an error that nobody knows"),
        pytest.param(200, '{"code": -1003, "msg": "Too many requests."}', id="a limit in an answer"),
        pytest.param(404, "{}", id="nothing there"),
        pytest.param(408, "{}", id="too late"),
        pytest.param(0, "", id="broken off"),
        pytest.param(418, '{"msg": "until 1795178500000"}', id="a ban"),
        pytest.param(451, "{}", id="a country"),
        pytest.param(503, "{}", id="away"),
    ],
)
async def test_errors_are_those_of_ccxts_own_call(status: int, text: str) -> None:
    told: list[tuple[type[BaseException], str]] = []
    for way in range(2):
        exchange, endpoints = await made("binance", Heard(status, text))
        asked = endpoints.ask if way else lambda method, params, of=exchange: getattr(of, method)(params)
        with pytest.raises(Exception) as caught:
            await asked("fapiPublicGetOpenInterest", {"symbol": "BTCUSDT"})
        told.append((type(caught.value), str(caught.value) if status else ""))
        await exchange.close()
    assert told[0] == told[1]


async def test_who_waits_in_the_limiter_keeps_a_rest() -> None:
    session = Heard(429, "{}")
    exchange, endpoints = await made("binance", session)
    exchange.enableRateLimit = True
    asks = (endpoints.ask("fapiPublicGetOpenInterest", {"symbol": f"C{number}"}) for number in range(5))
    found = await asyncio.gather(*asks, return_exceptions=True)
    assert {type(error) for error in found} == {SourceDown}
    assert len(session.asked) <= 2
    await exchange.close()
