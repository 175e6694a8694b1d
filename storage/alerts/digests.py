"""Digests on their way out, and what they read of the outbox: what was held, what sources did, what was told last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from signals import digest
from signals.digest import HeldBack
from signals.units import DAY, HOUR, from_ms, to_ms
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.alerts.sending import held
from storage.engine.sql import queries
from storage.people import digests as people
from storage.sources import source_events

if TYPE_CHECKING:
    from datetime import datetime

    from signals.digest import Digest, DigestKind
    from storage.alerts.outbox import OutboxRow
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.sources.source_events import AssetEvent, SourceEvent

SQL: Final = queries("storage.alerts")
_REMEMBERED: Final = 40 * DAY
_REASON: Final = "a digest told of it"
_FUTURE: Final = "made while the clock was ahead"


def announce(work: Work, destination: int, found: Digest, *, now: datetime, expires: datetime) -> None:
    """Write a digest for a destination, and settle what is held there and it tells of by name.

    expires: one that is not sent until then is part of the next one.
    """
    notice = Notice("digest", "notice", now, found.to_json())
    outbox.announce_to(work, destination, notice, now=now, expires=expires)
    if not (found.held.quiet or found.held.budget):
        return
    named = {(alarm.rule, alarm.asset) for alarm in (*found.began, *found.over)}
    rows = [one.row for one in held.held(work, destination)]
    held.told(work, [row for row in rows if (row.notice.rule, row.notice.asset) in named], _REASON, now=now)


def taken_back(work: Work, destination: int, row: OutboxRow, now: datetime) -> bool:
    """Settle a digest that a clock made which was ahead, and order it again for its own date; False for all else.

    It would tell of a day that has not been, and the digest of that day would be the second one of its date. Ahead is
    more than an hour: clocks of several machines may differ.
    """
    if row.notice.kind != "digest" or row.notice.at <= now + HOUR:
        return False
    outbox.end(work, row, "merged", _FUTURE, now=now)
    kind = row.notice.payload["kind"]
    before = work.rows(SQL.digests_before, destination=destination, now=to_ms(now))
    made = next((one for one in before if json.loads(one["payload"])["kind"] == kind), None)
    people.taken_back(work, destination, kind, None if made is None else from_ms(made["at"]), now)
    return True


def told_until(store: Store, destination: int, kind: DigestKind, now: datetime) -> datetime | None:
    """Return up to when the last digest of a kind told that reached a destination; None where none did lately."""
    for row in store.read(SQL.digests_told, destination=destination, since=to_ms(now - _REMEMBERED)):
        found = digest.from_json(json.loads(row["payload"]))
        if found.kind == kind:
            return found.until
    return None


def held_now(store: Store) -> dict[int, HeldBack]:
    """Return how much is held for quiet hours or a budget, by destination."""
    found: dict[int, HeldBack] = {}
    for row in store.read(SQL.held_now):
        one = HeldBack(**{row["held_for"]: row["count"]})
        found[row["destination"]] = found.get(row["destination"], HeldBack()) + one
    return found


def told_late(store: Store, destination: int, since: datetime) -> int:
    """Return how many notices grew too old before a destination could be told, since a time."""
    row = store.read_one(SQL.told_late, destination=destination, since=to_ms(since))
    return 0 if row is None else int(row["count"])


def news_of_sources(store: Store, since: datetime, until: datetime) -> list[tuple[datetime, SourceEvent | AssetEvent]]:
    """Return what was told of sources after one time and up to another, each with when it was."""
    rows = store.read(SQL.news_of_sources, since=to_ms(since), until=to_ms(until))
    payloads = ((row["at"], json.loads(row["payload"])) for row in rows)
    return [(from_ms(at), source_events.from_json(told["source"])) for at, told in payloads if "source" in told]
