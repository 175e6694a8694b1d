"""A loopback exchange: every venue as its documents describe it, with switches for each fault.

Binance USD-M and alternative.me are here, the other venues in exchange_venues.py. A venue that is asked below its own
name (base_url + "/bybit") can be put into trouble alone.

Answers come from a small deterministic model, so that their times follow the clock of the test; `recorded` puts a real
recorded answer in the place of a path. ccxt builds the addresses and parses what comes back.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import math
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web

from signals.units import from_ms
from tests.fakes import exchange_venues
from tests.fakes.served import Served

if TYPE_CHECKING:
    from collections.abc import Callable

HOUR = 3_600_000
DAY = 24 * HOUR
PAGE = "<html><body>maintenance</body></html>"

# what the server does instead of answering
Fault = Literal[
    "html", "cut", "empty", "null", "empty_list", "banned", "busy", "busy_after", "busy_date", "geo", "forbidden",
    "unavailable", "slow", "hang_up",
]  # fmt: skip
# what the server does to the figures of an answer that is otherwise in order
Twist = Literal["zero", "none", "negative", "nan", "future", "thousandfold", "frozen"]


@dataclass(frozen=True)
class Listed:
    """A contract of the model: price and open interest swing around their base."""

    symbol: str
    price: float
    coins: float
    interval: int | None = None  # hours, when fundingInfo lists it
    status: str = "TRADING"


LISTED = (
    Listed("BTCUSDT", 90_000.0, 85_000.0),
    Listed("ETHUSDT", 3_000.0, 2_000_000.0),
    Listed("SOLUSDT", 150.0, 9_000_000.0, 8),
    Listed("1000PEPEUSDT", 0.008, 5_000_000_000.0, 4),
    Listed("GONEUSDT", 1.0, 1_000.0, None, "SETTLING"),
)


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, now: datetime) -> None:
        self._now, self._passed = now, 0.0

    @property
    def now(self) -> datetime:
        return self._now

    @now.setter
    def now(self, now: datetime) -> None:
        self._passed += max(0.0, (now - self._now).total_seconds())
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def steady(self) -> float:
        """Return the seconds by which it went on."""
        return self._passed

    def jump(self, by: timedelta) -> None:
        """Set the wall clock, while no time passes."""
        self._now += by

    def go(self, **span: float) -> datetime:
        self.now += timedelta(**span)
        return self.now


class FakeExchange(Served):
    """Serve until stopped. Set `faults[path] = ...` and `twists[path] = ...` ("*" for all paths) at any time.

    requests counts by path; queries keeps what was asked. banned_until and retry_after belong to their faults.
    """

    def __init__(self, clock: Callable[[], datetime] | None = None, listed: tuple[Listed, ...] = LISTED) -> None:
        self.clock = clock or (lambda: datetime.now(UTC))
        self.listed = {contract.symbol: contract for contract in listed}
        self.faults: dict[str, Fault] = {}  # by path, by "bybit/*", or "*"
        self.twists: dict[str, Twist] = {}
        self.recorded: dict[str, Any] = {}
        self.kept: dict[str, timedelta] = {}  # by venue: what begins before that is refused, as the venue does it
        self.refused: set[str] = set()  # questions (path, and type where there is one), whatever they ask
        self.gone: set[tuple[str, str]] = set()  # a venue and an asset that it has delisted
        self.scale: dict[tuple[str, str], float] = {}  # a venue and asset whose contracts hold so many more coins
        self.intervals: dict[str, int] = {}  # overrides Listed.interval from now on
        self.banned_until = self.clock() + timedelta(minutes=7)
        self.retry_after = 33
        self.slow_s = 5.0
        self.frozen_at = self.clock()
        self.requests: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()  # by venue, "" where it was asked without its name
        self.queries: list[tuple[str, dict[str, str]]] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/{path:.*}", self._answer), web.post("/{path:.*}", self._answer)]

    def count(self, path: str = "") -> int:
        """Count requests whose path ends so; all of them without a path."""
        return sum(n for asked, n in self.requests.items() if asked.endswith(path))

    # --- one answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        venue, path = _split("/" + request.match_info["path"])
        self.requests[path] += 1
        self.asked[venue] += 1
        query: dict[str, Any] = await request.json() if request.method == "POST" else dict(request.query)
        self.queries.append((path, query))
        fault = self.faults.get(path, self.faults.get(f"{venue}/*", self.faults.get("*")))
        if fault == "slow":
            await asyncio.sleep(self.slow_s)
        elif fault:
            return self._fault(fault, path, query, request)
        status, body = self._refusal(venue, path, query) or self._body(path, query)
        date = email.utils.format_datetime(self.clock(), usegmt=True)
        return web.json_response(body, status=status, headers={"Date": date})

    def _refusal(self, venue: str, path: str, query: dict[str, Any]) -> tuple[int, Any] | None:
        """Refuse a question of the past that the venue does not answer, or does not answer so far back."""
        if exchange_venues.question_name(path, query) in self.refused:
            return exchange_venues.DISLIKED[venue]
        kept, begin = self.kept.get(venue), exchange_venues.begin_of(query)
        if kept is None or begin is None or from_ms(begin) >= self.clock() - kept:
            return None
        return exchange_venues.TOO_FAR[venue]

    def _fault(self, fault: Fault, path: str, query: dict[str, str], request: web.Request) -> web.StreamResponse:
        if fault == "hang_up":
            assert request.transport
            request.transport.close()
            return web.Response()
        if fault == "cut":
            whole = json.dumps(self._body(path, query)[1])
            return web.Response(text=whole[: len(whole) // 2], content_type="application/json")
        until = round(self.banned_until.timestamp() * 1000)
        ban = {"code": -1003, "msg": f"Way too many requests; IP banned until {until}. Please use the websocket."}
        busy = {"code": -1003, "msg": "Too many requests; current limit is 2400 requests per minute."}
        geo = {"code": 0, "msg": "Service unavailable from a restricted location according to 'b. Eligibility'."}
        date = format_datetime(self.clock() + timedelta(seconds=self.retry_after), usegmt=True)
        answers: dict[str, Callable[[], web.Response]] = {
            "html": lambda: web.Response(text=PAGE, content_type="text/html"),
            "empty": lambda: web.Response(text="", content_type="application/json"),
            "null": lambda: web.json_response(None),
            "empty_list": lambda: web.json_response([]),
            "banned": lambda: web.json_response(ban, status=418),
            "busy": lambda: web.json_response(busy, status=429),
            "busy_after": lambda: web.json_response(busy, status=429, headers={"Retry-After": str(self.retry_after)}),
            "busy_date": lambda: web.json_response(busy, status=429, headers={"Retry-After": date}),
            "geo": lambda: web.json_response(geo, status=451),
            "forbidden": lambda: web.Response(text=PAGE, status=403, content_type="text/html"),
            "unavailable": lambda: web.Response(text=PAGE, status=503, content_type="text/html"),
        }
        return answers[fault]()

    def _body(self, path: str, query: dict[str, str]) -> tuple[int, Any]:
        if path in self.recorded:
            return 200, self.recorded[path]
        answers = {
            "/fapi/v1/exchangeInfo": self._exchange_info,
            "/fapi/v1/klines": self._klines,
            "/fapi/v1/openInterest": self._open_interest,
            "/fapi/v1/premiumIndex": self._premium,
            "/fapi/v1/fundingInfo": self._funding_info,
            "/fapi/v1/fundingRate": self._funding_rate,
            "/futures/data/openInterestHist": self._open_interest_history,
            "/fng/": self._fear_greed,
            "/stablecoincharts/all": self._stablecoins,
        }
        if path in exchange_venues.ANSWERS and (path not in answers or "pair" in query):
            return exchange_venues.answer(self, path, query, self.twists.get(path, self.twists.get("*")))
        if path not in answers:
            return 404, {"code": -1, "msg": f"no such path {path}"}
        if "symbol" in query and query["symbol"] not in self.listed:
            return 400, {"code": -1121, "msg": "Invalid symbol."}
        return 200, answers[path](query, self.twists.get(path, self.twists.get("*")))

    # --- the model

    def price(self, symbol: str, at_ms: int) -> float:
        """Swing by 4 % over a week and 1 % over a day."""
        base = self.listed[symbol].price
        return base * (1 + 0.04 * math.sin(at_ms / (7 * DAY) * math.tau) + 0.01 * math.sin(at_ms / DAY * math.tau))

    def coins(self, symbol: str, at_ms: int) -> float:
        return self.listed[symbol].coins * (1 + 0.05 * math.cos(at_ms / (9 * DAY) * math.tau))

    def rate(self, symbol: str, at_ms: int) -> float:
        return 0.00005 + 0.0001 * math.sin(at_ms / (5 * DAY) * math.tau + len(symbol))

    def interval(self, symbol: str) -> int:
        return self.intervals.get(symbol) or self.listed[symbol].interval or 8

    def _now(self, twist: str | None = None) -> int:
        at = self.frozen_at if twist == "frozen" else self.clock()
        return round(at.timestamp() * 1000) + (2 * HOUR if twist == "future" else 0)

    @staticmethod
    def _text(value: float, twist: str | None, digits: int = 8) -> str | None:
        match twist:
            case "none":
                return None
            case "zero":
                value = 0.0
            case "negative":
                value = -value
            case "nan":
                value = math.nan
            case "thousandfold":
                value *= 1000
        return f"{value:.{digits}f}"

    # --- the paths

    def _exchange_info(self, query: dict[str, str], twist: str | None) -> Any:
        symbols = [
            {
                "symbol": contract.symbol,
                "pair": contract.symbol,
                "contractType": "PERPETUAL",
                "deliveryDate": 4133404800000,
                "onboardDate": 1569398400000,
                "status": contract.status,
                "baseAsset": contract.symbol.removesuffix("USDT"),
                "quoteAsset": "USDT",
                "marginAsset": "USDT",
                "pricePrecision": 7,
                "quantityPrecision": 3,
                "filters": [
                    {"filterType": "PRICE_FILTER", "minPrice": "0.0000001", "maxPrice": "4529764", "tickSize": "1e-7"},
                    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
                ],
            }
            for contract in self.listed.values()
        ]
        return {"timezone": "UTC", "serverTime": self._now(), "rateLimits": [], "symbols": symbols}

    def _klines(self, query: dict[str, str], twist: str | None) -> Any:
        symbol, limit = query["symbol"], int(query.get("limit", 500))
        end = min(int(query.get("endTime", 1 << 62)), self._now(twist))
        start = int(query["startTime"]) if "startTime" in query else (end // HOUR - limit + 1) * HOUR
        opens = range(-(-start // HOUR) * HOUR, end + 1, HOUR)[:limit]
        return [self._kline(symbol, at, twist) for at in opens]

    def _kline(self, symbol: str, at: int, twist: str | None) -> list[Any]:
        first, last = self.price(symbol, at), self.price(symbol, at + HOUR - 1)
        volume = self.listed[symbol].coins * (0.02 + 0.01 * math.sin(at / DAY * math.tau))
        buys = volume * (0.5 + 0.05 * math.sin(at / (3 * DAY) * math.tau))
        price = [self._text(price, twist) for price in (first, max(first, last), min(first, last), last)]
        flows = [self._text(amount * first, twist) for amount in (volume, buys)]
        return [at, *price, f"{volume:.3f}", at + HOUR - 1, flows[0], 4321, f"{buys:.3f}", flows[1], "0"]

    def _open_interest(self, query: dict[str, str], twist: str | None) -> Any:
        symbol, at = query["symbol"], self._now(twist)
        return {"symbol": symbol, "openInterest": self._text(self.coins(symbol, at), twist, 3), "time": at}

    def _open_interest_history(self, query: dict[str, str], twist: str | None) -> Any:
        symbol, limit = query["symbol"], int(query.get("limit", 30))
        now = self._now(twist)
        end = min(int(query.get("endTime", now)), now)
        start = int(query["startTime"]) if "startTime" in query and "endTime" in query else end - limit * HOUR
        if start < now - 30 * DAY:
            return {"code": -1130, "msg": "parameter 'startTime' is invalid."}
        times = list(range(-(-start // HOUR) * HOUR, end + 1, HOUR))[-limit:]
        return [
            {
                "symbol": symbol,
                "sumOpenInterest": self._text(self.coins(symbol, at), twist),
                "sumOpenInterestValue": self._text(self.coins(symbol, at) * self.price(symbol, at), twist),
                "CMCCirculatingSupply": "19900000.00000000",
                "timestamp": at,
            }
            for at in times
        ]

    def _premium(self, query: dict[str, str], twist: str | None) -> Any:
        at = self._now(twist)
        rows = []
        for symbol in [query["symbol"]] if "symbol" in query else self.listed:
            every = self.interval(symbol) * HOUR
            rows.append(
                {
                    "symbol": symbol,
                    "markPrice": self._text(self.price(symbol, at), twist),
                    "indexPrice": self._text(self.price(symbol, at) * 1.0002, twist),
                    "lastFundingRate": self._text(self.rate(symbol, at), twist if twist in {"none", "nan"} else None),
                    "interestRate": "0.00010000",
                    "nextFundingTime": (at // every + 1) * every,
                    "time": at,
                }
            )
        dated = [
            rows[0]
            | {
                "symbol": f"BTCUSDT_{day}",
                "markPrice": self._text(self.price("BTCUSDT", at) * (1.0002 + premium), twist),
                "lastFundingRate": "",
                "nextFundingTime": 0,
            }
            for day, premium in (("261225", 0.002), ("270326", 0.01))
            if rows and rows[0]["symbol"] == "BTCUSDT"
        ]
        return rows[0] if "symbol" in query else [*rows, *dated]

    def _funding_info(self, query: dict[str, str], twist: str | None) -> Any:
        listed = {
            contract.symbol: contract.interval for contract in self.listed.values() if contract.interval
        } | self.intervals
        return [
            {
                "symbol": symbol,
                "adjustedFundingRateCap": "0.02000000",
                "adjustedFundingRateFloor": "-0.02000000",
                "fundingIntervalHours": hours,
                "disclaimer": False,
            }
            for symbol, hours in listed.items()
        ]

    def _funding_rate(self, query: dict[str, str], twist: str | None) -> Any:
        """Of one contract or, without a symbol, of all: by time from the start, cut after `limit` (100, at most 1000).

        Without times the newest 200 come, whatever the limit; https://developers.binance.com/docs/derivatives/
        usds-margined-futures/market-data/rest-api/Get-Funding-Rate-History.
        """
        named = "startTime" in query or "endTime" in query
        limit = min(int(query.get("limit", 100)), 1000) if named else 200
        end = min(int(query.get("endTime", 1 << 62)), self._now())
        start = int(query.get("startTime", end - 200 * HOUR))
        rows = []
        for symbol in [query["symbol"]] if "symbol" in query else self.listed:
            every = self.interval(symbol) * HOUR
            for at in range(start // every * every, end + 1, every):
                time = at + at // every % 9  # some milliseconds late, as the exchange is
                if start <= time <= end:
                    rows.append((time, symbol, at))
        rows.sort(key=lambda row: row[0])
        return [
            {
                "symbol": symbol,
                "fundingTime": time,
                "fundingRate": self._text(self.rate(symbol, at), twist if twist in {"none", "nan"} else None),
                "markPrice": self._text(self.price(symbol, at), None),
            }
            for time, symbol, at in (rows[:limit] if named else rows[-limit:])
        ]

    def _stablecoins(self, query: dict[str, str], twist: str | None) -> Any:
        today = self._now(twist) // DAY * DAY
        rows = []
        for at in range(today - 400 * DAY, today + 1, DAY):
            supply = self._text(2.9e11 * (1 + at / 4e13), twist, 2)
            rows.append({"date": str(at // 1000), "totalCirculatingUSD": {"peggedUSD": supply, "peggedEUR": 4.1e8}})
        return rows

    def _fear_greed(self, query: dict[str, str], twist: str | None) -> Any:
        limit = int(query.get("limit", 1)) or 2000
        today = self._now(twist) // DAY * DAY
        rows = []
        for at in range(today, today - limit * DAY, -DAY):
            value = round(50 + 40 * math.sin(at / (60 * DAY) * math.tau))
            text = self._text(float(value), twist, 0)
            rows.append({"value": text, "value_classification": _word(value), "timestamp": str(at // 1000)})
        rows[0]["time_until_update"] = "3600"
        return {"name": "Fear and Greed Index", "data": rows, "metadata": {"error": None}}


def _split(path: str) -> tuple[str, str]:
    """Split the name of a venue, where the address begins with one, from its own path."""
    first, _, rest = path[1:].partition("/")
    return (first, "/" + rest) if first in exchange_venues.NAMES else ("", path)


def _word(value: float) -> str:
    borders = ((25, "Extreme Fear"), (46, "Fear"), (54, "Neutral"), (75, "Greed"), (101, "Extreme Greed"))
    return next(word for below, word in borders if value < below)
