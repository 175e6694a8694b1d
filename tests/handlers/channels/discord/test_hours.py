"""What lasts: answers lost for an hour, a token refused for a while, and another process that answers."""

from __future__ import annotations

import asyncio
import gc
import random
from typing import TYPE_CHECKING, Any

import pytest
from discord.gateway import DiscordWebSocket

from bot.delivery.dispatcher import Dispatcher
from storage.engine.database import Store
from storage.people import destinations
from tests.fakes.bot_api import BotApi
from tests.fakes.channel import HandClock
from tests.fakes.discord_wire import CHANNEL, DiscordWire
from tests.handlers.channels.discord.desk import Desk, at_once, discord_at, nothing, noting
from tests.handlers.channels.discord.talking import NOW
from tests.handlers.channels.telegram.talking import PRIVATE, bot_of
from tests.storage import beside

if TYPE_CHECKING:
    from pathlib import Path

    from handlers.answer import Answer
    from handlers.command import Asker


@pytest.mark.slow
async def test_answers_lost_for_an_hour_show_one_message_and_end_in_the_late_one(desk: Desk) -> None:
    desk.fake.disturb("lost", times=1000)
    desk.tell("fired", desk.episode())
    await desk.turns(4200, every=10)
    assert len(desk.fake.messages) == 1
    assert 4 <= desk.posts() <= 7, "as long as Discord drops repeats, and then no more"
    assert desk.states() == ["uncertain"]
    desk.fake._disturbances.clear()
    beside.rows(desk.store, "UPDATE outbox SET expires = created + 6 * 3600000, held_until = created + 6 * 3600000")
    await desk.turns(6 * 3600, every=600)
    assert desk.states() == ["expired", "sent"]
    assert "could not be delivered in time" in desk.fake.messages[-1].text


@pytest.mark.slow
async def test_a_webhook_knows_no_repeat_so_it_is_tried_twice(fake: DiscordWire, tmp_path: Path) -> None:
    discord = discord_at(fake, token=None, webhooks={"alerts": {"url": fake.hook_url, "subscribe": ""}})
    store, clock = Store(tmp_path / "perpulse.db"), HandClock(NOW)
    place = destinations.ensure(store, "discord", "webhook:alerts", None, kind="channel", title="alerts", now=NOW)
    destinations.subscribe(store, place.id, "*", "*")
    dispatcher = Dispatcher(store, [discord], clock, noise=random.Random(1), again_after=0.01)
    dispatcher.start()
    desk = Desk(fake, store, clock, discord, dispatcher)
    fake.disturb("lost", "POST webhooks/*", times=1000)
    desk.tell("fired", desk.episode())
    await desk.turns(600, every=5)
    first, second = fake.messages
    assert "repeat" not in first.text
    assert "May be a repeat" in second.text
    assert (first.files, second.files) == (["chart.png"], [])
    await discord.stop()
    store.close()


@pytest.mark.slow
async def test_what_is_refused_otherwise_ends_with_its_reason_and_nothing_else_does(desk: Desk) -> None:
    desk.fake.disturb("status", status=400, code=50006, said="Cannot send an empty message", times=2)  # and its words
    desk.tell("fired", desk.episode())
    await desk.turns(30)
    desk.tell("fired", desk.episode("another"))
    await desk.turns(30)
    assert [tuple(row) for row in beside.rows(desk.store, "SELECT state, reason FROM outbox ORDER BY id")] == [
        ("dead", "Cannot send an empty message (400, 50006)"),
        ("sent", None),
    ]


