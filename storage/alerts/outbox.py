"""The only way out: notices and, for each, one row per destination.

A row is `queued`, then `sending` (claimed under the lease and committed before the request), then one of `sent`,
`merged` (a later notice of the same episode says it all), `muted`, `dead` or `expired`, each with a reason. `uncertain`
means the platform may have accepted it before its answer was lost: it is sent once more, marked. Nothing else may
happen to a row, so a kill at any moment loses nothing, and only rows in `sending` are ever in doubt.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Literal

from signals.units import HOUR, from_ms, in_ms, to_ms
from storage.alerts.sending import gathering, restored, sender, spreading
from storage.engine.sql import queries
from storage.engine.work import by_name
from storage.people import switches

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime

    from signals.alerts.condition import Rank
    from storage.engine.database import Store
    from storage.engine.work import NamedRow, Row, Work
    from storage.people.switches import Switch

SQL = queries("storage.alerts")

# A pause beyond these means that the clock was set back, so it counts as over.
LONGEST_PAUSE: Final = timedelta(minutes=15)  # of one row
LONGEST_REST: Final = timedelta(days=8)  # of a destination, as its platform asked for
LONGEST_HOLD: Final = timedelta(days=2)  # of a row, as its destination asked for
STILL_NEWS: Final = HOUR  # after a hold, however old it is by then
AGAIN_IN_DOUBT: Final = HOUR  # what may have arrived, and is told of by nothing else
MOST_IN_DOUBT: Final = 6  # tries of a row that may each have arrived: two, and one for each time a platform was away
PRIORITY: Final[Mapping[str, int]] = {"critical": 30, "warning": 20, "notice": 10}
WAITING: Final = "outbox"  # hinted where something was put in
_SAID: Final = itemgetter("kind", "rank", "at", "payload", "episode", "rule", "asset", "number")  # of a row, its notice
Kind = Literal[
    "fired", "escalated", "resumed", "changed", "resolved", "source", "position", "late", "held", "digest", "owner",
    "self",
]  # fmt: skip
TELLS_OF_OTHERS: Final = frozenset({"late", "held"})  # never told as late itself
HeldFor = Literal["quiet", "budget"]
Ended = Literal["dead", "expired", "merged", "muted"]


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told. payload: the event as plain data, which becomes words when it is sent. number: its own."""

    kind: Kind
    rank: Rank
    at: datetime
    payload: Mapping[str, Any]
    episode: int | None = None
    rule: str | None = None
    asset: str | None = None
    number: int = 0


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One notice on its way to one destination.

    lead: the row whose message it was last sent in, if any. message: that of its episode in this destination, if one
    was sent. announced: an earlier notice of the episode was meant for this destination. told: a message has told of it
    in a line already, so it edits its own and is not answered. goes_on: the message of other episodes in which it is
    told; it is as new as what stands alone, so whatever asks whether it is news asks for its own.
    """

    id: int
    notice: Notice
    uncertain: bool
    lead: int | None
    message: str | None
    announced: bool
    told: bool
    goes_on: str | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that this process has taken to send to one destination as one message.

    rows: in the order of their notices. id, nonce, attempts, plain, due: of the row that leads, the most urgent. due:
    when it was to be sent, which is later than it was written where it was held until an hour that a person chose.
    beside: what the message says already of each of its episodes, where it is edited. barred: something was not allowed
    there when it was last written to. process: who took them.
    """

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
    due: datetime
    message: str | None
    rows: tuple[OutboxRow, ...]
    beside: tuple[Notice, ...]
    switches: tuple[Switch, ...]
    barred: bool
    process: int

    @property
    def notices(self) -> tuple[Notice, ...]:
        """Return all that the message says, in the order of the episodes; those without one in order of events."""
        newer = {row.notice.episode for row in self.rows}
        every = [
            *(row.notice for row in self.rows),
            *(notice for notice in self.beside if notice.episode not in newer),
        ]
        return tuple(sorted(every, key=lambda notice: (notice.episode or 0, notice.number)))

    def only(self, rows: Iterable[OutboxRow]) -> Claim:
        """Return the claim without the rows that were settled otherwise."""
        return replace(self, rows=tuple(rows))


