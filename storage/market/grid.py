"""The regular grid that metrics read, and one venue's points folded onto it.

Nothing is invented: a gap stays NaN, a coarser flow is summed only from a complete set of finer bars, and a value
rules beyond its own row only as long as its input is in force.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from signals.inputs import INPUTS
from signals.units import to_ms
from storage.market import points

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.inputs import Input
    from signals.series import Array
    from storage.engine.database import Store

Times: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Grid:
    """The rows of a panel: `count` steps from `start` on, which lies on a whole step."""

    start: datetime
    step: timedelta
    count: int

    @property
    def end(self) -> datetime:
        """When the last row closes."""
        return self.start + self.step * self.count

    def place(self, times: Times) -> Times:
        """Return the row of each time (ms)."""
        return (times - to_ms(self.start)) // round(self.step.total_seconds() * 1000)


def floor(at: datetime, step: timedelta) -> datetime:
    """Return the whole step at or before a time, counted from 1970 in UTC."""
    seconds = step.total_seconds()
    return datetime.fromtimestamp(math.floor(at.timestamp() / seconds) * seconds, tz=UTC)


def of_venue(
    store: Store, asset: str, venue: str, names: Sequence[str], grid: Grid, now: datetime | None = None
) -> dict[str, Array]:
    """Read inputs of one kind (bars or levels) of one venue onto a grid, by name; NaN where one is not known.

    With `now` the last row is the unfinished one that holds it: the newest value, no flow, nothing from after `now`.
    """
    every = [INPUTS[name] for name in names]
    # What was known just before the grid may still rule.
    before = max(grid.step, *(max(each.in_force, each.fresh_for) for each in every))
    times, steps, columns = points.columns(
        store, asset, venue, names, start=grid.start - before, end=min(grid.end, now) if now else grid.end
    )
    at, length = np.array(times, dtype=np.int64), np.array(steps, dtype=np.int64)
    return {
        each.name: _column(each, at, length, np.array(columns[each.name], dtype=float), grid, now) for each in every
    }


def _column(each: Input, at: Times, length: Times, values: Array, grid: Grid, now: datetime | None) -> Array:
    known = ~np.isnan(values)
    at, length, values = at[known], length[known], values[known]
    lead = math.ceil(max(each.in_force, each.fresh_for, grid.step) / grid.step)
    wide = Grid(grid.start - lead * grid.step, grid.step, grid.count + lead)
    column = np.full(wide.count, np.nan)
    for step in np.unique(length).tolist():  # coarser ones last: what the venue itself summed is exact
        if step and step > grid.step.total_seconds():
            continue
        folded = _fold(each, wide, step, at[length == step], values[length == step])
        column = np.where(np.isnan(folded), column, folded)
    _carry(column, math.ceil(each.in_force / grid.step) - 1)
    if now is not None and each.fold != "sum" and len(column) and len(at):
        _run(column, each, int(at[-1] + length[-1] * 1000), float(values[-1]), now)
    return column[lead:]


def _fold(each: Input, grid: Grid, step: int, at: Times, value: Array) -> Array:
    """Fold points into rows of the grid: bars of `step` seconds, or instants where it is 0."""
    out = np.full(grid.count, np.nan)
    place = grid.place(at)
    inside = (place >= 0) & (place < grid.count)
    place, value = place[inside], value[inside]
    match each.fold:
        case "last":
            out[place] = value  # ascending in time: the last write wins
        case "first":
            out[place[::-1]] = value[::-1]
        case "max":
            np.fmax.at(out, place, value)
        case "min":
            np.fmin.at(out, place, value)
        case "sum":
            need = round(grid.step.total_seconds() / step) if step else 1
            count = np.bincount(place, minlength=grid.count)
            out = np.where(count >= need, np.bincount(place, weights=value, minlength=grid.count), np.nan)
    return out


def _carry(column: Array, limit: int) -> None:
    """Let a published value rule the rows after it, as long as it is in force."""
    if limit > 0:
        column[:] = pd.Series(column).ffill(limit=limit).to_numpy()


def _run(column: Array, each: Input, known_at: int, value: float, now: datetime) -> None:
    """Give the unfinished row the newest value while that is fresh. known_at: ms at which it became known."""
    if math.isnan(column[-1]) and to_ms(now) - known_at <= each.fresh_for.total_seconds() * 1000:
        column[-1] = value
