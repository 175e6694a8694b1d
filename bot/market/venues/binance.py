"""Binance USD-M perpetuals in our units: which raw calls, which columns, and what they leave unsaid.

Calls and fields: developers.binance.com, USDⓈ-M Futures, Market Data endpoints. Open interest counts coins, one side.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.dated import Dated, dated, expiry_of
from bot.market.exchange.recipe import (
    RATE,
    PresentOfAll,
    Unreadable,
    before_settlement,
    by_key,
    by_the_hour_and_now,
    number,
    pages,
    points,
    row_of,
    rows_of,
    settled,
    stamp,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, DATED_EVERY, RATIOS_EVERY, Offer, VenueRecipe
from bot.market.venues.binance_both import USD_M
from bot.market.venues.binance_tiers import tiers
from signals.units import HOUR, MINUTE, in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw, Row, RowOf
    from bot.market.source import Ask
    from storage.market.points import Points

_BARS_A_CALL: Final = 1500
_BAR_PAGES: Final = 12  # two years of hours; the rest follows at the next question
_OPEN_INTEREST_A_CALL: Final = 500
_OPEN_INTEREST_KEPT: Final = timedelta(days=30) - HOUR  # an older startTime is refused (-1130), not cut
_SETTLEMENTS_A_CALL: Final = 1000
_SETTLEMENT_PAGES: Final = 8
_PAGES_OF_ALL: Final = 60
_BRIDGED: Final = tuple(timedelta(hours=hours) for hours in (12, 24, 48, 96, 192))  # what all contracts are asked for
_USUAL_INTERVAL: Final = 8  # hours; fundingInfo lists only contracts that were ever adjusted
_SETTLED: Final = MINUTE  # a bar that ended this long ago is closed by anybody's clock
_SAME_TIME: Final = MINUTE


async def bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read closed hourly bars with taker-buy volume, which ccxt's own candle call drops."""
    stretches: list[Mapping[str, str | int]] = [{"limit": _BARS_A_CALL}]
    if ask.since is not None:
        stretches = [
            {"startTime": page.start, "limit": _limit(page.start, page.end)}
            for page in pages(ask.since, ask.now, HOUR, _BARS_A_CALL, _BAR_PAGES)
        ]
    rows: list[Any] = []
    for stretch in stretches:
        answer = await ask_raw("fapiPublicGetKlines", {"symbol": contract.market_id, "interval": "1h", **stretch})
        # a stretch before the listing is answered from the listing on, and the next ones repeat it
        rows.extend(rows_of(answer, least=0 if rows else 1))
    return [_bars(contract, _closed(rows, ask.now))]


