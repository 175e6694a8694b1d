"""Bybit linear perpetuals in our units. Calls and fields: bybit-exchange.github.io/docs/v5, category linear.

Sizes are coins. `openInterest` counts both sides; `singleOpenInterest` one, and is exactly half of it (answers of
2026-09-15, seen in public recordings). Where only the former comes, it is halved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.dated import Dated, dated
from bot.market.exchange.recipe import (
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
    points,
    row_of,
    rows_of,
    running,
    settled,
    stamp,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, DATED_EVERY, RATIOS_EVERY, Offer, VenueRecipe
from bot.market.tiers.tables import BySymbol
from signals.units import HOUR, MINUTE, in_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw
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


async def open_interest(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read open interest now, from one answer for all contracts, and since then by the hour.

    The history comes in coins alone; its dollars are the coins at the close of the hour that ended at that moment.
    """
    at, row = await _ticker(ask_raw, contract)
    coins = number(row["singleOpenInterest"]) if row.get("singleOpenInterest") else number(row["openInterest"]) / _SIDES
    coins *= contract.multiplier
    usd = row.get("singleOpenInterestValue")
    value = number(usd) if usd else number(row["openInterestValue"]) / _SIDES
    live = points(contract, [at], {"open_interest_coin": [coins], "open_interest_usd": [value]})
    return [*await _history(ask_raw, contract, ask), live]


async def _history(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    if ask.since is None:
        return []

    async def page(end: int) -> list[tuple[int, Any]]:
        answer = await ask_raw(
            "publicGetV5MarketOpenInterest",
            _asked(contract)
            | {"intervalTime": "1h", "limit": _ROWS, "startTime": page_start(end, _ROWS * HOUR, ask.since)}
            | {"endTime": end},
        )
        return [(stamp(row["timestamp"]), row) for row in _list(answer)]

    rows = await backwards(page, since=ask.since, until=ask.now, most=25)
    coins = {
        at: number(row["singleOpenInterest"]) if row.get("singleOpenInterest") else number(row["openInterest"]) / _SIDES
        for at, row in rows
    }
    closes = {at + in_ms(HOUR): number(row[4]) for at, row in await _bars(ask_raw, contract, ask)}
    return apart(
        contract,
        {
            "open_interest_coin": [(at, coin_count * contract.multiplier) for at, coin_count in coins.items()],
            "open_interest_usd": [(at, coin_count * closes[at]) for at, coin_count in coins.items() if at in closes],
        },
    )


async def funding(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the rate that is building, mark and index price from one answer for all; and the settled rates since."""
    at, row = await _ticker(ask_raw, contract)
    hours = await _interval(ask_raw, contract, row)
    live = running(
        contract,
        at,
        rate=number(row["fundingRate"]),
        hours=hours,
        mark=number(row["markPrice"]),
        index=number(row["indexPrice"]),
    )
    if ask.since is None:
        return [live]

    async def page(end: int) -> list[tuple[int, float]]:
        answer = await ask_raw("publicGetV5MarketFundingHistory", _asked(contract) | {"limit": _ROWS, "endTime": end})
        return [(stamp(row["fundingRateTimestamp"]), number(row["fundingRate"])) for row in _list(answer)]

    rates = await backwards(page, since=before_settlement(ask.since), until=ask.now, most=25)
    return [*settled(contract, ask, rates, running_hours=hours), live]


async def _interval(ask_raw: Raw, contract: Contract, row: Mapping[str, Any]) -> float:
    """Hours between settlements: in the ticker, else in the list of instruments, where it stands in minutes."""
    if row.get("fundingIntervalHour"):
        return number(row["fundingIntervalHour"])
    asked = {"category": "linear", "limit": 1000}
    listed = await ask_raw("publicGetV5MarketInstrumentsInfo", asked, shared=True, digest=_BY_SYMBOL)
    return number(row_of(listed, contract)["fundingInterval"]) / 60


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


async def _ticker(ask_raw: Raw, contract: Contract) -> tuple[int, Mapping[str, Any]]:
    asked = {"category": "linear"}
    at, rows = await ask_raw("publicGetV5MarketTickers", asked, shared=True, digest=_tickers)
    return at, row_of(rows, contract)


def _tickers(answer: Any) -> tuple[int, dict[str, Any]]:
    return stamp(answer["time"]), _BY_SYMBOL(answer)


async def futures(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- as all recipes
    """Read the dated future that is nearest to a quarter away (BTCUSDT-25DEC26), from the answer for all."""
    at, rows = await ask_raw("publicGetV5MarketTickers", {"category": "linear"}, shared=True, digest=_tickers)
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
            open_interest, MINUTE, "one side of what Bybit counts; past dollars are coins at the hour's close"
        ),
        "funding": Offer(funding, MINUTE),
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
