"""What was written into the past: who keeps in memory what is stored reads anew from there.

A value later than all others of its input is no news to anybody who knows where they ended. Everything else is noted
here in the transaction that writes it, so that other programs on the same file learn of it as well: corrections, late
history, imports, and rows that were dropped. Thinning is not noted, since it changes no row of an hour or longer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from storage.engine.database import Store
    from storage.engine.work import Work

SQL: Final = queries("storage.market")
_DIRECTORY: Final = "rewritten"
KEPT: Final = 20_000  # notes; who has read none for longer reads everything anew


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A stretch [first, last] (ms) of what is stored of a venue that is no longer what it was."""

    number: int
    asset: str
    venue: str
    first: int
    last: int


def alone(work: Work) -> None:
    """Be alone with the directory of series and with these notes, before either is looked at or changed.

    A number must not be seen before a lower one: who has read it looks for higher ones.
    """
    work.alone(_DIRECTORY)


def note_late(work: Work, late: Iterable[tuple[str, str, int, int]]) -> None:
    """Note stretches that are about to be written into the past of an input: asset, venue, first and last time (ms).

    Alone, and before the directory of series knows of them.
    """
    given = [dict(zip(("asset", "venue", "first", "last"), one, strict=True)) for one in late]
    if given:
        work.many(SQL.note_rewritten, given)
        work.run(SQL.forget_rewritten, kept=KEPT)


def note(work: Work, asset: str, venue: str, *, first: int, last: int) -> None:
    """Note that a stretch of a venue is no longer what it was, as when its oldest rows are dropped."""
    alone(work)
    note_late(work, [(asset, venue, first, last)])


def newest(store: Store) -> int:
    """Return the number of the newest note; 0 before the first."""
    row = store.read_one(SQL.last_rewritten)
    return 0 if row is None or row["id"] is None else int(row["id"])


def since(store: Store, number: int) -> list[Rewritten] | None:
    """Return the notes after one, in their order; None where there are so many that some may be gone."""
    found = [Rewritten(*row) for row in store.read_plain(SQL.rewritten_since, id=number, most=KEPT + 1)]
    return None if found and found[-1].number - number > KEPT else found
