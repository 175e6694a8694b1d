"""Liquidations in slots of one length, as a picture shows them: its sum is that of /liqs and of /why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from signals.inputs import EVERYWHERE
from signals.units import DAY, HOUR, floor
from signals.venues import venue_order
from storage.market import points
from storage.queries.freshness import any_floor
from storage.queries.liquidation import liquidations
from storage.queries.liquidation.liquidations import NAMES, Sums

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from storage.engine.database import Store


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


def read(store: Store, asset: str, start: datetime, end: datetime, step: timedelta) -> LiquidatedBars | None:
    """Read what was liquidated in a span, in slots of at least `step`; None where nothing of it was heard."""
    heard = _heard(store, asset, start, end)
    if not heard:
        return None
    daily = all(sums.heard >= DAY for hours in heard.values() for sums in hours.values())
    step = max(step, DAY) if daily else step
    slots: dict[datetime, Sums] = {}
    for hours in heard.values():
        for at, sums in hours.items():
            slots[floor(at, step)] = slots.get(floor(at, step), Sums()) + sums
    first = min(at for hours in heard.values() for at in hours)
    last = max(at + sums.heard for hours in heard.values() for at, sums in hours.items())
    since = floor(start, DAY if daily else HOUR)
    return LiquidatedBars(
        tuple(sorted(slots.items())),
        step,
        tuple(sorted(heard, key=venue_order)),
        since,
        first,
        is_least(heard, since, floor(end, DAY if daily else HOUR)),
        min(last, end),
    )


def is_least(heard: Mapping[str, Mapping[datetime, Sums]], since: datetime, until: datetime) -> bool:
    """Tell whether a sum is a floor: a feed is sampled, or some venue was not heard for all the time of it.

    since, until: the whole hours (of daily figures days) that the sum is of.
    """
    whole = all(
        sum((one.heard for at, one in hours.items() if since <= at < until), timedelta(0)) >= until - since
        for hours in heard.values()
    )
    return not whole or any_floor(dict.fromkeys(NAMES), tuple(heard))


def _heard(store: Store, asset: str, start: datetime, end: datetime) -> Mapping[str, Mapping[datetime, Sums]]:
    """Return what was heard by venue: its hours, and for the rest of the time its imported days."""
    begin = floor(start, HOUR)
    heard = liquidations.hours_of(store, asset, begin, end)
    for venue in {series.venue for series in points.stored(store, asset, NAMES[0])}:
        hourly = {floor(at, DAY) for at in heard.get(venue, {})}
        for at, sums in liquidations.bars_of(store, asset, venue, DAY, floor(start, DAY), end):
            if at not in hourly:
                heard.setdefault(venue, {})[at] = sums
    rejected = {sample.venue for sample in liquidations.read(store, asset, end).rejected}
    kept = {venue: hours for venue, hours in heard.items() if venue not in rejected and hours}
    if len(kept) > 1:
        kept.pop(EVERYWHERE, None)  # the sum of the others, it must not be counted beside them
    return kept