@pytest.mark.slow
async def test_a_token_that_is_accepted_again_sends_and_answers_again(
    fake: DiscordWire, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    discord = discord_at(fake)
    monkeypatch.setattr(type(discord.client), "before_identify_hook", at_once)
    store, clock = Store(tmp_path / "perpulse.db"), HandClock(NOW)
    place = destinations.ensure(store, "discord", str(CHANNEL), None, kind="group", title="alerts", now=NOW)
    destinations.subscribe(store, place.id, "*", "*")
    dispatcher = Dispatcher(store, [discord], clock, noise=random.Random(1), again_after=0.01)
    dispatcher.start()
    desk = Desk(fake, store, clock, discord, dispatcher)
    await discord.start(noting(asked))
    await fake.until(lambda: fake.sessions and discord.client.is_ready())
    fake.revoked = True
    await fake.drop(4004)
    await fake.until(lambda: discord._posting.refused)
    desk.tell("fired", desk.episode())
    await desk.turns(5)
    assert (desk.states(), len(fake.messages)) == (["queued"], 0)
    fake.revoked = False
    await desk.turns(30)
    await fake.until(lambda: fake._sockets)
    await desk.turns(60)
    assert (desk.states(), len(fake.messages)) == (["sent"], 1)
    await fake.interact(2, {"id": "1", "name": "fng", "type": 1, "options": []})
    await fake.until(lambda: asked)
    await discord.stop()
    store.close()


async def test_who_does_not_send_answers_nothing(fake: DiscordWire) -> None:
    asked: list[str] = []

    async def answer(line: str, _: Asker) -> Answer:
        asked.append(line)
        return await nothing(line, _)

    discord = discord_at(fake)
    await discord.start(answer)
    await fake.until(lambda: fake.sessions and discord.client.is_ready())
    command: dict[str, Any] = {"id": "1", "name": "fng", "type": 1, "options": []}
    await discord.hear(on=False)
    await fake.interact(2, command)
    await asyncio.sleep(0.1)
    assert asked == []
    await discord.hear(on=True)
    await fake.interact(2, command)
    await fake.until(lambda: asked)
    assert asked == ["/fng"]
    await discord.stop()


@pytest.mark.slow
@pytest.mark.parametrize("revoked", ["telegram", "discord"])
async def test_a_revoked_token_ends_sending_there_alone_and_is_told_on_the_other(
    fake: DiscordWire, tmp_path: Path, revoked: str
) -> None:
    store, clock = Store(tmp_path / "perpulse.db"), HandClock(NOW)
    async with BotApi() as api:
        api.chat(PRIVATE, title="Ann")
        telegram, discord = bot_of(api).telegram, discord_at(fake)
        await discord.start(nothing)
        for platform, chat in (("telegram", str(PRIVATE)), ("discord", str(CHANNEL))):
            place = destinations.ensure(store, platform, chat, None, kind="private", title=None, now=NOW)
            for rule in ("*", "sources"):
                destinations.subscribe(store, place.id, rule, "*")
        dispatcher = Dispatcher(store, [telegram, discord], clock, noise=random.Random(1), again_after=0.01)
        dispatcher.start()
        desk = Desk(fake, store, clock, discord, dispatcher)
        (api if revoked == "telegram" else fake).revoked = True
        desk.tell("fired", desk.episode())
        await desk.turns(120)
        said = {"telegram": api.texts(PRIVATE), "discord": [shown.text for shown in fake.messages]}
        other = said["discord" if revoked == "telegram" else "telegram"]
        assert said[revoked] == []
        assert len(other) == 2
        assert f"{revoked.capitalize()} refuses the bot's token since" in other[1]
        sends = api.counts()["sendMessage"] if revoked == "telegram" else desk.posts()
        assert sends <= 2
        (api if revoked == "telegram" else fake).revoked = False
        await desk.turns(700, every=5)
        assert {"telegram": api.texts(PRIVATE), "discord": fake.messages}[revoked], "what waited is sent"
        assert set(desk.states()) == {"sent"}
        await discord.stop()
        await telegram.stop()
    store.close()


async def test_a_connection_to_the_gateway_that_is_over_is_let_go(desk: Desk) -> None:
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: said.append(str(about["message"])))
    for _ in range(3):  # as the library does where nobody says hello: it forgets the socket, and connects again
        await desk.discord.client.http.ws_connect(str(DiscordWebSocket.DEFAULT_GATEWAY))
    await desk.discord.stop()
    gc.collect()
    await asyncio.sleep(0)
    assert said == [], "the libraries would call it unclosed, as an error"
