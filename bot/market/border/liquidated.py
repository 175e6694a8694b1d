"""Liquidations that are in another unit from a day on: a flow may leap as it likes for a day, and not for good.

Measured on 271 days of Binance's BTC contract, June 2025 to March 2026, 10 October among them: a day is up to 12 times
the median of the month before and up to 19 times the day before, but medians of a month differ at most 2.1-fold from
those of the month before, and those of nine days 3.8-fold.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING, Final

from bot.market.border.bounds import LIQUIDATED, Fault
from signals.units import DAY_MS
from storage.market.writing import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.market.points import Points

_FEW, _MANY = 9, 30  # days on either side that tell what is usual
_OF_FEW, _OF_MANY = 8.0, 4.0  # times their medians differ where the unit does
_ALIKE: Final = 4.0  # and what was traded does not go along


def switched(points: Points) -> list[tuple[str, Fault]]:
    """Find the liquidations of bars from which on a usual day is a multiple of the usual day before; NaN is left out.

    Both sides are judged together. A market that trades as many times more is no other unit.
    """
    sides = {name: plain(points.columns[name]) for name in LIQUIDATED if name in points.columns}
    if not sides:
        return []
    sums = [sum(row) for row in zip(*sides.values(), strict=True)]
    days = by_day(points.times, sums)
    if len(days) < 2 * _FEW:
        return []
    traded = dict(by_day(points.times, plain(points.columns["volume_usd"]))) if "volume_usd" in points.columns else {}
    level, since, found = 1.0, 0, dict[int, tuple[float, int]]()
    begin, place = 0, _FEW  # the days since `begin` are in one unit
    while place <= len(days) - _FEW:
        times = step(days[begin:], place - begin)
        if times is None:
            place += 1
            continue
        place = begin + _exactly(days[begin:], place - begin)
        times = step(days[begin:], place - begin) or times
        volume = step([(at, traded.get(at, math.nan)) for at, _ in days[begin:]], place - begin, least=1.0)
        if volume is None or not 1 / _ALIKE < times / volume < _ALIKE:
            found |= _off(days[begin:place], level, since)
            level, since = level * times, days[place][0]
            begin = place
        place += _FEW
    found |= _off(days[begin:], level, since)
    return [
        (name, Fault(row, "switch", 10.0 ** round(math.log10(level)), since))
        for name, values in sides.items()
        for row, (at, value) in enumerate(zip(points.times, values, strict=True))
        if at // DAY_MS * DAY_MS in found and value > 0
        for level, since in [found[at // DAY_MS * DAY_MS]]
    ]


def by_day(times: Sequence[int], values: Sequence[float]) -> list[tuple[int, float]]:
    """Sum values by the day that their time (ms) lies in, oldest first. NaN is left out."""
    sums: dict[int, float] = {}
    for at, value in zip(times, values, strict=True):
        if value == value:  # noqa: PLR0124 - the plain test for NaN
            day = at // DAY_MS * DAY_MS
            sums[day] = sums.get(day, 0.0) + value
    return sorted(sums.items())


def _off(days: Sequence[tuple[int, float]], level: float, since: int) -> dict[int, tuple[float, int]]:
    return {} if 1 / _ALIKE < level < _ALIKE else {at: (level, since) for at, _ in days}


def step(days: Sequence[tuple[int, float]], place: int, least: float | None = None) -> float | None:
    """Return how many times a usual day before a place the usual day from it on is, where that is another unit.

    least: the factor from which on it is told; None for that of another unit, by how many days are known.
    """
    before = [value for _, value in days[max(place - _MANY, 0) : place] if value > 0]
    after = [value for _, value in days[place : place + _MANY] if value > 0]
    if min(len(before), len(after)) < _FEW:
        return None
    few = median(after[:_FEW]) / median(before[-_FEW:])
    many = median(after) / median(before)
    times = many if min(len(before), len(after)) >= _MANY else few
    limit = least or (_OF_MANY if min(len(before), len(after)) >= _MANY else _OF_FEW)
    alike = (few > 1) == (many > 1)
    return times if alike and not 1 / limit < times < limit else None


def _exactly(days: Sequence[tuple[int, float]], place: int) -> int:
    """Return the day near a place from which on the days are least unlike each other, on either side of it."""
    sizes = [math.log(max(value, 1.0)) for _, value in days[place - _FEW : place + 2 * _MANY]]

    def unlike(split: int) -> float:
        parts = sizes[:split], sizes[split:]
        return sum(abs(size - median(part)) for part in parts for size in part)

    return place - _FEW + min(range(_FEW, max(_FEW + 1, len(sizes) - _FEW + 1)), key=unlike)
