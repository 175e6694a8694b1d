"""What a process that answers asks of the one that collects: newer figures of an asset, now.

A wish is made, answered once, and gone after a minute at the latest: nobody waits for longer than some seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signals.units import MINUTE, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from storage.engine.database import Store

SQL: Final = queries("storage.engine")
_KEPT: Final[timedelta] = MINUTE


def make(store: Store, asset: str, now: datetime) -> int:
    """Wish for newer figures of an asset, and return the number of the wish."""
    with store.write() as work:
        return work.insert(SQL.make_wish, asset=asset, now=to_ms(now))


def unanswered(store: Store) -> dict[int, str]:
    """Return the wishes that nobody has answered, by number: the asset of each."""
    return {row["id"]: row["asset"] for row in store.read(SQL.open_wishes)}


def answer(store: Store, number: int, now: datetime, *, stored: bool) -> None:
    """Say of a wish whether something new was stored, and let go of those that nobody waits for any more."""
    with store.write() as work:
        work.run(SQL.answer_wish, id=number, stored=stored)
        work.run(SQL.forget_wishes, before=to_ms(now - _KEPT), ahead=to_ms(now + _KEPT))


def answered(store: Store, number: int) -> bool | None:
    """Tell what came of a wish; None while it is not answered."""
    row = store.read_one(SQL.wish_answered, id=number)
    return None if row is None or row["answered"] is None else bool(row["answered"])
