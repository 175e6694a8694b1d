"""Destinations that rest: because something is not allowed there, or because their platform asked for a pause."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.units import from_ms, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.work import Work

SQL = queries("storage.alerts")


@dataclass(frozen=True, slots=True)
class Resting:
    """A destination where something is not allowed: why, until when nothing is tried there, and how much waits."""

    platform: str
    chat: str
    topic: str
    title: str | None
    reason: str
    until: datetime
    waiting: int


def rest(store: Store, destination: int, until: datetime, reason: str | None = None) -> None:
    """Write nothing to a destination before `until`; it survives a restart.

    reason: what is not allowed there; None where its platform asked for a pause.
    """
    with store.write() as work:
        work.run(SQL.rest_destination, destination=destination, until=to_ms(until), reason=reason)


def waits_since(work: Work, destination: int) -> datetime | None:
    """Return since when a destination has waited for the oldest message to it; None where nothing waits."""
    row = work.one(SQL.waits_since, destination=destination)
    return None if row is None or row["first"] is None else from_ms(row["first"])


def woken(store: Store, platform: str, chat: str) -> int:
    """End the rests of a chat in which something was not allowed, in all of its topics; return how many there were."""
    with store.write() as work:
        return work.run(SQL.wake_chat, platform=platform, chat=chat)


def without_rights(store: Store) -> list[Resting]:
    """Return the destinations that rest because something is not allowed there."""
    return [
        Resting(
            row["platform"], row["chat"], row["topic"], row["title"], row["gone_reason"], from_ms(row["rests_until"]),
            row["waiting"],
        )
        for row in store.read(SQL.without_rights)
    ]  # fmt: skip
