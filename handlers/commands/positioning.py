"""/ls /basis: which way accounts lean, and what futures cost more than spot."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from handlers.command import Deps, command
from handlers.commands.market import answered, more, readings_of, say, value
from handlers.language.assets import OneAsset  # noqa: TC001 - a command's arguments are read from its annotations
from handlers.reply import Block, Line, Reply, Table
from handlers.words import readings as words
from handlers.words import wording
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.queries.market.readings import Reading

# As in market.py: whatever brings numpy along is imported when a command runs.

_KINDS: Final = (("accounts", "All accounts"), ("top_accounts", "Top accounts"), ("top_positions", "Top positions"))
_YEAR_NEEDS: Final = 244  # days: two thirds of a year


@command(
    subject="market",
    example="/ls btc",
    words="long short, long short ratio, long/short, longs vs shorts, longs and shorts, long or short ratio, "
    "long to short, longs to shorts, ratio of longs, lsr, retail, top traders, who is long, accounts long",
)
async def ls(deps: Deps, args: OneAsset) -> Reply:
    """Longs to shorts: accounts, and the largest ones.

    Three counts of one exchange that are never mixed: all accounts, its largest accounts, and the positions of those.
    Each is held against its own year; beside them stand the accounts of other exchanges, and whether funding leans the
    same way.
    """
    from storage.queries.derivatives import by_venue  # noqa: PLC0415 - see above

    found = await readings_of(deps, args.asset, ("long_short", "sentiment_meter"), example="/ls btc")
    asset, reading, meter = found.asset, found.get("long_short"), found.get("sentiment_meter")
    if reading is None:
        why = words.why_not(found.lacking("long_short"))
        lines: list[Block] = [Line(f"{asset} longs to shorts: {why}.", "headline")]
        return answered(deps, asset, lines, {}, (), outdated=found.outdated)
    venues = await asyncio.to_thread(by_venue.current_of, deps.store, asset, ("long_short_accounts",), deps.now)
    others = {one.venue: one.values["long_short_accounts"] for one in venues if one.venue not in reading.stamp.venues}
    headline = say("{long_share:part} long, {accounts:ratio} for each short", reading.values)
    lines = [
        Line(f"{asset} accounts: {headline}.", "headline"),
        _kinds(reading),
        Line(_ranked(reading)),
        *([Line(f"All accounts elsewhere: {_listed(others, 2)}.")] if others else []),
        Line(_leaning(meter) if meter else f"With funding: {words.why_not(found.lacking('sentiment_meter'))}."),
        Line(
            "An account counts once, however large, and each contract has a long and a short: heads, not money.",
            "caveat",
        ),
        more(asset, "long_short"),
    ]
    values = {
        **{name: value(reading, name) for kind, _ in _KINDS for name in (kind, f"{kind}_pct")},
        "long_share": value(reading, "long_share"),
        "change_24h": value(reading, "change_24h"),
        "elsewhere": others,
        "leaning": value(meter, "value"),
        "funding_move": value(meter, "move"),
    }
    return answered(deps, asset, lines, values, (reading.stamp,), outdated=found.outdated)


def _kinds(reading: Reading) -> Table:
    rows = []
    for kind, title in _KINDS:
        ratio, pct = reading.get(kind), reading.get(f"{kind}_pct")
        if ratio is not None:
            long = wording.share(ratio / (1 + ratio) * 100)
            rows.append(
                (title, wording.number(ratio, 2), long, "–" if pct is None else say("{pct:rank}", {"pct": pct}))
            )
    return Table(("", "ratio", "long", "above"), tuple(rows))


def _ranked(reading: Reading) -> str:
    told = "Above: part of the past year's hours with a lower ratio"
    if reading.get("accounts_pct") is None:
        return f"{told}; learning, {_known(reading)} of {_YEAR_NEEDS} days."
    change = reading.get("change_24h")
    return f"{told}." if change is None else f"{told}. All accounts: {wording.percent(change * 100)} in 24 h."


def _known(reading: Reading) -> str:
    return wording.number(reading.get("known_days"))


def _leaning(meter: Reading) -> str:
    """Say whether funding and accounts lean the same way."""
    change = meter.get("funding_change") or 0.0
    moved = say("funding {funding:yearly}", meter.values)
    moved += f", {'up' if change >= 0 else 'down'} {wording.number(abs(change) * 100, 1)} points in 3 days"
    match meter.get("value"):
        case 1.0:
            return f"Funding and accounts lean the same way, towards longs: {moved}."
        case -1.0:
            return f"Funding and accounts lean the same way, towards shorts: {moved}."
        case _:
            return f"Funding and accounts do not lean one way: {moved}."


def _listed(of: Mapping[str, float], decimals: int) -> str:
    return " · ".join(f"{venue_title(venue)} {wording.number(number, decimals)}" for venue, number in of.items())


# --- basis ------------------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/basis btc",
    words="premium, futures premium, contango, backwardation, perp premium, spot premium, carry, cash and carry, "
    "dated futures, quarterly futures, futures curve, term structure",
)
async def basis(deps: Deps, args: OneAsset) -> Reply:
    """Futures against spot: perpetual and dated.

    The perpetual's mark over the index now, its mean of a day and its place in a year; and what the dated future
    nearest to a quarter away costs more than the index, as a simple yearly rate.
    """
    from storage.queries.derivatives import by_venue  # noqa: PLC0415 - see above

    found = await readings_of(deps, args.asset, ("basis",), example="/basis btc")
    asset, reading = found.asset, found.get("basis")
    names = ("mark_price", "index_price")
    venues = await asyncio.to_thread(by_venue.current_of, deps.store, asset, names, deps.now)
    premiums = {one.venue: one.values["mark_price"] / one.values["index_price"] - 1 for one in venues}
    dated = await asyncio.to_thread(by_venue.current_of, deps.store, asset, ("dated_premium", "dated_days"), deps.now)
    yearly = {one.venue: one.values["dated_premium"] * 365 / one.values["dated_days"] for one in dated}
    if reading is None:
        why = words.why_not(found.lacking("basis"))
        lines: list[Block] = [Line(f"{asset} futures against spot: {why}.", "headline")]
        return answered(deps, asset, lines, {}, (), outdated=found.outdated)
    lines = [
        Line(f"{asset} perpetual: {_over(reading.get('value'))}.", "headline"),
        Line(_of_a_year(reading)),
        *([Line(f"By venue: {_percents(premiums, 3)}.")] if len(premiums) > 1 else []),
        Line(_dated(reading)),
        *([Line(f"Dated, by venue: {_percents(yearly, 1)} a year.")] if len(yearly) > 1 else []),
        Line("Who buys spot and sells futures to earn the difference moves it without an opinion on price.", "caveat"),
        more(asset, "basis"),
    ]
    values = {
        "premium": value(reading, "value"),
        "premium_mean_24h": value(reading, "mean_24h"),
        "premium_pct": value(reading, "pct"),
        "dated_apr": value(reading, "dated"),
        "dated_premium": value(reading, "dated_premium"),
        "dated_days": value(reading, "dated_days"),
        "dated_pct": value(reading, "dated_pct"),
        "by_venue": premiums,
        "dated_by_venue": yearly,
    }
    return answered(deps, asset, lines, values, (reading.stamp,), outdated=found.outdated)


def _over(premium: float | None) -> str:
    if premium is None:
        return "not known"
    part = wording.share(abs(premium) * 100, 3)
    return "at spot" if part == wording.share(0, 3) else f"{part} {'over' if premium > 0 else 'under'} spot"


def _of_a_year(reading: Reading) -> str:
    mean, pct = reading.get("mean_24h"), reading.get("pct")
    day = f"Mean of 24 h: {_over(mean)}" if mean is not None else "Mean of 24 h: not known"
    if pct is None:
        return f"{day}. Against its year: learning, {_known(reading)} of {_YEAR_NEEDS} days."
    return f"{day}. Above {say('{pct:rank}', {'pct': pct})} of the past year."


def _dated(reading: Reading) -> str:
    yearly, days = reading.get("dated"), reading.get("dated_days")
    if yearly is None or days is None:
        return (
            "No dated future is stored: it is read from Binance, Bybit, OKX, Deribit, Gate, Bitget and "
            "KuCoin, and nobody gives its past."
        )
    said = say("Dated future, {dated_days:number} days ahead: {dated_premium:change2} over spot", reading.values)
    change = reading.get("dated_change_7d")
    moved = "" if change is None else f", {wording.percent(change * 100)} in 7 days"
    return f"{said}, {wording.apr(yearly * 100)}{moved}."


def _percents(of: Mapping[str, float], decimals: int) -> str:
    return " · ".join(f"{venue_title(venue)} {wording.percent(part * 100, decimals)}" for venue, part in of.items())
