"""Rules with equally many levels, stepped for all assets at once: counts and ranks as arrays of (rules, assets).

What is counted is what `signals.alerts.episodes.step` counts. A count goes no further than the longest hold it is
compared with, so that what is calm looks the same at every close.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from signals.alerts.episodes import closes_in, number_of
from signals.rules.many.truths import GroupTruths

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from signals.alerts.rule import AlertRule
    from signals.rules.many.truths import Bools, Indices
    from signals.series import Array

    InARow: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint16]]
    Ranks: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    Seconds: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.uint32]]

MOST_COUNTED: Final = 65_534  # one less than a count has room for: six weeks of minutes


@dataclass(frozen=True, slots=True)
class RankMoves:
    """The pairs of a page whose rank is another after a close. since: the first close beyond the line, in seconds.

    installed: it was beyond the line when its values were known for the first time. spent: it ended because it had
    lasted as long as one may.
    """

    rows: Indices
    columns: Indices
    before: Ranks
    after: Ranks
    onset: Seconds
    installed: Bools
    spent: Bools


class RulePage:
    """Some rules, and where each stands for each asset. Times are in seconds since 1970, 0 for never.

    at: the last close judged. pending: the first of the closes that a level has been beyond its line. entering,
    leaving: (levels, rules, assets), closes in a row. rank: 0 calm, else the place in RANKS plus one. unknown: the last
    judgement lacked a value. known: the main values have been known. early: it is pending since before that. spent: as
    of `episodes.State`.
    """

    def __init__(self, rules: Sequence[AlertRule], names: Sequence[str], assets: int, finest: timedelta) -> None:
        levels = len(rules[0].levels)
        shape = len(rules), assets
        self.rules = tuple(rules)
        self.at, self.pending = np.zeros(shape, dtype=np.uint32), np.zeros(shape, dtype=np.uint32)
        self.entering = np.zeros((levels, *shape), dtype=np.uint16)
        self.leaving = np.zeros((levels, *shape), dtype=np.uint16)
        self.rank: Ranks = np.zeros(shape, dtype=np.uint8)
        self.unknown, self.known, self.early, self.spent = (np.zeros(shape, dtype=bool) for _ in range(4))
        every = [
            groups
            for rule in rules
            for level in rule.levels
            for groups in (level.enter, level.leave, level.at_once)
        ]  # fmt: skip
        self._truths = GroupTruths(every, names)
        self._sides = self._truths.places.reshape(len(rules), levels, 3).transpose(1, 2, 0)
        self._at_once = any(level.at_once for rule in rules for level in rule.levels)
        self._numbers: Ranks = np.array([[number_of(one) for one in rule.levels] for rule in rules], dtype=np.uint8).T[
            :, :, None
        ]
        row = {name: i for i, name in enumerate(names)}
        most = max(len(rule.known_by) for rule in rules)
        self._known_by = np.array(
            [
                [row[name] for name in (*rule.known_by, *[rule.known_by[0]] * (most - len(rule.known_by)))]
                for rule in rules
            ],
            dtype=np.intp,
        ).T
        self._lasts = np.array([bool(rule.lasts) for rule in rules])[:, None]
        self._holds = lru_cache(maxsize=8)(self._holds_at)
        self.most_entering, self.most_leaving = self._holds(finest)

    def _holds_at(self, closes: timedelta) -> tuple[InARow, InARow]:
        """Return how many closes the holds of each level and rule are."""
        return tuple(
            np.array(
                [[min(MOST_COUNTED, closes_in(getattr(level, name), closes)) for level in rule.levels]
                 for rule in self.rules],
                dtype=np.uint16,
            ).T[:, :, None]
            for name in ("hold", "hold_leave")
        )  # type: ignore[return-value]  # fmt: skip

    def step(
        self, values: Array, unseen: Bools, at: int, closes: timedelta, pairs: Bools, over: Bools | None
    ) -> RankMoves:
        """Judge one close for those pairs that were not judged at it. over: those that have lasted as long as one may.

        values: (names, assets); unseen: where they are not known. NaN handling: as of `episodes.step`.
        """
        fresh = pairs & (self.at < at)
        holds, fails = self._truths.judged(values)
        to_enter, to_leave = self._holds(closes)
        before = self.rank
        unknown: Bools = np.zeros_like(fresh)
        nowhere: Bools = fresh.copy()
        for i, (enter, leave, at_once) in enumerate(self._sides):
            yes, no = holds[enter], fails[enter]
            away, near = holds[leave], fails[leave]
            unknown |= ~np.where(before >= self._numbers[i], away | near, yes | no)
            yes &= fresh
            no &= fresh
            away &= fresh
            near &= fresh
            nowhere &= no
            _count(self.entering[i], yes, no, self.most_entering[i])
            _count(self.leaving[i], away, near, self.most_leaving[i])
            if self._at_once:
                ended = holds[at_once] & fresh
                np.maximum(self.leaving[i], np.broadcast_to(to_leave[i], ended.shape), out=self.leaving[i], where=ended)
        self.spent &= ~nowhere
        if self.spent.any():
            self.entering[:, self.spent & fresh] = 0
        after = self._entered(before, fresh, to_enter, to_leave)
        if over is not None:
            lasted = over & fresh & (before > 0) & (after > 0)
            after[lasted] = 0
            self.spent |= lasted
            self.entering[:, lasted] = 0
        np.copyto(self.unknown, unknown, where=fresh)
        self._dated(unseen, at, fresh)
        np.copyto(self.at, np.uint32(at), where=fresh)
        self.rank = after
        return self._moved(before, after, at)

    def calm(self, rows: Indices, columns: Indices) -> None:
        """Let pairs stand as if they had never been beyond a line."""
        self.rank = self.rank.copy()
        self.rank[rows, columns] = 0
        self.pending[rows, columns], self.early[rows, columns] = 0, False
        self.entering[:, rows, columns] = 0
        self.leaving[:, rows, columns] = 0

    def _entered(self, before: Ranks, fresh: Bools, to_enter: InARow, to_leave: InARow) -> Ranks:
        """Return the ranks: up to the highest level that is reached, else down below each that is left."""
        after = before.copy()
        for i, numbers in enumerate(self._numbers):
            reached = (self.entering[i] >= to_enter[i]) & fresh
            np.maximum(after, np.broadcast_to(numbers, after.shape), out=after, where=reached)
        stays = after > before
        crossed: Bools = np.zeros_like(fresh)  # a line from this level up
        for i in reversed(range(len(self._numbers))):
            crossed |= self.entering[i] > 0
            ends = (after == self._numbers[i]) | ((after > self._numbers[i]) & ~crossed)
            left = ends & (self.leaving[i] >= to_leave[i]) & fresh & ~stays
            below = self._numbers[i - 1] if i else np.zeros_like(self._numbers[i])
            np.copyto(after, np.broadcast_to(below, after.shape), where=left)
        return after

    def _dated(self, unseen: Bools, at: int, fresh: Bools) -> None:
        """Keep since when each is beyond a line, and whether that was so when its values were first known."""
        pending = self.entering[0] > 0
        for counts in self.entering[1:]:
            pending |= counts > 0
        np.copyto(self.pending, np.uint32(at), where=fresh & pending & (self.pending == 0))
        np.copyto(self.pending, np.uint32(0), where=fresh & ~pending)
        new = fresh & ~self.known
        if new.any():
            for rows in self._known_by:
                new &= ~unseen[rows]
            self.early |= new
            self.known |= new
        self.early &= self.pending > 0

    def _moved(self, before: Ranks, after: Ranks, at: int) -> RankMoves:
        rows, columns = np.nonzero(before != after)
        pairs = rows, columns
        onset = self.pending[pairs]
        moved = RankMoves(
            rows,
            columns,
            before[pairs],
            after[pairs],
            np.where(onset > 0, onset, np.uint32(at)).astype(np.uint32),
            self.early[pairs],
            self.spent[pairs],
        )
        calm = rows[moved.after == 0], columns[moved.after == 0]
        self.pending[calm], self.early[calm] = 0, False
        return moved


def _count(counts: InARow, holds: Bools, fails: Bools, most: InARow) -> None:
    """Count on, start again, or stand still where neither is known."""
    counts += holds
    np.minimum(counts, most, out=counts)
    counts *= ~fails
