"""Answers that are lost for an hour, and pictures that are slow: how often something is repeated, and how it ends."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.channels.failure import PerhapsSent, Unreached
from storage.alerts.outbox import MOST_IN_DOUBT
from tests.bot.delivery.desk import HOUR, Desk, desk_at
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOST = PerhapsSent("the answer was lost")
AWAY = Unreached("the port is closed")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = desk_at(tmp_path)
    yield made
    made.store.close()


async def passes(desk: Desk, span: timedelta, *, every: float = 5.0) -> None:
    """Let time pass, with a look at the outbox every few seconds."""
    end = desk.clock.now() + span
    while desk.clock.now() < end:
        await desk.dispatcher.turn()
        desk.clock.forward(every)


@pytest.mark.slow
async def test_answers_lost_for_seventy_minutes_are_two_tries_and_end_in_the_late_digest(desk: Desk) -> None:
    desk.happens("oi_drawdown", rank="critical")
    desk.channel.always = lambda _: LOST
    await passes(desk, timedelta(minutes=70), every=20)
    assert [said.message.maybe_repeat for said in desk.channel.asked] == [False, True]
    assert [state for state, _ in desk.rows()] == ["uncertain"]
    desk.channel.always = lambda _: None
    await passes(desk, 26 * HOUR, every=600)
    (said,) = desk.channel.said
    assert said.text.startswith("1 message could not be delivered in time:")
    assert said.text.endswith("(may have arrived)")
    assert [state for state, _ in desk.rows()] == ["expired", "sent"]


@pytest.mark.slow
async def test_what_waits_for_a_platform_that_was_away_goes_when_it_is_back(desk: Desk) -> None:
    desk.happens("oi_drawdown")
    desk.channel.always, desk.channel.checked = (lambda _: LOST), (lambda: AWAY)
    await passes(desk, timedelta(minutes=20))
    assert len(desk.channel.asked) == 2
    assert desk.channel.checks == pytest.approx(40, abs=4)  # once in thirty seconds
    desk.channel.always, desk.channel.checked = (lambda _: None), (lambda: None)
    await passes(desk, timedelta(minutes=1))
    (said,) = desk.channel.said
    assert said.message.maybe_repeat
    checks = desk.channel.checks
    await passes(desk, timedelta(minutes=5))
    assert desk.channel.checks == checks, "nothing waits any more, so nothing is asked"


async def test_a_message_that_went_through_ends_the_wait_as_well(desk: Desk) -> None:
    desk.happens("oi_drawdown")
    desk.channel.script += [LOST, LOST]
    await passes(desk, timedelta(minutes=2))
    assert [state for state, _ in desk.rows()] == ["uncertain"]
    desk.channel.script.append(AWAY)
    desk.happens("funding_stretch")
    await passes(desk, timedelta(minutes=2))
    assert [state for state, _ in desk.rows()] == ["sent", "sent"]


@pytest.mark.slow
async def test_what_waits_goes_when_lost_answers_are_over_for_everybody(desk: Desk) -> None:
    rules = ("oi_drawdown", "funding_stretch", "oi_zscore", "taker_zscore")
    for rule in rules:
        desk.happens(rule)
        desk.clock.forward(1)
    desk.channel.always = lambda _: LOST
    await passes(desk, timedelta(minutes=20))
    desk.channel.always = lambda _: None
    desk.happens("price_drawdown")
    await passes(desk, timedelta(minutes=5))
    assert {state for state, _ in desk.rows()} == {"sent"}
    assert max(Counter(said.text for said in desk.channel.asked).values()) == 3


@pytest.mark.slow
async def test_a_network_that_comes_and_goes_repeats_nothing_for_ever(desk: Desk) -> None:
    desk.happens("oi_drawdown")
    turns = itertools.cycle((AWAY, None))
    desk.channel.always, desk.channel.checked = (lambda _: LOST), (lambda: next(turns))
    await passes(desk, timedelta(minutes=30))
    assert len(desk.channel.asked) == MOST_IN_DOUBT


async def test_where_the_platform_drops_repeats_one_goes_on_trying(desk: Desk) -> None:
    """Discord knows a message again by its nonce, for some minutes."""
    lost = PerhapsSent("the answer was lost")
    lost.once_for = timedelta(seconds=110)
    desk.happens("oi_drawdown")
    desk.channel.script += [lost] * 4
    await passes(desk, timedelta(minutes=3))
    assert len(desk.channel.said) == 1
    assert len(desk.channel.asked) == 5


@pytest.mark.slow
async def test_what_tells_of_others_is_tried_on(desk: Desk) -> None:
    desk.happens("oi_drawdown")
    beside.rows(desk.store, "UPDATE outbox SET expires = created")
    desk.channel.always = lambda _: LOST
    await passes(desk, timedelta(minutes=90))
    desk.channel.always = lambda _: None
    await passes(desk, HOUR, every=60)
    (said,) = desk.channel.said
    assert said.text.startswith("1 message could not be delivered in time:")


@pytest.mark.slow
async def test_what_grows_too_old_one_after_the_other_is_one_message(desk: Desk) -> None:
    desk.channel.always = lambda _: AWAY
    rules = ("oi_drawdown", "funding_stretch", "oi_zscore", "taker_zscore", "price_drawdown", "oi_vs_ma180")
    for rule in rules:
        desk.happens(rule)
        await passes(desk, timedelta(seconds=3), every=3)
    beside.rows(desk.store, "UPDATE outbox SET expires = created + 600000")
    await passes(desk, timedelta(minutes=11), every=1)
    assert [state for state, _ in desk.rows()].count("expired") == len(rules)
    desk.channel.always = lambda _: None
    await passes(desk, timedelta(minutes=2))
    (said,) = desk.channel.said
    first, *lines = said.text.splitlines()
    assert first == "6 messages could not be delivered in time:"
    assert len(lines) == len(rules)
