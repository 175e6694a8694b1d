"""Deribit in our units: perpetuals, dated futures, options, and the DVOL index. Calls and fields: docs.deribit.com.

Open interest of an inverse perpetual is in USD, of a linear one in coins, of an option in coins. Funding accrues
all the time: a rate is stored per hour, the mean of what the venue gives for eight.

Options of BTC and ETH are settled in the coin, those of SOL and a few others in USDC: they stand in one answer for all
of them, as SOL_USDC-25DEC26-150-C. An option contract of SOL holds ten coins, but its open interest is given in coins
as every other one's (docs.deribit.com, "amount units", read 2026-11-29). The options of BTC and ETH that are settled in
USDC are left out: they are few, and of another contract.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.dated import Dated, dated, expiry_of
from bot.market.exchange.recipe import (
    Unreadable,
    backwards,
    bar,
    depth,
    hourly,
    number,
    page_start,
    pairs,
    points,
    rows_of,
    running,
    settled,
    stamp,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, CHAIN_EVERY, DATED_EVERY, Offer, VenueRecipe
from bot.market.source import NotOffered
from signals.options import Chain, Option
from signals.units import HOUR, MINUTE, from_ms, in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw
    from bot.market.source import Ask, Found
    from storage.market.points import Points

_BARS: Final = 4000
_RATES: Final = 24 * 30  # the history answers narrow windows only
_HOURS: Final = 8
_LEVELS: Final = 1000
_DVOL: Final = ("BTC", "ETH")
_OPTION: Final = re.compile(
    r"(?P<coin>[A-Z0-9_]+)-(?P<day>\d{1,2}[A-Z]{3}\d{2})-(?P<strike>\d+(?:d\d+)?)-(?P<kind>[CP])"
)
_READABLE: Final = 0.5  # of a chain's rows, below which it is no chain: its walls would be others
_DATED: Final = re.compile(r"[A-Z0-9_]+-(?P<day>\d{1,2}[A-Z]{3}\d{2})")


async def bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read closed hourly bars; `cost` is the volume in USD, taker-buy volume is not published."""

    async def page(end: int) -> list[tuple[int, Any]]:
        stretch = {"start_timestamp": page_start(end, _BARS * HOUR, ask.since), "end_timestamp": end}
        asked = {"instrument_name": contract.market_id, "resolution": "60"} | stretch
        found = (await ask_raw("publicGetGetTradingviewChartData", asked))["result"]
        names = ("open", "high", "low", "close", "cost")
        rows = zip(rows_of(found["ticks"], least=0), *(found[name] for name in names), strict=True)
        return [(stamp(row[0]), row[1:]) for row in rows]

    rows = await backwards(page, since=ask.since, until=ask.now, most=4)
    return [hourly(contract, [bar(at, row[:4], number(row[4])) for at, row in rows], ask.now)]


