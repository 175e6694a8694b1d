"""How a market moved against a position: stretches of time with their extremes, whole days, and what came nearest.

On every venue the mark price decides. The range of a bar is that of the last trades, which overshoot the mark in both
directions: it is evidence that the mark may have been there, and no proof. Times are aware and in UTC.
"""

from __future__ import annotations

import datetime as dt  # noqa: TC003 - events.py reads the hints of these classes
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from signals.liquidation.condition import side_sign
from signals.liquidation.errors import LiquidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

TYPICAL_DAYS = 30
FEWEST_DAYS = 20  # two thirds of them, as for every window


def distance_to(price: float, *, side: str, mark: float) -> float:
    """Give the way from the mark to a liquidation price as a fraction of the mark; NaN where one is not known.

    Above zero while the position lives, zero or less once the mark has reached the price.
    """
    if not (price > 0.0 and mark > 0.0):
        return math.nan
    return side_sign(side) * (mark - price) / mark


# --- stretches of time ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PriceRange:
    """The lowest and the highest price of a stretch of time, from a bar of trades or from one mark price.

    A mark price has one moment, so start is end, and low is high.
    """

    start: dt.datetime
    end: dt.datetime
    low: float
    high: float

    def against(self, side: str) -> float:
        """Return the price that is worst for a position."""
        return self.low if side == "long" else self.high


@dataclass(frozen=True, slots=True)
class MarkRange:
    """The mark prices stored of a stretch of time: lowest, highest, how many, and the longest time without one."""

    low: float
    high: float
    count: int
    longest_gap_s: float


@dataclass(frozen=True, slots=True)
class WorstPrice:
    """The worst price of a stretch of time, and the distance from it to the liquidation price of that time.

    distance: as a fraction of the price; zero or less where it was reached.
    """

    span: PriceRange
    price: float
    liquidation: float
    distance: float


def worst_price(span: PriceRange, *, side: str, liquidation: float) -> WorstPrice:
    """Measure how near a stretch of time came to a liquidation price; NaN where that is not known."""
    price = span.against(side)
    return WorstPrice(span, price, liquidation, distance_to(liquidation, side=side, mark=price))


def first_beyond(
    spans: Iterable[PriceRange], *, side: str, liquidation_at: Callable[[PriceRange], float]
) -> WorstPrice | None:
    """Find the first stretch that reached the liquidation price; of those that end together the shortest.

    liquidation_at: the price at that time, which funding moves. What came later cannot have liquidated it again.
    """
    for span in sorted(spans, key=lambda span: (span.end, span.end - span.start)):
        found = worst_price(span, side=side, liquidation=liquidation_at(span))
        if found.distance <= 0.0:
            return found
    return None


def nearest(
    spans: Iterable[PriceRange], *, side: str, liquidation_at: Callable[[PriceRange], float]
) -> WorstPrice | None:
    """Find the stretch that came nearest to liquidation; of those that came equally near the shortest, then first."""
    found = [worst_price(span, side=side, liquidation=liquidation_at(span)) for span in spans]
    known = [worst for worst in found if not math.isnan(worst.distance)]
    return min(known, key=_order, default=None)


def _order(worst: WorstPrice) -> tuple[float, dt.timedelta, dt.datetime]:
    return worst.distance, worst.span.end - worst.span.start, worst.span.start


def unbroken(spans: Iterable[PriceRange], since: dt.datetime) -> list[PriceRange]:
    """Return the stretches that follow each other without a hole from `since` on, in the order of time.

    The first may begin later than `since` by less than its own length: what lay across `since` is not among them.
    """
    found: list[PriceRange] = []
    known = since
    for span in sorted(spans, key=lambda span: (span.start, span.end)):
        if span.start > known and (found or span.start - since >= span.end - span.start):
            break
        found.append(span)
        known = max(known, span.end)
    return found


# --- whole days ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DayRange:
    """One whole day: the price it began with, its highest and its lowest."""

    start: float
    high: float
    low: float


@dataclass(frozen=True, slots=True)
class MoveFrequency:
    """`hits` of `days` whole days moved at least as far against the side as the liquidation is away."""

    hits: int
    days: int

    @property
    def share(self) -> float:
        """Give the hits as a fraction of the days; NaN without days."""
        return self.hits / self.days if self.days else math.nan


def move_frequency(days: Iterable[DayRange], *, side: str, distance: float) -> MoveFrequency:
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
    return MoveFrequency(hits, known)


def typical_day(closes: Mapping[int, float]) -> float | None:
    """Compute the mean absolute move from one daily close to the next over the last 30 days, as a fraction.

    closes: by the number of the day since 1970. None where fewer than 20 such moves are known.
    """
    if not closes:
        return None
    first = max(closes) - TYPICAL_DAYS
    days = sorted(day for day in closes if day >= first)
    moves = [abs(closes[b] / closes[a] - 1.0) for a, b in pairwise(days) if b == a + 1]
    return sum(moves) / len(moves) if len(moves) >= FEWEST_DAYS else None
