"""What a position pays for being held: as each venue states it, as a yearly rate, and against its own past year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from signals.units import DAY, HOUR, HOURS_A_YEAR, MINUTE, from_ms, next_settlement, to_ms
from storage.market import points, settlements
from storage.queries.freshness import current
from storage.queries.market import readings
from storage.queries.market.open_interest import venues_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.engine.database import Store
    from storage.queries.market.readings import Reading, Readings

RATE, YEAR = "funding_apr", "funding_stretch"
RateState = Literal["paid", "due", "next"]
_LATE: Final = 5 * MINUTE  # venues stamp a payment some seconds beside its hour


@dataclass(frozen=True, slots=True)
class Rate:
    """A current rate: a fraction per interval of so many hours, told at a time.

    settled: it was paid at `at`, and the next one is paid at `due`; else it is the one that is paid at `due`, which is
    past where the venue has not told since what was paid then.
    """

    venue: str
    rate: float
    hours: float
    due: datetime
    at: datetime
    settled: bool = False

    @property
    def apr(self) -> float:
        """Return the simple yearly rate as a fraction: rate times 8760 / hours (Binance, Bybit, OKX: November 2026)."""
        return self.rate * HOURS_A_YEAR / self.hours

    def state(self, now: datetime) -> RateState:
        """Tell whether it was paid, is paid next, or was due and what was paid then is not told yet."""
        return "paid" if self.settled else "due" if self.due <= now else "next"


@dataclass(frozen=True, slots=True)
class Paid:
    """The last settlement: the simple yearly rate (a fraction) and its time.

    heading: the rate that is told now was announced after it and is paid next; else it is this one. untold: the time of
    a payment after it that is past and that the venue has not told yet, None where there is none.
    """

    apr: float
    at: datetime
    heading: bool
    untold: datetime | None = None


@dataclass(frozen=True, slots=True)
class Weighted:
    """The yearly rate (a fraction) weighted by open interest in dollars, and over which venues."""

    apr: float
    venues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Funding:
    """Funding of an asset.

    main: the reading that speaks for all, None where there is none. rate: a fraction per interval of `hours`; apr: the
    simple yearly rate as a fraction; both zero without `main`. due: when it is paid next, None where the rate is too
    old to say. percentile: share of its past year at or below it, of `days` known days; None while it learns. paid:
    what the same venue settled last, None where no settlement is stored.
    """

    asset: str
    readings: Readings
    main: Reading | None
    rate: float
    hours: float
    apr: float
    due: datetime | None
    percentile: float | None
    days: float | None
    by_venue: tuple[Rate, ...]
    weighted: Weighted | None
    paid: Paid | None

    def long_pays_a_day(self, usd: float) -> float:
        """Return what a long of this size in USD pays a day at this rate; negative: receives."""
        return self.apr / 365 * usd


def read(store: Store, asset: str, now: datetime) -> Funding:
    """Read the rate of now, its past year and what every venue asks."""
    found = readings.of(store, asset, (RATE, YEAR), now)
    year = found.get(YEAR)
    main = found.get(RATE) or year
    rate, hours, apr = (main.get(name) or 0.0 if main else 0.0 for name in ("rate", "interval_hours", "value"))
    every = rates(store, asset, now)
    due = None if main is None or main.stamp.stale or hours <= 0 else next_settlement(now, hours)
    if due and (own := next((one for one in every if main and one.venue in main.stamp.venues), None)):
        due = own.due
    return Funding(
        asset,
        found,
        main,
        rate,
        hours,
        apr,
        due,
        year.get("pct") if year else None,
        year.seen / DAY if year else None,
        every,
        weighted(store, asset, every, now),
        paid(store, asset, main, now) if main else None,
    )


def paid(store: Store, asset: str, main: Reading, now: datetime) -> Paid | None:
    """Return what was settled last at the venue whose rate is told; None where nothing was."""
    venue = main.stamp.venues[0] if main.stamp.venues else ""
    return paid_at(store, asset, venue, main.get("interval_hours"), now)


def paid_at(store: Store, asset: str, venue: str, hours: float | None, now: datetime) -> Paid | None:
    """Return what a venue settled last; hours: its interval now, where none was settled with the rate."""
    name = "funding_rate"
    times = settlements.last_times(store, asset, venue, name, start=0, end=to_ms(now), most=1)
    newest = points.newest(store, asset, name, venue)
    if not times or newest is None:
        return None
    rate, interval = (settlements.value_at(store, asset, venue, of, times[0]) for of in settlements.RATES)
    if rate is None or not (interval := interval or hours):
        return None
    at, every = from_ms(times[0]), hours or interval
    last = next_settlement(now, every) - every * HOUR
    return Paid(
        rate * HOURS_A_YEAR / interval,
        at,
        heading=times[0] < to_ms(newest.at) < to_ms(now),
        untold=last if last - at > _LATE else None,
    )


def ranked(store: Store, now: datetime, venue: str | None = None) -> dict[str, Rate]:
    """Return the current rate of every asset at a venue (None: at its main one), the highest a year first."""
    found = {}
    for asset in points.assets(store) if store.exists else ():
        here = [rate for rate in rates(store, asset, now) if venue in {None, rate.venue}]
        if here:
            found[asset] = here[0]
    return dict(sorted(found.items(), key=lambda item: -item[1].apr))


def rates(store: Store, asset: str, now: datetime) -> tuple[Rate, ...]:
    """Return the current rate of each venue that has one, the main venue first."""
    found = []
    for venue in venues_of(store, asset, "funding_rate") if store.exists else ():
        rate, hours = (current(store, asset, venue, name, now) for name in ("funding_rate", "funding_interval_hours"))
        if rate and hours and hours.value > 0:
            settled = settlements.value_at(store, asset, venue, "funding_rate", to_ms(rate.at)) is not None
            due = next_settlement(now if settled else rate.at, hours.value)
            found.append(Rate(venue, rate.value, hours.value, due, rate.at, settled))
    return tuple(found)


def weighted(store: Store, asset: str, every: Sequence[Rate], now: datetime) -> Weighted | None:
    """Return the mean of rates weighted by current open interest; None for fewer than two venues."""
    found = []
    for rate in every:
        usd = current(store, asset, rate.venue, "open_interest_usd", now)
        if usd and usd.value > 0:
            found.append((rate, usd.value))
    if len(found) < 2:
        return None
    whole = sum(usd for _, usd in found)
    return Weighted(sum(rate.apr * usd for rate, usd in found) / whole, tuple(rate.venue for rate, _ in found))
