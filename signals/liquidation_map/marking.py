"""The map marks its own homework: whether what was liquidated lay where it had been marked the day before.

A day is marked by the map as it was when the day began. What lies far is seldom reached within a day, so each bin's
dollars, longs and shorts together, count by how often a day's move has come that far in the 30 days before: these are
the dollars that a day like those would bring. The bins with most of them are marked until they hold half.

    reach(bin) = share of the 30 days before whose move from open, down or up, was at least the distance of the bin
    expected(bin) = dollars(bin) * reach(bin)

What was liquidated in that day is laid into bins by the bars that it was in: longs evenly from the bar's opening price
down to its lowest, shorts up to its highest, for a side is forced out while price moves against it. The part of it that
fell into marked bins is set against a map that knows nothing but distance from price: as many bins, the nearest ones.

    hit = dollars in marked bins / dollars liquidated          near = the same of the nearest bins

Our own measure (November 2026). Without the weights a map is marked for the dollars at its edges, where price comes on
one day in a hundred: on the recorded winter of 2025-26 (daily bars) it then catches 4 to 10 % of a month where the
nearest bins catch 35 to 90 %, whatever it holds, and what nothing can pass measures nothing. With them it is 8 to 20 %
against 34 to 53 %: on daily bars, which do not tell where within a day's range somebody was liquidated, distance wins.

NaN handling: a bar without a price, and a day without a map or without anything liquidated, are left out; bars of
which nothing was heard are not calm, they are not there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.liquidation_map.model import PriceBins
    from signals.series import Array

HALF: Final = 0.5  # of the dollars within reach are marked
FEWEST: Final = 5  # days; of fewer nothing is said to be better or worse


@dataclass(frozen=True, slots=True)
class MarkedDay:
    """One day: the map as it was when the day began, and what the bars of the day brought, one entry a bar.

    falls, rises: how far price moved from the open of each of the days before, a fraction of it, not below zero. open,
    low, high: prices. longs, shorts: dollars that were liquidated; NaN where it was not heard.
    """

    map: PriceBins | None
    falls: Array
    rises: Array
    open: Array
    low: Array
    high: Array
    longs: Array
    shorts: Array


@dataclass(frozen=True, slots=True)
class Homework:
    """How the marks of some days did.

    days: that could be marked. usd: liquidated in them. hit, near: which part (0 to 1) of it fell into the bins that
    the map had marked, and into as many nearest to price. won, lost: days on which the map was better and worse.
    """

    days: int
    usd: float
    hit: float
    near: float
    won: int
    lost: int

    @property
    def enough(self) -> bool:
        """Tell whether there are enough days to say anything."""
        return self.days >= FEWEST

    @property
    def better(self) -> bool:
        """Tell whether the map was better than distance from price, in dollars and on more days than it was worse."""
        return self.enough and self.hit > self.near and self.won > self.lost


def mark_homework(days: Sequence[MarkedDay]) -> Homework | None:
    """Return how the marks of some days did together; None where no day can be marked."""
    marked = [found for day in days if day.map is not None and (found := _of_day(day.map, day))]
    if not marked:
        return None
    usd, hit, near = (np.array(column) for column in zip(*marked, strict=True))
    whole = float(usd.sum())
    return Homework(
        len(marked),
        whole,
        float(hit.sum()) / whole,
        float(near.sum()) / whole,
        int(np.sum(hit > near)),
        int(np.sum(hit < near)),
    )


def _of_day(was: PriceBins, day: MarkedDay) -> tuple[float, float, float] | None:
    """Return what was liquidated in a day, and how much of it in marked and in nearest bins; None where nothing was."""
    marked, nearest = marks(was, day.falls, day.rises)
    longs = laid_out(was.edges, day.low, day.open, day.longs)
    shorts = laid_out(was.edges, day.open, day.high, day.shorts)
    known = ~np.isnan(day.open + day.low + day.high)
    usd = float(np.nansum(np.where(known, day.longs, 0.0)) + np.nansum(np.where(known, day.shorts, 0.0)))
    if not marked.any() or usd <= 0:
        return None
    inside = longs + shorts
    return usd, float(inside[marked].sum()), float(inside[nearest].sum())


def marks(was: PriceBins, falls: Array, rises: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the bins that a map marks, and as many that lie nearest to price. NaN among the moves: not known."""
    middle = np.sqrt(was.edges[:-1] * was.edges[1:])
    away = middle / was.price - 1
    expected = was.longs * _reached(falls, -away) + was.shorts * _reached(rises, away)
    largest = np.argsort(-expected, kind="stable")
    held = np.cumsum(expected[largest])
    count = int(np.searchsorted(held, HALF * held[-1])) + 1 if held[-1] > 0 else 0
    marked, nearest = np.zeros((2, len(away)), dtype=bool)
    marked[largest[:count]] = True
    nearest[np.argsort(np.abs(np.log(middle / was.price)), kind="stable")[:count]] = True
    return marked, nearest


def _reached(moves: Array, distances: Array) -> Array:
    """Return the share of moves that came as far as each distance; 0 without any move."""
    known = np.sort(moves[~np.isnan(moves)])
    if not len(known):
        return np.zeros_like(distances)
    return 1 - np.searchsorted(known, distances, side="left") / len(known)


def laid_out(edges: Array, low: Array, high: Array, usd: Array) -> Array:
    """Lay each bar's dollars evenly over the bins from its lower to its higher price; what lies beyond them is lost.

    A bar that did not move lies in the bin of its price.
    """
    known = ~(np.isnan(low) | np.isnan(high) | np.isnan(usd))
    start, end, spread = np.log(low[known]), np.log(high[known]), usd[known]
    end = np.maximum(end, start + 1e-9)
    bins = np.log(edges)
    shared = np.minimum(bins[None, 1:], end[:, None]) - np.maximum(bins[None, :-1], start[:, None])
    return np.asarray((np.maximum(shared, 0.0) / (end - start)[:, None] * spread[:, None]).sum(axis=0))
