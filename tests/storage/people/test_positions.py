from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from signals.alerts.episodes import State, Transition
from signals.liquidation.watching import Holding
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.people import destinations, forgetting, positions
from storage.people.positions import MOST_ADDRESSES, MOST_POSITIONS, Owner, TooMany
from tests.storage import beside

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHAT, OTHER = "5550123456", "5550999999"
ADDRESS = "0x" + "ab" * 20


def owner(store: Store, user: str = CHAT) -> Owner:
    here = destinations.ensure(store, "telegram", user, None, kind="private", title=None, now=NOW)
    return Owner("telegram", user, here.id)


def holding(entry: float = 95_000.0, **more: object) -> Holding:
    about = {"asset": "BTC", "venue": "binance", "contract": "linear", "side": "long", "leverage": 5.0, "begun": NOW}
    return Holding(entry=entry, **(about | more))  # type: ignore[arg-type]


def add(store: Store, of: Owner, entry: float = 95_000.0, **more: object) -> tuple[int, bool]:
    return positions.add(store, of, holding(entry, **more), name="hedge", lines=(0.1, 0.05), state=State(), at=NOW)


def tell(store: Store, position: positions.WatchedPosition, text: str = "secret") -> int:
    """Let a position have an episode with a message, as the job does."""
    with store.write() as connection:
        fired = Transition("fired", NOW, NOW, "critical", {})
        episode = episodes.record(connection, (position.rule, "BTC"), fired, None)
        notice = Notice("fired", "critical", NOW, {"text": text}, episode, position.rule, "BTC")
        outbox.announce_to(connection, position.destination, notice, now=NOW, expires=NOW + timedelta(hours=1))
        positions.save(connection, replace(position, episode=episode))
        return episode


def count(store: Store, table: str) -> int:
    return beside.rows(store, f"SELECT count(*) FROM {table}")[0][0]  # noqa: S608 - names of this file


def test_a_position_reads_back_as_it_was_written(store: Store) -> None:
    mine = owner(store)
    written = holding(size_coins=0.5)
    state = State(rank=1, told=1, entering=(1, 0), leaving=(0, 0), at=NOW)
    number, new = positions.add(
        store, mine, written, name="hedge", lines=(0.1, 0.05), state=state, at=NOW, table_of=date(2026, 9, 29)
    )
    (position,) = positions.of(store, "telegram", CHAT)
    assert (number, new) == (1, True)
    assert (position.holding, position.name, position.lines, position.state) == (written, "hedge", (0.1, 0.05), state)
    assert position.table_of == date(2026, 9, 29)
    with store.write() as connection:
        positions.save(connection, later := replace(position, silent=True, table_of=None))
    assert positions.of(store, "telegram", CHAT) == [later]


def test_the_same_position_is_watched_once(store: Store) -> None:
    mine = owner(store)
    assert [add(store, mine), add(store, mine), add(store, mine, size_coins=0.5), add(store, mine, 95_001.0)] == [
        (1, True), (1, False), (2, True), (3, True),
    ]  # fmt: skip
    assert add(store, owner(store, OTHER)) == (1, True)


def test_numbers_are_not_given_again_while_others_stand(store: Store) -> None:
    mine = owner(store)
    for entry in (1.0, 2.0, 3.0):
        add(store, mine, entry)
    with store.write() as connection:
        positions.remove(connection, [positions.of(store, "telegram", CHAT)[1].id])
    assert add(store, mine, 4.0) == (4, True)
    assert positions.follow(store, mine, ADDRESS, name=None, lines=(), at=NOW) == (5, True)


def test_limits_are_per_person(store: Store) -> None:
    mine = owner(store)
    for n in range(MOST_POSITIONS):
        add(store, mine, 100.0 + n)
    with pytest.raises(TooMany):
        add(store, mine, 50.0)
    assert add(store, mine, 100.0) == (1, False)  # known already, so there is no question of one more
    assert add(store, owner(store, OTHER), 50.0) == (1, True)
    for n in range(MOST_ADDRESSES):
        positions.follow(store, mine, f"0x{n:040x}", name=None, lines=(), at=NOW)
    with pytest.raises(TooMany):
        positions.follow(store, mine, ADDRESS, name=None, lines=(), at=NOW)


def test_positions_are_read_by_their_owner_alone(store: Store) -> None:
    add(store, owner(store))
    assert positions.of(store, "telegram", OTHER) == []
    assert positions.of(store, "discord", CHAT) == []
    assert len(positions.typed(store)) == 1


def test_who_cannot_be_told_is_not_judged(store: Store) -> None:
    mine = owner(store)
    add(store, mine)
    positions.follow(store, mine, ADDRESS, name=None, lines=(), at=NOW)
    outbox.gone(store, mine.destination, "blocked", now=NOW)
    assert positions.typed(store) == []
    assert positions.followed(store) == []


def test_an_episode_of_a_position_is_nobody_elses(store: Store) -> None:
    add(store, owner(store))
    tell(store, positions.typed(store)[0])
    assert count(store, "episodes") == 1
    assert episodes.running(store) == []


def test_removing_takes_every_trace_along(store: Store) -> None:
    mine = owner(store)
    add(store, mine, 1.0)
    add(store, mine, 2.0)
    first, second = positions.typed(store)
    tell(store, first)
    tell(store, second)
    with store.write() as connection:
        positions.remove(connection, [first.id])
    assert [position.id for position in positions.typed(store)] == [second.id]
    assert [count(store, table) for table in ("episodes", "notices", "outbox")] == [1, 1, 1]


