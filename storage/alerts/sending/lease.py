"""The lease of the sender, as it is stored: an epoch that rises with each holder, and a beat that says it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.engine.sql import queries

if TYPE_CHECKING:
    from storage.engine.database import Store
    from storage.engine.work import Work

SQL = queries("storage.alerts")
SENDER = "sender"


def take(store: Store) -> int:
    """Become the holder: the epoch rises, and every row that an earlier holder was sending is in doubt from now on."""
    with store.write() as work:
        return _raised(work)


def take_over(store: Store, from_: tuple[int, int]) -> int | None:
    """Become the holder in place of one that was seen with (epoch, beat); None where it has moved since.

    Of two who stand by and see the same, one takes over: what it sends from then on is not in doubt for the other.
    """
    with store.write() as work:
        row = work.one(SQL.lease_kept, name=SENDER)
        return _raised(work) if row is not None and (row["epoch"], row["beat"]) == from_ else None


def beat(store: Store, epoch: int) -> bool:
    """Show that the holder lives. False: somebody else holds the lease now, so stop sending."""
    with store.write() as work:
        return work.run(SQL.beat, name=SENDER, epoch=epoch) == 1


def release(store: Store, epoch: int) -> bool:
    """Hand over: whoever stands by takes over at once. False: somebody else holds the lease already."""
    with store.write() as work:
        return work.run(SQL.release_lease, name=SENDER, epoch=epoch) == 1


def seen(store: Store) -> tuple[int, int] | None:
    """Return (epoch, beat) of the lease; a standby takes over when it has not changed for long enough.

    A beat below zero: the holder has handed it over.
    """
    row = store.read_one(SQL.lease, name=SENDER)
    return None if row is None else (row["epoch"], row["beat"])


def held(work: Work, epoch: int) -> bool:
    """Tell whether this epoch still holds the lease, and keeps it until the transaction that is about to claim ends."""
    row = work.one(SQL.lease_kept, name=SENDER)
    return row is not None and row["epoch"] == epoch


def _raised(work: Work) -> int:
    work.run(SQL.raise_epoch, name=SENDER)
    held = work.one(SQL.lease, name=SENDER)
    epoch = int(held["epoch"]) if held else 0
    work.run(SQL.doubt_earlier, epoch=epoch)
    return epoch
