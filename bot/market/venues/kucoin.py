"""KuCoin linear perpetuals in our units. Calls and fields: kucoin.com/docs-new, futures trading, market data.

Sizes are contracts of `multiplier` coins; BTC is called XBT. The list of contracts carries no time, so what is read
from it is stamped with ours. The book's time is in nanoseconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.recipe import (
    LONGEST_INTERVAL,
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
    points,
    row_of,
    rows_of,
    running,
    settled,
    stamp,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, OUR_TIME, Offer, VenueRecipe
from bot.market.tiers.tables import BySymbol
from signals.units import HOUR, MINUTE, in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw
    from bot.market.source import Ask
    from storage.market.points import Points

_BARS: Final = 200
_STATS: Final = 200
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


async def open_interest(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read open interest now, from the list of contracts, and since then by the hour; USD at the mark price."""
    row = await _listed(ask_raw, contract)
    contracts, mark = number(row["openInterest"]), number(row["markPrice"])
    columns = {
        "open_interest_coin": [contract.coins(contracts, mark)],
        "open_interest_usd": [contract.usd(contracts, mark)],
    }
    live = points(contract, [to_ms(ask.now)], columns)
    if ask.since is None:
        return [live]

    async def page(end: int) -> list[tuple[int, float]]:
        asked = {"symbol": contract.market_id, "interval": "1hour", "pageSize": _STATS, "endAt": end}
        stretch = {"startAt": page_start(end, _STATS * HOUR, ask.since)}
        rows = _data(await ask_raw("utaGetMarketOpenInterest", asked | stretch))
        return [(stamp(row["ts"]), contract.coins(number(row["openInterest"]), mark)) for row in rows]

    rows = await backwards(page, since=ask.since, until=ask.now, most=10)
    return [*apart(contract, {"open_interest_coin": rows}), live]


async def funding(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the rate that is building, its interval, mark and index price from the contracts; and those since."""
    row = await _listed(ask_raw, contract)
    hours = _hours(row)
    live = running(
        contract,
        to_ms(ask.now),
        rate=number(row["fundingFeeRate"]),
        hours=hours,
        mark=number(row["markPrice"]),
        index=number(row["indexPrice"]),
    )
    if ask.since is None:
        return [live]

    first = before_settlement(ask.since)

    async def page(end: int) -> list[tuple[int, float]]:
        start = page_start(end, 100 * HOUR, first, LONGEST_INTERVAL)
        asked = {"symbol": contract.market_id, "from": start, "to": end}
        rows = _data(await ask_raw("futuresPublicGetContractFundingRates", asked))
        return [(stamp(row["timepoint"]), number(row["fundingRate"])) for row in rows]

    rates = await backwards(page, since=first, until=ask.now, most=50)
    return [*settled(contract, ask, rates, running_hours=hours), live]


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


async def _listed(ask_raw: Raw, contract: Contract) -> Mapping[str, Any]:
    return row_of(await ask_raw("futuresPublicGetContractsActive", {}, shared=True, digest=_BY_SYMBOL), contract)


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
        "open_interest": Offer(open_interest, MINUTE, OUR_TIME),
        "funding": Offer(funding, MINUTE, OUR_TIME),
        "depth": Offer(book, BOOK_EVERY),
    },
    tiers=BySymbol(
        "KuCoin /api/v1/contracts/risk-limit",
        ("swap", "future", "contract"),
        # its page computes with one rate for the whole position: without an amount the price errs to safety
        stepped=False,
    ),
)
