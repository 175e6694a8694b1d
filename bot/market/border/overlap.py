"""Where the past and the present of one input overlap: they are one series, so they have to agree there.

A recipe that halves the one and not the other, or a venue that counts both sides in its statistics, makes a step of two
where nothing happened: half a year of drawdown. Single figures are remembered as they come live, the first of each
hour; a history is held against those of the same minutes, and where there are none, its newest row against the newest
of them, if it lay still before.

One figure that was hurt on its way is no verdict on a venue. Three pairs of live and past figures are. Fewer are a
doubt: the history is kept out and asked for again, and a second answer that is as far from a newer live figure proves
it.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections import defaultdict, deque
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from bot.market.border.bounds import FUNDING, LONG, impossible, possible
from bot.market.border.last_good import MANY
from bot.market.border.rates import DEAR, SIDE, SWITCH
from signals.units import HOUR_MS, MINUTE_MS
from storage.market.writing import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.market.points import Column, Points, Snapshot

COMPARED: Final = MappingProxyType({  # how far the two may differ at the same time, as a part
    "open_interest_coin": 0.1,  # 2 % were seen in quiet hours between a minute and the next
    "open_interest_usd": 0.1,
    "long_short_accounts": 0.25,  # one is of five minutes, the other of an hour
    "long_short_top_accounts": 0.25,
    "long_short_top_positions": 0.25,
    "implied_volatility": 0.1,
})  # fmt: skip
FACTOR: Final = 1.5  # between two figures an hour apart; both sides for one is 2
_STILL: Final = 1.1  # the three rows before lie within so many times of each other
_SEVERAL: Final = 3
_NEARLY_ALL: Final = 0.9
_HOURS: Final = 4  # whose first figure is remembered: a history is asked again from two hours before the newest on
_SAME_TIME_MS: Final = 5 * MINUTE_MS
_NEAR_MS: Final = HOUR_MS + 10 * MINUTE_MS  # statistics are published some minutes after their hour
_FRESH_MS: Final = 10 * MINUTE_MS


class Apart(NamedTuple):
    """How many times the present a history is. proven: by several figures, or by a second answer."""

    times: float
    proven: bool


@dataclass(frozen=True, slots=True)
class _ManyTold:
    """What an answer told of many assets, all of it new and in one hour."""

    assets: Sequence[str]
    members: frozenset[str]
    times: Sequence[int]
    column: Column
    hour: int

    def put_into(self, newest: dict[str, tuple[int, float]]) -> None:
        """Write down what it told of each asset."""
        newest.update(zip(self.assets, zip(self.times, map(float, self.column), strict=True), strict=True))


def _told(snapshot: Snapshot, column: Column, now: int) -> _ManyTold | None:
    """Take a column; None for a short one, and where one of its figures is old, no number or of another hour."""
    if len(snapshot) < MANY:
        return None
    first, last = min(snapshot.times), max(snapshot.times)
    hour = first // HOUR_MS
    if now - first > _FRESH_MS or last // HOUR_MS != hour or math.isnan(sum(column)):
        return None
    return _ManyTold(snapshot.assets, frozenset(snapshot.assets), snapshot.times, column, hour)


class Overlap:
    """Remember what came live, and say of a history how many times that it is."""

    def __init__(self) -> None:
        # By venue and input, then by asset: the first figure of each of the last hours, and the newest one.
        self._first: defaultdict[tuple[str, str], dict[str, deque[tuple[int, float]]]] = defaultdict(dict)
        self._newest: defaultdict[tuple[str, str], dict[str, tuple[int, float]]] = defaultdict(dict)
        # What the last answers told and nobody has asked for, by the first asset of each; no asset stands in two.
        self._told: defaultdict[tuple[str, str], dict[str, _ManyTold]] = defaultdict(dict)
        self._doubts: dict[tuple[str, str, str], tuple[int, float]] = {}  # the live figure's time, and how far apart

    def learn(self, snapshot: Snapshot, now: int, *, settled: bool = False) -> None:
        """Remember figures of now that passed. settled: they are rates that were settled, and say nothing of now.

        NaN handling: what is no number is passed over.
        """
        if settled:
            return
        for name, column in snapshot.columns.items():
            if name in COMPARED or name == FUNDING:
                self._learn((snapshot.venue, name), snapshot, column, now)

    def _learn(self, key: tuple[str, str], snapshot: Snapshot, column: Column, now: int) -> None:
        told, first, every = _told(snapshot, column, now), snapshot.assets[0], self._told[key]
        before = every.get(first)
        if told and before and (before.hour, before.assets) == (told.hour, told.assets):
            every[first] = told
            return
        newest, firsts_of = self._newest[key], self._first[key]
        for other in [other for other, one in every.items() if not one.members.isdisjoint(snapshot.assets)]:
            every.pop(other).put_into(newest)
        if told:
            every[first] = told
        hour = then = -1
        for asset, at, value in zip(snapshot.assets, snapshot.times, column, strict=True):
            if now - at > _FRESH_MS or value != value:  # noqa: PLR0124 - the plain test for NaN
                continue
            if at != then:  # often one time for all of them
                then, hour = at, at // HOUR_MS
            newest[asset] = figure = (at, float(value))
            firsts = firsts_of.get(asset)
            if firsts is None:
                firsts_of[asset] = deque([figure], maxlen=_HOURS)
            elif firsts[-1][0] // HOUR_MS < hour:
                firsts.append(figure)

    def _newest_of(self, venue: str, name: str) -> dict[str, tuple[int, float]]:
        """Return the newest figures of an input at a venue, by asset."""
        newest = self._newest[venue, name]
        for told in self._told.pop((venue, name), {}).values():
            told.put_into(newest)
        return newest

    def apart(self, points: Points) -> dict[str, Apart]:
        """Return by input how many times the present a history is, where they cannot be one series.

        NaN handling: a row that is NaN, or that cannot be whatever stands beside it, is passed over.
        """
        found: dict[str, Apart] = {}
        if points.step is not None or (len(points) < 2 and not points.settled):
            return found
        for name, column in points.columns.items():
            key = (points.venue, points.asset, name)
            newest = self._newest_of(points.venue, name).get(points.asset)
            if newest is None:
                continue
            rows = _possible(name, points.times, column)
            if name == FUNDING:
                times = _dearer(rows, newest[1]) if points.settled else None
                one = Apart(times, proven=False) if times is not None else None
            else:
                one = self._compared(key, rows, newest)
            if one is None:
                self._doubts.pop(key, None)
            else:
                found[name] = one._replace(proven=one.proven or self._again(key, newest[0], one.times))
        return found

    def _again(self, key: tuple[str, str, str], at: int, times: float) -> bool:
        """Tell whether an earlier answer was as far from an earlier live figure; remember this one if not."""
        before = self._doubts.setdefault(key, (at, times))
        if at > before[0] and not _far(times / before[1]):
            return True
        self._doubts[key] = before if at == before[0] else (at, times)
        return False

    def _compared(
        self, key: tuple[str, str, str], rows: Sequence[tuple[int, float]], newest: tuple[int, float]
    ) -> Apart | None:
        pairs: dict[int, float] = {}  # how many times the live figure of its minutes a row is
        for at, live in (*self._first[key[0], key[2]][key[1]], newest):
            if live > 0 and (row := _beside(rows, at)):
                pairs[row[0]] = row[1] / live
        if len(pairs) >= _SEVERAL:
            tolerance, middle = COMPARED[key[2]], median(pairs.values())
            alike = all(abs(times - 1) > tolerance and (times > 1) == (middle > 1) for times in pairs.values())
            return Apart(middle, proven=True) if alike else None
        last = [value for _, value in rows[-_SEVERAL:]]
        if not last or not newest[1] > 0:
            return None
        if pairs:
            times = median([*pairs.values()][-1:] if len(last) < _SEVERAL else [value / newest[1] for value in last])
        else:
            times = last[-1] / newest[1]
            if abs(newest[0] - rows[-1][0]) > _NEAR_MS or max(last) > _STILL * min(last):
                return None
        return Apart(times, proven=False) if _far(times) else None


def against(name: str, both: Sequence[float]) -> float | None:
    """Return how many times the one series of an input the other is, by their ratios at the same times.

    None where they can be one series, where fewer than three times are known of both, and for inputs that move freely.
    """
    if name not in COMPARED or len(both) < _SEVERAL:
        return None
    middle, tolerance = median(both), COMPARED[name]
    apart = sum(abs(times - 1) > tolerance and (times > 1) == (middle > 1) for times in both)
    return middle if _far(middle) and apart >= _NEARLY_ALL * len(both) else None


def _possible(name: str, times: Sequence[int], column: Column) -> list[tuple[int, float]]:
    """Return the rows of a column that can be true."""
    rows = list(zip(times, plain(column), strict=True))
    if len(rows) < LONG:
        return [row for row in rows if impossible(name, row[1]) is None]
    can = possible(name, np.asarray(column, dtype=float))
    return rows if can.all() else list(itertools.compress(rows, can.tolist()))


def _beside(rows: Sequence[tuple[int, float]], at: int) -> tuple[int, float] | None:
    """Return the time and figure of the same minutes, of rows by time; None where there is none."""
    place = bisect_left(rows, (at, 0.0))
    near = [row for row in rows[max(place - 1, 0) : place + 1] if abs(row[0] - at) <= _SAME_TIME_MS]
    return min(near, key=lambda row: abs(row[0] - at)) if near else None


def _far(times: float) -> bool:
    return times > FACTOR or times < 1 / FACTOR


def _dearer(rows: Sequence[tuple[int, float]], live: float) -> float | None:
    """Return how many times the running rate the settled ones are, where they are percent beside fractions."""
    if len(rows) < SIDE:
        return None
    usual = median(abs(rate) for _, rate in rows[-SIDE:])
    return usual / abs(live) if usual > DEAR and 0 < abs(live) * SWITCH < usual else None
