"""Notices for very many: kept with those they go to, a part of them in a row, until rows of the outbox are made of it.

On a server a row costs some ten microseconds, mostly for its indexes, so a notice to a hundred thousand would hold up
whoever judges for a second and more. What is judged is kept in that transaction all the same: the notice, and whom it
goes to. Whoever sends makes the rows, a part in a transaction, and sends meanwhile (`Unmade`); what a kill leaves is a
part that is there or is rows. What is sent is what would be if all rows were there: nothing that comes after a row of a
part that is left, since what is more urgent goes first, and nothing to a place that such a part may reach, since what
belongs into one message is found and what a later notice of the same episode says is not said twice.

All else that looks for rows of a notice or of a destination, and changes what it finds, makes those rows first
(`everything`, `of_notice`, `of_earlier`, `of_place`, `too_old`); who counts what waits counts parts too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from storage.engine.work import NamedRow, Row, Work

SQL: Final = queries("storage.alerts")
PART: Final = 1_000  # rows that are made in one transaction: no longer than a platform has us wait between two messages


class Unmade:
    """The parts that are left, as one sender sees them: what may be claimed before, and what is to be made for it.

    needed: the parts that are to be made before anything can be claimed; of the last look.
    """

    def __init__(self) -> None:
        self._left: list[Row] = []
        self._reach: dict[tuple[int, int], tuple[int, int]] = {}  # by notice and part, the first and last place of it
        self.needed: tuple[int, ...] = ()

    @property
    def any(self) -> bool:
        """Tell whether there was a part left at the last look."""
        return bool(self._left)

    def look(self, work: Work) -> None:
        """Look what is left. Rows are read after it: what another process makes meanwhile is looked at once more."""
        self._left, self.needed = work.rows(SQL.parts_left), ()
        if not self._left:
            self._reach.clear()

    def passing(self, work: Work, rows: Iterable[NamedRow]) -> list[NamedRow]:
        """Return those of some rows, the most urgent first, that may be claimed now: up to one that a part holds up."""
        passed: list[NamedRow] = []
        for row in rows:
            if found := self._in_the_way(work, row):
                self.needed = () if passed else found
                return passed
            passed.append(row)
        if not passed and self._left:
            self.needed = (self._left[0]["id"],)
        return passed

    def make_next(self, work: Work) -> None:
        """Make the rows of the most urgent part that is left."""
        if not one(work):
            self._left = []

    def _in_the_way(self, work: Work, row: NamedRow) -> tuple[int, ...]:
        """Return the parts that a row waits for: one that comes before it, or those that may reach its place as well.

        A notice goes to a place once, so parts of its own do not.
        """
        if not self._left:
            return ()
        first = self._left[0]
        if (-row["priority"], row["number"]) > (-first["priority"], first["notice"]):
            return (first["id"],)
        others = [part for part in self._left if part["notice"] != row["number"]]
        self._learn(work, others)
        return tuple(part["id"] for part in others if self._may_reach(part, row["destination"]))

    def _may_reach(self, part: Row, place: int) -> bool:
        reach = self._reach.get((part["notice"], part["id"]))
        return reach is None or reach[0] <= place <= reach[1]  # None: another process has just made it

    def _learn(self, work: Work, parts: Iterable[Row]) -> None:
        """Read once where parts begin and end. A number of a part may come again, but not with the same notice."""
        if news := [part["id"] for part in parts if (part["notice"], part["id"]) not in self._reach]:
            for part in work.rows(SQL.places_of_parts, parts=json.dumps(news)):
                places = json.loads(part["places"])
                self._reach[part["notice"], part["id"]] = (min(places), max(places))


def begin(work: Work, notice: int, parts: int, *, at_once: bool = False) -> int:
    """Make the rows of a notice that was written in so many parts, unless those are many; return how many rows.

    at_once: however many. Else whoever sends makes them.
    """
    if parts > 1 and not at_once:
        row = work.one(SQL.count_in_parts, notice=notice)
        return 0 if row is None else int(row["count"])
    return of_notice(work, notice) if parts else 0


def one(work: Work) -> bool:
    """Make the rows of the most urgent part; False where there is none."""
    part = work.one(SQL.next_part)
    if part is None:
        return False
    _spread(work, (part,))
    return True


def everything(work: Work) -> None:
    """Make all rows that are yet to be made."""
    while one(work):
        pass


def make(work: Work, parts: Collection[int]) -> int:
    """Make the rows of some parts, as far as they are left, and return how many."""
    return _spread(work, work.rows(SQL.parts_named, parts=json.dumps(sorted(parts)))) if parts else 0


def of_notice(work: Work, notice: int) -> int:
    """Make the rows of a notice and return how many."""
    return _spread(work, work.rows(SQL.parts_of_notice, notice=notice))


def of_earlier(work: Work, episode: int, notice: int) -> None:
    """Make the rows of the notices of an episode that were written before one."""
    _spread(work, work.rows(SQL.parts_of_earlier, episode=episode, notice=notice))


def of_place(work: Work, place: int) -> None:
    """Make the rows of a destination, and of those that are kept in one part with it."""
    left = json.dumps([part["id"] for part in work.rows(SQL.parts_left)])
    parts = work.rows(SQL.places_of_parts, parts=left)
    make(work, [part["id"] for part in parts if place in json.loads(part["places"])])


def too_old(work: Work, now: int) -> None:
    """Make the rows of what is no news any more at a time (ms)."""
    _spread(work, work.rows(SQL.parts_too_old, now=now))


def _spread(work: Work, parts: Iterable[Row]) -> int:
    """Make rows of parts and return how many. What waits of the same episode there is settled, by when it was due."""
    made = 0
    for part in parts:
        of = {"notice": part["notice"], "places": part["places"]}
        made += max(0, work.run(SQL.spread, **of, priority=part["priority"], due=part["due"], expires=part["expires"]))
        work.run(SQL.merge_earlier_there, **of, now=part["due"])
        work.run(SQL.drop_part, id=part["id"])
    return made
