"""The regular grid that metrics read, and how points become its rows.

Nothing is invented: a gap stays NaN, a coarser flow is summed only from a complete set of finer bars, and a value
rules beyond its own row only as long as its input is in force.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from signals.inputs import Fold
    from signals.series import Array

Places: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of a panel: `count` steps from `start` on, which lies on a whole step."""

    start: datetime
    step: timedelta
    count: int

    @property
    def end(self) -> datetime:
        """When the last row closes."""
        return self.start + self.step * self.count


def fold(how: Fold, count: int, need: int, place: Places, value: Array) -> Array:
    """Fold known points of one length, ascending in time, into `count` rows; NaN where a row has none.

    place: the row of each point. need: how many points make a whole row, without which there is no sum.
    """
    out = np.full(count, np.nan)
    match how:
        case "last":
            out[place] = value  # the last write wins
        case "first":
            out[place[::-1]] = value[::-1]
        case "max":
            np.fmax.at(out, place, value)
        case "min":
            np.fmin.at(out, place, value)
        case "sum":
            points = np.bincount(place, minlength=count)
            out = np.where(points >= need, np.bincount(place, weights=value, minlength=count), np.nan)
    return out


def carry(column: Array, limit: int) -> None:
    """Let a published value rule the rows after it that are not known, `limit` of them at most."""
    if limit > 0:
        rows = np.arange(len(column))
        last = np.maximum.accumulate(np.where(np.isnan(column), -1, rows))
        ruled = (last >= 0) & (rows - last <= limit)
        column[ruled] = column[last[ruled]]
