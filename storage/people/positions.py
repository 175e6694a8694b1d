"""What people watch for themselves: positions they typed, and addresses whose positions are public.

Each row belongs to one person, by the platform's id, and is read and removed by that id alone; the notices of a
position go to the chat it was typed in. What is removed takes its episodes and messages along.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from signals.alerts.episodes import State, from_json, to_json
from signals.liquidation.watching import Holding
from signals.units import from_ms, to_ms
from storage.alerts.episodes import PRIVATE
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from storage.engine.database import Store
    from storage.engine.work import Row, Work

SQL: Final = queries("storage.people")
MOST_POSITIONS: Final = 20
MOST_ADDRESSES: Final = 5


@dataclass(frozen=True, slots=True)
class Owner:
    """A person on a platform, and the destination that the notices go to."""

    platform: str
    user: str
    destination: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedPosition:
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
    holding: Holding
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
    def rule(self) -> str:
        """Return what its episodes and notices are kept under."""
        return f"{PRIVATE}{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedAddress:
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


def of(store: Store, platform: str, user: str) -> list[WatchedPosition]:
    """Return the positions of one person, those of followed addresses last."""
    return [_watched(row) for row in store.read(SQL.positions_of, platform=platform, owner=user)]


def typed(store: Store) -> list[WatchedPosition]:
    """Return every typed position whose owner can still be told."""
    return [_watched(row) for row in store.read(SQL.typed_positions)]


def at_destination(store: Store, destination: int) -> list[WatchedPosition]:
    """Return the positions whose owner is told at a destination, those of followed addresses last."""
    return [_watched(row) for row in store.read(SQL.positions_at, destination=destination)]


def held(store: Store, followed: int) -> list[WatchedPosition]:
    """Return the positions of one followed address as they were last seen."""
    return [_watched(row) for row in store.read(SQL.held_positions, followed=followed)]


def followed_by(store: Store, platform: str, user: str) -> list[FollowedAddress]:
    """Return the addresses that one person follows."""
    return [_followed(row) for row in store.read(SQL.followed_of, platform=platform, owner=user)]


def followed(store: Store) -> list[FollowedAddress]:
    """Return every followed address whose owner can still be told."""
    return [_followed(row) for row in store.read(SQL.followed)]


def told_nowhere(store: Store, platform: str, user: str) -> list[int]:
    """Return the numbers of what one person watches in a chat that is closed to us: nobody looks at it."""
    return [int(row["number"]) for row in store.read(SQL.told_nowhere, platform=platform, owner=user)]


# --- writing ----------------------------------------------------------------------------------------------------------


def add(
    store: Store,
    owner: Owner,
    holding: Holding,
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
        work.alone(_numbering(owner))
        known = work.one(SQL.same_position, platform=owner.platform, owner=owner.user, **_said(holding))
        if known is not None:
            return int(known["number"]), False
        count = work.one(SQL.count_typed, platform=owner.platform, owner=owner.user)
        if count is not None and count["n"] >= MOST_POSITIONS:
            raise TooMany
        number = _next_number(work, owner)
        _insert(work, owner, holding, number=number, name=name, lines=lines, state=state, at=at, table_of=table_of)
        return number, True


def tell_here(store: Store, owner: Owner, number: int) -> bool:
    """Tell of a position or an address in another chat of its owner from now on; False if it is told there already."""
    where = {"platform": owner.platform, "owner": owner.user, "number": number, "destination": owner.destination}
    with store.write() as work:
        address = work.run(SQL.tell_followed_at, **where)
        return work.run(SQL.tell_position_at, **where) + address > 0


def hold(
    work: Work, of_: FollowedAddress, holding: Holding, *, lines: Sequence[float], at: datetime
) -> WatchedPosition:
    """Watch a position that a followed address was seen to hold. LookupError where it is followed no more."""
    row = work.one(SQL.owner_of_followed, followed=of_.id)
    if row is None:
        raise LookupError("an address that nobody follows holds no watched position")
    owner = Owner(row["platform"], row["owner"], of_.destination)
    made = _insert(work, owner, holding, name=None, lines=lines, state=State(), at=at, followed=of_.id)
    return WatchedPosition(
        id=made, destination=of_.destination, number=None, holding=holding, name=None, lines=tuple(lines),
        state=State(), followed=of_.id, zone=of_.zone,
    )  # fmt: skip


def unchanged(work: Work, watched: WatchedPosition) -> bool:
    """Tell whether a position is still watched, and as it was read: its owner may change it meanwhile."""
    row = work.one(SQL.position_as_read, position=watched.id)
    return row is not None and tuple(row) == (
        watched.name,
        _json(watched.lines),
        watched.holding.added,
        _stored(watched.looked),
        _stored(watched.doubt),
    )


def save(work: Work, watched: WatchedPosition) -> None:
    """Keep where a position stands, inside the transaction that also keeps what it causes."""
    work.run(
        SQL.save_position,
        position=watched.id,
        state=json.dumps(to_json(watched.state)),
        episode=watched.episode,
        table_of=None if watched.table_of is None else watched.table_of.isoformat(),
        silent=watched.silent,
        given=watched.given,
        mark=watched.mark,
        seen=_stored(watched.seen),
        looked=_stored(watched.looked),
        doubt=_stored(watched.doubt),
        entry=watched.holding.entry,
        leverage=watched.holding.leverage,
        size_coins=watched.holding.size_coins,
    )


def change(work: Work, watched: WatchedPosition) -> None:
    """Keep what its owner has changed: name, lines and added margin, with where it stands by them.

    An episode that it has no more is over; nothing is told of that, since the owner just was.
    """
    work.run(
        SQL.change_position,
        position=watched.id,
        name=watched.name,
        lines=_json(watched.lines),
        added=watched.holding.added,
    )
    save(work, watched)


def end_episode(work: Work, watched: WatchedPosition, at: datetime) -> None:
    """End the episode of a position that goes on."""
    work.run(SQL.end_episodes, rule=watched.rule, at=to_ms(at))


def change_followed(work: Work, of_: FollowedAddress) -> None:
    """Keep the name and the lines of a followed address."""
    work.run(SQL.change_followed, followed=of_.id, name=of_.name, lines=_json(of_.lines))


def follow(
    store: Store, owner: Owner, address: str, *, name: str | None, lines: Sequence[float], at: datetime
) -> tuple[int, bool]:
    """Follow an address and return (its number, whether it is new). TooMany as for `add`."""
    with store.write() as work:
        work.alone(_numbering(owner))
        every = work.rows(SQL.followed_of, platform=owner.platform, owner=owner.user)
        for row in every:
            if row["address"] == address:
                return int(row["number"]), False
        if len(every) >= MOST_ADDRESSES:
            raise TooMany
        number = _next_number(work, owner)
        work.run(
            SQL.add_followed,
            destination=owner.destination,
            platform=owner.platform,
            owner=owner.user,
            number=number,
            address=address,
            name=name,
            lines=_json(lines),
            begun=to_ms(at),
        )
        return number, True


def _numbering(owner: Owner) -> str:
    """Name what is done for a person at one place at a time: counting what there is and giving the next number."""
    return f"positions of {owner.platform} {owner.user}"


def is_followed(work: Work, followed: int) -> bool:
    """Tell whether an address is still followed."""
    return work.one(SQL.owner_of_followed, followed=followed) is not None


def looked(work: Work, followed: int, *, seen: datetime | None, silent: bool) -> None:
    """Note the last good answer about an address, or that its owner was told of the silence."""
    work.run(SQL.note_look, followed=followed, seen=_stored(seen), silent=silent)


def remove(work: Work, ids: Collection[int]) -> None:
    """Forget positions with their episodes and with every message about them that is still stored."""
    for position in ids:
        rule = f"{PRIVATE}{position}"
        work.run(SQL.drop_position, position=position)
        work.run(SQL.drop_outbox_of_rule, rule=rule)
        work.run(SQL.drop_notices_of_rule, rule=rule)
        work.run(SQL.drop_messages_of_rule, rule=rule)
        work.run(SQL.drop_episodes_of_rule, rule=rule)


def finish(work: Work, watched: WatchedPosition, now: datetime) -> None:
    """Take a position away that is over, while what is to be told about it still goes out."""
    work.run(SQL.drop_position, position=watched.id)
    end_episode(work, watched, now)


def unfollow(work: Work, ids: Collection[int]) -> None:
    """Forget addresses and the positions seen there."""
    for address in ids:
        remove(work, [row["id"] for row in work.rows(SQL.positions_held_by, followed=address)])
        work.run(SQL.drop_followed, followed=address)


# --- helpers ----------------------------------------------------------------------------------------------------------


def _next_number(work: Work, owner: Owner) -> int:
    """Return the number after the highest in use: one that was just given up is not at once somebody else's."""
    row = work.one(SQL.highest_number, platform=owner.platform, owner=owner.user)
    return 1 if row is None or row["number"] is None else int(row["number"]) + 1


