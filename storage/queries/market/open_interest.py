"""How much is open: in total, by venue, and what became of it. Only figures that may be called current are summed.

Metrics look back over windows that not every venue knows; a person who asks how much is open asks about now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from signals.inputs import EVERYWHERE
from signals.metric import metrics
from signals.series import Coverage
from signals.units import DAY, HOUR, MINUTE
from signals.venues import venue_order
from storage.market import points
from storage.panels import sums
from storage.queries.freshness import Stamp, current, of_daily_data, stamp_of
from storage.queries.market import known_at, readings
from storage.queries.market.readings import Lack, Reading, Readings

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime, timedelta

    from signals.series import Absence
    from storage.engine.database import Store

PEAK, AVERAGE, LAST_DAY, EXTREMES = "oi_drawdown", "oi_vs_ma180", "oi_zscore", "oi_extremes"
_USD, _COIN = "open_interest_usd", "open_interest_coin"
SPANS: Final = (HOUR, DAY, 7 * DAY)
# How far before its time a figure may lie and still speak for it: what is published each five minutes, and what is kept
# an hour apart once it is older than some days.
_SLACK: Final = {HOUR: 11 * MINUTE, DAY: 2 * HOUR}
_MOST: Final = 0.8  # of what is open now must be known then too, or the change is another market's


@dataclass(frozen=True, slots=True)
class AtVenue:
    """The newest open interest of one venue in USD, and its time."""

    venue: str
    usd: float
    at: datetime


@dataclass(frozen=True, slots=True)
class OpenInterestTotal:
    """What is open now on all venues with a current figure. Its coverage is not `enough` where that is no total."""

    usd: float
    coins: float
    stamp: Stamp
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Change:
    """What became of open interest over a span: fractions in dollars and in coins, None where not known."""

    over: timedelta
    usd: float | None
    coins: float | None


@dataclass(frozen=True, slots=True)
class OpenInterest:
    """Open interest of an asset.

    usd, coins: what is open now, None where not known. lacking: how little of the market answers where that is too
    little for a total; then `usd` and `coins` are not known, and each venue stands for itself. by_venue: the newest of
    each, the main one first. changes: over 1 h, 24 h and 7 d, to `usd` and `coins`. summed: these two are a sum over
    current figures, not the last row of a metric. extremes: how large it is against two years, None where not known.
    """

    asset: str
    usd: float | None
    coins: float | None
    by_venue: tuple[AtVenue, ...]
    readings: Readings
    stamp: Stamp
    lacking: Coverage | None = None
    summed: bool = False
    changes: tuple[Change, ...] = ()
    extremes: Reading | None = None


def read(store: Store, asset: str, now: datetime) -> OpenInterest | None:
    """Read what is open and what became of it; None where nothing is stored."""
    found = readings.of(store, asset, (PEAK, AVERAGE, LAST_DAY), now)
    if found.nothing:
        return None
    ranked = readings.read(store, metrics()[EXTREMES], asset, now)
    return replace(_open_now(store, asset, found, now), extremes=ranked if isinstance(ranked, Reading) else None)


def _open_now(store: Store, asset: str, found: Readings, now: datetime) -> OpenInterest:
    by_venue = tuple(
        AtVenue(venue, point.value, point.at)
        for venue in venues_of(store, asset, _USD)
        if (point := points.newest(store, asset, _USD, venue))
    )
    now_open = total(store, asset, now)
    peak = found.lacking(PEAK)
    lacking = None
    if now_open and not now_open.coverage.enough:
        lacking = now_open.coverage
    elif not now_open and not found.known and peak and peak.lack is Lack.TOO_LITTLE:
        lacking = peak.coverage
    if lacking is not None:
        oldest = min(by_venue, key=lambda one: one.at)
        point = points.Newest(oldest.at, oldest.usd, oldest.venue)
        stamp = stamp_of(store, asset, {_USD: point}, now, daily=_daily(store, asset))
        stamp = replace(stamp, venues=tuple(one.venue for one in by_venue))
        return OpenInterest(asset, None, None, by_venue, found, stamp, lacking)
    if now_open:
        past = changes(store, asset, now_open.stamp.venues, now)
        return OpenInterest(
            asset, now_open.usd, now_open.coins, by_venue, found, now_open.stamp, summed=True, changes=past
        )
    if found.known:
        row = found.known[0]
        past = changes(store, asset, row.stamp.venues, min(now, row.at))
        return OpenInterest(asset, row.get("usd"), row.get("coins_now"), by_venue, found, row.stamp, changes=past)
    # Too little is known for any metric: the newest figures themselves.
    newest = {name: point for name in (_USD, _COIN) if (point := points.newest(store, asset, name))}
    usd, coins = (newest[name].value if name in newest else None for name in (_USD, _COIN))
    stamp = stamp_of(store, asset, newest, now, daily=_daily(store, asset))
    return OpenInterest(asset, usd, coins, by_venue, found, stamp)


def total(store: Store, asset: str, now: datetime) -> OpenInterestTotal | None:
    """Sum what is open now over the venues with a current figure.

    None where only one venue has figures, or they are sums already, or none is current: then a metric says more.
    """
    venues = venues_of(store, asset, _USD)
    if len(venues) < 2 or EVERYWHERE in venues:
        return None
    usd, coins = {}, {}
    for venue in venues:
        dollars, amount = (current(store, asset, venue, name, now) for name in (_USD, _COIN))
        if dollars and amount:
            usd[venue], coins[venue] = dollars, amount
    if not usd:
        return None
    usual = sums.usual_interest(store, asset, now)
    share = sums.share(usual, usd)
    left_out: dict[str, Absence] = {venue: "silent" for venue in usual if venue not in usd}
    coverage = Coverage(tuple(usd), left_out, share, share is not None and share >= sums.ENOUGH)
    oldest = min([*usd.values(), *coins.values()], key=lambda point: point.at)
    stamp = stamp_of(store, asset, {_USD: oldest}, now, daily=_daily(store, asset))
    return OpenInterestTotal(
        sum(point.value for point in usd.values()),
        sum(point.value for point in coins.values()),
        replace(stamp, venues=tuple(usd), coverage=coverage),
        coverage,
    )


def changes(store: Store, asset: str, venues: Collection[str], end: datetime) -> tuple[Change, ...]:
    """Return what became of open interest over 1 h, 24 h and 7 d, on the venues that are known at both ends.

    Venues that begin in between are left out, so that a new one is no rise. A change is not known where those that are
    left hold less than four fifths of what is open at the end.
    """
    end, last = _last(store, asset, venues, end)
    return tuple(_change(store, asset, last, end - span, span, _slack(span)) for span in SPANS)


def change_over(store: Store, asset: str, venues: Collection[str], end: datetime, over: timedelta) -> Change:
    """Return what became of open interest over one span; of 1 h, 24 h and 7 d it is that of `changes`."""
    end, last = _last(store, asset, venues, end)
    return _change(store, asset, last, end - over, over, _slack(over))


def change_between(store: Store, asset: str, start: datetime, end: datetime) -> Change:
    """Return what became of open interest between two times, as /oi tells it: over the venues of the total then."""
    whole = total(store, asset, end)
    if whole and not whole.coverage.enough:
        return Change(end - start, None, None)
    every = venues_of(store, asset, _USD)
    every = [venue for venue in every if venue != EVERYWHERE] or every  # the sum of the others
    return change_over(store, asset, whole.stamp.venues if whole else every, end, end - start)


def _last(store: Store, asset: str, venues: Collection[str], end: datetime) -> tuple[datetime, _Ends]:
    """Return the time of the newest figure and the figures of it; daily ones bear the time at which their day began."""
    newest = [point.at for venue in venues if (point := known_at.newest_by(store, asset, _USD, end, venue))]
    end = max(newest, default=end)
    return end, _ends(store, asset, venues, end, DAY)


def _slack(over: timedelta) -> timedelta:
    """Return how far before its time the first figure may lie: an eighth of the span, within the bounds of _SLACK."""
    return max(_SLACK[HOUR], min(_SLACK[DAY], over / 8))


_Ends: TypeAlias = "dict[str, list[float | None]]"


def _ends(store: Store, asset: str, venues: Collection[str], at: datetime, slack: timedelta) -> _Ends:
    return {venue: [_at(store, asset, name, venue, at, slack) for name in (_USD, _COIN)] for venue in venues}


def _change(store: Store, asset: str, last: _Ends, start: datetime, over: timedelta, slack: timedelta) -> Change:
    whole = sum(usd for usd, _ in last.values() if usd)
    then = _ends(store, asset, last, start, slack)
    usd, coins = (_came(last, then, place, whole) for place in (0, 1))
    return Change(over, usd, coins)


def _came(
    last: Mapping[str, list[float | None]], then: Mapping[str, list[float | None]], place: int, whole: float
) -> float | None:
    """Return how far the sum came, over the venues whose figure in this place is known at both ends."""
    venues = [venue for venue, ends in last.items() if ends[0] and ends[place] and then[venue][place]]
    told, after, before = (
        sum(of[venue][what] or 0.0 for venue in venues) for of, what in ((last, 0), (last, place), (then, place))
    )
    return after / before - 1 if venues and told >= _MOST * whole else None


def _at(store: Store, asset: str, name: str, venue: str, at: datetime, slack: timedelta) -> float | None:
    point = known_at.newest_by(store, asset, name, at, venue)
    return point.value if point and point.at >= at - slack and point.value > 0 else None


def venues_of(store: Store, asset: str, name: str) -> list[str]:
    """Return the venues that have any value of an input, the main one first."""
    return sorted(points.venues_of(store, asset, name), key=lambda venue: (venue_order(venue), venue))


def _daily(store: Store, asset: str) -> bool:
    return of_daily_data(store, asset, readings.newest_inputs(store, metrics()[PEAK], asset))
