"""OKX perpetual swaps and dated futures in our units. Calls and fields: okx.com/docs-v5, public and market data.

Sizes are contracts (0.01 BTC); `oiCcy` is coins. Histories come newest first, and both bounds are exclusive.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.dated import Dated, dated, expiry_of
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
    with_taker,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, DATED_EVERY, RATIOS_EVERY, SWAPS_ONLY, Offer, VenueRecipe
from bot.market.tiers.tables import BySymbol
from signals.units import HOUR, MINUTE, in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw, Row, RowOf
    from bot.market.source import Ask
    from storage.market.points import Points

_PAGE: Final = 100
_LEVELS: Final = 5000
_DAY: Final = len("261225")
_RATIOS: Final = {
    "long_short_accounts": "publicGetRubikStatContractsLongShortAccountRatioContract",
    "long_short_top_accounts": "publicGetRubikStatContractsLongShortAccountRatioContractTopTrader",
    "long_short_top_positions": "publicGetRubikStatContractsLongShortPositionRatioContractTopTrader",
}
_KEPT_PAGES: Final = 15  # the statistics keep 1,440 rows: sixty days of hours


def _data(answer: Any, *, least: int = 0) -> Any:
    return rows_of(answer["data"], least=least)


_BY_NAME: Final = by_key(lambda answer: _data(answer, least=1), "instId")


async def bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read closed hourly bars, and taker-buy volume from the statistics as far as those go back."""

    async def page(end: int) -> list[tuple[int, Any]]:
        answer = await ask_raw(
            "publicGetMarketHistoryCandles",
            {"instId": contract.market_id, "bar": "1H", "limit": _PAGE, "after": end + 1},
        )
        return [(stamp(row[0]), row) for row in _data(answer)]

    rows = await backwards(page, since=ask.since, until=ask.now, most=50)
    if rows and rows[-1][0] + 2 * in_ms(HOUR) <= to_ms(ask.now):
        # The history lags a little behind the hour.
        newest = await ask_raw("publicGetMarketCandles", {"instId": contract.market_id, "bar": "1H", "limit": 3})
        rows = sorted(dict([*rows, *((stamp(row[0]), row) for row in _data(newest))]).items())
    found = hourly(contract, [bar(at, row[1:5], number(row[7])) for at, row in rows], ask.now)
    return with_taker(found, await _taker(ask_raw, contract, ask))


async def _taker(ask_raw: Raw, contract: Contract, ask: Ask) -> dict[int, float]:
    """Read what takers bought, in dollars (`unit` 2), by the open of the hour, as far back as it is kept."""

    async def page(end: int) -> list[tuple[int, float]]:
        answer = await ask_raw(
            "publicGetRubikStatTakerVolumeContract",
            {"instId": contract.market_id, "period": "1H", "unit": "2", "limit": _PAGE, "end": end + 1},
            optional=True,
        )
        return [(stamp(row[0]), number(row[2])) for row in _data(answer)] if answer is not None else []

    return dict(await backwards(page, since=ask.since, until=ask.now, most=_KEPT_PAGES))


