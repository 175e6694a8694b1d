"""Gate USDT perpetuals and dated futures in our units. Calls and fields: gate.com/docs/developers/apiv4.

Sizes are contracts of `quanto_multiplier` coins; times are seconds. The list of contracts carries no time, so what is
read from it is stamped with ours.
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
    row_of,
    rows_of,
    settled,
    stamp,
    with_taker,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, DATED_EVERY, OUR_TIME, RATIOS_EVERY, Offer, VenueRecipe
from bot.market.tiers.tables import BySymbol
from signals.units import DAY, HOUR, HOUR_S, MINUTE, SECOND_MS, from_ms, in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw, Row, RowOf
    from bot.market.source import Ask
    from storage.market.points import Points

_SETTLE: Final = {"settle": "usdt"}
_BARS: Final = 1000
_STATS: Final = 1000
_RATES: Final = 1000
_KEPT: Final = 180 * DAY - HOUR  # older than 180 days is refused with an error, and with it the live rate
_PIECE: Final = 30 * DAY  # an answer holds no more, whatever the limit says
_LATELY: Final = 2 * HOUR
_LEVELS: Final = 300
_RATIOS: Final = {  # the two descriptions of lsr_ fields are swapped in Gate's documents; the names are right
    "long_short_accounts": "lsr_account",
    "long_short_top_accounts": "top_lsr_account",
    "long_short_top_positions": "top_lsr_size",
}


def _seconds(value: Any) -> int:
    """Read a time that Gate gives in seconds."""
    return stamp(round(number(value) * SECOND_MS))


async def bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read closed hourly bars, and what takers bought from the statistics; `sum` is the volume in USDT.

    The two taker sizes are in one unit (recorded on 2026-09-17, their quotient is `lsr_taker` to the last digit), so as
    shares of the volume they are dollars whatever that unit is. Without them a bar is as good as before.
    """

    async def page(end: int) -> list[tuple[int, Any]]:
        stretch = {"from": page_start(end, (_BARS - 1) * HOUR, ask.since) // SECOND_MS, "to": end // SECOND_MS}
        asked = _SETTLE | {"contract": contract.market_id, "interval": "1h"} | stretch
        return [(_seconds(row["t"]), row) for row in rows_of(await ask_raw(_CANDLES, asked), least=0)]

    rows = await backwards(page, since=ask.since, until=ask.now, most=12)
    found = [bar(at, (row[name] for name in "ohlc"), number(row["sum"])) for at, row in rows]
    closed = hourly(contract, found, ask.now)
    if not len(closed):
        return [closed]
    stats = await _stats(ask_raw, contract, from_ms(closed.times[0]), ask.now, optional=True)
    volumes = dict(zip(closed.times, closed.columns["volume_usd"], strict=True))
    shares = ((at - in_ms(HOUR), _bought(row)) for at, row in stats)
    return with_taker(closed, {at: volumes[at] * share for at, share in shares if share is not None and at in volumes})


def _bought(row: Mapping[str, Any]) -> float | None:
    """Return the part of the volume that takers bought; None where the statistics have none or nothing was traded."""
    bought, sold = number(row.get("long_taker_size")), number(row.get("short_taker_size"))
    return bought / (bought + sold) if bought + sold > 0 else None


_CANDLES: Final = "publicFuturesGetSettleCandlesticks"


async def open_interest_hours(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read open interest since then by the hour, in coins at the mark price of now where contracts are dollars.

    Statistics count both sides (recorded on 2026-09-25), so half of them is what is open.
    """
    mark = number(row_of(await _listed(ask_raw), contract)["mark_price"])
    rows = await _stats(ask_raw, contract, ask.since, ask.now)
    history = {
        "open_interest_coin": [(at, contract.coins(number(row["open_interest"]) / 2, mark)) for at, row in rows],
        "open_interest_usd": [(at, number(row["open_interest_usd"]) / 2) for at, row in rows],
    }
    return apart(contract, history)


async def open_interest_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read one side of what is open now from the list of contracts; dollars at the mark price beside it."""
    listed, at = await _listed(ask_raw), to_ms(now)

    def row(contract: Contract) -> Row:
        told = row_of(listed, contract)
        held, mark = number(told["position_size"]), number(told["mark_price"])
        return at, contract.coins(held, mark), contract.usd(held, mark)

    return row


async def ratios(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the three ratios of longs to shorts. Zero is Gate's word for "not known" and is left out."""
    rows = await _stats(ask_raw, contract, ask.since, ask.now)
    if not rows:
        raise Unreadable("no statistics came where some are certain")
    found = {name: [(at, number(row[field])) for at, row in rows] for name, field in _RATIOS.items()}
    known = {name: [(at, ratio) for at, ratio in some if ratio != 0] for name, some in found.items()}
    if not any(known.values()):
        raise Unreadable("statistics without a ratio")
    return apart(contract, known)


async def _stats(
    ask_raw: Raw, contract: Contract, since: datetime | None, now: datetime, *, optional: bool = False
) -> list[tuple[int, Mapping[str, Any]]]:
    """Read statistics stamped with the beginning of their stretch, under its end, at which the level held.

    By the hour since then, as far back as they are kept; since None is the newest of five minutes.
    """
    interval, step = ("1h", HOUR) if since else ("5m", 5 * MINUTE)
    first = max(since, now - _KEPT + 3 * HOUR) if since else None

    async def page(end: int) -> list[tuple[int, Any]]:
        """Read thirty days from their beginning on; what an answer holds no more is asked from its last row on."""
        start = page_start(end, _PIECE if since else _LATELY, first, 2 * step)
        rows: list[tuple[int, Any]] = []
        while start + in_ms(step) <= end and len(rows) < _STATS:
            asked = _SETTLE | {"contract": contract.market_id, "interval": interval, "limit": _STATS}
            asked |= {"from": start // SECOND_MS}
            answer = await ask_raw("publicFuturesGetSettleContractStats", asked, optional=optional)
            if answer is None:
                break
            fresh = [(_seconds(row["time"]) + in_ms(step), row) for row in rows_of(answer, least=0)]
            if not fresh or (rows and fresh[-1][0] <= rows[-1][0]):
                break
            rows += fresh
            start = fresh[-1][0]
        return rows

    rows = await backwards(page, since=first, until=now, most=-(-_KEPT // _PIECE) + 1)
    return rows if since else rows[-1:]


async def rates_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read the rate that is building, its interval, mark and index price from the list of contracts."""
    listed, at = await _listed(ask_raw), to_ms(now)

    def row(contract: Contract) -> Row:
        told = row_of(listed, contract)
        return (
            at,
            number(told["funding_rate"]),
            _hours(told),
            number(told["mark_price"]),
            number(told["index_price"]),
        )

    return row


def _hours(told: Mapping[str, Any]) -> float:
    return number(told["funding_interval"]) / HOUR_S


async def settlements(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the settled rates since then."""
    assert ask.since is not None  # noqa: S101 -- for the type checker: asked for a past only
    hours = _hours(row_of(await _listed(ask_raw), contract))
    rates: list[tuple[int, float]] = []
    start, now = max(before_settlement(ask.since), ask.now - _KEPT), ask.now
    while start < now:
        end = min(start + _PIECE, now)
        span = {"from": to_ms(start) // SECOND_MS, "to": to_ms(end) // SECOND_MS}
        asked = _SETTLE | {"contract": contract.market_id, "limit": _RATES} | span
        answer = rows_of(await ask_raw("publicFuturesGetSettleFundingRate", asked), least=0)
        rates += [(_seconds(row["t"]), number(row["r"])) for row in answer]
        start = end
    return settled(contract, ask, sorted(set(rates)), running_hours=hours)


async def book(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- a recipe's signature
    """Read the book, 300 levels a side, within 1 % of mid, where they reach that far."""
    asked = _SETTLE | {"contract": contract.market_id, "limit": _LEVELS}
    found = await ask_raw("publicFuturesGetSettleOrderBook", asked)
    bids, asks = ([(number(level["p"]), number(level["s"])) for level in found[side]] for side in ("bids", "asks"))
    return [depth(contract, _seconds(found["current"]), bids, asks)]


async def futures(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the dated future that is nearest to a quarter away (BTC_USDT_20261225), from the list of all of them.

    NotOffered for a coin that has none.
    """
    rows: Mapping[str, Any] = await ask_raw(
        "publicDeliveryGetSettleContracts", _SETTLE, shared=True, digest=_BY_NAME_OR_NONE
    )
    every = (
        Dated(_seconds(row["expire_time"]), number(row["mark_price"]), number(row["index_price"]))
        for row in rows.values()
        if row["underlying"] == contract.market_id
    )
    return [dated(contract, to_ms(ask.now), every)]


async def _listed(ask_raw: Raw) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw("publicFuturesGetSettleContracts", _SETTLE, shared=True, digest=_BY_NAME)
    return found


_BY_NAME: Final = by_key(rows_of, "name")
_BY_NAME_OR_NONE: Final = by_key(lambda answer: rows_of(answer, least=0), "name")


RECIPE: Final = VenueRecipe(
    venue="gate",
    ccxt_id="gate",
    no_coins={
        "is_pre_market": frozenset({"TRUE"}),
        "contract_type": frozenset({"STOCKS", "METALS", "FOREX", "INDICES"}),
    },
    markets={"fetchMarkets": {"types": ["swap"]}, "swap": {"fetchMarkets": {"settlementCurrencies": ["usdt"]}}},
    too_far=frozenset({"INVALID_PARAM_VALUE"}),
    offers={
        "bars": Offer(bars, MINUTE),
        "open_interest": Offer(open_interest_hours, MINUTE, OUR_TIME, PresentOfAll(OPEN, open_interest_now)),
        "funding": Offer(settlements, MINUTE, OUR_TIME, PresentOfAll(RATE, rates_now)),
        "ratios": Offer(by_the_hour_and_now(ratios), RATIOS_EVERY),
        "depth": Offer(book, BOOK_EVERY),
        "dated_futures": Offer(futures, DATED_EVERY, OUR_TIME),
    },
    tiers=BySymbol(
        "Gate /api/v4/futures/{settle}/risk_limit_tiers",
        ("swap",),  # its coin-margined contract, BTC_USD, bounds the value in BTC
        amount="deduction",
    ),
)
