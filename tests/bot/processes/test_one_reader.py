"""Two processes on one database: whoever holds the lease of a platform reads its commands, and nobody else."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import structlog

from bot.processes.hearing import Hearing
from bot.processes.holdings import BEAT_EVERY, DEAD_AFTER, Holdings
from storage.engine.database import Store
from tests.bot.delivery.desk import NOW
from tests.fakes.bot_api import BotApi
from tests.fakes.channel import HandClock
from tests.handlers.channels.telegram.talking import PRIVATE, Place, bot_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass
class Process:
    """One of two that share a database and a token."""

    place: Place
    holdings: Holdings
    hearing: Hearing
    clock: HandClock

    async def start(self) -> None:
        self.holdings.start()
        await self.hearing.heed()
        await self.place.start()

    async def looks(self, seconds: float = BEAT_EVERY) -> bool:
        """Let time pass, and tell whether it holds the lease then."""
        self.clock.forward(seconds)
        self.holdings.look()
        await self.hearing.heed()
        return self.holdings.holds("answer", "telegram")

    async def dies(self) -> None:
        await self.place.telegram.stop()


@pytest.fixture
async def fake() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        server.chat(PRIVATE, title="Ann")
        yield server
    assert not server.problems


@pytest.fixture
async def two(fake: BotApi, tmp_path: Path) -> AsyncIterator[tuple[Process, Process]]:
    store, clock = Store(tmp_path / "perpulse.db"), HandClock(NOW)
    made = []
    for _ in range(2):
        place = bot_of(fake)
        holdings = Holdings(store, clock, ("send", "answer"), (), ("telegram",))
        made.append(Process(place, holdings, Hearing([place.telegram], holdings), clock))
    yield made[0], made[1]
    for one in made:
        await one.place.telegram.stop()
    store.close()


async def says(fake: BotApi, text: str) -> None:
    """Let somebody write, and wait for an answer and a little longer."""
    before = len(fake.accepted)
    fake.say(PRIVATE, 11, text)
    await fake.until(lambda: len(fake.accepted) > before)
    await asyncio.sleep(0.1)
    assert len(fake.accepted) == before + 1


@pytest.mark.slow
async def test_who_sends_reads_and_who_takes_over_reads_too(two: tuple[Process, Process], fake: BotApi) -> None:
    first, second = two
    with structlog.testing.capture_logs() as logs:
        await first.start()
        assert await first.looks()
        await says(fake, "/one")
        await second.start()
        assert await second.looks()
        assert not await first.looks(0.0)
        await says(fake, "/two")
        assert [line for line, _ in second.place.asked] == ["/two"]
        assert first.place.telegram._updater.running is False
        await asyncio.sleep(1.6)  # the library asks again after a second
        await says(fake, "/three")
        assert [line for line, _ in second.place.asked] == ["/two", "/three"]
        await second.dies()
        for _ in range(int(DEAD_AFTER) + 2):
            held = await first.looks(1.0)
        assert held
        await says(fake, "/four")
    assert [line for line, _ in first.place.asked] == ["/one", "/four"]
    assert len([entry for entry in logs if "another program reads" in entry["event"]]) <= 1


async def test_who_stops_reading_asks_nothing_more(two: tuple[Process, Process], fake: BotApi) -> None:
    """The library would ask once more, and throw out whoever reads by then."""
    first, _ = two
    await first.start()
    await fake.until(lambda: fake.counts()["getUpdates"])
    await first.place.telegram.hear(on=False)
    await fake.until(lambda: not first.place.telegram._updater.running)
    await asyncio.sleep(0.1)
    assert [given for method, given in fake.requests if method == "getUpdates" and not given.get("timeout")] == []


async def test_who_does_not_read_does_not_begin_to_when_telegram_is_back(
    two: tuple[Process, Process], fake: BotApi
) -> None:
    first, _ = two
    await fake.stop()
    await first.start()
    await first.place.telegram.hear(on=False)
    await fake.start()
    await asyncio.sleep(0.2)
    assert fake.counts()["getUpdates"] == 0
    await first.place.telegram.hear(on=True)
    await says(fake, "/one")