async def open_interest_hours(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read open interest since then by the hour; coins and USD as published."""

    async def page(end: int) -> list[tuple[int, Any]]:
        answer = await ask_raw(
            "publicGetRubikStatContractsOpenInterestHistory",
            {"instId": contract.market_id, "period": "1H", "limit": _PAGE, "end": end + 1},
        )
        return [(stamp(row[0]), row) for row in _data(answer)]

    rows = await backwards(page, since=ask.since, until=ask.now, most=_KEPT_PAGES)
    history = {
        "open_interest_coin": [(at, number(row[2]) * contract.multiplier) for at, row in rows],
        "open_interest_usd": [(at, number(row[3])) for at, row in rows],
    }
    return apart(contract, history)


async def open_interest_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read open interest now, from one answer for all swaps; coins and USD as published."""
    listed = await ask_raw("publicGetPublicOpenInterest", {"instType": "SWAP"}, shared=True, digest=_BY_NAME)

    def row(contract: Contract) -> Row:
        told = row_of(listed, contract)
        return stamp(told["ts"]), number(told["oiCcy"]) * contract.multiplier, number(told["oiUsd"])

    return row


async def settlements(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the settled rates since then."""
    assert ask.since is not None  # noqa: S101 -- for the type checker: asked for a past only
    hours = _hours(row_of(await _rates(ask_raw), contract))

    async def page(end: int) -> list[tuple[int, float]]:
        answer = await ask_raw(
            "publicGetPublicFundingRateHistory",
            {"instId": contract.market_id, "limit": _PAGE, "after": end + 1},
        )
        return [(stamp(row["fundingTime"]), number(row["realizedRate"])) for row in _data(answer)]

    rates = await backwards(page, since=before_settlement(ask.since), until=ask.now, most=25)
    return settled(contract, ask, rates, running_hours=hours)


async def rates_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read the rate that is building, mark and index price, each from one answer for all.

    The interval is the one that the rate is for: it ends at the coming settlement, and the next may be another one. The
    index is that of the name, BTC-USDT for BTC-USDT-SWAP; none where the contract is not priced in USDT.
    """
    rates = await _rates(ask_raw)
    marks, indexes = await _marks(ask_raw, "SWAP"), await _indexes(ask_raw)

    def row(contract: Contract) -> Row:
        rate, mark = row_of(rates, contract), row_of(marks, contract)
        index = indexes.get(contract.market_id.removesuffix("-SWAP"))
        return (
            stamp(mark["ts"]),
            number(rate["fundingRate"]),
            _hours(rate),
            number(mark["markPx"]),
            number(index["idxPx"]) if index else None,
        )

    return row


async def _rates(ask_raw: Raw) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw(
        "publicGetPublicFundingRate", {"instId": "ANY"}, shared=True, digest=_BY_NAME
    )
    return found


async def _marks(ask_raw: Raw, kind: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw(
        "publicGetPublicMarkPrice", {"instType": kind}, shared=True, digest=_BY_NAME
    )
    return found


async def _indexes(ask_raw: Raw) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw(
        "publicGetMarketIndexTickers", {"quoteCcy": "USDT"}, shared=True, digest=_BY_NAME
    )
    return found


def _hours(rate: Mapping[str, Any]) -> float:
    """Return the interval that ends at the coming settlement, for which the rate is; where not told, the next one."""
    coming = stamp(rate["fundingTime"])
    before = rate.get("prevFundingTime")
    hours = (coming - stamp(before) if before else stamp(rate["nextFundingTime"]) - coming) / in_ms(HOUR)
    if not hours > 0:
        raise Unreadable("two settlements at one time")
    return float(round(hours, 3))


async def ratios(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the three ratios of longs to shorts: all accounts, top accounts, top positions."""
    return apart(contract, {name: await _ratio(ask_raw, contract, ask, method) for name, method in _RATIOS.items()})


async def _ratio(ask_raw: Raw, contract: Contract, ask: Ask, method: str) -> list[tuple[int, float]]:
    async def page(end: int) -> list[tuple[int, float]]:
        when = {"period": "1H", "limit": _PAGE, "end": end + 1} if ask.since else {"period": "5m", "limit": 1}
        answer = await ask_raw(method, {"instId": contract.market_id, **when})
        return [(stamp(row[0]), number(row[1])) for row in _data(answer)]

    rows = await backwards(page, since=ask.since, until=ask.now, most=_KEPT_PAGES)
    if not rows:
        raise Unreadable("no ratio came where one is certain")
    return rows


async def futures(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- a recipe's signature
    """Read the dated future that is nearest to a quarter away (BTC-USDT-261225), from two answers for all.

    Among them are perpetuals that are listed with an expiry in years (BTC-USD_UM_XPERP-310404, the "X-Perp" of 2026);
    by their names they are none of the contract's own. NotOffered where it has none, as all but a few coins.
    """
    rows, indexes = await _marks(ask_raw, "FUTURES"), await _indexes(ask_raw)
    pair = contract.market_id.removesuffix("-SWAP")
    index = number((indexes.get(pair) or {}).get("idxPx"))
    found = {
        day: row
        for name, row in rows.items()
        if (day := name.removeprefix(f"{pair}-")) != name and day.isdecimal() and len(day) == _DAY
    }
    every = (Dated(expiry_of(day), number(row["markPx"]), index) for day, row in found.items())
    return [dated(contract, max((stamp(row["ts"]) for row in found.values()), default=0), every)]


async def book(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- a recipe's signature
    """Read the full book, 5,000 levels a side, within 1 % of mid."""
    answer = await ask_raw("publicGetMarketBooksFull", {"instId": contract.market_id, "sz": _LEVELS})
    found = _data(answer, least=1)[0]
    return [depth(contract, stamp(found["ts"]), pairs(found["bids"]), pairs(found["asks"]))]


RECIPE: Final = VenueRecipe(
    venue="okx",
    ccxt_id="okx",
    markets=SWAPS_ONLY,
    too_far=frozenset({"51000"}),
    offers={
        "bars": Offer(bars, MINUTE),
        "open_interest": Offer(open_interest_hours, MINUTE, present=PresentOfAll(OPEN, open_interest_now)),
        "funding": Offer(settlements, MINUTE, present=PresentOfAll(RATE, rates_now)),
        "ratios": Offer(by_the_hour_and_now(ratios), RATIOS_EVERY),
        "depth": Offer(book, BOOK_EVERY),
        "dated_futures": Offer(futures, DATED_EVERY),
    },
    tiers=BySymbol(
        "OKX /api/v5/public/position-tiers, isolated",
        ("swap",),
        unit="contracts",
        params={"marginMode": "isolated"},  # it answers for cross margin unless told otherwise
        stepped=False,
    ),
)
