"""Inputs folded onto the rows of grids, kept in memory between questions and never older than the database.

What a metric looks back on hardly changes from one question to the next: of a year of hours one is new. So each input
of each venue is kept as it was folded, and only what is new, or was written anew, is read again.
"""

from __future__ import annotations

import json
import math
import random
import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from signals.inputs import INPUTS
from signals.units import HOUR_MS, floor, in_ms, to_ms
from storage.engine.sql import queries
from storage.market import points, rewritten
from storage.market.settlements import RATES
from storage.panels.grid import carry, fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from numpy.typing import NDArray

    from signals.series import Array
    from storage.engine.database import Store
    from storage.market.points import StoredSeries
    from storage.market.rewritten import Rewritten
    from storage.panels.grid import Grid

    Present: TypeAlias = NDArray[np.bool_]
    PanelKey: TypeAlias = tuple[str, str, int]  # venue, input, length of a row in ms

SQL: Final = queries("storage.panels")
BOUND: Final = 96_000_000
_BESIDE: Final = 400  # bytes of a column that are no values


@dataclass(frozen=True, slots=True)
class Column:
    """An input of a venue, a value a row, nothing carried; NaN where a row is not known.

    first: number of the first row, counted from 1970. ends: length of the bars in seconds (0: instants) to the time of
    the last one (ms) when this was read. some: of bars, whether there is any in the row, also one that does not make it
    known, such as an hour of a day's volume.
    """

    first: int
    values: Array
    ends: Mapping[int, int]
    some: Present | None = None

    @property
    def present(self) -> Present:
        """Whether there is any point in each row."""
        return ~np.isnan(self.values) if self.some is None else self.some

    @property
    def end(self) -> int:
        """The number of the row after the last one."""
        return self.first + len(self.values)

    @property
    def size(self) -> int:
        """Bytes, about."""
        return self.values.nbytes + (0 if self.some is None else self.some.nbytes) + _BESIDE

    def rows(self, first: int, end: int) -> Column:
        """Return rows [first, end), which must be among them."""
        part = slice(first - self.first, end - self.first)
        return Column(first, self.values[part], self.ends, None if self.some is None else self.some[part])


class PanelCache:
    """The folded inputs of one store. Give it to whoever asks; it may be asked from several threads.

    It holds about BOUND bytes at most (96 MB); an asset with a year of hours takes a quarter of a MB on three venues,
    half of one on nine. Beyond, assets are dropped at random: where all are judged in the same order each hour, the one
    that was not asked for longest is the one that is asked next. Only rows of whole hours are kept: thinning leaves
    those as they are.

    Nothing in it is older than the database: a series tells in the directory where it ends, so what is new is seen, and
    what is written into the past is noted by the transaction that writes it (storage/market/rewritten.py).
    """

    def __init__(self, store: Store, bound: int = BOUND) -> None:
        self.store = store
        self.bound = bound
        self.size = 0
        self._lock = threading.Lock()
        self._columns: dict[str, dict[PanelKey, Column]] = {}
        self._read: int | None = None  # the newest note of what was rewritten
        self._touched: dict[str, int] = {}  # by asset, the last note of it
        self._floor = 0  # what was read before this note is not kept
        self._choice = random.Random(0)  # noqa: S311 - which one goes is no secret

    def of(self, asset: str) -> Folded:
        """Return an asset as it is stored now, for one question."""
        if self.store.in_unit_of_work:  # it sees what may yet be undone
            return Folded(self.store, asset, None, 0)
        return Folded(self.store, asset, self, self._heed())

    def _heed(self) -> int:
        """Drop what has been rewritten since the last question; return the number of the newest note."""
        with self._lock:
            if self._read is None:
                self._read = rewritten.newest(self.store)
                return self._read
            notes = rewritten.since(self.store, self._read)
            if notes is None:
                self._read = self._floor = rewritten.newest(self.store)
                self._columns, self.size = {}, 0
                return self._read
            for stretch in notes:
                self._read = self._touched[stretch.asset] = stretch.number
                for key, column in list(self._columns.get(stretch.asset, {}).items()):
                    if key[0] == stretch.venue:
                        self._put(stretch.asset, key, _without(column, key[2], stretch))
            return self._read

    def get(self, asset: str, key: PanelKey) -> Column | None:
        """Return a column as far as it is kept."""
        with self._lock:
            return self._columns.get(asset, {}).get(key)

    def keep(self, asset: str, key: PanelKey, column: Column, seen: int) -> None:
        """Keep a column that was read after the note `seen`, unless it has been rewritten since."""
        with self._lock:
            if seen >= max(self._floor, self._touched.get(asset, 0)):
                self._put(asset, key, column)
                while self.size > self.bound:
                    others = [other for other in self._columns if other != asset] or [asset]
                    for old in self._columns.pop(self._choice.choice(others)).values():
                        self.size -= old.size

    def _put(self, asset: str, key: PanelKey, column: Column | None) -> None:
        columns = self._columns.setdefault(asset, {})
        before = columns.pop(key, None)
        self.size -= before.size if before else 0
        if column is not None:
            columns[key] = column
            self.size += column.size


