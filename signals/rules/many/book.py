"""Many rules judged for many assets at one close, as arrays: the same as `episodes.step` pair by pair.

A pair is a rule and an asset. What its conditions hold is judged for whole pages of rules (page.py); only the pairs
whose rank changes are looked at one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.alerts.condition import RANKS
from signals.alerts.episodes import State
from signals.rules.many.page import RulePage
from signals.rules.many.running import PairEpisodes, keys_of, places_of
from signals.rules.many.truths import named_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from signals.alerts.condition import Rank
    from signals.alerts.episodes import Kind
    from signals.alerts.rule import AlertRule
    from signals.rules.many.page import RankMoves
    from signals.rules.many.running import Integers
    from signals.rules.many.truths import Bools
    from signals.series import Array

PAGE: Final = 256  # rules judged together: what is made of them for 500 assets stays within a processor's cache


@dataclass(frozen=True, slots=True)
class PairChange:
    """What happened to a pair at a close, as `signals.alerts.episodes.Transition` says it.

    row, column: of the rule and of the asset in the book. installed: the episode began before its values were known
    for the first time, which is no news. episode: the number that it is kept under, None where it is new.
    """

    row: int
    column: int
    asset: str
    kind: Kind
    at: datetime
    since: datetime
    rank: Rank
    installed: bool
    episode: int | None


class Book:
    """Rules on one clock, and where each stands for each asset.

    rules: in the order of the rows, those with fewer levels first; see `ordered`. names: of the values that they
    compare, in the order of the rows of `step`. finest: the shortest distance of two closes that it is judged at.
    """

    def __init__(self, rules: Sequence[AlertRule], assets: Sequence[str], finest: timedelta) -> None:
        self.rules, self.assets = tuple(ordered(rules)), tuple(assets)
        self.row = {rule.id: i for i, rule in enumerate(self.rules)}
        sides = (
            groups for rule in rules for level in rule.levels for groups in (level.enter, level.leave, level.at_once)
        )
        known_by = (name for rule in rules for name in rule.known_by)
        self.names = tuple(dict.fromkeys((*named_by(sides), *known_by)))
        self.pages: list[RulePage] = []
        for _, alike in groupby(self.rules, key=lambda rule: len(rule.levels)):
            every = list(alike)
            self.pages += [
                RulePage(every[i : i + PAGE], self.names, len(assets), finest) for i in range(0, len(every), PAGE)
            ]
        self.running = PairEpisodes()
        self._continues = np.array([rule.continues.total_seconds() for rule in self.rules])
        self._lasts = np.array([rule.lasts.total_seconds() if rule.lasts else np.inf for rule in self.rules])
        self._momentary = np.array([rule.momentary for rule in self.rules], dtype=bool)

    def paged(self) -> Iterator[tuple[slice, RulePage]]:
        """Yield each page with the rows that it has."""
        begin = 0
        for page in self.pages:
            yield slice(begin, begin + len(page.rules)), page
            begin += len(page.rules)

    @property
    def judged(self) -> Integers:
        """Return the last close that each pair was judged at, in seconds since 1970; 0 for none. (rules, assets)."""
        if not self.pages:
            return np.zeros((0, len(self.assets)), dtype=np.int64)
        return np.concatenate([page.at for page in self.pages]).astype(np.int64)

    def step(
        self, values: Mapping[str, Array], *, at: datetime, closes: timedelta, pairs: Bools | None = None
    ) -> list[PairChange]:
        """Judge one close and return what happened, in the order of rules and assets.

        values: by name, one an asset. closes: the distance of two closes. pairs: (rules, assets), which are judged;
        None for all. A pair that was judged at this close or a later one is left as it is. NaN handling: as of
        `episodes.step`; a name without values is not known.
        """
        unknown = np.full(len(self.assets), np.nan)
        matrix = np.stack([np.asarray(values.get(name, unknown), dtype=float) for name in self.names])
        unseen = np.isnan(matrix)
        every = np.ones((1, len(self.assets)), dtype=bool)
        seconds = int(at.timestamp())
        over = self._over(seconds)
        changes: list[PairChange] = []
        for rows, page in self.paged():
            wanted = np.broadcast_to(every, page.at.shape) if pairs is None else pairs[rows]
            if wanted.any():
                changes += self._passed(rows, page, wanted, at, seconds)
                lasted = None if over is None else over[rows]
                moved = page.step(matrix, unseen, seconds, closes, wanted, lasted)
                changes += self._told(moved, rows.start, at, seconds)
        return changes

    def _passed(self, of: slice, page: RulePage, wanted: Bools, at: datetime, seconds: int) -> Iterator[PairChange]:
        """End the moments that fired at the close before, whatever this one brings: another one is another fire."""
        momentary = self._momentary[of]
        if not momentary.any():
            return
        rows, columns = np.nonzero((page.rank > 0) & momentary[:, None] & wanted & (page.at < seconds))
        page.calm(rows, columns)
        places = self.running.with_rows(keys_of(rows + of.start, columns))
        for place, row, column in zip(places.tolist(), (rows + of.start).tolist(), columns.tolist(), strict=True):
            since = datetime.fromtimestamp(int(self.running.since[place]), tz=UTC)
            rank = RANKS[int(self.running.told[place]) - 1]
            number = int(self.running.number[place]) or None
            self.running.ended[place] = seconds
            yield PairChange(
                row, column, self.assets[column], "resolved", at, since, rank, installed=False, episode=number
            )

    def _over(self, at: int) -> Bools | None:
        """Return the pairs whose episode has lasted as long as one may; None where there is none."""
        rows, columns = places_of(self.running.keys)
        over = (self.running.ended == 0) & (at - self.running.since >= self._lasts[rows])
        if not over.any():
            return None
        found = np.zeros((len(self.rules), len(self.assets)), dtype=bool)
        found[rows[over], columns[over]] = True
        return found

    def _told(self, moved: RankMoves, first: int, at: datetime, seconds: int) -> Iterator[PairChange]:
        """Keep what became of the episodes of those pairs, and yield what is to be told of them."""
        if not len(moved.rows):
            return
        running, rows = self.running, moved.rows + first
        places = running.with_rows(keys_of(rows, moved.columns))
        before, after = moved.before.astype(np.int64), moved.after.astype(np.int64)
        ended, told = running.ended[places], running.told[places]
        begins, ends = (before == 0) & (after > 0), (before > 0) & (after == 0)
        soon = (ended > 0) & (moved.onset - ended <= self._continues[rows])
        goes_on = begins & soon & ~self._momentary[rows]
        fired, worse = begins & ~goes_on, (after > told) & ((before > 0) | goes_on)
        number = np.where(fired, 0, running.number[places])
        running.since[places] = np.where(fired, moved.onset, running.since[places])
        running.number[places] = number
        running.told[places] = np.where(begins, after, np.maximum(told, after))
        running.ended[places] = np.where(begins, 0, np.where(ends & ~moved.spent, seconds, ended))
        kinds = np.select([fired, worse, goes_on, ends], ["fired", "escalated", "resumed", "resolved"], default="")
        ranks = np.where(ends, told, after)
        since = running.since[places]
        for i in np.flatnonzero(kinds != "").tolist():
            kind: Kind = kinds[i].item()
            yield PairChange(
                int(rows[i]),
                int(moved.columns[i]),
                self.assets[moved.columns[i]],
                kind,
                at,
                datetime.fromtimestamp(int(since[i]), tz=UTC),
                RANKS[ranks[i] - 1],
                kind == "fired" and bool(moved.installed[i]),
                int(number[i]) or None,
            )

    def forget(self, at: datetime) -> None:
        """Drop episodes that ended so long ago that none goes on with them."""
        running = self.running
        if not len(running.keys):
            return
        rows, columns = places_of(running.keys)
        gone = (running.ended > 0) & (int(at.timestamp()) - running.ended > self._continues[rows])
        gone[gone] = self._nothing_pending(rows[gone], columns[gone])
        running.only(~gone)

    def _nothing_pending(self, rows: Integers, columns: Integers) -> Bools:
        found = np.ones(len(rows), dtype=bool)
        for of, page in self.paged():
            within = (rows >= of.start) & (rows < of.stop)
            found[within] = page.pending[rows[within] - of.start, columns[within]] == 0
        return found

    def number(self, numbers: Mapping[tuple[int, int], int]) -> None:
        """Keep the numbers under which the episodes of some pairs are kept, by (row, column)."""
        pairs = np.array(list(numbers), dtype=np.int64).reshape(-1, 2)
        places, there = self.running.found(keys_of(pairs[:, 0], pairs[:, 1]))
        self.running.number[places[there]] = np.array(list(numbers.values()), dtype=np.int64)[there]

    def state(self, rule: str, asset: str) -> State:
        """Return where a pair stands. Counts are given as far as they matter."""
        row, column = self.row[rule], self.assets.index(asset)
        page, first = next((page, of.start) for of, page in self.paged() if row < of.stop)
        pair = row - first, column
        place, there = self.running.found(keys_of(np.array([row]), np.array([column])))
        kept = {
            name: int(getattr(self.running, name)[place[0]]) if there[0] else 0 for name in ("since", "ended", "told")
        }
        return State(
            rank=int(page.rank[pair]),
            told=kept["told"],
            entering=tuple(int(counts[pair]) for counts in page.entering),
            leaving=tuple(int(counts[pair]) for counts in page.leaving),
            since=_time(kept["since"]),
            pending=_time(int(page.pending[pair])),
            at=_time(int(page.at[pair])),
            unknown=bool(page.unknown[pair]),
            ended=_time(kept["ended"]),
            spent=bool(page.spent[pair]),
        )


def ordered(rules: Sequence[AlertRule]) -> list[AlertRule]:
    """Return rules as a book has them: those with fewer levels first, and then by what they say."""
    return sorted(rules, key=lambda rule: (len(rule.levels), rule.id))


def _time(seconds: int) -> datetime | None:
    return datetime.fromtimestamp(seconds, tz=UTC) if seconds else None
