"""/oi: how much is open in dollars and coins, what became of it, and what of that is price."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from handlers.command import Deps, command
from handlers.commands.market import answered, more, nothing_stored, say, until, value
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Line, Reply, Table
from handlers.words import readings as words
from handlers.words import wording
from signals.language.spelling import sentence_case
from signals.units import DAY, HOUR
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from storage.queries.market.open_interest import OpenInterest
    from storage.queries.market.readings import Reading

# As in market.py: whatever brings numpy along is imported when a command runs.

_SPAN_NAMES = {HOUR: "1 h", DAY: "24 h", 7 * DAY: "7 d"}
SINCE_NOW = 1e-9  # days: below the average at this moment, though no close was
RANK_IS_NEWS, TWO_YEARS = 30 * DAY, 730 * DAY  # the second as in signals/metrics/oi_extremes.py
UNUSUAL = 2.0  # z of a day's change in coins, from which on it is no ordinary day


@command(
    subject="market",
    example="/oi btc",
    words="open interest, openinterest, open positions, interest, leverage in",
    glance="open interest",
)
async def oi(deps: Deps, args: OneAsset) -> Reply:
    """Open interest in dollars and coins, and what moved it.

    Shows since when it has not been as large or as small, how far it is below its peak of a year, how much of that is
    price and how much is closed positions, the gap to its 180-day average, and whether the last day was unusual.
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
    rank = list(_rank(found, asset))
    lines: list[Block] = [
        Line(f"{asset} open interest: {', '.join(size) or 'not known'}.", "headline"),
        *_over_time(asset, found),
        *_shares(found),
        *rank,
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
        "largest_since": _since_as(found.extremes, "larger"),
        "smallest_since": _since_as(found.extremes, "smaller"),
        "changes": {_SPAN_NAMES[change.over]: {"usd": change.usd, "coins": change.coins} for change in found.changes},
        "by_venue": {venue.venue: venue.usd for venue in found.by_venue if venue.venue in found.stamp.venues},
        "venues": list(found.stamp.venues),
        "left_out": dict(coverage.left_out) if coverage else {},
        "coverage": coverage.share if coverage else None,
    }
    ranked = [found.extremes.stamp] if found.extremes and rank else []
    beside = [*words.stamps(found.readings), *ranked] if found.summed else ()
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
        Line(f"{sentence_case(why)}.", "caveat"),
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


def _rank(found: OpenInterest, asset: str) -> Iterator[Line]:
    """Say since when there were not as many coins, or as few, where that is longer ago than goes without saying."""
    reading = found.extremes
    known = value(reading, "known_days")
    for side, most in (("larger", "most"), ("smaller", "least")):
        if reading and known and (value(reading, f"{side}_days_ago") or 0.0) >= RANK_IS_NEWS / DAY:
            since = _since_as(reading, side)
            if since:
                when = f"since {wording.day(since)}"
            else:
                when = "of two years" if known >= TWO_YEARS / DAY else f"of the {known:.0f} days that are stored"
            yield Line(_on(reading, found, f"{wording.coins(value(reading, 'coins'), asset)} is the {most} {when}."))


def _since_as(reading: Reading | None, side: str) -> datetime | None:
    """Return when open interest was last as extreme; None where it was not in what is stored of two years."""
    ago = value(reading, f"{side}_days_ago")
    if reading is None or ago is None or ago >= TWO_YEARS / DAY:
        return None
    since: datetime = reading.values[f"{side}_at"]
    return since


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