def announce(
    work: Work,
    notice: Notice,
    *,
    now: datetime,
    expires: datetime,
    only_asked: bool = False,
    due: datetime | None = None,
    also: Collection[int] = (),
) -> int:
    """Write a notice and one row for each destination that asked for it; return how many. Twice is harmless.

    only_asked: leave out those who subscribed to everything and not to this by name. due: not to be sent before, so
    that what has the same cause can go with it. What still waits of the same episode for the same destination is
    settled: one message instead of two. also: destinations that are told whatever they asked for.
    """
    number = write_notice(work, notice)
    if again := notice.episode is not None and work.one(SQL.announced, notice=number) is not None:
        spreading.of_notice(work, number)  # who has it is not counted twice
    parts = work.run(
        SQL.announce,
        notice=number,
        priority=PRIORITY[notice.rank],
        due=to_ms(due or now),
        expires=to_ms(expires),
        rule=notice.rule,
        only_asked=only_asked,
        asset=notice.asset,
        also=json.dumps(list(also)),
        most=spreading.PART,
    )
    count = spreading.begin(work, number, parts, at_once=again)
    count += _rows(work, also, notice, number, due or now, expires)
    _overtake(work, notice, number, now)
    return count


def announce_to(work: Work, destination: int, notice: Notice, *, now: datetime, expires: datetime) -> None:
    """Write a notice for one destination alone, whatever it subscribed to. Twice is harmless where it has an episode.

    A notice with an episode edits that episode's message there; what still waits of the same episode is settled.
    """
    announce_among(work, (destination,), notice, now=now, expires=expires)


def announce_among(work: Work, places: Iterable[int], notice: Notice, *, now: datetime, expires: datetime) -> None:
    """Write a notice for some destinations, as `announce_to` does for one."""
    number = write_notice(work, notice)
    _rows(work, places, notice, number, now, expires)
    _overtake(work, notice, number, now)


def _rows(work: Work, to: Iterable[int], notice: Notice, number: int, now: datetime, expires: datetime) -> int:
    row = {"notice": number, "priority": PRIORITY[notice.rank], "now": to_ms(now), "expires": to_ms(expires)}
    return max(0, work.many(SQL.announce_to_one, [{**row, "destination": place} for place in to]))


def _overtake(work: Work, notice: Notice, number: int, now: datetime) -> None:
    restored.silence(work, notice, number, now)
    if notice.episode is not None:
        spreading.of_earlier(work, notice.episode, number)
        work.run(SQL.merge_earlier, episode=notice.episode, notice=number, now=to_ms(now))


def write_notice(work: Work, notice: Notice) -> int:
    """Write a notice and return its number; twice is harmless where it has an episode."""
    about = {"episode": notice.episode, "kind": notice.kind, "at": to_ms(notice.at)}
    if (known := work.one(SQL.known_notice, **about)) is not None:
        return int(known["id"])
    more = {"rule": notice.rule, "asset": notice.asset, "rank": notice.rank, "payload": json.dumps(notice.payload)}
    number = work.insert(SQL.write_notice, **about, **more)
    work.hint(WAITING)
    return number or write_notice(work, notice)  # another process wrote it in between


