"""What waits for its destination's quiet hours or budget, until one message, or the next digest, tells of all of it.

A row that is held is `queued` with the word for what it is held (`outbox.HeldFor`) and the time until then. It is
never sent by itself: whoever tells of it settles it with `told`, in the transaction that writes what tells of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from zoneinfo import ZoneInfo

from signals.units import from_ms, to_ms
from signals.wall_clock import quiet_until
from storage.alerts import outbox
from storage.alerts.sending import gathering
from storage.engine.sql import queries
from storage.people import switches

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.alerts.outbox import HeldFor, OutboxRow
    from storage.engine.database import Store
    from storage.engine.work import Row, Work
    from storage.people.destinations import Destination

SQL = queries("storage.alerts")


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A row that is held, and for what."""

    row: OutboxRow
    held_for: HeldFor


@dataclass(frozen=True, slots=True)
class HeldThere:
    """What is held for one destination, the oldest first, and the zone of its clock."""

    destination: int
    zone: str
    rows: tuple[HeldRow, ...]


def held(work: Work, destination: int) -> list[HeldRow]:
    """Return all that is held for a destination, the oldest first."""
    return [_held(row) for row in work.rows(SQL.held_of, destination=destination)]


def due(work: Work, *, now: datetime, most: int) -> list[HeldThere]:
    """Return what is held no longer, by destination, of at most so many destinations: who waits longest comes first."""
    latest = to_ms(now + outbox.LONGEST_HOLD)
    found: dict[int, list[Row]] = {}
    for row in work.rows(SQL.held_due, now=to_ms(now), longest_hold=latest, most=most):
        found.setdefault(row["destination"], []).append(row)
    every = [row for rows in found.values() for row in rows]
    goes_on = gathering.taken_in(work, every, lambda row: outbox.read_row(row).notice)
    return [
        HeldThere(place, rows[0]["zone"], tuple(_held(row, goes_on.get(row["id"])) for row in rows))
        for place, rows in found.items()
    ]


def told(work: Work, rows: Iterable[OutboxRow], reason: str, *, now: datetime) -> None:
    """Settle rows that a line of another message tells of; those of an episode with a message edit that one yet."""
    for row in rows:
        work.run(SQL.tell_of, id=row.id, edited=row.message is not None, reason=reason, now=to_ms(now))


def let_go(work: Work, row: OutboxRow, *, now: datetime) -> None:
    """Have a row sent by itself, as if it had not been held."""
    work.run(SQL.let_go, id=row.id, now=to_ms(now), expires=to_ms(now + outbox.STILL_NEWS))


def hold_on(work: Work, rows: Iterable[HeldRow], until: datetime) -> None:
    """Hold rows for longer."""
    for one in rows:
        work.run(SQL.hold_on, id=one.row.id, until=to_ms(until))


def hold_otherwise(store: Store, destination: int, held_for: HeldFor, until: datetime) -> int:
    """Hold all that is held for something until another time, as its destination wants it now; return how many."""
    with store.write() as work:
        return work.run(SQL.hold_otherwise, destination=destination, held_for=held_for, until=to_ms(until))


def hold_by_clock(store: Store, here: Destination, now: datetime) -> tuple[int, datetime | None]:
    """Hold what waits for quiet hours by the hours and the zone that its destination has now.

    Returns how much waits and until when; None: it is not quiet there now, and it comes at once.
    """
    hours = next((switch.hours for switch in switches.of_one(store, here.id) if switch.kind == "quiet"), None)
    until = quiet_until(hours, ZoneInfo(here.zone), now) if hours else None
    return hold_otherwise(store, here.id, "quiet", until or now), until


def sent_since(work: Work, destination: int, since: datetime) -> int:
    """Return how many new messages with news a destination got since then: no edits, no ends, no lists.

    What begins in the message of another episode answers it, which is a new message as well.
    """
    return _count(work.one(SQL.sent_since, destination=destination, since=to_ms(since)))


def known_of(store: Store, destination: int, since: datetime) -> tuple[int, int]:
    """Return (new messages with news since then, notices that are held now) of a destination, to be shown."""
    sent = store.read_one(SQL.sent_since, destination=destination, since=to_ms(since))
    return _count(sent), len(store.read(SQL.held_of, destination=destination))


def _count(row: Row | None) -> int:
    return 0 if row is None else int(row["count"])


def digest_soon(work: Work, destination: int, *, now: datetime, latest: datetime) -> datetime | None:
    """Return when the next digest of a destination is due from now on, and by `latest`; None where none is."""
    row = work.one(SQL.digest_soon, destination=destination, now=to_ms(now), latest=to_ms(latest))
    return None if row is None or row["next"] is None else from_ms(row["next"])


def _held(row: Row, goes_on: str | None = None) -> HeldRow:
    return HeldRow(outbox.read_row(row, goes_on), cast("HeldFor", row["held_for"]))
