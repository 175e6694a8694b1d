from __future__ import annotations

import contextlib
import gc
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from signals.alerts.episodes import State, Transition
from storage.alerts import episodes, outbox
from storage.alerts.episodes import RuleState
from storage.alerts.outbox import Notice
from storage.people import destinations
from tests.fakes.notices import claim_from, ready, sent_from
from tests.storage import senders

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = ("oi_drawdown", "BTC")


def change(kind: str, days: int, rank: str = "notice", **values: float) -> Transition:
    return Transition(kind, NOW + days * DAY, NOW - DAY, rank, values)  # type: ignore[arg-type]


def test_a_standing_comes_back_as_it_was(store: Store) -> None:
    state = State(2, 2, (1, 0), (0, 3), NOW - DAY, NOW - 2 * DAY, NOW, unknown=True)
    with store.write() as connection:
        episode = episodes.record(connection, KEY, change("fired", 0), None)
        episodes.save(connection, KEY, state, episode)
    assert episodes.rule_states(store) == {KEY: RuleState(state, episode)}
    with store.write() as connection:
        episodes.save(connection, KEY, State(at=NOW), None)
    assert episodes.rule_states(store) == {KEY: RuleState(State(at=NOW), None)}


def test_what_was_written_is_not_read_back(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    state, undone = State(2, 2, (1, 0), (0, 3), NOW - DAY, NOW - 2 * DAY, NOW), State(at=NOW + DAY)
    with store.write() as work:
        saved = episodes.save(work, KEY, state, None)
    episodes.wrote(store, [saved])
    monkeypatch.setattr(episodes, "from_json", None)
    standing = episodes.rule_states(store)
    assert standing == {KEY: RuleState(state, None)}
    assert episodes.rule_states(store) is standing
    monkeypatch.undo()
    with contextlib.suppress(ZeroDivisionError), store.write() as work:
        episodes.wrote(store, [episodes.save(work, KEY, undone, None)])
        raise ZeroDivisionError
    assert episodes.rule_states(store) == standing
    with store.write() as work:
        episodes.save(work, KEY, undone, None)
    assert episodes.rule_states(store) == {KEY: RuleState(undone, None)}


@pytest.mark.slow
def test_where_a_rule_stood_before_is_not_remembered(store: Store) -> None:
    """Of each close of a month one would stay: a tenth of the memory of a bot with two assets."""

    def read() -> int:
        assert episodes.rule_states(store)[KEY].state == episodes.states_of(store, KEY[0])[KEY[1]].state
        return sum(isinstance(one, RuleState) for one in gc.get_objects())

    counts = []
    for hours in range(20):
        with store.write() as connection:
            episodes.save(connection, KEY, State(at=NOW + timedelta(hours=hours)), None)
        counts.append(read())
    assert counts[-1] == counts[1]


def test_an_episode_is_one_line_from_its_first_close_to_its_last(store: Store) -> None:
    with store.write() as connection:
        one = episodes.record(connection, KEY, change("fired", 0, value=-0.31, odd=math.nan), None)
        assert episodes.record(connection, KEY, change("escalated", 1, "critical", value=-0.5), one) == one
    (running,) = episodes.running(store)
    assert (running.rank, running.ended, running.since, running.fired) == ("critical", None, NOW - DAY, NOW)
    with store.write() as connection:
        assert episodes.record(connection, KEY, change("resolved", 2, "critical", value=-0.1), one) == one
        two = episodes.record(connection, KEY, change("fired", 5, value=-0.3), None)
    assert two != one
    first, second = episodes.of(store, *KEY)
    assert (first.id, first.ended, first.fired) == (one, NOW + 2 * DAY, NOW)
    assert (first.first_values, first.last_values) == ({"value": -0.31}, {"value": -0.1})
    assert [episode.id for episode in episodes.running(store)] == [second.id] == [two]
    assert episodes.of(store, "oi_drawdown", "ETH") == []


def test_what_a_message_tells_of_is_found_by_its_number(store: Store) -> None:
    """What is not over comes first; in another chat the same number is another message."""
    places = [
        destinations.ensure(store, "telegram", chat, None, kind="private", title=None, now=NOW) for chat in ("1", "2")
    ]
    with store.write() as work:
        numbers = [episodes.record(work, (rule, "BTC"), change("fired", 0), None) for rule in ("oi_drawdown", "burst")]
        for number in numbers:
            notice = Notice("fired", "notice", NOW, ready("news"), number, "oi_drawdown", "BTC")
            outbox.announce_to(work, places[0].id, notice, now=NOW, expires=NOW + DAY)
    (claim,) = claim_from(
        store, now=NOW, process=senders.take(store), platform="telegram", limit=1, together=lambda *_: True
    )
    sent_from(store, claim, "7p", now=NOW)
    with store.write() as work:
        episodes.record(work, KEY, change("resolved", 1), numbers[0])
    assert [one.id for one in episodes.told_in(store, places[0].id, "7p")] == numbers[::-1]
    assert episodes.told_in(store, places[0].id, "7") == episodes.told_in(store, places[1].id, "7p") == []
