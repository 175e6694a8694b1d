"""What people watch for themselves: positions they typed, and addresses whose positions are public.

Each row belongs to one person, by the platform's id, and is read and removed by that id alone; the notices of a
position go to the chat it was typed in. What is removed takes its episodes and messages along.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from signals.alerts.episodes import State, from_json, to_json
from signals.liquidation.watching import Stake
from signals.units import from_ms, to_ms
from storage.alerts.episodes import PRIVATE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.work import Work

MOST_POSITIONS = 20
MOST_ADDRESSES = 5


@dataclass(frozen=True, slots=True)
class Owner:
    """A person on a platform, and the destination that the notices go to."""

    platform: str
    user: str
    destination: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """One position of one person.

    number: what its owner calls it by; None where it belongs to a followed address (`followed`). lines: fractions of
    the mark price. state, episode: where its alarm stands. table_of: the tier table its price was last computed by.
    silent: its owner was told that no price is known. given, mark, seen: what the venue itself said of a followed one.
    looked: bars that began before are known; None: since the watch began. doubt: when its owner was told that it may
    be gone, until they say.
    """

    id: int
    destination: int
    number: int | None
    stake: Stake
    name: str | None
    lines: tuple[float, ...]
    state: State
    episode: int | None = None
    table_of: date | None = None
    silent: bool = False
    followed: int | None = None
    given: float | None = None
    mark: float | None = None
    seen: datetime | None = None
    looked: datetime | None = None
    doubt: datetime | None = None
    zone: str = "UTC"

    @property
    def watch(self) -> str:
        """Return what its episodes and notices are kept under."""
        return f"{PRIVATE}{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """One address of one person. seen: the last good answer. silent: its owner was told that none comes."""

    id: int
    destination: int
    number: int
    address: str
    name: str | None
    lines: tuple[float, ...]
    seen: datetime | None
    silent: bool
    zone: str = "UTC"


class TooMany(Exception):  # noqa: N818 - it says what is the matter, like Refused
    """A person watches as much as one person may."""


# --- reading ----------------------------------------------------------------------------------------------------------

_POSITIONS = "SELECT p.*, d.zone FROM positions p JOIN destinations d ON d.id = p.destination"
_FOLLOWED = "SELECT f.*, d.zone FROM followed f JOIN destinations d ON d.id = f.destination"


def of(store: Store, platform: str, user: str) -> list[Watched]:
    """Return the positions of one person, those of followed addresses last."""
    sql = f"{_POSITIONS} WHERE p.platform = ? AND p.owner = ? ORDER BY p.number IS NULL, p.number, p.id"
    return [_watched(row) for row in store.rows(sql, (platform, user))]


def typed(store: Store) -> list[Watched]:
    """Return every typed position whose owner can still be told."""
    sql = f"{_POSITIONS} WHERE p.followed IS NULL AND d.gone IS NULL ORDER BY p.id"
    return [_watched(row) for row in store.rows(sql)]


def held(store: Store, followed: int) -> list[Watched]:
    """Return the positions of one followed address as they were last seen."""
    return [_watched(row) for row in store.rows(f"{_POSITIONS} WHERE p.followed = ? ORDER BY p.id", (followed,))]


def followed_by(store: Store, platform: str, user: str) -> list[Followed]:
    """Return the addresses that one person follows."""
    sql = f"{_FOLLOWED} WHERE f.platform = ? AND f.owner = ? ORDER BY f.number"
    return [_followed(row) for row in store.rows(sql, (platform, user))]


def followed(store: Store) -> list[Followed]:
    """Return every followed address whose owner can still be told."""
    return [_followed(row) for row in store.rows(f"{_FOLLOWED} WHERE d.gone IS NULL ORDER BY f.id")]


# --- writing ----------------------------------------------------------------------------------------------------------


def add(
    store: Store,
    owner: Owner,
    stake: Stake,
    *,
    name: str | None,
    lines: Sequence[float],
    state: State,
    at: datetime,
    table_of: date | None = None,
) -> tuple[int, bool]:
    """Watch a position and return (its number, whether it is new): the same position is watched once.

    TooMany where the person watches as many as one may.
    """
    with store.write() as work:
        known = work.execute(
            "SELECT number FROM positions WHERE platform = ? AND owner = ? AND followed IS NULL AND asset = ? "
            "AND venue = ? AND contract = ? AND side = ? AND entry = ? AND leverage = ? AND size_coins IS ? "
            "AND size_usd IS ?",
            (owner.platform, owner.user, *_said(stake)),
        ).fetchone()
        if known is not None:
            return int(known["number"]), False
        count = work.execute(
            "SELECT count(*) FROM positions WHERE platform = ? AND owner = ? AND followed IS NULL",
            (owner.platform, owner.user),
        ).fetchone()[0]
        if count >= MOST_POSITIONS:
            raise TooMany
        number = _next_number(work, owner)
        _insert(work, owner, stake, number=number, name=name, lines=lines, state=state, at=at, table_of=table_of)
        return number, True


def hold(work: Work, of_: Followed, stake: Stake, *, lines: Sequence[float], at: datetime) -> Watched:
    """Watch a position that a followed address was seen to hold."""
    row = work.execute("SELECT platform, owner FROM followed WHERE id = ?", (of_.id,)).fetchone()
    owner = Owner(row["platform"], row["owner"], of_.destination)
    made = _insert(work, owner, stake, name=None, lines=lines, state=State(), at=at, followed=of_.id)
    return Watched(
        id=made, destination=of_.destination, number=None, stake=stake, name=None, lines=tuple(lines), state=State(),
        followed=of_.id, zone=of_.zone,
    )  # fmt: skip


def unchanged(work: Work, each: Watched) -> bool:
    """Tell whether a position is still watched, and as it was read: its owner may change it meanwhile."""
    row = work.execute("SELECT name, lines, added, looked, doubt FROM positions WHERE id = ?", (each.id,))
    return [tuple(found) for found in row.fetchall()] == [
        (each.name, json.dumps(list(each.lines)), each.stake.added, _ms(each.looked), _ms(each.doubt))
    ]


def save(work: Work, each: Watched) -> None:
    """Keep where a position stands, inside the transaction that also keeps what it causes."""
    stake = each.stake
    work.execute(
        "UPDATE positions SET state = ?, episode = ?, table_of = ?, silent = ?, given = ?, mark = ?, seen = ?, "
        "looked = ?, doubt = ?, entry = ?, leverage = ?, size_coins = ? WHERE id = ?",
        (
            json.dumps(to_json(each.state)),
            each.episode,
            None if each.table_of is None else each.table_of.isoformat(),
            each.silent,
            each.given,
            each.mark,
            _ms(each.seen),
            _ms(each.looked),
            _ms(each.doubt),
            stake.entry,
            stake.leverage,
            stake.size_coins,
            each.id,
        ),
    )


def change(work: Work, each: Watched) -> None:
    """Keep what its owner has changed: name, lines and added margin, with where it stands by them.

    An episode that it has no more is over; nothing is told of that, since the owner just was.
    """
    work.execute(
        "UPDATE positions SET name = ?, lines = ?, added = ? WHERE id = ?",
        (each.name, json.dumps(list(each.lines)), each.stake.added, each.id),
    )
    save(work, each)


def end_episode(work: Work, each: Watched, at: datetime) -> None:
    """End the episode of a position that goes on."""
    work.execute("UPDATE episodes SET ended = ? WHERE rule = ? AND ended IS NULL", (to_ms(at), each.watch))


def change_followed(work: Work, of_: Followed) -> None:
    """Keep the name and the lines of a followed address."""
    work.execute(
        "UPDATE followed SET name = ?, lines = ? WHERE id = ?", (of_.name, json.dumps(list(of_.lines)), of_.id)
    )


def follow(
    store: Store, owner: Owner, address: str, *, name: str | None, lines: Sequence[float], at: datetime
) -> tuple[int, bool]:
    """Follow an address and return (its number, whether it is new). TooMany as for `add`."""
    with store.write() as work:
        every = work.execute(
            "SELECT number, address FROM followed WHERE platform = ? AND owner = ?", (owner.platform, owner.user)
        ).fetchall()
        for row in every:
            if row["address"] == address:
                return int(row["number"]), False
        if len(every) >= MOST_ADDRESSES:
            raise TooMany
        number = _next_number(work, owner)
        work.execute(
            "INSERT INTO followed (destination, platform, owner, number, address, name, lines, begun) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (owner.destination, owner.platform, owner.user, number, address, name, json.dumps(list(lines)), to_ms(at)),
        )
        return number, True


def is_followed(work: Work, followed: int) -> bool:
    """Tell whether an address is still followed."""
    return work.execute("SELECT 1 FROM followed WHERE id = ?", (followed,)).fetchone() is not None


def looked(work: Work, followed: int, *, seen: datetime | None, silent: bool) -> None:
    """Note the last good answer about an address, or that its owner was told of the silence."""
    work.execute(
        "UPDATE followed SET seen = coalesce(?, seen), silent = ? WHERE id = ?",
        (_ms(seen), silent, followed),
    )


def remove(work: Work, ids: Collection[int]) -> None:
    """Forget positions with their episodes and with every message about them that is still stored."""
    for each in ids:
        watch = f"{PRIVATE}{each}"
        work.execute("DELETE FROM positions WHERE id = ?", (each,))
        work.execute("DELETE FROM outbox WHERE notice IN (SELECT id FROM notices WHERE rule = ?)", (watch,))
        work.execute("DELETE FROM notices WHERE rule = ?", (watch,))
        work.execute("DELETE FROM messages WHERE episode IN (SELECT id FROM episodes WHERE rule = ?)", (watch,))
        work.execute("DELETE FROM episodes WHERE rule = ?", (watch,))


def finish(work: Work, each: Watched, now: datetime) -> None:
    """Take a position away that is over, while what is to be told about it still goes out."""
    work.execute("DELETE FROM positions WHERE id = ?", (each.id,))
    end_episode(work, each, now)


def unfollow(work: Work, ids: Collection[int]) -> None:
    """Forget addresses and the positions seen there."""
    for each in ids:
        rows = work.execute("SELECT id FROM positions WHERE followed = ?", (each,)).fetchall()
        remove(work, [row["id"] for row in rows])
        work.execute("DELETE FROM followed WHERE id = ?", (each,))


# --- helpers ----------------------------------------------------------------------------------------------------------


def _next_number(work: Work, owner: Owner) -> int:
    """Return the number after the highest in use: one that was just given up is not at once somebody else's."""
    found = work.execute(
        "SELECT max(number) FROM (SELECT number FROM positions WHERE platform = ? AND owner = ? "
        "UNION ALL SELECT number FROM followed WHERE platform = ? AND owner = ?)",
        (owner.platform, owner.user) * 2,
    ).fetchone()[0]
    return 1 if found is None else int(found) + 1


