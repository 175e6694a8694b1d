"""Bybit linear perpetuals in our units. Calls and fields: bybit-exchange.github.io/docs/v5, category linear.

Sizes are coins. `openInterest` counts both sides; `singleOpenInterest` one, and is exactly half of it (answers of
2026-09-15, seen in public recordings). Where only the former comes, it is halved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.dated import Dated, dated
from bot.market.exchange.recipe import (
    OPEN,
    RATE,
    PresentOfAll,
    Unreadable,
    apart,
    backwards,
    bar,
    before_settlement,
    by_key,
    by_the_hour_and_now,
    depth,
    hourly,
    number,
    page_start,
    pairs,
    row_of,
    rows_of,
    settled,
    stamp,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, DATED_EVERY, RATIOS_EVERY, Offer, VenueRecipe
from bot.market.tiers.tables import BySymbol
from signals.units import HOUR, MINUTE, in_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw, Row, RowOf
    from bot.market.source import Ask
    from storage.market.points import Points

_BARS: Final = 1000
_ROWS: Final = 200
_SIDES: Final = 2
_LEVELS: Final = 500


def _list(answer: Any, *, least: int = 0) -> Any:
    return rows_of(answer["result"]["list"], least=least)


_BY_SYMBOL: Final = by_key(lambda answer: _list(answer, least=1), "symbol")


async def bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read closed hourly bars; taker-buy volume is not published."""
    rows = await _bars(ask_raw, contract, ask)
    found = [bar(at, row[1:5], number(row[6])) for at, row in rows]
    return [hourly(contract, found, ask.now)]


async def _bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[tuple[int, Any]]:
    async def page(end: int) -> list[tuple[int, Any]]:
        answer = await ask_raw(
            "publicGetV5MarketKline",
            _asked(contract)
            | {"interval": "60", "limit": _BARS, "start": page_start(end, _BARS * HOUR, ask.since), "end": end},
        )
        return [(stamp(row[0]), row) for row in _list(answer)]

    return await backwards(page, since=ask.since, until=ask.now, most=12)


