"""How old a figure may be before it is no longer called current, and what must be said with it.

Old is measured by how often a figure comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING, Final

from signals.inputs import INPUTS, is_floor, stored_under
from signals.units import DAY, HOUR, SECOND
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from signals.series import Coverage
    from storage.engine.database import Store
    from storage.market.points import Newest

GRACE: Final = 2 * HOUR  # how late a figure may be that comes a few times a day or once
_LOOKED_AT: Final = 3 * DAY  # that far back the distance of points is measured
_MOST: Final = 64  # points tell how far apart they lie; three days of minutes are sixty times as many to read


@dataclass(frozen=True, slots=True)
class Stamp:
    """What must be said with a figure.

    venues: where it comes from. oldest: time of the oldest input it rests on, None where it rests on none. stale: time
    of the oldest input that is too old to be called current, None where all are current. daily: it rests on daily data
    though finer data would be read. derived: inputs that were computed from others. floor: it rests on liquidations of
    a venue that does not tell of all. coverage: how much of the market it is, where several venues have open interest.
    window: how far back it looks; zero for what is known now.
    """

    venues: tuple[str, ...]
    oldest: datetime | None
    stale: datetime | None = None
    daily: bool = False
    derived: tuple[str, ...] = ()
    floor: bool = False
    coverage: Coverage | None = None
    window: timedelta = timedelta(0)


def stamp_of(store: Store, asset: str, found: Mapping[str, Newest], now: datetime, *, daily: bool = False) -> Stamp:
    """Return the stamp of newest points, by the input that each is of. ValueError without any."""
    newest = {name: points.newest(store, asset, name) for name in found}
    venues = tuple(dict.fromkeys(point.venue for point in found.values()))
    return Stamp(
        venues,
        min(point.at for point in found.values()),
        oldest_stale(store, asset, {name: point for name, point in newest.items() if point}, now),
        daily,
        floor=any_floor(found, venues),
    )


def oldest_stale(store: Store, asset: str, newest: Mapping[str, Newest], now: datetime) -> datetime | None:
    """Return the time of the oldest input that is too old to be called current; None where all are current."""
    old = [point.at for name, point in newest.items() if is_stale(store, asset, name, point, now)]
    return min(old, default=None)


def any_floor(names: Mapping[str, object], venues: tuple[str, ...]) -> bool:
    """Tell whether inputs of these venues are liquidations of which some are not told."""
    return any(is_floor(name, venue) for name in names for venue in venues)


def of_daily_data(store: Store, asset: str, newest: Mapping[str, Newest]) -> bool:
    """Tell whether any input comes no more often than once a day."""
    gaps = [usual_gap(store, asset, name, point) for name, point in newest.items()]
    return any(gap is not None and gap > DAY - GRACE for gap in gaps)


def is_stale(store: Store, asset: str, name: str, newest: Newest, now: datetime) -> bool:
    """Tell whether the newest point of an input is too old to be called current.

    What comes in at least every two hours is measured by the input's own limit; what comes more rarely, as imported
    history mostly does, may be as old as its usual interval (a day at most) and two hours.
    """
    measured, age = INPUTS[name], now - newest.at
    if age <= measured.fresh_for:
        return False
    gap = usual_gap(store, asset, name, newest)
    if gap is None:
        return age > measured.in_force
    return gap <= GRACE or age > min(gap, DAY) + GRACE


def usual_gap(store: Store, asset: str, name: str, newest: Newest) -> timedelta | None:
    """Return how far apart the newest points lie: the length of the bars, or the median; None for a single point."""
    asset = stored_under(name, asset)
    start, end = newest.at - _LOOKED_AT, newest.at + SECOND
    if INPUTS[name].kind == "bar":
        _, steps, columns = points.columns(store, asset, newest.venue, [name], start=start, end=end)
        known = [step for step, value in zip(steps, columns[name], strict=True) if value is not None]
        return timedelta(seconds=min(known)) if known else None
    times = points.last_times(store, asset, newest.venue, name, start=start, end=end, most=_MOST)
    gaps = [later - earlier for later, earlier in pairwise(times)]
    return timedelta(milliseconds=median(gaps)) if gaps else None


def current(store: Store, asset: str, venue: str, name: str, now: datetime) -> Newest | None:
    """Return a venue's newest point of an input where it may be called current, else None."""
    newest = points.newest(store, asset, name, venue)
    return newest if newest and not is_stale(store, asset, name, newest, now) else None
