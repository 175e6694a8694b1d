"""How much is open: in total, by venue, and what became of it. Only figures that may be called current are summed.

Metrics look back over windows that not every venue knows; a person who asks how much is open asks about now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from signals.inputs import EVERYWHERE
from signals.metric import metrics
from signals.series import Coverage
from signals.venues import venue_order
from storage.market import points
from storage.panels import sums
from storage.queries.freshness import Stamp, current, of_daily_data, stamp_of
from storage.queries.market import readings
from storage.queries.market.readings import Lack, Readings

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store

PEAK, AVERAGE, LAST_DAY = "oi_drawdown", "oi_vs_ma180", "oi_zscore"
_USD, _COIN = "open_interest_usd", "open_interest_coin"


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
class OpenInterest:
    """Open interest of an asset.

    usd, coins: what is open now, None where not known. lacking: how little of the market answers where that is too
    little for a total; then `usd` and `coins` are not known, and each venue stands for itself. by_venue: the newest of
    each, the main one first. summed: `usd` and `coins` are a sum over current figures, not the last row of a metric.
    """

    asset: str
    usd: float | None
    coins: float | None
    by_venue: tuple[AtVenue, ...]
    readings: Readings
    stamp: Stamp
    lacking: Coverage | None = None
    summed: bool = False


def read(store: Store, asset: str, now: datetime) -> OpenInterest | None:
    """Read what is open and what became of it; None where nothing is stored."""
    found = readings.of(store, asset, (PEAK, AVERAGE, LAST_DAY), now)
    if found.nothing:
        return None
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
        return OpenInterest(asset, now_open.usd, now_open.coins, by_venue, found, now_open.stamp, summed=True)
    if found.known:
        row = found.known[0]
        return OpenInterest(asset, row.get("usd"), row.get("coins_now"), by_venue, found, row.stamp)
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
    left_out = {venue: "no current figure" for venue in usual if venue not in usd}
    coverage = Coverage(tuple(usd), left_out, share, share is not None and share >= sums.ENOUGH)
    oldest = min([*usd.values(), *coins.values()], key=lambda point: point.at)
    stamp = stamp_of(store, asset, {_USD: oldest}, now, daily=_daily(store, asset))
    return OpenInterestTotal(
        sum(point.value for point in usd.values()),
        sum(point.value for point in coins.values()),
        replace(stamp, venues=tuple(usd), coverage=coverage),
        coverage,
    )


def venues_of(store: Store, asset: str, name: str) -> list[str]:
    """Return the venues that have any value of an input, the main one first."""
    return sorted(points.venues_of(store, asset, name), key=lambda venue: (venue_order(venue), venue))


def _daily(store: Store, asset: str) -> bool:
    return of_daily_data(store, asset, readings.newest_inputs(store, metrics()[PEAK], asset))
