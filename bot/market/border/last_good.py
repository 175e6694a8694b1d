"""What is known of each series at the border, and which figures are usual after it: nearly all that is live.

Whole columns are looked at, those of many assets at one venue, since a call for each figure costs more than to judge
it. Where one answer after another tells of the same assets, what is known of them is kept in columns as well, until
somebody asks for one of them. A figure that is not usual is not yet wrong: `Border.admit` says what it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from bot.market.border.bounds import FREE, FUNDING, SURE, impossible, limit_of
from signals.units import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from signals.series import Array
    from storage.market.points import Column

    Times = Sequence[int] | Array  # in ms

CALM_RATE: Final = 0.004  # a rate per interval up to this is never held: BTC and ETH have paid 0.00375 out of calm
RATE_LEAP: Final = 30.0  # times the highest rate of the days before; 21 is the most that BTC and ETH have shown
RATE_FLOOR: Final = 2e-5
_HALF_LIFE_MS: Final = 2 * DAY_MS  # of the highest rate: what was a storm last week is no measure of this one
_MOST_DAYS: Final = 400.0
MANY: Final = 16  # assets from which on columns pay


@dataclass(slots=True)
class LastGood:
    """The last good value of a series (of funding rates: the highest of late), and its time in ms.

    before: the value before that one. odd: another level that has been claimed, of which time, and received when first.
    scale: it is one of other units. began, mark: when the claim began, and the mark price before it.
    """

    good: float
    at: int
    odd: float = math.nan
    odd_at: int = 0
    since: datetime | None = None
    scale: bool = False
    before: float = math.nan
    began: int = 0
    mark: float = math.nan

    def peak(self, at: int) -> float:
        """Return the highest rate of late as it counts at a time: half as much two days later."""
        days = min(max(at - self.at, 0) / _HALF_LIFE_MS, _MOST_DAYS)
        return max(self.good * math.pow(0.5, days), RATE_FLOOR)


@dataclass(slots=True, eq=False)
class _Columns:
    """What is known of the assets of an answer, one value each: see LastGood. None of them has an odd one.

    judged: good and at as they are after the answer that was found usual last; `learn` makes them what is known.
    """

    assets: Sequence[str]
    members: frozenset[str]
    good: Array
    before: Array
    at: Array
    judged: tuple[Array, Array]

    @classmethod
    def of(cls, assets: Sequence[str], known_of: Mapping[str, LastGood]) -> _Columns | None:
        """Take what is known of assets; None where another level of one of them is claimed."""
        known = [known_of[asset] for asset in assets]
        if any(one.odd_at for one in known):
            return None
        good, at = np.array([one.good for one in known]), np.array([one.at for one in known])
        return cls(assets, frozenset(assets), good, np.array([one.before for one in known]), at, (good, at))

    def put_back(self, known_of: Mapping[str, LastGood]) -> None:
        """Write them into what is known of each asset."""
        columns = (self.good.tolist(), self.before.tolist(), self.at.tolist())
        for asset, good, before, at in zip(self.assets, *columns, strict=True):
            known = known_of[asset]
            known.good, known.before, known.at = good, before, at

    def peaks(self, times: Array) -> Array:
        """Return the highest rates of late as they count at these times: see LastGood.peak."""
        days = np.minimum(np.maximum(times - self.at, 0) / _HALF_LIFE_MS, _MOST_DAYS)
        return np.maximum(self.good * np.power(0.5, days), RATE_FLOOR)

    def usual(self, name: str, times: Times, values: Column) -> bool:
        """Tell whether all figures are usual beyond doubt; where one may not be, `unusual` finds it."""
        least, most = SURE[name]
        figures, at = np.array(values, dtype=float), np.asarray(times)
        if not ((least < figures) & (figures < most)).all():  # also where one is NaN
            return False
        if name == FUNDING:
            sizes, peaks = np.abs(figures), self.peaks(at)
            usual = (sizes <= CALM_RATE) | (sizes <= RATE_LEAP * peaks)
            figures = np.maximum(sizes, peaks)
        else:
            limit, moved = limit_of(name, 0), figures / self.good
            usual = (1 / limit < moved) & (moved < limit)
        if not usual.all():
            return False
        self.judged = figures, np.maximum(self.at, at)
        return True

    def learn(self) -> None:
        """Remember the figures that were found usual last."""
        self.before, (self.good, self.at) = self.good, self.judged


class LastGoods:
    """What is known at the border, by venue and input and then by asset."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], dict[str, LastGood]] = {}
        self._columns: dict[tuple[str, str], list[_Columns]] = {}  # no asset stands in two of an input
        self._told: dict[tuple[str, str, str], Sequence[str]] = {}  # the assets of the last answer, by its first one

    def of(self, venue: str, name: str) -> dict[str, LastGood]:
        """Return what is known of one input at a venue, by asset; it may be changed."""
        key = venue, name
        found = self._known.setdefault(key, {})
        for columns in self._columns.pop(key, ()):
            columns.put_back(found)
        return found

    def knows(self, venue: str, name: str, asset: str) -> bool:
        """Tell whether anything is known of one input of an asset at a venue."""
        return asset in self._known.get((venue, name), ())

    def venues_of(self, name: str) -> Iterator[tuple[str, dict[str, LastGood]]]:
        """Go through the venues of which an input is known, with what is known there by asset."""
        for venue, what in list(self._known):
            if what == name:
                yield venue, self.of(venue, name)

    def forget(self, asset: str) -> None:
        """Forget what is known of an asset."""
        for venue, name in list(self._known):
            self.of(venue, name).pop(asset, None)

    def unusual(self, venue: str, name: str, assets: Sequence[str], times: Times, values: Column) -> list[int]:
        """Return the places of the figures of one input at one venue that have to be looked at: see `unusual`."""
        columns = self._columns_of(venue, name, assets)
        if columns is not None and columns.usual(name, times, values):
            return []
        return unusual(name, self._singly(venue, name, assets), assets, times, values)

    def learn(self, venue: str, name: str, assets: Sequence[str], times: Sequence[int], values: Column) -> None:
        """Remember figures of which `unusual` has just found none."""
        if name in FREE:
            return
        if columns := self._columns_of(venue, name, assets):
            columns.learn()
            return
        known_of = self._singly(venue, name, assets)
        learn(name, known_of, assets, times, values)
        if len(assets) >= MANY:
            again = self._told.get((venue, name, assets[0])) == assets
            if again and (made := _Columns.of(assets, known_of)):
                self._columns.setdefault((venue, name), []).append(made)
            self._told[venue, name, assets[0]] = assets

    def _columns_of(self, venue: str, name: str, assets: Sequence[str]) -> _Columns | None:
        """Return the columns of exactly these assets."""
        for columns in self._columns.get((venue, name), ()):
            if columns.assets == assets:
                return columns
        return None

    def _singly(self, venue: str, name: str, assets: Sequence[str]) -> dict[str, LastGood]:
        """Return what is known of some assets by themselves; of others it may be older than their columns."""
        key = venue, name
        found = self._known.setdefault(key, {})
        every = self._columns.get(key)
        if every and (mixed := [columns for columns in every if not columns.members.isdisjoint(assets)]):
            for columns in mixed:
                columns.put_back(found)
                every.remove(columns)
        return found


