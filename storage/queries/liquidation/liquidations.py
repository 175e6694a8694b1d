"""Liquidations of an asset by venue and side, with how much of the time was heard.

A venue's hour is a bar where it was heard whole, else what the stream heard of it. Nothing is filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from signals.inputs import EVERYWHERE, is_floor
from signals.units import DAY, HOUR, floor, from_ms
from storage.market import liquidations, points
from storage.sources import source_state

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.engine.database import Store

SILENT: Final = timedelta(seconds=60)  # a stream that has not been heard for so long is not live
NAMES: Final = ("liquidated_longs_usd", "liquidated_shorts_usd")
_OLDEST: Final = timedelta(days=10)  # a daily figure older than this answers no question about now


@dataclass(frozen=True, slots=True)
class Sums:
    """Both sides in USD, and how long was heard of the time that they are of."""

    longs: float = 0.0
    shorts: float = 0.0
    heard: timedelta = timedelta(0)

    @property
    def both(self) -> float:
        """Both sides together."""
        return self.longs + self.shorts

    def __add__(self, other: Sums) -> Sums:
        return Sums(self.longs + other.longs, self.shorts + other.shorts, self.heard + other.heard)


@dataclass(frozen=True, slots=True)
class VenueLiquidations:
    """What is known from one venue.

    day: the 24 hours up to the last full hour; hour: the last of them; running: since then. since: from when on it is
    known at all. newest: the exchange's time of the newest it said. floor: its feed does not tell of every liquidation.
    """

    venue: str
    day: Sums
    hour: Sums
    running: Sums
    since: datetime
    newest: datetime
    floor: bool

    @property
    def at_least(self) -> bool:
        """Tell whether the sum of the day is a floor: the feed is sampled, or a part of the day was not heard."""
        return self.floor or self.day.heard < DAY


@dataclass(frozen=True, slots=True)
class ImportedDay:
    """One imported day of a venue, from `at` on. floor: as in VenueLiquidations."""

    venue: str
    at: datetime
    sums: Sums
    floor: bool


@dataclass(frozen=True, slots=True)
class ImpossibleTotal:
    """A venue whose sum of 24 hours cannot be true: it is more than its open interest, both in USD."""

    venue: str
    usd: float
    open_interest_usd: float


@dataclass(frozen=True, slots=True)
class Liquidations:
    """What is known of an asset at a time. end: the last full hour."""

    now: datetime
    end: datetime
    venues: tuple[VenueLiquidations, ...] = ()
    days: tuple[ImportedDay, ...] = ()
    rejected: tuple[ImpossibleTotal, ...] = ()

    @property
    def nothing(self) -> bool:
        """Tell whether nothing at all is stored."""
        return not (self.venues or self.days or self.rejected)

    @property
    def day(self) -> Sums:
        """Return the sum over venues of the 24 hours up to the last full hour."""
        return sum((heard.day for heard in self.venues), Sums())

    @property
    def hour(self) -> Sums:
        """Return the sum over venues of the last full hour."""
        return sum((heard.hour for heard in self.venues), Sums())

    @property
    def running(self) -> Sums:
        """Return the sum over venues since the last full hour."""
        return sum((heard.running for heard in self.venues), Sums())

    def learning(self, heard: VenueLiquidations) -> bool:
        """Tell whether a venue's stream is younger than the day that is asked about."""
        return heard.since > self.end - DAY

    def silent(self, heard: VenueLiquidations) -> bool:
        """Tell whether a venue's stream has not been heard for too long to be called live."""
        return self.now - heard.newest > SILENT


def read(store: Store, asset: str, now: datetime) -> Liquidations:
    """Read what is stored. A venue whose day is more than its open interest is left out and named: A14."""
    end = floor(now, HOUR)
    if not store.exists:
        return Liquidations(now, end)
    hours = hours_of(store, asset, end - DAY, now)
    if len(hours) > 1:
        hours.pop(EVERYWHERE, None)  # the sum of the others, it must not be counted beside them
    last_heard = {health.source.removesuffix(" liquidations"): health.last_good for health in source_state.load(store)}
    kept, rejected = [], []
    for venue, found in sorted(hours.items()):
        heard = VenueLiquidations(
            venue,
            sum((sums for at, sums in found.items() if at < end), Sums()),
            found.get(end - HOUR, Sums()),
            found.get(end, Sums()),
            min(found),
            last_heard.get(venue) or max(at + sums.heard for at, sums in found.items()),
            is_floor(NAMES[0], venue),
        )
        limit = _open_interest(store, asset, venue, end - 2 * DAY)
        if limit is not None and heard.day.both > limit:
            rejected.append(ImpossibleTotal(venue, heard.day.both, limit))
        else:
            kept.append(heard)
    return Liquidations(now, end, tuple(kept), tuple(_days(store, asset, set(hours), now)), tuple(rejected))


def _open_interest(store: Store, asset: str, venue: str, since: datetime) -> float | None:
    of_venue = liquidations.most_open_interest(store, asset, since=since, venue=venue)
    return of_venue or liquidations.most_open_interest(store, asset, since=since)


def hours_of(store: Store, asset: str, start: datetime, now: datetime) -> dict[str, dict[datetime, Sums]]:
    """Read hours from `start` on by venue: those that a stream heard, and over them the bars, which are whole."""
    found: dict[str, dict[datetime, Sums]] = {}
    for hour in liquidations.load(store, since=start, asset=asset):
        if hour.at <= now and (hour.covered or hour.longs_usd or hour.shorts_usd):
            found.setdefault(hour.venue, {})[hour.at] = Sums(hour.longs_usd, hour.shorts_usd, hour.covered)
    for venue in {series.venue for name in NAMES for series in points.stored(store, asset, name)}:
        for at, sums in bars_of(store, asset, venue, HOUR, start, now):
            found.setdefault(venue, {})[at] = sums
    return found


def bars_of(
    store: Store, asset: str, venue: str, step: timedelta, start: datetime, now: datetime
) -> Iterable[tuple[datetime, Sums]]:
    """Yield a venue's bars of one length that opened from `start` on and have closed, each with its open."""
    end = now - step + SILENT
    times, _, columns = points.columns(store, asset, venue, NAMES, start=start, end=end, step=step)
    for at, longs, shorts in zip(times, *(columns[name] for name in NAMES), strict=True):
        if longs is not None and shorts is not None:
            yield from_ms(at), Sums(longs, shorts, step)


def _days(store: Store, asset: str, hourly: set[str], now: datetime) -> Iterable[ImportedDay]:
    """Return the newest day of each venue that is stored by days alone."""
    for venue in sorted({series.venue for series in points.stored(store, asset, NAMES[0])} - hourly):
        days = list(bars_of(store, asset, venue, DAY, now - _OLDEST, now))
        if days:
            yield ImportedDay(venue, *days[-1], is_floor(NAMES[0], venue))
