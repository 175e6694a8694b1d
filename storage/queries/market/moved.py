"""What moved an asset between two times: price, coins, who crossed the spread, who was liquidated, the book."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.units import HOUR
from storage.queries.market import changes
from storage.queries.market.known_at import newest_by

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from signals.unusual import Figure, FigureChange
    from storage.engine.database import Store

_SPEAKS_FOR: Final = 2 * HOUR  # a value that is older says nothing of a moment


@dataclass(frozen=True, slots=True)
class BeforeAfter:
    """A figure at both ends; None where it is not known there."""

    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Moved:
    """What moved an asset. changes: by figure. depth: orders within 1 %, USD. premium: mark over index, a fraction."""

    asset: str
    start: datetime
    end: datetime
    changes: Mapping[Figure, FigureChange]
    depth: BeforeAfter
    premium: BeforeAfter
    venues: tuple[str, ...]


def read(store: Store, asset: str, start: datetime, end: datetime) -> Moved:
    """Take apart what happened between two times. What is not known is None, or left out of `changes`."""
    found = {change.what: change for change in changes.read(store, asset, start, end)}
    price = changes.price_at(store, asset, end)
    return Moved(
        asset,
        start,
        end,
        found,
        BeforeAfter(_depth(store, asset, start), _depth(store, asset, end)),
        BeforeAfter(_premium(store, asset, start), _premium(store, asset, end)),
        (price.venue,) if price else (),
    )


def _depth(store: Store, asset: str, at: datetime) -> float | None:
    sides = _of_one_venue(store, asset, ("depth_bids_usd", "depth_asks_usd"), at)
    return sum(sides) if sides else None


def _premium(store: Store, asset: str, at: datetime) -> float | None:
    prices = _of_one_venue(store, asset, ("mark_price", "index_price"), at)
    return prices[0] / prices[1] - 1 if prices and prices[1] > 0 else None


def _of_one_venue(store: Store, asset: str, names: tuple[str, str], at: datetime) -> tuple[float, float] | None:
    """Return two values that mean something only together: those of one venue."""
    first = newest_by(store, asset, names[0], at)
    second = newest_by(store, asset, names[1], at, first.venue) if first else None
    if first is None or second is None or min(first.at, second.at) < at - _SPEAKS_FOR:
        return None
    return first.value, second.value
