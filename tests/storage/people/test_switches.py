"""What a destination has switched is kept, changed and taken back, and goes where the destination goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from signals.alerts.episodes import Transition
from storage.alerts import episodes
from storage.people import destinations, switches
from storage.people.forgetting import forget
from storage.people.switches import Switch
from tests.storage import beside

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
MUTED = Switch("mute", "BTC", until=NOW)
QUIET = Switch("quiet", value="22:00-07:00")


def place(store: Store, chat: str = "11") -> int:
    return destinations.ensure(store, "telegram", chat, None, kind="private", title=None, now=NOW).id


def of(store: Store, *places: int) -> dict[int, tuple[Switch, ...]]:
    with store.write() as work:
        return switches.of(work, places)


def test_what_was_switched_reads_back(store: Store) -> None:
    here, there, nobody = place(store), place(store, "12"), place(store, "13")
    for chosen in (QUIET, MUTED, Switch("mute")):
        switches.switch(store, here, chosen)
    switches.switch(store, there, QUIET)
    assert of(store, here, there, nobody) == {here: (Switch("mute"), MUTED, QUIET), there: (QUIET,)}


def test_the_last_word_counts(store: Store) -> None:
    here = place(store)
    switches.switch(store, here, QUIET)
    later = Switch("quiet", value="23:00-06:00")
    switches.switch(store, here, later)
    assert of(store, here) == {here: (later,)}


@pytest.mark.parametrize(
    ("kind", "what", "there"),
    [("mute", "BTC", True), ("mute", "ETH", False), ("quiet", "*", True), ("mute", "*", False)],
)
def test_what_is_taken_back_is_gone(store: Store, kind: str, what: str, there: bool) -> None:
    here = place(store)
    for chosen in (MUTED, QUIET):
        switches.switch(store, here, chosen)
    assert switches.switch_back(store, here, kind, what) is there
    assert len(of(store, here)[here]) == 2 - there


def test_a_group_that_moves_keeps_its_switches(store: Store) -> None:
    old, new = place(store, "-1"), place(store, "-100")
    switches.switch(store, old, MUTED)
    destinations.moved(store, "telegram", "-1", "-100")
    assert of(store, old, new) == {new: (MUTED,)}


def test_what_is_forgotten_leaves_no_switch(store: Store) -> None:
    here = place(store)
    switches.switch(store, here, MUTED)
    forget(store, "telegram", "11")
    assert beside.rows(store, "SELECT * FROM switches") == []


def test_the_last_word_on_sound_counts(store: Store) -> None:
    here = place(store)
    switches.switch(store, here, QUIET)
    switches.sound(store, here, ["BTC"], "loud")
    switches.sound(store, here, ["BTC", "oi_drawdown"], "silent")
    assert switches.of_one(store, here) == (QUIET, Switch("silent", "BTC"), Switch("silent", "oi_drawdown"))
    switches.sound(store, here, ["BTC"], None)
    assert switches.of_one(store, here) == (QUIET, Switch("silent", "oi_drawdown"))
    switches.sound(store, here, ["*"], "loud")
    assert switches.of_one(store, here) == (Switch("loud"), QUIET)


def test_a_mute_ends_with_its_episode(store: Store) -> None:
    here = place(store)
    began = Transition("fired", NOW, NOW, "notice", {})
    with store.write() as work:
        number = episodes.record(work, ("rule", "BTC"), began, None)
    until_over = Switch("mute", value=f"episode {number}")
    unknown = Switch("mute", "BTC", value="episode 99")
    switches.mute(store, here, [until_over, unknown, Switch("quiet", value="22:00-07:00")], now=NOW)
    assert [(one.what, one.over, one.episode, one.runs(NOW)) for one in switches.of_one(store, here)] == [
        ("*", False, number, True),
        ("BTC", True, 99, False),
        ("*", False, None, True),
    ]
    with store.write() as work:
        episodes.record(work, ("rule", "BTC"), Transition("resolved", NOW, NOW, "notice", {}), number)
        assert switches.of(work, [here])[here][0].over
        switches.episode_over(work, here, number)
    assert [one.what for one in switches.of_one(store, here)] == ["BTC", "*"]


def test_mutes_that_have_ended_are_forgotten_with_the_next(store: Store) -> None:
    here = place(store)
    switches.mute(store, here, [MUTED], now=NOW - timedelta(hours=1))
    switches.mute(store, here, [Switch("mute", "ETH")], now=NOW)
    assert switches.of_one(store, here) == (Switch("mute", "ETH"),)


@pytest.mark.parametrize(
    ("chosen", "budget", "rank"),
    [
        ((), 12, "notice"),
        ((Switch("budget", value="off"), Switch("only", value="warning")), None, "warning"),
        ((Switch("budget", value="0"), Switch("quiet", value="22:00-07:00 strict")), 0, "notice"),
    ],
)
def test_what_a_chat_takes(chosen: tuple[Switch, ...], budget: int | None, rank: str) -> None:
    assert (switches.budget_of(chosen), switches.least_rank(chosen)) == (budget, rank)
