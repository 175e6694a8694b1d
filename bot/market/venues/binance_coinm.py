"""Binance COIN-M perpetuals in our units. Calls and fields: developers.binance.com, COIN-M Futures, market data.

Sizes are contracts of $100 (BTC) or $10, values are coins: the opposite of USD-M, under the same field names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.recipe import (
    LONGEST_INTERVAL,
    RATE,
    SAME_TIME,
    PresentOfAll,
    Unreadable,
    apart,
    backwards,
    bar,
    before_settlement,
    by_key,
    by_the_hour_and_now,
    hourly,
    number,
    page_start,
    points,
    row_of,
    rows_of,
    settled,
    stamp,
    with_taker,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, RATIOS_EVERY, Offer, VenueRecipe
from bot.market.venues.binance_both import COIN_M, KEPT
from signals.units import HOUR, MINUTE, in_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw, Row, RowOf
    from bot.market.source import Ask
    from storage.market.points import Points

_BARS: Final = 1500  # and at most 200 days between two bounds (-4088)
_PAGE: Final = 500
_RATES: Final = 1000
_USUAL_INTERVAL: Final = 8.0


async def bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read closed hourly bars; columns 5 and 9 count contracts, whose dollars are fixed."""

    async def page(end: int) -> list[tuple[int, Any]]:
        stretch = {"startTime": page_start(end, (_BARS - 1) * HOUR, ask.since), "endTime": end, "limit": _BARS}
        asked = {"symbol": contract.market_id, "interval": "1h"} | stretch
        return [(stamp(row[0]), row) for row in rows_of(await ask_raw("dapiPublicGetKlines", asked), least=0)]

    rows = await backwards(page, since=ask.since, until=ask.now, most=12)
    found = [bar(at, row[1:5], number(row[5]) * contract.size) for at, row in rows]
    closed = hourly(contract, found, ask.now)
    bought = {at: number(row[9]) * contract.size for at, row in rows}
    return with_taker(closed, bought)


async def open_interest(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read open interest now, in USD and in coins at the mark price of the same time, and since then by the hour."""
    live = await ask_raw("dapiPublicGetOpenInterest", {"symbol": contract.market_id})
    if live["symbol"] != contract.market_id:
        raise Unreadable(f"{contract.market_id} was asked, another contract came")
    at, contracts = stamp(live["time"]), number(live["openInterest"])
    premium = row_of(await _premiums(ask_raw), contract)
    mark = number(premium["markPrice"])
    columns = {"open_interest_usd": [contract.usd(contracts, mark)]}
    if abs(stamp(premium["time"]) - at) <= in_ms(SAME_TIME):
        columns["open_interest_coin"] = [contract.coins(contracts, mark)]
    now = points(contract, [at], columns)
    return [*await _history(ask_raw, contract, ask), now]


async def _history(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    if ask.since is None:
        return []
    since = max(ask.since, ask.now - KEPT + HOUR)

    async def page(end: int) -> list[tuple[int, Any]]:
        start = page_start(end, (_PAGE - 1) * HOUR, since)
        stretch = {"period": "1h", "limit": _PAGE, "startTime": start, "endTime": end}
        asked = COIN_M.named(contract) | {"contractType": "PERPETUAL"} | stretch
        answer = rows_of(await ask_raw("dapiDataGetOpenInterestHist", asked), least=0)
        return [(stamp(row["timestamp"]), row) for row in answer]

    rows = await backwards(page, since=since, until=ask.now, most=3)
    history = {
        "open_interest_coin": [(at, number(row["sumOpenInterestValue"])) for at, row in rows],
        "open_interest_usd": [(at, number(row["sumOpenInterest"]) * contract.size) for at, row in rows],
    }
    return apart(contract, history)


async def settlements(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the settled rates since then."""
    assert ask.since is not None  # noqa: S101 -- for the type checker: asked for a past only
    hours = _interval(await _adjusted(ask_raw), contract)
    first = before_settlement(ask.since)

    async def page(end: int) -> list[tuple[int, float]]:
        stretch = {
            "startTime": page_start(end, _RATES * HOUR, first, LONGEST_INTERVAL),
            "endTime": end,
            "limit": _RATES,
        }
        answer = await ask_raw("dapiPublicGetFundingRate", {"symbol": contract.market_id} | stretch)
        return [(stamp(row["fundingTime"]), number(row["fundingRate"])) for row in rows_of(answer, least=0)]

    rates = await backwards(page, since=first, until=ask.now, most=8)
    return settled(contract, ask, rates, running_hours=hours)


async def rates_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read the rate that is building, mark and index price from one answer for all."""
    premiums, adjusted = await _premiums(ask_raw), await _adjusted(ask_raw)

    def row(contract: Contract) -> Row:
        premium = row_of(premiums, contract)
        return (
            stamp(premium["time"]),
            number(premium["lastFundingRate"]),
            _interval(adjusted, contract),
            number(premium["markPrice"]),
            number(premium["indexPrice"]),
        )

    return row


async def _adjusted(ask_raw: Raw) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw("dapiPublicGetFundingInfo", {}, shared=True, digest=_ADJUSTED)
    return found


def _interval(adjusted: Mapping[str, Any], contract: Contract) -> float:
    row = adjusted.get(contract.market_id)
    return number(row["fundingIntervalHours"]) if row else _USUAL_INTERVAL


async def _premiums(ask_raw: Raw) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw("dapiPublicGetPremiumIndex", {}, shared=True, digest=_BY_SYMBOL)
    return found


_BY_SYMBOL: Final = by_key(rows_of, "symbol")
_ADJUSTED: Final = by_key(lambda answer: rows_of(answer, least=0), "symbol")  # often none ever was


RECIPE: Final = VenueRecipe(
    venue="binance_coinm",
    ccxt_id="binancecoinm",
    too_far=frozenset({"-1130", "-1127", "-4088"}),
    offers={
        "bars": Offer(bars, MINUTE),
        "open_interest": Offer(open_interest, MINUTE),
        "funding": Offer(settlements, MINUTE, present=PresentOfAll(RATE, rates_now)),
        "ratios": Offer(by_the_hour_and_now(COIN_M.ratios), RATIOS_EVERY),
        "depth": Offer(COIN_M.book, BOOK_EVERY),
    },
)
