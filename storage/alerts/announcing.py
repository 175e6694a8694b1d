"""What an owner tells every chat: kept as a draft until it is confirmed, and then sent once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from signals.alerts.event import ANNOUNCEMENT
from signals.units import HOUR, from_ms, to_ms
from storage.alerts import outbox
from storage.alerts.sending import spreading
from storage.engine import settings
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.engine.database import Store

SQL: Final = queries("storage.alerts")
HOLDS: Final = HOUR  # a draft; after that nobody remembers what the button would send
_DRAFT: Final = "announcement"  # the setting; it names nobody, so that nobody has to be forgotten in it
_NEWS_FOR: Final = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class Announcement:
    """What was written and not sent yet. code: names it, so that an old button sends nothing else."""

    text: str
    code: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How the last announcement fares. rows: of the outbox, how many in which state."""

    text: str
    at: datetime
    rows: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Audience:
    """How many chats are told anything, by platform: each once, whatever topics it has. muted: those left out."""

    chats: Mapping[str, int]
    muted: int = 0

    @property
    def size(self) -> int:
        """Return how many will get an announcement."""
        return sum(self.chats.values())


def audience(store: Store, *, now: datetime) -> Audience:
    """Return whom an announcement would reach now: not who has muted everything."""
    told, every = (
        {row["platform"]: row["count"] for row in store.read(SQL.told_counts, muted_too=muted_too, now=to_ms(now))}
        for muted_too in (False, True)
    )
    return Audience(told, sum(every.values()) - sum(told.values()))


def write(store: Store, text: str, code: str, *, now: datetime) -> None:
    """Keep a draft, in place of the one before."""
    with store.write() as work:
        settings.keep_setting(work, _DRAFT, json.dumps({"text": text, "code": code, "at": now.isoformat()}))


def drop(store: Store) -> bool:
    """Drop the draft; False if there was none."""
    with store.write() as work:
        work.alone(_DRAFT)
        if not settings.setting(store, _DRAFT):
            return False
        settings.keep_setting(work, _DRAFT, "")
    return True


def draft(store: Store, *, now: datetime) -> Announcement | None:
    """Return the draft; None where there is none, or it is too old."""
    kept = settings.setting(store, _DRAFT)
    if not kept:
        return None
    found = json.loads(kept)
    at = datetime.fromisoformat(found["at"])
    return Announcement(found["text"], found["code"], at) if abs(now - at) <= HOLDS else None


def send(store: Store, code: str, *, now: datetime) -> int | None:
    """Write the draft for all its audience, and return how many that are; None where it is not that draft.

    The draft goes in the same transaction: pressed twice, it is sent once.
    """
    with store.write() as work:
        work.alone(_DRAFT)
        found = draft(store, now=now)
        if found is None or found.code != code:
            return None
        event = {"event": ANNOUNCEMENT, "text": found.text}
        notice = outbox.Notice("owner", "notice", now, event, rule=ANNOUNCEMENT)
        number = outbox.write_notice(work, notice)
        parts = work.run(
            SQL.announce_to_places,
            notice=number,
            muted_too=False,
            priority=outbox.PRIORITY[notice.rank],
            now=to_ms(now),
            expires=to_ms(now + _NEWS_FOR),
            most=spreading.PART,
        )
        count = spreading.begin(work, number, parts)
        settings.keep_setting(work, _DRAFT, "")
    return count


def last(store: Store) -> Progress | None:
    """Return how the last announcement fares; None where there was none within what is kept."""
    rows = store.read(SQL.last_announcement)
    if not rows:
        return None
    first = rows[0]
    states = {row["state"]: row["count"] for row in rows}
    return Progress(json.loads(first["payload"])["text"], from_ms(first["at"]), states)
