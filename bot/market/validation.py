"""What never gets in: figures that cannot be true are taken out here and named, before anything is stored."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.inputs import INPUTS
from signals.units import DAY, from_ms, in_ms, to_ms
from storage.market.points import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from storage.market.points import Column, Points

    LastValue = Callable[[str, str, str], float | None]

AHEAD: Final = timedelta(seconds=5)  # clocks differ by this much; what lies beyond has not happened yet
SHIFTED: Final = timedelta(minutes=5)  # no clock is so wrong: then it is the answer, and its other rows are as wrong
JUMP: Final = 100.0  # no price and no open interest moves so much between two figures; a slip of units is 1000
FLOW_JUMP: Final = 500.0  # an hour's volume does swing, a hundredfold between a dull night and a crash
BELIEVED: Final = DAY  # a level that holds for a day is the venue's new truth: a redenomination
LONG: Final = 16  # figures from which on arrays pay
ENOUGH: Final = 5  # a first batch of this length is its own witness
WITHIN: Final = {  # beside Input.possible: both ends are possible
    "fear_greed": (0.0, 100.0),
    "funding_rate": (-0.05, 0.05),  # per interval; the widest cap in use is Hyperliquid's 4 % an hour
    "funding_interval_hours": (0.25, 24.0),
}

_AHEAD_MS: Final = in_ms(AHEAD)
_SHIFTED_MS: Final = in_ms(SHIFTED)
_LATE: Final = "lies in the future (or this machine's clock is behind)"
_SHIFTED: Final = "came in an answer that reaches into the future"


@dataclass(frozen=True, slots=True)
class Rejected:
    """One figure that was kept out, and why, in words that follow its name."""

    venue: str
    asset: str
    name: str
    at: datetime
    value: float
    reason: str


@dataclass(slots=True)
class _Known:
    """The last good value of a series; and another level, if one has been claimed, since when."""

    good: float
    odd: float | None = None
    odd_since: datetime | None = None


class Validator:
    """Take out what cannot be true, by itself or after the last good value of its series.

    remembered: the last value stored of (venue, asset, input), so that a restart does not forget what is usual.
    """

    def __init__(self, remembered: LastValue | None = None) -> None:
        self._known: dict[tuple[str, str, str], _Known] = {}
        self._remembered = remembered or (lambda _venue, _asset, _name: None)

    def admit(self, points: Points, now: datetime) -> tuple[Points, list[Rejected]]:
        """Return the points without impossible figures, and those figures. `now` is the time of receipt.

        Rows and columns that are empty then are gone too, and so is the rest of a bar with an impossible figure. Of an
        answer that reaches far into the future nothing is believed: shifted, its rows would overwrite true ones.
        """
        times = points.times
        if not times:
            return points, []
        now_ms = to_ms(now)
        rejected: list[Rejected] = []
        if times[-1] > now_ms + _AHEAD_MS:
            points, rejected = _without_future(points, now_ms)
        odd: dict[str, list[tuple[int, str]]] = {}
        for name, values in points.columns.items():
            if self._usual(points, name, values) if len(values) == 1 else self._ordinary(points, name, values):
                continue
            if found := self._odd(points, name, values, now):
                odd[name] = found
                rejected += [_rejected(points, name, place, reason) for place, reason in found]
        return (_without(points, odd) if odd else points), rejected

    def _usual(self, points: Points, name: str, values: Column) -> bool:
        """Tell whether nothing is odd in a single figure, the usual case of what is live; learn of it."""
        value = values[0]
        if name in WITHIN:
            least, most = WITHIN[name]
            return bool(least <= value <= most) and INPUTS[name].possible(value)
        known = self._known.get((points.venue, points.asset, name))
        if known is None or known.odd is not None or not 0 < value < 1e300:
            return False
        limit = JUMP if points.step is None else _limit(points, name)
        if not 1 / limit < value / known.good < limit:
            return False
        known.good = value
        return True

    def _ordinary(self, points: Points, name: str, column: Column) -> bool:
        """Tell whether nothing is odd in a long column, at a price that does not grow with every figure; learn of it.

        A first history is millions of figures, and hardly ever one of them is odd.
        """
        if len(column) < LONG:
            return False
        values = np.asarray(column, dtype=float)
        lowest, highest = float(values.min()), float(values.max())  # NaN where any of them is
        if math.isnan(lowest) or _impossible(name, lowest) or _impossible(name, highest):
            return False
        if name in WITHIN:
            return True
        if lowest <= 0:
            return False
        key, limit = (points.venue, points.asset, name), _limit(points, name)
        known = self._known.get(key) or self._first(key, values.tolist())
        moves = values / np.concatenate(([known.good if known else values[0]], values[:-1]))
        if not ((1 / limit < moves) & (moves < limit)).all():
            return False
        self._known[key] = _Known(float(values[-1]))
        return True

    def _odd(self, points: Points, name: str, values: Column, now: datetime) -> list[tuple[int, str]]:
        """Find the places of figures that cannot be true, and learn from the others, oldest first."""
        found: list[tuple[int, str]] = []
        sound: list[tuple[int, float]] = []
        for place, value in enumerate(plain(values)):
            reason = _impossible(name, value)
            if reason:
                found.append((place, reason))
            elif value > 0:
                sound.append((place, value))
        if name in WITHIN or not sound:  # what has bounds may go from one to the other at once
            return found
        key = (points.venue, points.asset, name)
        limit = _limit(points, name)
        known = self._known.get(key) or self._first(key, [value for _, value in sound])
        before = known
        for place, value in sound:
            known, reason = _judged(known, value, limit, now)
            if reason:
                found.append((place, reason))
        if known is not None and known is not before:
            self._known[key] = known
        return found

    def _first(self, key: tuple[str, str, str], values: list[float]) -> _Known | None:
        stored = self._remembered(*key)
        if stored is not None and stored > 0:
            return _Known(stored)
        return _Known(sorted(values)[len(values) // 2]) if len(values) >= ENOUGH else None


def _without_future(points: Points, now_ms: int) -> tuple[Points, list[Rejected]]:
    """Take out rows that lie in the future; all of them, where the answer reaches far into it."""
    shifted = points.times[-1] > now_ms + _SHIFTED_MS
    late = [place for place, at in enumerate(points.times) if shifted or at > now_ms + _AHEAD_MS]
    rejected = [
        _rejected(points, name, place, _LATE if points.times[place] > now_ms + _AHEAD_MS else _SHIFTED)
        for name in points.columns
        for place in late
    ]
    return points.taken(range(len(points) - len(late))), rejected


def _without(points: Points, odd: Mapping[str, list[tuple[int, str]]]) -> Points:
    """Take out odd figures, and then the rows and columns of which nothing is left.

    A bar is one measurement: beside a price of zero, a volume of zero is no fact.
    """
    out = {name: {place for place, _ in found} for name, found in odd.items()}
    if points.step is not None:
        gone = set().union(*out.values())
        return points.taken([place for place in range(len(points)) if place not in gone])
    columns = {
        name: [math.nan if place in out[name] else value for place, value in enumerate(values)]
        if name in out
        else values
        for name, values in points.columns.items()
        if len(out.get(name, ())) < len(values)
    }
    left = [
        place
        for place in range(len(points))
        if any(place not in out.get(name, ()) and not math.isnan(values[place]) for name, values in columns.items())
    ]
    found = replace(points, columns=columns)
    return found if len(left) == len(points) else found.taken(left)


def _judged(known: _Known | None, value: float, limit: float, now: datetime) -> tuple[_Known, str | None]:
    """Compare a value with the last good one: what is known then, and the reason when it is refused."""
    if known is None or 1 / limit < value / known.good < limit:
        return _Known(value), None
    if known.odd is None or known.odd_since is None or not 1 / limit < value / known.odd < limit:
        known = _Known(known.good, value, now)
    elif now - known.odd_since >= BELIEVED:
        return _Known(value), None
    else:
        known = replace(known, odd=value)
    times = value / known.good
    return known, f"is {times:,.0f} times the last good value" if times > 1 else "is a tiny part of the last good value"


def _limit(points: Points, name: str) -> float:
    return FLOW_JUMP if points.step is not None and INPUTS[name].across == "sum" else JUMP


def _impossible(name: str, value: float) -> str | None:
    if value != value:  # noqa: PLR0124 - the plain test for NaN
        return "is no number"
    if INPUTS[name].possible(value):
        if name not in WITHIN:
            return None
        least, most = WITHIN[name]
        if least <= value <= most:
            return None
    return f"cannot be {value:g}"


def _rejected(points: Points, name: str, place: int, reason: str) -> Rejected:
    value = float(points.columns[name][place])
    return Rejected(points.venue, points.asset, name, from_ms(points.times[place]), value, reason)
