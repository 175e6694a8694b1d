"""What a destination has switched: what it wants muted, loud or silent, and the hours in which it wants quiet."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from signals.alerts.condition import RANKS
from signals.units import from_ms, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime

    from signals.alerts.condition import Rank
    from storage.engine.database import Store
    from storage.engine.work import Row, Work

SQL = queries("storage.people")
ANY = "*"


@dataclass(frozen=True, slots=True)
class Switch:
    """One thing that a destination has switched.

    kind: `mute`, until a time or for good (None), of what: a rule, an asset, or everything (`*`); `loud` or `silent`
    likewise, with sound or without whatever the rank; `quiet`, in hours of the destination's own zone, written
    22:00-07:00; or `mention`, a role by the platform's id, with the rank from which on it is called in `hours`.
    """

    kind: Literal["mute", "quiet", "loud", "silent", "mention"]
    what: str = ANY
    until: datetime | None = None
    hours: str | None = None

    @property
    def rank(self) -> Rank:
        """Return from which rank on a role is mentioned."""
        return next((rank for rank in RANKS if rank == self.hours), RANKS[0])


def switch(store: Store, destination: int, chosen: Switch) -> None:
    """Keep a switch; what was switched of the same kind and thing before gives way."""
    with store.write() as work:
        work.run(
            SQL.switch,
            destination=destination,
            kind=chosen.kind,
            what=chosen.what,
            until=None if chosen.until is None else to_ms(chosen.until),
            hours=chosen.hours,
        )


def switch_back(store: Store, destination: int, kind: str, what: str = ANY) -> bool:
    """Take a switch back; False if there was none."""
    with store.write() as work:
        return work.run(SQL.switch_back, destination=destination, kind=kind, what=what) > 0


def sound(store: Store, destination: int, whats: Iterable[str], kind: Literal["loud", "silent"] | None) -> None:
    """Make rules, assets or everything (`*`) loud or silent; None: as their ranks have it. The last word counts."""
    with store.write() as work:
        for what in whats:
            for before in ("loud", "silent"):
                work.run(SQL.switch_back, destination=destination, kind=before, what=what)
            if what == ANY:  # whatever was said of a part of it before
                work.run(SQL.switch_sounds_back, destination=destination)
            if kind:
                switch(store, destination, Switch(kind, what))


def mention(store: Store, destination: int, role: str | None, rank: Rank) -> None:
    """Have one role called from a rank on, in the place of the one before; None: nobody."""
    with store.write() as work:
        for before in _by_destination(work.rows(SQL.switches_of, destinations=json.dumps([destination]))).values():
            for one in before:
                if one.kind == "mention":
                    work.run(SQL.switch_back, destination=destination, kind=one.kind, what=one.what)
        if role is not None:
            switch(store, destination, Switch("mention", role, hours=rank))


def of(work: Work, destinations: Collection[int]) -> dict[int, tuple[Switch, ...]]:
    """Return what destinations have switched; those that have nothing are left out."""
    return _by_destination(work.rows(SQL.switches_of, destinations=json.dumps(list(destinations))))


def of_one(store: Store, destination: int) -> tuple[Switch, ...]:
    """Return what one destination has switched."""
    rows = store.read(SQL.switches_of, destinations=json.dumps([destination]))
    return _by_destination(rows).get(destination, ())


def _by_destination(rows: Iterable[Row]) -> dict[int, tuple[Switch, ...]]:
    found: dict[int, tuple[Switch, ...]] = {}
    for row in rows:
        until = None if row["until"] is None else from_ms(row["until"])
        chosen = Switch(row["kind"], row["what"], until, row["hours"])
        found[row["destination"]] = (*found.get(row["destination"], ()), chosen)
    return found
