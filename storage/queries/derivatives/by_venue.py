"""Figures side by side, venue by venue, where each has a current one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.market import points
from storage.queries.freshness import current, stamp_of
from storage.queries.market.open_interest import venues_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from storage.engine.database import Store
    from storage.queries.freshness import Stamp


@dataclass(frozen=True, slots=True)
class VenueFigures:
    """What one venue says now, by input. at: the time of the oldest of them."""

    venue: str
    values: Mapping[str, float]
    at: datetime


def current_of(store: Store, asset: str, names: Sequence[str], now: datetime) -> tuple[VenueFigures, ...]:
    """Return the venues that have a current figure of all these inputs, the main venue first."""
    found = []
    for venue in venues_of(store, asset, names[0]) if store.exists else ():
        known = {name: point for name in names if (point := current(store, asset, venue, name, now))}
        if len(known) == len(names):
            values = {name: point.value for name, point in known.items()}
            found.append(VenueFigures(venue, values, min(point.at for point in known.values())))
    return tuple(found)


def newest_of(store: Store, asset: str, names: Sequence[str], now: datetime) -> tuple[VenueFigures, Stamp] | None:
    """Return the figures of the venue that told them last, however long ago, with their stamp; None without any."""
    points_of = {name: points.newest(store, asset, name) for name in names} if store.exists else {}
    found = {name: point for name, point in points_of.items() if point is not None}
    if len(found) < len(names) or len({point.venue for point in found.values()}) > 1:
        return None
    values = {name: point.value for name, point in found.items()}
    venue, at = next((point.venue, point.at) for point in found.values())
    return VenueFigures(venue, values, at), stamp_of(store, asset, found, now)
