"""Liquidations by hour as a stream heard them, the running hour included, with how much of each hour was heard.

Whole hours go into the bars beside everything else. What is kept here besides is what a bar cannot say: an hour that
was heard in part, and the sums so far of the one that is not over.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from signals.units import HOUR_MS, MILLISECOND, from_ms, in_ms, to_ms
from storage.engine.sql import queries
from storage.market import points, rewritten

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from storage.engine.database import Store
    from storage.market.rewritten import Rewritten

    Ends: TypeAlias = tuple[tuple[int, int], ...]

SQL: Final = queries("storage.market")
RECENT: Final = timedelta(hours=48)  # a whole hour is in the bars by then
_MOST_KEPT: Final = 64  # sums of a venue, each of some 700 slots
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


@dataclass(frozen=True, slots=True)
class Slot:
    """What was liquidated of an asset at a venue in a stretch of time, in USD, from `at` on.

    heard: how much of the time that was asked about. Both in ms, and `at` since 1970: a picture has thousands of these.
    """

    at: int
    longs_usd: float
    shorts_usd: float
    heard: int


@dataclass(frozen=True, slots=True)
class HeardSlots:
    """Hours of a venue in slots; those of which nothing was heard are left out.

    A slot may be there twice. first, last: from when and up to when anything was heard, in ms since 1970; `last` is not
    after `first` where there is no slot.
    """

    slots: tuple[Slot, ...]
    first: int = 0
    last: int = 0


class BarSums:
    """Hourly bars of venues summed by slots, kept in memory between questions and never older than the database.

    Two years of hours of nine venues are 150,000 rows: 2 s where each comes here, a tenth of a second where the
    database sums them, and of one question after another none has changed. What is written into the past is noted
    (rewritten.py), and of what is new the directory tells. For any thread; a picture of nine venues is a MB.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._read: int | None = None  # the newest note of what was rewritten
        self._kept: OrderedDict[_Asked, tuple[Ends, Sequence[tuple[Any, ...]]]] = OrderedDict()

    def of(self, asked: _Asked, ends: Ends) -> Sequence[tuple[Any, ...]]:
        """Return number, longs and shorts in USD, and how much was heard (ms) of each slot.

        ends: where the series of the venue end by now.
        """
        with self._lock:
            note = self._heed()
            before, rows = self._kept.get(asked, (None, ()))
            if before == ends:
                self._kept.move_to_end(asked)
                return rows
        rows = self._store.read_plain(SQL.liquidated_bars_in_slots, **asked._asdict())
        with self._lock:
            if note == self._read:
                self._kept[asked] = ends, rows
                if len(self._kept) > _MOST_KEPT:
                    self._kept.popitem(last=False)
        return rows

    def _heed(self) -> int:
        """Drop what has been rewritten since the last question; return the number of the newest note."""
        notes = None if self._read is None else rewritten.since(self._store, self._read)
        if notes is None:
            self._read = rewritten.newest(self._store)
            self._kept.clear()
        else:
            for stretch in notes:
                self._read = stretch.number
                for asked in [asked for asked in self._kept if asked.holds(stretch)]:
                    del self._kept[asked]
        return self._read or 0


class _Asked(NamedTuple):
    """Which bars are summed: by slots of a length, those that open in [start, closed); times in ms."""

    asset: str
    venue: str
    slot: int
    start: int
    closed: int
    until: int

    def holds(self, stretch: Rewritten) -> bool:
        """Tell whether a stretch that was rewritten is among them."""
        of = (stretch.asset, stretch.venue) == (self.asset, self.venue)
        return of and stretch.last >= self.start and stretch.first < self.closed


def in_slots(
    store: Store,
    asset: str,
    venue: str,
    length: timedelta,
    *,
    start: datetime,
    closed: datetime,
    now: datetime,
    until: datetime,
    ends: Ends,
) -> HeardSlots:
    """Return hours from `start` on in slots of one length.

    Bars count that opened before `closed`, and of other hours what a stream heard up to `now`. length: of whole hours.
    until: it is counted how much was heard before it. ends: of each series of liquidations of the venue the length of
    its bars and the time of the last one, as the directory has them.
    """
    slot_ms, whole = in_ms(length), -(-to_ms(closed) // HOUR_MS) * HOUR_MS  # bars open at full hours
    asked = _Asked(asset, venue, slot_ms, to_ms(start), whole, to_ms(until))
    of = {"asset": asset, "venue": venue, "start": asked.start, "closed": whole, "now": to_ms(now)}
    rows = [
        *(store.beside(BarSums).of(asked, ends) if ends else ()),
        *store.read_plain(SQL.heard_in_slots, **of, slot=slot_ms, until=asked.until),
    ]
    if not rows:
        return HeardSlots(())
    ((*told,),) = store.read_plain(SQL.liquidated_ends, **of)
    first, last = ([end for end in told[side::2] if end is not None] for side in (0, 1))
    return HeardSlots(tuple(Slot(number * slot_ms, *sums) for number, *sums in rows), min(first), max(last))


def venues_heard(store: Store, asset: str, start: datetime) -> list[str]:
    """Return the venues of which a stream heard hours from `start` on."""
    rows = store.read_plain(SQL.venues_of_liquidation_hours, asset=asset, start=to_ms(start))
    return [venue for (venue,) in rows]


def most_open_interest(store: Store, asset: str, *, since: datetime, venue: str | None = None) -> float | None:
    """Return the highest open interest in USD since a time, of one venue or of whichever has the highest; None if none.

    The highest and not the newest: after a crash the newest is what is left, and what was liquidated is more than that.
    """
    found = [
        store.read_one(SQL.most_open_interest, asset=asset, venue=one, since=to_ms(since))
        for one in ([venue] if venue else points.venues_of(store, asset, "open_interest_usd"))
    ]
    return max((row["most"] for row in found if row and row["most"] is not None), default=None)
