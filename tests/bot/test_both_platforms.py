"""The whole program on both platforms at once: an owner on one of them, people on the other, and what each is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route
from pydantic import SecretStr

from bot.app import App, build
from bot.config import AccessSection, Config, Market
from handlers.channels.discord.config import DiscordConfig
from handlers.channels.telegram.config import TelegramConfig
from storage.people import destinations, positions
from tests.fakes.bot_api import BotApi
from tests.fakes.discord_wire import ALL, CHANNEL, MANAGE, OWNER, TOKEN, DiscordWire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

ANN, BEN = 7, 8


@dataclass
class Both:
    """A running program, its fake Telegram and its fake Discord."""

    app: App
    telegram: BotApi
    discord: DiscordWire

    async def says(self, who: int, text: str) -> Any:
        """Let a person write to the bot in Telegram, and return the next message that their chat shows."""
        before = len(self.telegram.texts(who))
        self.telegram.say(who, who, text)
        return await self.shown(who, before)

    async def presses(self, who: int, label: str) -> Any:
        """Let a person press a button of the last message in their chat, and return the next message."""
        before = len(self.telegram.texts(who))
        last = [message for message in self.telegram.accepted if message.chat == who][-1]
        [data] = [key["callback_data"] for row in last.keyboard for key in row if key["text"].startswith(label)]
        self.telegram.press(last, data, who)
        return await self.shown(who, before)

    async def shown(self, who: int, before: int) -> Any:
        await self.telegram.until(lambda: len(self.telegram.texts(who)) > before, within=10)
        return [message for message in self.telegram.accepted if message.chat == who][-1]

    async def slash(self, name: str, **given: str) -> str:
        """Let who manages the server's channel use a slash command, and return all that the answer shows."""
        options = [{"name": key, "type": 3, "value": value} for key, value in given.items()]
        token = f"{name}-{len(self.discord.answers)}"
        data = {"id": "1", "name": name, "type": 1, "options": options}
        await self.discord.interact(2, data, token=token)
        await self.discord.until(lambda: "embeds" in self.discord.answers.get(token, {}), seconds=10)
        return json.dumps(self.discord.answers[token], ensure_ascii=False)


@contextlib.asynccontextmanager
async def running(folder: Path, telegram: BotApi, discord: DiscordWire) -> AsyncIterator[Both]:
    config = Config(
        assets=("BTC",),
        database=folder / "perpulse.db",
        market=Market(history=False, liquidations=False),
        telegram=TelegramConfig(token=SecretStr(telegram.token), base_url=telegram.base_url),
        discord=DiscordConfig(token=SecretStr(TOKEN), base_url=discord.base_url),
        access=AccessSection(owners=(f"telegram:{ANN}",)),
    )
    app = build(config, sources=[])
    task = asyncio.create_task(app.run())
    [channel] = [one for one in app.channels if one.platform == "discord"]
    try:
        await discord.until(lambda: channel.client.get_channel(CHANNEL), seconds=10)  # type: ignore[attr-defined]
        yield Both(app, telegram, discord)
    finally:
        app.stopping.set()
        await asyncio.wait_for(task, 20)


@pytest.fixture
async def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[], Any]]:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    async with BotApi() as telegram, DiscordWire() as discord:
        telegram.chat(ANN)
        telegram.chat(BEN)
        yield lambda: running(tmp_path, telegram, discord)
        assert telegram.problems == discord.problems == []


@pytest.mark.slow  # three starts of the whole program
async def test_an_owner_announces_to_both_platforms_and_a_restart_sends_it_once(start: Callable[[], Any]) -> None:
    both: Both
    async with start() as both:
        assert "Only an owner" in (await both.says(BEN, "/announce Hello")).text
        await both.says(BEN, "/sub oi")
        await both.slash("sub", text="oi")
        seen = await both.says(ANN, "/announce Back at 18:00 UTC, @everyone.")
        assert seen.text.startswith("This would go to 2 chats: 1 on Discord and 1 on Telegram.")
    async with start() as both:  # the button outlives a restart
        assert "On its way to 2 chats." in (await both.presses(ANN, "Send to 2 chats")).text
        await both.telegram.until(lambda: "Back at 18:00 UTC" in both.telegram.texts(BEN)[-1], within=10)
        await both.discord.until(lambda: both.discord.messages, seconds=10)
        [message] = both.discord.messages
        assert message.channel == CHANNEL
        assert "Back at 18:00 UTC, @\u200beveryone." in message.text
        assert message.payload["allowed_mentions"] == {"parse": []}
    async with start() as both:
        assert "2 have it" in (await both.says(ANN, "/announce")).text
    assert len(both.discord.messages) == 1
    assert sum("Back at 18:00" in text for text in both.telegram.texts(BEN)) == 1


