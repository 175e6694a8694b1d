"""Discord at the wire, and a dispatcher that sends there."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.delivery.dispatcher import Dispatcher
from storage.engine.database import Store
from storage.people import destinations
from tests.fakes.channel import HandClock
from tests.fakes.discord_wire import CHANNEL, GUILD, DiscordWire
from tests.handlers.channels.discord.desk import Desk, discord_at, nothing
from tests.handlers.channels.discord.talking import NOW

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DiscordWire]:
    # The library keeps its addresses on its classes; what a channel sets is set back.
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    async with DiscordWire() as server:
        yield server
    assert not server.problems


@pytest.fixture
async def desk(fake: DiscordWire, tmp_path: Path) -> AsyncIterator[Desk]:
    store, clock = Store(tmp_path / "perpulse.db"), HandClock(NOW)
    place = destinations.ensure(
        store, "discord", str(CHANNEL), None, kind="group", title="alerts", now=NOW, server=str(GUILD)
    )
    destinations.subscribe(store, place.id, "*", "*")
    discord = discord_at(fake)
    await discord.start(nothing)
    dispatcher = Dispatcher(store, [discord], clock, noise=random.Random(1), again_after=0.01)
    dispatcher.start()
    yield Desk(fake, store, clock, discord, dispatcher)
    await discord.stop()
    store.close()