def _limit(start: int, end: int) -> int:
    """Ask for no more rows than there are: the weight of the call grows with the limit (1, 2, 5, 10)."""
    return min(_BARS_A_CALL, (end - start) // in_ms(HOUR) + 2)


def _closed(rows: Sequence[Any], now: datetime) -> list[Any]:
    """Keep bars that are over.

    The newest row is the running bar by the venue's clock, so when our clock is ahead it would pass as closed: it
    counts only when a minute has gone by.
    """
    ended = [row for row in rows if stamp(row[6]) < to_ms(now)]
    if ended and ended[-1] is rows[-1] and stamp(ended[-1][6]) >= to_ms(now - _SETTLED):
        ended.pop()
    return ended


def _bars(contract: Contract, rows: Sequence[Any]) -> Points:
    """Put kline rows into our columns: 1..4 prices, 7 quote volume, 10 taker-buy quote volume."""
    times = [stamp(row[0]) for row in rows]
    if any(at % in_ms(HOUR) for at in times):
        raise Unreadable("bars that do not begin on the hour")
    prices = {name: [number(row[at]) / contract.multiplier for row in rows] for name, at in _PRICES.items()}
    flows = {"volume_usd": [number(row[7]) for row in rows], "taker_buy_usd": [number(row[10]) for row in rows]}
    return points(contract, times, prices | flows, step=HOUR)


_PRICES: Final = {"open": 1, "high": 2, "low": 3, "close": 4}


async def open_interest(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read open interest now, in coins and in USD at the mark price of the same time, and since then by the hour.

    The history is stamped with the end of its bucket, the moment at which the level held (the archive of the same
    figures stamps the beginning: five minutes that look ahead when joined).
    """
    found = await _open_interest_history(ask_raw, contract, ask)
    live = await ask_raw("fapiPublicGetOpenInterest", {"symbol": contract.market_id})
    _same_symbol(live, contract)
    at, coins = stamp(live["time"]), number(live["openInterest"]) * contract.multiplier
    columns = {"open_interest_coin": [coins]}
    premium = row_of(await _premiums(ask_raw), contract)
    if abs(stamp(premium["time"]) - at) <= in_ms(_SAME_TIME):  # else no USD: a wrong product is worse than none
        columns["open_interest_usd"] = [coins * number(premium["markPrice"]) / contract.multiplier]
    return [*found, points(contract, [at], columns)]


async def _open_interest_history(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    if ask.since is None:
        return []
    since = max(ask.since, ask.now - _OPEN_INTEREST_KEPT)
    rows: list[Any] = []
    for page in pages(since, ask.now, HOUR, _OPEN_INTEREST_A_CALL, 3):
        # without endTime the newest rows come, whatever startTime says
        answer = await ask_raw(
            "fapiDataGetOpenInterestHist",
            {
                "symbol": contract.market_id,
                "period": "1h",
                "limit": _OPEN_INTEREST_A_CALL,
                "startTime": page.start,
                "endTime": page.end,
            },
        )
        rows.extend(rows_of(answer, least=1 if page.end - page.start >= in_ms(3 * HOUR) else 0))
    for row in rows:
        _same_symbol(row, contract)
    if not rows:
        return []
    coins = [number(row["sumOpenInterest"]) * contract.multiplier for row in rows]
    usd = [number(row["sumOpenInterestValue"]) for row in rows]
    times = [stamp(row["timestamp"]) for row in rows]
    return [points(contract, times, {"open_interest_coin": coins, "open_interest_usd": usd})]


async def settlements(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the settled rates since then, each with the hours since the settlement before it."""
    hours = _interval(await _adjusted(ask_raw), contract)
    rates = await _settled_of_all(ask_raw, contract, ask) or await _settled_of_one(ask_raw, contract, ask)
    return settled(contract, ask, rates.items(), running_hours=hours)


async def rates_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read the rate that is building now, with interval, mark and index price, at the exchange's time."""
    adjusted, premiums = await _adjusted(ask_raw), await _premiums(ask_raw)

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
    listed: Mapping[str, Any] = await ask_raw("fapiPublicGetFundingInfo", {}, shared=True, digest=_BY_SYMBOL)
    return listed


def _interval(adjusted: Mapping[str, Any], contract: Contract) -> float:
    """Look up hours between settlements: listed when it was ever adjusted, else eight.

    An empty list would make every adjusted contract eight-hourly and its yearly rate up to eight times too low.
    """
    row = adjusted.get(contract.market_id)
    return number(row["fundingIntervalHours"]) if row else float(_USUAL_INTERVAL)


async def _settled_of_one(ask_raw: Raw, contract: Contract, ask: Ask) -> Mapping[int, float]:
    """Ask for one contract: 500 such calls in five minutes are allowed, fewer than there are contracts."""
    assert ask.since is not None  # noqa: S101 -- for the type checker: asked for a past only
    start = to_ms(before_settlement(ask.since))
    rates: dict[int, float] = {}
    for _ in range(_SETTLEMENT_PAGES):
        stretch = {"startTime": start, "endTime": to_ms(ask.now), "limit": _SETTLEMENTS_A_CALL}
        page = rows_of(await ask_raw("fapiPublicGetFundingRate", {"symbol": contract.market_id} | stretch), least=0)
        for row in page:
            _same_symbol(row, contract)
            rates[stamp(row["fundingTime"])] = number(row["fundingRate"])
        if len(page) < _SETTLEMENTS_A_CALL:
            break
        start = stamp(page[-1]["fundingTime"]) + 1
    return rates


async def _settled_of_all(ask_raw: Raw, contract: Contract, ask: Ask) -> Mapping[int, float]:
    """Look the contract up in the settlements of all of them, which one question serves for everybody asked now.

    Empty where that cannot tell: too far back, a contract too young to be in it, or pages whose order leaves doubt.
    The stretches are of a few lengths, so that everybody's question is the same one.
    """
    assert ask.since is not None  # noqa: S101 -- as above
    hour = ask.now.replace(minute=0, second=0, microsecond=0)
    length = next((span for span in _BRIDGED if hour - span <= before_settlement(ask.since)), None)
    if length is None:
        return {}
    start = to_ms(hour - length)
    rates: dict[int, float] = {}
    for _ in range(_PAGES_OF_ALL):
        stretch = {"startTime": start, "endTime": to_ms(ask.now), "limit": _SETTLEMENTS_A_CALL}
        page: _Wave = await ask_raw("fapiPublicGetFundingRate", stretch, shared=True, digest=_wave)
        rates |= page.rates.get(contract.market_id, {})
        if page.rows < _SETTLEMENTS_A_CALL:
            return rates
        if not page.ascending or page.last <= start:
            return {}
        start = page.last  # and not a millisecond later: a settlement of hundreds of contracts has one time for all
    return {}


@dataclass(frozen=True, slots=True)
class _Wave:
    """One page of the settlements of all contracts: rates by contract and time (ms). rows: how many it had."""

    rates: Mapping[str, Mapping[int, float]]
    rows: int
    last: int
    ascending: bool


def _wave(answer: object) -> _Wave:
    rates: dict[str, dict[int, float]] = {}
    times = []
    for row in rows_of(answer):
        at = stamp(row["fundingTime"])
        times.append(at)
        rates.setdefault(str(row["symbol"]), {})[at] = number(row["fundingRate"])
    return _Wave(rates, len(times), times[-1], ascending=times == sorted(times))


async def _premiums(ask_raw: Raw) -> Mapping[str, Any]:
    """Ask once for all contracts: it costs as much as ten single ones and serves every asset and topic."""
    found: Mapping[str, Any] = await ask_raw("fapiPublicGetPremiumIndex", {}, shared=True, digest=_BY_SYMBOL)
    return found


async def futures(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- as all recipes
    """Read the dated future that is nearest to a quarter away (BTCUSDT_261225), from the answer for all."""
    rows = await _premiums(ask_raw)
    begin = f"{contract.market_id}_"
    found = {symbol.removeprefix(begin): row for symbol, row in rows.items() if symbol.startswith(begin)}
    every = (Dated(expiry_of(day), number(row["markPrice"]), number(row["indexPrice"])) for day, row in found.items())
    return [dated(contract, max((stamp(row["time"]) for row in found.values()), default=0), every)]


_BY_SYMBOL: Final = by_key(rows_of, "symbol")


def _same_symbol(row: Mapping[str, Any], contract: Contract) -> None:
    if row["symbol"] != contract.market_id:
        raise Unreadable(f"{contract.market_id} was asked, another contract came")


RECIPE: Final = VenueRecipe(
    venue="binance",
    ccxt_id="binanceusdm",
    no_coins={
        "contractType": frozenset({"TRADIFI_PERPETUAL"}),
        "underlyingType": frozenset({"EQUITY", "COMMODITY", "PREMARKET"}),
    },
    too_far=frozenset({"-1130", "-1127", "-4165"}),
    offers={
        "bars": Offer(bars, MINUTE),
        "open_interest": Offer(open_interest, MINUTE),
        "funding": Offer(settlements, MINUTE, present=PresentOfAll(RATE, rates_now)),
        "ratios": Offer(by_the_hour_and_now(USD_M.ratios), RATIOS_EVERY),
        "depth": Offer(USD_M.book, BOOK_EVERY),
        "dated_futures": Offer(futures, DATED_EVERY),
    },
    tiers=tiers,
)
