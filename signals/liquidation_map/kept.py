"""The same map, kept from bar to bar: each bar moves what it changes and nothing else.

What is kept of an asset: coins of each side by cell, in units of what a coin that never was closed has been left of;
in which bar each cell was crossed last; and of each cohort of the window its coins and cells, for the bar in which it
falls out of it. What is alive of longs lies below the last close and of shorts above it, so a bar crosses the cells
between that close and its lowest price, and its highest.

It is for whoever steps through many bars of many assets; what is told of one asset now is read anew from stored bars
(model.py), which needs nothing kept and cannot drift.

NaN handling: as in model.py. Cells are counted around: levels that lie further apart than exp(4) = 55 times would share
one. No window of 90 days has held such prices on a venue that is read here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from signals.liquidation_map.levels import SHARES
from signals.liquidation_map.model import BANDS, GAP, GRID, LONG, SHORT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from signals.series import Array

CELLS: Final = 4096
_WEIGHTS = np.array(list(SHARES.values()))
_LEAST_KEPT = 0.05  # as in model.py
_SMALLEST = 1e-9  # what a coin has been left of, from which on the units are made anew


class KeptMap:
    """The maps of some assets after the bars that it was given. factors: as for model.history; window: rows."""

    def __init__(self, factors: Array, window: int) -> None:
        assets = len(factors)
        self._factors = np.log(factors) / GRID
        self._window = window
        self._bar = 0
        self._held = np.zeros((assets, 2, CELLS))
        self._crossed = np.full((assets, 2, CELLS), -1, dtype=np.int32)
        self._cells = np.zeros((window, assets, 2, len(_WEIGHTS)), dtype=np.int32)
        self._opened = np.zeros((window, assets))
        self._left = np.ones(assets)
        self._place = np.full(assets, np.nan)
        self._coins = np.full((GAP + 1, assets), np.nan)  # of the bars before, the last one first
        self._every = np.arange(assets)

    def step(self, coins: Array, high: Array, low: Array, close: Array) -> None:
        """Take in the next bar, one value an asset; NaN where it is not known."""
        place = np.log(close) / GRID
        self._cross(LONG, np.ceil(np.fmin(np.log(low) / GRID, place)), np.ceil(self._place))
        self._cross(SHORT, np.floor(self._place) + 1, np.floor(np.fmax(np.log(high) / GRID, place)) + 1)
        self._expire()
        self._open(coins, place)
        self._place = np.where(np.isnan(place), self._place, place)
        self._coins = np.concatenate([coins[None], self._coins[:-1]])
        self._bar += 1

    def _cross(self, side: int, first: Array, end: Array) -> None:
        """Empty cells [first, end) of a side, where there are any."""
        count = np.nan_to_num(end - first)
        longest = int(max(0, min(count.max(), CELLS // 2)))
        if longest:
            cells = np.nan_to_num(first)[:, None].astype(np.int64) + np.arange(longest)
            asset, which = np.nonzero(np.arange(longest) < count[:, None])
            at = cells[asset, which] % CELLS
            self._held[asset, side, at] = 0.0
            self._crossed[asset, side, at] = self._bar

    def _expire(self) -> None:
        """Take away what was opened a window ago and has not been crossed since."""
        slot = self._bar % self._window
        gone, cells = self._opened[slot], self._cells[slot] % CELLS
        asset, sides = self._every[:, None, None], np.arange(2)[None, :, None]
        alive = self._crossed[asset, sides, cells] <= self._bar - self._window
        parts = np.where(alive, gone[:, None, None] * _WEIGHTS, 0.0)
        np.subtract.at(self._held, (asset, sides, cells), parts)
        np.maximum(self._held[asset, sides, cells], 0.0, out=parts)
        self._held[asset, sides, cells] = parts

    def _open(self, coins: Array, place: Array) -> None:
        """Thin everything by what was closed, and put what was opened to its levels."""
        known = ~np.isnan(self._coins)
        before = np.where(known.any(axis=0), self._coins[known.argmax(axis=0), self._every], np.nan)
        change = coins - before
        self._left *= np.clip(np.where(change < 0, coins / before, 1.0), _LEAST_KEPT, 1.0)
        if self._left.min() < _SMALLEST:
            self._held *= self._left[:, None, None]
            self._opened *= self._left
            self._left[:] = 1.0
        opened = np.where(np.isnan(place) | ~(change > 0), 0.0, change) / self._left
        cells = np.rint(np.nan_to_num(place)[:, None, None] + self._factors).astype(np.int32)
        slot = self._bar % self._window
        self._opened[slot], self._cells[slot] = opened, cells
        asset, sides = self._every[:, None, None], np.arange(2)[None, :, None]
        np.add.at(self._held, (asset, sides, cells % CELLS), opened[:, None, None] * _WEIGHTS)

    def within(self, bands: Sequence[float] = BANDS) -> Array:
        """Return the coins of each side within distances (fractions) of the last known close, (assets, side, band)."""
        reach = max(bands)
        at = np.nan_to_num(self._place)
        found = np.empty((len(at), 2, len(bands)))
        for side, sign in ((LONG, -1), (SHORT, 1)):
            edge = int(np.ceil(abs(np.log1p(sign * reach)) / GRID)) + 2
            cells = np.floor(at)[:, None].astype(np.int64) + sign * np.arange(edge)
            coins = np.take_along_axis(self._held[:, side], cells % CELLS, axis=1) * self._left[:, None]
            for number, band in enumerate(bands):
                limit = at + np.log1p(sign * band) / GRID
                near = cells >= limit[:, None] if side == LONG else cells <= limit[:, None]
                found[:, side, number] = np.where(near, coins, 0.0).sum(axis=1)
        return found

    def placed(self) -> Array:
        """Return the coins of each side at any price, (assets, side)."""
        return np.asarray(self._held.sum(axis=2) * self._left[:, None], dtype=float)


def stepped(inputs: Sequence[NDArray[np.float64]], factors: Array, window: int) -> KeptMap:
    """Return the kept map after every bar of inputs: coins, high, low, close, (rows, assets)."""
    kept = KeptMap(factors, window)
    for bar in zip(*inputs, strict=True):
        kept.step(*bar)
    return kept