def _insert(
    work: Work,
    owner: Owner,
    holding: Holding,
    *,
    name: str | None,
    lines: Sequence[float],
    state: State,
    at: datetime,
    number: int | None = None,
    followed: int | None = None,
    table_of: date | None = None,
) -> int:
    return work.insert(
        SQL.add_position,
        destination=owner.destination,
        platform=owner.platform,
        owner=owner.user,
        number=number,
        followed=followed,
        **_said(holding),
        name=name,
        lines=_json(lines),
        begun=to_ms(at),
        state=json.dumps(to_json(state)),
        table_of=None if table_of is None else table_of.isoformat(),
    )


def _said(holding: Holding) -> dict[str, Any]:
    """Return what its owner typed, by column."""
    return {
        "asset": holding.asset, "quote_currency": holding.quote, "multiplier": holding.multiplier,
        "venue": holding.venue, "contract": holding.contract, "side": holding.side, "entry": holding.entry,
        "leverage": holding.leverage, "size_coins": holding.size_coins, "size_usd": holding.size_usd,
    }  # fmt: skip


def _json(lines: Sequence[float]) -> str:
    return json.dumps(list(lines))


def _stored(at: datetime | None) -> int | None:
    return None if at is None else to_ms(at)


def _at(ms: int | None) -> datetime | None:
    return None if ms is None else from_ms(ms)


def _watched(row: Row) -> WatchedPosition:
    return WatchedPosition(
        id=row["id"],
        destination=row["destination"],
        number=row["number"],
        holding=Holding(
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
            quote=row["quote_currency"],
            multiplier=row["multiplier"],
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


def _followed(row: Row) -> FollowedAddress:
    return FollowedAddress(
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
