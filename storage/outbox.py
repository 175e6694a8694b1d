"""The only way out: notices and, for each, one row per destination.

A row is `queued`, then `sending` (claimed under the lease and committed before the request), then one of `sent`,
`merged` (a later notice of the same episode says it all), `dead` or `expired`, each with a reason. `uncertain` means
the platform may have accepted it before its answer was lost: it is sent once more, marked. Nothing else may happen to
a row, so a kill at any moment loses nothing, and only rows in `sending` are ever in doubt.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from storage.db import from_ms, to_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection
    from datetime import datetime

    from storage.db import Store

LONGEST_PAUSE = timedelta(hours=24)  # a `not_before` beyond this means the clock was set back: it counts as now
PRIORITY = {"critical": 30, "warning": 20, "notice": 10}
Kind = Literal["fired", "escalated", "resolved", "source", "late"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told. payload: blocks and frozen values as plain data, rendered when it is sent."""

    kind: Kind
    rank: str
    at: datetime
    payload: dict[str, Any]
    episode: int | None = None
    watch: str | None = None
    asset: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One row that this process has taken to send."""

    id: int
    destination: int
    platform: str
    chat: str
    topic: str
    kind_of_chat: str
    zone: str
    nonce: str
    attempts: int
    uncertain: bool
    plain: bool
    notice: Notice
    created: datetime
    message: str | None  # the episode's message in this destination, if one was sent


def announce(connection: sqlite3.Connection, notice: Notice, *, now: datetime, expires: datetime) -> int:
    """Write a notice and one row for each destination that asked for it; return how many. Twice is harmless."""
    cursor = connection.execute(
        "INSERT INTO notices (episode, kind, watch, asset, rank, at, payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            notice.episode,
            notice.kind,
            notice.watch,
            notice.asset,
            notice.rank,
            to_ms(notice.at),
            json.dumps(notice.payload),
        ),
    )
    return connection.execute(
        "INSERT OR IGNORE INTO outbox (notice, destination, nonce, priority, not_before, expires, state, created) "
        "SELECT ?, d.id, lower(hex(randomblob(8))), ?, ?, ?, 'queued', ? FROM destinations d "
        "WHERE d.gone IS NULL AND EXISTS (SELECT 1 FROM subscriptions s WHERE s.destination = d.id "
        "AND (s.watch = ? OR (s.watch = '*' AND ? <> 'sources')) AND (s.asset IN ('*', ?) OR ? = 'MARKET'))",
        (
            cursor.lastrowid,
            PRIORITY[notice.rank],
            to_ms(now),
            to_ms(expires),
            to_ms(now),
            notice.watch,
            notice.watch,
            notice.asset,
            notice.asset,
        ),
    ).rowcount


def claim(
    store: Store, *, now: datetime, epoch: int, platforms: Collection[str], limit: int, resting: Collection[int] = ()
) -> list[Claim]:
    """Take the most urgent rows that are due, at most one per destination, and commit that they are being sent.

    resting: destinations that must not be written to yet. Nothing is taken when the lease has moved on.
    """
    if limit <= 0 or not platforms:
        return []
    marks = ", ".join("?" * len(platforms))
    with store.write() as connection:
        if connection.execute("SELECT 1 FROM leases WHERE name = 'sender' AND epoch = ?", (epoch,)).fetchone() is None:
            return []
        _merge(connection, now)
        found = connection.execute(
            "SELECT o.id, o.destination, o.nonce, o.attempts, o.state, o.plain, o.created, n.kind, n.rank, n.at, "  # noqa: S608
            "n.payload, n.episode, n.watch, n.asset, d.platform, d.chat, d.topic, d.kind AS chat_kind, d.zone, "
            "(SELECT m.message FROM messages m WHERE m.episode = n.episode AND m.destination = d.id) AS message "
            "FROM outbox o JOIN notices n ON n.id = o.notice JOIN destinations d ON d.id = o.destination "
            f"WHERE o.state IN ('queued', 'uncertain') AND d.gone IS NULL AND d.platform IN ({marks}) "
            "AND (o.not_before <= ? OR o.not_before > ?) AND o.destination NOT IN "
            "(SELECT destination FROM outbox WHERE state = 'sending') ORDER BY o.priority DESC, o.id LIMIT 500",
            (*platforms, to_ms(now), to_ms(now + LONGEST_PAUSE)),
        ).fetchall()
        taken: dict[int, sqlite3.Row] = {}
        for row in found:
            if row["destination"] not in taken and row["destination"] not in resting and len(taken) < limit:
                taken[row["destination"]] = row
        connection.executemany(
            "UPDATE outbox SET state = 'sending', epoch = ? WHERE id = ?",
            [(epoch, row["id"]) for row in taken.values()],
        )
        return [_claim(row) for row in taken.values()]


def _merge(connection: sqlite3.Connection, now: datetime) -> None:
    """Settle rows whose episode has a later notice waiting for the same destination: one message instead of two."""
    connection.execute(
        "UPDATE outbox SET state = 'merged', reason = 'a later notice of the episode says it', settled = ? "
        "WHERE state = 'queued' AND EXISTS (SELECT 1 FROM notices mine JOIN notices later "
        "ON later.episode = mine.episode AND later.id > mine.id JOIN outbox o ON o.notice = later.id "
        "WHERE mine.id = outbox.notice AND o.destination = outbox.destination AND o.state <> 'merged')",
        (to_ms(now),),
    )


def _notice(row: sqlite3.Row) -> Notice:
    return Notice(
        row["kind"],
        row["rank"],
        from_ms(row["at"]),
        json.loads(row["payload"]),
        row["episode"],
        row["watch"],
        row["asset"],
    )


def _claim(row: sqlite3.Row) -> Claim:
    return Claim(
        row["id"],
        row["destination"],
        row["platform"],
        row["chat"],
        row["topic"],
        row["chat_kind"],
        row["zone"],
        row["nonce"],
        row["attempts"],
        row["state"] == "uncertain",
        bool(row["plain"]),
        _notice(row),
        from_ms(row["created"]),
        row["message"],
    )


def sent(store: Store, claim: Claim, message: str | None, *, now: datetime) -> None:
    """Settle a row as sent and remember the message, so that the episode's next notice can edit it."""
    with store.write() as connection:
        _settle(connection, claim, "sent", None, now, message)
        if claim.notice.episode is not None and message is not None:
            connection.execute(
                "INSERT INTO messages (episode, destination, message) VALUES (?, ?, ?) "
                "ON CONFLICT DO UPDATE SET message = excluded.message",
                (claim.notice.episode, claim.destination, message),
            )


