"""What a picture shows of funding and of taker flow between two times, and what was traded in calendar months."""

from __future__ import annotations

import calendar
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from signals.inputs import EVERYWHERE
from signals.units import DAY, HOUR, HOURS_A_YEAR, floor, from_ms, to_ms
from signals.venues import venue_order
from storage.market import points, settlements
from storage.panels import panels
from storage.panels.reader import PanelReader
from storage.queries.market.known_at import newest_by

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from signals.series import Array, Panel
    from storage.engine.database import Store

_RATE: Final = ("funding_rate", "funding_interval_hours")
_HOLDS: Final = 9 * HOUR  # a rate that is told once in its interval, and a little late
_VOLUME: Final = ("volume_usd", "taker_buy_usd")
_MONTHS: Final = 36  # whole months that a month is ranked among


@dataclass(frozen=True, slots=True)
class FundingLine:
    """The simple yearly rate, a fraction, as it was told at each time."""

    rows: tuple[tuple[datetime, float], ...]
    step: timedelta
    venues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TakerBars:
    """What takers bought less what they sold, in USD, in each slot of one length from its time on."""

    slots: tuple[tuple[datetime, float], ...]
    step: timedelta
    venues: tuple[str, ...]


def funding(store: Store, asset: str, start: datetime, end: datetime, step: timedelta) -> FundingLine | None:
    """Read the rate at the end of each step; None where none is stored."""
    panel = panels.panel(store, _RATE, [asset], step=step, start=start, end=end)
    rates, hours = _columns(panel, _RATE)
    closes = panel.closes.to_pydatetime()
    rows = tuple(
        (at, rate * HOURS_A_YEAR / every)
        for at, rate, every in zip(closes, rates, hours, strict=True)
        if not math.isnan(rate) and every > 0
    )
    if (newest := rate_at(store, asset, end)) and rows:
        # What was told as a row ends belongs to the next one: the last of them is that of the moment itself.
        rows = (*(row for row in rows if row[0] < newest.at), (newest.at, newest.apr))
    return FundingLine(rows, step, panel.venues(asset, _RATE[:1])) if rows else None


class RateAt(NamedTuple):
    """A yearly rate, a fraction, and when it was told. paid: it was settled then, else it is paid next."""

    at: datetime
    apr: float
    paid: bool


def rate_at(store: Store, asset: str, at: datetime) -> RateAt | None:
    """Return the yearly rate that held at a time, at the main venue that tells one; None where none does."""
    venues = sorted(points.venues_of(store, asset, _RATE[0]), key=lambda venue: (venue_order(venue), venue))
    told = (newest_by(store, asset, _RATE[0], at, venue) for venue in venues)
    rate = next((rate for rate in told if rate and at - rate.at <= _HOLDS), None)
    hours = newest_by(store, asset, _RATE[1], at, rate.venue) if rate else None
    if rate is None or hours is None or not hours.value > 0:
        return None
    paid = settlements.value_at(store, asset, rate.venue, _RATE[0], to_ms(rate.at)) is not None
    return RateAt(rate.at, rate.value * HOURS_A_YEAR / hours.value, paid)


def takers(store: Store, asset: str, start: datetime, end: datetime, step: timedelta) -> TakerBars | None:
    """Read the net of each whole step; steps of which it is not known are left out. None where none is stored."""
    panel = panels.panel(store, _VOLUME, [asset], step=step, start=start, end=end)
    volume, buys = _columns(panel, _VOLUME)
    opens = panel.at.to_pydatetime()
    slots = tuple(
        (at, 2 * bought - whole)
        for at, whole, bought in zip(opens, volume, buys, strict=True)
        if not math.isnan(whole + bought)
    )
    return TakerBars(slots, step, panel.venues(asset, _VOLUME)) if slots else None


def _columns(panel: Panel, names: tuple[str, ...]) -> list[list[float]]:
    return [panel.values[name][:, 0].tolist() for name in names]


@dataclass(frozen=True, slots=True)
class VenueVolume:
    """What a venue traded, in USD: in the month so far, and on the same days of the month before; None: not known."""

    venue: str
    so_far: float
    before: float | None


@dataclass(frozen=True, slots=True)
class MonthVolume:
    """What was traded in a calendar month, the venues with the most first, in USD.

    first, end: the days that are over, [first, end). left_out: venues of which a day of the month is not known. whole:
    the totals of whole months on these venues, the newest last, each with the day it began.
    """

    first: datetime
    end: datetime
    venues: tuple[VenueVolume, ...]
    left_out: tuple[str, ...]
    whole: tuple[tuple[datetime, float], ...]

    @property
    def total(self) -> float:
        """The sum over the venues."""
        return sum(venue.so_far for venue in self.venues)

    @property
    def days(self) -> int:
        """How many days of the month are over."""
        return (self.end - self.first).days

    @property
    def is_whole(self) -> bool:
        """Tell whether the month is over."""
        return self.end.day == 1

    @property
    def compared(self) -> tuple[VenueVolume, ...]:
        """The venues of which the same days of the month before are known."""
        return tuple(venue for venue in self.venues if venue.before)


def month_volume(store: Store, asset: str, now: datetime) -> MonthVolume | None:
    """Read the volume of the month by venue, to the last day that is over and stored; None where no day of it is.

    On the first of a month the one before is told, which is whole. What is summed over venues already is read only
    where there is nothing else.
    """
    folded = PanelReader(store).of(asset)
    stored = folded.stored("volume_usd")
    venues = {series.venue for series in stored}
    venues = venues - {EVERYWHERE} or venues
    if not venues:
        return None
    end = min(floor(now, DAY), floor(from_ms(max(series.last for series in stored)), DAY) + DAY)
    first = _first_of(end - DAY)
    begins = [first]
    for _ in range(_MONTHS):
        begins.insert(0, _first_of(begins[0] - DAY))
    of = {venue: folded.rows(venue, "volume_usd", DAY, begins[0], end) for venue in sorted(venues)}
    now_on, then = (first - begins[0]) // DAY, (begins[-2] - begins[0]) // DAY
    same_days = min((end - first).days, now_on - then)
    found = [
        VenueVolume(venue, so_far, _sum(days[then : then + same_days]))
        for venue, days in of.items()
        if (so_far := _sum(days[now_on:])) is not None
    ]
    if not found:
        return None
    told = {venue.venue for venue in found}
    return MonthVolume(
        first,
        end,
        tuple(sorted(found, key=lambda venue: -venue.so_far)),
        tuple(venue for venue in of if venue not in told),
        tuple(_whole_months(begins, end, np.sum([of[venue] for venue in told], axis=0))),
    )


def _first_of(at: datetime) -> datetime:
    return floor(at, DAY).replace(day=1)


def _sum(days: Array) -> float | None:
    """Return a sum; None of nothing, and where a day is not known."""
    return None if not len(days) or np.isnan(days).any() else float(days.sum())


def _whole_months(begins: list[datetime], end: datetime, days: Array) -> list[tuple[datetime, float]]:
    found = []
    for begin in begins:
        row, length = (begin - begins[0]) // DAY, calendar.monthrange(begin.year, begin.month)[1]
        if begin + length * DAY <= end and (total := _sum(days[row : row + length])):
            found.append((begin, total))
    return found
