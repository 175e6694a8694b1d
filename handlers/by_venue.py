"""What each venue says now: its newest funding and open interest, and what they come to together.

Metrics look back over windows that not every venue knows; a person who asks how much is open, or what a position costs,
asks about now. Here only figures that may be called current count.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers import looking
from handlers.freshness import is_stale
from handlers.readings import named
from handlers.words import wording
from signals.inputs import EVERYWHERE
from signals.series import Coverage
from signals.units import HOURS_A_YEAR
from signals.venues import venue_order
from storage.market import points, sums

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.command import Deps
    from signals.metric import Reading

FEW = 3  # venues that are listed by name before a figure


@dataclass(frozen=True, slots=True)
class Rate:
    """A venue's current funding: a fraction per interval of so many hours."""

    venue: str
    rate: float
    hours: float

    @property
    def apr(self) -> float:
        """Return the simple yearly rate as a fraction: rate times 8760 / hours (Binance, Bybit, OKX: November 2026)."""
        return self.rate * HOURS_A_YEAR / self.hours


def rates(deps: Deps, asset: str) -> list[Rate]:
    """Return the current funding of each venue that has one, the main venue first."""
    found = []
    for venue in _venues(deps, asset, "funding_rate"):
        rate, hours = (_current(deps, asset, venue, name) for name in ("funding_rate", "funding_interval_hours"))
        if rate and hours and hours.value > 0:
            found.append(Rate(venue, rate.value, hours.value))
    return found


def weighted(deps: Deps, asset: str, every: Sequence[Rate]) -> tuple[float, tuple[str, ...]] | None:
    """Return the yearly rate weighted by open interest in dollars, and over which venues; None for fewer than two."""
    found = []
    for each in every:
        usd = _current(deps, asset, each.venue, "open_interest_usd")
        if usd and usd.value > 0:
            found.append((each, usd.value))
    if len(found) < 2:
        return None
    total = sum(usd for _, usd in found)
    return sum(each.apr * usd for each, usd in found) / total, tuple(each.venue for each, _ in found)


def open_interest(deps: Deps, asset: str) -> Reading | None:
    """Return what is open now on all venues with a current figure, as a reading with values `usd` and `coins_now`.

    None where only one venue has figures, or they are sums already, or none is current: then a metric says more.
    Its coverage is not `enough` where too little of the usual market answers for a total.
    """
    venues = _venues(deps, asset, "open_interest_usd")
    if len(venues) < 2 or EVERYWHERE in venues:
        return None
    usd, coins = {}, {}
    for venue in venues:
        dollars, amount = (_current(deps, asset, venue, f"open_interest_{unit}") for unit in ("usd", "coin"))
        if dollars and amount:
            usd[venue], coins[venue] = dollars, amount
    if not usd:
        return None
    usual = sums.usual_interest(deps.store, asset, deps.now)
    share = sums.share(usual, usd)
    left_out = {venue: "no current figure" for venue in usual if venue not in usd}
    oldest = min([*usd.values(), *coins.values()], key=lambda each: each.at)
    reading = looking.bare("oi_drawdown", asset, {"open_interest_usd": oldest})
    return replace(
        reading,
        values={
            "usd": sum(each.value for each in usd.values()),
            "coins_now": sum(each.value for each in coins.values()),
        },
        venues=tuple(usd),
        coverage=Coverage(tuple(usd), left_out, share, share is not None and share >= sums.ENOUGH),
    )


def whose(reading: Reading, above: Reading) -> str:
    """Begin a sentence with whose figures it tells, where they are of other venues than the figure above it."""
    if set(reading.venues) == set(above.venues):
        return ""
    if len(reading.venues) <= FEW:
        return f"On {wording.listing(named(reading.venues))}: "
    return f"On {len(reading.venues)} of {wording.count(len(above.venues), 'venue')}: "


def _venues(deps: Deps, asset: str, name: str) -> list[str]:
    return sorted(points.venues_of(deps.store, asset, name), key=lambda each: (venue_order(each), each))


def _current(deps: Deps, asset: str, venue: str, name: str) -> points.Newest | None:
    newest = points.newest(deps.store, asset, name, venue)
    return newest if newest and not is_stale(deps.store, asset, name, newest, deps.now) else None
