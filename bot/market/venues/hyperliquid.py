"""Hyperliquid perpetuals in our units. Calls and fields: hyperliquid.gitbook.io, info endpoint (POST /info).

Sizes are coins (kPEPE: a thousand of them), funding is hourly, prices are in USDC. The contexts carry no time, so they
are stamped with ours: a frozen venue is seen by its book and bars alone. Open interest is taken as published; one
provider's documents call it two-sided, another sums it as one-sided (2026-01), and nobody has calibrated it here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.recipe import (
    OPEN,
    RATE,
    PresentOfAll,
    Unreadable,
    backwards,
    bar,
    before_settlement,
    depth,
    hourly,
    number,
    page_start,
    row_of,
    rows_of,
    settled,
    stamp,
)
from bot.market.exchange.venue_recipe import BOOK_EVERY, OUR_TIME, SWAPS_ONLY, Offer, VenueRecipe
from bot.market.tiers.rows import Fetched, TiersRefused, decimal, row
from bot.market.tiers.tables import TierAnswer, connected
from signals.assets import UnreadableSymbol, coin, packed
from signals.units import HOUR, MINUTE, in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from bot.market.exchange.contracts import Contract
    from bot.market.exchange.recipe import Raw, Row, RowOf
    from bot.market.source import Ask
    from bot.market.tiers.tables import Reach
    from storage.market.points import Points

_INFO: Final = "publicPostInfo"
_ROWS: Final = 500
_BARS: Final = 5000
_INTERVAL_HOURS: Final = 1.0
_LEVELS: Final = 20


async def bars(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read closed hourly bars, the newest 5,000 at most. Volume comes in coins: its dollars are those at the close."""
    start = to_ms(ask.since) if ask.since else to_ms(ask.now) - _BARS * in_ms(HOUR)
    request = {"coin": contract.market_id, "interval": "1h", "startTime": start, "endTime": to_ms(ask.now)}
    rows = rows_of(await ask_raw(_INFO, {"type": "candleSnapshot", "req": request}))
    found = [bar(stamp(row["t"]), (row[name] for name in "ohlc"), number(row["v"]) * number(row["c"])) for row in rows]
    return [hourly(contract, found, ask.now)]


