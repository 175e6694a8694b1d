"""Liquidations by hour as a stream heard them, the running hour included, with how much of each hour was heard.

Whole hours go into the bars beside everything else. What is kept here besides is what a bar cannot say: an hour that
was heard in part, and the sums so far of the one that is not over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from signals.units import DAY_MS, HOUR_MS, MILLISECOND, from_ms, in_ms, to_ms
from storage.engine.sql import queries
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.engine.database import Store

SQL: Final = queries("storage.market")
RECENT: Final = timedelta(hours=48)  # a whole hour is in the bars by then
KEPT: Final = timedelta(days=35)  # a broken hour is remembered for as long as a 30-day window may ask about it


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of one venue and asset, from `at` on.

    covered: how long the stream was heard in it. rejected: figures that were kept out. whole: the hour is over, was
    heard from end to end and nothing of it was kept out; only then are the sums a bar.
    """

    venue: str
    asset: str
    at: datetime
    longs_usd: float
    shorts_usd: float
    covered: timedelta
    rejected: int = 0
    whole: bool = False


def save(store: Store, hours: Iterable[Hour], *, now: datetime) -> None:
    """Keep hours, in the place of what was kept of them before, and drop those that nobody asks for any more."""
    with store.write() as work:
        work.many(
            SQL.keep_liquidation_hour,
            [
                {
                    "asset": hour.asset,
                    "venue": hour.venue,
                    "at": to_ms(hour.at),
                    "longs_usd": hour.longs_usd,
                    "shorts_usd": hour.shorts_usd,
                    "covered": in_ms(hour.covered),
                    "rejected": hour.rejected,
                    "whole": int(hour.whole),
                }
                for hour in hours
            ],
        )
        work.run(SQL.drop_liquidation_hours, kept=to_ms(now - KEPT), recent=to_ms(now - RECENT))


def load(store: Store, *, since: datetime, asset: str | None = None) -> list[Hour]:
    """Return the hours from `since` on, of one asset or of all, oldest first."""
    return [
        Hour(
            row["venue"],
            row["asset"],
            from_ms(row["at"]),
            row["longs_usd"],
            row["shorts_usd"],
            row["covered"] * MILLISECOND,
            row["rejected"],
            bool(row["whole"]),
        )
        for row in store.read(SQL.liquidation_hours, since=to_ms(since), asset=asset)
    ]


class LiquidatedSlot(NamedTuple):
    """What was liquidated at a venue in one slot of time: its number since 1970, and both sides in USD.

    counted: for how long of a stretch that was asked about it was heard, ms. hours: how many hours it is made of, 0
    where of days alone. first, last: from when to when it was heard, ms.
    """

    number: int
    longs: float
    shorts: float
    counted: int
    hours: int
    first: int
    last: int


def in_slots(
    store: Store,
    asset: str,
    *,
    start: datetime,
    end: datetime,
    slot: timedelta,
    counted: tuple[datetime, datetime],
    late: timedelta,
) -> dict[str, list[LiquidatedSlot]]:
    """Return what was liquidated in [start, end] by venue and slot, oldest first: hours, and days where none is known.

    start is a full hour; a day counts from the one on that it lies in. counted: the stretch of which it is to be told
    how long was heard. late: a bar is over when all of it is but so much. The database makes the sums: a year of hours
    on nine venues as objects would cost ten times as much.
    """
    first, last = to_ms(start), to_ms(end)
    given = {
        "start": first,
        "end": last,
        "hours_end": last - HOUR_MS + in_ms(late),
        "first_day": first // DAY_MS * DAY_MS,
        "days_end": last - DAY_MS + in_ms(late),
        "slot": in_ms(slot),
        "since": to_ms(counted[0]),
        "until": to_ms(counted[1]),
        "hour": HOUR_MS,
        "day": DAY_MS,
    }
    venues = [row[0] for row in store.read_plain(SQL.liquidating_venues, asset=asset, start=first, end=last)]
    found = {
        venue: [
            LiquidatedSlot._make(row)
            for row in store.read_plain(SQL.liquidated_in_slots, asset=asset, venue=venue, **given)
        ]
        for venue in venues
    }
    return {venue: slots for venue, slots in found.items() if slots}


def most_open_interest(store: Store, asset: str, *, since: datetime, venue: str | None = None) -> float | None:
    """Return the highest open interest in USD since a time, of one venue or of whichever has the highest; None if none.

    The highest and not the newest: after a crash the newest is what is left, and what was liquidated is more than that.
    """
    found = [
        store.read_one(SQL.most_open_interest, asset=asset, venue=one, since=to_ms(since))
        for one in ([venue] if venue else points.venues_of(store, asset, "open_interest_usd"))
    ]
    return max((row["most"] for row in found if row and row["most"] is not None), default=None)
