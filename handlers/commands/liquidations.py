"""/liqs: who was liquidated in the last hour and day, by side and venue, and how much of it was heard."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Any

from handlers.command import Deps, Refused, command
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Button, Buttons, Line, Reply, plain
from handlers.words import readings as words
from handlers.words import wording
from signals.units import DAY, HOUR, MINUTE
from signals.venues import VENUES, venue_title

if TYPE_CHECKING:
    from datetime import timedelta

    from storage.queries.liquidation.liquidations import ImpossibleTotal, Liquidations, Sums, VenueLiquidations

# Read models are imported when a command runs, as in market.py.


@command(
    subject="market",
    example="/liqs btc",
    words="liquidations, liquidated, got liquidated, were liquidated, rekt, wiped out, forced selling, forced closes",
)
async def liqs(deps: Deps, args: OneAsset) -> Reply:
    """Liquidations: longs and shorts, last hour and 24 h.

    Shows what the exchanges told of positions that were closed by force, by side and venue. Some tell of all, others of
    one a second and contract at most: such sums are said with "at least". Time that was not heard is named and never
    counted as calm.
    """
    from storage.queries.liquidation import liquidations  # noqa: PLC0415 - opens the database

    asset = meant_asset(deps, args.asset, "/liqs btc")
    found = await asyncio.to_thread(liquidations.read, deps.store, asset, deps.now)
    if found.nothing:
        raise none_stored(deps, asset)
    lines = _live(asset, found, deps.zone) if found.venues else _days(asset, found)
    lines += [Line(_rejected(rejected), "caveat") for rejected in found.rejected]
    lines.append(Buttons((Button("Price", f"/price {asset.lower()}"), Button("Health", f"/health {asset.lower()}"))))
    return Reply(tuple(lines), plain(_values(asset, found)), stamp=_stamp(found, deps.stamp_note))


def none_stored(deps: Deps, asset: str) -> Refused:
    """Return the refusal where no liquidations are stored."""
    if off := words.switched_off(deps.off, "liquidated_longs_usd"):
        return Refused(f"No liquidations of {asset} are stored. {off} A file brings them in with perpulse import FILE.")
    return Refused(
        f"No liquidations of {asset} are stored yet. A running bot (perpulse run) hears them from the exchanges; "
        "a file brings them in with perpulse import FILE."
    )


def _live(asset: str, found: Liquidations, zone: str) -> list[Block]:
    end = wording.clock(found.end, zone)
    least = _is_least(found)
    day, hour, running = found.day, found.hour, found.running
    longest = _longest(found)
    if longest < HOUR:
        return _first_hour(asset, found)
    part = "" if longest >= DAY else f", {_hours(longest)} heard"
    span = f"learning{part}" if all(found.learning(heard) for heard in found.venues) else f"24 h to {end}{part}"
    said = f"{_at_least(least)}{wording.usd(day.both)}{_share(day)}"
    lines: list[Block] = [Line(f"{asset} liquidations, {span}: {said}.", "headline")]
    so_far = found.now - found.end
    if running.heard:
        least_now = any(heard.floor or heard.running.heard < so_far - 2 * MINUTE for heard in found.venues)
        lines.append(Line(f"Since {end} ({wording.duration(so_far)}): {_at_least(least_now)}{_sides(running)}."))
    if hour.heard:
        least_hour = any(heard.floor or heard.hour.heard < HOUR for heard in found.venues)
        lines.append(Line(f"Hour to {end}: {_at_least(least_hour)}{_sides(hour)}."))
    lines += [Line(f"– {_venue(heard, found)}") for heard in found.venues]
    lines += [
        Line(f"{venue_title(heard.venue)} has not been heard for {_since(heard, found)}.", "caveat")
        for heard in found.venues
        if found.silent(heard)
    ]
    return lines


def _longest(found: Liquidations) -> timedelta:
    return max(heard.day.heard for heard in found.venues)


def _is_least(found: Liquidations) -> bool:
    """Tell whether the sum of the headline is said to be a least one: a feed is throttled, or little was heard yet."""
    if not found.venues:
        return any(day.floor for day in found.days)
    return _longest(found) < HOUR or any(heard.at_least for heard in found.venues)


def _since(heard: VenueLiquidations, found: Liquidations) -> str:
    return wording.duration(found.now - heard.newest)


def _first_hour(asset: str, found: Liquidations) -> list[Block]:
    """Say what little has been heard, while not even an hour of the day has."""
    every = [(heard, heard.day + heard.running) for heard in found.venues]
    both = found.day + found.running
    span = wording.duration(max(sums.heard for _, sums in every))
    said = f"{_at_least(_is_least(found))}{wording.usd(both.both)}{_share(both)}"
    return [
        Line(f"{asset} liquidations, learning, first {span} heard: {said}.", "headline"),
        *(Line(f"– {_named(heard)}: {_at_least(heard.floor)}{_sides(sums)}.") for heard, sums in every),
    ]


def _days(asset: str, found: Liquidations) -> list[Block]:
    """Say imported days, where no venue is heard by the hour."""
    if not found.days:
        return [Line(f"{asset} liquidations: no sum that can be true.", "headline")]
    said = [
        f"{venue_title(day.venue)}, {wording.day(day.at)}: {_at_least(day.floor)}{_sides(day.sums)}."
        for day in found.days
    ]
    return [Line(f"{asset} liquidations, {said[0]}", "headline"), *(Line(text) for text in said[1:])]


def _venue(heard: VenueLiquidations, found: Liquidations) -> str:
    """Say one venue's day and how much of it was heard."""
    said = f"{_named(heard)}: {_at_least(heard.at_least)}{_sides(heard.day)}"
    if heard.day.heard >= DAY:
        return f"{said}."
    return f"{said}; {'learning, ' if found.learning(heard) else ''}{_hours(heard.day.heard)} heard."


