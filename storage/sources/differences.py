"""Where the archive differs from what had come live: by asset, input and file, for /status and the log.

The archive's figures are kept. A difference is told because it shows what no checksum does: another clock, another
unit, or rows that the venue corrected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.inputs import BARS, INPUTS, LEVELS
from signals.units import from_ms, to_ms
from storage.engine.sql import queries
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.engine.database import Store
    from storage.market.points import Points

SQL: Final = queries("storage.sources")
TOLD: Final = 0.005  # of the value that was stored
_ROUNDED: Final = {"funding_rate": 1e-8}  # near zero a rate's last digit would be a large part of it


@dataclass(frozen=True, slots=True)
class Difference:
    """Of `compared` values of one input stored before under the same times, so many differ by more than TOLD.

    at: when the file begins. largest: the largest difference, as a part of the stored value. times: how many times what
    was stored each new value is, of those above zero; empty for a difference that was read back.
    """

    asset: str
    venue: str
    name: str
    at: datetime
    compared: int
    differing: int
    largest: float
    times: tuple[float, ...] = ()


def compare(store: Store, new: Points, at: datetime) -> list[Difference]:
    """Compare points with the values they are about to replace; an input of which none is stored is left out."""
    known = LEVELS if new.step is None else BARS
    names = [name for name in new.columns if name in known]
    if not names or not len(new):
        return []
    first, last = from_ms(new.times[0]), from_ms(new.times[-1] + 1)
    times, _, values = points.columns(store, new.asset, new.venue, names, start=first, end=last, step=new.step)
    found = []
    for name in names:
        before = {time: value for time, value in zip(times, values[name], strict=True) if value is not None}
        parts = _parts(new, name, before, _ROUNDED.get(name, 0.0))
        if parts:
            differing = sum(part > TOLD for part in parts)
            ratios = _times(new, name, before)
            found.append(Difference(new.asset, new.venue, name, at, len(parts), differing, max(parts), ratios))
    return found


def _parts(new: Points, name: str, before: dict[int, float], rounded: float) -> list[float]:
    parts = []
    for at, value in zip(new.times, new.columns[name], strict=True):
        stored = before.get(at)
        if stored is not None and not math.isnan(value):
            off = abs(value - stored)
            parts.append(0.0 if off <= rounded else off / abs(stored) if stored else 1.0)
    return parts


def _times(new: Points, name: str, before: dict[int, float]) -> tuple[float, ...]:
    pairs = ((value, before.get(at, 0.0)) for at, value in zip(new.times, new.columns[name], strict=True))
    return tuple(float(value) / stored for value, stored in pairs if stored > 0 and value > 0)


def note(store: Store, found: Iterable[Difference]) -> None:
    """Keep what differs, in the place of what was known of the same file; agreement is not kept."""
    with store.write() as work:
        for one in sorted(found, key=lambda difference: (difference.asset, difference.venue, difference.name)):
            key = {"asset": one.asset, "venue": one.venue, "input": one.name, "at": to_ms(one.at)}
            if one.differing:
                work.run(
                    SQL.keep_difference, **key, compared=one.compared, differing=one.differing, largest=one.largest
                )
            else:
                work.run(SQL.drop_difference, **key)


def of(store: Store, asset: str, *, since: datetime) -> list[Difference]:
    """Return what differs in files that begin at `since` or later, the newest first."""
    return [
        Difference(asset, venue, name, from_ms(at), compared, differing, largest)
        for venue, name, at, compared, differing, largest in store.read_plain(
            SQL.differences, asset=asset, since=to_ms(since)
        )
        if name in INPUTS
    ]
