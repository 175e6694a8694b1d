"""Inputs folded onto the rows of grids, kept in memory between questions and never older than the database.

What a metric looks back on hardly changes from one question to the next: of a year of hours one is new. So each input
of each venue is kept as it was folded, and only what is new, or was written anew, is read again.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from storage.market import rewritten

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from signals.series import Array
    from storage.engine.database import Store
    from storage.market.rewritten import Rewritten

    Present: TypeAlias = NDArray[np.bool_]
    PanelKey: TypeAlias = tuple[str, str, int]  # venue, input, length of a row in ms

BOUND: Final = 96_000_000
_BESIDE: Final = 400  # bytes of a column that are no values


@dataclass(frozen=True, slots=True)
class Column:
    """An input of a venue, a value a row, nothing carried; NaN where a row is not known.

    first: number of the first row, counted from 1970. ends: length of the bars in seconds (0: instants) to the time of
    the last one (ms) when this was read. some: of bars, whether there is any in the row, also one that does not make it
    known, such as an hour of a day's volume. Nobody may write into what many read.
    """

    first: int
    values: Array
    ends: Mapping[int, int]
    some: Present | None = None

    def __post_init__(self) -> None:
        self.values.flags.writeable = False
        if self.some is not None:
            self.some.flags.writeable = False

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
        if first == self.first and end == self.end:
            return self
        part = slice(first - self.first, end - self.first)
        return Column(first, self.values[part], self.ends, None if self.some is None else self.some[part])

    def padded(self, first: int, end: int) -> Array:
        """Return the values of rows [first, end); NaN where they are not among these."""
        begin, until = max(first, self.first), min(end, self.end)
        if (begin, until) == (first, end):
            return self.values[first - self.first : end - self.first]
        values = np.full(end - first, np.nan)
        if until > begin:
            values[begin - first : until - first] = self.values[begin - self.first : until - self.first]
        return values


def joined(parts: Sequence[Column]) -> Column:
    """Return columns that lie one after another as one."""
    if len(parts) == 1:
        return parts[0]
    values = np.concatenate([part.values for part in parts])
    some = [part.some for part in parts if part.some is not None]
    return Column(parts[0].first, values, {}, np.concatenate(some) if some else None)


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

    def heed(self) -> int:
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
