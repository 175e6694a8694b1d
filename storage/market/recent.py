"""What is looked at every minute and hardly changes, kept in memory: the newest values of an input, where all begin."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from signals.units import in_ms, to_ms
from storage.engine.sql import queries
from storage.market import points, rewritten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from storage.engine.database import Store
    from storage.market.points import StoredSeries

SQL: Final = queries("storage.market")
EVER_MS: Final = 2**62


@dataclass(slots=True)
class Tail:
    """The newest values of one series of instants, ascending in time (ms)."""

    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))

    @property
    def last(self) -> int:
        """Return the time of the newest value; 0 where there is none."""
        return self.times[-1] if self.times else 0

    def add(self, at: int, value: float) -> None:
        """Put a value after all others."""
        self.times.append(at)
        self.values.append(value)

    def within(self, first: int, end: int) -> list[tuple[int, float]]:
        """Return times and values in [first, end)."""
        places = slice(bisect_left(self.times, first), bisect_left(self.times, end))
        return list(zip(self.times[places], self.values[places], strict=True))

    def forget(self, first: int) -> None:
        """Drop what lies before a time."""
        place = bisect_left(self.times, first)
        del self.times[:place], self.values[:place]


class Begins:
    """When the first value of each input lies, kept in memory while no series begins, or begins earlier."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stamp: tuple[int, int] | None = None
        self._found: Mapping[tuple[str, str], int] = {}

    def read(self) -> Mapping[tuple[str, str], int]:
        """Return times in ms by (asset, input), the same object as long as none of them may be another."""
        row = self._store.read_one(SQL.count_series)
        # A series that is new is counted, and what is written before the first value of one is noted.
        stamp = (int(row["n"]) if row else 0, rewritten.newest(self._store))
        if stamp != self._stamp:
            rows = self._store.read_plain(SQL.begins)
            self._stamp, self._found = stamp, {(asset, name): first for asset, name, first in rows}
        return self._found


class RecentValues:
    """The values that an input has had of late at every asset and venue; instants that are no rates.

    back: how far back they are kept, by less than anything is thinned. It is never older than the database: the
    directory tells where a series ends, and what is written into the past is noted by the transaction that writes it
    (rewritten.py). For one thread at a time.
    """

    def __init__(self, store: Store, name: str, back: timedelta) -> None:
        self._store, self._name, self._back = store, name, in_ms(back)
        self._noted: int | None = None  # the newest note of what was rewritten
        self._first = 0  # nothing is kept of before
        self._tails: dict[tuple[str, str], Tail] = {}
        self.series: dict[str, list[StoredSeries]] = {}

    def read(self, now: datetime) -> None:
        """Take in what has come since the last time; `series` and `of` tell of this moment from here on."""
        first = to_ms(now) - self._back
        self._heed(anew=first < self._first)  # a clock that was set back asks for what has been dropped
        self._first = first
        self.series = points.stored_anywhere(self._store, self._name)
        after = EVER_MS
        for asset, every in self.series.items():
            for series in every:
                if series.step or series.last < first:
                    continue
                tail = self._tails.get((asset, series.venue))
                if tail is None:
                    self._tails[asset, series.venue] = self._whole(asset, series.venue)
                elif (known := tail.last) < series.last:
                    after = min(known, after)
        if after < EVER_MS:
            self._add(after)

    def _heed(self, *, anew: bool) -> None:
        """Drop what has been rewritten since the last time."""
        notes = None if self._noted is None else rewritten.since(self._store, self._noted)
        if notes is None or anew:
            self._noted = rewritten.newest(self._store)
            self._tails.clear()
            return
        for stretch in notes:
            self._noted = stretch.number
            if stretch.last >= self._first:
                self._tails.pop((stretch.asset, stretch.venue), None)

    def _whole(self, asset: str, venue: str) -> Tail:
        query = SQL.levels_between.filled(columns=self._name)
        rows = self._store.read_plain(query, asset=asset, venue=venue, start=self._first, end=EVER_MS)
        tail = Tail()
        for at, value in rows:
            if value is not None:
                tail.add(at, value)
        return tail

    def _add(self, after: int) -> None:
        query = SQL.levels_after.filled(input=self._name)
        for asset, venue, at, value in self._store.read_plain(query, input=self._name, after=max(after, self._first)):
            tail = self._tails.get((asset, venue))
            if tail is None:
                continue
            times = tail.times
            if not times or at > times[-1]:
                if times and times[0] < self._first:
                    tail.forget(self._first)
                times.append(at)
                tail.values.append(value)

    def of(self, asset: str, venue: str) -> Tail:
        """Return the newest values of a series; none where it has none."""
        return self._tails.get((asset, venue)) or Tail()
