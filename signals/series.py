"""Wide lazy series: one formula, evaluated over the whole history or for the newest rows only.

A metric writes `usd / usd.max(days(365)) - 1` once. Asked for every row, rolling windows run through pandas; asked for
the newest row, each window is reduced once, and only as many rows are read as the formula looks back. A property test
holds the two equal. Arrays are (rows, assets), rows ascending in time, float64, NaN = not known.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

import numpy as np

from signals.statistics.rolling import latest_top, rolled_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Speakers = tuple[tuple[str, ...], NDArray[np.int8]]  # venues, and which of them speaks in each row; -1: none
    Reduce = Callable[[Array], Array]  # (rows, assets) -> (assets)

FEW_ROWS = 8  # up to here a reduction per row is cheaper than a rolling pass over the window
MIN_SHARE = 2 / 3  # of a window's points must exist, else the answer is "learning", never a number


def hours(count: float) -> timedelta:
    """Return a window of `count` hours."""
    return timedelta(hours=count)


def days(count: float) -> timedelta:
    """Return a window of `count` days."""
    return timedelta(days=count)


class Series:
    """One lazy wide series on a regular grid. Arithmetic is row by row; NaN in, NaN out."""

    __array_ufunc__ = None  # numpy must leave `array * series` to us
    __hash__ = None  # type: ignore[assignment]  # == builds a series, so a series is not a key
    __slots__ = ("_have", "_make", "step")

    def __init__(self, make: Callable[[int], Array], step: timedelta) -> None:
        self._make = make
        self._have: Array | None = None
        self.step = step

    def last(self, rows: int) -> Array:
        """Return the newest `rows` rows, shape (rows, assets); rows before the data began are NaN."""
        if self._have is None or len(self._have) < rows:
            with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
                self._have = self._make(rows)
        return self._have[len(self._have) - rows :]

    def _combine(self, other: Series | float, how: Callable[[Any, Any], Any]) -> Series:
        def make(rows: int) -> Array:
            right = other.last(rows) if isinstance(other, Series) else other
            return np.asarray(how(self.last(rows), right), dtype=float)

        return Series(make, self.step)

    def map(self, how: Callable[[Array], Array]) -> Series:
        """Apply an element-wise function."""
        return Series(lambda rows: np.asarray(how(self.last(rows)), dtype=float), self.step)

    def __add__(self, other: Series | float) -> Series:
        return self._combine(other, operator.add)

    def __radd__(self, other: float) -> Series:
        return self._combine(other, lambda mine, theirs: theirs + mine)

    def __sub__(self, other: Series | float) -> Series:
        return self._combine(other, operator.sub)

    def __rsub__(self, other: float) -> Series:
        return self._combine(other, lambda mine, theirs: theirs - mine)

    def __mul__(self, other: Series | float) -> Series:
        return self._combine(other, operator.mul)

    def __rmul__(self, other: float) -> Series:
        return self._combine(other, lambda mine, theirs: theirs * mine)

    def __truediv__(self, other: Series | float) -> Series:
        return self._combine(other, _divide)

    def __rtruediv__(self, other: float) -> Series:
        return self._combine(other, lambda mine, theirs: _divide(theirs, mine))

    def __neg__(self) -> Series:
        return self.map(np.negative)

    def __lt__(self, other: Series | float) -> Series:
        return self._truth(other, np.less)

    def __le__(self, other: Series | float) -> Series:
        return self._truth(other, np.less_equal)

    def __gt__(self, other: Series | float) -> Series:
        return self._truth(other, np.greater)

    def __ge__(self, other: Series | float) -> Series:
        return self._truth(other, np.greater_equal)

    def _truth(self, other: Series | float, how: Callable[[Any, Any], Any]) -> Series:
        """Compare: 1.0, 0.0, or NaN where either side is not known."""

        def compare(left: Any, right: Any) -> Any:
            return np.where(np.isnan(left) | np.isnan(right), np.nan, how(left, right))

        return self._combine(other, compare)

    def both(self, other: Series) -> Series:
        """Combine two truths: 1.0 where both hold, NaN where either is not known."""
        return self * other

    def where(self, condition: Series, otherwise: Series | float = math.nan) -> Series:
        """Keep this value where `condition` is 1.0, else take `otherwise`; NaN where the condition is not known."""

        def make(rows: int) -> Array:
            truth = condition.last(rows)
            other = otherwise.last(rows) if isinstance(otherwise, Series) else otherwise
            return np.where(np.isnan(truth), np.nan, np.where(truth == 1.0, self.last(rows), other))

        return Series(make, self.step)

    def log(self) -> Series:
        """Return the natural logarithm; NaN where the value is not positive."""
        return self.map(lambda values: np.log(np.where(values > 0, values, np.nan)))

    def abs(self) -> Series:
        """Return the absolute value."""
        return self.map(np.abs)

    def sign(self) -> Series:
        """Return −1, 0 or 1."""
        return self.map(np.sign)

    def lag(self, window: timedelta) -> Series:
        """Return the value `window` ago: exactly that row, NaN if it is not known or the window is below one step."""
        ago = self._count(window)
        if ago is None:
            return self._never()
        return Series(lambda rows: self.last(rows + ago)[:rows], self.step)

    def change(self, window: timedelta) -> Series:
        """Return the value less the value `window` ago."""
        return self - self.lag(window)

    def mean(self, window: timedelta, *, least: timedelta | None = None) -> Series:
        """Return the mean of the window that ends with this row; NaN if under 2/3 (or `least`) of it is known."""
        return self._roll(window, lambda part: _quiet(np.nanmean, part), lambda rolled: rolled.mean(), least)

    def total(self, window: timedelta) -> Series:
        """Return the sum over the window, which must be whole: a part of a flow is not the flow."""
        return self._roll(window, lambda part: np.sum(part, axis=0), lambda rolled: rolled.sum(), window)

    def max(self, window: timedelta, *, least: timedelta | None = None) -> Series:
        """Return the highest value of the window that ends with this row; NaN if under 2/3 (or `least`) is known.

        A `least` below 2/3 suits an extreme: of a shorter history it is still a true statement about that history.
        """
        return self._roll(window, lambda part: _quiet(np.nanmax, part), lambda rolled: rolled.max(), least)

    def min(self, window: timedelta, *, least: timedelta | None = None) -> Series:
        """Return the lowest value of the window that ends with this row; NaN if under 2/3 (or `least`) is known."""
        return self._roll(window, lambda part: _quiet(np.nanmin, part), lambda rolled: rolled.min(), least)

    def median(self, window: timedelta, *, least: timedelta | None = None) -> Series:
        """Return the median of the window that ends with this row; NaN if under 2/3 (or `least`) of it is known."""
        return self._roll(window, lambda part: _quiet(np.nanmedian, part), lambda rolled: rolled.median(), least)

    def percentile(self, window: timedelta, *, split_ties: bool = False) -> Series:
        """Return the share (0 to 1) of the window's known values at or below this one, this one among them.

        split_ties: count only half of the values equal to this one (mid-rank), for a series that rests on one value:
        "at or below" would call the resting value the highest of the year.
        """

        def reduce(part: Array) -> Array:
            now = part[-1]
            known = np.sum(~np.isnan(part), axis=0)
            rank = np.sum(part <= now, axis=0).astype(float)
            if split_ties:
                rank -= (np.sum(part == now, axis=0) - 1) / 2
            return np.where(np.isnan(now), np.nan, rank / np.where(known, known, np.nan))

        ties = "average" if split_ties else "max"
        return self._roll(window, reduce, lambda rolled: rolled.rank(method=ties, pct=True))

    def zscore(self, window: timedelta) -> Series:
        """Return (x − mean) / sd of the window before this row.

        This row is left out and sd has n − 1. NaN if under 2/3 of the points are known or sd is 0: not known, never 0.
        """
        return (self - self.lag(self.step).mean(window)) / self.lag(self.step).deviation(window)

    def deviation(self, window: timedelta) -> Series:
        """Return the standard deviation (n − 1) of the window that ends with this row; NaN where it is 0."""
        raw = self._roll(window, _sample_deviation, lambda rolled: rolled.std())
        # Rounding leaves 1e-17 where 0 is meant, and a z of 10^12 after it: below 1e-12 of the values it is 0.
        return raw.where(raw > self.abs().max(window) * 1e-12)

    def since_max(self, window: timedelta, *, least: timedelta | None = None) -> Series:
        """Return how many rows ago the window's highest value was (the latest one of equals)."""
        return self._at_max(window, None, least)

    def at_max_of(self, other: Series, window: timedelta, *, least: timedelta | None = None) -> Series:
        """Return this series' value at the row where `other` was highest in the window."""
        return other._at_max(window, self, least)

    def since_as_high(self, window: timedelta) -> Series:
        """Return how many rows ago a value was last as high as this one; all of the window where none was.

        Found by doubling, from the highest of 1, 2, 4 ... rows up to each row: two years of hours take 15 steps.
        """
        count = self._count(window)
        if count is None:
            return self._never()

        def make(rows: int) -> Array:
            values = self.last(rows + count - 1)
            high = [np.where(np.isnan(values), -np.inf, values)]
            while (span := 1 << (len(high) - 1)) < count - 1:
                high.append(np.concatenate([high[-1][:span], np.maximum(high[-1][span:], high[-1][:-span])]))
            now, row = values[count - 1 :], np.arange(count - 1, len(values))[:, None]
            back = np.ones(now.shape, dtype=int)
            for size in range(len(high) - 1, -1, -1):
                back += (high[size][np.maximum(row - back, 0), np.arange(now.shape[1])] < now) << size
            return np.where(np.isnan(now), np.nan, np.minimum(back, count))

        return Series(make, self.step)

    def _at_max(self, window: timedelta, pick: Series | None, least: timedelta | None) -> Series:
        count = self._count(window)
        if count is None:
            return self._never()
        need = self._need(count, least)

        def make(rows: int) -> Array:
            values = self.last(rows + count - 1)
            filled = np.where(np.isnan(values), -np.inf, values)
            if rows <= FEW_ROWS:  # reversed: argmax finds the first, we want the latest
                ago = np.stack([np.argmax(filled[row : row + count][::-1], axis=0) for row in range(rows)])
            else:
                ago = np.arange(count - 1, len(values))[:, None] - latest_top(filled, count)[count - 1 :]
            row = np.arange(rows)[:, None] + count - 1 - ago
            told = ago if pick is None else np.take_along_axis(pick.last(rows + count - 1), row, axis=0)
            return np.where(self.known(window).last(rows) >= need, told, np.nan)

        return Series(make, self.step)

    def streak(self, window: timedelta) -> Series:
        """Return for how many rows in a row, this one last, the truth has held; at most the window. NaN ends it."""
        count = self._count(window)
        if count is None:
            return self._never()

        def make(rows: int) -> Array:
            truth = self.last(rows + count)
            row = np.arange(len(truth), dtype=float)[:, None]
            broken = np.maximum.accumulate(np.where(truth == 1.0, -1.0, row), axis=0)
            return np.where(np.isnan(truth), np.nan, np.minimum(row - broken, count))[count:]

        return Series(make, self.step)

    def known(self, window: timedelta) -> Series:
        """Return how many of the window's points are known."""
        truth = self.map(lambda values: (~np.isnan(values)).astype(float))
        return truth.total(max(window, self.step))

    def _count(self, window: timedelta) -> int | None:
        """Rows in the window; None when the window is shorter than a step, which this grid cannot tell."""
        return None if window < self.step else math.ceil(window / self.step)

    def _need(self, count: int, least: timedelta | None) -> int:
        """Rows of a window of `count` that must be known."""
        return max(1, math.ceil(MIN_SHARE * count) if least is None else min(count, math.ceil(least / self.step)))

    def _never(self) -> Series:
        return self.map(lambda values: np.full_like(values, np.nan))

    def _roll(
        self, window: timedelta, reduce: Reduce, roll: Callable[[Any], Any], least: timedelta | None = None
    ) -> Series:
        """Reduce each window: a few rows one by one and exactly, a whole history in one rolling pass.

        The rolling pass updates sums, so some 1e-16 of the (squared) largest value seen before stays in them. That is
        nothing for logarithms and shares, which is what our deviations are taken of.
        """
        count = self._count(window)
        if count is None:
            return self._never()
        need = self._need(count, least)

        def make(rows: int) -> Array:
            values = self.last(rows + count - 1)
            known = ~np.isnan(values)
            if rows <= FEW_ROWS:
                some = [np.sum(known[row : row + count], axis=0) >= need for row in range(rows)]
                parts = [reduce(values[row : row + count]) if some[row].any() else np.nan for row in range(rows)]
                return np.stack([np.where(some[row], parts[row], np.nan) for row in range(rows)])
            # A window of a year over a history of days: before it began there is nothing to roll over.
            rolled, begun = np.full(values.shape, np.nan), int(np.argmax(known.any(axis=1)))
            rolled[begun:] = rolled_over(values[begun:], count, need, roll)
            return rolled[count - 1 :]

        return Series(make, self.step)