def later(
    store: Store, claim: Claim, at: datetime, reason: str, *, counts: bool, uncertain: bool = False, plain: bool = False
) -> None:
    """Put a row back until `at`. counts: does this try count? uncertain: it may have arrived. plain: send no markup."""
    with store.write() as connection:
        connection.execute(
            "UPDATE outbox SET state = ?, not_before = ?, reason = ?, attempts = attempts + ?, plain = max(plain, ?) "
            "WHERE id = ? AND state = 'sending'",
            ("uncertain" if uncertain or claim.uncertain else "queued", to_ms(at), reason, counts, plain, claim.id),
        )


def ended(
    store: Store, claim: Claim, state: Literal["dead", "expired", "merged"], reason: str, *, now: datetime
) -> None:
    """Settle a row that will not be sent, with the reason."""
    with store.write() as connection:
        _settle(connection, claim, state, reason, now, None)


def gone(store: Store, destination: int, reason: str, *, now: datetime) -> int:
    """Mark a destination as gone and end its rows; return how many. `/start` brings it back."""
    with store.write() as connection:
        connection.execute(
            "UPDATE destinations SET gone = ?, gone_reason = ? WHERE id = ?", (to_ms(now), reason, destination)
        )
        return connection.execute(
            "UPDATE outbox SET state = 'dead', reason = ?, settled = ? "
            "WHERE destination = ? AND state IN ('queued', 'sending', 'uncertain')",
            (reason, to_ms(now), destination),
        ).rowcount


