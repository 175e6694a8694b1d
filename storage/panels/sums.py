"""Sums over venues that compare like with like: who is missing is named, and never looks like a fall.

A total of whoever happens to answer drops when one does not, and rises when one is added. So a total has the same
members in every row, and says how much of the usual market they are. When the members change, the whole span is read
anew with the new ones: a change within a total always lies between the changes of its members, so no coming or going
can make a fall that none of them had.

This holds for every metric of open interest, whatever its window: over the last 30 days there may be four venues, over
the last year only the one that has an archive. Until venues with most of the market know the whole window, one of them
speaks alone, as where there is only one; the coverage says how little of the market that is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.inputs import EVERYWHERE, INPUTS
from signals.series import Coverage
from signals.units import HOUR, floor, in_ms, to_ms
from signals.venues import venue_order
from storage.panels.grid import Grid
from storage.panels.reader import PanelReader

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from signals.series import Absence, Array
    from storage.engine.database import Store
    from storage.market.points import StoredSeries
    from storage.panels.folded import Folded

# What metrics read as a sum. Flows (volume, taker, liquidations) stay with one venue: their shares are compared with
# themselves, a bar of one venue is as late as that venue, and a sum of sampled and complete feeds would be neither.
SUMMED: Final = ("open_interest_coin", "open_interest_usd")
USUAL: Final = timedelta(days=30)
EDGE: Final = 1  # rows at the beginning that a member may lack: venues that are begun together differ by so much
WHOLE: Final = 0.95  # of the rows that anybody knows a member must know; the rows it lacks are unknown for the total
STEADY: Final = 0.995  # and so much where venues with enough of the market do: a hole hides a move from every deviation
ENOUGH: Final = 0.6  # of the usual open interest: below it there is no total, and venues are shown singly
QUIET: Final = timedelta(hours=2)  # behind the freshest venue: the last value of a day is no value of its evening
# After a silence, however short, a venue waits until a change over a day no longer reaches back into it: else the
# change would be unknown for as long as the silence, a day after it, although the other venues know it.
RETURNING: Final = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class Total:
    """A sum over venues.

    values: one a row, NaN where a member is not known. members: the venues summed, in every row the same. left_out:
    venues that have figures in the window, and why they are not in the sum. coverage: usual open interest (USD, median
    of 30 days) of the members as a part of that of all venues; None where nothing is known of it.
    """

    values: Array
    members: tuple[str, ...]
    left_out: dict[str, Absence]
    coverage: float | None


@dataclass(frozen=True, slots=True)
class Together:
    """Inputs summed over the same venues, by name; empty where one venue speaks alone. coverage: of that."""

    values: Mapping[str, Array]
    coverage: Coverage


def total(store: Store, asset: str, name: str, *, step: timedelta, start: datetime, end: datetime) -> Total:
    """Sum an input over the venues that know it in every row that opens in [start, end).

    A figure that is already summed (venue `all`) is never mixed with others. ValueError for an input that cannot be
    summed.
    """
    if INPUTS[name].across != "sum":
        raise ValueError(f"{name} cannot be summed over venues.")
    first, last = floor(start, step), floor(end, step)
    grid = Grid(first, step, max(0, round((last - first) / step)))
    folded = PanelReader(store).of(asset)
    found = _Venues.read(folded, [name], grid, None)
    usual = _usual(folded, end)
    members = found.members(usual)
    left_out = {venue: why for venue, why in found.lacks.items() if venue not in members}
    return Total(found.summed(members)[name], members, left_out, share(usual, members))


def together(
    folded: Folded, names: Sequence[str], grid: Grid, alone: str, now: datetime | None = None
) -> Together | None:
    """Sum inputs over the venues that know all of them in the whole grid; None where only one venue has figures.

    alone: who speaks where venues with most of the usual open interest do not know the grid from its beginning, as in
    the first weeks, or after this program itself was silent for days. Where they do but too few of them answer now,
    the sums are NaN: not known, never a smaller market; whoever judges lets one venue speak meanwhile.
    """
    if len(_stored(folded, names, grid)) < 2:
        return None
    found = _Venues.read(folded, names, grid, now)
    usual = _usual(folded, min(grid.end, now) if now else grid.end)
    fit = [venue for venue in found.rows if venue not in found.unfit]
    if len(fit) < 2 or (share(usual, fit) or 0.0) < ENOUGH:
        others = {venue: found.lacks.get(venue, "few") for venue in found.rows}
        others.pop(alone, None)
        return Together({}, Coverage((alone,), others, share(usual, [alone]))) if others else None
    members = found.members(usual)
    left_out = {venue: why for venue, why in found.lacks.items() if venue not in members}
    part = share(usual, members)
    enough = part is not None and part >= ENOUGH
    values = found.summed(members if enough else ())
    return Together(values, Coverage(members, left_out, part, enough))


def alone(folded: Folded, of: Coverage, venue: str, grid: Grid, now: datetime | None) -> Coverage:
    """Return the coverage where one venue speaks alone, instead of who would be summed or would speak as a rule."""
    usual = _usual(folded, min(grid.end, now) if now else grid.end)
    others: dict[str, Absence] = {other: "few" for other in of.venues if other != venue}
    left_out = {other: why for other, why in {**others, **of.left_out}.items() if other != venue}
    return Coverage((venue,), left_out, share(usual, [venue]))


def usual_interest(store: Store, asset: str, end: datetime) -> dict[str, float]:
    """Return each venue's usual open interest in USD: the median of the hours in the 30 days before `end`.

    Medians, so that a market that falls is no venue that is missing.
    """
    return _usual(PanelReader(store).of(asset), end)


def _usual(folded: Folded, end: datetime) -> dict[str, float]:
    return folded.once(("usual", floor(end, HOUR)), lambda: _medians(folded, end))


def _medians(folded: Folded, end: datetime) -> dict[str, float]:
    last, name = floor(end, HOUR), "open_interest_usd"
    grid = Grid(last - USUAL, HOUR, round(USUAL / HOUR))
    usual = {}
    for venue in _stored(folded, [name], grid):
        values = folded.rows(venue, name, HOUR, grid.start, grid.end)
        known = values[~np.isnan(values)]
        if len(known):
            usual[venue] = float(np.median(known))
    return usual


def share(usual: Mapping[str, float], venues: Collection[str]) -> float | None:
    """Return which part (0 to 1) of the usual open interest these venues are; None where nothing is usual."""
    whole = sum(usual.values())
    return sum(usual.get(venue, 0.0) for venue in venues) / whole if whole > 0 else None


@dataclass(frozen=True, slots=True)
class _Venues:
    """What each venue knows of the grid.

    lacks: why a venue is no member. unfit: those that begin inside the grid or have long holes, so that a sum could
    not look back with them. returning: those that were silent a while ago.
    """

    grid: Grid
    names: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Array]]
    lacks: Mapping[str, Absence]
    unfit: frozenset[str]
    returning: frozenset[str]

    @classmethod
    def read(cls, folded: Folded, names: Sequence[str], grid: Grid, now: datetime | None) -> _Venues:
        every = _stored(folded, names, grid)
        rows = {venue: {name: folded.on(venue, name, grid, now) for name in names} for venue in every}
        known = {venue: ~np.isnan(np.array(list(of.values()))).any(axis=0) for venue, of in rows.items()}
        known = {venue: whole for venue, whole in known.items() if whole.any()}
        if not known:
            return cls(grid, tuple(names), {}, {}, frozenset(), frozenset())
        due = np.flatnonzero(np.array(list(known.values())).any(axis=0))
        end = min(grid.end, now) if now else grid.end
        spoke = {venue: folded.last_before(names[0], every[venue], end) for venue in known}
        lacks: dict[str, Absence] = {}
        unfit, returning = set(), set()
        recent = grid.count - math.ceil(RETURNING / grid.step)
        for venue, whole in known.items():
            have = np.flatnonzero(whole)
            missed = len(due) - len(have)
            if missed > (1 - WHOLE) * len(due):
                unfit.add(venue)
            if have[0] > due[min(EDGE, len(due) - 1)]:
                unfit.add(venue)
                lacks[venue] = "begins"
            elif have[-1] < due[-1]:
                lacks[venue] = "ended"
            elif max(spoke.values()) - spoke[venue] > in_ms(QUIET):
                lacks[venue] = "silent"
            elif venue in unfit:
                lacks[venue] = "holes"
            elif missed > (1 - STEADY) * len(due) or not whole[due[due >= recent]].all():
                returning.add(venue)
                lacks[venue] = "holes"
        rows = {venue: rows[venue] for venue in known}
        return cls(grid, tuple(names), rows, lacks, frozenset(unfit), frozenset(returning))

    def members(self, usual: Mapping[str, float]) -> tuple[str, ...]:
        """Return who is summed. Rather a total with a hole than none: who was silent a while ago waits if it can."""
        steady = tuple(venue for venue in self.rows if venue not in self.lacks)
        if steady and (share(usual, steady) or 0.0) >= ENOUGH:
            return steady
        return tuple(venue for venue in self.rows if venue not in self.lacks or venue in self.returning)

    def summed(self, members: Sequence[str]) -> dict[str, Array]:
        """Return the sums by name; all NaN without members."""
        if not members:
            return {name: np.full(self.grid.count, np.nan) for name in self.names}
        return {name: np.sum([self.rows[venue][name] for venue in members], axis=0) for name in self.names}


def _stored(folded: Folded, names: Sequence[str], grid: Grid) -> dict[str, list[StoredSeries]]:
    """Return the venues with figures of all these inputs in reach of the grid; those that are sums themselves not."""
    start, end = to_ms(grid.start), to_ms(grid.end)
    venues: dict[str, list[StoredSeries]] = {}
    seen: dict[str, int] = {}
    for name in names:
        near = [series for series in folded.stored(name) if series.first < end and series.known >= start]
        for venue in {series.venue for series in near} - {EVERYWHERE}:
            seen[venue] = seen.get(venue, 0) + 1
            venues.setdefault(venue, [series for series in near if series.venue == venue])
    whole = sorted(
        (venue for venue in venues if seen[venue] == len(names)), key=lambda venue: (venue_order(venue), venue)
    )
    return {venue: venues[venue] for venue in whole}
