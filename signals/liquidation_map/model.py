"""The liquidation map: which coins of the open interest would be liquidated at which price, by our model.

The map at a close is a pure function of the last 90 days of bars: open interest in coins C, highest, lowest and closing
price. What was opened in bar i is what C rose by, a_i = max(C_i - C_before, 0), as many longs as shorts, at the close
of that bar, and is liquidated at the prices of levels.py. Later bars take from it what they take from all: where C
falls, every cohort loses the same part,

    S(t) / S(i) = product over j in (i, t] of min(C_j / C_before, 1)

and a level is gone once the lowest price (longs) or the highest (shorts) of a later bar has reached it. So what is left
of a side can be no more than C; `placed` is how much of C it is.

It is our model (November 2026), built like those that are published as liquidation maps or heat maps, none of which
tells its formula. Positions that are forced out lower C as well and so thin the others a second time. That is not given
back: what is heard of them is a floor, of some venues, and small beside what is closed by choice (on the recorded
winter of 2025-26 2.4 % of the coins by which open interest fell; 0.6 % on the 15 days on which it fell by more than
3 %). It lowers both sides alike: `placed` says too little, their ratio stays.

Prices are kept on a grid of 0.1 % (cell k is the price exp(k / 1000)), and clusters are bins of five cells. Rows of
any number are read at once: the first by a suffix minimum of lows (maximum of highs), the rows after it as the changes
that they bring, added up along time.

NaN handling: no map at a row without C or close, or while C and close are known of under 7 days of the window. A bar
without C or close opens nothing; what C has changed by is counted in the next bar that knows it, over three missing
bars at most. A bar without low or high crosses what its close has crossed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from signals.liquidation_map.levels import SHARES, spread_of
from signals.series import Series, days

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import timedelta

    from numpy.typing import NDArray

    from signals.series import Array, Panel

WINDOW: Final = days(90)
LEAST: Final = days(7)
GAP: Final = 3  # rows that may be missing between two values of C
GRID: Final = 0.001  # a cell, as a difference of logarithms
BIN_CELLS: Final = 5
BANDS: Final = (0.01, 0.02, 0.05, 0.10)  # distances from price that sums are given for
REACH: Final = BANDS[-1]
LONG, SHORT = 0, 1
_WEIGHTS = np.array(list(SHARES.values()))
_LEAST_KEPT = 0.05  # of a bar's coins: a fall beyond that is taken for it, so that no product comes to nothing
_NOTHING = 1e-12  # of the open interest
_ROWS = 240  # that are read as changes of the first of them
_FLOATS = 4_000_000  # in one array


@dataclass(frozen=True, slots=True)
class LevelBars:
    """The bars of some assets, as the map reads them; arrays are (rows, assets).

    place: close in cells, NaN where not known. low, high: in cells, +inf and -inf where not known. opened: coins.
    kept: running sum of the logarithms of what each bar keeps of all that was open. cells: of the levels, (rows,
    assets, side, leverage). known: whether a row has C and close. coins: C.
    """

    place: Array
    low: Array
    high: Array
    opened: Array
    kept: Array
    cells: NDArray[np.int32]
    known: NDArray[np.bool_]
    coins: Array

    @classmethod
    def of(cls, coins: Array, high: Array, low: Array, close: Array, factors: Array) -> LevelBars:
        """Prepare bars. factors: price of liquidation over that of opening, (assets, side, leverage)."""
        place = np.log(np.where(close > 0, close, np.nan)) / GRID
        before = np.full_like(coins, np.nan)
        for back in range(1, GAP + 2):
            earlier = np.concatenate([np.full_like(coins[:back], np.nan), coins[:-back]])[: len(coins)]
            before = np.where(np.isnan(before), earlier, before)
        known = ~(np.isnan(coins) | np.isnan(place))
        change = coins - before
        opened = np.where(np.isnan(place) | ~(change > 0), 0.0, change)
        share = np.where(change < 0, coins / before, 1.0)
        cells = np.rint(np.nan_to_num(place)[:, :, None, None] + np.log(factors) / GRID).astype(np.int32)
        return cls(
            place,
            np.nan_to_num(np.fmin(np.log(low) / GRID, place), nan=np.inf),
            np.nan_to_num(np.fmax(np.log(high) / GRID, place), nan=-np.inf),
            opened,
            np.cumsum(np.log(np.clip(share, _LEAST_KEPT, 1.0)), axis=0),
            cells,
            known,
            coins,
        )


@dataclass(frozen=True, slots=True)
class MapBlock:
    """The map of some rows: coins by (row, asset, side, cell), cell 0 being number `base` (of each asset).

    totals: coins of each side at any price, (rows, assets, side). place: price in cells, (rows, assets).
    reach: how far from price the cells are all there, a fraction.
    """

    coins: Array
    base: NDArray[np.int64]
    totals: Array
    place: Array
    reach: float

    def within(self, bands: Sequence[float]) -> Array:
        """Return the coins of each side within distances (fractions) of price, (rows, assets, side, band)."""
        below = np.ceil(self.place[:, :, None] + np.log1p(-np.array(bands)) / GRID) - self.base[:, None]
        above = np.floor(self.place[:, :, None] + np.log1p(bands) / GRID) - self.base[:, None] + 1
        running = np.cumsum(self.coins, axis=3)
        edges = np.clip(np.nan_to_num(np.stack([below, above], axis=2)), 0, self.coins.shape[3]).astype(np.int64)
        there = np.take_along_axis(running, np.maximum(edges - 1, 0), axis=3)
        there = np.where(edges > 0, there, 0.0)
        return np.stack([running[:, :, LONG, -1:] - there[:, :, LONG], there[:, :, SHORT]], axis=2)

    def bins(self) -> tuple[Array, NDArray[np.int64]]:
        """Return coins by bin within reach of price, (rows, assets, side, bins), and the first bin's number."""
        summed = self.coins[..., ::BIN_CELLS].copy()
        for cell in range(1, BIN_CELLS):  # four times as fast as a sum along an axis of five
            summed += self.coins[..., cell::BIN_CELLS]
        first = self.base // BIN_CELLS
        middle = (first[:, None] + np.arange(summed.shape[3])) * BIN_CELLS + BIN_CELLS // 2
        away = middle[None] - self.place[:, :, None]
        near = (away >= math.log1p(-self.reach) / GRID) & (away <= math.log1p(self.reach) / GRID)
        summed *= near[:, :, None, :]
        return summed, first


