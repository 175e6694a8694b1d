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

from signals.units import from_ms, to_ms

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.work import Work

# A pause beyond these means that the clock was set back, so it counts as over.
LONGEST_PAUSE = timedelta(minutes=15)  # of one row
LONGEST_REST = timedelta(hours=24)  # of a destination, as its platform asked for
# Spelt as in the index of live rows, or SQLite searches every row ever sent.
LIVE = "state IN ('queued', 'sending', 'uncertain')"
PRIORITY = {"critical": 30, "warning": 20, "notice": 10}
Kind = Literal["fired", "escalated", "resolved", "source", "position", "late"]


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
    announced: bool  # an earlier notice of the episode was meant for this destination


def announce(work: Work, notice: Notice, *, now: datetime, expires: datetime, only_asked: bool = False) -> int:
    """Write a notice and one row for each destination that asked for it; return how many. Twice is harmless.

    only_asked: leave out those who subscribed to everything and not to this by name. What still waits of the same
    episode for the same destination is settled: one message instead of two.
    """
    number = _write(work, notice)
    count = work.execute(
        "INSERT OR IGNORE INTO outbox (notice, destination, nonce, priority, not_before, expires, state, created) "
        "SELECT ?, d.id, lower(hex(randomblob(8))), ?, ?, ?, 'queued', ? FROM destinations d "
        "WHERE d.gone IS NULL AND EXISTS (SELECT 1 FROM subscriptions s WHERE s.destination = d.id "
        "AND (s.watch = ? OR (s.watch = '*' AND NOT ?)) AND (s.asset IN ('*', ?) OR ? = 'MARKET'))",
        (
            number,
            PRIORITY[notice.rank],
            to_ms(now),
            to_ms(expires),
            to_ms(now),
            notice.watch,
            only_asked,
            notice.asset,
            notice.asset,
        ),
    ).rowcount
    if notice.episode is not None:
        work.execute(
            f"UPDATE outbox SET {_MERGED} WHERE state = 'queued' "  # noqa: S608 - our own words
            "AND notice IN (SELECT id FROM notices WHERE episode = ? AND id < ?) "
            "AND destination IN (SELECT destination FROM outbox WHERE notice = ?)",
            (to_ms(now), notice.episode, number, number),
        )
    return count


_MERGED = "state = 'merged', reason = 'a later notice of the episode says it', settled = ?"


def _write(work: Work, notice: Notice) -> int:
    known = work.execute(
        "SELECT id FROM notices WHERE episode = ? AND kind = ? AND at = ?",
        (notice.episode, notice.kind, to_ms(notice.at)),
    ).fetchone()
    if known is not None:
        return int(known["id"])
    cursor = work.execute(
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
    return int(cursor.lastrowid or 0)


def claim(
    store: Store, *, now: datetime, epoch: int, platforms: Collection[str], limit: int, resting: Collection[int] = ()
) -> list[Claim]:
    """Take the most urgent rows that are due, at most one per destination, and commit that they are being sent.

    resting: destinations that must not be written to yet. Nothing is taken when the lease has moved on.
    """
    if limit <= 0 or not platforms:
        return []
    taken: dict[int, sqlite3.Row] = {}
    with store.write() as work:
        if work.execute("SELECT 1 FROM leases WHERE name = 'sender' AND epoch = ?", (epoch,)).fetchone() is None:
            return []
        found = work.execute(
            _DUE,
            (
                json.dumps(list(platforms)),
                to_ms(now),
                to_ms(now + LONGEST_PAUSE),
                to_ms(now),
                to_ms(now + LONGEST_REST),
                json.dumps(list(resting)),
            ),
        )
        for row in found:  # in order of the index, so no more is read than is taken
            taken.setdefault(row["destination"], row)
            if len(taken) == limit:
                break
        found.close()
        work.executemany(
            "UPDATE outbox SET state = 'sending', epoch = ? WHERE id = ?",
            [(epoch, row["id"]) for row in taken.values()],
        )
    return [_claim(row) for row in taken.values()]


_DUE = f"""
SELECT o.id, o.destination, o.nonce, o.attempts, o.state, o.plain, o.created, n.kind, n.rank, n.at, n.payload,
    n.episode, n.watch, n.asset, d.platform, d.chat, d.topic, d.kind AS chat_kind, d.zone,
    (SELECT m.message FROM messages m WHERE m.episode = n.episode AND m.destination = d.id) AS message,
    EXISTS (SELECT 1 FROM notices e JOIN outbox p ON p.notice = e.id WHERE e.episode = n.episode AND e.id < n.id
        AND p.destination = d.id AND p.state <> 'dead') AS announced
FROM outbox o JOIN notices n ON n.id = o.notice JOIN destinations d ON d.id = o.destination
WHERE o.{LIVE} AND o.state <> 'sending' AND d.gone IS NULL AND d.platform IN (SELECT value FROM json_each(?))
    AND (o.not_before <= ? OR o.not_before > ?)
    AND (d.rests_until IS NULL OR d.rests_until <= ? OR d.rests_until > ?)
    AND o.destination NOT IN (SELECT destination FROM outbox WHERE state = 'sending')
    AND o.destination NOT IN (SELECT value FROM json_each(?))
ORDER BY o.priority DESC, o.id
"""  # noqa: S608 - our own words


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
        bool(row["announced"]),
    )


