"""What is held stays out of the way until it is told of, and what was sent is counted for a day's budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from signals.alerts.episodes import Transition
from signals.units import to_ms
from storage.alerts import episodes, outbox
from storage.alerts.outbox import Notice
from storage.alerts.sending import held
from storage.engine.database import Store
from storage.people import destinations, switches
from storage.people.switches import Switch
from tests.fakes.notices import claim_from, ready, sent_from
from tests.storage import beside, senders

if TYPE_CHECKING:
    from pathlib import Path

    from storage.alerts.outbox import Claim

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def place(store: Store, chat: str = "11") -> int:
    return destinations.ensure(store, "telegram", chat, None, kind="private", title=None, now=NOW).id


def episode(store: Store) -> int:
    with store.write() as work:
        return episodes.record(work, ("rule", "BTC"), Transition("fired", NOW, NOW, "notice", {}), None)


def tell(store: Store, to: int, kind: str = "fired", number: int | None = None, at: datetime = NOW) -> None:
    notice = Notice(kind, "notice", at, ready("news"), number, "rule", "BTC")  # type: ignore[arg-type]
    with store.write() as work:
        outbox.announce_to(work, to, notice, now=at, expires=at + 6 * HOUR)


def take(store: Store, now: datetime = NOW) -> list[Claim]:
    return claim_from(store, now=now, process=senders.take(store), platform="telegram", limit=8)


def send(store: Store, message: str, now: datetime = NOW) -> None:
    (claim,) = take(store, now)
    sent_from(store, claim, message, now=now)


def hold(store: Store, until: datetime, held_for: Any = "quiet", now: datetime = NOW) -> None:
    (claim,) = take(store, now)
    with store.write() as work:
        for row in claim.rows:
            outbox.hold(work, row, until, "it waits", held_for)


def digest(store: Store, to: int, kind: str, at: datetime) -> None:
    beside.rows(
        store,
        "INSERT INTO digests (destination, kind, days, at, assets, next) VALUES (?, ?, '', '07:20', '', ?)",
        to,
        kind,
        to_ms(at),
    )


def next_digest(store: Store, to: int) -> datetime | None:
    with store.write() as work:
        return held.digest_soon(work, to, now=NOW, latest=NOW + HOUR)


def count(store: Store, to: int, since: datetime) -> int:
    with store.write() as work:
        return held.sent_since(work, to, since)


def test_what_is_counted_are_new_messages_with_news(store: Store) -> None:
    here, there = place(store), place(store, "12")
    before, since = NOW - HOUR, NOW
    counted = [count(store, here, since)]

    def sent(message: str, *about: Any, now: datetime = NOW) -> None:
        tell(store, here, *about, at=now)
        send(store, message, now)
        counted.append(count(store, here, since))

    old, new = episode(store), episode(store)
    sent("m1", "fired", old, now=before)  # before the day began
    sent("m1", "escalated", old)  # which is an edit of that
    sent("m2", "fired", new)
    sent("m2", "resolved", new, now=NOW + HOUR)
    sent("m3", "source", None)
    sent("m4", "late", None)
    sent("m5", "held", None)
    sent("m6", "resolved", episode(store))  # it came and went
    tell(store, there, "fired", episode(store))
    send(store, "m7")
    assert counted == [0, 0, 0, 1, 1, 2, 2, 2, 2]
    assert (count(store, here, since), count(store, there, since), count(store, there, NOW + HOUR)) == (2, 1, 0)


def test_the_count_looks_at_one_destination_and_at_its_day_alone(file_store: Store) -> None:
    place(file_store)
    said = beside.rows(
        file_store, f"EXPLAIN QUERY PLAN {held.SQL.sent_since.text}".replace(":destination", "1").replace(":since", "1")
    )
    plan = [row[3] for row in said]
    assert any("SEARCH o USING INDEX outbox_settled (destination=? AND settled>?)" in step for step in plan), plan
    assert not [step for step in plan if step.startswith("SCAN")]


def test_what_is_held_is_neither_sent_nor_too_old(store: Store) -> None:
    here = place(store)
    tell(store, here)
    hold(store, NOW + HOUR)
    for later in (NOW, NOW + HOUR, NOW + 100 * HOUR):
        assert take(store, later) == []
        with store.write() as work:
            assert outbox.expired(work, now=later) == {}
    with store.write() as work:
        assert [one.held_for for one in held.held(work, here)] == ["quiet"]
        assert held.due(work, now=NOW, most=9) == []
        (found,) = held.due(work, now=NOW + HOUR, most=9)
    assert (found.destination, found.zone, len(found.rows)) == (here, "UTC", 1)


def test_a_clock_that_was_set_back_holds_nothing_for_ever(store: Store) -> None:
    place(store)
    tell(store, 1)
    hold(store, NOW + HOUR)
    with store.write() as work:
        assert len(held.due(work, now=NOW - timedelta(days=30), most=9)) == 1


def test_who_waits_longest_comes_first_with_what_waits_no_longer(store: Store) -> None:
    tell(store, place(store, "later"))
    hold(store, NOW + 24 * HOUR)
    tell(store, closed := place(store, "closed"))
    hold(store, NOW + HOUR)
    outbox.gone(store, closed, "blocked", now=NOW)
    places = [place(store, str(chat)) for chat in range(5)]
    for here in places:
        tell(store, here)
        hold(store, NOW + HOUR)
        tell(store, here)
        hold(store, NOW + 24 * HOUR, "budget")
    with store.write() as work:
        outbox.announce_to(work, 1, Notice("late", "notice", NOW, ready("news")), now=NOW, expires=NOW + HOUR)
        found = held.due(work, now=NOW + HOUR, most=3)
    assert [(one.destination, len(one.rows)) for one in found] == [(here, 1) for here in places[:3]]


def test_what_is_told_in_a_line_edits_its_message_and_ends_where_it_has_none(store: Store) -> None:
    here, number = place(store), episode(store)
    tell(store, here, "fired", number)
    send(store, "m1")
    tell(store, here, "escalated", number, NOW + HOUR)
    hold(store, NOW + 2 * HOUR, now=NOW + HOUR)
    tell(store, here, "fired", episode(store), NOW + HOUR)
    hold(store, NOW + 2 * HOUR, now=NOW + HOUR)
    with store.write() as work:
        held.told(work, [one.row for one in held.held(work, here)], "a line told of it", now=NOW + 2 * HOUR)
    states = [(row["state"], row["reason"]) for row in beside.rows(store, "SELECT * FROM outbox ORDER BY id")]
    assert states == [("sent", None), ("queued", "a line told of it"), ("merged", "a line told of it")]
    (claim,) = take(store, NOW + 2 * HOUR)
    assert (claim.message, [row.told for row in claim.rows]) == ("m1", [True])


def test_what_begins_while_it_is_held_merges_what_came_before(store: Store) -> None:
    here, number = place(store), episode(store)
    tell(store, here, "fired", number)
    hold(store, NOW + HOUR)
    tell(store, here, "resolved", number, NOW + HOUR)
    assert [row["state"] for row in beside.rows(store, "SELECT state FROM outbox ORDER BY id")] == ["merged", "queued"]


def test_a_chat_that_is_gone_is_not_told_and_its_rows_end(store: Store) -> None:
    here = place(store)
    tell(store, here)
    hold(store, NOW + HOUR)
    outbox.gone(store, here, "blocked", now=NOW)
    with store.write() as work:
        assert held.due(work, now=NOW + HOUR, most=9) == []
    assert [row["state"] for row in beside.rows(store, "SELECT state FROM outbox")] == ["dead"]


@pytest.mark.parametrize(
    ("minutes", "found"),
    [(-1, None), (0, 0), (30, 30), (60, 60), (61, None)],
)
def test_a_digest_that_is_due_soon(store: Store, minutes: int, found: int | None) -> None:
    here = place(store)
    digest(store, here, "daily", NOW + timedelta(minutes=minutes))
    assert next_digest(store, here) == (None if found is None else NOW + timedelta(minutes=found))


def test_of_several_digests_the_first_one_tells_of_it(store: Store) -> None:
    here, there = place(store), place(store, "12")
    digest(store, there, "daily", NOW + timedelta(minutes=10))
    digest(store, here, "daily", NOW + timedelta(minutes=50))
    digest(store, here, "weekly", NOW + timedelta(minutes=20))
    assert next_digest(store, here) == NOW + timedelta(minutes=20)


def test_what_is_held_knows_whether_its_episode_was_told_of(store: Store) -> None:
    here, number = place(store), episode(store)
    tell(store, here, number=number)
    hold(store, NOW + HOUR)
    with store.write() as work:
        (new,) = held.held(work, here)
        (due,) = held.due(work, now=NOW + HOUR, most=9)
    assert not new.row.announced, "it is the first of its episode"
    assert not due.rows[0].row.announced


@pytest.mark.parametrize(
    ("held_for", "of", "moved"),
    [
        pytest.param("quiet", "11", 1, id="what is held there for it"),
        pytest.param("budget", "11", 0, id="what is held for something else"),
        pytest.param("quiet", "12", 0, id="what is held elsewhere"),
    ],
)
def test_another_hour_is_that_of_one_chat_and_one_reason(store: Store, held_for: str, of: str, moved: int) -> None:
    here = {chat: place(store, chat) for chat in ("11", "12")}
    tell(store, here["11"])
    hold(store, NOW + HOUR)
    tell(store, here["11"])  # which waits for nothing
    assert held.hold_otherwise(store, here[of], held_for, NOW + 3 * HOUR) == moved  # type: ignore[arg-type]
    with store.write() as work:
        assert len(held.due(work, now=NOW + HOUR, most=9)) == 1 - moved
    assert len(take(store)) == 1, "what was not held is sent"


def test_what_was_settled_is_held_by_no_other_hour(store: Store) -> None:
    here = place(store)
    tell(store, here)
    hold(store, NOW + HOUR)
    with store.write() as work:
        rows = [one.row for one in held.held(work, here)]
        held.told(work, rows, "a line tells of it", now=NOW)
    assert held.hold_otherwise(store, here, "quiet", NOW + 3 * HOUR) == 0


def test_what_waits_for_quiet_hours_waits_for_them_whatever_else_is_switched_there(store: Store) -> None:
    """By the hours of another switch it would come in the middle of the night."""
    here = destinations.ensure(store, "telegram", "11", None, kind="private", title=None, now=NOW)
    for one in (
        Switch("budget", value="3"),
        Switch("loud"),
        Switch("mute", "ETH"),
        Switch("quiet", value="11:00-15:00"),
    ):
        switches.switch(store, here.id, one)
    tell(store, here.id)
    hold(store, NOW + HOUR)
    assert held.hold_by_clock(store, here, NOW) == (1, NOW + 3 * HOUR)
    switches.switch_back(store, here.id, "quiet")
    assert held.hold_by_clock(store, here, NOW) == (1, None)
    with store.write() as work:
        assert len(held.due(work, now=NOW, most=9)) == 1, "it comes at once"


def test_before_anything_is_stored_nothing_waits_and_nothing_was_sent(tmp_path: Path) -> None:
    store = Store(tmp_path / "perpulse.db")
    assert not store.exists
    assert (outbox.waiting(store), held.known_of(store, 1, NOW)) == (0, (0, 0))
    store.close()