def _named(heard: VenueLiquidations) -> str:
    """Name a venue with what kind of feed it has."""
    told = VENUES[heard.venue].liquidations if heard.venue in VENUES else ""
    kind = {"all": "every liquidation", "one a second": "one a second and contract at most"}.get(told, "")
    return f"{venue_title(heard.venue)} ({kind})" if kind else venue_title(heard.venue)


def _rejected(rejected: ImpossibleTotal) -> str:
    return (
        f"A figure was rejected as impossible and left out: {venue_title(rejected.venue)}, "
        f"{wording.usd(rejected.usd)} in 24 h, more than its open interest of "
        f"{wording.usd(rejected.open_interest_usd)}."
    )


def _sides(sums: Sums) -> str:
    return f"longs {wording.usd(sums.longs)}, shorts {wording.usd(sums.shorts)}"


def _share(sums: Sums) -> str:
    return f", {wording.share(sums.longs / sums.both * 100)} longs" if sums.both else ""


def _at_least(least: bool) -> str:  # noqa: FBT001 - one flag, read beside its name
    return "at least " if least else ""


def _hours(heard: timedelta) -> str:
    """Say heard hours of a day, rounded down: what was not heard is not promised."""
    return f"{math.floor(heard / HOUR)} of 24 h"


def _stamp(found: Liquidations, note: str | None) -> str:
    shown = [(heard.venue, heard.newest, heard.floor) for heard in found.venues]
    shown = shown or [(day.venue, day.at + DAY, day.floor) for day in found.days]
    floors = [venue_title(venue) for venue, _, floor in shown if floor]
    parts = [
        ", ".join(venue_title(venue) for venue, _, _ in shown),
        wording.age(found.now - min(newest for _, newest, _ in shown)) if shown else "",
        "" if found.venues else "daily data",
        f"{wording.listing(floors)} {'is a floor' if len(floors) == 1 else 'are floors'}" if floors else "",
        note or "",
    ]
    return " · ".join(part for part in parts if part)


def _values(asset: str, found: Liquidations) -> dict[str, Any]:
    day, hour, running = found.day, found.hour, found.running
    known = bool(found.venues)
    return {
        "asset": asset,
        "as_of": min((heard.newest for heard in found.venues), default=None),
        "until": found.end,
        "longs_24h_usd": day.longs if known else None,
        "shorts_24h_usd": day.shorts if known else None,
        "longs_1h_usd": hour.longs if hour.heard else None,
        "shorts_1h_usd": hour.shorts if hour.heard else None,
        "longs_running_usd": running.longs if running.heard else None,
        "shorts_running_usd": running.shorts if running.heard else None,
        "at_least": _is_least(found),
        "venues": {
            heard.venue: {
                "longs_24h_usd": heard.day.longs,
                "shorts_24h_usd": heard.day.shorts,
                "hours_heard": heard.day.heard / HOUR,
                "every_liquidation": not heard.floor,
            }
            for heard in found.venues
        },
        "daily": {
            day.venue: {"at": day.at, "longs_usd": day.sums.longs, "shorts_usd": day.sums.shorts} for day in found.days
        },
        "rejected": [rejected.venue for rejected in found.rejected],
    }
