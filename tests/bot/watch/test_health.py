"""/healthz in words: ready, or why not."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.watch.served import health
from handlers.channels.failure import TokenRefused, Unreached
from tests.bot.delivery.desk import NOW
from tests.bot.watch.house import Watched, begun, watched_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MINUTE = timedelta(minutes=1)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    made = watched_at(tmp_path)
    yield made
    made.desk.store.close()


async def test_one_that_is_well_is_ready_and_says_what_that_rests_on(watched: Watched) -> None:
    found = health.report(await watched.look())
    assert json.loads(json.dumps(found)) == found, "plain data"
    assert (found["ready"], found["reasons"]) == (True, [])
    assert found["newest_figure"] == "2026-01-15T13:00:00+00:00"
    assert found["last_good_turn"] == "2026-01-15T13:00:00+00:00"
    assert found["channels"] == {"telegram": "working"}
    assert (found["holds"], found["processes"]) == ({"send": 3}, 1)
    assert found["outbox"] == {"queued": 0, "held": 0, "sending": 0, "uncertain": 0}


async def no_data(watched: Watched) -> None:
    watched.lives(16 * MINUTE, data=False)


async def no_turn(watched: Watched) -> None:
    watched.lives(3 * MINUTE, turn=False)


async def failing_turns(watched: Watched) -> None:
    for _ in range(13):
        watched.lives(MINUTE / 4, turn=False)
        watched.turns.took(0.1, good=False)


async def refused(watched: Watched) -> None:
    watched.desk.channel.always = lambda _: TokenRefused("Get a new one.")
    watched.desk.happens("oi_drawdown")
    await watched.desk.turns(2)


async def unreached(watched: Watched) -> None:
    watched.desk.channel.always = lambda _: Unreached("no network")
    watched.desk.happens("oi_drawdown")
    await watched.desk.turns(2)


async def stuck(watched: Watched) -> None:
    watched.desk.happens("oi_drawdown")
    watched.lives(11 * MINUTE)


async def damaged(watched: Watched) -> None:
    watched.desk.store.close()
    watched.desk.store.path.write_bytes(b"no database " * 400)


@pytest.mark.parametrize(
    ("befalls", "says"),
    [
        pytest.param(no_data, "No source has given a figure for 16 min.", id="no data"),
        pytest.param(no_turn, "No turn has gone well for 3 min.", id="no turn"),
        pytest.param(failing_turns, "No turn has gone well for 3 min.", id="turns fail"),
        pytest.param(refused, "Telegram refuses the bot's token.", id="token"),
        pytest.param(unreached, "Telegram is not reached.", id="not reached"),
        pytest.param(stuck, "The outbox is stuck: a message to Telegram has been due for 11 min.", id="stuck"),
        pytest.param(damaged, "The database cannot be used: ", id="database"),
    ],
)
async def test_what_is_wrong_is_said_in_words(watched: Watched, befalls: Callable[..., object], says: str) -> None:
    await befalls(watched)  # type: ignore[misc]
    found = health.report(await watched.look())
    assert found["ready"] is False
    assert [reason for reason in found["reasons"] if reason.startswith(says)], found["reasons"]
    assert len(found["reasons"]) == 1


async def test_where_nobody_judges_it_is_said_with_what_to_start(watched: Watched) -> None:
    """Each process by itself may be well: with one that collects and one that sends, no alarm ever comes."""
    begun(watched.desk, "collect", "send", "answer")
    watched.lives(MINUTE)
    assert health.reasons(await watched.look()) == [], "the other processes may be about to start"
    watched.lives(MINUTE)
    assert health.reasons(await watched.look()) == ["Nobody judges: start a process with --role judge."]


async def test_a_broadcast_that_takes_its_time_is_not_stuck(watched: Watched) -> None:
    watched.desk.happens("oi_drawdown")
    await watched.desk.turns(5)
    watched.lives(9 * MINUTE)
    watched.desk.happens("price_drawdown", at=NOW)
    watched.lives(11 * MINUTE)
    watched.desk.dispatcher.platforms["telegram"].landed_at = watched.desk.clock.monotonic() - 60
    assert health.reasons(await watched.look()) == [], "something else arrived a minute ago"


async def test_what_is_held_or_rests_is_not_stuck(watched: Watched) -> None:
    watched.desk.happens("oi_drawdown")
    with closing(sqlite3.connect(watched.desk.store.path)) as file, file:
        file.execute("UPDATE outbox SET held_for = 'quiet', held_until = 9e12")
    watched.lives(60 * MINUTE)
    look = await watched.look()
    assert health.reasons(look) == []
    assert look.stored.waiting["held"] == 1


async def test_one_that_has_just_started_is_not_ready_yet(watched: Watched, tmp_path: Path) -> None:
    fresh = watched_at(tmp_path / "new")
    fresh.turns.__init__(fresh.desk.clock)  # type: ignore[misc]
    fresh.newest = None
    assert health.reasons(await fresh.look()) == [
        "It has just started, and no turn was taken yet.",
        "No source has given a figure yet.",
    ]
    fresh.desk.store.close()


async def test_who_stands_by_is_ready_and_says_so(watched: Watched) -> None:
    watched.desk.dispatcher.holdings.give_up("send", ["telegram", "late news", "own alarms"])
    found = health.report(await watched.look())
    assert (found["ready"], found["holds"]) == (True, {})