async def open_interest_hours(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read open interest since then by the hour.

    It comes in coins alone; its dollars are the coins at the close of the hour that ended at that moment.
    """

    async def page(end: int) -> list[tuple[int, Any]]:
        answer = await ask_raw(
            "publicGetV5MarketOpenInterest",
            _asked(contract)
            | {"intervalTime": "1h", "limit": _ROWS, "startTime": page_start(end, _ROWS * HOUR, ask.since)}
            | {"endTime": end},
        )
        return [(stamp(row["timestamp"]), row) for row in _list(answer)]

    rows = await backwards(page, since=ask.since, until=ask.now, most=25)
    coins = {at: _one_side(row) for at, row in rows}
    closes = {at + in_ms(HOUR): number(row[4]) for at, row in await _bars(ask_raw, contract, ask)}
    return apart(
        contract,
        {
            "open_interest_coin": [(at, coin_count * contract.multiplier) for at, coin_count in coins.items()],
            "open_interest_usd": [(at, coin_count * closes[at]) for at, coin_count in coins.items() if at in closes],
        },
    )


async def open_interest_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read open interest now, from one answer for all contracts."""
    at, tickers = await _tickers(ask_raw)

    def row(contract: Contract) -> Row:
        ticker = row_of(tickers, contract)
        usd = ticker.get("singleOpenInterestValue")
        value = number(usd) if usd else number(ticker["openInterestValue"]) / _SIDES
        return at, _one_side(ticker) * contract.multiplier, value

    return row


def _one_side(row: Mapping[str, Any]) -> float:
    given = row.get("singleOpenInterest")
    return number(given) if given else number(row["openInterest"]) / _SIDES


async def settlements(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the settled rates since then."""
    assert ask.since is not None  # noqa: S101 -- for the type checker: asked for a past only
    hours = (await _intervals(ask_raw, [contract]))(contract)

    async def page(end: int) -> list[tuple[int, float]]:
        answer = await ask_raw("publicGetV5MarketFundingHistory", _asked(contract) | {"limit": _ROWS, "endTime": end})
        return [(stamp(row["fundingRateTimestamp"]), number(row["fundingRate"])) for row in _list(answer)]

    rates = await backwards(page, since=before_settlement(ask.since), until=ask.now, most=25)
    return settled(contract, ask, rates, running_hours=hours)


async def rates_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read the rate that is building, mark and index price from one answer for all."""
    at, tickers = await _tickers(ask_raw)
    hours = await _intervals(ask_raw, contracts)

    def row(contract: Contract) -> Row:
        ticker = row_of(tickers, contract)
        return (
            at,
            number(ticker["fundingRate"]),
            hours(contract),
            number(ticker["markPrice"]),
            number(ticker["indexPrice"]),
        )

    return row


async def _intervals(ask_raw: Raw, contracts: Sequence[Contract]) -> Callable[[Contract], float]:
    """Find hours between settlements: in the ticker, else in the list of instruments, where it stands in minutes."""
    _, tickers = await _tickers(ask_raw)
    named = [tickers[contract.market_id] for contract in contracts if contract.market_id in tickers]
    listed: Mapping[str, Any] = {}
    if not all(ticker.get("fundingIntervalHour") for ticker in named):
        asked = {"category": "linear", "limit": 1000}
        listed = await ask_raw("publicGetV5MarketInstrumentsInfo", asked, shared=True, digest=_BY_SYMBOL)

    def hours(contract: Contract) -> float:
        told = row_of(tickers, contract).get("fundingIntervalHour")
        return number(told) if told else number(row_of(listed, contract)["fundingInterval"]) / 60

    return hours


async def ratios(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read longs to shorts by accounts, the only one of the three kinds that is published."""

    async def page(end: int) -> list[tuple[int, float]]:
        when = {"period": "1h", "limit": 500, "endTime": end} if ask.since else {"period": "5min", "limit": 1}
        answer = await ask_raw("publicGetV5MarketAccountRatio", _asked(contract) | when)
        return [(stamp(row["timestamp"]), number(row["buyRatio"]) / number(row["sellRatio"])) for row in _list(answer)]

    rows = await backwards(page, since=ask.since, until=ask.now, most=10)
    if not rows:
        raise Unreadable("no ratio came where one is certain")
    return apart(contract, {"long_short_accounts": rows})


async def book(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- a recipe's signature
    """Read the book within 1 % of mid, 500 levels a side, where they reach that far."""
    answer = await ask_raw("publicGetV5MarketOrderbook", _asked(contract) | {"limit": _LEVELS})
    found = answer["result"]
    return [depth(contract, stamp(found["ts"]), pairs(found["b"]), pairs(found["a"]))]


def _asked(contract: Contract) -> dict[str, Any]:
    return {"category": "linear", "symbol": contract.market_id}


async def _tickers(ask_raw: Raw) -> tuple[int, Mapping[str, Any]]:
    asked = {"category": "linear"}
    found: tuple[int, Mapping[str, Any]] = await ask_raw(
        "publicGetV5MarketTickers", asked, shared=True, digest=_told_at
    )
    return found


def _told_at(answer: Any) -> tuple[int, Mapping[str, Any]]:
    return stamp(answer["time"]), _BY_SYMBOL(answer)


async def futures(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- as all recipes
    """Read the dated future that is nearest to a quarter away (BTCUSDT-25DEC26), from the answer for all."""
    at, rows = await _tickers(ask_raw)
    every = (
        Dated(int(number(row["deliveryTime"])), number(row["markPrice"]), number(row["indexPrice"]))
        for symbol, row in rows.items()
        if symbol.startswith(f"{contract.market_id}-")
    )
    return [dated(contract, at, every)]


RECIPE: Final = VenueRecipe(
    venue="bybit",
    ccxt_id="bybit",
    markets={"fetchMarkets": {"types": ["linear"]}},
    too_far=frozenset({"10001"}),
    offers={
        "bars": Offer(bars, MINUTE),
        "open_interest": Offer(
            open_interest_hours,
            MINUTE,
            "one side of what Bybit counts; past dollars are coins at the hour's close",
            PresentOfAll(OPEN, open_interest_now),
        ),
        "funding": Offer(settlements, MINUTE, present=PresentOfAll(RATE, rates_now)),
        "ratios": Offer(by_the_hour_and_now(ratios), RATIOS_EVERY),
        "depth": Offer(book, BOOK_EVERY),
        "dated_futures": Offer(futures, DATED_EVERY),
    },
    tiers=BySymbol(
        "Bybit /v5/market/risk-limit",
        ("linear", "inverse"),
        amount="mmDeduction",  # stands in the raw row alone
    ),
)
