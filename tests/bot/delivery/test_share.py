"""What a platform allows, shared by a broadcast and by answers: neither holds the other up, and no window overflows."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.admission import EVERYBODY
from bot.clock import SystemClock
from bot.delivery.dispatcher import Dispatcher
from bot.delivery.rate_limiter import WINDOW, Paces, RateLimiter
from storage.alerts import outbox
from storage.engine.database import Store
from storage.people import destinations
from tests.bot.delivery.desk import NOW, Desk, desk_at
from tests.fakes.bot_api import BotApi
from tests.fakes.notices import ready
from tests.handlers.channels.telegram.talking import PRIVATE, bot_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHATS = 240
STEP = 0.01


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = desk_at(tmp_path)
    yield made
    made.store.close()


def refused(times: list[float]) -> int:
    """Return how many messages a sliding second of thirty would refuse."""
    taken: list[float] = []
    count = 0
    for at in sorted(times):
        taken = [other for other in taken if at - other < 1.0]
        if len(taken) >= 30:
            count += 1
        else:
            taken.append(at)
    return count


@pytest.mark.slow
@pytest.mark.parametrize("a_second", [0.0, 4.0, 10.0], ids=lambda count: f"{count:g} answers a second")
async def test_a_broadcast_and_answers_share_what_is_allowed(desk: Desk, a_second: float) -> None:
    for chat in range(CHATS):
        one = destinations.ensure(desk.store, "telegram", f"5{chat:03}", None, kind="private", title=None, now=NOW)
        destinations.subscribe(desk.store, one.id, "*", "*")
    desk.happens("oi_drawdown", rank="critical")
    dice, at, answered, waits = random.Random(3), [], [], []  # type: ignore[var-annotated]
    limiter = desk.dispatcher.platforms["telegram"].limiter
    desk.channel.always = lambda _: at.append(desk.clock.seconds)
    begun = desk.clock.seconds
    while len(at) <= CHATS:  # and the one that was there
        await desk.dispatcher.turn()
        if dice.random() < a_second * STEP:
            waits.append(limiter.answer(desk.clock.seconds))
            answered.append(desk.clock.seconds + waits[-1])
        desk.clock.forward(STEP)
        assert desk.clock.seconds - begun < 30, "the broadcast starves"
    every = at + answered
    assert len(every) / (max(at) - begun) >= 0.97 * 30
    assert refused(every) <= 1
    arrived = [time + dice.uniform(0, 0.02) for time in every]  # some are longer on their way than others
    assert refused(arrived) <= 1
    assert max(waits, default=0.0) <= 0.15
    assert Counter(state for state, _ in desk.rows()) == {"sent": CHATS + 1}


def test_answers_leave_at_once_while_there_is_room_and_hold_the_outbox_up_for_as_long_as_they_take() -> None:
    limiter = RateLimiter(30, 1, 20)
    limiter.room(0.0)
    waits = [limiter.answer(0.0) for _ in range(int(EVERYBODY.burst))]  # as many as are admitted at once
    assert waits[:30] == [0.0] * 30
    assert waits[30:60] == [WINDOW] * 30
    assert limiter.room(2.1) >= 1
    assert RateLimiter(float("inf"), 1, 20).answer(5.0) == 0.0


async def test_answers_are_counted_by_the_limiter_of_their_platform(desk: Desk) -> None:
    paces = Paces(desk.clock)
    dispatcher = Dispatcher(desk.store, [desk.channel], desk.clock, paces=paces)
    before = dispatcher.platforms["telegram"].limiter.tokens
    await paces.answer("telegram")
    await paces.answer("a platform without an outbox")
    assert dispatcher.platforms["telegram"].limiter.tokens == before - 1


@pytest.mark.slow
async def test_a_command_is_answered_in_the_midst_of_a_broadcast(tmp_path: Path) -> None:
    """At the wire, at the pace of Telegram itself: how long somebody waits, and what is refused."""
    clock, count = SystemClock(), 100
    paces, store, waits = Paces(clock), Store(tmp_path / "perpulse.db"), []
    now = clock.now()
    async with BotApi(speed=1.0) as fake:
        fake.chat(PRIVATE, title="Ann")
        for chat in range(100, 100 + count):
            fake.chat(chat)
            one = destinations.ensure(store, "telegram", str(chat), None, kind="private", title=None, now=now)
            destinations.subscribe(store, one.id, "*", "*")
        place = bot_of(fake, pace=lambda: paces.answer("telegram"))
        await place.start()
        dispatcher = Dispatcher(store, [place.telegram], clock, paces=paces)
        dispatcher.start()
        with store.write() as work:
            notice = outbox.Notice("fired", "critical", now, ready("the great news"), None, "watch", "BTC")
            outbox.announce(work, notice, now=now, expires=now + timedelta(hours=1))
        sending = asyncio.create_task(dispatcher.run())
        while outbox.waiting(store):
            asked, before = clock.monotonic(), len(fake.texts(PRIVATE))
            fake.say(PRIVATE, 11, "/oi")
            await fake.until(lambda before=before: len(fake.texts(PRIVATE)) > before, within=10)
            waits.append(clock.monotonic() - asked)
            await asyncio.sleep(1.05)  # of one chat Telegram takes one a second
        dispatcher.stop()
        await sending
        await place.telegram.stop()
    store.close()
    assert len(waits) >= 3
    assert sorted(waits)[len(waits) // 2] < 0.5
    assert len(fake.accepted) == count + len(waits)
    refused = fake.counts()["sendMessage"] - len(fake.accepted)
    assert refused <= 1
