"""A chat in which something is not allowed rests and loses nothing, until its managers allow it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
import structlog

from handlers.channels.failure import RightsMissing, Throttled
from storage.alerts.sending import rests
from tests.bot.delivery.desk import DAY, HOUR, NOW, Desk, desk_at
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REFUSED = "Bad Request: not enough rights to send text messages to the chat"


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = desk_at(tmp_path)
    yield made
    made.store.close()


async def tried(desk: Desk, span: float, *, every: float = 300) -> list[float]:
    """Let time pass, and return after how many hours something was tried."""
    begun, tries = desk.clock.seconds, []
    while desk.clock.seconds < begun + span * 3600:
        before = len(desk.channel.asked)
        await desk.dispatcher.turn()
        if len(desk.channel.asked) > before:
            tries.append(round((desk.clock.seconds - begun) / 3600, 1))
        desk.clock.forward(every)
    return tries


@pytest.mark.slow
async def test_it_rests_for_an_hour_and_then_ever_longer_up_to_a_day(desk: Desk) -> None:
    desk.happens("oi_drawdown", rank="critical")
    beside.rows(desk.store, "UPDATE outbox SET expires = expires + 30 * 86400000")
    desk.channel.always = lambda _: RightsMissing(REFUSED)
    with structlog.testing.capture_logs() as logs:
        at = await tried(desk, 24 * 5)
    assert [later - before for before, later in itertools.pairwise(at)] == pytest.approx(
        [1, 1, 2, 4, 8, 16, 24, 24, 24], rel=0.12
    )
    (*_, said) = [entry for entry in logs if entry["event"] == "a chat rests for lack of rights"]
    assert (said["chat"], said["topic"], said["reason"]) == ("11", None, REFUSED)
    assert [state for state, _ in desk.rows()] == ["queued"]


async def test_what_waited_is_told_at_once_when_the_rights_are_given_back(desk: Desk) -> None:
    desk.happens("oi_drawdown", rank="warning")
    desk.channel.script.append(RightsMissing(REFUSED))
    await desk.turns()
    (resting,) = rests.without_rights(desk.store)
    assert (resting.chat, resting.reason, resting.waiting) == ("11", REFUSED, 1)
    assert HOUR <= resting.until - NOW < HOUR * 1.1
    assert rests.woken(desk.store, "telegram", "12") == 0
    assert rests.woken(desk.store, "telegram", "11") == 1
    await desk.turns()
    assert [state for state, _ in desk.rows()] == ["sent"]
    assert not rests.without_rights(desk.store)


@pytest.mark.slow
async def test_what_grows_too_old_meanwhile_is_told_in_one_message(desk: Desk) -> None:
    desk.channel.always = lambda _: RightsMissing(REFUSED)
    for rule in ("oi_drawdown", "funding_stretch"):
        desk.happens(rule)
        desk.clock.forward(3)
    await tried(desk, 26)
    desk.channel.always = lambda _: None
    await tried(desk, 26)
    assert [(state, reason) for state, reason in desk.rows() if state == "dead"] == []
    (said,) = desk.channel.said
    assert "2 messages could not be delivered in time" in said.text
    assert not rests.without_rights(desk.store)


async def test_rights_given_back_end_no_pause_that_the_platform_asked_for(desk: Desk) -> None:
    desk.happens("oi_drawdown")
    desk.channel.script.append(Throttled("flood", seconds=600))
    await desk.turns()
    assert rests.woken(desk.store, "telegram", "11") == 0
    await desk.turns()
    assert len(desk.channel.asked) == 1


@pytest.mark.slow
async def test_a_pause_of_a_day_and_more_is_kept(desk: Desk) -> None:
    desk.happens("oi_drawdown")
    beside.rows(desk.store, "UPDATE outbox SET expires = expires + 30 * 86400000")
    desk.channel.script.append(Throttled("flood", seconds=100_000))
    assert await tried(desk, 48) == [0.0, pytest.approx(100_000 / 3600, abs=0.2)]
    assert DAY.total_seconds() < 100_000
