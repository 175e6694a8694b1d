"""Windows that roll over all columns of a table in one pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pandas.api.indexers import BaseIndexer

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


class _EndToEnd(BaseIndexer):
    """Windows over columns of `rows` rows that stand end to end as one; none reaches into the column before."""

    rows: int
    window_size: int

    def get_window_bounds(
        self,
        num_values: int = 0,
        min_periods: int | None = None,  # noqa: ARG002 - of pandas' protocol
        center: bool | None = None,  # noqa: ARG002, FBT001 - as above
        closed: str | None = None,  # noqa: ARG002 - as above
        step: int | None = None,  # noqa: ARG002 - as above
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return where each window begins and ends."""
        end = np.arange(1, num_values + 1, dtype=np.int64)
        return np.maximum(end - self.window_size, (end - 1) // self.rows * self.rows), end


def rolled_over(values: Array, count: int, need: int, roll: Callable[[Any], Any]) -> Array:
    """Roll a window of `count` rows over each column of (rows, columns); NaN where it knows fewer than `need`.

    roll: what is done with pandas' rolling object, such as its mean. All columns stand end to end in one pass, since
    pandas takes 80 us for each; where a window has nothing in common with the one before, it begins anew, so that
    columns share no rounding.
    """
    rows, columns = values.shape
    ends = _EndToEnd(window_size=count, rows=rows)
    found = roll(pd.Series(values.T.ravel()).rolling(ends, min_periods=need))
    return np.asarray(found, dtype=float).reshape(columns, rows).T


def latest_top(values: Array, count: int) -> NDArray[np.int64]:
    """Return in which row the highest of the last `count` values is, the latest of equals, at each row: by doubling."""
    top, span = np.broadcast_to(np.arange(len(values))[:, None], values.shape), 1

    def beside(back: int) -> NDArray[np.int64]:
        later, earlier = top[back:], top[:-back]
        higher = np.take_along_axis(values, later, axis=0) >= np.take_along_axis(values, earlier, axis=0)
        return np.concatenate([top[:back], np.where(higher, later, earlier)])

    while 2 * span <= count:
        top, span = beside(span), 2 * span
    return beside(count - span) if count > span else top
