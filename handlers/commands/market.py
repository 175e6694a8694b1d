"""/price /oi /taker /fng: what the market shows now, in plain words with unit, window, venue and age."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from handlers.command import Deps, Nothing, Refused, command
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Button, Buttons, Line, Reply, Table, plain
from handlers.words import readings as words
from handlers.words import wording
from signals.inputs import MARKET
from signals.units import DAY, HOUR
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from storage.queries.freshness import Stamp
    from storage.queries.market.open_interest import OpenInterest
    from storage.queries.market.prices import Price
    from storage.queries.market.readings import Reading, Readings

# Read models are imported when a command runs: they bring numpy along, and a calculator must not wait for that.


_SPAN_NAMES = {HOUR: "1 h", DAY: "24 h", 7 * DAY: "7 d"}
SINCE_NOW = 1e-9  # days: below the average at this moment, though no close was
UNUSUAL = 2.0  # z of a day's change in coins, from which on it is no ordinary day


def more(asset: str, metric: str) -> Buttons:
    """Return the buttons under an answer."""
    name = asset.lower()
    return Buttons((Button("Chart", f"/chart {metric} {name}".strip()), Button("Health", f"/health {name}")))


def value(reading: Reading | None, name: str) -> float | None:
    """Return a value of a reading, None where there is none."""
    return None if reading is None else reading.get(name)


def say(text: str, values: Mapping[str, Any]) -> str:
    """Fill a sentence from fractions and times; see handlers/words/wording.py for the words after the colon."""
    return wording.template(text, values)


async def readings_of(deps: Deps, asset: str | None, ids: Sequence[str], *, example: str) -> Readings:
    """Read metrics of the asset that is meant. Refused where nothing is known of it, or nothing is stored for them."""
    from storage.queries.market import readings  # noqa: PLC0415 - see above

    found = await asyncio.to_thread(readings.of, deps.store, meant_asset(deps, asset, example), ids, deps.now)
    if found.nothing:
        raise await nothing_stored(deps, found.asset, ids)
    return found


async def nothing_stored(deps: Deps, asset: str, ids: Sequence[str]) -> Refused:
    """Return the refusal where nothing was ever stored for these metrics; the venues are asked for it."""
    from signals.metric import metrics  # noqa: PLC0415 - see above
    from storage.queries import sources  # noqa: PLC0415 - opens the database

    needs = [metrics()[metric].needs for metric in ids]
    silent = await asyncio.to_thread(sources.all_silent, deps.store)
    said = words.nothing_stored(asset, [frozenset(names) for names in needs], needs[0][0], silent=silent)
    return Refused(said, outdated=(asset,))


def answered(
    deps: Deps,
    asset: str,
    lines: Sequence[Block],
    values: Mapping[str, Any],
    used: Sequence[Stamp],
    *,
    outdated: bool,
    beside: Sequence[Stamp] = (),
) -> Reply:
    """Return the answer with the stamp of the figures it rests on, and its numbers as JSON can hold them.

    beside: stamps of which only the coverage is said, after that of the others. outdated: the venues may know more.
    """
    every = {"asset": None if asset == MARKET else asset, "as_of": words.as_of(used), **values}
    blocks = list(lines)
    if stale := words.stale_since(used):
        when = wording.moment(stale, deps.zone)
        blocks.insert(1, Line(f"Not current: these figures are of {when}.", "caveat"))
    stamp = words.stamp_words(used, deps.now, deps.stamp_note, beside)
    return Reply(tuple(blocks), plain(every), stamp=stamp, outdated=(asset,) if outdated else ())


# --- open interest ----------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/oi btc",
    words="open interest, openinterest, open positions, interest, leverage in",
    glance="open interest",
)
async def oi(deps: Deps, args: OneAsset) -> Reply:
    """Open interest in dollars and coins, and what moved it.

    Shows how far open interest is below its peak of a year, how much of that is price and how much is closed
    positions, the gap to its 180-day average, and whether the last day was unusual.
    """
    from storage.queries.market import open_interest  # noqa: PLC0415 - see above
    from storage.queries.market.open_interest import AVERAGE, LAST_DAY, PEAK  # noqa: PLC0415 - see above

    asset = meant_asset(deps, args.asset, "/oi btc")
    found = await asyncio.to_thread(open_interest.read, deps.store, asset, deps.now)
    if found is None:
        raise await nothing_stored(deps, asset, (PEAK, AVERAGE, LAST_DAY))
    if found.lacking:
        return _singly(deps, found, words.too_little(found.lacking))
    below, gap, day = (found.readings.get(metric) for metric in (PEAK, AVERAGE, LAST_DAY))
    size = [wording.usd(found.usd)] if found.usd is not None else []
    size += [wording.coins(found.coins, asset)] if found.coins is not None else []
    why = {metric: words.why_not(found.readings.lacking(metric)) for metric in (PEAK, AVERAGE, LAST_DAY)}
    lines: list[Block] = [
        Line(f"{asset} open interest: {', '.join(size) or 'not known'}.", "headline"),
        *_over_time(asset, found),
        *_shares(found),
        Line(_on(below, found, _since_peak(below, asset)) if below else f"Fall from its peak: {why[PEAK]}."),
        Line(_on(gap, found, _against_average(gap, asset)) if gap else f"Against its 180-day average: {why[AVERAGE]}."),
        Line(_on(day, found, _last_day(day, deps.now, deps.zone)) if day else f"Last 24 h: {why[LAST_DAY]}."),
        more(asset, "oi"),
    ]
    coverage = found.stamp.coverage
    values = {
        "open_interest_usd": found.usd,
        "open_interest_coin": found.coins,
        "drawdown": value(below, "value"),
        "drawdown_coins": value(below, "coins"),
        "price_share": value(below, "price_share"),
        "peak_usd": value(below, "peak_usd"),
        "peak_at": below.values.get("peak_at") if below else None,
        "gap_to_ma180": value(gap, "value"),
        "gap_to_ma180_coins": value(gap, "coins"),
        "ma180_usd": value(gap, "average"),
        "days_below_ma180": days_below(gap),
        "change_24h_usd": value(day, "dollars"),
        "change_24h_coins": value(day, "coins"),
        "zscore": value(day, "value"),
        "changes": {_SPAN_NAMES[change.over]: {"usd": change.usd, "coins": change.coins} for change in found.changes},
        "by_venue": {venue.venue: venue.usd for venue in found.by_venue if venue.venue in found.stamp.venues},
        "venues": list(found.stamp.venues),
        "left_out": dict(coverage.left_out) if coverage else {},
        "coverage": coverage.share if coverage else None,
    }
    beside = words.stamps(found.readings) if found.summed else ()
    return answered(deps, asset, lines, values, (found.stamp,), beside=beside, outdated=found.readings.outdated)


def _over_time(asset: str, found: OpenInterest) -> Iterator[Table]:
    """Show what became of open interest over an hour, a day and a week, where anything of it is known."""
    known = [change for change in found.changes if change.usd is not None]
    if known:
        spans = ("", *(_SPAN_NAMES[change.over] for change in found.changes))
        dollars = ("$", *(_change(change.usd) for change in found.changes))
        coins = (asset, *(_change(change.coins) for change in found.changes))
        rows = (dollars, coins) if any(change.coins is not None for change in found.changes) else (dollars,)
        yield Table(spans, rows)


def _change(part: float | None) -> str:
    return "–" if part is None else wording.percent(part * 100)


def _shares(found: OpenInterest) -> Iterator[Line]:
    """Say how much of it each venue holds, the largest first."""
    if found.summed and found.usd:
        held = sorted(
            ((venue.usd / found.usd, venue.venue) for venue in found.by_venue if venue.venue in found.stamp.venues),
            reverse=True,
        )
        said = [f"{venue_title(venue)} {wording.share(part * 100)}" for part, venue in held]
        yield Line(f"{' · '.join(said)}.")


def _on(reading: Reading, found: OpenInterest, said: str) -> str:
    """Say whose figures these are where they are of other venues than the one in the headline."""
    where = words.whose(reading.stamp.venues, found.stamp.venues)
    return f"{where}{said[:1].lower()}{said[1:]}" if where else said


def _singly(deps: Deps, found: OpenInterest, why: str) -> Reply:
    """List what each venue last said, since there is no total of them: a part of the market is not a fall of it."""
    said = [
        f"{who} {wording.usd(venue.usd)}, {wording.age(deps.now - venue.at)}"
        for who, venue in zip(words.named(found.stamp.venues), found.by_venue, strict=True)
    ]
    lines: list[Block] = [
        Line(f"{found.asset} open interest: no total now.", "headline"),
        Line(f"Each for itself: {'; '.join(said)}."),
        Line(f"{why[:1].upper()}{why[1:]}.", "caveat"),
        more(found.asset, "oi"),
    ]
    values = {
        "open_interest_usd": None,
        "open_interest_coin": None,
        "by_venue": {venue.venue: venue.usd for venue in found.by_venue},
    }
    return answered(deps, found.asset, lines, values, (found.stamp,), outdated=found.readings.outdated)


def _since_peak(reading: Reading, asset: str) -> str:
    days = words.days(reading.seen)
    if reading.get("value") == 0:
        return f"That is its highest of {'the past 365 days' if days >= 365 else f'the {days} days that are stored'}."
    known = "" if days >= 365 else f", of {days} days stored"
    said = say("From the peak of {peak_at:date} ({peak_usd:usd}", reading.values)
    said += f"{known}): {say('{value:change} in $', reading.values)}"
    coins, part = reading.get("coins"), reading.get("price_share")
    if coins is None:
        return f"{said}. How much of it is price is not known: coins are missing at one of the two times."
    return f"{said}, {wording.percent(coins * 100)} in {asset}{_of_which_price(part)}."


def _of_which_price(part: float | None) -> str:
    if part is None:
        return ""
    if part >= 1:
        return "; all of it is price"
    if part <= 0:
        return "; none of it is price: positions were closed"
    return f"; price is {wording.share(part * 100)} of it"


def _against_average(reading: Reading, asset: str) -> str:
    coins, days = reading.get("coins"), days_below(reading)
    side = "Above" if not days else "Below"
    since = "" if not days else f", for {wording.count(days, 'day')}" if days >= 1 else ", since today"
    said = side + say(" its 180-day average of {average:usd}", reading.values) + since
    said += say(": {value:change} in $", reading.values)
    return f"{said}." if coins is None else f"{said}, {wording.percent(coins * 100)} in {asset}."


def days_below(reading: Reading | None) -> float | None:
    """Return for how many days closes were below the average; the running row is below it, but is no close yet."""
    days = None if reading is None else reading.get("days_below")
    if reading is None or not days or not reading.unfinished:
        return days
    return max(days - reading.step / DAY, SINCE_NOW)


def _last_day(reading: Reading, now: datetime, zone: str) -> str:
    """Say how unusual the day was in coins; what it came to stands above."""
    unusual = reading.get("value") or 0.0
    kind = (
        "an ordinary day"
        if abs(unusual) < UNUSUAL
        else "unusually many positions " + ("closed" if unusual < 0 else "opened")
    )
    said = say("{coins:change} in coins", reading.values)
    return f"24 h to {until(reading, now, zone)}: {kind}, {said} (z {wording.number(unusual, 2, plus=True)})."


def until(reading: Reading, now: datetime, zone: str) -> str:
    """Say the time of a close: the hour today, with its date where that is longer ago."""
    return wording.clock(reading.at, zone, dated=now - reading.at > 20 * HOUR)


# --- taker flow -------------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/taker btc",
    words="takers, buyers, sellers, buying, selling, order flow, flow, taker flow, net taker, "
    "aggressive, buy pressure, sell pressure, bought, sold, who is buying, who is selling",
)
async def taker(deps: Deps, args: OneAsset) -> Reply:
    """Taker flow: who buys or sells at market, 24 h and 30 days.

    A taker is whoever does not wait with a limit order. Shows the ratio of taker buys to sells over 24 hours, how
    unusual it is, and the 30-day mean of buys less sells.
    """
    ids = ("taker_ratio", "taker_zscore", "net_taker_30d")
    found = await readings_of(deps, args.asset, ids, example="/taker btc")
    ratio, unusual, month = (found.get(metric) for metric in ids)
    why = {metric: words.why_not(found.lacking(metric)) for metric in ids}
    if not found.known:
        lines: list[Block] = [Line(f"{found.asset} takers: {why['taker_ratio']}.", "headline")]
        return answered(deps, found.asset, lines, {}, (), outdated=found.outdated)
    lines = [
        *(
            _last_24h(found.asset, ratio, deps.now, deps.zone)
            if ratio
            else [Line(f"{found.asset} takers, 24 h: {why['taker_ratio']}.", "headline")]
        ),
        Line(_against_usual(ratio, unusual, why["taker_zscore"])),
        Line(_month(month) if month else f"30-day mean: {why['net_taker_30d']}."),
        more(found.asset, "taker"),
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
    used = (ratio.stamp,) if ratio else words.stamps(found)
    return answered(deps, found.asset, lines, values, used, outdated=found.outdated)


def _last_24h(asset: str, ratio: Reading, now: datetime, zone: str) -> list[Block]:
    filled = {**ratio.values, "asset": asset}
    return [
        Line(say("{asset} takers, 24 h: {buy_share:part1} buys, buys to sells {value:ratio}.", filled), "headline"),
        Line(say("Net {net:usd+} of {volume:usd} traded", filled) + f", 24 h to {until(ratio, now, zone)}."),
    ]


def _against_usual(ratio: Reading | None, unusual: Reading | None, why: str) -> str:
    usual = value(ratio, "usual")
    said = f"Usual ratio over 30 days: {wording.number(usual, 2)}. " if usual is not None else ""
    if unusual is None:
        return f"{said}Against the usual: {why}."
    return f"{said}Against those 30 days: z {wording.number(unusual.get('value'), 2, plus=True)}."


def _month(month: Reading) -> str:
    said = say("30-day mean, to the last daily close: {value:usd+} a day", month.values)
    mean, worst, smaller = (month.get(name) for name in ("value", "worst", "times_smaller"))
    if mean is None or mean >= 0:
        days = month.get("days_below")
        return f"{said}, above zero again after {wording.count(days, 'day')} below." if days else f"{said}."
    if worst is None or smaller is None:
        return f"{said}."
    if smaller < 1.05:
        return f"{said}, its worst of 180 days."
    times = "over 100 times" if smaller > 100 else wording.times(smaller)
    return f"{said}, {times} smaller than at its worst of 180 days ({wording.usd(worst)}), still negative."


# --- price ------------------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/price btc",
    words="<coin>, worth, how much is, trading at, quote, cost of, how high, how expensive, value of, costs, spot",
)
async def price(deps: Deps, args: OneAsset) -> Reply:
    """Price, its change over 1 and 7 days, its recent fall.

    The fall is counted from the highest close of the past 16 days.
    """
    from storage.queries.market import prices  # noqa: PLC0415 - see above

    asset = meant_asset(deps, args.asset, "/price btc")
    found = await asyncio.to_thread(prices.read, deps.store, asset, deps.now)
    if found is None:
        raise await nothing_stored(deps, asset, (prices.FALL,))
    lines: list[Block] = [
        Line(f"{asset} ${wording.price(found.value)}.", "headline"),
        Line(_since(found.change_1d, found.change_7d)),
        Line(_fall(found) if found.readings.known else f"Fall in 16 days: {_why_no_fall(found)}."),
        more(asset, "price"),
    ]
    values = {
        "price": found.value,
        "change_1d": found.change_1d,
        "change_7d": found.change_7d,
        "drawdown_16d": found.below,
        "high_16d": found.high,
        "change_16d": value(found.readings.get(prices.FALL), "change"),
    }
    return answered(deps, asset, lines, values, (found.stamp,), outdated=found.outdated)


def _since(day: float | None, week: float | None) -> str:
    changes = (("1 day", day), ("7 days", week))
    known = [f"{name} {wording.percent(change * 100)}" for name, change in changes if change is not None]
    return f"{' · '.join(known)}." if known else "Its change over 1 and 7 days is not known yet."


def _fall(found: Price) -> str:
    if not found.below or found.high is None:
        return "That is its highest close of 16 days." if found.below == 0 else "Its high of 16 days is not known."
    below, high = wording.percent(found.below * 100), wording.price(found.high)
    return f"{below} from its highest close of 16 days, ${high} on {wording.day(found.high_at, year=False)}."


def _why_no_fall(found: Price) -> str:
    return "; ".join(words.why_not(found.readings.lacking(metric)) for metric in found.readings.found)


# --- mood -------------------------------------------------------------------------------------------------------------


@command(
    subject="market",
    example="/fng",
    words="fear, greed, fear and greed, fear & greed, fear greed, mood, sentiment, fear index, "
    "fear and greed index, greedy, fearful",
)
async def fng(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - every command is asked the same way
    """Fear & Greed index: the market's mood, once a day.

    0 is extreme fear, 100 extreme greed. The index is made by alternative.me for the market as a whole.
    """
    found = await readings_of(deps, None, ("fear_greed",), example="/fng")
    mood = found.get("fear_greed")
    if mood is None:
        why = words.why_not(found.lacking("fear_greed"))
        lines: list[Block] = [Line(f"Fear & Greed index: {why}.", "headline")]
        return answered(deps, found.asset, lines, {}, (), outdated=found.outdated)
    index, week = mood.get("value"), mood.get("change_7d")
    # Up to 24 every site says Extreme Fear; the borders above differ between sites, so no class is named there.
    extreme = ", extreme fear" if index is not None and index <= 24 else ""
    lines = [
        Line(f"Fear & Greed index: {wording.number(index)} of 100{extreme}.", "headline"),
        Line(
            f"7 days ago: {wording.number(None if week is None or index is None else index - week)}. "
            "0 is extreme fear, 100 extreme greed."
        ),
        Line("It is mood, told once a day, and made from price, volume and surveys of the days before.", "caveat"),
        Buttons((Button("Chart", "/chart fng"),)),
    ]
    values = {"fear_greed": index, "change_7d": week}
    return answered(deps, found.asset, lines, values, words.stamps(found), outdated=found.outdated)