def claim(
    work: Work,
    *,
    now: datetime,
    process: int,
    platform: str,
    limit: int,
    resting: Collection[int] = (),
    together: Callable[[OutboxRow, OutboxRow], bool] | None = None,
    unmade: spreading.Unmade | None = None,
) -> list[Claim]:
    """Take the most urgent rows that are due, one message per destination, as being sent from now on.

    process: who takes them, nothing where it is not the one that sends to the platform. resting: destinations that must
    not be written to yet. together: tells whether a row is said in the message of another one, about the same asset and
    close. unmade: what is left of notices whose rows are not all made, which holds up what comes after it; nothing is
    claimed where that says what is needed first. None: all rows are there.
    """
    if unmade:
        unmade.look(work)
    if limit <= 0 or not sender.held(work, process, platform):
        return []
    due = _limits(now)
    taken: dict[int, NamedRow] = {}
    while len(taken) < limit:
        # More than one row of a destination may come first: those are passed over, and the next ones looked for.
        rows = work.rows(
            SQL.due,
            **due,
            longest_rest=to_ms(now + LONGEST_REST),
            platform=platform,
            resting=json.dumps(list(resting)),
            taken=json.dumps(list(taken)),
            most=limit,
        )
        for found in rows:
            if len(taken) < limit:
                taken.setdefault(found["destination"], by_name(found))
        if len(rows) < limit:
            break
    if unmade and unmade.any:
        taken = {row["destination"]: row for row in unmade.passing(work, taken.values())}
    if not taken:
        return []
    switched = [place for place, row in taken.items() if row["switched"]]
    chosen = switches.of(work, switched) if switched else {}
    beside = gathering.due_beside(work, [row for row in taken.values() if row["accompanied"]], due) if together else {}
    every: list[Row | NamedRow] = [*taken.values(), *(row for near in beside.values() for row in near)]
    goes_on = gathering.taken_in(work, every, _notice)
    of_message = {place: goes_on.get(row["id"], row["message"]) for place, row in taken.items()}
    told = gathering.told_beside(work, [(place, message) for place, message in of_message.items() if message])
    claims = []
    for place, row in taken.items():
        first = read_row(row, goes_on.get(row["id"]))
        near = [read_row(other, goes_on.get(other["id"])) for other in beside.get(place, ())]
        others = [other for other in near if together and together(first, other)]
        said = tuple(map(_notice, told.get(place, ())))
        claims.append(_claimed(row, (first, *others), said, chosen.get(place, ()), process))
    work.run(SQL.take, epoch=process, taken=json.dumps([(row.id, one.id) for one in claims for row in one.rows]))
    return claims


def _limits(now: datetime) -> dict[str, int]:
    return {
        "now": to_ms(now),
        "longest_pause": to_ms(now + LONGEST_PAUSE),
        "longest_hold": to_ms(now + LONGEST_HOLD),
    }


def _claimed(
    row: NamedRow, rows: tuple[OutboxRow, ...], beside: tuple[Notice, ...], chosen: tuple[Switch, ...], process: int
) -> Claim:
    """Return what is said with a row that leads: the rows that belong into its message, and what that says already."""
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
        from_ms(max(row["created"], row["held_until"] or 0)),
        rows[0].message or rows[0].goes_on,
        rows if len(rows) == 1 else tuple(sorted(rows, key=lambda one: one.notice.number)),
        beside,
        chosen,
        bool(row["barred"]),
        process,
    )


def read_row(row: Row | NamedRow, goes_on: str | None = None) -> OutboxRow:
    """Return a row as it was read."""
    return OutboxRow(
        row["id"],
        _notice(row),
        row["state"] == "uncertain",
        row["lead"],
        row["message"],
        bool(row["announced"]),
        row["held_for"] == "told",
        goes_on,
    )


def _notice(row: Row | NamedRow) -> Notice:
    return _made(*_SAID(row))


@lru_cache(maxsize=256)  # a broadcast says the same to thousands; nobody changes what was read
def _made(kind: Kind, rank: Rank, at: int, payload: str, *of: Any) -> Notice:
    return Notice(kind, rank, from_ms(at), json.loads(payload), *of)


def sent(work: Work, landed: Iterable[tuple[Claim, str | None, datetime]]) -> None:
    """Settle claims as sent, each at a time and as a message, which the next notices of its episodes can edit."""
    every = list(landed)
    if not every:
        return
    rows = [(row.id, message, to_ms(at)) for claim, message, at in every for row in claim.rows]
    work.run(SQL.settle_sent, sent=json.dumps(rows))
    told = [
        (row.id, notice.episode, message)
        for claim, message, _ in every
        for row in claim.rows  # and all else that the message says, where it is sent anew since the old one is deleted
        for notice in (row.notice, *(claim.beside if message != claim.message else ()))
        if notice.episode is not None and message is not None
    ]
    if told:
        work.run(SQL.remember_messages, told=json.dumps(told))
    if barred := [claim.destination for claim, _, _ in every if claim.barred]:
        work.run(SQL.write_again, destinations=json.dumps(barred))


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
    """Put a claim back until `at`. counts: does this try count? uncertain: it may have arrived. plain: send no markup.

    Not a row whose episode has gone on meanwhile (the later notice says it all), or that another process sends by now.
    """
    state = "uncertain" if uncertain or claim.uncertain else "queued"
    how = {"process": claim.process, "state": state, "until": to_ms(at)}
    with store.write() as work:
        for row in claim.rows:
            work.run(SQL.put_back, id=row.id, reason=reason, counts=counts, plain=plain, **how)
            work.run(SQL.merge_overtaken, id=row.id, now=to_ms(now))


