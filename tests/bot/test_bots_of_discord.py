"""Two bots of Discord in one program and one server: each has its own chats, a refused token stops its bot alone."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.app import App, build
from bot.config import read
from bot.delivery import failures, probing
from bot.engine import turn
from storage.alerts import outbox
from storage.people import destinations
from tests.fakes.discord_wire import BOT, CHANNEL, NEWS, TOKEN, DiscordWire
from tests.fakes.notices import ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

OTHER_TOKEN = "MTIzNDU2Nzg5MDEyMzQ1Njc5.GaBcDe." + "z" * 38
ALPHA = BOT + 10
QUICK = (0.05, 0.1, 0.1)


@pytest.fixture
async def wire() -> AsyncIterator[DiscordWire]:
    async with DiscordWire(TOKEN, OTHER_TOKEN) as discord:
        yield discord
        assert discord.problems == []


@pytest.fixture
async def app(tmp_path: Path, wire: DiscordWire, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[App]:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    monkeypatch.setattr(failures, "TOKEN_PAUSES", QUICK)
    monkeypatch.setattr(probing, "TOKEN_PAUSES", QUICK)
    monkeypatch.setattr(turn, "TOGETHER", timedelta(0))
    text = (
        f'assets = ["BTC"]\ndatabase = "{tmp_path}/perpulse.db"\n[market]\nhistory = false\nliquidations = false\n'
        f'[discord]\ntoken = "{TOKEN}"\nbase_url = "{wire.base_url}"\n[discord.bots.alpha]\ntoken = "{OTHER_TOKEN}"\n'
    )
    app = build(read(text, None), sources=[])
    task = asyncio.create_task(app.run())
    channels = [channel for channel in app.channels if channel.platform.startswith("discord")]
    assert [channel.platform for channel in channels] == ["discord", "discord@alpha"]
    for channel in channels:
        await wire.until(lambda channel=channel: channel.client.get_channel(CHANNEL) or task.done(), seconds=10)
    yield app
    app.stopping.set()
    await asyncio.wait_for(task, 20)


async def slash(wire: DiscordWire, bot: int, name: str, text: str, channel: int = CHANNEL) -> str:
    """Let who manages the server use a slash command of a bot; return the answer."""
    token = f"{name} {bot} {channel} {len(wire.answers)}".replace(" ", "-")
    data = {"id": "1", "name": name, "type": 1, "options": [{"name": "text", "type": 3, "value": text}]}
    await wire.interact(2, data, token=token, channel=channel, bot=bot)
    await wire.until(lambda: "embeds" in wire.answers.get(token, {}), seconds=10)
    return str(wire.answers[token]["embeds"])


def happens(app: App, news: str) -> None:
    now = app.clock.now()
    notice = outbox.Notice("fired", "notice", now, ready(news), None, "oi_drawdown", "BTC")
    with app.store.write() as work:
        outbox.announce(work, notice, now=now, expires=now + timedelta(days=1))
    app.dispatcher.poke()


def told(wire: DiscordWire, news: str) -> list[tuple[int, int]]:
    """Return by which bot and in which channel something was said, as often as it was."""
    return sorted((message.bot, message.channel) for message in wire.messages if news in message.text)


@pytest.mark.slow
async def test_each_tells_its_own_channels_once(app: App, wire: DiscordWire) -> None:
    await slash(wire, BOT, "sub", "oi")
    await slash(wire, ALPHA, "sub", "oi")
    await slash(wire, ALPHA, "sub", "oi", NEWS)
    assert "Berlin time" in await slash(wire, ALPHA, "tz", "Europe/Berlin")
    assert "UTC" in await slash(wire, BOT, "tz", ""), "a channel of two bots is two chats"
    happens(app, "both are told")
    await wire.until(lambda: len(told(wire, "both are told")) == 3, seconds=10)
    await slash(wire, ALPHA, "mute", "2h")
    happens(app, "one is muted")
    await wire.until(lambda: len(told(wire, "one is muted")) == 2, seconds=10)
    await asyncio.sleep(0.3)  # for what must not come
    assert told(wire, "both are told") == [(BOT, CHANNEL), (ALPHA, CHANNEL), (ALPHA, NEWS)]
    assert told(wire, "one is muted") == [(BOT, CHANNEL), (ALPHA, NEWS)]
    assert len(wire.commands) == 2, "each bot has its slash commands once"
    places = {(place.platform, place.chat) for place in destinations.everyone(app.store)}
    assert {("discord", str(CHANNEL)), ("discord@alpha", str(CHANNEL)), ("discord@alpha", str(NEWS))} <= places


@pytest.mark.slow
async def test_a_token_that_is_refused_stops_its_bot_alone_and_loses_nothing(app: App, wire: DiscordWire) -> None:
    for bot in (BOT, ALPHA):
        await slash(wire, bot, "sub", "oi")
    wire.refused.add(ALPHA)
    happens(app, "while one is refused")
    await wire.until(lambda: told(wire, "while one is refused"), seconds=10)
    await wire.until(lambda: app.dispatcher.platforms["discord@alpha"].state == "token refused", seconds=10)
    assert app.dispatcher.platforms["discord"].state == "working"
    assert told(wire, "while one is refused") == [(BOT, CHANNEL)]
    wire.refused.clear()
    await wire.until(lambda: len(told(wire, "while one is refused")) == 2, seconds=10)
    assert told(wire, "while one is refused") == [(BOT, CHANNEL), (ALPHA, CHANNEL)]
