"""Liquidations in slots of one length, as a picture shows them: its sum is that of /liqs and of /why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.inputs import EVERYWHERE
from signals.units import DAY, HOUR, MILLISECOND, floor, from_ms, in_ms
from signals.venues import venue_order
from storage.market import liquidations as stored
from storage.queries.freshness import any_floor
from storage.queries.liquidation import liquidations
from storage.queries.liquidation.liquidations import NAMES, Sums

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from storage.engine.database import Store
    from storage.market.liquidations import LiquidatedSlot


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
    heard = _heard(store, asset, start, end, step, HOUR)
    if not heard:
        return None
    unit = HOUR if any(slot.hours for slots in heard.values() for slot in slots) else DAY
    if unit == DAY:
        step = max(step, DAY)
        heard = _heard(store, asset, start, end, step, DAY)
    sums: dict[datetime, Sums] = {}
    for slots in heard.values():
        for slot in slots:
            at = from_ms(slot.number * in_ms(step))
            sums[at] = sums.get(at, Sums()) + Sums(slot.longs, slot.shorts)
    since, until = floor(start, unit), floor(end, unit)
    counted = {venue: sum(slot.counted for slot in slots) * MILLISECOND for venue, slots in heard.items()}
    return LiquidatedBars(
        tuple(sorted(sums.items())),
        step,
        tuple(sorted(heard, key=venue_order)),
        since,
        from_ms(min(slots[0].first for slots in heard.values())),
        is_least(counted, until - since),
        min(from_ms(max(slots[-1].last for slots in heard.values())), end),
    )


def is_least(heard: Mapping[str, timedelta], span: timedelta) -> bool:
    """Tell whether a sum is a floor: a feed is sampled, or some venue was not heard for all the time of it.

    heard: how long each venue was heard, of the whole hours (of daily figures days) that the sum is of.
    """
    return any(time < span for time in heard.values()) or any_floor(dict.fromkeys(NAMES), tuple(heard))


def _heard(
    store: Store, asset: str, start: datetime, end: datetime, step: timedelta, unit: timedelta
) -> dict[str, list[LiquidatedSlot]]:
    """Return what was heard by venue, in slots; how long is counted by whole units."""
    counted = floor(start, unit), floor(end, unit)
    heard = stored.in_slots(
        store, asset, start=floor(start, HOUR), end=end, slot=step, counted=counted, late=liquidations.SILENT
    )
    rejected = {sample.venue for sample in liquidations.read(store, asset, end).rejected}
    kept = {venue: slots for venue, slots in heard.items() if venue not in rejected}
    if len(kept) > 1:
        kept.pop(EVERYWHERE, None)  # the sum of the others, it must not be counted beside them
    return kept
