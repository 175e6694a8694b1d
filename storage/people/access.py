"""Who owns this bot, and who was let in or kept out: ids by platform, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from signals.units import from_ms, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.work import Work

SQL = queries("storage.people")
Whom = Literal["person", "chat"]
KEPT_OUT: Final = "kept out by an owner"  # why nothing is sent to a chat, until /allow takes it back


@dataclass(frozen=True, slots=True)
class StoredOwner:
    """A person whom this bot obeys, by the platform's id."""

    platform: str
    person: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Permit:
    """A person or a chat that was let in (allowed) or kept out. name: the platform's id."""

    platform: str
    kind: Whom
    name: str
    allowed: bool
    since: datetime


def owners(store: Store) -> list[StoredOwner]:
    """Return the owners, the first one first."""
    return [StoredOwner(row["platform"], row["person"], from_ms(row["since"])) for row in store.read(SQL.owners)]


def add_owner(work: Work, platform: str, person: str, now: datetime) -> bool:
    """Make a person an owner; False if they are one."""
    return work.run(SQL.add_owner, platform=platform, person=person, now=to_ms(now)) == 1


def drop_owner(work: Work, platform: str, person: str) -> bool:
    """Make a person an owner no more; False if they were none."""
    return work.run(SQL.drop_owner, platform=platform, person=person) == 1


def permits(store: Store) -> list[Permit]:
    """Return who was let in and who was kept out."""
    return [
        Permit(row["platform"], row["kind"], row["name"], bool(row["allowed"]), from_ms(row["since"]))
        for row in store.read(SQL.permits)
    ]


def permit(work: Work, platform: str, kind: Whom, name: str, *, allowed: bool, now: datetime) -> None:
    """Let a person or a chat in, or keep them out; the last word counts."""
    work.run(SQL.permit, platform=platform, kind=kind, name=name, allowed=allowed, now=to_ms(now))


def unpermit(work: Work, platform: str, kind: Whom, name: str) -> bool:
    """Forget what was said of a person or a chat; False if nothing was."""
    return work.run(SQL.drop_permit, platform=platform, kind=kind, name=name) == 1


def permitted(store: Store, platform: str, person: str | None, chat: str) -> dict[Whom, bool]:
    """Return what was said of a person and of a chat: let in, or kept out. Nothing of whom nothing was said."""
    rows = store.read(SQL.permitted, platform=platform, person=person, chat=chat)
    return {row["kind"]: bool(row["allowed"]) for row in rows}


def is_owner(store: Store, platform: str, person: str) -> bool:
    """Tell whether a person is an owner."""
    return store.read_one(SQL.owner, platform=platform, person=person) is not None
