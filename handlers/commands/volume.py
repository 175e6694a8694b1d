"""/volume: what is traded in a calendar month, and on which exchanges."""

from __future__ import annotations

import asyncio
import operator
from typing import TYPE_CHECKING

from handlers.command import Deps, command
from handlers.commands.market import answered, more, nothing_stored
from handlers.language.assets import OneAsset, meant_asset
from handlers.reply import Block, Line, Reply
from handlers.words import readings as words
from handlers.words import wording
from signals.units import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from storage.queries.market.flows import MonthVolume

LATE = DAY + 2 * HOUR  # after its end a day is known on every exchange
LARGEST = 3
RANK_IS_NEWS = 6  # months

# As in market.py: whatever brings numpy along is imported when a command runs.


@command(
    subject="market",
    example="/volume btc",
    words="volume, volumes, traded, turnover, trading volume, market share, shares, busiest exchange, monthly volume",
)
async def volume(deps: Deps, args: OneAsset) -> Reply:
    """Volume of the month, and the share of each exchange.

    The calendar month so far, in UTC days that are over, against the same days of the month before; on the first of a
    month the whole month before. Only exchanges that are covered and known on each of these days are in it.
    """
    from storage.queries.freshness import Stamp  # noqa: PLC0415 - see above
    from storage.queries.market import flows  # noqa: PLC0415 - see above

    asset = meant_asset(deps, args.asset, "/volume btc")
    found = await asyncio.to_thread(flows.month_volume, deps.store, asset, deps.now)
    if found is None:
        raise await nothing_stored(deps, asset, ("volume_month",))
    venues = tuple(venue.venue for venue in found.venues)
    late = deps.now - found.end > LATE
    lines: list[Block] = [
        Line(f"{asset} volume, {_span(found)}: {wording.usd(found.total)} {_where(found)}.", "headline"),
        *_shares(found),
        *_against_before(found),
        *_rank(found),
        Line("Covered exchanges only: what is traded elsewhere is not in it.", "caveat"),
        *_left_out(found),
        more(asset, "volume_month"),
    ]
    values = {
        "month": f"{found.first:%Y-%m}",
        "days": found.days,
        "volume_usd": found.total,
        "shares": {venue.venue: venue.so_far / found.total for venue in found.venues},
        "largest_three": _largest(found),
        "same_days_before_usd": sum(venue.before or 0.0 for venue in found.compared) or None,
        "change": _change(found),
        "left_out": list(found.left_out),
    }
    used = (Stamp(venues, found.end, found.end if late else None),)
    return answered(deps, asset, lines, values, used, outdated=late)


def _month(at: datetime) -> str:
    return wording.day(at).split(" ", 1)[1]


def _span(found: MonthVolume) -> str:
    """Say which days: January 2026, or 1 to 15 January 2026."""
    if found.is_whole:
        return _month(found.first)
    last = wording.day(found.end - DAY)
    return last if found.days == 1 else f"1 to {last}"


def _where(found: MonthVolume) -> str:
    named = words.named([venue.venue for venue in found.venues])
    return f"on {named[0]}" if len(named) == 1 else f"on {len(named)} exchanges"


def _shares(found: MonthVolume) -> Iterator[Line]:
    if len(found.venues) == 1 or not found.total:
        return
    names = words.named([venue.venue for venue in found.venues])
    parts = [wording.share(venue.so_far / found.total * 100, 1) for venue in found.venues]
    yield Line(f"{' · '.join(f'{name} {part}' for name, part in zip(names, parts, strict=True))}.")
    if len(found.venues) > LARGEST:
        yield Line(f"The largest three have {wording.share(_largest(found) * 100, 1)} of it.")


def _largest(found: MonthVolume) -> float:
    """Return the share of the three largest, a fraction."""
    return sum(venue.so_far for venue in found.venues[:LARGEST]) / found.total if found.total else 0.0


def _change(found: MonthVolume) -> float | None:
    before = sum(venue.before or 0.0 for venue in found.compared)
    return sum(venue.so_far for venue in found.compared) / before - 1 if before else None


def _against_before(found: MonthVolume) -> Iterator[Line]:
    """Say what the month before came to, on the exchanges that are known in both."""
    change, earlier = _change(found), _month(found.first - DAY)
    if change is None:
        yield Line(f"{earlier} is not known to compare it with.")
        return
    only = words.whose([venue.venue for venue in found.compared], [venue.venue for venue in found.venues])
    before = wording.usd(sum(venue.before or 0.0 for venue in found.compared))
    when = earlier if found.is_whole else f"the same days of {earlier}"
    said = f"{wording.percent(change * 100, 0)} against {when} ({before})."
    yield Line(f"{only}{said}")


def _rank(found: MonthVolume) -> Iterator[Line]:
    """Say since when no whole month saw as much, or as little, where that is longer ago than goes without saying."""
    if not found.whole:
        return
    (begun, last), earlier = found.whole[-1], found.whole[:-1]
    for most, beats in (("most", operator.ge), ("least", operator.le)):
        since = next((at for at, total in reversed(earlier) if beats(total, last)), None)
        after = [at for at, _ in earlier if since is None or at > since]
        if len(after) >= RANK_IS_NEWS:
            when = f"since {_month(since)}" if since else f"of the {len(earlier) + 1} months that are stored"
            yield Line(f"{_month(begun)} had the {most} {when}.")


def _left_out(found: MonthVolume) -> Iterator[Line]:
    if found.left_out:
        names = wording.listing(words.named(found.left_out))
        yield Line(f"Without {names}: days of the month are not known.", "caveat")
