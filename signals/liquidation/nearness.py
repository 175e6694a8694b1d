"""How near a liquidation is in the asset's own terms: on how many past days it moved that far."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.liquidation.condition import side_sign
from signals.liquidation.errors import LiquidationError

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Day:
    """One whole day: the price it began with, its highest and its lowest."""

    start: float
    high: float
    low: float


@dataclass(frozen=True, slots=True)
class Nearness:
    """`hits` of `days` whole days moved at least as far against the side as the liquidation is away."""

    hits: int
    days: int

    @property
    def share(self) -> float:
        """Give the hits as a fraction of the days; NaN without days."""
        return self.hits / self.days if self.days else math.nan


def days_that_far(days: Iterable[Day], *, side: str, distance: float) -> Nearness:
    """Count the days on which the price moved `distance` (a fraction, without sign) against `side` from its start.

    A long counts lows, a short highs. Days with a price that is not known (NaN) or not above zero are left out. A
    plain count of what happened, no forecast.
    """
    if not (math.isfinite(distance) and distance > 0.0):
        raise LiquidationError(f"a distance must be a number above zero, not {distance}")
    long = side_sign(side) > 0
    hits = known = 0
    for day in days:
        extreme = day.low if long else day.high
        if not (day.start > 0.0 and extreme > 0.0):
            continue
        known += 1
        move = extreme / day.start - 1.0
        hits += (-move if long else move) >= distance
    return Nearness(hits, known)
