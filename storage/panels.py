"""From stored points to the regular grid that metrics read: folding, choosing a venue, deriving what is missing.

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
from signals.series import Panel
from storage import points
from storage.db import to_ms

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.inputs import Input
    from signals.metric import Metric
    from signals.series import Array
    from storage.db import Store

Times: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]
DAY = timedelta(days=1)
NEARLY = 0.9  # of the fullest venue's points: as good as full
NEWEST = 64  # points that tell how fine a series is


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


def panel(
    store: Store,
    names: Sequence[str],
    assets: Sequence[str],
    *,
    step: timedelta,
    start: datetime,
    end: datetime,
    now: datetime | None = None,
) -> Panel:
    """Read inputs onto the grid of rows that open in [start, end) and are whole.

    With `now`, one more row is read: the unfinished one that holds `now`. In it flows are not known (a part of a day
    is not a day), everything else is its newest value while that is fresh.
    """
    first = floor(start, step)
    last = floor(now, step) + step if now else floor(end, step)
    grid = Grid(first, step, max(0, round((last - first) / step)))
    values = {name: np.full((grid.count, len(assets)), np.nan) for name in names}
    scope: dict[tuple[str, str], str] = {}
    for column, asset in enumerate(assets):
        for name in names:
            venue = _speaker(store, asset, name, grid)
            if venue is None:
                continue
            scope[name, asset] = venue
            values[name][:, column] = _read(store, asset, venue, INPUTS[name], grid, now)
    derived = _derive(values, tuple(assets))
    index = pd.date_range(grid.start, periods=grid.count, freq=pd.Timedelta(step), tz=UTC)
    return Panel(step, index, tuple(assets), values, scope, frozenset(derived))


def _speaker(store: Store, asset: str, name: str, grid: Grid) -> str | None:
    """Choose the venue that speaks for an input: of those that are up to date at the grid's end, the fullest one.

    Of venues about as full as that the same one speaks every time, a sum over all first and then Binance: two that are
    asked side by side differ by a few points, and a speaker that changes with them would move every figure.

    One venue for the whole span: a sum whose members come and go would show their coming and going as news.
    """
    every = [each for each in points.stored(store, asset, name) if each.first < to_ms(grid.end)]
    venues = sorted({each.venue for each in every})
    if len(venues) < 2:
        return venues[0] if venues else None
    newest: dict[str, int] = {}
    for each in every:
        last = each.last if each.last < to_ms(grid.end) else points.last_before(store, asset, name, each, grid.end)
        newest[each.venue] = max(last, newest.get(each.venue, last))
    current = max(newest.values()) - round(DAY.total_seconds() * 1000)
    counts = {
        venue: points.count(store, asset, venue, name, start=grid.start, end=grid.end)
        for venue in venues
        if newest[venue] >= current
    }
    full = [venue for venue in counts if counts[venue] >= NEARLY * max(counts.values())]
    return min(full, key=lambda venue: (points.place(venue), -counts[venue], venue))


def of_venue(store: Store, asset: str, venue: str, name: str, grid: Grid) -> Array:
    """Read one input of one venue onto a grid; NaN where it is not known."""
    return _read(store, asset, venue, INPUTS[name], grid, None)


def _read(store: Store, asset: str, venue: str, each: Input, grid: Grid, now: datetime | None) -> Array:
    before = max(each.in_force, each.fresh_for, grid.step)  # what was known just before the grid may still rule
    times, steps, columns = points.columns(
        store, asset, venue, [each.name], start=grid.start - before, end=min(grid.end, now) if now else grid.end
    )
    values = np.array(columns[each.name], dtype=float)  # None becomes NaN
    known = ~np.isnan(values)
    at, length, values = np.array(times, dtype=np.int64)[known], np.array(steps, dtype=np.int64)[known], values[known]
    lead = math.ceil(before / grid.step)
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


def _derive(values: dict[str, Array], assets: tuple[str, ...]) -> list[tuple[str, str]]:
    """Fill coins from dollars and price of the same row, or dollars from coins, where a provider gives only one."""
    usd, coin, price = (values.get(name) for name in ("open_interest_usd", "open_interest_coin", "close"))
    if usd is None or coin is None or price is None:
        return []
    derived = []
    for i, asset in enumerate(assets):
        if np.isnan(coin[:, i]).all() and not np.isnan(usd[:, i]).all():
            coin[:, i] = usd[:, i] / price[:, i]
            derived.append(("open_interest_coin", asset))
        elif np.isnan(usd[:, i]).all() and not np.isnan(coin[:, i]).all():
            usd[:, i] = coin[:, i] * price[:, i]
            derived.append(("open_interest_usd", asset))
    return derived


def step_for(store: Store, metric: Metric, asset: str, start: datetime, end: datetime) -> timedelta:
    """Return the step to judge a metric at: its own where the stored data is that fine, else a day.

    Imported history is often daily; an hourly rule is then judged at daily closes, and the stamp says so.
    """
    if metric.step >= DAY:
        return metric.step
    for name in metric.needs:
        venue = _speaker(store, asset, name, Grid(start, metric.step, max(1, round((end - start) / metric.step))))
        finest = None if venue is None else _finest(store, asset, venue, name, max(start, end - 60 * DAY), end)
        if finest and finest > max(metric.step, INPUTS[name].in_force) * 1.5:
            return DAY
    return metric.step


def _finest(store: Store, asset: str, venue: str, name: str, start: datetime, end: datetime) -> timedelta | None:
    """Return how far apart the newest values lie; None if there are none."""
    if INPUTS[name].kind == "bar":
        steps = [
            each.step
            for each in points.stored(store, asset, name)
            if each.venue == venue and each.first < to_ms(end) and each.last >= to_ms(start)
        ]
        return timedelta(seconds=min(steps)) if steps else None
    times = points.last_times(store, asset, venue, name, start=start, end=end, most=NEWEST)
    if not times:
        return None
    return timedelta(milliseconds=float(np.median(-np.diff(times)))) if len(times) > 1 else DAY


def needs(metric: Metric) -> tuple[str, ...]:
    """Return the inputs to read for a metric: its own, and what they are derived from."""
    extra = ("open_interest_usd", "close") if "open_interest_coin" in metric.needs else ()
    return tuple(dict.fromkeys((*metric.needs, *extra)))
