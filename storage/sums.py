"""Sums over venues that compare like with like: who is missing is named, and never looks like a fall.

A total of whoever happens to answer drops when one does not, and rises when one is added. So a total has the same
members in every row, and says how much of the usual market they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.inputs import EVERYWHERE, INPUTS
from storage import panels, points
from storage.db import to_ms
from storage.panels import Grid, floor

if TYPE_CHECKING:
    from datetime import datetime

    from signals.series import Array
    from storage.db import Store

USUAL: Final = timedelta(days=30)
EDGE: Final = 1  # rows at either end of the window that a member may lack: it is published a little later than another
WHOLE: Final = 0.95  # of the rows that anybody knows a member must know; the rows it lacks are unknown for the total
ENOUGH: Final = 0.6  # of the usual open interest: below it no total should be shown, only the venues singly


@dataclass(frozen=True, slots=True)
class Total:
    """A sum over venues.

    values: one a row, NaN where a member is not known. members: the venues summed, in every row the same. left_out:
    venues that have figures in the window, and why they are not in the sum. coverage: usual open interest (USD, median
    of 30 days) of the members as a part of that of all venues; None where nothing is known of it.
    """

    values: Array
    members: tuple[str, ...]
    left_out: dict[str, str]
    coverage: float | None


def total(store: Store, asset: str, name: str, *, step: timedelta, start: datetime, end: datetime) -> Total:
    """Sum an input over the venues that know it in every row that opens in [start, end).

    A figure that is already summed (venue `all`) is never mixed with others. ValueError for an input that cannot be
    summed.
    """
    if INPUTS[name].across != "sum":
        raise ValueError(f"{name} cannot be summed over venues.")
    first, last = floor(start, step), floor(end, step)
    grid = Grid(first, step, max(0, round((last - first) / step)))
    rows = {venue: panels.of_venue(store, asset, venue, name, grid) for venue in _venues(store, asset, name, grid)}
    rows = {venue: values for venue, values in rows.items() if not np.isnan(values).all()}
    if not rows:
        return Total(np.full(grid.count, np.nan), (), {}, None)
    anybody = ~np.isnan(np.array(list(rows.values()))).all(axis=0)
    left_out = {venue: why for venue, values in rows.items() if (why := _lacks(values, anybody, grid))}
    members = tuple(venue for venue in rows if venue not in left_out)
    values = np.sum([rows[venue] for venue in members], axis=0) if members else np.full(grid.count, np.nan)
    return Total(values, members, left_out, coverage(store, asset, members, end))


def coverage(store: Store, asset: str, members: tuple[str, ...], end: datetime) -> float | None:
    """Return which part of the usual open interest these venues are: medians of the 30 days before `end`, in USD.

    Medians on both sides: a market that falls is no venue that is missing.
    """
    step = timedelta(hours=1)
    last = floor(end, step)
    grid = Grid(last - USUAL, step, round(USUAL / step))
    usual: dict[str, float] = {}
    for venue in _venues(store, asset, "open_interest_usd", grid):
        values = panels.of_venue(store, asset, venue, "open_interest_usd", grid)
        if not np.isnan(values).all():
            usual[venue] = float(np.nanmedian(values))
    whole = sum(usual.values())
    return sum(usual.get(venue, 0.0) for venue in members) / whole if whole > 0 else None


def _venues(store: Store, asset: str, name: str, grid: Grid) -> list[str]:
    """List the venues with figures in reach of the grid, those that are sums themselves left out."""
    start, end = to_ms(grid.start), to_ms(grid.end)
    found = [each for each in points.stored(store, asset, name) if each.first < end and each.known >= start]
    return sorted({each.venue for each in found} - {EVERYWHERE})


def _lacks(values: Array, anybody: np.ndarray[tuple[int], np.dtype[np.bool_]], grid: Grid) -> str | None:
    """Say why a venue is no member: it begins or ends inside the window, or has holes; None if it is one."""
    due = np.flatnonzero(anybody)
    have = np.flatnonzero(~np.isnan(values))
    if have[0] > due[min(EDGE, len(due) - 1)]:
        return f"begins {grid.start + int(have[0]) * grid.step:%Y-%m-%d %H:%M} UTC"
    if have[-1] < due[-1]:
        return f"ends {grid.start + (int(have[-1]) + 1) * grid.step:%Y-%m-%d %H:%M} UTC"
    if len(have) < WHOLE * len(due):
        return f"misses {len(due) - len(have)} of {len(due)} rows"
    return None