async def open_interest(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- as all recipes
    """Read open interest now; a history is not offered. The other unit at the mark price beside it."""
    row = await _ticker(ask_raw, contract)
    given, mark = number(row["open_interest"]), number(row["mark_price"])
    coins, usd = (given / mark, given) if contract.inverse else (given, given * mark)
    columns = {"open_interest_coin": [coins], "open_interest_usd": [usd]}
    return [points(contract, [stamp(row["timestamp"])], columns)]


async def funding(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read funding of the last eight hours as a rate per hour, mark and index price; and the hours since."""
    row = await _ticker(ask_raw, contract)
    live = running(
        contract,
        stamp(row["timestamp"]),
        rate=number(row["funding_8h"]) / _HOURS,
        hours=1.0,
        mark=number(row["mark_price"]),
        index=number(row["index_price"]),
    )
    if ask.since is None:
        return [live]

    async def page(end: int) -> list[tuple[int, float]]:
        stretch = {"start_timestamp": page_start(end, _RATES * HOUR, ask.since), "end_timestamp": end}
        answer = await ask_raw("publicGetGetFundingRateHistory", {"instrument_name": contract.market_id} | stretch)
        rows = rows_of(answer["result"], least=0)
        return [(stamp(row["timestamp"]), number(row["interest_1h"])) for row in rows]

    rates = await backwards(page, since=ask.since, until=ask.now, most=10)
    return [*settled(contract, ask, rates, 1.0), live]


async def book(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- a recipe's signature
    """Read 1,000 levels a side within 1 % of mid. Sizes are USD on an inverse contract, coins on a linear one."""
    asked = {"instrument_name": contract.market_id, "depth": _LEVELS}
    found = (await ask_raw("publicGetGetOrderBook", asked))["result"]
    sides = ([(price, size / contract.size) for price, size in pairs(found[name])] for name in ("bids", "asks"))
    return [depth(contract, stamp(found["timestamp"]), *sides)]


async def volatility(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the DVOL index, % a year: the close of each hour, the running one as of now. BTC and ETH have one."""
    if contract.asset not in _DVOL:
        raise NotOffered(f"Deribit has a volatility index of {' and '.join(_DVOL)} only.")

    # Rows bear the opening of their hour, our figures the time at which they are known: the running hour comes again.
    since = ask.since - HOUR if ask.since else None

    async def page(end: int) -> list[tuple[int, float]]:
        stretch = {"start_timestamp": page_start(end, 1000 * HOUR, since), "end_timestamp": end}
        answer = await ask_raw(
            "publicGetGetVolatilityIndexData", {"currency": contract.asset, "resolution": "3600"} | stretch
        )
        return [(stamp(row[0]), number(row[4])) for row in rows_of(answer["result"]["data"], least=0)]

    rows = await backwards(page, since=since, until=ask.now, most=6)
    if not rows:
        raise Unreadable("no volatility came where some is certain")
    times = [min(at + in_ms(HOUR), to_ms(ask.now)) for at, _ in rows]
    return [points(contract, times, {"implied_volatility": [value for _, value in rows]})]


async def options(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Found]:  # noqa: ARG001 -- a recipe's signature
    """Read all options of a coin: open interest in coins, mark volatility, and whether there is a bid and an ask.

    A row that lacks a figure is left out. Unreadable where so many do that what is left is no chain.
    """
    asked = {"currency": _currency(contract), "kind": "option"}
    rows = (await ask_raw("publicGetGetBookSummaryByCurrency", asked, shared=True, digest=_by_coin)).get(
        _coin(contract)
    )
    if not rows:
        raise NotOffered(f"Deribit lists no options of {contract.asset}.")
    found = [option for row in rows if (option := _option(row)) is not None]
    if len(found) < _READABLE * len(rows):
        raise Unreadable(f"{len(rows) - len(found)} of {len(rows)} options lack a figure")
    told = max((row["creation_timestamp"] for row in rows if row.get("creation_timestamp")), default=None)
    return [Chain(contract.venue, contract.asset, from_ms(stamp(told)), tuple(found), _index(rows))]


def _by_coin(answer: Any) -> dict[str, list[Mapping[str, Any]]]:
    """Put the contracts of an answer apart, by how the coin is written in their names."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows_of(answer["result"], least=0):
        found.setdefault(str(row.get("instrument_name")).partition("-")[0], []).append(row)
    return found


def _option(row: Mapping[str, Any]) -> Option | None:
    """Read one option; None where a figure of it is missing or cannot be true."""
    named = _OPTION.fullmatch(row["instrument_name"])
    if named is None:
        return None
    try:
        expiry, open_, iv = (
            from_ms(expiry_of(named["day"])),
            number(row.get("open_interest")),
            number(row.get("mark_iv")),
        )
    except ValueError:  # no such day, or no number
        return None
    if not 0 <= open_ < 1e9:
        return None
    return Option(
        expiry,
        float(named["strike"].replace("d", ".")),
        "call" if named["kind"] == "C" else "put",
        open_,
        iv if 0 < iv < 1000 else None,
        all(row.get(side) for side in ("bid_price", "ask_price")),
    )


def _index(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """Return the index that an option would be settled at now; None where no row tells it."""
    told = (number(row.get("estimated_delivery_price")) for row in rows)
    return next((index for index in told if 0 < index < math.inf), None)


async def futures(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- a recipe's signature
    """Read the dated future that is nearest to a quarter away, from one answer for all of a currency."""
    asked = {"currency": _currency(contract), "kind": "future"}
    rows = (await ask_raw("publicGetGetBookSummaryByCurrency", asked, shared=True, digest=_by_coin)).get(
        _coin(contract)
    )
    found = [(named, row) for row in rows or () if (named := _DATED.fullmatch(row["instrument_name"]))]
    every = (
        Dated(expiry_of(named["day"]), number(row.get("mark_price")), number(row.get("estimated_delivery_price")))
        for named, row in found
    )
    return [dated(contract, max((stamp(row["creation_timestamp"]) for _, row in found), default=0), every)]


def _currency(contract: Contract) -> str:
    """Name the currency under which a coin's options and futures are listed."""
    return contract.asset if contract.inverse else "USDC"


def _coin(contract: Contract) -> str:
    """Write a coin as the names of its options and futures begin."""
    return contract.asset if contract.inverse else f"{contract.asset}_USDC"


async def _ticker(ask_raw: Raw, contract: Contract) -> Mapping[str, Any]:
    """Ask once for open interest and funding of the same moment: both stand in it."""
    answer = await ask_raw("publicGetTicker", {"instrument_name": contract.market_id}, shared=True)
    found: Mapping[str, Any] = answer["result"]
    if found["instrument_name"] != contract.market_id:
        raise Unreadable(f"{contract.market_id} was asked, another contract came")
    return found


RECIPE: Final = VenueRecipe(
    venue="deribit",
    ccxt_id="deribit",
    listing={"currency": "any", "kind": "future"},
    too_far=frozenset({"-32602"}),
    offers={
        "bars": Offer(bars, MINUTE),
        "open_interest": Offer(open_interest, MINUTE),
        "funding": Offer(funding, MINUTE, "accrues all the time; an eighth of the last eight hours"),
        "depth": Offer(book, BOOK_EVERY),
        "volatility": Offer(volatility, 5 * MINUTE),
        "options": Offer(options, CHAIN_EVERY),
        "dated_futures": Offer(futures, DATED_EVERY),
    },
)