def blocks(
    bars: LevelBars, rows: int, window: int, reach: float = REACH, read: NDArray[np.bool_] | None = None
) -> Iterator[tuple[NDArray[np.int64], MapBlock]]:
    """Yield the map of the newest `rows` rows in pieces, each with its places among them.

    read: which of these rows are asked for, (rows); None: all.
    """
    count = len(bars.place)
    size = max(1, min(_ROWS, _FLOATS // (720 * bars.place.shape[1])))
    for first in range(count - rows, count, size):
        end = min(first + size, count)
        at = first - count + rows
        chosen = np.arange(end - first) if read is None else np.flatnonzero(read[at : at + end - first])
        if len(chosen):
            yield at + chosen, _block(bars, first, end, window, reach, chosen)


def _block(bars: LevelBars, first: int, end: int, window: int, reach: float, chosen: NDArray[np.int64]) -> MapBlock:
    rows, assets = end - first, bars.place.shape[1]
    begin = max(0, first - window + 1)
    place = bars.place[first:end]
    # Cohort and row numbers count from `begin` and from `first`; a cohort of row i of the block has number i + old - 1.
    old = first + 1 - begin
    alive = np.repeat((bars.opened[begin:end] > 0)[:, :, None, None], len(_WEIGHTS), axis=3) & np.ones((2, 1), bool)
    reached = np.minimum.accumulate(bars.low[first:begin:-1], axis=0)[::-1]
    alive[: old - 1, :, LONG] &= bars.cells[begin:first, :, LONG] < reached[:, :, None]
    reached = np.maximum.accumulate(bars.high[first:begin:-1], axis=0)[::-1]
    alive[: old - 1, :, SHORT] &= bars.cells[begin:first, :, SHORT] > reached[:, :, None]
    cohort, asset, side, leverage = np.nonzero(alive)
    cell = bars.cells[begin + cohort, asset, side, leverage].astype(np.int64)
    scale = bars.kept[first, asset] - bars.kept[begin + cohort, asset]
    coins = bars.opened[begin + cohort, asset] * _WEIGHTS[leverage] * np.exp(scale)
    born = np.maximum(cohort - old + 1, 0)
    gone = np.minimum(cohort + begin + window - first, rows)
    if rows > 1:
        gone = np.minimum(gone, _crossed(bars, first, end, born, cell, asset, side))
    if len(chosen) < rows:  # what lives between two of them alone is nowhere seen
        born, gone, rows = np.searchsorted(chosen, born), np.searchsorted(chosen, gone), len(chosen)
        lives = born < gone
        born, gone, cell, asset, side, coins = (of[lives] for of in (born, gone, cell, asset, side, coins))
    lowest, highest = _range(place)
    base = (lowest - 1 + math.floor(math.log1p(-reach) / GRID)) // BIN_CELLS * BIN_CELLS
    cells = (int((highest + 1 + math.ceil(math.log1p(reach) / GRID) - base).max()) // BIN_CELLS + 1) * BIN_CELLS
    left = np.exp(bars.kept[first:end][chosen] - bars.kept[first])
    line = asset * 2 + side
    totals = np.maximum(_over_time(born, gone, line, coins, rows, assets * 2), 0.0).reshape(rows, assets, 2)
    totals *= left[:, :, None]
    offset = cell - base[asset]
    seen = (offset >= 0) & (offset < cells)
    at = line[seen] * cells + offset[seen]
    found = _over_time(born[seen], gone[seen], at, coins[seen], rows, assets * 2 * cells)
    # A side is never more than the open interest; it can only seem so after a fall beyond _LEAST_KEPT.
    most = bars.coins[first:end][chosen][:, :, None]
    fits = np.where(totals > most, most / np.where(totals > 0, totals, 1.0), 1.0)
    dense = found.reshape(rows, assets, 2, cells)
    dense *= (left[:, :, None] * fits)[..., None]
    # What came and went leaves 1e-16 of itself behind: an empty cell is empty, or percentiles would rank what is not.
    dense *= dense >= most[..., None] * _NOTHING
    return MapBlock(dense, base, totals * fits, place[chosen], reach)


def _crossed(
    bars: LevelBars,
    first: int,
    end: int,
    born: NDArray[np.int64],
    cell: NDArray[np.int64],
    asset: NDArray[np.int64],
    side: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the row of a block in which each level is crossed; its number of rows where none does.

    Found by halves: the lowest low of stretches of 1, 2, 4 … rows tells whether the first crossing lies within.
    """
    rows = end - first
    # One question for both sides: a short is crossed where the negative of the highest price reaches its negative.
    away = np.stack([bars.low[first:end], -bars.high[first:end]], axis=2)
    target = np.where(side == LONG, cell, -cell)
    deepest = away[1:].min(axis=0)
    place = np.full(len(cell), rows)
    open_to = np.flatnonzero(deepest[asset, side] <= target)
    where, of, on, goal = born[open_to] + 1, asset[open_to], side[open_to], target[open_to]
    stretches = [away]
    while 2 ** len(stretches) < rows:
        half = 2 ** (len(stretches) - 1)
        longer = stretches[-1].copy()
        longer[:-half] = np.minimum(stretches[-1][:-half], stretches[-1][half:])
        stretches.append(longer)
    for power in reversed(range(len(stretches))):
        known = where < rows
        free = known & (stretches[power][np.minimum(where, rows - 1), of, on] > goal)
        where = where + free * 2**power
    place[open_to] = np.minimum(where, rows)
    return np.asarray(place, dtype=np.int64)


def _range(place: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the lowest and the highest cell of price of each asset; 0 where it has none."""
    unknown = np.isnan(place)
    none = unknown.all(axis=0)
    low = np.where(none, 0.0, np.where(unknown, np.inf, place).min(axis=0))
    high = np.where(none, 0.0, np.where(unknown, -np.inf, place).max(axis=0))
    return np.floor(low).astype(np.int64), np.ceil(high).astype(np.int64)


def _over_time(
    born: NDArray[np.int64], gone: NDArray[np.int64], at: NDArray[np.int64], coins: Array, rows: int, width: int
) -> Array:
    """Return (rows, width): what lives at each place in each row, from what is born and goes."""
    if rows == 1:
        return np.asarray(np.bincount(at, coins, width), dtype=float)[None, :]
    ends = gone < rows
    places = np.concatenate([born * width + at, (gone * width + at)[ends]])
    changes = np.bincount(places, np.concatenate([coins, -coins[ends]]), rows * width).reshape(rows, width)
    return np.asarray(np.cumsum(changes, axis=0, out=changes), dtype=float)


# --- for metrics and pictures -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MapHistory:
    """The newest rows of the map in coins of each side, (rows, assets, side); NaN where there is none.

    within: by distance from price (a fraction, one of BANDS). placed: at any price. peak: price of the middle of the
    largest bin within reach, NaN where nothing lies there; peak_coins: what is in it.
    """

    within: dict[float, Array]
    placed: Array
    peak: Array
    peak_coins: Array

    @classmethod
    def empty(cls, rows: int, assets: int, reach: float) -> MapHistory:
        """Return rows in which nothing is known."""
        none = np.full((rows, assets, 2), np.nan)
        return cls({band: none.copy() for band in BANDS if band <= reach}, none.copy(), none.copy(), none.copy())

    def arrays(self) -> tuple[Array, ...]:
        """Return all of it."""
        return (*self.within.values(), self.placed, self.peak, self.peak_coins)


class MapSeries:
    """The map of a panel's assets, read once for as many rows as are asked for, as series in coins and in prices.

    reach: how far from price it is read, a fraction. Who looks back on many rows needs less of it, at half the cost.
    read: which of the newest rows are asked for, None: all of them; the others are not known. Where one
    hour a day is asked for, that is half of the price.
    """

    def __init__(self, panel: Panel, reach: float = REACH, read: NDArray[np.bool_] | None = None) -> None:
        self._reach, self._read = reach, read
        self._inputs = [panel[name] for name in ("open_interest_coin", "high", "low", "close")]
        self._step = panel.step
        self._factors = _factors(panel)
        self._have: MapHistory | None = None

    def within(self, distance: float, side: int) -> Series:
        """Return the coins of a side within a distance of price."""
        return self._series(lambda found: found.within[distance][:, :, side])

    def placed(self, side: int) -> Series:
        """Return the coins of a side at any price."""
        return self._series(lambda found: found.placed[:, :, side])

    def peak(self, side: int) -> Series:
        """Return the price of the largest bin of a side."""
        return self._series(lambda found: found.peak[:, :, side])

    def peak_coins(self, side: int) -> Series:
        """Return the coins in the largest bin of a side."""
        return self._series(lambda found: found.peak_coins[:, :, side])

    def _series(self, pick: Callable[[MapHistory], Array]) -> Series:
        return Series(lambda rows: pick(self._history(rows))[-rows:], self._step)

    def _history(self, rows: int) -> MapHistory:
        if self._have is None or len(self._have.placed) < rows:
            window = window_rows(self._step)
            inputs = [series.last(rows + window + GAP) for series in self._inputs]
            least, read = least_rows(self._step), None
            if self._read is not None and rows <= len(self._read):
                read = self._read[-rows:]
            self._have = history(inputs, self._factors, rows, window, least, self._reach, read)
        return self._have


def window_rows(step: timedelta) -> int:
    """Return how many rows are in the window."""
    return math.ceil(WINDOW / step)


def least_rows(step: timedelta) -> int:
    """Return how many rows of the window must be known."""
    return math.ceil(LEAST / step)


def _factors(panel: Panel) -> Array:
    spreads = [spread_of(asset, panel.scope.get(("open_interest_coin", asset), ())) for asset in panel.assets]
    return np.array([[spread.longs, spread.shorts] for spread in spreads])


_TOGETHER: Final = 64  # rows of assets: the newest row of 500 assets at once would hold 300 MB


def history(
    inputs: Sequence[Array],
    factors: Array,
    rows: int,
    window: int,
    least: int,
    reach: float = REACH,
    read: NDArray[np.bool_] | None = None,
) -> MapHistory:
    """Return the map of the newest rows. inputs: coins, high, low, close, (rows, assets), old enough for the first.

    read: which of these rows are asked for; None: all.
    """
    assets = inputs[0].shape[1]
    out = MapHistory.empty(rows, assets, reach)
    size = max(1, _TOGETHER // rows)
    for first in range(0, assets, size):
        part = slice(first, min(first + size, assets))
        coins, high, low, close = (values[:, part] for values in inputs)
        bars = LevelBars.of(coins, high, low, close, factors[part])
        running: NDArray[np.int64] = np.cumsum(bars.known, axis=0)
        seen = running[-rows:] - running[len(running) - rows - window : len(running) - window]
        none = ~bars.known[-rows:] | (seen < least)
        if read is not None:
            none[~read] = True
        for where, block in blocks(bars, rows, window, reach, np.asarray(~none.all(axis=1))):
            for band, coins_within in zip(out.within, np.moveaxis(block.within(tuple(out.within)), 3, 0), strict=True):
                out.within[band][where, part] = coins_within
            out.placed[where, part] = block.totals
            if reach == REACH:  # the largest of a part of the map is nobody's question
                out.peak[where, part], out.peak_coins[where, part] = _peaks(block)
        for array in out.arrays():
            array[:, part][none] = np.nan
    return out


def _peaks(block: MapBlock) -> tuple[Array, Array]:
    """Return price and coins of the largest bin of each side, of equals the nearest: what rounds apart is equal."""
    bins, first = block.bins()
    most = bins.max(axis=3)
    largest = bins >= most[..., None] * (1 - 1e-9)
    last = bins.shape[3] - 1 - largest[:, :, LONG, ::-1].argmax(axis=2)
    best = np.stack([last, largest[:, :, SHORT].argmax(axis=2)], axis=2)
    price = np.exp(((first[:, None] + best) * BIN_CELLS + BIN_CELLS // 2) * GRID)
    return np.where(most > 0, price, np.nan), most


@dataclass(frozen=True, slots=True)
class PriceBins:
    """The map of one asset at one row, for a picture: dollars at price by bin, low prices first.

    edges: prices, one more than there are bins. longs, shorts: dollars of each bin.
    """

    price: float
    edges: Array
    longs: Array
    shorts: Array


def bins_at(panel: Panel, back: Sequence[int] = (0,)) -> list[PriceBins | None]:
    """Return the map of a panel's only asset, as it was so many rows ago; None where there was none."""
    step, names = panel.step, ("open_interest_coin", "high", "low", "close")
    window, rows = window_rows(step), max(back) + 1
    coins, high, low, close = (panel[name].last(rows + window + GAP) for name in names)
    bars = LevelBars.of(coins, high, low, close, _factors(panel))
    running = np.cumsum(bars.known[:, 0])
    found: dict[int, PriceBins | None] = {}
    for where, block in blocks(bars, rows, window):
        bins, first = block.bins()
        edges = (first[0] + np.arange(bins.shape[3] + 1)) * BIN_CELLS * GRID - GRID / 2
        for place, row in enumerate(where.tolist()):
            at = len(running) - rows + row
            if rows - 1 - row not in back:
                continue
            price = close[at, 0]
            usable = bars.known[at, 0] and running[at] - running[at - window] >= least_rows(step)
            if not usable:
                found[rows - 1 - row] = None
                continue
            middle = (edges[:-1] + edges[1:]) / 2 - math.log(price)
            near = np.flatnonzero((middle >= math.log1p(-REACH)) & (middle <= math.log1p(REACH)))
            part = slice(near[0], near[-1] + 1)
            dollars = bins[place, 0, :, part] * price
            of = np.exp(edges[part.start : part.stop + 1])
            found[rows - 1 - row] = PriceBins(float(price), of, dollars[LONG], dollars[SHORT])
    return [found[one] for one in back]


Dollars = TypeVar("Dollars", float, Series)


def per_percent(usd: Dollars, distance: float) -> Dollars:
    """Return dollars per 1 % of price. distance: how far from price they reach, a fraction, not 0 (a ValueError).

    What two sides hold is compared by this where they reach differently far: $6.5bn up to 92,000 and $1.2bn down to
    72,600 are 5.4 to 1 in total, and from 83,000 6.3 to 1 per 1 % (signals.md A15, 2026).
    """
    if not distance:
        raise ValueError("dollars that reach nowhere have no amount per 1 % of price")
    return usd / (abs(distance) * 100)
