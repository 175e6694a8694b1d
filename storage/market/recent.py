"""What is looked at every minute and hardly changes, kept in memory: the newest values of an input, where all begin."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from signals.units import MINUTE_MS, in_ms, to_ms
from storage.engine.sql import queries
from storage.market import rewritten

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from storage.engine.database import Store

SQL: Final = queries("storage.market")
EVER_MS: Final = 2**62
LATE_MS: Final = 10 * MINUTE_MS  # what is so much older than the newest of its venue does not go on with it


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

    back: how far back they are kept, by less than anything is thinned. It is never older than the database: of what
    goes on, what came after the newest is read; of all else the directory tells where it ends; and what is written into
    the past is noted by the transaction that writes it (rewritten.py). For one thread at a time.
    """

    def __init__(self, store: Store, name: str, back: timedelta) -> None:
        self._store, self._name, self._back = store, name, in_ms(back)
        self._noted: int | None = None  # the newest note of what was rewritten
        self._count = 0  # series that are stored, of whatever: where it is the same none has begun
        self._first = 0  # nothing is kept of before
        self._assets: dict[str, list[str]] = {}  # that have the input, by venue
        self._tails: dict[str, dict[str, Tail]] = {}  # by venue and asset

    def read(self, now: datetime) -> None:
        """Take in what has come since the last time; `of` and `venues_of` tell of this moment from here on."""
        first = to_ms(now) - self._back
        self._heed(anew=first < self._first)  # a clock that was set back asks for what has been dropped
        self._first = first
        count = int(self._store.read_plain(SQL.count_series)[0][0])
        if count != self._count:
            self._count, self._assets = count, {}
            for venue, asset in self._store.read_plain(SQL.where_input_is, input=self._name):
                self._assets.setdefault(venue, []).append(asset)
        for venue, assets in self._assets.items():
            self._go_on(self._tails.setdefault(venue, {}), venue, assets)

    def _heed(self, *, anew: bool) -> None:
        """Drop what has been rewritten since the last time."""
        notes = None if self._noted is None else rewritten.since(self._store, self._noted)
        if notes is None or anew:
            self._noted = rewritten.newest(self._store)
            self._count = 0
            self._tails.clear()
            return
        for stretch in notes:
            self._noted, self._count = stretch.number, 0  # where a series was dropped, another may have begun
            if stretch.last >= self._first:
                self._tails.get(stretch.venue, {}).pop(stretch.asset, None)

    def _go_on(self, tails: dict[str, Tail], venue: str, assets: list[str]) -> None:
        """Take in what has come of a venue: of nearly all it is the next minute."""
        ends = {asset: tail.times[-1] for asset, tail in tails.items() if tail.times}
        newest = max(ends.values(), default=0)
        live = {asset: tails[asset] for asset, last in ends.items() if newest - last < LATE_MS}
        others = assets if not live else [asset for asset in assets if asset not in live]
        if others:
            query, of = SQL.ends_of_input, {"input": self._name, "venue": venue}
            for asset, last in self._store.read_plain(query, **of, assets=json.dumps(others), first=self._first):
                if asset not in tails or tails[asset].last < last:
                    tails[asset] = self._whole(asset, venue)
        if not live:
            return
        query, after = SQL.levels_after.filled(input=self._name), min(ends[asset] for asset in live)
        rows = self._store.read_plain(query, input=self._name, venue=venue, after=max(after, self._first - 1))
        for asset, at, value in rows:
            tail = live.get(asset)
            if tail is not None and at > tail.times[-1]:
                if tail.times[0] < self._first:
                    tail.forget(self._first)
                tail.add(at, value)

    def _whole(self, asset: str, venue: str) -> Tail:
        query = SQL.levels_between.filled(columns=self._name)
        rows = self._store.read_plain(query, asset=asset, venue=venue, start=self._first, end=EVER_MS)
        tail = Tail()
        for at, value in rows:
            if value is not None:
                tail.add(at, value)
        return tail

    def of(self, asset: str, venue: str) -> Tail:
        """Return the newest values of a series; none where it has none."""
        return self._tails.get(venue, {}).get(asset) or Tail()

    def venues_of(self, asset: str) -> list[str]:
        """Return the venues that have told any of late, in the order of the alphabet."""
        return sorted(venue for venue, tails in self._tails.items() if asset in tails)

    def last(self, asset: str) -> int:
        """Return the time in ms of the newest value at any venue; 0 where there is none of late."""
        return max((tails[asset].last for tails in self._tails.values() if asset in tails), default=0)
