# ruff: noqa: E501, PERF401 -- rows as venues send them, read beside their documents
"""The other venues of the loopback exchange, each in the shape that its own documents give.

One small world: the price of a coin is the same everywhere but for a few hundredths of a percent, open interest is a
share of the whole. Units, names, stamps and orders are those of the venue, since they are what is tested.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.fakes.exchange import FakeExchange

HOUR = 3_600_000
DAY = 24 * HOUR
NAMES = frozenset(
    {"binance", "binance_coinm", "bybit", "okx", "hyperliquid", "deribit", "gate", "bitget", "kucoin", "defillama"}
)


@dataclass(frozen=True)
class Named:
    """A contract at a venue. size: coins, or dollars of an inverse one, in a contract; packed: coins priced as one."""

    asset: str
    name: str
    size: float = 1.0
    packed: int = 1
    inverse: bool = False
    hours: int = 8


BYBIT = (
    Named("BTC", "BTCUSDT"), Named("ETH", "ETHUSDT"), Named("SOL", "SOLUSDT"),
    Named("PEPE", "1000PEPEUSDT", packed=1000, hours=4),
)  # fmt: skip
OKX = (
    Named("BTC", "BTC-USDT-SWAP", 0.01), Named("ETH", "ETH-USDT-SWAP", 0.1), Named("SOL", "SOL-USDT-SWAP", 1),
    Named("PEPE", "PEPE-USDT-SWAP", 10_000_000, hours=4),
)  # fmt: skip
HYPERLIQUID = (
    Named("BTC", "BTC", hours=1), Named("ETH", "ETH", hours=1), Named("SOL", "SOL", hours=1),
    Named("PEPE", "kPEPE", packed=1000, hours=1),
)  # fmt: skip
DERIBIT = (
    Named("BTC", "BTC-PERPETUAL", 10, inverse=True), Named("ETH", "ETH-PERPETUAL", 1, inverse=True),
    Named("SOL", "SOL_USDC-PERPETUAL", 0.1),
)  # fmt: skip
GATE = (
    Named("BTC", "BTC_USDT", 0.0001), Named("ETH", "ETH_USDT", 0.01), Named("SOL", "SOL_USDT", 1),
    Named("PEPE", "PEPE_USDT", 10_000_000, hours=4),
)  # fmt: skip
BITGET = (
    Named("BTC", "BTCUSDT"), Named("ETH", "ETHUSDT"), Named("SOL", "SOLUSDT"), Named("PEPE", "PEPEUSDT", hours=4),
)  # fmt: skip
KUCOIN = (
    Named("BTC", "XBTUSDTM", 0.001), Named("ETH", "ETHUSDTM", 0.01), Named("SOL", "SOLUSDTM", 0.1),
    Named("PEPE", "PEPEUSDTM", 100_000, hours=4),
)  # fmt: skip
COIN_M = (Named("BTC", "BTCUSD_PERP", 100, inverse=True), Named("ETH", "ETHUSD_PERP", 10, inverse=True))

SHARE = {"bybit": 0.7, "okx": 0.4, "hyperliquid": 0.35, "deribit": 0.1, "gate": 0.3, "bitget": 0.45, "kucoin": 0.1,
         "binance_coinm": 0.08}  # fmt: skip


@dataclass
class Question:
    """One question to one venue, and the model in the words of that venue."""

    world: FakeExchange
    venue: str
    query: dict[str, Any]
    twist: str | None

    @property
    def now(self) -> int:
        return self.world._now(self.twist)

    def text(self, value: float, digits: int = 10) -> str | None:
        return self.world._text(value, self.twist, digits)

    def rate(self, contract: Named, at: int) -> str | None:
        twist = self.twist if self.twist in {"none", "nan"} else None
        return self.world._text(0.00005 + 0.0001 * math.sin(at / (5 * DAY) * math.tau + len(contract.asset)), twist)

    def hours(self, contract: Named) -> int:
        return self.world.intervals.get(f"{self.venue}:{contract.asset}", contract.hours)

    def price(self, contract: Named, at: int) -> float:
        """Price as the venue quotes it; a new contract size shows in it as it does in truth."""
        symbol = "1000PEPEUSDT" if contract.asset == "PEPE" else f"{contract.asset}USDT"
        coin = self.world.price(symbol, at) / (1000 if contract.asset == "PEPE" else 1)
        return coin * contract.packed * self.world.scale.get((self.venue, contract.asset), 1.0)

    def dated_index(self) -> float:
        """Index of the dated contracts of bitcoin: a venue quotes them whichever perpetuals it lists."""
        return self.price(Named("BTC", "BTCUSDT"), self.now) * 1.0003 if "BTCUSDT" in self.world.listed else 90_000.0

    def coins(self, contract: Named, at: int) -> float:
        symbol = "1000PEPEUSDT" if contract.asset == "PEPE" else f"{contract.asset}USDT"
        return self.world.coins(symbol, at) * (1000 if contract.asset == "PEPE" else 1) * SHARE[self.venue]

    def contracts(self, contract: Named, at: int) -> float:
        if contract.inverse:
            return self.coins(contract, at) * self.price(contract, at) / contract.size
        return self.coins(contract, at) / contract.packed / contract.size

    def usd(self, contract: Named, at: int) -> float:
        return self.coins(contract, at) * self.price(contract, at) / contract.packed

    def bar(self, contract: Named, at: int) -> list[str | None]:
        """Open, high, low, close; then coins as the venue counts them, contracts, and dollars."""
        first, last = self.price(contract, at), self.price(contract, at + HOUR - 1)
        volume = self.contracts(contract, at) * (0.02 + 0.01 * math.sin(at / DAY * math.tau))
        coins = volume * contract.size / (first if contract.inverse else 1)
        usd = volume * contract.size * (1 if contract.inverse else first)
        return [self.text(x) for x in (first, max(first, last), min(first, last), last, coins, volume, usd)]

    def opens(self, end: float, rows: int, start: float = 0, step: int = HOUR) -> list[int]:
        """Times on the grid up to `end` and the present, the newest `rows` of them, oldest first."""
        last = int(min(end, self.now)) // step * step
        first = max(last - (rows - 1) * step, -(-int(start) // step) * step, self.now - 400 * DAY)
        return list(range(-(-first // step) * step, last + 1, step))

    def book(self, contract: Named, levels: int = 60) -> tuple[list[tuple[str | None, str | None]], ...]:
        mid, size = self.price(contract, self.now), self.contracts(contract, self.now) / 10_000
        bids, asks = (
            [(f"{mid * (1 + side * (n + 0.5) * 0.0005):.10f}", self.text(size * (1 + n % 3))) for n in range(levels)]
            for side in (-1, 1)
        )
        return bids, asks

    def find(self, among: Iterable[Named], name: str | None) -> Named:
        try:
            return next(
                contract
                for contract in among
                if contract.name == name and (self.venue, contract.asset) not in self.world.gone
            )
        except StopIteration:
            raise Unlisted(name) from None

    def listed(self, among: Iterable[Named]) -> list[Named]:
        return [contract for contract in among if (self.venue, contract.asset) not in self.world.gone]


class Unlisted(Exception):  # noqa: N818 -- it says what the contract is
    """A contract that the venue does not have."""


def answer(world: FakeExchange, path: str, query: dict[str, Any], twist: str | None) -> tuple[int, Any]:
    venue, make = ANSWERS[path]
    try:
        return 200, make(Question(world, venue, query, twist))
    except Unlisted:
        return REFUSALS[venue]


REFUSALS: dict[str, tuple[int, Any]] = {
    "binance_coinm": (400, {"code": -1121, "msg": "Invalid symbol."}),
    "bybit": (200, {"retCode": 10001, "retMsg": "params error: symbol invalid", "result": {}, "time": 1}),
    "okx": (200, {"code": "51001", "data": [], "msg": "Instrument ID does not exist"}),
    "hyperliquid": (500, "null"),
    "deribit": (400, {"jsonrpc": "2.0", "error": {"code": 13020, "message": "instrument_not_found"}}),
    "gate": (400, {"label": "CONTRACT_NOT_FOUND", "message": "contract not found"}),
    "bitget": (400, {"code": "40034", "msg": "Parameter does not exist", "data": None, "requestTime": 1}),
    "kucoin": (200, {"code": "300003", "msg": "The contract does not exist"}),
}

# What each of them says to a question that reaches too far back, in the words of its documents or recordings.
TOO_FAR: dict[str, tuple[int, Any]] = {
    "binance": (400, {"code": -1130, "msg": "parameter 'startTime' is invalid."}),
    "binance_coinm": (400, {"code": -4088, "msg": "Maximum time interval is 200 days"}),
    "bybit": (200, {"retCode": 10001, "retMsg": "params error: StartTime Is Invalid", "result": {}, "time": 1}),
    "okx": (200, {"code": "51000", "data": [], "msg": "Parameter end error"}),
    "hyperliquid": (422, "Failed to deserialize the JSON body: startTime"),
    "deribit": (400, {"jsonrpc": "2.0", "error": {"code": -32602, "message": "Invalid params"}}),
    "gate": (400, {"label": "INVALID_PARAM_VALUE", "message": "from time exceeds 180-day limit"}),
    "bitget": (400, {"code": "40705", "msg": "The start and end time cannot exceed 90 days", "data": None}),
    "kucoin": (200, {"code": "400100", "msg": "Parameter startAt is invalid"}),
}
# And to a question that they do not like for another reason, or do not answer any more.
DISLIKED: dict[str, tuple[int, Any]] = {
    "binance": (400, {"code": -1101, "msg": "Too many parameters sent for this endpoint."}),
    "binance_coinm": (404, {"code": -1, "msg": "gone"}),
    "bybit": (200, {"retCode": 10017, "retMsg": "Route not found.", "result": {}, "time": 1}),
    "okx": (200, {"code": "50014", "data": [], "msg": "Parameter ccy can not be empty"}),
    "hyperliquid": (422, "Failed to deserialize the JSON body into the target type"),
    "deribit": (400, {"jsonrpc": "2.0", "error": {"code": -32601, "message": "Method not found"}}),
    "gate": (400, {"label": "INVALID_REQUEST_BODY", "message": "unknown field"}),
    "bitget": (404, {"code": "40404", "msg": "Request URL NOT FOUND", "data": None}),
    "kucoin": (404, {"code": "404000", "msg": "Url Not Found"}),
}
_BEGINS = ("startTime", "start", "from", "startAt", "start_timestamp")
_ENDS = ("endTime", "end", "after")


def question_name(path: str, query: dict[str, Any]) -> str:
    """Name a question: its path, and at Hyperliquid its type."""
    return f"{path} {query['type']}" if path == "/info" else path


def begin_of(query: dict[str, Any]) -> int | None:
    """Return where a question begins, in milliseconds; where it names its end alone, that."""
    asked = query.get("req", query)
    found = next((int(asked[name]) for name in (*_BEGINS, *_ENDS) if name in asked), None)
    return found * 1000 if found and found < 1e11 else found


# --- Bybit


def _bybit(q: Question, **result: Any) -> Any:
    return {"retCode": 0, "retMsg": "OK", "result": {"category": "linear"} | result, "retExtInfo": {}, "time": q.now}


def _bybit_instruments(q: Question) -> Any:
    rows = [
        {
            "symbol": contract.name, "contractType": "LinearPerpetual", "status": "Trading", "quoteCoin": "USDT",
            "baseCoin": contract.name.removesuffix("USDT"), "launchTime": "1585526400000", "deliveryTime": "0",
            "deliveryFeeRate": "", "priceScale": "2", "unifiedMarginTrade": True, "fundingInterval": q.hours(contract) * 60,
            "settleCoin": "USDT", "copyTrading": "both", "upperFundingRate": "0.005", "lowerFundingRate": "-0.005",
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
            "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
            "lotSizeFilter": {"maxOrderQty": "1190.000", "minOrderQty": "0.001", "qtyStep": "0.001"},
        }
        for contract in q.listed(BYBIT)
    ]  # fmt: skip
    return _bybit(q, list=rows, nextPageCursor="")


def _bybit_tickers(q: Question) -> Any:
    rows = []
    for contract in q.listed(BYBIT):
        coins, usd = q.contracts(contract, q.now), q.usd(contract, q.now)
        rows.append(
            {
                "symbol": contract.name, "lastPrice": q.text(q.price(contract, q.now)), "markPrice": q.text(q.price(contract, q.now)),
                "indexPrice": q.text(q.price(contract, q.now) * 1.0003), "openInterest": q.text(2 * coins),
                "openInterestValue": q.text(2 * usd), "singleOpenInterest": q.text(coins),
                "singleOpenInterestValue": q.text(usd), "turnover24h": "1", "volume24h": "1",
                "fundingRate": q.rate(contract, q.now), "nextFundingTime": str((q.now // (8 * HOUR) + 1) * 8 * HOUR),
                "fundingIntervalHour": str(q.hours(contract)), "deliveryTime": "0", "basisRate": "",
            }
        )  # fmt: skip
    every = [
        row | {
            "symbol": f"{row['symbol']}-{day}", "deliveryTime": str(at), "fundingRate": "", "fundingIntervalHour": "",
            "markPrice": q.text(float(row["indexPrice"] or 0) * premium),
        }
        for row in rows[:2]
        for day, at, premium in (("25DEC26", 1_798_185_600_000, 1.004), ("26MAR27", 1_806_048_000_000, 1.01))
    ]  # fmt: skip
    return _bybit(q, list=[*rows, *every])


def _bybit_klines(q: Question) -> Any:
    contract = q.find(BYBIT, q.query.get("symbol"))
    opens = q.opens(float(q.query.get("end", math.inf)), int(q.query["limit"]), float(q.query.get("start", 0)))
    rows = []
    for at in reversed(opens):
        *prices, coins, _, usd = q.bar(contract, at)
        rows.append([str(at), *prices, coins, usd])
    return _bybit(q, symbol=contract.name, list=rows)


def _bybit_interest(q: Question) -> Any:
    contract = q.find(BYBIT, q.query.get("symbol"))
    opens = q.opens(float(q.query["endTime"]), int(q.query["limit"]), float(q.query["startTime"]))
    rows = [
        {
            "openInterest": q.text(2 * q.contracts(contract, at)),
            "singleOpenInterest": q.text(q.contracts(contract, at)),
            "timestamp": str(at),
        }
        for at in reversed(opens)
    ]
    return _bybit(q, symbol=contract.name, list=rows, nextPageCursor="")


def _bybit_rates(q: Question) -> Any:
    contract = q.find(BYBIT, q.query.get("symbol"))
    times = q.opens(float(q.query["endTime"]), int(q.query["limit"]), step=q.hours(contract) * HOUR)
    rows = [
        {"symbol": contract.name, "fundingRate": q.rate(contract, at), "fundingRateTimestamp": str(at)}
        for at in reversed(times)
    ]
    return _bybit(q, list=rows)


def _bybit_ratio(q: Question) -> Any:
    contract = q.find(BYBIT, q.query.get("symbol"))
    step = HOUR if q.query["period"] == "1h" else HOUR // 12
    times = q.opens(float(q.query.get("endTime", math.inf)), min(int(q.query["limit"]), 700), step=step)
    rows = [
        {"symbol": contract.name, "buyRatio": q.text(0.6, 4), "sellRatio": q.text(0.4, 4), "timestamp": str(at)}
        for at in reversed(times)
    ]
    return _bybit(q, list=rows, nextPageCursor="")


def _bybit_book(q: Question) -> Any:
    contract = q.find(BYBIT, q.query.get("symbol"))
    bids, asks = q.book(contract)
    return _bybit(q, s=contract.name, b=bids, a=asks, ts=q.now, u=230704, seq=1432604333, cts=q.now)


# --- OKX


def _okx(rows: Any) -> Any:
    return {"code": "0", "msg": "", "data": rows}


def _okx_instruments(q: Question) -> Any:
    return _okx(
        [
            {
                "alias": "", "baseCcy": "", "category": "1", "ctMult": "1", "ctType": "linear", "ctVal": f"{contract.size:g}",
                "ctValCcy": contract.asset, "expTime": "", "instFamily": contract.name.removesuffix("-SWAP"), "instId": contract.name,
                "instType": "SWAP", "lever": "100", "listTime": "1573557408000", "lotSz": "1", "maxLmtSz": "100000000",
                "minSz": "1", "optType": "", "quoteCcy": "", "settleCcy": "USDT", "state": "live", "stk": "",
                "tickSz": "0.1", "uly": contract.name.removesuffix("-SWAP"), "ruleType": "normal",
            }
            for contract in q.listed(OKX)
        ]
    )  # fmt: skip


def _okx_window(q: Question, step: int = HOUR, until: str = "end", most: int = 100) -> list[int]:
    """Newest first, both bounds exclusive, as OKX does it."""
    end = float(q.query[until]) - 1 if until in q.query else math.inf
    return list(reversed(q.opens(end, min(int(q.query.get("limit", 100)), most), step=step)))


def _okx_candles(q: Question) -> Any:
    contract = q.find(OKX, q.query.get("instId"))
    rows = []
    for at in _okx_window(q, until="after"):
        *prices, coins, contracts, usd = q.bar(contract, at)
        rows.append([str(at), *prices, contracts, coins, usd, "1" if at + HOUR <= q.now else "0"])
    return _okx(rows)


def _okx_taker(q: Question) -> Any:
    contract = q.find(OKX, q.query.get("instId"))
    unit = {"0": -3, "1": -2, "2": -1}[q.query.get("unit", "1")]
    rows = []
    for at in _okx_window(q):
        volume = q.bar(contract, at)[unit]
        whole = float(volume or "nan")
        rows.append([str(at), f"{whole * 0.45:.6f}", f"{whole * 0.55:.6f}"])
    return _okx(rows)


def _okx_interest(q: Question) -> Any:
    return _okx(
        [
            {
                "instId": contract.name, "instType": "SWAP", "oi": q.text(q.contracts(contract, q.now)),
                "oiCcy": q.text(q.coins(contract, q.now)), "oiUsd": q.text(q.usd(contract, q.now)), "ts": str(q.now),
            }
            for contract in q.listed(OKX)
        ]
    )  # fmt: skip


def _okx_interest_history(q: Question) -> Any:
    contract = q.find(OKX, q.query.get("instId"))
    values: tuple[Callable[[Named, int], float], ...] = (q.contracts, q.coins, q.usd)
    return _okx([[str(at), *(q.text(value(contract, at)) for value in values)] for at in _okx_window(q)])


def _okx_rates(q: Question) -> Any:
    rows = []
    for contract in q.listed(OKX):
        every = q.hours(contract) * HOUR
        due = (q.now // every + 1) * every
        rows.append(
            {
                "fundingRate": q.rate(contract, q.now), "fundingTime": str(due), "instId": contract.name, "instType": "SWAP",
                "method": "current_period", "nextFundingRate": "", "nextFundingTime": str(due + every), "ts": str(q.now),
            }
        )  # fmt: skip
    return _okx(rows)


def _okx_rate_history(q: Question) -> Any:
    contract = q.find(OKX, q.query.get("instId"))
    times = _okx_window(q, q.hours(contract) * HOUR, "after")
    return _okx(
        [
            {"fundingRate": "0", "realizedRate": q.rate(contract, at), "fundingTime": str(at), "instId": contract.name}
            for at in times
        ]
    )


def _okx_dated(q: Question) -> Any:
    """Answer as for FUTURES: two dated contracts of bitcoin, one in coins, and a perpetual with an expiry in years."""
    names = {"BTC-USDT-261225": 1.004, "BTC-USDT-270326": 1.02, "BTC-USD-261225": 1.3, "BTC-USD_UM_XPERP-310404": 1.4}
    index = q.dated_index()
    return _okx(
        [
            {"instId": name, "instType": "FUTURES", "markPx": q.text(index * premium), "ts": str(q.now)}
            for name, premium in names.items()
        ]
    )


def _okx_marks(q: Question) -> Any:
    if q.query.get("instType") == "FUTURES":
        return _okx_dated(q)
    return _okx(
        [
            {"instId": contract.name, "instType": "SWAP", "markPx": q.text(q.price(contract, q.now)), "ts": str(q.now)}
            for contract in q.listed(OKX)
        ]
    )


def _okx_indices(q: Question) -> Any:
    return _okx(
        [
            {
                "instId": contract.name.removesuffix("-SWAP"),
                "idxPx": q.text(q.price(contract, q.now) * 1.0003),
                "ts": str(q.now),
            }
            for contract in q.listed(OKX)
        ]
    )


def _okx_ratio(value: float) -> Callable[[Question], Any]:
    def make(q: Question) -> Any:
        q.find(OKX, q.query.get("instId"))
        step = HOUR if q.query["period"] == "1H" else HOUR // 12
        return _okx([[str(at), q.text(value, 4)] for at in _okx_window(q, step)])

    return make


def _okx_book(q: Question) -> Any:
    contract = q.find(OKX, q.query.get("instId"))
    bids, asks = q.book(contract)
    return _okx([{"asks": [[*x, "2"] for x in asks], "bids": [[*x, "2"] for x in bids], "ts": str(q.now)}])


# --- Hyperliquid


def _hyperliquid(q: Question) -> Any:
    kinds: dict[str, Callable[[Question], Any]] = {
        "metaAndAssetCtxs": _hl_contexts, "candleSnapshot": _hl_candles, "fundingHistory": _hl_rates, "l2Book": _hl_book
    }  # fmt: skip
    return kinds[q.query["type"]](q)


def _hl_contexts(q: Question) -> Any:
    listed = q.listed(HYPERLIQUID)
    universe = [{"name": contract.name, "szDecimals": 2, "maxLeverage": 40, "marginTableId": 56} for contract in listed]
    contexts = []
    for contract in listed:
        price = q.price(contract, q.now)
        contexts.append(
            {
                "funding": q.rate(contract, q.now), "openInterest": q.text(q.contracts(contract, q.now)), "premium": "0.0003",
                "prevDayPx": f"{price:.8f}", "dayNtlVlm": "1169046.29", "dayBaseVlm": "100", "markPx": q.text(price),
                "oraclePx": q.text(price * 1.0003), "midPx": q.text(price),
                "impactPxs": [f"{price * 0.999:.8f}", f"{price * 1.001:.8f}"],
            }
        )  # fmt: skip
    return [{"universe": universe, "marginTables": []}, contexts]


def _hl_candles(q: Question) -> Any:
    asked = q.query["req"]
    contract = q.find(HYPERLIQUID, asked["coin"])
    rows = []
    for at in q.opens(asked["endTime"], 5000, asked["startTime"]):
        *prices, coins, _, _ = q.bar(contract, at)
        named = dict(zip("ohlc", prices, strict=True))
        rows.append({"t": at, "T": at + HOUR - 1, "s": contract.name, "i": "1h", **named, "v": coins, "n": 189})
    return rows


def _hl_rates(q: Question) -> Any:
    contract = q.find(HYPERLIQUID, q.query["coin"])
    first = -(-q.query["startTime"] // HOUR) * HOUR
    times = range(first, min(q.query["endTime"], q.now) + 1, HOUR)
    return [
        {"coin": contract.name, "fundingRate": q.rate(contract, at), "premium": "0.0001", "time": at + at // HOUR % 90}
        for at in times
        if at + at // HOUR % 90 <= q.query["endTime"]
    ][:500]


def _hl_book(q: Question) -> Any:
    """Twenty levels a side on a grid of so many significant figures, bids rounded down and asks up."""
    contract = q.find(HYPERLIQUID, q.query["coin"])
    mid, size = q.price(contract, q.now), q.contracts(contract, q.now) / 10_000
    step = 10 ** (math.floor(math.log10(mid)) - q.query.get("nSigFigs", 5) + 1)
    low, high = math.floor(mid / step) * step, math.ceil(mid / step) * step
    sides = [
        [{"px": f"{start + sign * n * step:.8f}", "sz": q.text(size), "n": 3} for n in range(20)]
        for start, sign in ((low, -1), (high, 1))
    ]
    return {"coin": contract.name, "time": q.now, "levels": sides}


# --- Deribit


def _deribit(q: Question, result: Any) -> Any:
    return {"jsonrpc": "2.0", "result": result, "usIn": q.now * 1000, "usOut": q.now * 1000 + 65, "testnet": False}


def _deribit_instruments(q: Question) -> Any:
    return _deribit(
        q,
        [
            {
                "tick_size": 0.5, "taker_commission": 0.0005, "settlement_period": "perpetual", "kind": "future",
                "settlement_currency": contract.asset if contract.inverse else "USDC", "base_currency": contract.asset,
                "quote_currency": "USD" if contract.inverse else "USDC", "counter_currency": "USD" if contract.inverse else "USDC",
                "min_trade_amount": contract.size, "max_leverage": 50, "maker_commission": 0.0, "is_active": True,
                "instrument_name": contract.name, "instrument_id": 210838, "expiration_timestamp": 32503708800000,
                "creation_timestamp": 1534167754000, "contract_size": contract.size,
                "future_type": "reversed" if contract.inverse else "linear",
                "instrument_type": "reversed" if contract.inverse else "linear",
            }
            for contract in q.listed(DERIBIT)
        ],
    )  # fmt: skip


def _figure(q: Question, value: float) -> float | None:
    """Deribit sends numbers, not text."""
    text = q.text(value)
    return None if text is None else float(text) if text != "nan" else None


def _deribit_ticker(q: Question) -> Any:
    contract = q.find(DERIBIT, q.query["instrument_name"])
    rate = q.rate(contract, q.now)
    given = q.usd(contract, q.now) if contract.inverse else q.coins(contract, q.now)
    return _deribit(
        q,
        {
            "timestamp": q.now, "state": "open", "open_interest": _figure(q, given), "instrument_name": contract.name,
            "mark_price": _figure(q, q.price(contract, q.now)), "index_price": _figure(q, q.price(contract, q.now) * 1.0003),
            "funding_8h": None if rate in {None, "nan"} else float(rate or 0), "current_funding": 0.0,
            "last_price": q.price(contract, q.now), "stats": {"volume_usd": 1.0},
        },
    )  # fmt: skip


def _deribit_chart(q: Question) -> Any:
    contract = q.find(DERIBIT, q.query["instrument_name"])
    opens = q.opens(float(q.query["end_timestamp"]), 5000, float(q.query["start_timestamp"]))
    rows = [q.bar(contract, at) for at in opens]
    names = ("open", "high", "low", "close", "volume", "contracts", "cost")
    columns = {name: [row[n] and float(row[n]) for row in rows] for n, name in enumerate(names)}  # type: ignore[arg-type]
    del columns["contracts"]
    return _deribit(q, {"status": "ok", "ticks": opens} | columns)


def _deribit_rates(q: Question) -> Any:
    q.find(DERIBIT, q.query["instrument_name"])
    times = q.opens(float(q.query["end_timestamp"]), 744, float(q.query["start_timestamp"]))
    return _deribit(
        q,
        [
            {
                "timestamp": at, "index_price": 1.0, "prev_index_price": 1.0, "interest_8h": 8e-5,
                "interest_1h": None if q.twist in {"none", "nan"} else 1e-5,
            }
            for at in times
        ],
    )  # fmt: skip


def _deribit_book(q: Question) -> Any:
    contract = q.find(DERIBIT, q.query["instrument_name"])
    bids, asks = (
        [[float(price or 0), size and float(size) * contract.size] for price, size in side] for side in q.book(contract)
    )
    return _deribit(q, {"timestamp": q.now, "instrument_name": contract.name, "bids": bids, "asks": asks})


def _deribit_dvol(q: Question) -> Any:
    opens = q.opens(float(q.query["end_timestamp"]), 1000, float(q.query["start_timestamp"]))
    rows = [[at, *[_figure(q, 45 + math.sin(at / DAY))] * 4] for at in opens]
    return _deribit(q, {"data": rows, "continuation": None})


def _deribit_dated(q: Question, currency: str) -> list[Any]:
    if currency not in {"BTC", "ETH"}:
        return []
    return [
        {
            "instrument_name": f"{currency}-{day}", "mark_price": _figure(q, 90_000.0 * premium), "open_interest": 1e8,
            "estimated_delivery_price": _figure(q, 90_000.0), "creation_timestamp": q.now, "base_currency": currency,
        }
        for day, premium in (("PERPETUAL", 1.0001), ("27NOV26", 1.001), ("25DEC26", 1.004), ("26MAR27", 1.02))
    ]  # fmt: skip


def _deribit_options(q: Question) -> Any:
    asked = q.query["currency"]
    if q.query["kind"] == "future":
        return _deribit(q, _deribit_dated(q, asked))
    if asked not in {"BTC", "ETH", "USDC"}:
        return _deribit(q, [])
    name, rows = "SOL_USDC" if asked == "USDC" else asked, []
    for day, strikes in (("27NOV26", (80_000, 90_000, 100_000)), ("25DEC26", (60_000, 90_000, 120_000))):
        for strike in strikes:
            for kind in "CP":
                rows.append(
                    {
                        "instrument_name": f"{name}-{day}-{strike}-{kind}", "open_interest": _figure(q, strike / 100),
                        "mark_iv": _figure(q, 50 + strike / 10_000), "mark_price": 0.0134, "underlying_price": 90_000.0,
                        "base_currency": name, "quote_currency": name, "creation_timestamp": q.now, "volume": 1.0,
                        "underlying_index": f"{name}-{day}", "bid_price": None if kind == "C" else 0.013, "ask_price": 0.014,
                        "estimated_delivery_price": _figure(q, 89_990.0),
                    }
                )  # fmt: skip
    return _deribit(q, rows)


# --- Gate


def _gate_contracts(q: Question) -> Any:
    return [
        {
            "name": contract.name, "type": "direct", "quanto_multiplier": f"{contract.size:.4f}", "leverage_min": "1",
            "leverage_max": "100", "maintenance_rate": "0.005", "mark_type": "index", "in_delisting": False,
            "mark_price": q.text(q.price(contract, q.now)), "index_price": q.text(q.price(contract, q.now) * 1.0003),
            "last_price": q.text(q.price(contract, q.now)), "maker_fee_rate": "-0.0001", "taker_fee_rate": "0.00075",
            "order_price_round": "0.1", "mark_price_round": "0.01", "funding_rate": q.rate(contract, q.now),
            "funding_rate_indicative": "0.0001", "funding_interval": q.hours(contract) * 3600, "order_size_min": 1,
            "funding_next_apply": (q.now // (8 * HOUR) + 1) * 8 * 3600, "order_size_max": 1000000, "create_time": 0,
            "position_size": _whole(q.text(q.contracts(contract, q.now), 0)), "trade_size": 28530850594, "status": "trading",
            "order_price_deviate": "0.2", "launch_time": 0, "config_change_time": 1782119113,
        }
        for contract in q.listed(GATE)
    ]  # fmt: skip


def _gate_dated(q: Question) -> Any:
    index = q.dated_index()
    return [
        {
            "name": f"BTC_USDT_{day:%Y%m%d}", "underlying": "BTC_USDT", "cycle": "QUARTERLY", "type": "direct",
            "quanto_multiplier": "0.0001", "mark_price": q.text(index * premium), "index_price": q.text(index),
            "expire_time": int(day.timestamp()), "in_delisting": False,
        }
        for day, premium in ((datetime(2026, 12, 25, 8, tzinfo=UTC), 1.004), (datetime(2027, 3, 26, 8, tzinfo=UTC), 1.02))
    ]  # fmt: skip


def _whole(text: str | None) -> float | str | None:
    return text if text in {None, "nan"} else int(float(text or 0))


def _gate_stats(q: Question) -> Any:
    contract = q.find(GATE, q.query["contract"])
    step = {"1h": HOUR, "5m": HOUR // 12}[q.query["interval"]]
    first = -(-int(q.query["from"]) * 1000 // step) * step
    times = range(first, q.now // step * step, step)[: int(q.query["limit"])]
    return [
        {
            "time": at // 1000, "lsr_taker": 0.9, "lsr_account": _number(q, 1.7), "top_lsr_account": _number(q, 1.2),
            "top_lsr_size": _number(q, 1.1), "long_liq_size": 0, "short_liq_size": 0, "long_liq_usd": 0,
            "long_taker_size": 450_000, "short_taker_size": 550_000,
            "short_liq_usd": 0, "open_interest": _whole(q.text(2 * q.contracts(contract, at + step), 0)),
            "open_interest_usd": _number(q, 2 * q.usd(contract, at + step)), "mark_price": _number(q, q.price(contract, at + step)),
        }
        for at in times
    ]  # fmt: skip


def _number(q: Question, value: float) -> float | str | None:
    text = q.text(value)
    return text if text in {None, "nan"} else float(text or 0)


def _gate_candles(q: Question) -> Any:
    contract = q.find(GATE, q.query["contract"])
    rows = []
    for at in q.opens(float(q.query["to"]) * 1000, 2000, float(q.query["from"]) * 1000):
        *prices, _, contracts, usd = q.bar(contract, at)
        named = dict(zip("ohlc", prices, strict=True))
        rows.append({"t": at // 1000, **named, "v": contracts and int(float(contracts)), "sum": usd})
    return rows


def _gate_rates(q: Question) -> Any:
    contract = q.find(GATE, q.query["contract"])
    times = q.opens(float(q.query["to"]) * 1000, 1000, float(q.query["from"]) * 1000, q.hours(contract) * HOUR)
    return [{"t": at // 1000, "r": q.rate(contract, at)} for at in reversed(times)]


def _gate_book(q: Question) -> Any:
    bids, asks = ([{"p": p, "s": s} for p, s in side] for side in q.book(q.find(GATE, q.query["contract"])))
    return {"current": q.now / 1000, "update": q.now / 1000 - 0.01, "asks": asks, "bids": bids}


# --- Bitget


def _bitget(q: Question, data: Any) -> Any:
    return {"code": "00000", "msg": "success", "requestTime": q.now, "data": data}


def _bitget_contracts(q: Question) -> Any:
    if q.query["productType"] != "USDT-FUTURES":
        return _bitget(q, [])
    return _bitget(
        q,
        [
            {
                "symbol": contract.name, "baseCoin": contract.name.removesuffix("USDT"), "quoteCoin": "USDT",
                "buyLimitPriceRatio": "0.05", "sellLimitPriceRatio": "0.05", "makerFeeRate": "0.0002",
                "takerFeeRate": "0.0006", "supportMarginCoins": ["USDT"], "minTradeNum": "0.001", "priceEndStep": "1",
                "volumePlace": "3", "pricePlace": "1", "sizeMultiplier": "0.001", "symbolType": "perpetual",
                "minTradeUSDT": "5", "symbolStatus": "normal", "fundInterval": str(q.hours(contract)), "minLever": "1",
                "maxLever": "125", "posLimit": "0.1", "maintainTime": "", "openTime": "", "deliveryTime": "",
                "limitOpenTime": "-1", "offTime": "-1", "launchTime": "", "maxProductOrderNum": "400",
            }
            for contract in q.listed(BITGET)
        ],
    )  # fmt: skip


def _bitget_in_coins(q: Question) -> Any:
    index = q.dated_index()
    dated = {
        "BTCUSD": ("", 1.0001),
        "BTCUSDZ26": (int(datetime(2026, 12, 25, 8, tzinfo=UTC).timestamp() * 1000), 1.004),
        "BTCUSDH27": (int(datetime(2027, 3, 26, 8, tzinfo=UTC).timestamp() * 1000), 1.02),
    }
    return _bitget(
        q,
        [
            {
                "symbol": name, "lastPr": q.text(index * premium), "markPrice": q.text(index * premium),
                "indexPrice": q.text(index), "deliveryTime": str(time), "deliveryStatus": "", "ts": str(q.now),
            }
            for name, (time, premium) in dated.items()
        ],
    )  # fmt: skip


def _bitget_tickers(q: Question) -> Any:
    if q.query["productType"] == "COIN-FUTURES":
        return _bitget_in_coins(q)
    return _bitget(
        q,
        [
            {
                "symbol": contract.name, "lastPr": q.text(q.price(contract, q.now)), "markPrice": q.text(q.price(contract, q.now)),
                "indexPrice": q.text(q.price(contract, q.now) * 1.0003), "holdingAmount": q.text(q.contracts(contract, q.now)),
                "fundingRate": q.rate(contract, q.now), "ts": str(q.now), "baseVolume": "1", "quoteVolume": "1",
            }
            for contract in q.listed(BITGET)
        ],
    )  # fmt: skip


def _bitget_rates(q: Question) -> Any:
    rows = [
        {
            "symbol": contract.name, "fundingRate": q.rate(contract, q.now), "fundingRateInterval": str(q.hours(contract)),
            "nextUpdate": str((q.now // (8 * HOUR) + 1) * 8 * HOUR), "minFundingRate": "-0.003", "maxFundingRate": "0.003",
        }
        for contract in q.listed(BITGET)
    ]  # fmt: skip
    return _bitget(q, rows)


def _bitget_rate_history(q: Question) -> Any:
    contract = q.find(BITGET, q.query["symbol"])
    size, page = int(q.query["pageSize"]), int(q.query["pageNo"])
    times = list(reversed(q.opens(math.inf, size * page, step=q.hours(contract) * HOUR)))[size * (page - 1) :]
    return _bitget(
        q, [{"symbol": contract.name, "fundingRate": q.rate(contract, at), "fundingTime": str(at)} for at in times]
    )


def _bitget_candles(q: Question) -> Any:
    contract = q.find(BITGET, q.query["symbol"])
    rows = []
    for at in q.opens(float(q.query.get("endTime", math.inf)), int(q.query["limit"])):
        *prices, coins, _, usd = q.bar(contract, at)
        rows.append([str(at), *prices, coins, usd])
    return _bitget(q, rows)


def _bitget_ratio(q: Question) -> Any:
    q.find(BITGET, q.query["symbol"])
    step = HOUR if q.query["period"] == "1h" else HOUR // 12
    return _bitget(
        q,
        [
            {
                "longAccountRatio": q.text(0.58, 4), "shortAccountRatio": q.text(0.42, 4),
                "longShortAccountRatio": "0.0138", "ts": str(at),
            }
            for at in q.opens(math.inf, 30, step=step)
        ],
    )  # fmt: skip


def _bitget_book(q: Question) -> Any:
    bids, asks = q.book(q.find(BITGET, q.query["symbol"]))
    return _bitget(q, {"asks": asks, "bids": bids, "ts": str(q.now), "scale": "0.1", "precision": "scale2"})


# --- KuCoin


def _kucoin(data: Any) -> Any:
    return {"code": "200000", "data": data}


def _kucoin_contracts(q: Question) -> Any:
    rows: list[dict[str, Any]] = [
            {
                "symbol": contract.name, "rootSymbol": "USDT", "type": "FFWCSX", "firstOpenDate": 1585555200000,
                "expireDate": None, "settleDate": None, "baseCurrency": contract.name.removesuffix("USDTM"),
                "quoteCurrency": "USDT", "settleCurrency": "USDT", "maxOrderQty": 1000000, "maxPrice": 1000000.0,
                "lotSize": 1, "tickSize": 0.1, "multiplier": contract.size, "initialMargin": 0.008, "isInverse": False,
                "makerFeeRate": 0.0002, "takerFeeRate": 0.0006, "status": "Open", "fundingFeeRate": q.rate(contract, q.now),
                "fundingRateGranularity": q.hours(contract) * HOUR, "openInterest": q.text(q.contracts(contract, q.now), 0),
                "markPrice": q.text(q.price(contract, q.now)), "indexPrice": q.text(q.price(contract, q.now) * 1.0003),
                "lastTradePrice": 1.0, "nextFundingRateTime": 5846496, "maxLeverage": 125, "isQuanto": False,
            }
            for contract in q.listed(KUCOIN)
    ]  # fmt: skip
    every = [
        row | {
            "symbol": f"{row['baseCurrency']}M{number}", "type": "FFICSX", "expireDate": q.now + days * 24 * HOUR,
            "quoteCurrency": "USD", "settleCurrency": row["baseCurrency"], "isInverse": True,
            "markPrice": row["markPrice"] and str(float(row["markPrice"]) * 1.01),
        }
        for row in rows for number, days in enumerate((3, 80))
    ]  # fmt: skip
    return _kucoin([*rows, *every])


def _kucoin_klines(q: Question) -> Any:
    contract = q.find(KUCOIN, q.query["symbol"])
    rows = []
    for at in q.opens(float(q.query["to"]), 500, float(q.query["from"])):
        *prices, _, contracts, usd = q.bar(contract, at)
        rows.append([at, *(_number_of(x) for x in (*prices, contracts, usd))])
    return _kucoin(rows)


def _number_of(text: str | None) -> float | str | None:
    return text if text in {None, "nan"} else float(text or 0)


def _kucoin_interest(q: Question) -> Any:
    contract = q.find(KUCOIN, q.query["symbol"])
    times = q.opens(float(q.query["endAt"]), int(q.query["pageSize"]), float(q.query["startAt"]))
    return _kucoin([{"openInterest": q.text(q.contracts(contract, at), 0), "ts": at} for at in reversed(times)])


def _kucoin_rates(q: Question) -> Any:
    contract = q.find(KUCOIN, q.query["symbol"])
    times = q.opens(float(q.query["to"]), 100, float(q.query["from"]), q.hours(contract) * HOUR)
    return _kucoin(
        [{"symbol": contract.name, "fundingRate": q.rate(contract, at), "timepoint": at} for at in reversed(times)]
    )


def _kucoin_book(q: Question) -> Any:
    bids, asks = (
        [[float(price or 0), _number_of(size)] for price, size in side]
        for side in q.book(q.find(KUCOIN, q.query["symbol"]))
    )
    return _kucoin({"sequence": 1697895963339, "asks": asks, "bids": bids, "ts": q.now * 1_000_000})


# --- Binance COIN-M


def _dapi_info(q: Question) -> Any:
    symbols = [
        {
            "symbol": contract.name, "pair": contract.name.removesuffix("_PERP"), "contractType": "PERPETUAL",
            "deliveryDate": 4133404800000, "onboardDate": 1597042800000, "contractStatus": "TRADING",
            "contractSize": contract.size, "marginAsset": contract.asset, "baseAsset": contract.asset, "quoteAsset": "USD",
            "pricePrecision": 1, "quantityPrecision": 0, "baseAssetPrecision": 8, "quotePrecision": 8,
            "underlyingType": "COIN", "underlyingSubType": ["PoW"],
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "4529764", "tickSize": "0.1"},
                {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "1000000", "stepSize": "1"},
            ],
        }
        for contract in q.listed(COIN_M)
    ]  # fmt: skip
    return {"timezone": "UTC", "serverTime": q.now, "rateLimits": [], "exchangeFilters": [], "symbols": symbols}


def _dapi_klines(q: Question) -> Any:
    contract = q.find(COIN_M, q.query["symbol"])
    rows = []
    for at in q.opens(float(q.query["endTime"]), int(q.query["limit"]), float(q.query["startTime"])):
        *prices, coins, contracts, _ = q.bar(contract, at)
        bought = [value and f"{float(value) * 0.55:.8f}" for value in (contracts, coins)]
        rows.append([at, *prices, contracts, at + HOUR - 1, coins, 1894, *bought, "0"])
    return rows


def _dapi_interest(q: Question) -> Any:
    contract = q.find(COIN_M, q.query["symbol"])
    held = q.text(q.contracts(contract, q.now), 0)
    return {
        "symbol": contract.name,
        "pair": contract.name[:-5],
        "openInterest": held,
        "contractType": "PERPETUAL",
        "time": q.now,
    }


def _dapi_premium(q: Question) -> Any:
    return [
        {
            "symbol": contract.name, "pair": contract.name[:-5], "markPrice": q.text(q.price(contract, q.now)),
            "indexPrice": q.text(q.price(contract, q.now) * 1.0003), "lastFundingRate": q.rate(contract, q.now),
            "interestRate": "0.00010000", "nextFundingTime": (q.now // (8 * HOUR) + 1) * 8 * HOUR, "time": q.now,
        }
        for contract in q.listed(COIN_M)
    ]  # fmt: skip


def _dapi_rates(q: Question) -> Any:
    contract = q.find(COIN_M, q.query["symbol"])
    times = q.opens(float(q.query["endTime"]), 1000, float(q.query["startTime"]), q.hours(contract) * HOUR)
    return [{"symbol": contract.name, "fundingTime": at, "fundingRate": q.rate(contract, at)} for at in times]


def _dapi_depth(q: Question) -> Any:
    contract = q.find(COIN_M, q.query["symbol"])
    bids, asks = q.book(contract)
    return {"lastUpdateId": 1, "E": q.now, "T": q.now, "symbol": contract.name, "bids": bids, "asks": asks}


def _fapi_depth(q: Question) -> Any:
    mid = q.world.price(q.query["symbol"], q.now)
    bids, asks = (
        [(f"{mid * (1 + side * (n + 0.5) * 0.0005):.10f}", q.text(2.0)) for n in range(60)] for side in (-1, 1)
    )
    return {"lastUpdateId": 1, "E": q.now, "T": q.now, "bids": bids, "asks": asks}


def _binance_history(q: Question) -> Any:
    contract = q.find(COIN_M, f"{q.query['pair']}_PERP")
    return [
        {
            "pair": contract.name[:-5], "contractType": "PERPETUAL", "sumOpenInterest": q.text(q.contracts(contract, at)),
            "sumOpenInterestValue": q.text(q.coins(contract, at)), "timestamp": at,
        }
        for at in _binance_times(q)
    ]  # fmt: skip


def _binance_times(q: Question) -> list[int]:
    step = HOUR if q.query["period"] == "1h" else HOUR // 12
    return q.opens(
        float(q.query.get("endTime", math.inf)), int(q.query["limit"]), float(q.query.get("startTime", 0)), step
    )


def _binance_ratio(value: float) -> Callable[[Question], Any]:
    def make(q: Question) -> Any:
        key = "pair" if "pair" in q.query else "symbol"
        return [{key: q.query[key], "longShortRatio": q.text(value, 4), "timestamp": at} for at in _binance_times(q)]

    return make


ANSWERS: dict[str, tuple[str, Callable[[Question], Any]]] = {
    "/v5/market/instruments-info": ("bybit", _bybit_instruments),
    "/v5/market/tickers": ("bybit", _bybit_tickers),
    "/v5/market/kline": ("bybit", _bybit_klines),
    "/v5/market/open-interest": ("bybit", _bybit_interest),
    "/v5/market/funding/history": ("bybit", _bybit_rates),
    "/v5/market/account-ratio": ("bybit", _bybit_ratio),
    "/v5/market/orderbook": ("bybit", _bybit_book),
    "/api/v5/public/instruments": ("okx", _okx_instruments),
    "/api/v5/market/history-candles": ("okx", _okx_candles),
    "/api/v5/market/candles": ("okx", _okx_candles),
    "/api/v5/rubik/stat/taker-volume-contract": ("okx", _okx_taker),
    "/api/v5/public/open-interest": ("okx", _okx_interest),
    "/api/v5/rubik/stat/contracts/open-interest-history": ("okx", _okx_interest_history),
    "/api/v5/public/funding-rate": ("okx", _okx_rates),
    "/api/v5/public/funding-rate-history": ("okx", _okx_rate_history),
    "/api/v5/public/mark-price": ("okx", _okx_marks),
    "/api/v5/market/index-tickers": ("okx", _okx_indices),
    "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract": ("okx", _okx_ratio(1.5)),
    "/api/v5/rubik/stat/contracts/long-short-account-ratio-contract-top-trader": ("okx", _okx_ratio(1.2)),
    "/api/v5/rubik/stat/contracts/long-short-position-ratio-contract-top-trader": ("okx", _okx_ratio(1.1)),
    "/api/v5/market/books-full": ("okx", _okx_book),
    "/info": ("hyperliquid", _hyperliquid),
    "/api/v2/public/get_instruments": ("deribit", _deribit_instruments),
    "/api/v2/public/ticker": ("deribit", _deribit_ticker),
    "/api/v2/public/get_tradingview_chart_data": ("deribit", _deribit_chart),
    "/api/v2/public/get_funding_rate_history": ("deribit", _deribit_rates),
    "/api/v2/public/get_order_book": ("deribit", _deribit_book),
    "/api/v2/public/get_volatility_index_data": ("deribit", _deribit_dvol),
    "/api/v2/public/get_book_summary_by_currency": ("deribit", _deribit_options),
    "/api/v4/futures/usdt/contracts": ("gate", _gate_contracts),
    "/api/v4/delivery/usdt/contracts": ("gate", _gate_dated),
    "/api/v4/futures/usdt/contract_stats": ("gate", _gate_stats),
    "/api/v4/futures/usdt/candlesticks": ("gate", _gate_candles),
    "/api/v4/futures/usdt/funding_rate": ("gate", _gate_rates),
    "/api/v4/futures/usdt/order_book": ("gate", _gate_book),
    "/api/v2/mix/market/contracts": ("bitget", _bitget_contracts),
    "/api/v2/mix/market/tickers": ("bitget", _bitget_tickers),
    "/api/v2/mix/market/current-fund-rate": ("bitget", _bitget_rates),
    "/api/v2/mix/market/history-fund-rate": ("bitget", _bitget_rate_history),
    "/api/v2/mix/market/candles": ("bitget", _bitget_candles),
    "/api/v2/mix/market/history-candles": ("bitget", _bitget_candles),
    "/api/v2/mix/market/account-long-short": ("bitget", _bitget_ratio),
    "/api/v2/mix/market/merge-depth": ("bitget", _bitget_book),
    "/api/v1/contracts/active": ("kucoin", _kucoin_contracts),
    "/api/v1/kline/query": ("kucoin", _kucoin_klines),
    "/api/ua/v1/market/open-interest": ("kucoin", _kucoin_interest),
    "/api/v1/contract/funding-rates": ("kucoin", _kucoin_rates),
    "/api/v1/level2/depth100": ("kucoin", _kucoin_book),
    "/dapi/v1/exchangeInfo": ("binance_coinm", _dapi_info),
    "/dapi/v1/klines": ("binance_coinm", _dapi_klines),
    "/dapi/v1/openInterest": ("binance_coinm", _dapi_interest),
    "/dapi/v1/premiumIndex": ("binance_coinm", _dapi_premium),
    "/dapi/v1/fundingInfo": ("binance_coinm", lambda q: []),
    "/dapi/v1/fundingRate": ("binance_coinm", _dapi_rates),
    "/dapi/v1/depth": ("binance_coinm", _dapi_depth),
    "/futures/data/openInterestHist": ("binance_coinm", _binance_history),
    "/futures/data/globalLongShortAccountRatio": ("binance", _binance_ratio(1.5)),
    "/futures/data/topLongShortAccountRatio": ("binance", _binance_ratio(1.2)),
    "/futures/data/topLongShortPositionRatio": ("binance", _binance_ratio(1.1)),
    "/fapi/v1/depth": ("binance", _fapi_depth),
}
