"""/liqs: who was liquidated in the last hour and day, by side and venue, and how much of it was heard."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers.command import Deps, Refused, command
from handlers.language.grammar import ASSET, argument
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import wording

if TYPE_CHECKING:
    from handlers.liquidated import Heard, Liquidated, Sums

# The readings are imported when a command runs: they bring numpy along, and a calculator must not wait for that.


@dataclass(frozen=True, slots=True)
class OneAsset:
    """Which asset; the first followed one where none is named."""

    asset: str | None = argument(ASSET, default=None)


@command(subject="market", example="/liqs btc")
async def liqs(deps: Deps, args: OneAsset) -> Reply:
    """Liquidations: longs and shorts, last hour and 24 h.

    Shows what the exchanges told of positions that were closed by force, by side and venue. Bybit tells of all, Binance
    and OKX of one a second and contract at most: such sums are said with "at least". Time that was not heard is named
    and never counted as calm.
    """
    from handlers import looking  # noqa: PLC0415 - see above
    from handlers.liquidated import liquidated  # noqa: PLC0415 - as above

    asset = looking.known_asset(deps, args.asset, "/liqs btc")
    nothing = Refused(
        f"No liquidations of {asset} are stored yet. A running bot (perpulse run) hears them from the exchanges; "
        "a file brings them in with perpulse import FILE."
    )
    if not deps.store.exists:
        raise nothing
    found = await asyncio.to_thread(liquidated, deps.store, asset, deps.now)
    if not (found.venues or found.daily or found.rejected):
        raise nothing
    zone = looking.zone_of(deps)
    lines = _live(asset, found, deps, zone) if found.venues else _days(asset, found)
    lines += [Line(_rejected(*each), "caveat") for each in found.rejected]
    lines.append(Buttons((Button("Price", f"/price {asset.lower()}"), Button("Health", f"/health {asset.lower()}"))))
    return Reply(tuple(lines), looking.plain(_values(asset, found)), stamp=_stamp(found, deps))


def _live(asset: str, found: Liquidated, deps: Deps, zone: str) -> list[Block]:
    end = wording.clock(found.end, zone)
    least = any(each.at_least for each in found.venues)
    day, hour, running = (sum(each, start=_none()) for each in _columns(found.venues))
    heard = max(each.day.heard for each in found.venues)
    if heard < timedelta(hours=1):
        return _first_hour(asset, found)
    part = "" if heard >= timedelta(days=1) else f", {_hours(heard)} heard"
    span = f"learning{part}" if all(_young(each, found) for each in found.venues) else f"24 h to {end}{part}"
    said = f"{_at_least(least)}{wording.usd(day.both)}{_share(day)}"
    lines: list[Block] = [Line(f"{asset} liquidations, {span}: {said}.", "headline")]
    so_far = deps.now - found.end
    if running.heard:
        least_now = any(each.floor or each.running.heard < so_far - timedelta(minutes=2) for each in found.venues)
        lines.append(Line(f"Since {end} ({wording.duration(so_far)}): {_at_least(least_now)}{_sides(running)}."))
    if hour.heard:
        least_hour = any(each.floor or each.hour.heard < timedelta(hours=1) for each in found.venues)
        lines.append(Line(f"Hour to {end}: {_at_least(least_hour)}{_sides(hour)}."))
    lines += [Line(f"– {_venue(each, found)}") for each in found.venues]
    lines += [
        Line(f"{_title(each.venue)} has not been heard for {wording.duration(deps.now - each.newest)}.", "caveat")
        for each in found.venues
        if _silent(each, deps)
    ]
    return lines


def _first_hour(asset: str, found: Liquidated) -> list[Block]:
    """Say what little has been heard, while not even an hour of the day has."""
    every = [(each, each.day + each.running) for each in found.venues]
    both = sum((sums for _, sums in every), start=_none())
    span = wording.duration(max(sums.heard for _, sums in every))
    said = f"{wording.usd(both.both)}{_share(both)}"
    return [
        Line(f"{asset} liquidations, learning, first {span} heard: at least {said}.", "headline"),
        *(Line(f"– {_named(each)}: {_at_least(each.floor)}{_sides(sums)}.") for each, sums in every),
    ]


def _days(asset: str, found: Liquidated) -> list[Block]:
    """Say imported days, where no venue is heard by the hour."""
    if not found.daily:
        return [Line(f"{asset} liquidations: no sum that can be true.", "headline")]
    lines: list[Block] = []
    for each in found.daily:
        words = f"{_title(each.venue)}, {wording.day(each.at)}: {_at_least(_floor(each.venue))}{_sides(each.sums)}."
        lines.append(Line(words if lines else f"{asset} liquidations, {words}", "body" if lines else "headline"))
    return lines


def _venue(each: Heard, found: Liquidated) -> str:
    """Say one venue's day and how much of it was heard."""
    said = f"{_named(each)}: {_at_least(each.at_least)}{_sides(each.day)}"
    if each.day.heard >= timedelta(days=1):
        return f"{said}."
    return f"{said}; {'learning, ' if _young(each, found) else ''}{_hours(each.day.heard)} heard."


