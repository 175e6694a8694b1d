"""How far two series rise and fall together, by rank, over spans that do not overlap."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.series import MIN_SHARE, Series

if TYPE_CHECKING:
    from datetime import timedelta

    from signals.series import Array

ONE_IN_TWENTY: Final = 1.96  # standard deviations that chance alone exceeds once in twenty


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Kendall's rank correlation of two series, sampled every so often back from each row.

    tau: −1 (always opposite) to 1 (always alike). spans: how many samples know both; NaN for none. bound: what |tau|
    exceeds once in twenty where the two have nothing to do with each other, by the normal approximation
    z · √(2(2n + 5) / 9n(n − 1)) (Kendall, Rank Correlation Methods, 1948; good from about ten samples on).
    """

    tau: Series
    spans: Series
    bound: Series


def rank_correlation(first: Series, second: Series, *, every: timedelta, window: timedelta) -> RankCorrelation:
    """Correlate two series by rank over the samples of a window, the row itself the newest of them.

    Shape (rows, assets). Sampled and not rolled: a mean of 30 days that moves on by one day is the same mean again, and
    two years of those would pass for 730 observations. A pair that is equal in either series counts for neither side.

    NaN handling: NaN while under 2/3 of the samples know both series.
    """
    stride, count = max(1, round(every / first.step)), window // every
    need = math.ceil(MIN_SHARE * count)

    def sampled(series: Series, rows: int) -> list[Array]:
        values = series.last(rows + (count - 1) * stride)
        return [values[sample * stride : sample * stride + rows] for sample in range(count)]

    def known(rows: int) -> Array:
        both = zip(sampled(first, rows), sampled(second, rows), strict=True)
        found = np.sum([np.isfinite(one) & np.isfinite(other) for one, other in both], axis=0).astype(float)
        return np.where(found > 0, found, np.nan)

    def tau(rows: int) -> Array:
        samples = list(zip(sampled(first, rows), sampled(second, rows), strict=True))
        total, pairs = np.zeros_like(samples[0][0]), np.zeros_like(samples[0][0])
        for (one, other), (later, other_later) in combinations(samples, 2):
            agrees = np.sign(later - one) * np.sign(other_later - other)
            pairs += np.isfinite(agrees)
            total += np.nan_to_num(agrees)
        return np.where(known(rows) >= need, total / pairs, np.nan)

    def bound(rows: int) -> Array:
        n = known(rows)
        return np.where(n >= need, ONE_IN_TWENTY * np.sqrt(2 * (2 * n + 5) / (9 * n * (n - 1))), np.nan)

    return RankCorrelation(Series(tau, first.step), Series(known, first.step), Series(bound, first.step))