def _insert(
    work: Work,
    owner: Owner,
    stake: Stake,
    *,
    name: str | None,
    lines: Sequence[float],
    state: State,
    at: datetime,
    number: int | None = None,
    followed: int | None = None,
    table_of: date | None = None,
) -> int:
    cursor = work.execute(
        "INSERT INTO positions (destination, platform, owner, number, followed, asset, venue, contract, side, entry, "
        "leverage, size_coins, size_usd, name, lines, begun, state, table_of) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            owner.destination,
            owner.platform,
            owner.user,
            number,
            followed,
            *_said(stake),
            name,
            json.dumps(list(lines)),
            to_ms(at),
            json.dumps(to_json(state)),
            None if table_of is None else table_of.isoformat(),
        ),
    )
    return int(cursor.lastrowid or 0)


def _said(stake: Stake) -> tuple[Any, ...]:
    return (
        stake.asset, stake.venue, stake.contract, stake.side, stake.entry, stake.leverage, stake.size_coins,
        stake.size_usd,
    )  # fmt: skip


def _ms(at: datetime | None) -> int | None:
    return None if at is None else to_ms(at)


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _watched(row: sqlite3.Row) -> Watched:
    return Watched(
        id=row["id"],
        destination=row["destination"],
        number=row["number"],
        stake=Stake(
            asset=row["asset"],
            venue=row["venue"],
            contract=row["contract"],
            side=row["side"],
            entry=row["entry"],
            leverage=row["leverage"],
            begun=from_ms(row["begun"]),
            size_coins=row["size_coins"],
            size_usd=row["size_usd"],
            added=row["added"],
        ),
        name=row["name"],
        lines=tuple(json.loads(row["lines"])),
        state=from_json(json.loads(row["state"])),
        episode=row["episode"],
        table_of=None if row["table_of"] is None else date.fromisoformat(row["table_of"]),
        silent=bool(row["silent"]),
        followed=row["followed"],
        given=row["given"],
        mark=row["mark"],
        seen=_at(row["seen"]),
        looked=_at(row["looked"]),
        doubt=_at(row["doubt"]),
        zone=row["zone"],
    )


def _followed(row: sqlite3.Row) -> Followed:
    return Followed(
        id=row["id"],
        destination=row["destination"],
        number=row["number"],
        address=row["address"],
        name=row["name"],
        lines=tuple(json.loads(row["lines"])),
        seen=_at(row["seen"]),
        silent=bool(row["silent"]),
        zone=row["zone"],
    )
