"""One asset as one look at the store sees it: where its series lie, and their values on the rows of grids.

A look asks for the same input again and again: for every metric, whose windows differ, and to know which venue speaks.
So every input of a venue is read once, as far back as any of the metrics wants it, together with the other inputs of
its table that lack the same rows.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import numpy as np

from signals.inputs import INPUTS
from signals.units import HOUR_MS, SECOND_MS, floor, in_ms, to_ms
from storage.engine.sql import queries
from storage.market import points
from storage.market.settlements import RATES
from storage.panels.cache import Column, joined
from storage.panels.grid import carry, fold

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence
    from datetime import datetime, timedelta

    from signals.series import Array
    from storage.engine.database import Store
    from storage.market.points import StoredSeries
    from storage.panels.cache import PanelCache
    from storage.panels.grid import Grid

SQL: Final = queries("storage.panels")
Answer = TypeVar("Answer")
_NOTHING: Final = Column(0, np.empty(0), {})
_ROWS: Final = 16  # from so many on it pays to count what is stored
_FEW: Final = 3  # levels a row, up to which reading all of them is cheaper than a search for the last of each row


@dataclass(frozen=True, slots=True)
class _Lack:
    """Rows of an input of a venue that are still to be read, as [first, end), and those beside them that are known."""

    name: str
    known: Column | None
    rows: tuple[tuple[int, int], ...]
    held: bool = True  # what comes of it is what everybody asks about


class Folded:
    """One asset as one look sees it. stored: what is stored of it by input, where that is known by now.

    Nothing that comes while it is looked at is seen, so that all that is asked of it is of one moment.
    """

    def __init__(
        self,
        store: Store,
        asset: str,
        cache: PanelCache | None,
        stored: Mapping[str, list[StoredSeries]] | None = None,
    ) -> None:
        self.store = store
        self.asset = asset
        self._cache = cache
        self._seen = cache.heed() if cache else 0
        self._all = stored
        self._stored: dict[str, list[StoredSeries]] = {}
        self._series: dict[tuple[str, str], list[StoredSeries]] = {}
        self._columns: dict[tuple[str, str, int], Column] = {}
        self._wanted: dict[tuple[str, int], tuple[int, int]] = {}
        self._answers: dict[Hashable, object] = {}

    def stored(self, name: str) -> list[StoredSeries]:
        """Return what is stored of an input, by venue and step."""
        if name not in self._stored:
            known = self._all
            self._stored[name] = points.stored(self.store, self.asset, name) if known is None else known.get(name, [])
        return self._stored[name]

    def series(self, venue: str, name: str) -> list[StoredSeries]:
        """Return what is stored of an input of a venue, by step."""
        found = self._series.get((venue, name))
        if found is None:
            found = [series for series in self.stored(name) if series.venue == venue]
            self._series[venue, name] = found
        return found

    def once(self, question: Hashable, answer: Callable[[], Answer]) -> Answer:
        """Return the answer to a question of this look, which is looked for only the first time."""
        if question not in self._answers:
            self._answers[question] = answer()
        return cast("Answer", self._answers[question])

    def want(self, name: str, step: timedelta, start: datetime, end: datetime) -> None:
        """Say that rows of [start, end) will be asked for: they are read with the first of them that is."""
        row_ms = in_ms(step)
        first, last = to_ms(start - INPUTS[name].in_force) // row_ms, -(-to_ms(end) // row_ms)
        before = self._wanted.get((name, row_ms), (first, last))
        self._wanted[name, row_ms] = min(before[0], first), max(before[1], last)

    # --- rows

    def on(self, venue: str, name: str, grid: Grid, now: datetime | None = None) -> Array:
        """Return an input of a venue on a grid; NaN where it is not known. Not to be written into.

        With `now` the last row is the unfinished one that holds it: the newest value, no flow, nothing of after `now`.
        """
        spec = INPUTS[name]
        lead = max(0, math.ceil(spec.in_force / grid.step) - 1)  # what was known just before the grid may still rule
        column = self.rows(venue, name, grid.step, grid.start - lead * grid.step, grid.end)
        if now is None and not lead:
            return column
        column = column.copy()
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

    def rows(self, venue: str, name: str, step: timedelta, start: datetime, end: datetime) -> Array:
        """Return the rows that open in [start, end), which lie on whole steps, with all their points; NaN for others.

        Nothing is carried. Not to be written into.
        """
        row_ms = in_ms(step)
        first, last = to_ms(start) // row_ms, to_ms(end) // row_ms
        return self._column(venue, name, row_ms, first, last).padded(first, max(first, last))

    def _column(self, venue: str, name: str, row_ms: int, first: int, last: int) -> Column:
        """Return at least those of the rows [first, last) in which there may be a value."""
        begin, end = self._reach(venue, name, row_ms, first, last)
        if end <= begin:
            return _NOTHING
        mine = self._columns.get((venue, name, row_ms))
        if mine is not None and mine.first <= begin and end <= mine.end:
            return mine
        asked = self._lack(venue, name, row_ms, begin, end)
        together = [asked, *self._like(asked, venue, row_ms)]
        names = [lack.name for lack in together]
        read = [self._read(venue, names, row_ms, *rows) for rows in asked.rows]
        found = {}
        for lack in together:
            parts = [part[lack.name] for part in read] + ([] if lack.known is None else [lack.known])
            found[lack.name] = joined(sorted(parts, key=lambda part: part.first))
            if lack.held:
                self._hold(venue, lack.name, row_ms, found[lack.name])
        return found[name]

    def _reach(self, venue: str, name: str, row_ms: int, first: int, last: int) -> tuple[int, int]:
        """Return those of the rows [first, last) from where the input begins to where it ends."""
        every = self.series(venue, name)
        if not every:
            return first, first
        begin = min(series.first for series in every) // row_ms
        return max(first, begin), min(last, max(series.last for series in every) // row_ms + 1)

    def _lack(self, venue: str, name: str, row_ms: int, begin: int, end: int) -> _Lack:
        """Return what is to be read so that rows [begin, end), and all that is wanted beside them, are known."""
        if wanted := self._wanted.get((name, row_ms)):
            wide = self._reach(venue, name, row_ms, *wanted)
            if wide[0] <= end and begin <= wide[1]:
                begin, end = min(begin, wide[0]), max(end, wide[1])
        known = self._columns.get((venue, name, row_ms)) or self._good(venue, name, row_ms)
        if known is None or begin > known.end:
            return _Lack(name, None, ((begin, end),))
        if end < known.first:  # another time than everybody asks about is not held in its place
            return _Lack(name, None, ((begin, end),), held=False)
        lacks = (begin, known.first), (known.end, end)
        return _Lack(name, known, tuple(rows for rows in lacks if rows[0] < rows[1]))

    def _like(self, asked: _Lack, venue: str, row_ms: int) -> list[_Lack]:
        """Return what else is wanted of a venue of the same table, where the same rows of it are to be read."""
        found = []
        for (name, row), wanted in self._wanted.items():
            key = (venue, name, row_ms)
            if row != row_ms or name == asked.name or INPUTS[name].kind != INPUTS[asked.name].kind:
                continue
            begin, end = self._reach(venue, name, row_ms, *wanted)
            if begin < end and key not in self._columns:
                lack = self._lack(venue, name, row_ms, begin, end)
                if lack.rows == asked.rows:
                    found.append(lack)
        return found

    def _hold(self, venue: str, name: str, row_ms: int, column: Column) -> None:
        """Hold a column for this look, and keep it for others."""
        key = (venue, name, row_ms)
        self._columns[key] = column
        if self._cache and row_ms % HOUR_MS == 0:
            ends = {series.step: series.last for series in self.series(venue, name)}
            self._cache.keep(self.asset, key, replace(column, ends=ends), self._seen)

    def _good(self, venue: str, name: str, row_ms: int) -> Column | None:
        """Return the rows that are kept and to which nothing has come since they were read."""
        kept = self._cache.get(self.asset, (venue, name, row_ms)) if self._cache else None
        if kept is None:
            return None
        end = kept.end
        for series in self.series(venue, name):
            before = kept.ends.get(series.step)
            if before != series.last:
                end = min(end, (series.first if before is None else before) // row_ms)
        return kept.rows(kept.first, end) if end > kept.first else None

    def _read(self, venue: str, names: Sequence[str], row_ms: int, first: int, end: int) -> dict[str, Column]:
        """Read rows [first, end) of inputs of one table from the database."""
        if INPUTS[names[0]].kind == "bar":
            return self._bars(venue, names, row_ms, first, end, end * row_ms)
        of = {"asset": self.asset, "venue": venue, "start": first * row_ms, "end": end * row_ms, "step": row_ms}
        every = self._few_levels(names, of) if end - first >= _ROWS else None
        if every is None:
            found = self.store.read_plain(SQL.last_levels_of_rows.filled(names=", ".join(names)), **of)
            every = np.array(found, dtype=float).reshape(end - first, len(names))
        for name in RATES:
            if name in names:
                for at, paid in self.store.read_plain(SQL.last_rates_of_rows.filled(name=name), **of):
                    every[at // row_ms - first, names.index(name)] = paid
        return {name: Column(first, every[:, place].copy(), {}) for place, name in enumerate(names)}

    def _few_levels(self, names: Sequence[str], of: Mapping[str, Any]) -> Array | None:
        """Read all levels and keep the last of each row; None where so many are stored that a search a row is cheaper.

        of: what the search asks for. Of a past in hours there is hardly more than one level a row.
        """
        count = (of["end"] - of["start"]) // of["step"]
        stored = self.store.read_plain(SQL.count_levels, most=_FEW * count + 1, **of)
        if stored[0][0] > _FEW * count:
            return None
        found = np.array(self.store.read_plain(SQL.levels.filled(names=", ".join(names)), **of), dtype=float)
        every = np.full((count, len(names)), np.nan)
        if len(found):
            rows = (found[:, 0].astype(np.int64) - of["start"]) // of["step"]
            for place in range(len(names)):
                known = ~np.isnan(found[:, place + 1])
                every[rows[known], place] = found[known, place + 1]
        return every

    def _bars(
        self, venue: str, names: Sequence[str], row_ms: int, first: int, end: int, before: int
    ) -> dict[str, Column]:
        """Read rows [first, end) of bars that open before a time (ms)."""
        found = self.store.read_plain(
            SQL.bars_of_rows.filled(names=", ".join(names)),
            asset=self.asset,
            venue=venue,
            steps=self._steps(venue, names),
            start=first * row_ms,
            end=before,
        )
        every = np.array(found, dtype=float).reshape(len(found), 2 + len(names))
        places, lengths = every[:, 0].astype(np.int64) // row_ms - first, every[:, 1].astype(np.int64)
        rows = {}
        for place, name in enumerate(names, start=2):
            known = ~np.isnan(every[:, place])
            present = np.zeros(end - first, dtype=bool)
            present[places[known]] = True
            column = np.full(end - first, np.nan)
            for length in np.unique(
                lengths[known]
            ).tolist():  # coarser ones last: what the venue itself summed is exact
                if length * SECOND_MS <= row_ms:
                    of = known & (lengths == length)
                    need = round(row_ms / (length * SECOND_MS))
                    folded = fold(INPUTS[name].fold, end - first, need, places[of], every[of, place])
                    column = np.where(np.isnan(folded), column, folded)
            rows[name] = Column(first, column, {}, present)
        return rows

    # --- single values

    def unfinished(self, venue: str, name: str, row: datetime, step: timedelta, now: datetime) -> float:
        """Return the value of the row that opens at `row` from its points before `now`."""
        if all(series.last < to_ms(now) for series in self.series(venue, name)):
            return float(self.rows(venue, name, step, row, row + step)[0])
        if INPUTS[name].kind == "bar":
            first = to_ms(row) // in_ms(step)
            return float(self._bars(venue, [name], in_ms(step), first, first + 1, to_ms(now))[name].values[0])
        newest = self.newest(venue, name, row, now)
        return math.nan if newest is None else newest[1]

    def newest(self, venue: str, name: str, start: datetime, end: datetime) -> tuple[int, float] | None:
        """Return the newest value that begins in [start, end) and when it becomes known (ms)."""
        of: dict[str, Any] = {"asset": self.asset, "venue": venue, "start": to_ms(start), "end": to_ms(end)}
        if INPUTS[name].kind == "bar":
            row = self.store.read_one(SQL.last_bar.filled(name=name), **of, steps=self._steps(venue, [name]))
        else:
            row = self.store.read_one(SQL.last_level.filled(name=name), **of)
        if name in RATES:
            paid = self.store.read_one(SQL.last_rate_settled.filled(name=name), **of)
            row = paid if paid and (row is None or paid["at"] >= row["at"]) else row
        return None if row is None else (row["at"] + row["step"] * SECOND_MS, row["value"])

    def known_by(self, venue: str, name: str, start: datetime, end: datetime) -> int | None:
        """Return when the newest value from `start` on became known (ms): a bar is over by `end`, an instant before."""
        if INPUTS[name].kind != "bar":
            newest = self.newest(venue, name, start, end)
            return newest[0] if newest else None
        of: dict[str, Any] = {"asset": self.asset, "venue": venue, "start": to_ms(start), "end": to_ms(end)}
        row = self.store.read_one(SQL.last_close.filled(name=name), **of, steps=self._steps(venue, [name]))
        return None if row is None else row["at"]

    def _steps(self, venue: str, names: Sequence[str]) -> str:
        return json.dumps(sorted({series.step for name in names for series in self.series(venue, name)}))

    def count(self, venue: str, name: str, *, start: datetime, end: datetime, step: timedelta, apart: timedelta) -> int:
        """Return in how many stretches of length `apart`, which `start` lies on, an input has a value in [start, end).

        Stretches, not values: a venue that is asked each minute does not know more of a year than one that tells hours.
        step: of the rows that are kept for other questions too.
        """
        if apart % step:
            return points.count(self.store, self.asset, venue, name, start=start, end=end, apart=apart)
        whole, row_ms = floor(end, step), in_ms(step)
        first, last = to_ms(start) // row_ms, to_ms(whole) // row_ms
        column = self._column(venue, name, row_ms, first, last)
        begin = max(first, column.first)
        rows = np.flatnonzero(column.present[begin - column.first : max(begin, last) - column.first]) + begin
        if whole != end and self.newest(venue, name, whole, end) is not None:  # the last row is cut short
            rows = np.append(rows, last)
        stretch = apart // step
        if stretch == 1 or not len(rows):
            return len(rows)
        return 1 + int(np.count_nonzero(np.diff(rows // stretch)))

    def last_before(self, name: str, every: Sequence[StoredSeries], end: datetime) -> int:
        """Return the last time (ms) before `end` at which one of these series of an input has a value."""
        before = to_ms(end)
        return max(
            series.last if series.last < before else points.last_before(self.store, self.asset, name, series, end)
            for series in every
        )
