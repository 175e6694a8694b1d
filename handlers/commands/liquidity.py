"""/depth /stables: how much an order can move, and the dollars that wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from handlers.command import Deps, Nothing, command
from handlers.commands.market import answered, more, readings_of, say, value
from handlers.language.assets import OneAsset  # noqa: TC001 - a command's arguments are read from its annotations
from handlers.reply import Block, Button, Buttons, Line, Picture, Reply
from handlers.words import readings as words
from handlers.words import wording
from signals.venues import venue_title

if TYPE_CHECKING:
    from storage.queries.market.readings import Reading, Readings

# As in market.py: whatever brings numpy along is imported when a command runs.

THIN: Final = -0.75  # z, from which on the book is called thin; above +0.75 thick


@command(
    subject="market",
    example="/depth btc",
    words="order book, orderbook, book depth, market depth, liquidity, thin book, thin, book, slippage, "
    "how liquid, liquid, how thin",
)
async def depth(deps: Deps, args: OneAsset) -> Reply:
    """Depth: orders within 1 % of price, and if that is thin.

    Bids and asks within 1 % of the middle price, against their median of 30 days and against the same hour of those
    days: a book is thinner each night. Exchanges that send too few levels to reach 1 % tell nothing.
    """
    from storage.queries.derivatives import by_venue  # noqa: PLC0415 - see above

    found = await readings_of(deps, args.asset, ("depth_index",), example="/depth btc")
    asset, reading = found.asset, found.get("depth_index")
    names = ("depth_bids_usd", "depth_asks_usd")
    venues = await asyncio.to_thread(by_venue.current_of, deps.store, asset, names, deps.now)
    sides = {one.venue: (one.values[names[0]], one.values[names[1]]) for one in venues}
    told = None if reading else await asyncio.to_thread(by_venue.newest_of, deps.store, asset, names, deps.now)
    if reading is None and told is None:
        lines: list[Block] = [Line(f"{asset} depth: {words.why_not(found.lacking('depth_index'))}.", "headline")]
        return answered(deps, asset, lines, {}, (), outdated=found.outdated)
    last = None if told is None else told[0].values
    bids, asks = (last[name] if last else value(reading, name.removeprefix("depth_")) for name in names)
    whole = None if bids is None or asks is None else bids + asks
    lines = [
        Line(f"{asset} orders within 1 % of price: {wording.usd(whole)}.", "headline"),
        Line(_sides(bids, asks)),
        Line(_unusual(reading) if reading else f"Against 30 days: {words.why_not(found.lacking('depth_index'))}."),
        *([Line(f"By venue: {_venues(sides)}.")] if len(sides) > 1 else []),
        Line("What rests in a book can be taken away before it is reached.", "caveat"),
        more(asset, "depth_index"),
    ]
    values = {
        "depth_usd": whole,
        "bids_usd": bids,
        "asks_usd": asks,
        "zscore_of_hour": value(reading, "value"),
        "against_median": value(reading, "below_median"),
        "by_venue": {venue: {"bids_usd": buy, "asks_usd": sell} for venue, (buy, sell) in sides.items()},
    }
    used = [*([reading.stamp] if reading else []), *([told[1]] if told else [])]
    return answered(deps, asset, lines, values, used, outdated=found.outdated)


def _sides(bids: float | None, asks: float | None) -> str:
    if not bids or not asks:
        return "One of the sides is not known."
    said = f"Bids {wording.usd(bids)}, asks {wording.usd(asks)}"
    if max(bids, asks) / min(bids, asks) < 1.2:
        return f"{said}: about as much on both sides."
    side = "below" if bids > asks else "above"
    return f"{said}: {wording.times(max(bids, asks) / min(bids, asks))} as much {side} price."


def _unusual(reading: Reading) -> str:
    z = reading.get("value") or 0.0
    kind = "thin" if z <= THIN else "thick" if z >= -THIN else "as usual"
    median = reading.get("below_median")
    said = "" if median is None else f"{wording.percent(median * 100, 0)} against its 30-day median. "
    return f"{said}For this hour of the day: {kind}, {say('{value:zscore}', reading.values)} against 30 days."


def _venues(sides: dict[str, tuple[float, float]]) -> str:
    return " · ".join(f"{venue_title(venue)} {wording.usd(bids + asks)}" for venue, (bids, asks) in sides.items())


# --- stablecoins ------------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/stables",
    draws=True,
    words="stablecoins, stablecoin, stable coins, stablecoin supply, dry powder, exchange reserves, reserves, "
    "exchange balances, tether supply, usdt supply, usdc supply, money on the sidelines, sidelines",
)
async def stables(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - every command is asked the same way
    """Stablecoin supply, its change, and what is unknown.

    The supply of all coins pegged to the dollar by DefiLlama, its change over 7 and 30 days with its place in two
    years, and whether more of it went with calmer prices. Balances at exchanges are sold and not read here.
    """
    from handlers.charts import pictures  # noqa: PLC0415 - see above
    from storage.queries.market import readings  # noqa: PLC0415 - see above

    found = await readings_of(deps, None, ("stable_supply",), example="/stables")
    reading = found.get("stable_supply")
    claim = await asyncio.to_thread(readings.of, deps.store, deps.assets[0], ("stable_vs_vol",), deps.now)
    if reading is None:
        lines: list[Block] = [
            Line(f"Stablecoins in dollars: {words.why_not(found.lacking('stable_supply'))}.", "headline"),
            *([Line(off)] if (off := words.switched_off(deps.off, "stablecoin_supply_usd")) else []),
            Line(_RESERVES, "caveat"),
        ]
        return answered(deps, found.asset, lines, {}, (), outdated=found.outdated)
    lines = [
        Line(say("Stablecoins in dollars: {supply_usd:usd}.", reading.values), "headline"),
        Line(say("{change_7d:change2} in 7 days, {value:change2} in 30 days", reading.values) + _place(reading)),
        Line(_claim(claim, deps.assets[0])),
        Line("Read both ways, as money that waits and as money taken out of risk: reported here, never scored."),
        Line(_RESERVES, "caveat"),
    ]
    reference: dict[str, Any] = {
        "metric": "stable_supply", "value": "supply_usd", "asset": found.asset, "until": deps.now.isoformat(),
    }  # fmt: skip
    if deps.stamp_note:
        reference["note"] = deps.stamp_note
    if alt := await pictures.in_words(deps.store, reference):
        lines.append(Picture(reference, alt))
    lines.append(Buttons((Button("Change", "/chart stable_supply"), Button("Mood", "/fng"))))
    values = {
        "stablecoin_supply_usd": value(reading, "supply_usd"),
        "change_7d": value(reading, "change_7d"),
        "change_30d": value(reading, "value"),
        "rank_2y": value(reading, "rank"),
        "supply_vs_volatility": value(claim.get("stable_vs_vol"), "value"),
        "supply_vs_volatility_by_chance": value(claim.get("stable_vs_vol"), "bound"),
        "exchange_reserves_usd": None,
    }
    return answered(deps, found.asset, lines, values, words.stamps(found), outdated=found.outdated)


_RESERVES: Final = (
    "How much of it lies at exchanges is not available: labelled wallets are sold by CryptoQuant, Glassnode and Nansen."
)


def _claim(claim: Readings, asset: str) -> str:
    """Say whether more supply went with calmer prices, or whether that cannot be told from chance."""
    reading = claim.get("stable_vs_vol")
    asked = f"Does more of it come with calmer {asset} prices?"
    if reading is None:
        why = words.why_not(claim.lacking("stable_vs_vol"))
        return f"{asked} Not known: {why}."
    tau, bound = reading.get("value") or 0.0, reading.get("bound") or 0.0
    told = say("over {spans:number} spans of 30 days: rank correlation {value:ratio}", reading.values)
    chance = f"chance alone reaches {wording.number(bound, 2)}"
    if abs(tau) <= bound:
        return f"{asked} Not to be told from chance {told}, and {chance}."
    return f"{asked} {'Yes' if tau < 0 else 'No, with wilder ones'}, {told}; {chance}."


def _place(reading: Reading) -> str:
    rank = reading.get("rank")
    if rank is None:
        return f". Its place in two years: learning, {words.days(reading.seen)} of 517 days."
    return f", more than in {say('{rank:rank}', {'rank': rank})} of the 30-day spans of two years."
