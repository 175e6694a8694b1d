"""Digests are rows and not jobs: what a chat asked for, and when the next one is due. Nothing is lost by a restart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from signals.due import WallTime, next_due
from signals.units import from_ms, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from signals.digest import DigestKind
    from storage.engine.database import Store
    from storage.engine.work import Row, Work

SQL: Final = queries("storage.people")
KINDS: Final[tuple[DigestKind, ...]] = ("daily", "weekly")


@dataclass(frozen=True, slots=True)
class Ordered:
    """A digest that a destination asked for: one of each kind.

    wall: when, by the clock of its zone. assets: of these; none means those that the owner follows. due: the next one.
    last_date: the date (of the zone) of the last one, and last_at when it was made; None before the first.
    """

    id: int
    destination: int
    kind: DigestKind
    wall: WallTime
    assets: tuple[str, ...]
    due: datetime
    last_date: date | None
    last_at: datetime | None
    zone: str = "UTC"

    def next_after(self, now: datetime, done: date | None = None) -> datetime:
        """Return when the next one is due after a time, at most one a date. done: the last date, if not as kept."""
        return next_due(self.wall, ZoneInfo(self.zone), now, done or self.last_date)


def of(store: Store, destination: int) -> dict[DigestKind, Ordered]:
    """Return what a destination asked for, by kind."""
    found = [_ordered(row) for row in store.read(SQL.digests_of, destination=destination)]
    return {ordered.kind: ordered for ordered in found}


def order(
    store: Store, destination: int, kind: DigestKind, wall: WallTime, assets: Iterable[str], *, now: datetime
) -> Ordered:
    """Ask for a digest, or change it; what was said on a date stays said. Return it as it is kept."""
    with store.write() as work:
        work.run(
            SQL.order_digest,
            destination=destination,
            kind=kind,
            days=json.dumps(wall.days),
            at=f"{wall.at:%H:%M}",
            assets=json.dumps(list(assets)),
            due=to_ms(now),
        )
        ordered = next(
            one for row in work.rows(SQL.digests_of, destination=destination) if (one := _ordered(row)).kind == kind
        )
        plan(work, ordered, ordered.next_after(now))
    return of(store, destination)[kind]


def stop(store: Store, destination: int, kind: DigestKind | None = None) -> int:
    """Take digests back, of one kind or all, and return how many there were."""
    with store.write() as work:
        return sum(work.run(SQL.stop_digest, destination=destination, kind=one) for one in KINDS if kind in {None, one})


def plan(work: Work, ordered: Ordered, due: datetime) -> None:
    """Keep when the next one is due."""
    work.run(SQL.plan_digest, id=ordered.id, due=to_ms(due))


def due(store: Store, now: datetime, most: int) -> list[Ordered]:
    """Return digests that are due, the longest due first, to destinations that can be told."""
    return [_ordered(row) for row in store.read(SQL.digests_due, now=to_ms(now), most=most)]


def every(store: Store) -> list[Ordered]:
    """Return every digest that anybody asked for."""
    return [_ordered(row) for row in store.read(SQL.every_digest)]


def made(work: Work, ordered: Ordered, day: date, *, now: datetime, due: datetime) -> bool:
    """Keep that the one of a date was made, and when the next is due; False where another one did so, or it is gone."""
    changed = work.run(
        SQL.digest_made,
        id=ordered.id,
        was=to_ms(ordered.due),
        day=day.isoformat(),
        now=to_ms(now),
        due=to_ms(due),
    )
    return changed == 1


def taken_back(work: Work, destination: int, kind: DigestKind, last: datetime | None, now: datetime) -> None:
    """Plan a digest of a destination as if the last one had been made at a time; None: as if none had been."""
    for row in work.rows(SQL.digests_of, destination=destination):
        if (ordered := _ordered(row)).kind != kind:
            continue
        zone = ZoneInfo(ordered.zone)
        done = None if last is None else last.astimezone(zone).date()
        work.run(
            SQL.take_digest_back,
            id=ordered.id,
            day=None if done is None else done.isoformat(),
            at=None if last is None else to_ms(last),
            due=to_ms(next_due(ordered.wall, zone, now, done)),
        )


def zone_changed(work: Work, destination: int, now: datetime) -> None:
    """Plan the digests of a destination anew by its new zone: at most one on a date, by the new clock too."""
    for row in work.rows(SQL.digests_of, destination=destination):
        ordered = _ordered(row)
        zone = ZoneInfo(ordered.zone)
        done = None if ordered.last_at is None else ordered.last_at.astimezone(zone).date()
        work.run(
            SQL.move_digest_zone,
            id=ordered.id,
            day=None if done is None else done.isoformat(),
            due=to_ms(next_due(ordered.wall, zone, now, done)),
        )


def _ordered(row: Row) -> Ordered:
    return Ordered(
        row["id"],
        row["destination"],
        row["kind"],
        WallTime(time.fromisoformat(row["at"]), tuple(json.loads(row["days"]))),
        tuple(json.loads(row["assets"])),
        from_ms(row["next"]),
        None if row["last_date"] is None else date.fromisoformat(row["last_date"]),
        None if row["last_at"] is None else from_ms(row["last_at"]),
        row["zone"],
    )
