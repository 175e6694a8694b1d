"""Public questions to an exchange, without what ccxt does at each of them for keys, proxies of all kinds and retries.

A venue of which one answer tells one contract is asked three hundred times a minute, and then four fifths of what ccxt
computes are the same every time. Its endpoints, weights, limiter, addresses, headers, session and names of errors are
ccxt's still: none of it is written down a second time here.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp
import yarl

from signals.units import SECOND_MS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.market.exchange.strict import Guard

_KNOWN: Final = 1024  # questions whose address is remembered: those for the present of the contracts of a venue


class Endpoint(NamedTuple):
    """One of ccxt's implicit methods: what it hands to `request` of its exchange."""

    path: str
    api: Any
    verb: str
    params: Mapping[str, Any] = {}
    config: Mapping[str, Any] = {}


class PublicEndpoints:
    """Ask public endpoints of one venue by the names of ccxt's implicit methods.

    exchange: ccxt's object. guard: what stands before and behind each question. Whatever is no plain GET goes through
    ccxt as a whole.
    """

    def __init__(self, exchange: Any, guard: Guard) -> None:
        self._exchange, self._guard = exchange, guard
        self._endpoints: dict[str, Endpoint] = {}
        self._signed = lru_cache(maxsize=_KNOWN)(self._sign)

    async def ask(self, method: str, params: Mapping[str, Any]) -> Any:
        """Return the answer to one question: a dict or a list. Errors as of ccxt's own call, behind the guard."""
        exchange = self._exchange
        endpoint = self._endpoints.get(method) or self._endpoint(method)
        if endpoint.verb != "GET":
            return await getattr(exchange, method)(dict(params))
        if exchange.enableRateLimit:
            _, api, verb, _, config = endpoint
            await exchange.throttle(exchange.calculate_rate_limiter_cost(api, verb, endpoint.path, params, config))
        return await self._guard.keep(self._get, *self._signed(method, *params.items()))

    def _endpoint(self, method: str) -> Endpoint:
        """Learn what a method is from what it would ask of an exchange. AttributeError where there is none."""
        found: Endpoint = getattr(type(self._exchange), method)(_StandIn())
        self._endpoints[method] = found
        return found

    def _sign(self, method: str, *params: tuple[str, Any]) -> tuple[str, yarl.URL, Mapping[str, str]]:
        """Have ccxt write an address and headers. A question for the present is the same in each round."""
        endpoint = self._endpoints[method]
        signed = self._exchange.sign(endpoint.path, endpoint.api, endpoint.verb, dict(params))
        said, headers = signed["url"], self._exchange.prepare_request_headers(signed["headers"])
        return said, yarl.URL(said, encoded=True), headers

    async def _get(self, said: str, url: yarl.URL, headers: Mapping[str, str]) -> tuple[Any, Mapping[str, str]]:
        """Ask, and have the answer judged as ccxt would. said: the address as ccxt wrote it."""
        exchange = self._exchange
        if exchange.session is None:
            exchange.open(True)  # noqa: FBT003 -- ccxt's own signature: lazily, so not after it was closed
        try:
            async with exchange.session.get(
                url, headers=headers, timeout=_limit(exchange.timeout), proxy=exchange.aiohttp_proxy
            ) as response:
                text = (await response.text(errors="replace")).strip()
        except aiohttp.ClientConnectionError:
            raise
        except aiohttp.ClientError as error:
            raise _refused(exchange.id) from error
        answer, status = exchange.parse_json(text), response.status
        self._guard.judged(status, response.reason, said, "GET", response.headers, text, answer, headers, None)
        if status != 200:
            exchange.handle_http_status_code(status, response.reason, said, "GET", text)
        return answer, response.headers


class _StandIn:
    """Stands where a method expects its exchange, and is told what it would ask."""

    @staticmethod
    def request(*asked: Any, **config: Any) -> Endpoint:
        return Endpoint(*asked, **config)


@cache
def _limit(milliseconds: float) -> aiohttp.ClientTimeout:
    """Give a question so long as a whole, to connect, and between two pieces: a connection may be dead for long."""
    seconds = milliseconds / SECOND_MS
    return aiohttp.ClientTimeout(total=seconds, sock_connect=seconds, sock_read=seconds)


def _refused(who: str) -> Exception:
    """Return what ccxt takes an answer for that did not come whole."""
    import ccxt  # noqa: PLC0415 -- half a second and 100 MB; whoever asks has it loaded

    refused: Exception = ccxt.ExchangeError(f"{who} GET")
    return refused
