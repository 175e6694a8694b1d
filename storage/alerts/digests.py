"""Digests on their way out, and what they read of the outbox: what was held, what sources did, what was told last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from signals import digest
from signals.digest import HeldBack
from signals.units import DAY, from_ms, to_ms
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.engine.sql import queries
from storage.sources import source_events

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from signals.digest import Digest, DigestKind
    from storage.engine.database import Store
    from storage.engine.work import Row, Work
    from storage.sources.source_events import AssetEvent, SourceEvent

SQL: Final = queries("storage.alerts")
_REMEMBERED: Final = 40 * DAY


def announce(work: Work, destination: int, found: Digest, *, now: datetime, expires: datetime) -> None:
    """Write a digest for a destination; what of it is not sent until `expires` is said by the next one."""
    notice = Notice("digest", "notice", now, found.to_json())
    outbox.announce_to(work, destination, notice, now=now, expires=expires)


def told_until(store: Store, destination: int, kind: DigestKind, now: datetime) -> datetime | None:
    """Return up to when the last digest of a kind told that reached a destination; None where none did lately."""
    for row in store.read(SQL.digests_told, destination=destination, since=to_ms(now - _REMEMBERED)):
        found = digest.from_json(json.loads(row["payload"]))
        if found.kind == kind:
            return found.until
    return None


def held_now(store: Store) -> dict[int, HeldBack]:
    """Return what waits although it was due, by destination."""
    found: dict[int, list[Row]] = {}
    for row in store.read(SQL.held_now):
        found.setdefault(row["destination"], []).append(row)
    return {destination: _held(rows) for destination, rows in found.items()}


def held_back(store: Store, destination: int, since: datetime) -> HeldBack:
    """Return what a destination was told late since a time, or not at all as it had grown too old."""
    return _held(store.read(SQL.held_back, destination=destination, since=to_ms(since)))


def _held(rows: Iterable[Row]) -> HeldBack:
    counts = {row["held_for"]: row["count"] for row in rows}
    return HeldBack(counts.get("quiet", 0), counts.get("budget", 0), counts.get("late", 0))


def news_of_sources(store: Store, since: datetime, until: datetime) -> list[tuple[datetime, SourceEvent | AssetEvent]]:
    """Return what was told of sources after one time and up to another, each with when it was."""
    rows = store.read(SQL.news_of_sources, since=to_ms(since), until=to_ms(until))
    payloads = ((row["at"], json.loads(row["payload"])) for row in rows)
    return [(from_ms(at), source_events.from_json(told["source"])) for at, told in payloads if "source" in told]
