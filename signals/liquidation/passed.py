"""How near a price came to a liquidation while nobody looked, from the extremes of stretches of time.

On every venue the mark price decides. The range of a bar is that of the last trades, which overshoot the mark in both
directions: it is evidence that the mark may have been there, and no proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.liquidation.watching import distance_to

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Iterable, Sequence


@dataclass(frozen=True, slots=True)
class Span:
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
class Reached:
    """The worst price of a stretch of time, and the distance from it to the liquidation price of that time.

    distance: as a fraction of the price; zero or less where it was reached.
    """

    span: Span
    price: float
    liquidation: float
    distance: float


def reached(span: Span, *, side: str, liquidation: float) -> Reached:
    """Measure how near a stretch of time came to a liquidation price; NaN where that is not known."""
    price = span.against(side)
    return Reached(span, price, liquidation, distance_to(liquidation, side=side, mark=price))


def first_beyond(spans: Iterable[Span], *, side: str, liquidation_at: Callable[[Span], float]) -> Reached | None:
    """Find the first stretch that reached the liquidation price; of those that end together the shortest.

    liquidation_at: the price at that time, which funding moves. What came later cannot have liquidated it again.
    """
    for span in sorted(spans, key=lambda each: (each.end, each.end - each.start)):
        found = reached(span, side=side, liquidation=liquidation_at(span))
        if found.distance <= 0.0:
            return found
    return None


def nearest(spans: Iterable[Span], *, side: str, liquidation_at: Callable[[Span], float]) -> Reached | None:
    """Find the stretch that came nearest to liquidation; of those that came equally near the shortest, then first."""
    found = [reached(span, side=side, liquidation=liquidation_at(span)) for span in spans]
    known = [each for each in found if each.distance == each.distance]
    return min(known, key=_nearness, default=None)


def _nearness(each: Reached) -> tuple[float, dt.timedelta, dt.datetime]:
    return each.distance, each.span.end - each.span.start, each.span.start


def unbroken(spans: Iterable[Span], since: dt.datetime) -> list[Span]:
    """Return the stretches that follow each other without a hole from `since` on, in the order of time.

    The first may begin later than `since` by less than its own length: what lay across `since` is not among them.
    """
    found: list[Span] = []
    known = since
    for span in sorted(spans, key=lambda each: (each.start, each.end)):
        if span.start > known and (found or span.start - since >= span.end - span.start):
            break
        found.append(span)
        known = max(known, span.end)
    return found


def lines_within(lines: Sequence[float], distance: float) -> int:
    """Count the lines that a distance lies within; none for a distance that is not known."""
    return sum(distance <= line for line in lines)