def _named(each: Heard) -> str:
    """Name a venue with what kind of feed it has."""
    kind = "one a second and contract at most" if each.venue in {"binance", "okx"} else ""
    kind = "every liquidation" if not each.floor else kind
    return f"{_title(each.venue)} ({kind})" if kind else _title(each.venue)


def _young(each: Heard, found: Liquidated) -> bool:
    """Tell whether the stream is younger than the day that is asked about."""
    return each.since > found.end - timedelta(days=1)


def _rejected(venue: str, usd: float, limit: float) -> str:
    return (
        f"A figure was rejected as impossible and left out: {_title(venue)}, {wording.usd(usd)} in 24 h, more than its "
        f"open interest of {wording.usd(limit)}."
    )


def _sides(sums: Sums) -> str:
    return f"longs {wording.usd(sums.longs)}, shorts {wording.usd(sums.shorts)}"


def _share(sums: Sums) -> str:
    return f", {wording.share(sums.longs / sums.both * 100)} longs" if sums.both else ""


def _at_least(least: bool) -> str:  # noqa: FBT001 - one flag, read beside its name
    return "at least " if least else ""


def _hours(heard: timedelta) -> str:
    """Say heard hours of a day, rounded down: what was not heard is not promised."""
    return f"{math.floor(heard / timedelta(hours=1))} of 24 h"


def _columns(venues: tuple[Heard, ...]) -> tuple[list[Sums], list[Sums], list[Sums]]:
    return [each.day for each in venues], [each.hour for each in venues], [each.running for each in venues]


def _none() -> Sums:
    from handlers.liquidated import Sums  # noqa: PLC0415 - see above

    return Sums()


def _silent(each: Heard, deps: Deps) -> bool:
    from handlers.liquidated import SILENT  # noqa: PLC0415 - see above

    return deps.now - each.newest > SILENT


def _floor(venue: str) -> bool:
    from signals.inputs import is_floor  # noqa: PLC0415 - see above

    return is_floor("liquidated_longs_usd", venue)


def _title(venue: str) -> str:
    from signals.venues import venue_title  # noqa: PLC0415 - brings numpy along

    return venue_title(venue)


def _stamp(found: Liquidated, deps: Deps) -> str:
    venues = [each.venue for each in found.venues or found.daily]
    ends = [each.newest for each in found.venues] or [each.at + timedelta(days=1) for each in found.daily]
    floors = [_title(each) for each in venues if _floor(each)]
    parts = [
        ", ".join(_title(each) for each in venues),
        wording.age(deps.now - min(ends)) if ends else "",
        "" if found.venues else "daily data",
        f"{wording.listing(floors)} {'is a floor' if len(floors) == 1 else 'are floors'}" if floors else "",
        deps.stamp_note or "",
    ]
    return " · ".join(part for part in parts if part)


def _values(asset: str, found: Liquidated) -> dict[str, Any]:
    day, hour, running = (sum(each, start=_none()) for each in _columns(found.venues))
    known = bool(found.venues)
    return {
        "asset": asset,
        "as_of": min((each.newest for each in found.venues), default=None),
        "until": found.end,
        "longs_24h_usd": day.longs if known else None,
        "shorts_24h_usd": day.shorts if known else None,
        "longs_1h_usd": hour.longs if hour.heard else None,
        "shorts_1h_usd": hour.shorts if hour.heard else None,
        "longs_running_usd": running.longs if running.heard else None,
        "shorts_running_usd": running.shorts if running.heard else None,
        "at_least": any(each.at_least for each in found.venues),
        "venues": {
            each.venue: {
                "longs_24h_usd": each.day.longs,
                "shorts_24h_usd": each.day.shorts,
                "hours_heard": each.day.heard / timedelta(hours=1),
                "every_liquidation": not each.floor,
            }
            for each in found.venues
        },
        "daily": {
            each.venue: {"at": each.at, "longs_usd": each.sums.longs, "shorts_usd": each.sums.shorts}
            for each in found.daily
        },
        "rejected": [each[0] for each in found.rejected],
    }
