"""Liquidations of an asset as they are stored: by venue and side, with how much of the time was heard.

A venue's hour is a bar where it was heard whole, else what the stream heard of it. Nothing is filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from signals.inputs import EVERYWHERE, is_floor
from signals.units import from_ms
from storage.market import liquidations, points, source_state

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.engine.database import Store

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
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
class Heard:
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
class Daily:
    """One imported day of a venue, from `at` on."""

    venue: str
    at: datetime
    sums: Sums


@dataclass(frozen=True, slots=True)
class Liquidated:
    """What is known of an asset. end: the last full hour. rejected: venues whose sums cannot be true, and why."""

    end: datetime
    venues: tuple[Heard, ...]
    daily: tuple[Daily, ...]
    rejected: tuple[tuple[str, float, float], ...]  # venue, USD in 24 hours, open interest in USD


def liquidated(store: Store, asset: str, now: datetime) -> Liquidated:
    """Read what is stored. A venue whose day is more than its open interest is left out and named: A14."""
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = _hours(store, asset, end - DAY, now)
    if len(hours) > 1:
        hours.pop(EVERYWHERE, None)  # the sum of the others, it must not be counted beside them
    last_heard = {each.source.removesuffix(" liquidations"): each.last_good for each in source_state.load(store)}
    kept, rejected = [], []
    for venue, found in sorted(hours.items()):
        day = sum((sums for at, sums in found.items() if at < end), Sums())
        one = Heard(
            venue,
            day,
            found.get(end - HOUR, Sums()),
            found.get(end, Sums()),
            min(found),
            last_heard.get(venue) or max(at + sums.heard for at, sums in found.items()),
            is_floor(NAMES[0], venue),
        )
        limit = _open_interest(store, asset, venue, end - 2 * DAY)
        if limit is not None and day.both > limit:
            rejected.append((venue, day.both, limit))
        else:
            kept.append(one)
    return Liquidated(end, tuple(kept), tuple(_daily(store, asset, set(hours), now)), tuple(rejected))


def _open_interest(store: Store, asset: str, venue: str, since: datetime) -> float | None:
    of_venue = liquidations.most_open_interest(store, asset, since=since, venue=venue)
    return of_venue or liquidations.most_open_interest(store, asset, since=since)


def _hours(store: Store, asset: str, start: datetime, now: datetime) -> dict[str, dict[datetime, Sums]]:
    """Read hours from `start` on by venue: those that a stream heard, and over them the bars, which are whole."""
    found: dict[str, dict[datetime, Sums]] = {}
    for each in liquidations.load(store, since=start, asset=asset):
        if each.at <= now and (each.covered or each.longs_usd or each.shorts_usd):
            found.setdefault(each.venue, {})[each.at] = Sums(each.longs_usd, each.shorts_usd, each.covered)
    for venue in {each.venue for name in NAMES for each in points.stored(store, asset, name)}:
        for at, sums in _bars(store, asset, venue, HOUR, start, now):
            found.setdefault(venue, {})[at] = sums
    return found


def _bars(
    store: Store, asset: str, venue: str, step: timedelta, start: datetime, now: datetime
) -> Iterable[tuple[datetime, Sums]]:
    times, steps, columns = points.columns(store, asset, venue, NAMES, start=start, end=now - step + SILENT)
    for at, seconds, longs, shorts in zip(times, steps, *(columns[name] for name in NAMES), strict=True):
        if seconds == step.total_seconds() and longs is not None and shorts is not None:
            yield from_ms(at), Sums(longs, shorts, step)


def _daily(store: Store, asset: str, hourly: set[str], now: datetime) -> Iterable[Daily]:
    """Return the newest day of each venue that is stored by days alone."""
    for venue in sorted({each.venue for each in points.stored(store, asset, NAMES[0])} - hourly):
        days = list(_bars(store, asset, venue, DAY, now - _OLDEST, now))
        if days:
            yield Daily(venue, *days[-1])
