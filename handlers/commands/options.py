"""/options /vol: what hangs on option strikes, and how dear options are."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from handlers.charts.figures import strike_words
from handlers.command import Deps, Refused, command
from handlers.commands.market import answered, readings_of, say, value
from handlers.language.assets import OneAsset, meant_asset
from handlers.language.kinds import ASSET, EXPIRY, NamedDay, argument
from handlers.reply import Block, Button, Buttons, Line, Picture, Reply, Table
from handlers.words import readings as words
from handlers.words import wording
from signals.units import DAY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signals.options import OptionExpiry, Strike
    from storage.queries.derivatives.option_chain import OptionsNow
    from storage.queries.freshness import Stamp
    from storage.queries.market.readings import Reading

# As in market.py: whatever brings numpy along is imported when a command runs.

_ROWS: Final = 6  # expiries of the table; the smallest of more are left out and counted
_WALLS: Final = 3
_INDEXED: Final = frozenset(("BTC", "ETH"))  # coins of which Deribit tells an index
_TELLS_NOT: Final = "Who is short these options stands nowhere, so neither does which way a hedge would push."


@dataclass(frozen=True, slots=True)
class OneExpiry:
    """Which asset and, if one is meant, which expiry."""

    asset: str | None = argument(ASSET, default=None)
    expiry: NamedDay | None = argument(EXPIRY, default=None, label="26dec")


@command(
    subject="market",
    example="/options btc 26dec",
    draws=True,
    words="option, strikes, strike, max pain, maxpain, option walls, walls, gamma, calls and puts, puts and calls, "
    "put call, put call ratio, expiry, expiries, option expiry, options expiry, deribit options",
)
async def options(deps: Deps, args: OneExpiry) -> Reply:
    """Options: walls, puts to calls, and the least payout.

    Shows what is open by expiry, and of the largest one, or of the one you name (/options btc 26dec), the strikes that
    hold most, puts to calls, the strike at which all of it together would pay least with the one that comes next, and
    what part of it had a bid and an ask. Dollars are at the venue's index.
    """
    from storage.queries.derivatives import option_chain  # noqa: PLC0415 - see above

    asset = meant_asset(deps, args.asset, "/options btc")
    found = await asyncio.to_thread(option_chain.read, deps.store, asset, deps.now)
    if found is None:
        if off := words.switched_off(deps.off, "options"):
            raise Refused(f"No options of {asset} are stored that have not expired. {off}")
        raise Refused(
            f"No options of {asset} are stored that have not expired. A running bot (perpulse run) reads them from "
            "Deribit twice an hour; it has those of BTC, ETH, SOL and a few others.",
            outdated=(asset,) if asset in deps.assets else (),
        )
    expiry = _meant(found, args.expiry)
    reference: dict[str, Any] = {
        "picture": "options", "asset": asset, "until": deps.now.isoformat(), "expiry": expiry.at.isoformat(),
    }  # fmt: skip
    if deps.stamp_note:
        reference["note"] = deps.stamp_note
    from handlers.charts import options as picture  # noqa: PLC0415 - see above

    lines: list[Block] = [
        Line(f"{asset} options: {_size(found)}.", "headline"),
        Line(_whole(found)),
        *([_table(found)] if args.expiry is None and len(found.expiries) > 1 else []),
        *(Line(text) for text in _expiry(found, expiry)),
        Line(_TELLS_NOT, "caveat"),
        Picture(reference, picture.spec(found, expiry)["alt"]),
        Buttons(tuple(_buttons(found, expiry))),
    ]
    return answered(deps, asset, lines, _values(found, expiry), (found.stamp,), outdated=found.stamp.stale is not None)


def _meant(found: OptionsNow, named: NamedDay | None) -> OptionExpiry:
    if named is None:
        return found.largest
    for expiry in found.expiries:
        if named.is_of(expiry.at.date()):
            return expiry
    listed = wording.listing([_typed(expiry) for expiry in found.expiries])
    raise Refused(f"No options of {found.asset} that are stored expire on {named}. There is {listed}.")


def _typed(expiry: OptionExpiry) -> str:
    """Return an expiry as it is typed: 26dec25."""
    return f"{expiry.at.day}{expiry.at:%b%y}".lower()


def _size(found: OptionsNow) -> str:
    dollars = "" if found.usd is None else f", {wording.usd(found.usd)}"
    return f"{wording.coins(found.coins, found.asset)}{dollars} open"


def _whole(found: OptionsNow) -> str:
    index = "" if found.index is None else f"Index ${wording.price(found.index)}. "
    count = wording.count(len(found.expiries), "expiry", "expiries")
    return f"{index}Over {count} puts to calls are {_ratio(found.put_call)}."


def _ratio(put_call: float | None) -> str:
    return "not known" if put_call is None else wording.number(put_call, 2)


def _table(found: OptionsNow) -> Table:
    """Show the largest expiries in the order in which they come."""
    shown = sorted(found.expiries, key=lambda expiry: -expiry.coins)[:_ROWS]
    rows = [
        (
            wording.day(expiry.at, short=True),
            _short(expiry.coins),
            _ratio(expiry.put_call),
            strike_words(expiry.largest(1)[0].price),
            strike_words(expiry.least_payout()[0]),
        )
        for expiry in sorted(shown, key=lambda expiry: expiry.at)
    ]
    left = len(found.expiries) - len(rows)
    more = ((f"{left} more", *[""] * 4),) if left > 0 else ()
    return Table(("Expiry", found.asset, "put/call", "wall", "least paid"), (*rows, *more))


def _short(coins: float) -> str:
    return wording.usd(coins).replace("$", "") if coins >= 1000 else wording.number(coins)


def _strike(price: float) -> str:
    return f"${wording.price(price)}"


def _expiry(found: OptionsNow, expiry: OptionExpiry) -> list[str]:
    """Say one expiry whole."""
    left = wording.duration(expiry.at - found.at)
    dollars = "" if found.index is None else f", {wording.usd(expiry.coins * found.index)}"
    whole = expiry.coins / found.coins * 100
    part = wording.share(whole) if whole >= 1 else "under 1 %"
    open_ = f"{wording.coins(expiry.coins, found.asset)}{dollars}, {part} of all"
    lines = [
        f"{wording.day(expiry.at)} (in {left}): {open_}; puts to calls {_ratio(expiry.put_call)}.",
        f"Largest strikes: {', '.join(_wall(expiry, strike) for strike in expiry.largest(_WALLS))}.",
    ]
    least = expiry.least_payout()
    said = f"Least payout (max pain) at {_strike(least[0])}{_away(found, least[0])}"
    if len(least) > 1:
        said += f"; next {_strike(least[1])}{_dearer(expiry, least)}"
    lines.append(f"{said}.")
    if expiry.quoted is not None:
        lines.append(f"{wording.share(expiry.quoted * 100)} of its options had a bid and an ask.")
    return lines


def _dearer(expiry: OptionExpiry, least: Sequence[float]) -> str:
    """Say how much more would be paid at the runner-up: little, and the least payout means little."""
    first, second = (expiry.payout(strike) for strike in least)
    if not first:
        return f", where {wording.usd(second)} would be paid and there nothing"
    more = second / first - 1
    many = f"{wording.times(1 + more)} as much" if more >= 1 else f"{wording.share(more * 100, 1)} more"
    return f", where {many} would be paid"


def _wall(expiry: OptionExpiry, strike: Strike) -> str:
    part = wording.share(expiry.share(strike) * 100)
    return f"{_strike(strike.price)} with {wording.coins(round(strike.coins))} ({part})"


def _away(found: OptionsNow, price: float) -> str:
    """Say how far a strike is from the index."""
    if found.index is None:
        return ""
    away = (price / found.index - 1) * 100
    words_ = wording.share(abs(away), 0 if abs(away) >= 10 else 1)
    return f", {words_} {'above' if away >= 0 else 'below'} the index"


def _buttons(found: OptionsNow, shown: OptionExpiry) -> list[Button]:
    """Return buttons for the largest other expiries and for volatility."""
    name = found.asset.lower()
    others = [expiry for expiry in sorted(found.expiries, key=lambda expiry: -expiry.coins) if expiry is not shown][:3]
    buttons = [
        Button(wording.day(expiry.at, short=True), f"/options {name} {_typed(expiry)}")
        for expiry in sorted(others, key=lambda expiry: expiry.at)
    ]
    return [*buttons, Button("Volatility", f"/vol {name}")]


def _values(found: OptionsNow, shown: OptionExpiry) -> dict[str, Any]:
    return {
        "venue": found.venue,
        "index": found.index,
        "open_interest_coin": found.coins,
        "open_interest_usd": found.usd,
        "put_call": found.put_call,
        "since": found.first,
        "expiry": shown.at,
        "expiries": {expiry.at.date().isoformat(): _of(found, expiry) for expiry in found.expiries},
    }


def _of(found: OptionsNow, expiry: OptionExpiry) -> Mapping[str, Any]:
    least = expiry.least_payout()
    return {
        "open_interest_coin": expiry.coins,
        "share": expiry.coins / found.coins,
        "put_call": expiry.put_call,
        "least_payout": least[0],
        "least_payout_next": least[1] if len(least) > 1 else None,
        "quoted": expiry.quoted,
        "walls": {f"{strike.price:g}": expiry.share(strike) for strike in expiry.largest(_WALLS)},
    }


# --- volatility -------------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/vol btc",
    draws=True,
    words="volatility, implied volatility, implied vol, iv, dvol, vix, realised volatility, realized volatility, "
    "how volatile, volatile, expected move, option premium",
)
async def vol(deps: Deps, args: OneAsset) -> Reply:
    """Implied volatility: how dear options are now.

    The volatility index of Deribit (DVOL) is what options of the next 30 days expect, in percent a year. It is held
    against its own 90 days and against what price really did in the last 30.
    """
    found = await readings_of(deps, args.asset, ("implied_vol",), example="/vol btc")
    asset, reading = found.asset, found.get("implied_vol")
    level = await asyncio.to_thread(_level, deps, asset)
    if reading is None and level is None:
        lines: list[Block] = [
            Line(f"{asset} implied volatility: {words.why_not(found.lacking('implied_vol'))}.", "headline"),
            Line(_whence(deps, asset), "caveat"),
        ]
        return answered(deps, asset, lines, {}, (), outdated=found.outdated)
    now = value(reading, "iv") if reading or level is None else level[0]
    used = words.stamps(found) if reading or level is None else (level[1],)
    lines = [
        Line(f"{asset} implied volatility: {wording.number(now, 1)} % a year.", "headline"),
        Line(_usual_day(now)),
        Line(_against(reading) if reading else f"Against 90 days: {words.why_not(found.lacking('implied_vol'))}."),
        *([Line(said)] if reading and (said := _realised(reading)) else []),
        Line("It is the price of insurance against moves to either side, and says nothing of which way.", "caveat"),
    ]
    from handlers.charts import pictures  # noqa: PLC0415 - see above

    reference: dict[str, Any] = {
        "metric": "implied_vol", "value": "iv", "asset": asset, "until": deps.now.isoformat(), "days": 90,
    }  # fmt: skip
    if deps.stamp_note:
        reference["note"] = deps.stamp_note
    if alt := await pictures.in_words(deps.store, reference):
        lines.append(Picture(reference, alt))
    lines.append(Buttons((Button("Options", f"/options {asset.lower()}"), Button("Price", f"/price {asset.lower()}"))))
    values = {
        "implied_volatility": now,
        "zscore_90d": value(reading, "value"),
        "change_24h": value(reading, "change_24h"),
        "change_7d": value(reading, "change_7d"),
        "highest_90d": value(reading, "highest"),
        "lowest_90d": value(reading, "lowest"),
        "realised_30d": value(reading, "realised"),
    }
    return answered(deps, asset, lines, values, used, outdated=found.outdated)


def _level(deps: Deps, asset: str) -> tuple[float, Stamp] | None:
    """Return the newest stored index with its stamp; it is known while its window is still learning."""
    from storage.market import points  # noqa: PLC0415 - opens the database
    from storage.queries.freshness import stamp_of  # noqa: PLC0415 - as above

    newest = points.newest(deps.store, asset, "implied_volatility")
    if newest is None or deps.now - newest.at > DAY:
        return None
    return newest.value, stamp_of(deps.store, asset, {"implied_volatility": newest}, deps.now)


def _whence(deps: Deps, asset: str) -> str:
    """Say where the index of a coin comes from, or that there is none, and what to do."""
    if asset in _INDEXED:
        if off := words.switched_off(deps.off, "implied_volatility"):
            return f"{off} A file brings history in with perpulse import FILE."
        return "A running bot (perpulse run) collects it from Deribit; perpulse import FILE brings history in."
    return f"Deribit has an index of BTC and ETH only; type /options {asset.lower()} for those of {asset}."


def _usual_day(index: float | None) -> str:
    """Say what the index means for a day: one in three goes further."""
    if index is None:
        return "What it expects of a day is not known."
    day, month = wording.share(index / 365**0.5, 1), wording.share(index * (30 / 365) ** 0.5)
    return f"As options price it, a day is ±{day} and 30 days are ±{month}; about one in three goes further."


def _against(reading: Reading) -> str:
    changes = say("{change_7d:points} in 7 days and {change_24h:signed} in 24 h", reading.values)
    extremes = say("{lowest:number} to {highest:number}", reading.values)
    return f"Against 90 days: {say('{value:zscore}', reading.values)}, {changes}. Range of 90 days: {extremes}."


def _realised(reading: Reading) -> str:
    realised, over = reading.get("realised"), reading.get("over_realised")
    if realised is None or over is None:
        return ""
    dearer = f"{wording.number(abs(over), 1)} points {'above' if over > 0 else 'below'} that"
    return f"Price moved {wording.number(realised, 1)} % a year in the last 30 days: options are priced {dearer}."
