"""Bitget USDT perpetuals in our units. Calls and fields: bitget.com/api-doc/contract, market.

Sizes are coins. One answer for all contracts carries price, rate and holdings.
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
    pairs,
    row_of,
    rows_of,
    settled,
    stamp,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, DATED_EVERY, RATIOS_EVERY, SWAPS_ONLY, Offer, VenueRecipe
from bot.market.tiers.tables import BySymbol
from signals.units import MINUTE, from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw, Row, RowOf
    from bot.market.source import Ask
    from storage.market.points import Points

_KIND: Final = {"productType": "USDT-FUTURES"}
_IN_COINS: Final = {"productType": "COIN-FUTURES"}  # where Bitget lists its dated futures
_BARS: Final = 200
_RATES: Final = 100
_RATE_PAGES: Final = 10


def _data(answer: Any, *, least: int = 0) -> Any:
    return rows_of(answer["data"], least=least)


async def bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read closed hourly bars; taker-buy volume is not published."""
    newest = await ask_raw("publicMixGetV2MixMarketCandles", _asked(contract) | {"granularity": "1H", "limit": 1000})
    rows = {stamp(row[0]): row for row in _data(newest, least=1)}

    async def page(end: int) -> list[tuple[int, Any]]:
        asked = _asked(contract) | {"granularity": "1H", "limit": _BARS, "endTime": end}
        return [(stamp(row[0]), row) for row in _data(await ask_raw("publicMixGetV2MixMarketHistoryCandles", asked))]

    if ask.since is not None:
        first = min(rows)
        if first > to_ms(ask.since):
            older = await backwards(page, since=ask.since, until=from_ms(first), most=30)
            rows = dict(older) | rows
        rows = {at: row for at, row in rows.items() if at >= to_ms(ask.since)}
    found = [bar(at, row[1:5], number(row[6])) for at, row in rows.items()]
    return [hourly(contract, found, ask.now)]


async def open_interest_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read open interest now, from one answer for all; a history is not offered. USD at the mark price beside it."""
    tickers = await _tickers(ask_raw)

    def row(contract: Contract) -> Row:
        ticker = row_of(tickers, contract)
        held, mark = number(ticker["holdingAmount"]), number(ticker["markPrice"])
        return stamp(ticker["ts"]), contract.coins(held, mark), contract.usd(held, mark)

    return row


async def settlements(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the settled rates since then."""
    hours = number(row_of(await _running(ask_raw), contract)["fundingRateInterval"])
    return settled(contract, ask, await _rates(ask_raw, contract, ask), running_hours=hours)


async def rates_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read the rate that is building with its interval, mark and index price, each from one answer for all."""
    tickers, rates = await _tickers(ask_raw), await _running(ask_raw)

    def row(contract: Contract) -> Row:
        ticker, rate = row_of(tickers, contract), row_of(rates, contract)
        return (
            stamp(ticker["ts"]),
            number(rate["fundingRate"]),
            number(rate["fundingRateInterval"]),
            number(ticker["markPrice"]),
            number(ticker["indexPrice"]),
        )

    return row


async def _rates(ask_raw: Raw, contract: Contract, ask: Ask) -> list[tuple[int, float]]:
    """Read settled rates by page number, newest first: no bounds can be given."""
    first = to_ms(before_settlement(ask.since)) if ask.since else 0
    rates: list[tuple[int, float]] = []
    for page in range(1, _RATE_PAGES + 1):
        asked = _asked(contract) | {"pageSize": _RATES, "pageNo": page}
        rows = _data(await ask_raw("publicMixGetV2MixMarketHistoryFundRate", asked))
        rates += [(stamp(row["fundingTime"]), number(row["fundingRate"])) for row in rows]
        if len(rows) < _RATES or rates[-1][0] <= first:
            break
    return [rate for rate in rates if rate[0] >= first]


async def ratios(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read longs to shorts by accounts. It is made of the shares: the published quotient is none."""
    asked = {"symbol": contract.market_id, "period": "1h" if ask.since else "5m"}
    rows = _data(await ask_raw("publicMixGetV2MixMarketAccountLongShort", asked), least=1)
    found = [(stamp(row["ts"]), number(row["longAccountRatio"]) / number(row["shortAccountRatio"])) for row in rows]
    kept = sorted(found) if ask.since else sorted(found)[-1:]
    if not kept:
        raise Unreadable("no ratio came where one is certain")
    return apart(contract, {"long_short_accounts": kept})


async def book(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- a recipe's signature
    """Read the merged book within 1 % of mid, where its levels reach that far."""
    asked = _asked(contract) | {"precision": "scale2", "limit": "max"}
    found = (await ask_raw("publicMixGetV2MixMarketMergeDepth", asked))["data"]
    return [depth(contract, stamp(found["ts"]), pairs(found["bids"]), pairs(found["asks"]))]


def _asked(contract: Contract) -> dict[str, Any]:
    return {"symbol": contract.market_id} | _KIND


async def futures(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- as all recipes
    """Read the dated future that is nearest to a quarter away (BTCUSDZ26, settled in coins), from the answer for all.

    Only a dated future has a time of delivery there. NotOffered for a coin that has none, as all but two.
    """
    rows: Mapping[str, Any] = await ask_raw("publicMixGetV2MixMarketTickers", _IN_COINS, shared=True, digest=_BY_SYMBOL)
    pair = f"{contract.market_id.removesuffix('USDT')}USD"
    found = [row for symbol, row in rows.items() if symbol.startswith(pair) and row["deliveryTime"]]
    every = (Dated(stamp(row["deliveryTime"]), number(row["markPrice"]), number(row["indexPrice"])) for row in found)
    return [dated(contract, max((stamp(row["ts"]) for row in found), default=0), every)]


async def _tickers(ask_raw: Raw) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw("publicMixGetV2MixMarketTickers", _KIND, shared=True, digest=_BY_SYMBOL)
    return found


async def _running(ask_raw: Raw) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw(
        "publicMixGetV2MixMarketCurrentFundRate", _KIND, shared=True, digest=_BY_SYMBOL
    )
    return found


_BY_SYMBOL: Final = by_key(lambda answer: _data(answer, least=1), "symbol")


RECIPE: Final = VenueRecipe(
    venue="bitget",
    ccxt_id="bitget",
    markets=SWAPS_ONLY,
    too_far=frozenset({"00001", "40017", "40020", "400172", "40408", "40705"}),
    offers={
        "bars": Offer(bars, MINUTE),
        "open_interest": Offer(None, MINUTE, present=PresentOfAll(OPEN, open_interest_now)),
        "funding": Offer(settlements, MINUTE, present=PresentOfAll(RATE, rates_now)),
        "ratios": Offer(by_the_hour_and_now(ratios), RATIOS_EVERY),
        "depth": Offer(book, BOOK_EVERY),
        "dated_futures": Offer(futures, DATED_EVERY),
    },
    tiers=BySymbol("Bitget /api/v2/mix/market/query-position-lever", ("swap",)),
)
