"""The whole program with Discord as its channel: from a typed command to its answer, and what is kept meanwhile."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from bot.app import build
from bot.config import Config, Market
from handlers.channels.channel import Outside
from handlers.channels.discord.channel import Discord
from handlers.channels.discord.config import DiscordConfig
from storage.engine import settings
from storage.people import destinations
from tests.fakes.discord_wire import CHANNEL, OWNER, TOKEN
from tests.handlers.channels.discord.desk import discord_at, nothing
from tests.handlers.channels.discord.talking import QUICK

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.discord_wire import DiscordWire
    from tests.handlers.channels.discord.desk import Desk


@pytest.mark.slow
async def test_the_program_answers_completes_and_keeps(fake: DiscordWire, tmp_path: Path) -> None:
    hook = {"alerts": {"url": fake.hook_url, "subscribe": "fng"}}
    config = Config(
        database=tmp_path / "perpulse.db",
        market=Market(history=False, liquidations=False),
        discord={"token": SecretStr(TOKEN), "base_url": fake.base_url, "webhooks": hook},
    )
    app = build(config, sources=[])
    running = asyncio.create_task(app.run())
    await fake.until(lambda: fake.sessions and fake._sockets, seconds=10)
    [channel] = app.channels
    await fake.until(lambda: channel.client.get_channel(CHANNEL), seconds=10)  # type: ignore[attr-defined]

    typed = [{"name": "text", "type": 3, "value": "95000 25x long"}]
    await fake.interact(2, {"id": "1", "name": "liq", "type": 1, "options": typed}, token="liq")
    await fake.until(lambda: "embeds" in fake.answers.get("liq", {}), seconds=10)
    assert "liquidation at 91,566" in fake.answers["liq"]["embeds"][0]["title"]

    await fake.interact(2, {"id": "1", "name": "sub", "type": 1, "options": [_text("what", "oi btc")]}, token="sub")
    await fake.until(lambda: "embeds" in fake.answers.get("sub", {}), seconds=10)
    typing = [_text("what", "fund") | {"focused": True}]
    await fake.interact(4, {"id": "1", "name": "sub", "type": 1, "options": typing}, token="typing")
    await fake.until(lambda: "typing" in fake.answers, seconds=10)
    assert fake.answers["typing"]["data"]["choices"][0]["value"].startswith("funding")

    places = {place.chat: place for place in destinations.everyone(app.store)}
    assert set(places) == {str(CHANNEL), "webhook:alerts"}
    rows = destinations.subscriptions(app.store, places["webhook:alerts"].id)
    assert rows == [("fear_greed", "*")]
    assert str(settings.setting(app.store, "discord.commands")).startswith("101 ")
    assert fake.hook_url not in str(settings.settings_of(app.store, ""))

    await fake.emit("CHANNEL_DELETE", {"id": str(CHANNEL), "type": 0, "guild_id": "200", "name": "alerts"})
    await fake.until(lambda: _gone(app, str(CHANNEL)), seconds=10)
    app.stopping.set()
    await asyncio.wait_for(running, 20)


def _text(name: str, value: str) -> dict[str, object]:
    return {"name": name, "type": 3, "value": value}


def _gone(app: object, chat: str) -> bool:
    return any(place.chat == chat and place.gone for place in destinations.everyone(app.store))  # type: ignore[attr-defined]


@pytest.mark.parametrize("missing", ["token_file", "webhooks"])
def test_what_cannot_be_read_is_said(tmp_path: Path, missing: str) -> None:
    where = tmp_path / "none"
    given = {"token_file": where} if missing == "token_file" else {"webhooks": {"a": {"url_file": where}}}
    with pytest.raises(Exception, match="cannot be read"):
        Config(discord=given).secrets()


async def test_the_direct_chat_of_a_person_is_asked_for_and_has_an_id_of_its_own(desk: Desk) -> None:
    assert await desk.discord.private_chat("55") == "56"
    assert await desk.discord.private_chat("somebody") is None
    desk.fake.revoked = True
    assert await desk.discord.private_chat("57") is None, "then the others are told"


async def test_a_bot_that_is_not_logged_in_opens_no_chat(fake: DiscordWire) -> None:
    asleep = discord_at(fake)
    assert await asleep.private_chat("55") is None
    await asleep.stop()


async def test_whose_many_old_chats_are_is_asked_slowly(fake: DiscordWire) -> None:
    """What is asked counts against the 50 requests a second of the whole bot: messages had to wait for it."""
    chats, met = [str(OWNER + number) for number in range(1, 6)], list[float]()
    fake.channels |= {int(chat) for chat in chats}

    async def unmet() -> list[str]:
        return chats

    async def note(_: str, __: str) -> None:
        met.append(time.monotonic())

    config = DiscordConfig(token=SecretStr(TOKEN), base_url=fake.base_url)
    asking = Discord(config, Outside(unmet=unmet, met=note), patience=replace(QUICK, meeting=0.03))
    await asking.start(nothing)
    await fake.until(lambda: len(met) == len(chats))
    await asking.stop()
    assert met[-1] - met[0] >= 0.03 * (len(chats) - 1) * 0.9, "as many a second as the machine allows"