def _without(column: Column, row_ms: int, stretch: Rewritten) -> Column | None:
    """Return the longer part of a column that a stretch does not touch."""
    before = min(column.end, stretch.first // row_ms)
    after = max(column.first, stretch.last // row_ms + 1)
    if before >= column.end or after <= column.first:
        return column
    if max(before - column.first, column.end - after) <= 0:
        return None
    if before - column.first >= column.end - after:
        return column.rows(column.first, before)
    return column.rows(after, column.end)


class Folded:
    """One asset as one question sees it: the directory of its series, and their values by row."""

    def __init__(self, store: Store, asset: str, cache: PanelCache | None, seen: int) -> None:
        self.store = store
        self.asset = asset
        self._cache = cache
        self._seen = seen
        self._stored: dict[str, list[StoredSeries]] = {}
        self._series: dict[tuple[str, str], list[StoredSeries]] = {}

    def stored(self, name: str) -> list[StoredSeries]:
        """Return what is stored of an input, by venue and step."""
        if name not in self._stored:
            self._stored[name] = points.stored(self.store, self.asset, name)
        return self._stored[name]

    def series(self, venue: str, name: str) -> list[StoredSeries]:
        """Return what is stored of an input of a venue, by step."""
        found = self._series.get((venue, name))
        if found is None:
            found = [series for series in self.stored(name) if series.venue == venue]
            self._series[venue, name] = found
        return found

    def on(self, venue: str, name: str, grid: Grid, now: datetime | None = None) -> Array:
        """Return an input of a venue on a grid; NaN where it is not known.

        With `now` the last row is the unfinished one that holds it: the newest value, no flow, nothing of after `now`.
        """
        spec = INPUTS[name]
        lead = max(0, math.ceil(spec.in_force / grid.step) - 1)  # what was known just before the grid may still rule
        column = self.rows(venue, name, grid.step, grid.start - lead * grid.step, grid.end).values.copy()
        if now is not None and grid.count:
            column[-1] = self.unfinished(venue, name, grid.end - grid.step, grid.step, now)
        carry(column, lead)
        column = column[lead:]
        if now is not None and grid.count and spec.fold != "sum" and math.isnan(column[-1]):
            before = max(grid.step, spec.in_force, spec.fresh_for)
            newest = self.newest(venue, name, grid.start - before, min(grid.end, now))
            if newest and to_ms(now) - newest[0] <= in_ms(spec.fresh_for):
                column[-1] = newest[1]
        return column

    def rows(self, venue: str, name: str, step: timedelta, start: datetime, end: datetime) -> Column:
        """Return the rows that open in [start, end), which lie on whole steps, with all their points."""
        row_ms = in_ms(step)
        first, last = to_ms(start) // row_ms, to_ms(end) // row_ms
        key = (venue, name, row_ms)
        ends = {series.step: series.last for series in self.series(venue, name)}
        keeps = self._cache is not None and row_ms % HOUR_MS == 0
        kept = self._cache.get(self.asset, key) if self._cache and keeps else None
        good = None if kept is None else self._good(kept, venue, name, row_ms)
        if good is not None and (last < good.first or first > good.end):
            # Another time than everybody asks about is not kept in its place.
            keeps, good = keeps and first > good.end, None
        if good is None:
            column = self._read(venue, name, row_ms, first, last)
        else:
            parts = [good]
            if first < good.first:
                parts.insert(0, self._read(venue, name, row_ms, first, good.first))
            if last > good.end:
                parts.append(self._read(venue, name, row_ms, good.end, last))
            column = good if len(parts) == 1 else _joined(parts)
        if self._cache and keeps and (kept is None or kept.ends != ends or len(kept.values) != len(column.values)):
            self._cache.keep(self.asset, key, replace(column, ends=ends), self._seen)
        return column.rows(first, last)

    def _good(self, kept: Column, venue: str, name: str, row_ms: int) -> Column | None:
        """Return the rows of a kept column to which nothing has come since it was read."""
        end = kept.end
        for series in self.series(venue, name):
            before = kept.ends.get(series.step)
            if before != series.last:
                end = min(end, (series.first if before is None else before) // row_ms)
        return kept.rows(kept.first, end) if end > kept.first else None

    def _read(self, venue: str, name: str, row_ms: int, first: int, end: int) -> Column:
        """Read rows [first, end) from the database; none where end is not after first."""
        count, bars = max(0, end - first), INPUTS[name].kind == "bar"
        values = np.full(count, np.nan)
        some = np.zeros(count, dtype=bool) if bars else None
        every = self.series(venue, name)
        # Where the series has not begun or has ended there is nothing to look for.
        begin = max(first, min((series.first for series in every), default=0) // row_ms)
        until = min(end, max((series.last for series in every), default=-1) // row_ms + 1)
        if until > begin:
            part = slice(begin - first, until - first)
            if some is None:
                values[part] = self._levels(venue, name, row_ms, begin, until)
            else:
                values[part], some[part] = self._bars(venue, name, row_ms, begin, until, until * row_ms)
        return _fixed(Column(first, values, {}, some))

    def _levels(self, venue: str, name: str, row_ms: int, first: int, end: int) -> Array:
        of = {"asset": self.asset, "venue": venue, "start": first * row_ms, "end": end * row_ms, "step": row_ms}
        found = self.store.read_plain(SQL.last_levels_of_rows.filled(name=name), **of)
        values = np.array([value for (value,) in found], dtype=float)
        if name in RATES:
            for at, paid in self.store.read_plain(SQL.last_rates_of_rows.filled(name=name), **of):
                values[at // row_ms - first] = paid
        return values

    def _bars(self, venue: str, name: str, row_ms: int, first: int, end: int, before: int) -> tuple[Array, Present]:
        """Return rows [first, end) of bars that open before a time (ms), and in which there is any."""
        found = self.store.read_plain(
            SQL.bars_of_rows.filled(names=name),
            asset=self.asset,
            venue=venue,
            steps=self._steps(venue, name),
            start=first * row_ms,
            end=before,
        )
        known = [row for row in found if row[2] is not None]
        places = np.array([row[0] for row in known], dtype=np.int64) // row_ms - first
        lengths = np.array([row[1] for row in known], dtype=np.int64)
        values = np.array([row[2] for row in known], dtype=float)
        present = np.zeros(end - first, dtype=bool)
        present[places] = True
        column = np.full(end - first, np.nan)
        for length in np.unique(lengths).tolist():  # coarser ones last: what the venue itself summed is exact
            if length * 1000 <= row_ms:
                of = lengths == length
                folded = fold(INPUTS[name].fold, end - first, round(row_ms / (length * 1000)), places[of], values[of])
                column = np.where(np.isnan(folded), column, folded)
        return column, present

    def unfinished(self, venue: str, name: str, row: datetime, step: timedelta, now: datetime) -> float:
        """Return the value of the row that opens at `row` from its points before `now`."""
        if all(series.last < to_ms(now) for series in self.series(venue, name)):
            return float(self.rows(venue, name, step, row, row + step).values[0])
        if INPUTS[name].kind == "bar":
            first = to_ms(row) // in_ms(step)
            return float(self._bars(venue, name, in_ms(step), first, first + 1, to_ms(now))[0][0])
        newest = self.newest(venue, name, row, now)
        return math.nan if newest is None else newest[1]

    def newest(self, venue: str, name: str, start: datetime, end: datetime) -> tuple[int, float] | None:
        """Return the newest value that begins in [start, end) and when it becomes known (ms)."""
        of = {"asset": self.asset, "venue": venue, "start": to_ms(start), "end": to_ms(end)}
        if INPUTS[name].kind == "bar":
            row = self.store.read_one(SQL.last_bar.filled(name=name), **of, steps=self._steps(venue, name))
        else:
            row = self.store.read_one(SQL.last_level.filled(name=name), **of)
        if name in RATES:
            paid = self.store.read_one(SQL.last_rate_settled.filled(name=name), **of)
            row = paid if paid and (row is None or paid["at"] >= row["at"]) else row
        return None if row is None else (row["at"] + row["step"] * 1000, row["value"])

    def known_by(self, venue: str, name: str, start: datetime, end: datetime) -> int | None:
        """Return when the newest value from `start` on became known (ms): a bar is over by `end`, an instant before."""
        if INPUTS[name].kind != "bar":
            newest = self.newest(venue, name, start, end)
            return newest[0] if newest else None
        of = {"asset": self.asset, "venue": venue, "start": to_ms(start), "end": to_ms(end)}
        row = self.store.read_one(SQL.last_close.filled(name=name), **of, steps=self._steps(venue, name))
        return None if row is None else row["at"]

    def _steps(self, venue: str, name: str) -> str:
        return json.dumps(sorted(series.step for series in self.series(venue, name)))

    def count(self, venue: str, name: str, *, start: datetime, end: datetime, step: timedelta, apart: timedelta) -> int:
        """Return in how many stretches of length `apart`, which `start` lies on, an input has a value in [start, end).

        Stretches, not values: a venue that is asked each minute does not know more of a year than one that tells hours.
        step: of the rows that are kept for other questions too.
        """
        if apart % step:
            return points.count(self.store, self.asset, venue, name, start=start, end=end, apart=apart)
        whole = floor(end, step)
        present = self.rows(venue, name, step, start, whole).present
        if whole != end:  # the last row is cut short
            present = np.append(present, self.newest(venue, name, whole, end) is not None)
        stretch = apart // step
        present = np.append(present, np.zeros(-len(present) % stretch, dtype=bool))
        return int(present.reshape(-1, stretch).any(axis=1).sum())

    def last_before(self, name: str, every: Sequence[StoredSeries], end: datetime) -> int:
        """Return the last time (ms) before `end` at which one of these series of an input has a value."""
        before = to_ms(end)
        return max(
            series.last if series.last < before else points.last_before(self.store, self.asset, name, series, end)
            for series in every
        )


def _joined(parts: Sequence[Column]) -> Column:
    values = np.concatenate([part.values for part in parts])
    some = [part.some for part in parts if part.some is not None]
    return _fixed(Column(parts[0].first, values, {}, np.concatenate(some) if some else None))


def _fixed(column: Column) -> Column:
    """Let nobody write into what many read."""
    column.values.flags.writeable = False
    if column.some is not None:
        column.some.flags.writeable = False
    return column
