"""Notices for very many: kept with those they go to, a part of them in a row, until rows of the outbox are made of it.

On a server a row costs some ten microseconds, mostly for its indexes, so a notice to a hundred thousand would hold up
whoever judges for a second and more. What is judged is kept in that transaction all the same: the notice, and whom it
goes to. Whoever sends makes the rows before it claims anything (`one`), a part in a transaction; what a kill leaves is
a part that is there or is rows. Nothing is claimed while a part is left, so what is more urgent goes first, and what
belongs into one message is found.

All else that looks for rows of a notice or of a destination, and changes what it finds, makes the rows first
(`everything`, `of_notice`, `of_earlier`); who counts what waits counts parts too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.engine.work import Row, Work

SQL: Final = queries("storage.alerts")
PART: Final = 5_000  # rows that are made in one transaction, which nobody waits for longer than for some 0.1 s


def begin(work: Work, notice: int, parts: int, *, at_once: bool = False) -> int:
    """Make the rows of a notice that was written in so many parts, unless those are many; return how many rows.

    at_once: however many. Else whoever sends makes them before it sends anything.
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


def of_notice(work: Work, notice: int) -> int:
    """Make the rows of a notice and return how many."""
    return _spread(work, work.rows(SQL.parts_of_notice, notice=notice))


def of_earlier(work: Work, episode: int, notice: int) -> None:
    """Make the rows of the notices of an episode that were written before one."""
    _spread(work, work.rows(SQL.parts_of_earlier, episode=episode, notice=notice))


def _spread(work: Work, parts: Iterable[Row]) -> int:
    """Make rows of parts and return how many. What waits of the same episode there is settled, by when it was due."""
    made = 0
    for part in parts:
        of = {"notice": part["notice"], "places": part["places"]}
        made += max(0, work.run(SQL.spread, **of, priority=part["priority"], due=part["due"], expires=part["expires"]))
        work.run(SQL.merge_earlier_there, **of, now=part["due"])
        work.run(SQL.drop_part, id=part["id"])
    return made
