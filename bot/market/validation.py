"""What never gets in: figures that cannot be true are taken out here and named, before anything is stored."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from signals.inputs import INPUTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from signals.series import Array
    from storage.market.points import Points

    Remembered = Callable[[str, str, str], float | None]

AHEAD: Final = timedelta(seconds=5)  # clocks differ by this much; what lies beyond has not happened yet
SHIFTED: Final = timedelta(minutes=5)  # no clock is so wrong: then it is the answer, and its other rows are as wrong
JUMP: Final = 100.0  # no price and no open interest moves so much between two figures; a slip of units is 1000
FLOW_JUMP: Final = 500.0  # an hour's volume does swing, a hundredfold between a dull night and a crash
BELIEVED: Final = timedelta(days=1)  # a level that holds for a day is the venue's new truth: a redenomination
LONG: Final = 16  # figures from which on arrays pay
ENOUGH: Final = 5  # a first batch of this length is its own witness
WITHIN: Final = {  # beside Input.possible: both ends are possible
    "fear_greed": (0.0, 100.0),
    "funding_rate": (-0.05, 0.05),  # per interval; the widest cap in use is Hyperliquid's 4 % an hour
    "funding_interval_hours": (0.25, 24.0),
}


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


@dataclass(frozen=True, slots=True)
class _Known:
    """The last good value of a series; and another level, if one has been claimed, since when."""

    good: float
    odd: float | None = None
    odd_since: datetime | None = None


class Border:
    """Take out what cannot be true, by itself or after the last good value of its series.

    remembered: the last value stored of (venue, asset, input), so that a restart does not forget what is usual.
    """

    def __init__(self, remembered: Remembered | None = None) -> None:
        self._known: dict[tuple[str, str, str], _Known] = {}
        self._remembered = remembered or (lambda _venue, _asset, _name: None)

    def admit(self, points: Points, now: datetime) -> tuple[Points, list[Rejected]]:
        """Return the points without impossible figures, and those figures. `now` is the time of receipt.

        Rows and columns that are empty then are gone too, and so is the rest of a bar with an impossible figure. Of an
        answer that reaches far into the future nothing is believed: shifted, its rows would overwrite true ones.
        """
        late = (points.frame.index > now + AHEAD).copy()
        if (points.frame.index > now + SHIFTED).any():
            late[:] = True
        frame, out = points.frame[~late].copy(), []
        for name in [str(column) for column in frame.columns]:
            for at, value in points.frame.loc[late, name].items():
                out.append(
                    _rejected(points, name, at, value, _LATE if cast("datetime", at) > now + AHEAD else _SHIFTED)
                )
            values = frame[name].to_numpy(copy=True)
            if self._ordinary(points, name, values):
                continue
            for place, reason in self._odd(points, name, values.tolist(), now):
                out.append(_rejected(points, name, frame.index[place], values[place], reason))
                values[place] = math.nan
            frame[name] = values
        if points.step is not None:  # a bar is one measurement: beside a price of zero, a volume of zero is no fact
            frame = frame.drop(index=[each.at for each in out if each.at in frame.index])
        return replace(points, frame=frame.dropna(how="all").dropna(how="all", axis="columns")), out

    def _ordinary(self, points: Points, name: str, values: Array) -> bool:
        """Tell whether nothing is odd in a long column, at a price that does not grow with every figure; learn of it.

        A first history is millions of figures, and hardly ever one of them is odd.
        """
        if len(values) < LONG or np.isnan(values).any():
            return False
        lowest, highest = float(values.min()), float(values.max())
        if _impossible(name, lowest) or _impossible(name, highest):
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

    def _odd(self, points: Points, name: str, values: list[float], now: datetime) -> list[tuple[int, str]]:
        """Find the places of figures that cannot be true, and learn from the others, oldest first."""
        found: list[tuple[int, str]] = []
        sound: list[tuple[int, float]] = []
        for place, value in enumerate(values):
            reason = _impossible(name, value)
            if reason:
                found.append((place, reason))
            elif value > 0:
                sound.append((place, value))
        if name in WITHIN:  # what has bounds may go from one to the other at once
            return found
        key = (points.venue, points.asset, name)
        limit = _limit(points, name)
        known = self._known.get(key) or self._first(key, [value for _, value in sound])
        for place, value in sound:
            known, reason = _judged(known, value, limit, now)
            if reason:
                found.append((place, reason))
        if known is not None:
            self._known[key] = known
        return found

    def _first(self, key: tuple[str, str, str], values: list[float]) -> _Known | None:
        stored = self._remembered(*key)
        if stored is not None and stored > 0:
            return _Known(stored)
        return _Known(sorted(values)[len(values) // 2]) if len(values) >= ENOUGH else None


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
    if math.isnan(value):
        return "is no number"
    least, most = WITHIN.get(name, (-math.inf, math.inf))
    return None if INPUTS[name].possible(value) and least <= value <= most else f"cannot be {value:g}"


def _rejected(points: Points, name: str, at: Any, value: float, reason: str) -> Rejected:
    return Rejected(points.venue, points.asset, name, at.to_pydatetime(), float(value), reason)
