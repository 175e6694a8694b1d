"""The same hour of the days before, for what is another market at noon than at night."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.series import MIN_SHARE, Series
from signals.units import DAY

if TYPE_CHECKING:
    from datetime import timedelta

    from signals.series import Array

_STANDS_STILL: Final = 1e-12  # of the values, as in Series.deviation: below it rounding is all there is


def zscore_of_hour(series: Series, window: timedelta) -> Series:
    """Return (x − mean) / sd of the values at this hour of the days before, within the window; this row is left out.

    Shape (rows, assets), in standard deviations; sd has n − 1. On daily rows it is Series.zscore. The window is walked
    day by day, whatever the number of rows: 30 days of a year of hours need no more memory than the year.
    ValueError where a day is no whole number of rows.

    NaN handling: NaN if under 2/3 of those days are known, or if they are all the same: not known, never 0.
    """
    if DAY % series.step:
        raise ValueError(f"{series.step} does not divide a day, so that there is no same hour of the day before.")
    stride, count = DAY // series.step, window // DAY

    def make(rows: int) -> Array:
        values = series.last(rows + count * stride)
        days = [values[day * stride : day * stride + rows] for day in range(count)]
        now = values[count * stride :]
        known, total, largest = np.zeros_like(now), np.zeros_like(now), np.zeros_like(now)
        for day in days:
            known += ~np.isnan(day)
            total += np.nan_to_num(day)
            largest = np.fmax(largest, np.abs(day))
        mean, squares = total / known, np.zeros_like(now)
        for day in days:
            squares += np.nan_to_num((day - mean) ** 2)
        deviation = np.sqrt(squares / (known - 1))
        told = (known >= max(2, math.ceil(MIN_SHARE * count))) & (deviation > largest * _STANDS_STILL)
        return np.where(told, (now - mean) / deviation, np.nan)

    return Series(make, series.step)