def sent(store: Store, claim: Claim, message: str | None, *, now: datetime) -> None:
    """Settle a row as sent and remember the message, so that the episode's next notice can edit it."""
    with store.write() as work:
        _settle(work, claim, "sent", None, now, message)
        if claim.notice.episode is not None and message is not None:
            # Asked of the row, not of the claim: a group may have become another destination meanwhile.
            work.execute(
                "INSERT INTO messages (episode, destination, message) SELECT ?, destination, ? FROM outbox "
                "WHERE id = ? ON CONFLICT DO UPDATE SET message = excluded.message",
                (claim.notice.episode, message, claim.id),
            )


def later(
    store: Store,
    claim: Claim,
    at: datetime,
    reason: str,
    *,
    now: datetime,
    counts: bool,
    uncertain: bool = False,
    plain: bool = False,
) -> None:
    """Put a row back until `at`. counts: does this try count? uncertain: it may have arrived. plain: send no markup.

    A row whose episode has gone on meanwhile is not put back: the later notice says it all.
    """
    with store.write() as work:
        work.execute(
            "UPDATE outbox SET state = ?, not_before = ?, reason = ?, attempts = attempts + ?, plain = max(plain, ?) "
            "WHERE id = ? AND state = 'sending'",
            ("uncertain" if uncertain or claim.uncertain else "queued", to_ms(at), reason, counts, plain, claim.id),
        )
        work.execute(
            f"UPDATE outbox SET {_MERGED} WHERE id = ? AND state = 'queued' AND EXISTS "  # noqa: S608 - our own words
            "(SELECT 1 FROM notices mine JOIN notices later ON later.episode = mine.episode AND later.id > mine.id "
            "JOIN outbox o ON o.notice = later.id AND o.destination = outbox.destination "
            "WHERE mine.id = outbox.notice AND o.state IN ('queued', 'sending', 'uncertain', 'sent'))",
            (to_ms(now), claim.id),
        )


def rest(store: Store, destination: int, until: datetime) -> None:
    """Write nothing to a destination before `until`, because its platform asked for a pause; it survives a restart."""
    with store.write() as work:
        work.execute("UPDATE destinations SET rests_until = ? WHERE id = ?", (to_ms(until), destination))


def ended(
    store: Store, claim: Claim, state: Literal["dead", "expired", "merged"], reason: str, *, now: datetime
) -> None:
    """Settle a row that will not be sent, with the reason."""
    with store.write() as work:
        _settle(work, claim, state, reason, now, None)


def gone(store: Store, destination: int, reason: str, *, now: datetime) -> int:
    """Mark a destination as gone and end its rows; return how many. `/start` brings it back."""
    with store.write() as work:
        work.execute(
            "UPDATE destinations SET gone = ?, gone_reason = ? WHERE id = ?", (to_ms(now), reason, destination)
        )
        return work.execute(
            f"UPDATE outbox SET state = 'dead', reason = ?, settled = ? WHERE destination = ? AND {LIVE}",  # noqa: S608
            (reason, to_ms(now), destination),
        ).rowcount