def _divide(left: Any, right: Any) -> Any:
    """Divide; a division by zero is not known, never infinite."""
    return np.where(np.equal(right, 0), np.nan, np.divide(left, right))


def _quiet(how: Callable[..., Any], part: Array) -> Array:
    """Reduce over rows; a column without any value gives NaN and no warning."""
    some = ~np.isnan(part).all(axis=0)
    result: Array = np.full(part.shape[1], np.nan)
    if some.any():
        result[some] = how(part[:, some], axis=0)
    return result


def _sample_deviation(part: Array) -> Array:
    known = ~np.isnan(part)
    count = known.sum(axis=0).astype(float)
    filled = np.where(known, part, 0.0)
    mean = filled.sum(axis=0) / np.where(count > 0, count, np.nan)
    squares = np.where(known, (filled - mean) ** 2, 0.0).sum(axis=0)
    return np.asarray(np.sqrt(squares / np.where(count > 1, count - 1, np.nan)), dtype=float)


# Why a venue is no part of a figure: its history begins later or ended before, it has no value of now, it has holes, or
# it would be one of too few.
Absence: TypeAlias = Literal["begins", "ended", "silent", "holes", "few"]


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of the market a figure of open interest is.

    venues: those it rests on. left_out: the others with figures in its window, each with its reason. share: usual open
    interest of the venues as a part of that of all (0 to 1); None where nothing is known of it. enough: below it a sum
    is no total, and the figure is not known.
    """

    venues: tuple[str, ...]
    left_out: Mapping[str, Absence]
    share: float | None
    enough: bool = True


@dataclass(frozen=True)
class Panel:
    """Inputs on one regular grid.

    at: open time of each row, UTC, one step apart without gaps. values: per input (rows, assets). Row `at` holds what
    belongs to [at, at + step) and may be used from at + step on. scope: which venues each (input, asset) came from:
    those of a sum are the same in every row, else the one that spoke last. spoke: who spoke in each row, where that is
    not one venue in all of them; the usual one comes first. derived: the inputs that were computed from others and must
    be said so, e.g. coins from dollars and price. coverage: by asset, of open interest where several venues have it.
    read: which of the newest rows somebody looks at; what is dear to compute may leave out the others. None: all.
    """

    step: timedelta
    at: pd.DatetimeIndex
    assets: tuple[str, ...]
    values: Mapping[str, Array]
    scope: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    derived: frozenset[tuple[str, str]] = frozenset()
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    spoke: Mapping[tuple[str, str], Speakers] = field(default_factory=dict)
    read: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.at)

    @cached_property
    def closes(self) -> pd.DatetimeIndex:
        """When each row became known."""
        return self.at + self.step

    def __getitem__(self, name: str) -> Series:
        """Return one input as a lazy series; all NaN where nothing of it is stored."""
        values = self.values.get(name)
        width = len(self.assets)

        def make(rows: int) -> Array:
            if values is None:
                return np.full((rows, width), np.nan)
            short = rows - len(values)
            if short <= 0:
                return values[len(values) - rows :]
            return np.concatenate([np.full((short, width), np.nan), values])

        return Series(make, self.step)

    def venues(self, asset: str, names: Iterable[str], row: int | None = None) -> tuple[str, ...]:
        """Return the venues that inputs of an asset came from, each once; with `row`, in that row."""
        return tuple(dict.fromkeys(venue for name in names for venue in self._spoke_in(name, asset, row)))

    def _spoke_in(self, name: str, asset: str, row: int | None) -> tuple[str, ...]:
        if row is None or (name, asset) not in self.spoke:
            return self.scope.get((name, asset), ())
        venues, spoke = self.spoke[name, asset]
        return (venues[spoke[row]],) if spoke[row] >= 0 else ()

    def stood_in(self, asset: str, names: Iterable[str], row: int) -> tuple[str, ...]:
        """Return the venues that speak as a rule and did not in a row, in which another one stood in for them."""
        relays = [self.spoke[name, asset] for name in names if (name, asset) in self.spoke]
        return tuple(dict.fromkeys(venues[0] for venues, spoke in relays if spoke[row] > 0))

    def until(self, row: int) -> Self:
        """Return the panel as it was when row number `row` had just closed."""
        return self.between(0, row + 1)

    def between(self, first: int, end: int) -> Self:
        """Return rows [first, end)."""
        return type(self)(
            self.step,
            self.at[first:end],
            self.assets,
            {name: values[first:end] for name, values in self.values.items()},
            self.scope,
            self.derived,
            self.coverage,
            {key: (venues, spoke[first:end]) for key, (venues, spoke) in self.spoke.items()},
        )