def unusual(
    name: str, known_of: Mapping[str, LastGood], assets: Sequence[str], times: Times, values: Iterable[float]
) -> list[int]:
    """Return the places of the figures of one input at one venue that have to be looked at, one a asset.

    known_of: by asset. NaN handling: what is no number is not usual.
    """
    least, most = SURE[name]
    if name in FREE:
        odd = {value for value in set(values) if not least < value < most and impossible(name, value) is not None}
        return [place for place, value in enumerate(values) if value in odd] if odd else []
    found: list[int] = []
    limit = limit_of(name, 0)
    for place, (asset, at, value) in enumerate(zip(assets, times, values, strict=True)):
        known = known_of.get(asset)
        if known is None or known.odd_at or not (least < value < most or impossible(name, value) is None):
            found.append(place)
        elif name == FUNDING:
            size = abs(value)
            if size > CALM_RATE and size > RATE_LEAP * known.peak(at):
                found.append(place)
        elif not 1 / limit < value / known.good < limit:
            further = limit_of(name, abs(at - known.at))
            if not (value > 0 and 1 / further < value / known.good < further):
                found.append(place)
    return found


def learn(
    name: str, known_of: Mapping[str, LastGood], assets: Sequence[str], times: Sequence[int], values: Iterable[float]
) -> None:
    """Remember figures that were found usual."""
    funding = name == FUNDING
    for asset, at, value in zip(assets, times, values, strict=True):
        known = known_of[asset]
        if funding:
            value = max(abs(value), known.peak(at))  # noqa: PLW2901 - what is measured against is the highest of late
        known.before, known.good = known.good, float(value)
        if at > known.at:  # noqa: PLR1730 - a call for each of thousands of figures
            known.at = at