def _settle(work: Work, claim: Claim, state: str, reason: str | None, now: datetime, message: str | None) -> None:
    work.execute(
        "UPDATE outbox SET state = ?, reason = ?, settled = ?, message = ? WHERE id = ?",
        (state, reason, to_ms(now), message, claim.id),
    )


def waiting(store: Store) -> int:
    """Return how many rows wait to be sent."""
    row = store.one(f"SELECT count(*) AS n FROM outbox WHERE {LIVE}")  # noqa: S608 - our own words
    return 0 if row is None else row["n"]


def take_lease(store: Store, name: str = "sender") -> int:
    """Become the holder: the epoch rises, and every row that an earlier holder was sending is in doubt from now on."""
    with store.write() as work:
        work.execute(
            "INSERT INTO leases (name, epoch, beat) VALUES (?, 1, 0) ON CONFLICT DO UPDATE SET epoch = epoch + 1",
            (name,),
        )
        epoch = int(work.execute("SELECT epoch FROM leases WHERE name = ?", (name,)).fetchone()[0])
        work.execute(
            "UPDATE outbox SET state = 'uncertain', reason = 'the program stopped while sending' "
            "WHERE state = 'sending' AND epoch < ?",
            (epoch,),
        )
        return epoch


def beat(store: Store, epoch: int, name: str = "sender") -> bool:
    """Show that the holder lives. False: somebody else holds the lease now, so stop sending."""
    with store.write() as work:
        return (
            work.execute("UPDATE leases SET beat = beat + 1 WHERE name = ? AND epoch = ?", (name, epoch)).rowcount == 1
        )


def lease_beat(store: Store, name: str = "sender") -> tuple[int, int] | None:
    """Return (epoch, beat) of the lease; a standby takes over when it has not changed for long enough."""
    row = store.one("SELECT epoch, beat FROM leases WHERE name = ?", (name,))
    return None if row is None else (row["epoch"], row["beat"])


def expired(store: Store, *, now: datetime) -> dict[int, list[Notice]]:
    """Settle rows that are no news any more and return their notices by destination, to be told as one line each."""
    with store.write() as work:
        rows = work.execute(
            "SELECT o.id, o.destination, n.kind, n.rank, n.at, n.payload, n.episode, n.watch, n.asset "  # noqa: S608
            "FROM outbox o JOIN notices n ON n.id = o.notice JOIN destinations d ON d.id = o.destination "
            f"WHERE o.{LIVE} AND o.state <> 'sending' AND o.expires <= ? AND n.kind <> 'late' AND d.gone IS NULL "
            "ORDER BY o.id",
            (to_ms(now),),
        ).fetchall()
        work.executemany(
            "UPDATE outbox SET state = 'expired', reason = 'too old for news, told as one line', settled = ? "
            "WHERE id = ?",
            [(to_ms(now), row["id"]) for row in rows],
        )
        found: dict[int, list[Notice]] = {}
        for row in rows:
            found.setdefault(row["destination"], []).append(_notice(row))
        return found


def tell_one(store: Store, destination: int, notice: Notice, *, now: datetime, expires: datetime) -> None:
    """Write a notice for one destination alone, whatever it subscribed to. Twice is harmless where it has an episode.

    A notice with an episode edits that episode's message there; what still waits of the same episode is settled.
    """
    with store.write() as work:
        number = _write(work, notice)
        work.execute(
            "INSERT OR IGNORE INTO outbox (notice, destination, nonce, priority, not_before, expires, state, created) "
            "VALUES (?, ?, lower(hex(randomblob(8))), ?, ?, ?, 'queued', ?)",
            (number, destination, PRIORITY[notice.rank], to_ms(now), to_ms(expires), to_ms(now)),
        )
        if notice.episode is not None:
            work.execute(
                f"UPDATE outbox SET {_MERGED} WHERE state = 'queued' AND destination = ? "  # noqa: S608 - our own words
                "AND notice IN (SELECT id FROM notices WHERE episode = ? AND id < ?)",
                (to_ms(now), destination, notice.episode, number),
            )
