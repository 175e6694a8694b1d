"""Public questions to an exchange, without what ccxt does at each of them for keys, proxies of all kinds and retries.

A venue of which one answer tells one contract is asked three hundred times a minute, and then four fifths of what ccxt
computes are the same every time. Its endpoints, weights, limiter, addresses, headers, session and names of errors are
ccxt's still: none of it is written down a second time here.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp
import yarl

from signals.units import SECOND_MS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.market.exchange.strict import Guard

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]+").fullmatch  # what stands in an address as it is
_MARK: Final = "zqj"  # no name and no value of an exchange has it
_MARKED: Final = re.compile(f"{_MARK}(\\d+){_MARK}")
_KNOWN: Final = 1024  # questions whose address is remembered: those for the present of the contracts of a venue


class Endpoint(NamedTuple):
    """One of ccxt's implicit methods: what it hands to `request` of its exchange."""

    path: str
    api: Any
    verb: str
    params: Mapping[str, Any] = {}
    config: Mapping[str, Any] = {}


class _Form(NamedTuple):
    """An address with places for values. texts: what stands around them; places: which value stands at each."""

    texts: Sequence[str]
    places: Sequence[int]
    headers: Mapping[str, str]

    def filled(self, values: Sequence[str]) -> tuple[str, Mapping[str, str]]:
        """Return the address with its values, and the headers."""
        parts = [text + values[place] for text, place in zip(self.texts, self.places, strict=False)]
        return "".join((*parts, self.texts[-1])), self.headers


class PublicEndpoints:
    """Ask public endpoints of one venue by the names of ccxt's implicit methods.

    exchange: ccxt's object. guard: what stands before and behind each question. Whatever is no plain GET goes through
    ccxt as a whole.
    """

    def __init__(self, exchange: Any, guard: Guard) -> None:
        self._exchange, self._guard = exchange, guard
        self._endpoints: dict[str, Endpoint] = {}
        self._forms: dict[tuple[str, ...], _Form | None] = {}  # by method and names; None where there is none
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
        """Return an address and headers as ccxt writes them. A question for the present is the same in each round.

        Those for a past are thousands that differ in a symbol and a time. Of each kind of question ccxt is asked once
        for an address with marks in it, which is filled in from then on where it gave the first one as ccxt writes it.
        """
        values = [str(value) if type(value) is int else value for _, value in params]
        if not all(type(value) is str and _PLAIN(value) for value in values):
            said, headers = self._written(method, dict(params))
            return said, yarl.URL(said, encoded=True), headers
        kind = (method, *(name for name, _ in params))
        if kind not in self._forms:
            form, written = self._form(method, kind[1:]), self._written(method, dict(params))
            self._forms[kind] = form if form.filled(values) == written else None
        found = self._forms[kind]
        said, headers = found.filled(values) if found else self._written(method, dict(params))
        return said, yarl.URL(said, encoded=True), headers

    def _form(self, method: str, names: Sequence[str]) -> _Form:
        """Learn where the values of a kind of question stand in its address."""
        places = {f"{_MARK}{place}{_MARK}": place for place in range(len(names))}
        said, headers = self._written(method, dict(zip(names, places, strict=True)))
        texts = _MARKED.split(said)
        return _Form(texts[::2], [int(place) for place in texts[1::2]], headers)

    def _written(self, method: str, params: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
        """Have ccxt write an address and headers."""
        endpoint = self._endpoints[method]
        signed = self._exchange.sign(endpoint.path, endpoint.api, endpoint.verb, dict(params))
        return signed["url"], self._exchange.prepare_request_headers(signed["headers"])

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
