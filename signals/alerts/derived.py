"""Values that are computed from the rows of another one: its change over a time, and the closes at which it crosses.

    change(t)     = x(t) / x(t − over) − 1
    difference(t) = x(t) − x(t − over)
    crossed(t)    = 1 where x(t) lies beyond the line and was on its other side before, else 0

Before means, of the last `SETTLED` closes: the last one that was beyond the line, or on the other side of it by more
than a dead band, was the latter; or none was beyond the line, 2/3 of them being known. So noise around a line is one
crossing, and price that has rested just under it for a day crosses it all the same. Definitions of our own, 2026-11. A
rule that is stepped over whole history and one that is given `lead` more rows than it judges see the same values.

NaN handling: a change is not known where either of its ends is not. A crossing is not known where the value is not, or
where it lies beyond the line and too few of the closes before are known to say from where it came.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import numpy as np

from signals.series import MIN_SHARE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signals.series import Array

Made: TypeAlias = Literal["change", "difference", "crosses", "crosses_above", "crosses_below"]
CROSSINGS: Final = frozenset({"crosses", "crosses_above", "crosses_below"})
SETTLED: Final = 24  # closes on one side after which the next one beyond the line has crossed it, however near it was


@dataclass(frozen=True, slots=True)
class Derived:
    """One value computed from the rows of another.

    name: its whole name (`oi_coins.value_change_180m`). of: the whole name of the value it is computed from. kind: see
    above; a crossing is of a line, from below (`crosses_above`), from above, or from either side. over: how far back a
    change looks. line, band: of a crossing, in the unit of the value.
    """

    name: str
    of: str
    kind: Made
    over: timedelta = timedelta(0)
    line: float = 0.0
    band: float = 0.0

    def lead(self, step: timedelta) -> int:
        """Return how many rows of a clock it reads before the first one that is judged."""
        return SETTLED if self.kind in CROSSINGS else math.ceil(self.over / step)

    def of_rows(self, rows: Array, step: timedelta) -> Array:
        """Compute it at each of the rows, which lie `step` apart; NaN where too few rows lie before.

        rows: (rows), or (rows, assets), each asset by itself.

        A change over less than a step, or over no whole number of them, is nowhere known.
        """
        if self.kind == "crosses":
            return np.maximum(self._crossed(rows, 1.0), self._crossed(rows, -1.0))
        if self.kind in CROSSINGS:
            return self._crossed(rows, 1.0 if self.kind == "crosses_above" else -1.0)
        ago = self.lead(step)
        found = np.full(rows.shape, np.nan)
        if self.over % step or not 0 < ago < len(rows):
            return found
        now, then = rows[ago:], rows[:-ago]
        if self.kind == "difference":
            found[ago:] = now - then
        else:
            np.divide(now, then, out=found[ago:], where=then != 0)
            found[ago:] -= 1
        return found

    def _crossed(self, rows: Array, way: float) -> Array:
        """Return 1 where the line is crossed upwards (way 1) or downwards (−1), 0 where not, NaN where not known."""
        beyond = way * (rows - self.line)
        shape = (1, *rows.shape[1:])
        place = np.arange(len(rows)).reshape(-1, *[1] * (rows.ndim - 1))
        never = np.full(shape, -SETTLED - 1)
        since_on, since_off = (
            place - np.concatenate([never, np.maximum.accumulate(np.where(where, place, never), axis=0)[:-1]])
            for where in (beyond > 0, beyond < -self.band)
        )
        seen = np.concatenate([np.zeros((SETTLED + 1, *shape[1:])), np.cumsum(~np.isnan(rows), axis=0)])
        known = seen[SETTLED:-1] - seen[: -SETTLED - 1]
        came = (since_off <= SETTLED) & (since_off < since_on)
        rested = (since_on > SETTLED) & (known >= math.ceil(MIN_SHARE * SETTLED))
        truth = np.where(came | rested, 1.0, np.where(since_on > SETTLED, np.nan, 0.0))
        return np.where(np.isnan(rows), np.nan, np.where(beyond > 0, truth, 0.0))


def with_derived(derived: Sequence[Derived], values: Mapping[str, Array], step: timedelta) -> dict[str, Array]:
    """Return values, and those derived from them, at rows `step` apart. A value that is missing is not known."""
    found = dict(values)
    count = len(next(iter(values.values()), ()))
    for one in derived:
        rows = values.get(one.of)
        found[one.name] = np.full(count, np.nan) if rows is None else one.of_rows(rows, step)
    return found