async def open_interest_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read open interest now, from one answer for all; a history is not offered. USD at the mark price beside it."""
    listed, at = await _contexts(ask_raw), to_ms(now)

    def row(contract: Contract) -> Row:
        context = row_of(listed, contract)
        held, mark = number(context["openInterest"]), number(context["markPx"])
        return at, contract.coins(held, mark), contract.usd(held, mark)

    return row


async def rates_now(ask_raw: Raw, contracts: Sequence[Contract], now: datetime) -> RowOf:  # noqa: ARG001 - as all of them
    """Read the rate of this hour, mark and oracle price from one answer for all."""
    listed, at = await _contexts(ask_raw), to_ms(now)

    def row(contract: Contract) -> Row:
        context = row_of(listed, contract)
        return (
            at,
            number(context["funding"]),
            _INTERVAL_HOURS,
            number(context["markPx"]),
            number(context["oraclePx"]),
        )

    return row


async def settlements(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:
    """Read the settled rates since then."""
    assert ask.since is not None  # noqa: S101 -- for the type checker: asked for a past only
    first = before_settlement(ask.since)

    async def page(end: int) -> list[tuple[int, float]]:
        start = page_start(end, _ROWS * HOUR, first)
        asked = {"type": "fundingHistory", "coin": contract.market_id, "startTime": start, "endTime": end}
        answer = rows_of(await ask_raw(_INFO, asked), least=0)
        return [(stamp(row["time"]), number(row["fundingRate"])) for row in answer]

    rates = await backwards(page, since=first, until=ask.now, most=12)
    return settled(contract, ask, rates, _INTERVAL_HOURS)


async def book(ask_raw: Raw, contract: Contract, ask: Ask) -> list[Points]:  # noqa: ARG001 -- a recipe's signature
    """Read 20 levels a side, asked so coarse that they reach 1 % from mid.

    At full precision they reach 0.03 % on BTC. A coarse level counts when it lies within 1 % whole, so the sum is a
    floor, and always the same one.
    """
    mid = number(row_of(await _contexts(ask_raw), contract)["midPx"])
    asked = {"type": "l2Book", "coin": contract.market_id, "nSigFigs": _figures(mid)}
    found = await ask_raw(_INFO, asked)
    bids, asks = ([(number(level["px"]), number(level["sz"])) for level in side] for side in found["levels"])
    return [depth(contract, stamp(found["time"]), bids, asks, mid=mid)]


def _figures(mid: float) -> int:
    """Choose 4 significant figures where 20 such steps reach 1 %, else 3: a step is 0.1 % of the leading digits."""
    if not mid > 0:
        raise Unreadable("no mid price")
    leading = mid / 10 ** math.floor(math.log10(mid))
    return 4 if _LEVELS * 0.001 / leading >= 0.0105 else 3


async def _contexts(ask_raw: Raw) -> Mapping[str, Any]:
    found: Mapping[str, Any] = await ask_raw(_INFO, {"type": "metaAndAssetCtxs"}, shared=True, digest=_by_name)
    return found


def _by_name(answer: Any) -> dict[str, Any]:
    meta, contexts = rows_of(answer, least=2)
    if len(meta["universe"]) != len(contexts):
        raise Unreadable("as many contexts as names were due")
    return {listed["name"]: context for listed, context in zip(meta["universe"], contexts, strict=True)}


async def tiers(recipe: VenueRecipe, _: Sequence[str], reach: Reach) -> TierAnswer:
    """Read `meta`: maintenance is half the initial margin at the highest leverage of each tier."""
    exchange = await connected(recipe, reach)
    try:
        meta = await exchange.publicPostInfo({"type": "meta"})
    finally:
        await exchange.close()
    tables = {int(number): table for number, table in meta["marginTables"]}
    found, refused = [], []
    for listed in meta["universe"]:
        if listed.get("isDelisted"):
            continue
        try:
            found.append(_of_universe(listed, tables.get(int(listed.get("marginTableId", -1)))))
        except (TiersRefused, UnreadableSymbol) as why:
            refused.append((str(listed.get("name")), str(why)))
    if not found:
        raise Unreadable("a list of perpetuals without a tier")
    return TierAnswer(tuple(found), "Hyperliquid meta, margin tables", tuple(refused))


def _of_universe(listed: Any, table: Any) -> Fetched:
    """Make the tiers of one coin; one without a table of its own has one tier at its highest leverage."""
    steps = table["marginTiers"] if table else [{"lowerBound": "0", "maxLeverage": listed["maxLeverage"]}]
    ordered = sorted(steps, key=lambda step: decimal(step["lowerBound"], "a bound"))
    caps = [step["lowerBound"] for step in ordered[1:]] + [None]
    name = str(listed["name"])
    rows = []
    for step, cap in zip(ordered, caps, strict=True):
        leverage = decimal(step["maxLeverage"], "a leverage")
        if leverage < 1:
            raise TiersRefused(f"a leverage of {leverage}x cannot be")
        rows.append(row(cap, 1 / (2 * leverage), leverage))
    return Fetched(
        venue="hyperliquid",
        contract="linear",
        asset=packed(*coin(name)),
        quote="USDC",
        rows=tuple(rows),
    )


RECIPE: Final = VenueRecipe(
    venue="hyperliquid",
    ccxt_id="hyperliquid",
    markets=SWAPS_ONLY,
    offers={
        "bars": Offer(bars, MINUTE, "volume in dollars is coins at the close"),
        "open_interest": Offer(
            None, MINUTE, f"one or two sides: not calibrated yet; {OUR_TIME}", PresentOfAll(OPEN, open_interest_now)
        ),
        "funding": Offer(settlements, MINUTE, OUR_TIME, PresentOfAll(RATE, rates_now)),
        "depth": Offer(book, BOOK_EVERY),
    },
    tiers=tiers,
)
