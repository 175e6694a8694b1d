"""A notice for very many is kept in parts until its rows are made, and nobody can tell."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from storage.alerts import announcing, outbox
from storage.alerts.sending import counts, restored, spreading
from storage.people import destinations, forgetting
from tests.fakes.notices import claim_from
from tests.storage import beside, senders

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
SOON = NOW + timedelta(hours=6)
CHATS = 7


@pytest.fixture(autouse=True)
def parts_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "PART", 2)


@pytest.fixture
def peopled(store: Store) -> Store:
    for number in range(CHATS):
        place(store, str(number))
    return store


def place(store: Store, chat: str, platform: str = "telegram") -> int:
    one = destinations.ensure(store, platform, chat, None, kind="private", title=None, now=NOW)
    destinations.subscribe(store, one.id, "*", "*")
    return one.id


def fire(
    store: Store, kind: str = "fired", *, rank: str = "warning", asset: str = "BTC", episode: int | None = None
) -> int:
    notice = outbox.Notice(kind, rank, NOW, {}, episode, "oi_drawdown", asset)  # type: ignore[arg-type]
    with store.write() as work:
        return outbox.announce(work, notice, now=NOW, expires=SOON)


def begin(store: Store) -> int:
    beside.rows(
        store,
        "INSERT INTO episodes (id, rule, asset, since, fired, rank, first_values, last_values) "
        "VALUES (1, 'oi_drawdown', 'BTC', 1, 1, 'warning', '{}', '{}')",
    )
    return 1


def rows(store: Store) -> list[tuple[str, int]]:
    found = beside.rows(store, "SELECT state, notice FROM outbox ORDER BY id")
    return [(row["state"], row["notice"]) for row in found]


def left(store: Store) -> list[int]:
    return [row["count"] for row in beside.rows(store, "SELECT count FROM outbox_parts ORDER BY id")]


def spread(store: Store) -> None:
    with store.write() as work:
        spreading.everything(work)


def test_what_goes_to_many_is_kept_in_parts_and_counted(peopled: Store) -> None:
    assert fire(peopled) == CHATS
    assert left(peopled) == [2, 2, 2, 1]
    assert rows(peopled) == []
    assert outbox.waiting(peopled) == CHATS
    assert counts.waiting(peopled, NOW)["queued"] == CHATS
    assert counts.due_longest(peopled, NOW) == {"telegram": NOW}
    with peopled.write() as work:
        assert spreading.one(work)
    assert (len(rows(peopled)), left(peopled)) == (2, [2, 2, 1])
    assert outbox.waiting(peopled) == CHATS
    spread(peopled)
    assert rows(peopled) == [("queued", 1)] * CHATS
    with peopled.write() as work:
        assert not spreading.one(work)


def test_what_goes_to_few_is_rows_at_once(store: Store) -> None:
    place(store, "1"), place(store, "2")
    assert fire(store) == 2
    assert (rows(store), left(store)) == ([("queued", 1)] * 2, [])


def test_each_row_says_where_it_goes_and_has_a_nonce_of_its_own(peopled: Store) -> None:
    place(peopled, "1", "discord")
    fire(peopled)
    spread(peopled)
    found = beside.rows(
        peopled,
        "SELECT o.nonce, o.platform, d.platform AS there FROM outbox o JOIN destinations d ON d.id = o.destination",
    )
    assert len({row["nonce"] for row in found}) == len(found) == CHATS + 1
    assert all(len(row["nonce"]) == 16 and row["platform"] == row["there"] for row in found)


def test_the_most_urgent_part_comes_first_and_older_notices_before_newer_ones(peopled: Store) -> None:
    fire(peopled, rank="notice")
    fire(peopled, rank="critical", asset="ETH")
    with peopled.write() as work:
        spreading.one(work)
    assert {notice for _, notice in rows(peopled)} == {2}
    with peopled.write() as work:  # to one chat, at once: its row is made before those of the older notice
        (chosen,) = work.rows(destinations.SQL.destination, platform="telegram", chat="6", topic="")
        late = outbox.Notice("late", "notice", NOW, {})
        outbox.announce_to(work, chosen["id"], late, now=NOW, expires=SOON)
        spreading.everything(work)
    process, seen = senders.take(peopled), []
    while claims := claim_from(peopled, now=NOW, process=process, platform="telegram", limit=8):
        seen += [row.notice.number for claim in claims for row in claim.rows]
        with peopled.write() as work:
            outbox.sent(work, [(claim, "1", NOW) for claim in claims])
    assert seen == [2] * CHATS + [1] * CHATS + [3]


def test_a_later_notice_of_the_episode_settles_what_waits_in_parts(peopled: Store) -> None:
    episode = begin(peopled)
    fire(peopled, episode=episode)
    with peopled.write() as work:
        spreading.one(work)
    fire(peopled, asset="ETH")
    fire(peopled, "resolved", episode=episode)
    assert left(peopled) == [2, 2, 2, 1] * 2, "whoever judges makes no rows of anything else"
    spread(peopled)
    assert sorted(rows(peopled)) == [("merged", 1)] * CHATS + [("queued", 2)] * CHATS + [("queued", 3)] * CHATS


def test_nobody_is_told_of_the_beginning_after_the_end_went_to_few_at_once(peopled: Store) -> None:
    """Most have unsubscribed meanwhile, so that the end is rows before the parts of the beginning are."""
    episode = begin(peopled)
    fire(peopled, episode=episode)
    beside.rows(peopled, "DELETE FROM subscriptions WHERE destination > 2")
    assert fire(peopled, "resolved", episode=episode) == 2
    assert sorted(rows(peopled)) == [("merged", 1)] * 2 + [("queued", 1)] * (CHATS - 2) + [("queued", 2)] * 2


def test_twice_is_harmless(peopled: Store) -> None:
    episode = begin(peopled)
    assert fire(peopled, episode=episode) == CHATS
    assert fire(peopled, episode=episode) == 0
    spread(peopled)
    assert rows(peopled) == [("queued", 1)] * CHATS


def test_who_is_told_anyway_is_told_once(peopled: Store) -> None:
    (one,) = (row["id"] for row in beside.rows(peopled, "SELECT id FROM destinations WHERE chat = '3'"))
    notice = outbox.Notice("fired", "notice", NOW, {}, None, "oi_drawdown", "BTC")
    with peopled.write() as work:
        assert outbox.announce(work, notice, now=NOW, expires=SOON, also=(one,)) == CHATS
    spread(peopled)
    assert rows(peopled) == [("queued", 1)] * CHATS


def test_an_announcement_is_counted_before_its_rows_are_made(peopled: Store) -> None:
    announcing.write(peopled, "Back at 18:00.", "abc", now=NOW)
    assert announcing.send(peopled, "abc", now=NOW) == CHATS
    for _ in range(2):
        progress = announcing.last(peopled)
        assert progress is not None
        assert progress.rows == {"queued": CHATS}
        spread(peopled)


@pytest.mark.parametrize("change", ["forget", "gone", "move", "expire"])
def test_what_becomes_of_a_place_becomes_of_its_row(peopled: Store, change: str) -> None:
    fire(peopled)
    here = destinations.find(peopled, "telegram", "3")
    assert here is not None
    if change == "forget":
        forgetting.forget(peopled, "telegram", "3")
        spread(peopled)
        assert rows(peopled) == [("queued", 1)] * (CHATS - 1)
    elif change == "gone":
        outbox.gone(peopled, here.id, "blocked", now=NOW)
        assert sorted(rows(peopled)) == [("dead", 1), ("queued", 1)]  # what is kept with it, and no more
        spread(peopled)
        assert sorted(rows(peopled)) == [("dead", 1)] + [("queued", 1)] * (CHATS - 1)
    elif change == "move":
        place(peopled, "-100")
        destinations.moved(peopled, "telegram", "3", "-100")
        assert rows(peopled) == [("queued", 1)] * CHATS
    else:
        with peopled.write() as work:
            assert len(outbox.expired(work, now=SOON)) == CHATS


def test_a_place_that_is_forgotten_before_its_row_is_made_has_none(peopled: Store) -> None:
    fire(peopled)
    beside.rows(peopled, "DELETE FROM subscriptions")
    beside.rows(peopled, "DELETE FROM destinations WHERE chat = '3'")
    spread(peopled)
    assert rows(peopled) == [("queued", 1)] * (CHATS - 1)


def test_what_a_backup_kept_in_parts_is_not_sent(peopled: Store) -> None:
    fire(peopled)
    assert restored.mark(peopled, NOW, now=NOW) == CHATS
    assert rows(peopled) == [("merged", 1)] * CHATS
    fire(peopled, asset="ETH")
    assert left(peopled) == []
    assert rows(peopled) == [("merged", 1)] * CHATS + [("merged", 2)] * CHATS


def test_a_clock_that_is_set_moves_what_is_kept_in_parts(peopled: Store) -> None:
    fire(peopled)
    with peopled.write() as work:
        outbox.clock_set(work, timedelta(hours=1))
    found = beside.rows(peopled, "SELECT DISTINCT created, expires FROM outbox")
    hour = 3_600_000
    assert [tuple(row) for row in found] == [(NOW.timestamp() * 1000 + hour, SOON.timestamp() * 1000 + hour)]