@pytest.mark.slow
async def test_whose_old_direct_chats_are_is_learnt_at_the_start(start: Callable[[], Any]) -> None:
    """A chat that was stored before that was kept would be sent alerts after /deny of its person."""
    both: Both
    async with start() as both:
        for chat in (OWNER + 1, OWNER + 8):  # the second is of a person who is kept out, the third is gone
            both.discord.channels.add(chat)
            _place(both.app, str(chat))
        _place(both.app, "999999")
        await both.says(ANN, f"/deny discord:{OWNER + 7}")
        assert {place.person for place in destinations.everyone(both.app.store)} == {None}
    async with start() as both:
        await both.discord.until(lambda: both.discord.counted("GET channels/*") == 3, seconds=10)
        await both.says(ANN, f"/deny discord:{OWNER}")
        found = {place.chat: (place.person, place.gone_reason) for place in destinations.everyone(both.app.store)}
    assert found == {
        str(OWNER + 1): (str(OWNER), "kept out by an owner"),
        str(OWNER + 8): (str(OWNER + 7), "kept out by an owner"),
        "999999": (None, None),
    }


def _place(app: App, chat: str) -> None:
    destinations.ensure(app.store, "discord", chat, None, kind="private", title=None, now=app.clock.now())


@pytest.mark.slow
async def test_what_is_kept_is_told_given_and_forgotten_on_both_platforms(start: Callable[[], Any]) -> None:
    both: Both
    async with start() as both:
        await both.says(BEN, "/tz Europe/Berlin")
        await both.slash("tz", text="Asia/Tokyo")
        assert "nothing that you type" in (await both.says(BEN, "/privacy")).text
        assert "nothing that you type" in await both.slash("privacy")
        file = await both.presses(BEN, "Export")
        told = json.loads(file.document or b"")
        assert [row["zone"] for row in told["chat"]] == ["Europe/Berlin"]
        assert "perpulse-export-" in str(await both.slash("export"))
        assert "Forgotten" in (await both.says(BEN, "/forgetme yes")).text
        assert "Forgotten" in await both.slash("forgetme", sure="yes")
        assert destinations.everyone(both.app.store) == []
        assert str(OWNER) not in str((both.app.config.database).read_bytes())


@pytest.mark.slow  # two starts of the whole program
async def test_the_buttons_of_settings_work_after_a_restart_and_rights_are_checked_anew(
    start: Callable[[], Any],
) -> None:
    both: Both
    async with start() as both:
        screen = await both.says(BEN, "/settings")
        assert "Quiet: off · /quiet" in screen.text
        [rows, more] = screen.keyboard
        assert [key["text"] for key in (*rows, *more)] == [
            "Quiet 23–7", "Warnings", "Mute 8 h", "Alarms on", "No budget", "Zone",
        ]  # fmt: skip
        assert "Quiet: off · /quiet" in await both.slash("settings")
        shown = next(reversed(both.discord.answers.values()))["components"]
        pressed = [key["custom_id"] for row in shown for key in row["components"] if key["label"] == "Quiet 23–7"]
    async with start() as both:
        assert "Quiet from 23:00 to 07:00" in (await both.presses(BEN, "Quiet 23–7")).text
        for token, rights, said in (
            ("member", ALL, "Only members with Manage Channels"),
            ("manager", ALL | MANAGE, "Quiet from 23:00"),
        ):
            data = {"custom_id": pressed[0], "component_type": 2}
            await both.discord.interact(3, data, token=token, rights=rights)
            await both.discord.until(lambda: "embeds" in both.discord.answers.get(token, {}), seconds=10)  # noqa: B023
            assert said in json.dumps(both.discord.answers[token])
        assert "Quiet: 23:00–07:00 · /quiet" in await both.slash("settings")
        assert "Quiet: 23:00–07:00 · /quiet" in (await both.says(BEN, "/settings")).text


@pytest.mark.slow
async def test_a_missing_value_is_asked_for_and_the_next_message_completes_it(start: Callable[[], Any]) -> None:
    """In Telegram by a message, in Discord by a direct one: the whole way in, through the gate."""
    both: Both
    async with start() as both:
        assert "at which price" in (await both.says(BEN, "/watch btc long 25x 0.5btc bybit")).text.lower()
        done = await both.says(BEN, "95131")
        assert "95,131" in done.text
        for number, text in enumerate(("/watch btc long 25x 0.5btc bybit", "95131"), 900):
            await both.discord.emit("MESSAGE_CREATE", _direct(number, text))
            await both.discord.until(lambda: len(both.discord.messages) == number - 899, seconds=10)  # noqa: B023
        asked, told = (message.text for message in both.discord.messages)
        assert "at which price" in asked.lower()
        assert "95,131" in told


