"""KuCoin linear perpetuals in our units. Calls and fields: kucoin.com/docs-new, futures trading, market data.

Sizes are contracts of `multiplier` coins; BTC is called XBT. The list of contracts carries no time, so what is read
from it is stamped with ours. The book's time is in nanoseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.dated import Dated, dated
from bot.market.exchange.recipe import (
    LONGEST_INTERVAL,
    OPEN,
    RATE,
    PresentOfAll,
    Unreadable,
    apart,
    backwards,
    bar,
    before_settlement,
    by_key,
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
from bot.market.exchange.venue_recipe import BOOK_EVERY, DATED_EVERY, OUR_TIME, Offer, VenueRecipe
from bot.market.tiers.tables import BySymbol
from signals.units import HOUR, MINUTE, in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw, Row, RowOf
    from bot.market.source import Ask
    from storage.market.points import Points

_BARS: Final = 200
_STATS: Final = 200
_DATED: Final = "FFICSX"  # the type of a contract; a perpetual that is delisted has an expiry as well
_NANOSECONDS: Final = 1_000_000  # in a millisecond


def _data(answer: Any, *, least: int = 0) -> Any:
    return rows_of(answer["data"], least=least)


async def bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read closed hourly bars. The last column is the turnover in USDT; taker-buy volume is not published."""

    async def page(end: int) -> list[tuple[int, Any]]:
        stretch = {"from": page_start(end, (_BARS - 1) * HOUR, ask.since), "to": end}
        asked = {"symbol": contract.market_id, "granularity": 60} | stretch
        return [(stamp(row[0]), row) for row in _data(await ask_raw("futuresPublicGetKlineQuery", asked))]

    rows = await backwards(page, since=ask.since, until=ask.now, most=30)
    found = [bar(at, row[1:5], _turnover(contract, row)) for at, row in rows]
    return [hourly(contract, found, ask.now)]


def _turnover(contract: Contract, row: list[Any]) -> float:
    """Take the turnover, or the contracts at the close where an answer has no such column."""
    return number(row[6]) if len(row) > 6 else contract.usd(number(row[5]), number(row[4]))


async def open_interest_hours(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read open interest since then by the hour; of contracts that are dollars at the mark price of now."""
    mark = number(row_of(await _listed(ask_raw), contract)["markPrice"])

    async def page(end: int) -> list[tuple[int, float]]:
        asked = {"symbol": contract.market_id, "interval": "1hour", "pageSize": _STATS, "endAt": end}
        stretch = {"startAt": page_start(end, _STATS * HOUR, ask.since)}
        rows = _data(await ask_raw("utaGetMarketOpenInterest", asked | stretch))
        return [(stamp(row["ts"]), contract.coins(number(row["openInterest"]), mark)) for row in rows]

    rows = await backwards(page, since=ask.since, until=ask.now, most=10)
    return apart(contract, {"open_interest_coin": rows})


async def open_interest_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read open interest now, from the list of contracts; USD at the mark price."""
    listed, at = await _listed(ask_raw), to_ms(now)

    def row(contract: Contract) -> Row:
        told = row_of(listed, contract)
        held, mark = number(told["openInterest"]), number(told["markPrice"])
        return at, contract.coins(held, mark), contract.usd(held, mark)

    return row


async def rates_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read the rate that is building, its interval, mark and index price from the list of contracts."""
    listed, at = await _listed(ask_raw), to_ms(now)

    def row(contract: Contract) -> Row:
        told = row_of(listed, contract)
        return (
            at,
            number(told["fundingFeeRate"]),
            _hours(told),
            number(told["markPrice"]),
            number(told["indexPrice"]),
        )

    return row


async def settlements(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the settled rates since then."""
    assert ask.since is not None  # noqa: S101 -- for the type checker: asked for a past only
    hours = _hours(row_of(await _listed(ask_raw), contract))
    first = before_settlement(ask.since)

    async def page(end: int) -> list[tuple[int, float]]:
        start = page_start(end, 100 * HOUR, first, LONGEST_INTERVAL)
        asked = {"symbol": contract.market_id, "from": start, "to": end}
        rows = _data(await ask_raw("futuresPublicGetContractFundingRates", asked))
        return [(stamp(row["timepoint"]), number(row["fundingRate"])) for row in rows]

    rates = await backwards(page, since=first, until=ask.now, most=50)
    return settled(contract, ask, rates, running_hours=hours)


def _hours(row: Mapping[str, Any]) -> float:
    """Read the interval in force; a row that has none is no perpetual that we could annualise."""
    granularity = row.get("currentFundingRateGranularity") or row.get("fundingRateGranularity")
    if granularity is None:
        raise Unreadable("a contract without a funding interval")
    return number(granularity) / in_ms(HOUR)


async def book(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- a recipe's signature
    """Read 100 levels a side within 1 % of mid, where they reach that far."""
    answer = await ask_raw("futuresPublicGetLevel2Depth100", {"symbol": contract.market_id})
    found = answer["data"]
    at = stamp(int(found["ts"]) // _NANOSECONDS)
    return [depth(contract, at, pairs(found["bids"]), pairs(found["asks"]))]


async def futures(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the dated future that is nearest to a quarter away (XBTMZ26, settled in coins), from the list of contracts.

    NotOffered for a coin that has none, as all but bitcoin.
    """
    rows = await _listed(ask_raw)
    coin = row_of(rows, contract)["baseCurrency"]
    every = (
        Dated(int(number(row["expireDate"])), number(row["markPrice"]), number(row["indexPrice"]))
        for row in rows.values()
        if row["type"] == _DATED and row["baseCurrency"] == coin and row["status"] == "Open"
    )
    return [dated(contract, to_ms(ask.now), every)]


async def _listed(ask_raw: Raw) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw("futuresPublicGetContractsActive", {}, shared=True, digest=_BY_SYMBOL)
    return found


_BY_SYMBOL: Final = by_key(lambda answer: _data(answer, least=1), "symbol")


RECIPE: Final = VenueRecipe(
    venue="kucoin",
    ccxt_id="kucoinfutures",
    no_coins={
        "marketStage": frozenset({"PRE_MARKET"}),
        "assetClass": frozenset({"STOCK", "STOCKS", "EQUITY", "COMMODITY", "FOREX", "INDEX"}),
    },
    too_far=frozenset({"400100"}),
    offers={
        "bars": Offer(bars, MINUTE),
        "open_interest": Offer(open_interest_hours, MINUTE, OUR_TIME, PresentOfAll(OPEN, open_interest_now)),
        "funding": Offer(settlements, MINUTE, OUR_TIME, PresentOfAll(RATE, rates_now)),
        "depth": Offer(book, BOOK_EVERY),
        "dated_futures": Offer(futures, DATED_EVERY, OUR_TIME),
    },
    tiers=BySymbol(
        "KuCoin /api/v1/contracts/risk-limit",
        ("swap", "future", "contract"),
        # its page computes with one rate for the whole position: without an amount the price errs to safety
        stepped=False,
    ),
)
