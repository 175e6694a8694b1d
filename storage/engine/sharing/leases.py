"""Processes and leases as they are stored: who runs, and who alone does something until it ends or is found dead.

A process is known by a number that is never given again, and raises its beat while it lives. A lease is held by one
process or by none. Who finds a process dead strikes it out, and with it goes all that it held: when it wakes after all,
nothing is its own any more. The epoch of a lease rises with each holder, so that who lost one and has it again can
tell.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

from signals.units import to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.work import Work

SQL: Final = queries("storage.engine")
Role = Literal["collect", "judge", "send", "answer"]  # what a process may take part in
ROLES: Final[tuple[Role, ...]] = get_args(Role)


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """A process as it is stored. place: the machine and the program on it, as `bot/processes/place.py` writes it.

    roles: what it takes part in, by words between commas. beat: rises while it lives.
    """

    number: int
    place: str
    roles: tuple[str, ...]
    beat: int


@dataclass(frozen=True, slots=True)
class Lease:
    """Who does something. holder: the number of the process; None where nobody does."""

    name: str
    epoch: int
    holder: int | None


def begin(store: Store, place: str, roles: Iterable[str], now: datetime) -> int:
    """Write down that a process has begun, and return its number."""
    with store.write() as work:
        number = work.insert(SQL.begin_process, place=place, roles=",".join(roles), started=to_ms(now))
    store.engine.known_as(number)
    return number


def beat(store: Store, number: int) -> bool:
    """Show that a process lives. False: it was struck out, and holds nothing any more.

    It waits for nothing else that the process writes: what takes long, or waits for a lock, is no death.
    """
    return store.engine.at_once(SQL.beat, {"number": number}) == 1


def lacking(processes: Iterable[RunningProcess]) -> tuple[Role, ...]:
    """Return the roles in which none of these processes takes part."""
    taken = {role for process in processes for role in process.roles}
    return tuple(role for role in ROLES if role not in taken)


def running(store: Store) -> list[RunningProcess]:
    """Return every process that is not struck out, also one that is dead and was not found yet, oldest first."""
    return [
        RunningProcess(row["id"], row["place"], tuple(filter(None, row["roles"].split(","))), row["beat"])
        for row in store.read(SQL.processes)
    ]


def every(store: Store) -> dict[str, Lease]:
    """Return every lease that was ever held, by name."""
    return {row["name"]: Lease(row["name"], row["epoch"], row["holder"]) for row in store.read(SQL.leases)}


def strike_out(work: Work, dead: RunningProcess) -> bool:
    """Strike out a process that was seen with this beat, and free all that it holds. False: it has moved since.

    What it has open is ended first: it may stand in the middle of a statement, with locks that we would wait for.
    """
    work.cut_off(dead.number)
    if work.one(SQL.process_kept, number=dead.number, beat=dead.beat) is None:
        return False
    _end(work, dead.number)
    return True


def take(work: Work, holder: int, names: Collection[str]) -> dict[str, int]:
    """Take what nobody holds of some leases; return those that are held by this process now, with their epochs.

    Of two who take the same, one has it. Broken where the process was struck out meanwhile.
    """
    ordered = [{"name": name, "holder": holder} for name in sorted(names)]  # all in one order: nobody waits in a circle
    work.many(SQL.make_lease, [{"name": row["name"]} for row in ordered])
    work.many(SQL.take_lease, ordered)
    held = work.rows(SQL.leases_of, holder=holder)
    return {row["name"]: row["epoch"] for row in held if row["name"] in names}


def give_up(work: Work, holder: int, names: Iterable[str]) -> None:
    """Give leases back: others take them at once."""
    work.many(SQL.give_up_lease, [{"name": name, "holder": holder} for name in sorted(names)])


def end(store: Store, number: int) -> None:
    """Write down that a process has ended, and give back all that it held."""
    with store.write() as work:
        _end(work, number)


def _end(work: Work, number: int) -> None:
    work.run(SQL.give_up_all, holder=number)
    work.run(SQL.end_process, number=number)


def held(work: Work, holder: int, names: Collection[str]) -> dict[str, int]:
    """Return which of some leases a process holds, with their epochs; they stay its own until the transaction ends."""
    rows = work.rows(SQL.leases_kept, holder=holder, names=json.dumps(sorted(names)))
    return {row["name"]: row["epoch"] for row in rows}
