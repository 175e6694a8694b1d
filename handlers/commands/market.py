"""/price /funding /oi /taker /fng: what the market shows now, in plain words with unit, window, venue and age."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers.command import Deps, command
from handlers.language.grammar import ASSET, argument
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import wording
from signals.venues import venue_order

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from handlers.looking import Look
    from signals.metric import Reading

# The readings are imported when a command runs: they bring numpy along, and a calculator must not wait for that.


@dataclass(frozen=True, slots=True)
class OneAsset:
    """Which asset; the first followed one where none is named."""

    asset: str | None = argument(ASSET, default=None)


@dataclass(frozen=True, slots=True)
class Nothing:
    """A command without arguments."""


def more(asset: str, metric: str) -> Buttons:
    """Return the buttons under an answer."""
    name = asset.lower()
    return Buttons((Button("Chart", f"/chart {metric} {name}".strip()), Button("Health", f"/health {name}")))


def value(reading: Reading | None, name: str) -> float | None:
    """Return a value of a reading, None where there is none."""
    found = None if reading is None else reading.values.get(name)
    return None if found is None or found != found else float(found)  # noqa: PLR0124 - NaN differs from itself


def say(text: str, values: Mapping[str, Any]) -> str:
    """Fill a sentence from fractions and times; see handlers/words/wording.py for the words after the colon."""
    return wording.template(text, values)


def answered(
    deps: Deps,
    look: Look,
    lines: Sequence[Block],
    values: Mapping[str, Any],
    readings: Sequence[Reading] = (),
    beside: Sequence[Reading] = (),
) -> Reply:
    """Return the answer with the stamp of the readings it rests on, and its numbers as JSON can hold them.

    beside: readings of which only the coverage is said, after that of the others.
    """
    from handlers import looking  # noqa: PLC0415 - see above

    used = readings or look.readings
    asset = None if look.asset == "MARKET" else look.asset
    every = {"asset": asset, "as_of": looking.as_of(used), **values}
    blocks = list(lines)
    if stale := looking.stale_since(used, deps):
        when = wording.moment(stale, look.zone)
        blocks.insert(1, Line(f"Not current: these figures are of {when}.", "caveat"))
    return Reply(tuple(blocks), looking.plain(every), stamp=looking.stamp_of(used, deps.now, deps, beside))


# --- open interest ----------------------------------------------------------------------------------------------------


@command(subject="market", example="/oi btc")
async def oi(deps: Deps, args: OneAsset) -> Reply:
    """Open interest in dollars and coins, and what moved it.

    Shows how far open interest is below its peak of a year, how much of that is price and how much is closed
    positions, the gap to its 180-day average, and whether the last day was unusual.
    """
    from handlers import by_venue, looking  # noqa: PLC0415 - see above
    from handlers.readings import too_little  # noqa: PLC0415 - see above

    look = await looking.look(deps, args.asset, ("oi_drawdown", "oi_vs_ma180", "oi_zscore"), example="/oi btc")
    below, gap, day = (look.get(each) for each in ("oi_drawdown", "oi_vs_ma180", "oi_zscore"))
    total = by_venue.open_interest(deps, look.asset)
    if total and total.coverage and not total.coverage.enough:
        return _singly(deps, look, too_little(total.coverage))
    if not (total or below or gap or day) and look.no_total("oi_drawdown"):
        return _singly(deps, look, look.why_not("oi_drawdown"))
    now = total or below or gap or day or _newest(deps, look.asset)
    usd, coins = value(now, "usd"), value(now, "coins_now")
    size = [wording.usd(usd)] if usd is not None else []
    size += [wording.coins(coins, look.asset)] if coins is not None else []
    lines: list[Block] = [
        Line(f"{look.asset} open interest: {', '.join(size) or 'not known'}.", "headline"),
        Line(_on(below, now, _since_peak(below)) if below else f"Fall from its peak: {look.why_not('oi_drawdown')}."),
        Line(
            _on(gap, now, _against_average(gap))
            if gap
            else f"Against its 180-day average: {look.why_not('oi_vs_ma180')}."
        ),
        Line(_on(day, now, _last_day(day, deps.now, look.zone)) if day else f"Last 24 h: {look.why_not('oi_zscore')}."),
        more(look.asset, "oi"),
    ]
    values = {
        "open_interest_usd": usd,
        "open_interest_coin": coins,
        "drawdown": value(below, "value"),
        "drawdown_coins": value(below, "coins"),
        "price_share": value(below, "price_share"),
        "peak_usd": value(below, "peak_usd"),
        "peak_at": below.values.get("peak_at") if below else None,
        "gap_to_ma180": value(gap, "value"),
        "gap_to_ma180_coins": value(gap, "coins"),
        "ma180_usd": value(gap, "average"),
        "days_below_ma180": value(gap, "days_below"),
        "change_24h_usd": value(day, "dollars"),
        "change_24h_coins": value(day, "coins"),
        "zscore": value(day, "value"),
        "venues": list(now.venues),
        "left_out": dict(now.coverage.left_out) if now.coverage else {},
        "coverage": now.coverage.share if now.coverage else None,
    }
    return answered(deps, look, lines, values, (now,), tuple(each for each in (below, gap, day) if each and total))


def _on(reading: Reading, above: Reading, said: str) -> str:
    """Say whose figures these are where they are of other venues than the one in the headline."""
    from handlers.by_venue import whose  # noqa: PLC0415 - see above

    where = whose(reading, above)
    return f"{where}{said[:1].lower()}{said[1:]}" if where else said


def _newest(deps: Deps, asset: str) -> Reading:
    """Return the newest open interest itself, while too little is known for any metric of it."""
    from handlers import looking  # noqa: PLC0415 - see above

    found = looking.newest_of(deps, asset, ("open_interest_usd", "open_interest_coin"))
    names = {"open_interest_usd": "usd", "open_interest_coin": "coins_now"}
    reading = looking.bare("oi_drawdown", asset, found)
    return replace(reading, values={names[name]: each for name, each in reading.values.items()})


def _singly(deps: Deps, look: Look, why: str) -> Reply:
    """List what each venue last said, since there is no total of them: a part of the market is not a fall of it."""
    from handlers import looking  # noqa: PLC0415 - see above
    from handlers.readings import named  # noqa: PLC0415 - see above
    from storage.market import points  # noqa: PLC0415 - see above

    name = "open_interest_usd"
    venues = sorted(points.venues_of(deps.store, look.asset, name), key=venue_order)
    found = {venue: one for venue in venues if (one := points.newest(deps.store, look.asset, name, venue))}
    said = [
        f"{who} {wording.usd(one.value)}, {wording.age(deps.now - one.at)}"
        for who, one in zip(named(found), found.values(), strict=True)
    ]
    lines: list[Block] = [
        Line(f"{look.asset} open interest: no total now.", "headline"),
        Line(f"Each for itself: {'; '.join(said)}."),
        Line(f"{why[:1].upper()}{why[1:]}.", "caveat"),
        more(look.asset, "oi"),
    ]
    values = {name: None, "open_interest_coin": None, "by_venue": {venue: one.value for venue, one in found.items()}}
    oldest = looking.bare("oi_drawdown", look.asset, {name: min(found.values(), key=lambda one: one.at)})
    return answered(deps, look, lines, values, (replace(oldest, venues=tuple(found)),))


def _since_peak(reading: Reading) -> str:
    days = round(reading.seen.total_seconds() / 86400)
    if value(reading, "value") == 0:
        return f"That is its highest of {'the past 365 days' if days >= 365 else f'the {days} days that are stored'}."
    known = "" if days >= 365 else f" ({days} days are stored)"
    said = say("Since its peak of {peak_usd:usd} on {peak_at:date}", reading.values)
    said += f"{known}: {say('{value:change} in dollars', reading.values)}"
    coins, part = value(reading, "coins"), value(reading, "price_share")
    if coins is None:
        return f"{said}. How much of it is price is not known: coins are missing at one of the two times."
    return f"{said}, {wording.percent(coins * 100)} in coins.{_of_which_price(part, coins)}"


def _of_which_price(part: float | None, coins: float) -> str:
    if part is None:
        return ""
    if part >= 1:
        return f" All of it is price: coins rose {wording.share(coins * 100, 1)}."
    if part <= 0:
        return " None of it is price: price rose, so positions were closed."
    return f" Price alone explains {wording.share(part * 100)} of the fall in dollars, closed positions the rest."


def _against_average(reading: Reading) -> str:
    said = say("Against its 180-day average of {average:usd}: {value:change} in dollars", reading.values)
    coins = value(reading, "coins")
    said += "" if coins is None else f", {wording.percent(coins * 100)} in coins"
    days = value(reading, "days_below")
    return f"{said}; below it for {wording.count(days, 'day')}." if days else f"{said}; above it."


def _last_day(reading: Reading, now: datetime, zone: str) -> str:
    said = say("{coins:change} in coins, {dollars:change} in dollars", reading.values)
    unusual = wording.number(value(reading, "value"), 2, plus=True)
    return f"In the 24 h to {until(reading, now, zone)}: {said} (z {unusual} against 30 days)."


def until(reading: Reading, now: datetime, zone: str) -> str:
    """Say the time of a close: the hour today, with its date where that is longer ago."""
    return wording.clock(reading.at, zone, dated=(now - reading.at).total_seconds() > 20 * 3600)


# --- taker flow -------------------------------------------------------------------------------------------------------


@command(subject="market", example="/taker btc")
async def taker(deps: Deps, args: OneAsset) -> Reply:
    """Taker flow: who buys or sells at market, 24 h and 30 days.

    A taker is whoever does not wait with a limit order. Shows the ratio of taker buys to sells over 24 hours, how
    unusual it is, and the 30-day mean of buys less sells.
    """
    from handlers import looking  # noqa: PLC0415 - see above

    look = await looking.look(deps, args.asset, ("taker_ratio", "taker_zscore", "net_taker_30d"), example="/taker btc")
    ratio, unusual, month = (look.get(each) for each in ("taker_ratio", "taker_zscore", "net_taker_30d"))
    if not look.readings:
        return answered(deps, look, [Line(f"{look.asset} takers: {look.why_not('taker_ratio')}.", "headline")], {})
    lines: list[Block] = [
        *(
            _last_24h(look, ratio, deps.now)
            if ratio
            else [Line(f"{look.asset} takers, 24 h: {look.why_not('taker_ratio')}.", "headline")]
        ),
        Line(_against_usual(look, ratio, unusual)),
        Line(_month(month) if month else f"30-day mean: {look.why_not('net_taker_30d')}."),
        more(look.asset, "taker"),
    ]
    values = {
        "taker_ratio_24h": value(ratio, "value"),
        "taker_ratio_usual": value(ratio, "usual"),
        "buy_share_24h": value(ratio, "buy_share"),
        "net_24h_usd": value(ratio, "net"),
        "volume_24h_usd": value(ratio, "volume"),
        "zscore": value(unusual, "value"),
        "net_30d_mean_usd": value(month, "value"),
        "net_30d_worst_usd": value(month, "worst"),
        "times_smaller_than_worst": value(month, "times_smaller"),
    }
    return answered(deps, look, lines, values, (ratio,) if ratio else ())


def _last_24h(look: Look, ratio: Reading, now: datetime) -> list[Block]:
    words = {**ratio.values, "asset": look.asset}
    return [
        Line(say("{asset} takers, 24 h: {buy_share:part1} buys, buys to sells {value:ratio}.", words), "headline"),
        Line(say("Net {net:usd+} of {volume:usd} traded", words) + f", 24 h to {until(ratio, now, look.zone)}."),
    ]


def _against_usual(look: Look, ratio: Reading | None, unusual: Reading | None) -> str:
    usual = value(ratio, "usual")
    said = f"Usual ratio over 30 days: {wording.number(usual, 2)}. " if usual is not None else ""
    if unusual is None:
        return f"{said}Against the usual: {look.why_not('taker_zscore')}."
    return f"{said}Against those 30 days: z {wording.number(value(unusual, 'value'), 2, plus=True)}."


def _month(month: Reading) -> str:
    said = say("30-day mean, to the last daily close: {value:usd+} a day", month.values)
    mean, worst, smaller = (value(month, name) for name in ("value", "worst", "times_smaller"))
    if mean is None or mean >= 0:
        days = value(month, "days_below")
        return f"{said}, above zero again after {wording.count(days, 'day')} below." if days else f"{said}."
    if worst is None or smaller is None:
        return f"{said}."
    if smaller < 1.05:
        return f"{said}, its worst of 180 days."
    times = "over 100 times" if smaller > 100 else wording.times(smaller)
    return f"{said}, {times} smaller than at its worst of 180 days ({wording.usd(worst)}), still negative."


# --- price ------------------------------------------------------------------------------------------------------------


@command(subject="market", example="/price btc")
async def price(deps: Deps, args: OneAsset) -> Reply:
    """Price, its change over 1 and 7 days, its recent fall.

    The fall is counted from the highest close of the past 16 days.
    """
    from handlers import looking  # noqa: PLC0415 - see above

    look = await looking.look(deps, args.asset, ("price_drawdown",), example="/price btc")
    if (looking.last_price(deps, look.asset)[1].at + timedelta(minutes=2)) < deps.now and not look.refreshed:
        await deps.refresh(look.asset)  # the bars are current, but a price of minutes ago is not the price
    source, last = looking.last_price(deps, look.asset)
    fall = look.get("price_drawdown")
    high = value(fall, "high")
    high = max(high, last.value) if high is not None else None
    drawdown = last.value / high - 1 if high else None
    day, week = looking.price_changes(deps, look.asset, last)
    lines: list[Block] = [
        Line(f"{look.asset} ${wording.price(last.value)}.", "headline"),
        Line(_since(day, week)),
        Line(_fall(drawdown, high, fall) if fall else f"Fall in 16 days: {look.why_not('price_drawdown')}."),
        more(look.asset, "price"),
    ]
    values = {
        "price": last.value,
        "change_1d": day,
        "change_7d": week,
        "drawdown_16d": drawdown,
        "high_16d": high,
        "change_16d": value(fall, "change"),
    }
    return answered(
        deps,
        look,
        lines,
        values,
        (looking.bare("price_drawdown", look.asset, {source: last}, fall.step if fall else None),),
    )


def _since(day: float | None, week: float | None) -> str:
    known = [
        f"{name} {wording.percent(each * 100)}" for name, each in (("1 day", day), ("7 days", week)) if each is not None
    ]
    return f"{' · '.join(known)}." if known else "Its change over 1 and 7 days is not known yet."


def _fall(drawdown: float | None, high: float | None, reading: Reading) -> str:
    if not drawdown or high is None:
        return "That is its highest close of 16 days." if drawdown == 0 else "Its high of 16 days is not known."
    on = wording.day(reading.values.get("high_at"), year=False)  # type: ignore[arg-type]  # readings.dates adds a time
    return f"{wording.percent(drawdown * 100)} from its highest close of 16 days, ${wording.price(high)} on {on}."


# --- mood -------------------------------------------------------------------------------------------------------------


@command(subject="market", example="/fng")
async def fng(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - every command is asked the same way
    """Fear & Greed index: the market's mood, once a day.

    0 is extreme fear, 100 extreme greed. The index is made by alternative.me for the market as a whole.
    """
    from handlers import looking  # noqa: PLC0415 - see above

    look = await looking.look(deps, None, ("fear_greed",), example="/fng")
    mood = look.get("fear_greed")
    if mood is None:
        return answered(deps, look, [Line(f"Fear & Greed index: {look.why_not('fear_greed')}.", "headline")], {})
    index, week = value(mood, "value"), value(mood, "change_7d")
    # Up to 24 every site says Extreme Fear; the borders above differ between sites, so no class is named there.
    extreme = ", extreme fear" if index is not None and index <= 24 else ""
    lines: list[Block] = [
        Line(f"Fear & Greed index: {wording.number(index)} of 100{extreme}.", "headline"),
        Line(
            f"7 days ago: {wording.number(None if week is None or index is None else index - week)}. "
            "0 is extreme fear, 100 extreme greed."
        ),
        Line("It is mood, told once a day, and made from price, volume and surveys of the days before.", "caveat"),
        Buttons((Button("Chart", "/chart fng"),)),
    ]
    return answered(deps, look, lines, {"fear_greed": index, "change_7d": week})
