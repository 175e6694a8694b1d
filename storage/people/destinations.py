"""Destinations and what they asked for. Ids and settings only, no texts of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.units import from_ms, to_ms

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from storage.engine.database import Store

ANY = "*"


@dataclass(frozen=True, slots=True)
class Destination:
    """A place that receives. topic "" outside forums. gone: when and why it stopped taking messages.

    venue: the exchange that is meant where a calculator names none; None where none was chosen.
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


def find(store: Store, platform: str, chat: str, topic: str | None = None) -> Destination | None:
    """Return a destination, or None if this chat has never asked for anything."""
    row = store.one(
        "SELECT * FROM destinations WHERE platform = ? AND chat = ? AND topic = ?", (platform, chat, topic or "")
    )
    return None if row is None else _destination(row)


def ensure(
    store: Store, platform: str, chat: str, topic: str | None, *, kind: str, title: str | None, now: datetime
) -> Destination:
    """Return a destination, made if it is new and brought back if it was gone."""
    with store.write() as work:
        work.execute(
            "INSERT INTO destinations (platform, chat, topic, kind, title, created) VALUES (?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET gone = NULL, gone_reason = NULL, kind = excluded.kind, title = excluded.title",
            (platform, chat, topic or "", kind, title, to_ms(now)),
        )
    found = find(store, platform, chat, topic)
    if found is None:
        raise LookupError("a destination that was just written cannot be read back")
    return found


def everyone(store: Store) -> list[Destination]:
    """Return every destination."""
    return [_destination(row) for row in store.rows("SELECT * FROM destinations ORDER BY id")]


def subscribe(store: Store, destination: int, watch: str, asset: str) -> bool:
    """Add a subscription; False if it was there. `*` means every alarm or every asset."""
    with store.write() as work:
        return (
            work.execute(
                "INSERT OR IGNORE INTO subscriptions (destination, watch, asset) VALUES (?, ?, ?)",
                (destination, watch, asset),
            ).rowcount
            == 1
        )


def unsubscribe(store: Store, destination: int, watch: str = ANY, asset: str = ANY) -> int:
    """Remove subscriptions and return how many. `*` stands for all of them."""
    with store.write() as work:
        return work.execute(
            "DELETE FROM subscriptions WHERE destination = ? AND (? = '*' OR watch = ?) AND (? = '*' OR asset = ?)",
            (destination, watch, watch, asset, asset),
        ).rowcount


def subscriptions(store: Store, destination: int) -> list[tuple[str, str]]:
    """Return what a destination asked for as (watch, asset)."""
    rows = store.rows(
        "SELECT watch, asset FROM subscriptions WHERE destination = ? ORDER BY asset, watch", (destination,)
    )
    return [(row["watch"], row["asset"]) for row in rows]


def set_zone(store: Store, destination: int, zone: str) -> None:
    """Keep the time zone of a destination (an IANA name)."""
    with store.write() as work:
        work.execute("UPDATE destinations SET zone = ? WHERE id = ?", (zone, destination))


def set_venue(store: Store, destination: int, venue: str | None) -> None:
    """Keep the exchange that a destination means when it names none; None takes it back."""
    with store.write() as work:
        work.execute("UPDATE destinations SET venue = ? WHERE id = ?", (venue, destination))


def moved(store: Store, platform: str, old: str, new: str) -> None:
    """Give a chat its new id (a group that became a supergroup), in one transaction; merge if the new id is known."""
    with store.write() as work:
        for row in work.execute(
            "SELECT id, topic FROM destinations WHERE platform = ? AND chat = ?", (platform, old)
        ).fetchall():
            known = work.execute(
                "SELECT id FROM destinations WHERE platform = ? AND chat = ? AND topic = ?",
                (platform, new, row["topic"]),
            ).fetchone()
            if known is None:
                work.execute("UPDATE destinations SET chat = ? WHERE id = ?", (new, row["id"]))
                continue
            for table in ("subscriptions", "outbox", "messages"):
                work.execute(
                    f"UPDATE OR IGNORE {table} SET destination = ? WHERE destination = ?",  # noqa: S608 - our names
                    (known["id"], row["id"]),
                )
            work.execute("DELETE FROM destinations WHERE id = ?", (row["id"],))
            # The chat lives under this id, or nobody would move there: what waits for it must not wait for ever.
            work.execute("UPDATE destinations SET gone = NULL, gone_reason = NULL WHERE id = ?", (known["id"],))


def _destination(row: sqlite3.Row) -> Destination:
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
    )
