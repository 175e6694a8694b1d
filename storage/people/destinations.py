"""Destinations and what they asked for. Ids and settings only, no texts of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.units import from_ms, to_ms
from storage.alerts.sending import spreading
from storage.engine.sql import queries
from storage.people import digests
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.work import Row

SQL = queries("storage.people")
ANY = "*"


@dataclass(frozen=True, slots=True)
class Destination:
    """A place that receives. platform: the word of the bot that speaks there (bots.py). topic: "" outside forums.

    gone: when and why it stopped taking messages.

    A reason without a time: it rests, because something is not allowed there.

    venue: the exchange that is meant where a calculator names none; None where none was chosen. person: whose own chat
    it is, by the platform's id; None where it is nobody's own, or not known.
    """

    id: int
    platform: str
    chat: str
    topic: str
    kind: str
    title: str | None
    zone: str
    gone: datetime | None
    gone_reason: str | None
    venue: str | None = None
    person: str | None = None


def find(store: Store, platform: str, chat: str, topic: str | None = None) -> Destination | None:
    """Return a destination, or None if this chat has never asked for anything."""
    row = store.read_one(SQL.destination, platform=platform, chat=chat, topic=topic or "")
    return None if row is None else _destination(row)


def private_of(store: Store, platform: str, person: str) -> Destination | None:
    """Return the private chat of a person, which may be gone; None where none is known."""
    row = store.read_one(SQL.private_chat, platform=platform, person=person)
    return None if row is None else _destination(row)


def places_of(store: Store, bot: str, chat: str, person: str | None) -> list[int]:
    """Return the places of a chat of a bot; of a person's own those at every bot of their platform. Their numbers."""
    found = list(store.read(SQL.topics_of_chat, platform=bot, chat=chat))
    if person is not None:
        found += store.read(SQL.own_chats, platform=platform_of(bot), person=person)
    return list(dict.fromkeys(row["id"] for row in found))


def ensure(
    store: Store,
    platform: str,
    chat: str,
    topic: str | None,
    *,
    kind: str,
    title: str | None,
    now: datetime,
    server: str | None = None,
    person: str | None = None,
    zone: str = "UTC",
) -> Destination:
    """Return a destination, made if it is new and brought back if it was gone.

    server: it lies in, if in any. person: whose own chat it is, if anybody's. zone: where it is new.
    """
    with store.write() as work:
        work.run(
            SQL.ensure_destination,
            platform=platform,
            chat=chat,
            topic=topic or "",
            kind=kind,
            title=title,
            server=server,
            person=person,
            zone=zone,
            now=to_ms(now),
        )
    found = find(store, platform, chat, topic)
    if found is None:
        raise LookupError("a destination that was just written cannot be read back")
    return found


def unmet(store: Store, platform: str) -> list[str]:
    """Return the private chats of a platform of which it is not known whose they are."""
    return [row["chat"] for row in store.read(SQL.unmet_chats, platform=platform)] if store.exists else []


def met(store: Store, platform: str, chat: str, person: str) -> None:
    """Keep whose private chat this is."""
    with store.write() as work:
        work.run(SQL.keep_person, platform=platform, chat=chat, person=person)


def bring_back(store: Store, destination: int) -> None:
    """Send to a destination again that had stopped taking messages."""
    with store.write() as work:
        work.run(SQL.bring_back, destination=destination)


def everyone(store: Store) -> list[Destination]:
    """Return every destination."""
    return [_destination(row) for row in store.read(SQL.destinations)]


def subscribe(store: Store, destination: int, rule: str, asset: str) -> bool:
    """Add a subscription; False if it was there. `*` means every rule or every asset."""
    with store.write() as work:
        return work.run(SQL.subscribe, destination=destination, rule=rule, asset=asset) == 1


def unsubscribe(store: Store, destination: int, rule: str = ANY, asset: str = ANY) -> int:
    """Remove subscriptions and return how many. `*` stands for all of them."""
    with store.write() as work:
        return work.run(SQL.unsubscribe, destination=destination, rule=rule, asset=asset)


def subscriptions(store: Store, destination: int) -> list[tuple[str, str]]:
    """Return what a destination asked for as (rule, asset)."""
    return [(row["rule"], row["asset"]) for row in store.read(SQL.subscriptions, destination=destination)]


def set_zone(store: Store, destination: int, zone: str, now: datetime) -> None:
    """Keep the time zone of a destination (an IANA name); its digests come by the new clock from now on."""
    with store.write() as work:
        work.run(SQL.set_zone, destination=destination, zone=zone)
        digests.zone_changed(work, destination, now)


def set_venue(store: Store, destination: int, venue: str | None) -> None:
    """Keep the exchange that a destination means when it names none; None takes it back."""
    with store.write() as work:
        work.run(SQL.set_venue, destination=destination, venue=venue)


def moved(store: Store, platform: str, old: str, new: str) -> None:
    """Give a chat its new id (a group that became a supergroup), in one transaction; merge if the new id is known."""
    with store.write() as work:
        spreading.everything(work)
        work.run(SQL.move_permits, platform=platform_of(platform), old=old, new=new)
        for row in work.rows(SQL.topics_of_chat, platform=platform, chat=old):
            known = work.one(SQL.destination, platform=platform, chat=new, topic=row["topic"])
            if known is None:
                work.run(SQL.rename_chat, destination=row["id"], chat=new)
                continue
            for move in (
                SQL.move_subscriptions,
                SQL.move_switches,
                SQL.move_digests,
                SQL.move_own_rules,
                SQL.rules_made_together,
                SQL.move_tried,
                SQL.move_shared_rules,
                SQL.move_outbox,
                SQL.move_messages,
            ):
                work.run(move, new=known["id"], old=row["id"])  # what is known there already goes with the old one
            work.run(SQL.forget_destination, destination=row["id"])
            # The chat lives under this id, or nobody would move there: what waits for it must not wait for ever.
            work.run(SQL.bring_back, destination=known["id"])


def _destination(row: Row) -> Destination:
    return Destination(
        row["id"],
        row["platform"],
        row["chat"],
        row["topic"],
        row["kind"],
        row["title"],
        row["zone"],
        None if row["gone"] is None else from_ms(row["gone"]),
        row["gone_reason"],
        row["venue"],
        row["person"],
    )