@pytest.mark.slow
async def test_an_edited_message_edits_its_answer_on_both_platforms(start: Callable[[], Any]) -> None:
    both: Both
    async with start() as both:
        message = both.telegram.say(BEN, BEN, "liq long btc 25x 95000")
        await both.discord.emit("MESSAGE_CREATE", _direct(900, "liq long btc 25x 95000"))
        await both.telegram.until(lambda: "BTC long" in "".join(both.telegram.texts(BEN)), within=10)
        await both.discord.until(lambda: both.discord.messages, seconds=10)
        assert "BTC long" in both.discord.messages[0].text
        both.telegram.edit(message, "liq short btc 25x 95000")
        await both.discord.emit("MESSAGE_UPDATE", _direct(900, "liq short btc 25x 95000", edited="12:01:00"))
        await both.telegram.until(lambda: "BTC short" in "".join(both.telegram.texts(BEN)), within=10)
        await both.discord.until(lambda: both.discord.messages[0].edits, seconds=10)
        assert "BTC short" in both.discord.messages[0].text
    assert len(both.discord.messages) == len(both.telegram.texts(BEN)) == 1


@pytest.mark.slow
async def test_who_types_on_and_on_is_offered_nothing_more_and_answered_all_the_same(start: Callable[[], Any]) -> None:
    both: Both
    async with start() as both:
        typing = [{"name": "what", "type": 3, "value": "fund", "focused": True}]
        for number in range(40):
            await both.discord.interact(4, {"id": "1", "name": "sub", "type": 1, "options": typing}, token=f"t{number}")
        await both.discord.until(lambda: sum(token.startswith("t") for token in both.discord.answers) == 40, seconds=10)
        offered = [bool(both.discord.answers[f"t{number}"]["data"]["choices"]) for number in range(40)]
        assert (offered[0], offered.count(True)) == (True, 20)
        assert "embeds" in await both.slash("about")


@pytest.mark.slow
async def test_who_floods_a_server_gets_two_lines_and_costs_the_others_nothing(start: Callable[[], Any]) -> None:
    both: Both
    async with start() as both:
        for number in range(60):
            data = {"id": "1", "name": "about", "type": 1, "options": []}
            await both.discord.interact(2, data, token=f"f{number}", rights=ALL, user=77)
        assert "liquidation at 91,566" in await both.slash("liq", text="95000 25x long")
        assert "perpulse" in (await both.says(BEN, "/about")).text
        # What is not to be answered is taken away again, so that nothing stays of it.
        flood = "DELETE webhooks/*/f*/messages/@original"
        await both.discord.until(lambda: both.discord.counted(flood) == 50, seconds=10)
        left = [json.dumps(said) for token, said in both.discord.answers.items() if token.startswith("f")]
        assert (len(left), sum("That was too much at once" in said for said in left)) == (10, 2)


@pytest.mark.slow  # two starts of the whole program
async def test_an_edit_changes_nothing_of_what_was_done_whatever_stands_in_the_way(start: Callable[[], Any]) -> None:
    """Of many edits most are refused by the gate, and after a restart nobody knows what a message said before."""
    both: Both
    async with start() as both:
        message = both.telegram.say(BEN, BEN, "/watch eth short 10x 2eth 3000")
        await both.telegram.until(lambda: both.telegram.texts(BEN), within=10)
        [first] = both.telegram.accepted
        for leverage in range(11, 31):
            both.telegram.edit(message, f"/watch eth short {leverage}x 2eth 3000")
        await both.telegram.until(
            lambda: any("too much at once" in text for text in both.telegram.texts(BEN)), within=10
        )
        assert "Watching ETH short (1)." in first.text
        assert [button["text"] for row in first.keyboard for button in row] == ["Positions", "Stop"]
    async with start() as both:
        count = len(both.telegram.texts(BEN))
        both.telegram.edit(message, "/watch eth short 50x 2eth 3000")
        await both.telegram.until(lambda: len(both.telegram.texts(BEN)) > count, within=10)
        assert "it may have been done" in both.telegram.texts(BEN)[-1]
        watched = positions.of(both.app.store, "telegram", str(BEN))
        assert [one.holding.leverage for one in watched] == [10.0]


def _direct(number: int, text: str, edited: str = "") -> dict[str, Any]:
    at = f"2026-01-15T{edited}+00:00" if edited else None
    author = {"id": str(OWNER), "username": "ann", "discriminator": "0", "avatar": None, "bot": False}
    return {
        "id": str(number), "channel_id": str(OWNER + 1), "author": author, "content": text, "type": 0, "tts": False,
        "timestamp": "2026-01-15T12:00:00+00:00", "edited_timestamp": at, "mention_everyone": False, "mentions": [],
        "mention_roles": [], "attachments": [], "embeds": [], "pinned": False, "components": [],
    }  # fmt: skip
