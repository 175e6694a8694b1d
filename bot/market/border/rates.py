"""Funding rates in another unit than they should be: from a day on, or a whole series.

Measured on 14,534 settlements of BTC and ETH, 2019 to 2026: medians of nine differ at most 18-fold from those before,
and of nine beside the 21 before (or after) never are all quantiles less than an eighth.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

from bot.market.border.bounds import Fault
from signals.units import DAY_MS, HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.series import Array

SIDE: Final = 9  # rates on either side of a change of units: three days of eight hours
SWITCH: Final = 30.0  # times their median; real ones differ at most 18-fold
_NOTHING: Final = 5e-5  # smaller rates are alike: days of zeros are no measure
DEAR: Final = 0.0015  # no contract pays so much for three days beside days in which it pays a thirtieth
_PERCENT_BASE: Final = 0.01  # the rate that most contracts pay most of the time, if it is written in percent
_PERCENT_SHARE: Final = 0.2
_MONTH: Final = 30 * DAY_MS
_DEAR_MONTH: Final = 0.002  # medians of 30 days were at most 0.00106 (ETH, 2021), and in percent at least 0.00202
_FEW: Final = 3  # rates from which on a usual one can be told
_SOME_DEAR: Final = 0.001
_DEAR_FEW: Final = 0.004  # which all of a few pay in the mean: BTC and ETH have paid 0.00296 three times running

_SMALL: Final = 12.0  # times that all of these quantiles fall where the unit does
_QUANTILES: Final = (0.25, 0.5, 0.75, 0.9)
_SMALL_SIDE, _LARGE_SIDE = 3 * DAY_MS, 7 * DAY_MS  # beside a change downwards; 9 and 21 rates at eight hours
_LEAST: Final = 1e-9
_SMALLEST_USUAL: Final = 2e-5  # per eight hours: nine in ten of a week lie below; at least 3.2e-5 in fact


def switch(rows: Sequence[tuple[int, int, float]]) -> list[Fault]:
    """Find the rates that are in another unit than the rest: rows of place, time (ms) and rate, oldest first.

    Where the median of nine rates is thirty times that of the nine before, the larger side is percent (or more), since
    no contract pays so much for long. A whole series is percent as well: where its usual rate is 0.01, or
    one that no contract pays for a month. And a side is too small where all that it pays is a twelfth of the week
    beside it, and less than any contract pays for days.
    """
    if len(rows) < _FEW:
        return []
    if len(rows) < 2 * SIDE:
        sizes = np.abs([rate for _, _, rate in rows])
        alike = float(np.quantile(sizes, 0.25)) > _SOME_DEAR  # not some dear ones among others
        return _all_percent(rows) if alike and _in_percent(rows, sizes) else []
    return _larger(rows) or _smaller(rows)


def _larger(rows: Sequence[tuple[int, int, float]]) -> list[Fault]:
    sizes = np.maximum(np.abs([rate for _, _, rate in rows]), _NOTHING)
    least, most = float(sizes.min()), float(sizes.max())
    if most / least < SWITCH and least / most > 1 / SWITCH:  # as nearly always: then no two medians are so far apart
        return _all_percent(rows) if _in_percent(rows, sizes) else []
    windows = np.median(np.lib.stride_tricks.sliding_window_view(sizes, SIDE), axis=1)
    ratio = windows[SIDE:] / windows[:-SIDE]  # after place + SIDE over before it
    found: list[Fault] = []
    borders = [0]
    for number in np.flatnonzero((ratio >= SWITCH) | (ratio <= 1 / SWITCH)).tolist():
        if number + SIDE - borders[-1] >= SIDE:  # one border, not each of its neighbours
            borders.append(_exactly(sizes, number + SIDE))
    borders.append(len(rows))
    spans = [(first, last) for first, last in pairwise(borders) if last > first]
    if len(spans) == 1:
        return _all_percent(rows) if _in_percent(rows, sizes) else []
    medians = [float(np.median(sizes[first:last])) for first, last in spans]
    usual = min(medians)
    for (first, last), median in zip(spans, medians, strict=True):
        if median >= SWITCH / 2 * usual and median > DEAR:
            times = 10.0 ** round(math.log10(median / usual))
            end = last
            while end > first and sizes[end - 1] <= 2 * usual:  # usual again, too shortly for a border of its own
                end -= 1
            found += [Fault(rows[place][0], "switch", times, rows[first][1]) for place in range(first, end)]
    return found


def _exactly(sizes: Array, near: int) -> int:
    """Return the place near a border at which the two sides differ most, by their logarithms."""
    logs = np.log(sizes[max(near - 2 * SIDE, 0) : near + 2 * SIDE])
    begin = max(near - 2 * SIDE, 0)
    places = range(3, len(logs) - 3)
    spread = [logs[:n].var() * n + logs[n:].var() * (len(logs) - n) for n in places]
    return begin + places[int(np.argmin(spread))]


def _all_percent(rows: Sequence[tuple[int, int, float]]) -> list[Fault]:
    return [Fault(place, "percent", 100.0, rows[0][1]) for place, _, _ in rows]


def _in_percent(rows: Sequence[tuple[int, int, float]], sizes: Array) -> bool:
    if float(sizes.max()) <= _DEAR_MONTH:  # as nearly always, and medians cost thirty times as much
        return False
    usual = float(np.median(sizes))
    if rows[-1][1] - rows[0][1] >= _MONTH - DAY_MS and usual > _DEAR_MONTH:
        return True
    if float(np.median([rate for _, _, rate in rows])) > _DEAR_FEW:  # who pays so dearly for shorts is squeezed
        return True
    same = np.abs(sizes - _PERCENT_BASE) < 1e-9
    return float(np.mean(same)) >= _PERCENT_SHARE and int(np.sum(same)) >= 2 and usual > _DEAR_MONTH


def _smaller(rows: Sequence[tuple[int, int, float]]) -> list[Fault]:
    """Find the spans in which all rates are a twelfth of the week beside them, and less than any contract pays."""
    gap = float(np.median(np.diff([at for _, at, _ in rows])))
    if gap <= 0:
        return []
    few, many = (max(round(span / gap), least) for span, least in ((_SMALL_SIDE, 9), (_LARGE_SIDE, 21)))
    if len(rows) < few + many:
        return []
    sizes = np.abs([rate for _, _, rate in rows])
    dear = _SMALLEST_USUAL * min(gap / (8 * HOUR_MS), 1.0)
    if np.convolve(sizes <= dear, np.ones(few), "valid").max() <= _QUANTILES[-1] * (few - 1):
        return []  # as nearly always: nine tenths of no window are so small, and quantiles cost eighty times as much
    floored = np.maximum(sizes, _LEAST)
    begins = [_exactly(floored, place) for place in _falls(sizes, many, few, dear)]
    ends = [_exactly(floored, len(sizes) - place) for place in reversed(_falls(sizes[::-1], many, few, dear))]
    found: list[Fault] = []
    spans: list[tuple[int, int]] = []
    if ends and (not begins or ends[0] < begins[0]):
        spans.append((0, ends[0]))
    spans += [(begin, next((end for end in ends if end > begin), len(rows))) for begin in begins]
    for first, last in spans:
        beside = np.concatenate([sizes[max(first - many, 0) : first], sizes[last : last + many]])
        apart = math.log10(float(np.median(sizes[first:last])) / float(np.median(beside)))
        times = 100.0 ** round(apart / 2)  # percent for fractions, or the like
        if found and rows[first][0] <= found[-1].place:
            continue  # a border told twice
        found += [Fault(rows[place][0], "switch", times, rows[first][1]) for place in range(first, last)]
    return found


def _falls(sizes: Array, many: int, few: int, dear: float) -> list[int]:
    """Return the places from which on all that is paid is a small part of what was paid in the `many` rates before."""
    before = np.quantile(np.lib.stride_tricks.sliding_window_view(sizes, many)[:-few], _QUANTILES, axis=1)
    after = np.quantile(np.lib.stride_tricks.sliding_window_view(sizes, few)[many:], _QUANTILES, axis=1)
    falls = (after[0] > 0) & (after[-1] <= dear) & (after * _SMALL <= before).all(axis=0)
    found: list[int] = []
    for place in np.flatnonzero(falls).tolist():
        if found and place - found[-1] <= few + many:
            continue
        near = [other for other in range(place, min(place + few, len(falls))) if falls[other]]
        found.append(min(near, key=lambda other: float((after[:, other] / before[:, other]).max())))
    return [place + many for place in found]
