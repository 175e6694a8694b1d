"""What figures are measured against: the last good one of their series, or the first ones of a batch.

Nearly all that comes is usual. Whole answers that are are told from the others here, at a price that does not grow with
every figure: a first round is thousands of single figures, and a first history hundreds of thousands.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from bot.market.border.bounds import FREE, FUNDING, SURE, impossible, limit_of
from bot.market.border.last_good import RATE_FLOOR, LastGood
from signals.units import DAY_MS, to_ms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.market.border.last_good import LastGoods
    from signals.series import Array
    from storage.market.points import Column, Newest, Points, Snapshot

    Past = Callable[[str, str, str], Newest | None]

ENOUGH: Final = 5  # a first batch of this length is its own witness


class Yardsticks:
    """Choose what a series is measured against, and move it on.

    known: what the border knows of each series. past: the last value stored of (venue, asset, input). A series is named
    by these three throughout.
    """

    def __init__(self, known: LastGoods, past: Past) -> None:
        self._known, self._past = known, past

    def begin(self, key: tuple[str, str, str], first: int, values: Sequence[float]) -> LastGood | None:
        """Choose what the first figure is measured against: the past of its series, or a batch's own first figures.

        first: its time in ms. values: the first figures, no more than `ENOUGH`.
        """
        known = self._known.of(key[0], key[2]).get(key[1])
        if known is None and (stored := self._stored(*key)):
            known = LastGood(abs(stored.value), to_ms(stored.at))
        if known is not None and first >= known.at - DAY_MS:
            return known
        if len(values) >= ENOUGH:
            return LastGood(sorted(values)[ENOUGH // 2], first)
        return known

    def settle(self, key: tuple[str, str, str], known: LastGood) -> None:
        """Remember the newest of a series: an older history does not undo it."""
        of = self._known.of(key[0], key[2])
        before = of.get(key[1])
        if before is None or max(known.at, known.odd_at) >= max(before.at, before.odd_at):
            of[key[1]] = known

    def begins(self, alone: Snapshot) -> bool:
        """Tell whether the figures of a single asset are possible and begin their series; learn of them.

        Nothing is known then that they could be measured against.
        """
        venue, (asset,), (at,) = alone.venue, alone.assets, alone.times
        figures = {name: float(value) for name, (value,) in alone.columns.items()}
        for name, value in figures.items():
            least, most = SURE[name]
            if not least < value < most and impossible(name, value) is not None:
                return False
            if name not in FREE and (
                self._known.knows(venue, name, asset)
                or self._stored(venue, asset, name)
                or not (value > 0 or name == FUNDING)
            ):
                return False
        for name, value in figures.items():
            if name not in FREE:
                good = max(abs(value), RATE_FLOOR) if name == FUNDING else value
                self._known.of(venue, name)[asset] = LastGood(good, at)
        return True

    def ordinary(self, key: tuple[str, str, str], times: Sequence[int], column: Column) -> bool:
        """Tell whether no figure of a long column leaps; learn of it. All are possible; of rates others tell."""
        values = np.asarray(column, dtype=float)
        if key[2] == FUNDING or float(values.min()) <= 0:
            return False
        limit = limit_of(key[2], 0)
        moves = values[1:] / values[:-1]
        if not self._follows(key, times, values) or not ((1 / limit < moves) & (moves < limit)).all():
            return False
        self.settle(key, LastGood(float(values[-1]), times[-1]))
        return True

    def smooth(self, points: Points) -> bool:
        """Tell whether nothing leaps in long candles, by opens and closes in turn; learn of the last close.

        NaN handling: where a price is not known it is for others to tell.
        """
        ends = np.stack((points.columns["open"], points.columns["close"]), axis=1).ravel()
        if not (ends > 0).all():
            return False
        key = points.venue, points.asset, "close"
        calm = np.abs(np.log(ends[1:] / ends[:-1])) < math.log(limit_of("close", 0))
        if not self._follows(key, points.times, ends) or not calm.all():
            return False
        self.settle(key, LastGood(float(ends[-1]), points.times[-1]))
        return True

    def _follows(self, key: tuple[str, str, str], times: Sequence[int], values: Array) -> bool:
        """Tell whether the first of many figures is no leap."""
        known, limit = self.begin(key, times[0], values[:ENOUGH].tolist()), limit_of(key[2], 0)
        return known is None or 1 / limit < float(values[0]) / known.good < limit

    def _stored(self, venue: str, asset: str, name: str) -> Newest | None:
        """Return what an earlier process has left of a series, where it is something to measure against."""
        stored = self._past(venue, asset, name)
        return stored if stored is not None and stored.value else None
