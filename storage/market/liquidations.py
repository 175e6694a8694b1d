"""Liquidations by hour as a stream heard them, the running hour included, with how much of each hour was heard.

Whole hours go into the bars beside everything else. What is kept here besides is what a bar cannot say: an hour that
was heard in part, and the sums so far of the one that is not over.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from signals.units import from_ms, to_ms
from storage.engine.sql import queries
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.engine.database import Store

SQL: Final = queries("storage.market")
HOUR: Final = timedelta(hours=1)
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
        work.executemany(
            "INSERT OR REPLACE INTO liquidation_hours "
            "(asset, venue, at, longs_usd, shorts_usd, covered, rejected, whole) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    each.asset,
                    each.venue,
                    to_ms(each.at),
                    each.longs_usd,
                    each.shorts_usd,
                    each.covered // timedelta(milliseconds=1),
                    each.rejected,
                    int(each.whole),
                )
                for each in hours
            ],
        )
        work.execute(
            "DELETE FROM liquidation_hours WHERE at < ? OR (at < ? AND whole = 1)",
            (to_ms(now - KEPT), to_ms(now - RECENT)),
        )


def load(store: Store, *, since: datetime, asset: str | None = None) -> list[Hour]:
    """Return the hours from `since` on, of one asset or of all, oldest first."""
    rows = store.rows(
        "SELECT * FROM liquidation_hours WHERE at >= ? AND (? IS NULL OR asset = ?) ORDER BY at, venue, asset",
        (to_ms(since), asset, asset),
    )
    return [
        Hour(
            row["venue"],
            row["asset"],
            from_ms(row["at"]),
            row["longs_usd"],
            row["shorts_usd"],
            timedelta(milliseconds=row["covered"]),
            row["rejected"],
            bool(row["whole"]),
        )
        for row in rows
    ]


def most_open_interest(store: Store, asset: str, *, since: datetime, venue: str | None = None) -> float | None:
    """Return the highest open interest in USD since a time, of one venue or of whichever has the highest; None if none.

    The highest and not the newest: after a crash the newest is what is left, and what was liquidated is more than that.
    """
    found = [
        store.read_one(SQL.most_open_interest, asset=asset, venue=one, since=to_ms(since))
        for one in ([venue] if venue else points.venues_of(store, asset, "open_interest_usd"))
    ]
    return max((row["most"] for row in found if row and row["most"] is not None), default=None)
