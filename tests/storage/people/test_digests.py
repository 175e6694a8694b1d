"""What a chat ordered is kept, changed, moved and planned; each is made by one process alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from signals.due import WEEKDAYS, WallTime
from storage.people import destinations, digests
from storage.people.forgetting import forget

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)  # a Sunday
NINE = WallTime(time(9))


def place(store: Store, chat: str = "11") -> int:
    return destinations.ensure(store, "telegram", chat, None, kind="group", title=None, now=NOW).id


def test_one_of_each_kind_is_kept_and_changed(store: Store) -> None:
    here = place(store)
    first = digests.order(store, here, "daily", NINE, (), now=NOW)
    assert (first.wall, first.assets, first.due) == (NINE, (), NOW + timedelta(hours=21))
    assert (first.last_date, first.last_at, first.zone) == (None, None, "UTC")
    digests.order(store, here, "weekly", WallTime(time(18), (6,)), ("BTC",), now=NOW)
    changed = digests.order(store, here, "daily", WallTime(time(8, 30), WEEKDAYS), ("ETH", "BTC"), now=NOW)
    assert changed.id == first.id
    assert digests.of(store, here).keys() == {"daily", "weekly"}
    assert digests.of(store, here)["daily"].assets == ("ETH", "BTC")
    assert digests.stop(store, here, "weekly") == 1
    assert digests.stop(store, here) == 1
    assert digests.stop(store, here) == 0
    assert digests.of(store, here) == {}


def test_two_processes_make_one(store: Store) -> None:
    here = place(store)
    digests.order(store, here, "daily", NINE, (), now=NOW)
    due = NOW + timedelta(hours=21)
    assert digests.due(store, due - timedelta(seconds=1), 10) == []
    (seen,) = digests.due(store, due, 10)
    day = date(2026, 11, 30)
    with store.write() as work:
        assert digests.made(work, seen, day, now=due, due=seen.next_after(due, day))
        assert not digests.made(work, seen, day, now=due, due=seen.next_after(due, day))
    found = digests.of(store, here)["daily"]
    assert (found.last_date, found.last_at, found.due) == (day, due, due + timedelta(days=1))
    assert digests.order(store, here, "daily", WallTime(time(10)), (), now=due).due == due + timedelta(hours=25)


def test_by_another_clock_one_is_due_once_a_date_too(store: Store) -> None:
    here = place(store)
    ordered = digests.order(store, here, "daily", NINE, (), now=NOW)
    at = NOW + timedelta(hours=21)  # 30 November, 09:00 UTC, which is 04:00 in New York and 18:00 in Tokyo
    with store.write() as work:
        digests.made(work, ordered, date(2026, 11, 30), now=at, due=at + timedelta(days=1))
    destinations.set_zone(store, here, "Asia/Tokyo", at)
    assert digests.of(store, here)["daily"].due == datetime(2026, 12, 1, 0, tzinfo=UTC)
    destinations.set_zone(store, here, "America/New_York", at)
    assert digests.of(store, here)["daily"].due == datetime(2026, 12, 1, 14, tzinfo=UTC), "not twice on the 30th"
    destinations.set_zone(store, here, "Pacific/Honolulu", at)  # where it is still the 29th
    found = digests.of(store, here)["daily"]
    assert (found.last_date, found.due) == (date(2026, 11, 29), datetime(2026, 11, 30, 19, tzinfo=UTC))


def test_a_chat_under_a_new_id_keeps_what_it_ordered(store: Store) -> None:
    old, new = place(store, "-1"), place(store, "-1001")
    digests.order(store, old, "daily", NINE, ("BTC",), now=NOW)
    digests.order(store, old, "weekly", WallTime(time(18), (6,)), (), now=NOW)
    digests.order(store, new, "weekly", WallTime(time(20), (5,)), (), now=NOW)
    destinations.moved(store, "telegram", "-1", "-1001")
    found = digests.of(store, new)
    assert found["daily"].assets == ("BTC",)
    assert found["weekly"].wall == WallTime(time(20), (5,)), "what is known there already stays"
    assert len(digests.every(store)) == 2


def test_a_chat_that_is_forgotten_or_gone_is_due_nothing(store: Store) -> None:
    here, other = place(store), place(store, "12")
    for destination in (here, other):
        digests.order(store, destination, "daily", NINE, (), now=NOW)
    forget(store, "telegram", "11")
    assert [one.destination for one in digests.due(store, NOW + timedelta(days=2), 10)] == [other]
    assert len(digests.due(store, NOW + timedelta(days=2), 1)) == 1
