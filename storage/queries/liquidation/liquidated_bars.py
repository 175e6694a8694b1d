"""Liquidations in slots of one length, as a picture shows them: its sum is that of /liqs and of /why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from signals.inputs import EVERYWHERE
from signals.units import DAY, DAY_MS, HOUR, MILLISECOND, floor, from_ms, in_ms, to_ms
from signals.venues import venue_order
from storage.market import liquidations as kept
from storage.market import points
from storage.queries.freshness import any_floor
from storage.queries.liquidation import liquidations
from storage.queries.liquidation.liquidations import NAMES, SILENT, Sums

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from storage.engine.database import Store
    from storage.market.liquidations import Ends, HeardSlots


@dataclass(frozen=True, slots=True)
class LiquidatedBars:
    """Liquidations by slot of one length, oldest first; slots of which nothing was heard are left out.

    since: when what is summed begins, the full hour in which the span does. known_from: when the first slot in the span
    begins that was heard. at_least: some feeds are sampled, or a part of the time was not heard, however it is cut into
    slots. at: up to when it was heard.
    """

    slots: tuple[tuple[datetime, Sums], ...]
    step: timedelta
    venues: tuple[str, ...]
    since: datetime
    known_from: datetime
    at_least: bool
    at: datetime


@dataclass(frozen=True, slots=True)
class _Venue:
    """What was heard of a venue: its hours in slots, and of other days what was imported."""

    hours: HeardSlots
    days: Mapping[datetime, Sums]

    def heard(self, since: datetime, until: datetime) -> timedelta:
        """Return how much of a time was heard: the one for which the slots count it."""
        whole = sum(slot.heard for slot in self.hours.slots) * MILLISECOND
        return whole + sum((sums.heard for at, sums in self.days.items() if since <= at < until), timedelta(0))

    @property
    def first(self) -> datetime:
        """Return from when on anything was heard."""
        return min([*([from_ms(self.hours.first)] if self.hours.slots else []), *self.days])

    @property
    def last(self) -> datetime:
        """Return up to when anything was heard."""
        return max([*([from_ms(self.hours.last)] if self.hours.slots else []), *(at + DAY for at in self.days)])


def read(store: Store, asset: str, start: datetime, end: datetime, step: timedelta) -> LiquidatedBars | None:
    """Read what was liquidated in a span, in slots of at least `step`, which is an hour or more.

    None where nothing of it was heard.
    """
    heard = _heard(store, asset, start, end, step)
    if not heard:
        return None
    daily = not any(venue.hours.slots for venue in heard.values())
    step, unit = (max(step, DAY), DAY) if daily else (step, HOUR)
    since, until = floor(start, unit), floor(end, unit)
    return LiquidatedBars(
        tuple(sorted(_in_slots(heard.values(), in_ms(step)))),
        step,
        tuple(sorted(heard, key=venue_order)),
        since,
        min(venue.first for venue in heard.values()),
        is_least({name: venue.heard(since, until) for name, venue in heard.items()}, until - since),
        min(max(venue.last for venue in heard.values()), end),
    )


def _in_slots(venues: Iterable[_Venue], length: int) -> Iterator[tuple[datetime, Sums]]:
    """Sum venues by slots of a length in ms, and yield each with where it begins."""
    found: dict[int, tuple[float, float, int]] = {}
    for venue in venues:
        hours = [(slot.at, slot.longs_usd, slot.shorts_usd, slot.heard) for slot in venue.hours.slots]
        days = [(to_ms(at), sums.longs, sums.shorts, in_ms(sums.heard)) for at, sums in venue.days.items()]
        for at, longs, shorts, heard in hours + days:
            known = found.get(at // length, (0.0, 0.0, 0))
            found[at // length] = known[0] + longs, known[1] + shorts, known[2] + heard
    for number, (longs, shorts, heard) in found.items():
        yield from_ms(number * length), Sums(longs, shorts, heard * MILLISECOND)


def is_least(heard: Mapping[str, timedelta], length: timedelta) -> bool:
    """Tell whether a sum over venues is a floor: a feed is sampled, or some venue was not heard for all the time of it.

    heard: how much of that time, by venue.
    """
    return any(span < length for span in heard.values()) or any_floor(dict.fromkeys(NAMES), tuple(heard))


def ends_of(store: Store, asset: str) -> dict[str, Ends]:
    """Return where the series of liquidations end, by the venues that have some in bars."""
    found: dict[str, Ends] = {}
    for series in (series for name in NAMES for series in points.stored(store, asset, name)):
        found[series.venue] = (*found.get(series.venue, ()), (series.step, series.last))
    return found


def hours_of(
    store: Store, asset: str, venue: str, length: timedelta, start: datetime, end: datetime, ends: Ends
) -> HeardSlots:
    """Return the hours of a venue from `start` on, a full hour, that have closed or run by `end`, in slots of a length.

    ends: where its series end, see `ends_of`.
    """
    until, closed = floor(end, HOUR), end - HOUR + SILENT
    return kept.in_slots(store, asset, venue, length, start=start, closed=closed, now=end, until=until, ends=ends)


def _heard(store: Store, asset: str, start: datetime, end: datetime, length: timedelta) -> Mapping[str, _Venue]:
    """Return what was heard by venue: its hours in slots, and for the rest of the time its imported days.

    length: of a slot. Only beside days of its own are a venue's hours summed by days, to tell which of these they are.
    """
    begin = floor(start, HOUR)
    ends = ends_of(store, asset)
    found: dict[str, _Venue] = {}
    for venue in ends.keys() | kept.venues_heard(store, asset, begin):
        bars = [*liquidations.bars_of(store, asset, venue, DAY, floor(start, DAY), end)] if venue in ends else []
        hours = hours_of(store, asset, venue, min(length, DAY) if bars else length, begin, end, ends.get(venue, ()))
        of_hours = {slot.at // DAY_MS for slot in hours.slots}
        if hours.slots or bars:
            found[venue] = _Venue(hours, {at: sums for at, sums in bars if to_ms(at) // DAY_MS not in of_hours})
    return _summed_once(found, {sample.venue for sample in liquidations.read(store, asset, end).rejected})


def _summed_once(found: Mapping[str, _Venue], rejected: Collection[str]) -> Mapping[str, _Venue]:
    """Leave out who is rejected or was not heard, and the sum of the others beside them."""
    known = {name: venue for name, venue in found.items() if name not in rejected and (venue.hours.slots or venue.days)}
    return {name: venue for name, venue in known.items() if name != EVERYWHERE or len(known) == 1}