def test_what_still_waits_of_an_episode_is_said_by_the_later_notice(store: Store) -> None:
    mine, other = owner(store), owner(store, OTHER)
    add(store, mine)
    (position,) = positions.typed(store)
    episode = tell(store, position)
    with store.write() as connection:
        outbox.announce_to(connection, other.destination, Notice("position", "notice", NOW, {}), now=NOW, expires=NOW)
        for _ in range(2):  # twice is harmless
            worse = Notice("escalated", "critical", NOW + timedelta(minutes=1), {}, episode, position.rule, "BTC")
            outbox.announce_to(connection, mine.destination, worse, now=NOW, expires=NOW)
    rows = beside.rows(store, "SELECT destination, state FROM outbox ORDER BY id")
    assert [tuple(row) for row in rows] == [
        (mine.destination, "merged"), (other.destination, "queued"), (mine.destination, "queued"),
    ]  # fmt: skip


def test_finishing_leaves_what_is_still_to_be_told(store: Store) -> None:
    add(store, owner(store))
    (position,) = positions.typed(store)
    tell(store, position)
    with store.write() as connection:
        positions.finish(connection, position, NOW)
    assert positions.typed(store) == []
    assert outbox.waiting(store) == 1
    assert beside.rows(store, "SELECT ended FROM episodes")[0][0] is not None


def test_a_number_of_the_database_is_never_used_twice(store: Store) -> None:
    """A position that ends leaves a notice behind, which must not become that of the next one."""
    mine = owner(store)
    add(store, mine)
    (first,) = positions.typed(store)
    with store.write() as connection:
        positions.finish(connection, first, NOW)
    add(store, mine)
    assert positions.typed(store)[0].id > first.id


def test_unfollowing_removes_what_was_seen_there(store: Store) -> None:
    mine = owner(store)
    positions.follow(store, mine, ADDRESS, name="whale", lines=(), at=NOW)
    (of,) = positions.followed(store)
    with store.write() as connection:
        made = positions.hold(connection, of, holding(venue="hyperliquid"), lines=(0.2,), at=NOW)
    assert positions.held(store, of.id) == [made]
    assert positions.typed(store) == []
    tell(store, made)
    with store.write() as connection:
        positions.unfollow(connection, [of.id])
    assert [count(store, table) for table in ("followed", "positions", "episodes", "notices")] == [0, 0, 0, 0]


# --- being forgotten --------------------------------------------------------------------------------------------------


def bytes_of(store: Store) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(store.path.parent.glob(f"{store.path.name}*")))


def fill(store: Store, user: str, secret: str) -> None:
    """Let a chat use everything that keeps something about it, and change it, so that old copies lie about."""
    mine = owner(store, user)
    for n in range(5):
        destinations.ensure(store, "telegram", user, None, kind="private", title=f"{secret}{'x' * n}", now=NOW)
        destinations.set_zone(store, mine.destination, ("Europe/Berlin", "UTC")[n % 2], NOW)
    destinations.subscribe(store, mine.destination, "*", "*")
    add(store, mine, 95_000.0)
    add(store, mine, 96_000.0)
    positions.follow(store, mine, ADDRESS, name=secret, lines=(), at=NOW)
    first, second = [position for position in positions.typed(store) if position.destination == mine.destination]
    tell(store, first, secret)
    with store.write() as connection:
        positions.finish(connection, second, NOW)
        late = Notice("late", "notice", NOW, {"text": secret})
        outbox.announce_to(connection, mine.destination, late, now=NOW, expires=NOW)


@pytest.mark.slow
def test_forgetting_leaves_no_byte(file_store: Store) -> None:
    for n in range(60):  # others before and after, so that pages are shared, split and joined
        fill(file_store, f"777{n:07}", f"other{n}")
        if n == 30:
            fill(file_store, CHAT, "wordofmine")
    assert CHAT.encode() in bytes_of(file_store)
    found = forgetting.forget(file_store, "telegram", CHAT, CHAT)
    assert (found.destinations, found.subscriptions, found.positions, found.addresses, found.clean) == (
        1,
        1,
        1,
        1,
        True,
    )
    left = bytes_of(file_store)
    assert left.count(CHAT.encode()) == 0
    assert left.count(b"wordofmine") == 0
    assert left.count(b"7770000030") > 0, "the neighbours are still there"
    assert beside.rows(file_store, "PRAGMA integrity_check")[0][0] == "ok"
    assert beside.rows(file_store, "PRAGMA foreign_key_check") == []
    assert not forgetting.forget(file_store, "telegram", CHAT, CHAT).anything


def test_forgetting_a_group_leaves_the_positions_of_people(store: Store) -> None:
    group = destinations.ensure(store, "telegram", "-100123", "7", kind="group", title="A group", now=NOW)
    destinations.subscribe(store, group.id, "*", "*")
    add(store, owner(store))
    found = forgetting.forget(store, "telegram", "-100123")
    assert (found.destinations, found.positions) == (1, 0)
    assert len(positions.typed(store)) == 1


def test_the_log_that_somebody_reads_is_said_so(file_store: Store) -> None:
    fill(file_store, CHAT, "wordofmine")
    with closing(sqlite3.connect(file_store.path, isolation_level=None)) as reader:
        reader.execute("PRAGMA busy_timeout = 50")
        file_store.file._writing_line().connection.execute("PRAGMA busy_timeout = 50")
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM destinations").fetchall()
        assert not forgetting.forget(file_store, "telegram", CHAT, CHAT).clean
    assert file_store.purge()
    assert bytes_of(file_store).count(CHAT.encode()) == 0