def hold(work: Work, row: OutboxRow, until: datetime, reason: str, held_for: HeldFor | None = None) -> None:
    """Keep a row back until its destination wants it, with the reason.

    held_for: one message will tell of all that was held for it (sending/held.py); None: it goes by itself.
    """
    expires = to_ms(until + STILL_NEWS)
    work.run(SQL.hold, id=row.id, until=to_ms(until), held_for=held_for, reason=reason, expires=expires)


def wait_for_platform(store: Store, claim: Claim, reason: str, *, now: datetime) -> None:
    """Send a claim, which may have arrived twice by now, no more until its platform was away and is back.

    Else it is told as late when it has grown too old; what tells of others would be told by nothing, so it is tried
    once an hour.
    """
    how = {"process": claim.process, "latest": to_ms(now + LONGEST_HOLD), "reason": reason}
    with store.write() as work:
        for row in claim.rows:
            until = to_ms(now + AGAIN_IN_DOUBT) if row.notice.kind in TELLS_OF_OTHERS else None
            work.run(SQL.wait_for_platform, id=row.id, until=until, **how)


def platform_back(work: Work, platform: str, *, now: datetime) -> int:
    """Let go what waits for a platform, unless it may have arrived too often already; return how many rows."""
    return work.run(SQL.platform_back, platform=platform, now=to_ms(now), most=MOST_IN_DOUBT)


def end(work: Work, row: OutboxRow, state: Ended, reason: str, *, now: datetime) -> None:
    """Settle one row that will not be sent, with the reason."""
    work.run(SQL.settle, id=row.id, state=state, reason=reason, now=to_ms(now), message=None)


def ended(store: Store, claim: Claim, state: Ended, reason: str, *, now: datetime) -> None:
    """Settle a claim that will not be sent, with the reason; not what another process sends by now."""
    with store.write() as work:
        for row in claim.rows:
            work.run(SQL.end_claimed, id=row.id, process=claim.process, state=state, reason=reason, now=to_ms(now))


def clock_set(work: Work, by: timedelta) -> None:
    """Keep every wait and every age as long as it was, since the wall clock was set by so much."""
    spreading.everything(work)
    work.run(SQL.shift_waits, by=in_ms(by))
    work.run(SQL.shift_rests, by=in_ms(by))


def gone(store: Store, destination: int, reason: str, *, now: datetime) -> int:
    """Mark a destination as gone and end its rows; return how many. `/start` brings it back."""
    with store.write() as work:
        spreading.of_place(work, destination)
        work.run(SQL.mark_gone, destination=destination, reason=reason, now=to_ms(now))
        return work.run(SQL.end_rows_of, destination=destination, reason=reason, now=to_ms(now))


def waiting(store: Store) -> int:
    """Return how many rows wait to be sent."""
    row = store.read_one(SQL.waiting)
    return 0 if row is None else row["count"]


@dataclass(frozen=True, slots=True)
class Expired:
    """A notice that grew too old for news. uncertain: it may have arrived all the same."""

    notice: Notice
    uncertain: bool


def expired(work: Work, *, now: datetime) -> dict[int, list[Expired]]:
    """Settle rows that are no news any more and return them by destination, to be told as one line each.

    A digest is not among them: the next one tells of the time since the last that arrived.
    """
    spreading.too_old(work, to_ms(now))
    found: dict[int, list[Expired]] = {}
    rows = work.rows(SQL.too_old, now=to_ms(now))
    work.many(SQL.expire, [{"id": row["id"], "now": to_ms(now)} for row in rows])
    for row in rows:
        if row["kind"] != "digest":
            found.setdefault(row["destination"], []).append(Expired(_notice(row), row["state"] == "uncertain"))
    return found
