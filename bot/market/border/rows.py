"""Points without the figures that are kept out, and what is known of those."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.market.border.bounds import PRICES, Fault
from signals.units import from_ms, in_ms
from storage.market.writing import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bot.market.border.bounds import Why
    from storage.market.points import Points

AHEAD: Final = timedelta(seconds=5)  # clocks differ by this much; what lies beyond has not happened yet
SHIFTED: Final = timedelta(minutes=5)  # no clock is so wrong: then it is the answer, and its other rows are as wrong
AHEAD_MS: Final = in_ms(AHEAD)
_SHIFTED_MS: Final = in_ms(SHIFTED)
_CANDLE: Final = frozenset({*PRICES, "volume_usd", "taker_buy_usd"})


@dataclass(frozen=True, slots=True)
class Rejected:
    """One figure that was kept out, and why; `refusals.said` makes the words.

    times: what it is in multiples of what it was measured against, where that is the reason. since: from when on a
    series is in another unit.
    """

    venue: str
    asset: str
    name: str
    at: datetime
    value: float
    why: Why
    times: float = math.nan
    since: datetime | None = None


def without_future(points: Points, now_ms: int) -> tuple[Points, list[Rejected]]:
    """Take out rows that lie in the future; all of them, where the answer reaches far into it."""
    shifted = points.times[-1] > now_ms + _SHIFTED_MS
    late = [place for place, at in enumerate(points.times) if shifted or at > now_ms + AHEAD_MS]
    out = [
        rejected(points, name, Fault(place, "future" if points.times[place] > now_ms + AHEAD_MS else "shifted"))
        for name in points.columns
        for place in late
    ]
    return points.taken(range(len(points) - len(late))), out


def without(points: Points, odd: Mapping[str, Sequence[Fault]]) -> Points:
    """Take out odd figures, and then the rows and columns of which nothing is left.

    A candle is one measurement: beside a price of zero, a volume of zero is no fact. Buys that were asked for apart
    and exceed the volume are out alone.
    """
    out = {name: {fault.place for fault in faults} for name, faults in odd.items() if faults}
    if points.step is not None and (
        spoilt := set().union(*(out.get(name, ()) for name in _CANDLE - {"taker_buy_usd"}))
    ):
        out |= {name: out.get(name, set()) | spoilt for name in points.columns if name in _CANDLE}
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


def preceded(points: Points, back: Mapping[str, tuple[int, float]]) -> Points:
    """Put figures that were held before the row that confirms them."""
    first = points.times[0] if points.times else -math.inf
    earlier = sorted({at for at, _ in back.values() if at < first})
    if not earlier:
        return points
    columns = {
        name: [back[name][1] if name in back and back[name][0] == at else math.nan for at in earlier]
        + list(plain(values))
        for name, values in points.columns.items()
    }
    return replace(points, times=[*earlier, *points.times], columns=columns)


def rejected(points: Points, name: str, fault: Fault) -> Rejected:
    """Name the figure that a fault is about."""
    value = float(points.columns[name][fault.place])
    since = None if fault.since is None else from_ms(fault.since)
    at = from_ms(points.times[fault.place])
    return Rejected(points.venue, points.asset, name, at, value, fault.why, fault.times, since)


def as_switches(faults: list[Fault], sound: Sequence[tuple[int, int, float]]) -> list[Fault]:
    """Call neighbouring figures that are off by one scale a change of units, and say since when."""
    if len(faults) < 3:
        return faults
    order = {place: number for number, (place, _, _) in enumerate(sound)}
    starts: list[int] = []
    for number, fault in enumerate(faults):
        before = faults[number - 1] if number else None
        joined = (
            before is not None and before.why == fault.why == "scale" and order[fault.place] == order[before.place] + 1
        )
        starts.append(starts[-1] if joined else number)
    return [
        fault._replace(
            why="switch",
            times=10.0 ** round(math.log10(faults[start].times)),
            since=sound[order[faults[start].place]][1],
        )
        if fault.why == "scale" and starts.count(start) >= 3
        else fault
        for fault, start in zip(faults, starts, strict=True)
    ]
