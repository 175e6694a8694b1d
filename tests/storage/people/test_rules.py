"""Rules that chats wrote: kept, changed, numbered once, moved with the chat, and forgotten with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from storage.people import destinations, rules
from storage.people.exporting import everything
from storage.people.forgetting import forget
from storage.people.rules import Worded

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FUNDING = Worded(
    line="btc funding > 30% a year",
    rule="own funding > 30% a year",
    scope={"assets": ["BTC"]},
    at_most=timedelta(hours=4),
)
PRICE = Worded(line="any price crosses 100k, once", rule="own price crosses 100000", scope={"any": True}, once=True)


def place(store: Store, chat: str = "11") -> int:
    return destinations.ensure(store, "telegram", chat, None, kind="group", title=None, now=NOW).id


def test_what_is_kept_reads_back_as_it_was(store: Store) -> None:
    here = place(store)
    assert rules.add(store, here, FUNDING, person="7", now=NOW) == 1
    assert rules.add(store, here, PRICE, person=None, now=NOW) == 2
    first, second = rules.of(store, here)
    assert (first.number, first.worded, first.person, first.created, first.paused) == (1, FUNDING, "7", NOW, None)
    assert (second.worded, second.told) == (PRICE, None)
    assert [one.id for one in rules.every(store)] == [first.id, second.id]


def test_a_number_comes_once(store: Store) -> None:
    """/alerts delete 2 of last week must not hit what is called 2 today."""
    here, there = place(store), place(store, "12")
    for _ in range(2):
        rules.add(store, here, FUNDING, person=None, now=NOW)
    assert rules.drop(store, here, 2)
    assert not rules.drop(store, here, 2)
    assert rules.add(store, here, PRICE, person=None, now=NOW) == 3
    assert rules.add(store, there, PRICE, person=None, now=NOW) == 1


def test_a_change_switches_on_and_a_pause_says_by_whom(store: Store) -> None:
    here = place(store)
    number = rules.add(store, here, FUNDING, person="7", now=NOW)
    with store.write() as work:
        assert rules.pause(work, here, number, "once", NOW)
        assert rules.pause(work, here, number, "person", NOW + timedelta(hours=1))
        assert not rules.pause(work, here, 9, "person", NOW)
    (paused,) = rules.of(store, here)
    assert (paused.paused, paused.paused_for) == (NOW, "once"), "the first reason stays"
    assert rules.change(store, here, number, PRICE)
    (changed,) = rules.of(store, here)
    assert (changed.worded, changed.paused, changed.paused_for, changed.created) == (PRICE, None, None, NOW)
    assert not rules.change(store, here, 9, PRICE)
    assert not rules.resume(store, here, 9)


def test_they_are_counted_by_chat_by_person_and_in_all(store: Store) -> None:
    here, there = place(store), place(store, "12")
    rules.add(store, here, FUNDING, person="7", now=NOW)
    rules.add(store, there, FUNDING, person="7", now=NOW)
    rules.add(store, there, PRICE, person="8", now=NOW)
    assert rules.counted(store, here, "7") == rules.Counted(here=1, mine=2, every=3)
    assert rules.counted(store, here, None) == rules.Counted(here=1, mine=0, every=3)


def test_what_was_tried_counts_each_rule_once(store: Store) -> None:
    here = place(store)
    assert [rules.tried(store, here, line, NOW) for line in ("own a", "own b", "own a")] == [1, 2, 2]


def test_rules_move_with_the_chat_and_their_numbers_stay_apart(store: Store) -> None:
    old, new = place(store, "old"), place(store, "new")
    rules.add(store, new, PRICE, person=None, now=NOW)
    rules.add(store, old, FUNDING, person=None, now=NOW)
    rules.tried(store, old, "own a", NOW)
    rules.tried(store, new, "own a", NOW)
    destinations.moved(store, "telegram", "old", "new")
    assert [(one.number, one.worded) for one in rules.of(store, new)] == [(1, PRICE), (2, FUNDING)]
    assert rules.add(store, new, PRICE, person=None, now=NOW) == 3


def test_they_are_handed_out_and_forgotten_with_the_chat(store: Store) -> None:
    here = place(store)
    rules.add(store, here, FUNDING, person="7", now=NOW)
    rules.tried(store, here, "own a", NOW)
    (row,) = everything(store, "telegram", "11", "7")["rules"]
    assert (row["line"], row["scope"], row["created"]) == (FUNDING.line, {"assets": ["BTC"]}, "2026-11-29T12:00:00Z")
    assert forget(store, "telegram", "11").rules == 1
    assert rules.every(store) == []


def test_a_link_stands_for_the_line_until_its_chat_is_forgotten(store: Store) -> None:
    here = place(store)
    token = rules.share(store, here, FUNDING.line, NOW)
    assert rules.share(store, here, FUNDING.line, NOW) == token
    assert rules.shared(store, token) == FUNDING.line
    assert rules.shared(store, "unknown") is None
    assert len(token) <= 40, "a link of Telegram carries 64 characters, with a word before it"
    forget(store, "telegram", "11")
    assert rules.shared(store, token) is None