def _settle(
    connection: sqlite3.Connection, claim: Claim, state: str, reason: str | None, now: datetime, message: str | None
) -> None:
    connection.execute(
        "UPDATE outbox SET state = ?, reason = ?, settled = ?, message = ? WHERE id = ?",
        (state, reason, to_ms(now), message, claim.id),
    )


def waiting(store: Store) -> int:
    """Return how many rows wait to be sent."""
    row = store.one("SELECT count(*) AS n FROM outbox WHERE state IN ('queued', 'sending', 'uncertain')")
    return 0 if row is None else row["n"]


def take_lease(store: Store, name: str = "sender") -> int:
    """Become the holder: the epoch rises, and every row that an earlier holder was sending is in doubt from now on."""
    with store.write() as connection:
        connection.execute(
            "INSERT INTO leases (name, epoch, beat) VALUES (?, 1, 0) ON CONFLICT DO UPDATE SET epoch = epoch + 1",
            (name,),
        )
        epoch = int(connection.execute("SELECT epoch FROM leases WHERE name = ?", (name,)).fetchone()[0])
        connection.execute(
            "UPDATE outbox SET state = 'uncertain', reason = 'the program stopped while sending' "
            "WHERE state = 'sending' AND epoch < ?",
            (epoch,),
        )
        return epoch


def beat(store: Store, epoch: int, name: str = "sender") -> bool:
    """Show that the holder lives. False: somebody else holds the lease now, so stop sending."""
    with store.write() as connection:
        return (
            connection.execute("UPDATE leases SET beat = beat + 1 WHERE name = ? AND epoch = ?", (name, epoch)).rowcount
            == 1
        )


def lease_beat(store: Store, name: str = "sender") -> tuple[int, int] | None:
    """Return (epoch, beat) of the lease; a standby takes over when it has not changed for long enough."""
    row = store.one("SELECT epoch, beat FROM leases WHERE name = ?", (name,))
    return None if row is None else (row["epoch"], row["beat"])


def expired(store: Store, *, now: datetime) -> dict[int, list[Notice]]:
    """Settle rows that are no news any more and return their notices by destination, to be told as one line each."""
    with store.write() as connection:
        rows = connection.execute(
            "SELECT o.id, o.destination, n.kind, n.rank, n.at, n.payload, n.episode, n.watch, n.asset "
            "FROM outbox o JOIN notices n ON n.id = o.notice JOIN destinations d ON d.id = o.destination "
            "WHERE o.state IN ('queued', 'uncertain') AND o.expires <= ? AND n.kind <> 'late' AND d.gone IS NULL "
            "ORDER BY o.id",
            (to_ms(now),),
        ).fetchall()
        connection.executemany(
            "UPDATE outbox SET state = 'expired', reason = 'too old for news, told as one line', settled = ? "
            "WHERE id = ?",
            [(to_ms(now), row["id"]) for row in rows],
        )
        found: dict[int, list[Notice]] = {}
        for row in rows:
            found.setdefault(row["destination"], []).append(_notice(row))
        return found


def tell_one(store: Store, destination: int, notice: Notice, *, now: datetime, expires: datetime) -> None:
    """Write a notice for one destination alone, whatever it subscribed to."""
    with store.write() as connection:
        cursor = connection.execute(
            "INSERT INTO notices (episode, kind, watch, asset, rank, at, payload) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (None, notice.kind, None, None, notice.rank, to_ms(notice.at), json.dumps(notice.payload)),
        )
        connection.execute(
            "INSERT INTO outbox (notice, destination, nonce, priority, not_before, expires, state, created) "
            "VALUES (?, ?, lower(hex(randomblob(8))), ?, ?, ?, 'queued', ?)",
            (cursor.lastrowid, destination, PRIORITY[notice.rank], to_ms(now), to_ms(expires), to_ms(now)),
        )
