"""Several bots in one program: each has its own chats, all tell the same, and one that is refused harms no other."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot import speaking
from bot.app import App, build
from bot.config import AccessSection, read
from bot.delivery import failures, probing
from bot.engine import turn
from bot.watch.served import health
from bot.watch.served.measures import MEASURES
from handlers.channels.failure import TokenRefused
from storage.alerts import outbox
from storage.people import access, destinations
from tests.fakes.bot_api import BotApi
from tests.fakes.discord_wire import CHANNEL, TOKEN, DiscordWire
from tests.fakes.notices import ready
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    Start = Callable[..., contextlib.AbstractAsyncContextManager["Installation"]]

ANN, BEN, GROUP = 7, 8, -100
OTHER_TOKEN = "100000002:MARKER-no-real-token-0123456789abcdef"
QUICK = (0.05, 0.1, 0.1)


@dataclass
class Installation:
    """A running program with two bots in Telegram, and with one in Discord where that is there."""

    app: App
    first: BotApi
    alpha: BotApi
    discord: DiscordWire | None = None

    async def says(self, bot: BotApi, who: int, text: str, chat: int | None = None) -> str:
        """Let a person write to a bot, and return the next text that it shows there."""
        chat = who if chat is None else chat
        before = len(bot.texts(chat))
        bot.say(chat, who, text)
        await bot.until(lambda: len(bot.texts(chat)) > before, within=10)
        return bot.texts(chat)[-1]

    async def presses(self, bot: BotApi, who: int, label: str) -> str:
        before = len(bot.texts(who))
        last = [message for message in bot.accepted if message.chat == who][-1]
        [data] = [key["callback_data"] for row in last.keyboard for key in row if key["text"].startswith(label)]
        bot.press(last, data, who)
        await bot.until(lambda: len(bot.texts(who)) > before, within=10)
        return bot.texts(who)[-1]

    async def slash(self, name: str, text: str) -> None:
        """Let who manages Discord's server use a slash command, and wait for the answer."""
        assert self.discord
        data = {"id": "1", "name": name, "type": 1, "options": [{"name": "text", "type": 3, "value": text}]}
        await self.discord.interact(2, data, token=name)
        await self.discord.until(lambda: "embeds" in self.discord.answers.get(name, {}), seconds=10)

    def happens(self, news: str) -> None:
        """Let something be told to all who asked for alarms of BTC."""
        now = self.app.clock.now()
        notice = outbox.Notice("fired", "notice", now, ready(news), None, "oi_drawdown", "BTC")
        with self.app.store.write() as work:
            outbox.announce(work, notice, now=now, expires=now + timedelta(days=1))
        self.app.dispatcher.poke()

    def closed(self, chat: int) -> set[str]:
        """Return the bots to which a chat is closed."""
        every = destinations.everyone(self.app.store)
        return {place.platform for place in every if place.chat == str(chat) and place.gone}

    async def settled(self) -> None:
        """Wait until nothing waits that may be sent."""
        await self.first.until(lambda: not self.waiting(), within=10)

    def waiting(self) -> list[str]:
        """Return for which bots something waits."""
        said = (
            "SELECT DISTINCT d.platform FROM outbox o JOIN destinations d ON d.id = o.destination "
            "WHERE o.state IN ('queued', 'sending', 'uncertain')"
        )
        return [row["platform"] for row in beside.rows(self.app.store, said)]


@contextlib.asynccontextmanager
async def running(
    folder: Path, first: BotApi, alpha: BotApi, discord: DiscordWire | None, owned_by: AccessSection
) -> AsyncIterator[Installation]:
    text = (
        f'assets = ["BTC"]\ndatabase = "{folder}/perpulse.db"\n[market]\nhistory = false\nliquidations = false\n'
        f'[telegram]\ntoken = "{first.token}"\nbase_url = "{first.base_url}"\n'
        f'[telegram.bots.alpha]\ntoken = "{alpha.token}"\nbase_url = "{alpha.base_url}"\n'
        + (f'[discord]\ntoken = "{TOKEN}"\nbase_url = "{discord.base_url}"\n' if discord else "")
    )
    config = read(text, None).model_copy(update={"access": owned_by})
    app = build(config, sources=[])
    task = asyncio.create_task(app.run())
    try:
        waited = first if alpha.revoked else alpha
        await waited.until(lambda: waited.counts()["getUpdates"] or task.done(), within=10)
        if discord:
            [channel] = [one for one in app.channels if one.platform == "discord"]
            await discord.until(lambda: channel.client.get_channel(CHANNEL), seconds=10)  # type: ignore[attr-defined]
        if task.done():
            await task
        yield Installation(app, first, alpha, discord)
    finally:
        app.stopping.set()
        with contextlib.suppress(TokenRefused):
            await asyncio.wait_for(task, 20)


@pytest.fixture
async def bots() -> AsyncIterator[tuple[BotApi, BotApi]]:
    """Two bots that are in the same chats: two people, and a group with an admin."""
    async with BotApi() as first, BotApi(OTHER_TOKEN, username="alpha_bot") as alpha:
        for bot in (first, alpha):
            bot.chat(ANN)
            bot.chat(BEN)
            bot.chat(GROUP, "supergroup", title="Traders", members={BEN: "administrator"})
        yield first, alpha
        assert first.problems == alpha.problems == []


@pytest.fixture
def start(tmp_path: Path, bots: tuple[BotApi, BotApi], monkeypatch: pytest.MonkeyPatch) -> Start:
    monkeypatch.setattr(failures, "TOKEN_PAUSES", QUICK)
    monkeypatch.setattr(probing, "TOKEN_PAUSES", QUICK)
    monkeypatch.setattr(turn, "TOGETHER", timedelta(0))
    monkeypatch.setattr(speaking, "AGAIN", timedelta(seconds=0.2))
    owned = AccessSection(owners=(f"telegram:{ANN}",))

    def started(discord: DiscordWire | None = None, owned_by: AccessSection = owned) -> Any:
        return running(tmp_path, *bots, discord, owned_by)

    return started


@pytest.mark.slow
async def test_a_chat_of_two_bots_is_two_chats_and_each_is_told_once_by_its_own(start: Start) -> None:
    async with start() as here:
        first, alpha = here.first, here.alpha
        assert "Berlin time" in await here.says(alpha, BEN, "/tz Europe/Berlin", GROUP)
        assert "UTC" in await here.says(first, BEN, "/tz", GROUP)
        for bot in (first, alpha):
            await here.says(bot, BEN, "/sub btc")
            await here.says(bot, BEN, "/sub btc", GROUP)
        await here.says(first, BEN, "/mute all 8h", GROUP)
        here.happens("the first news")
        await here.settled()
        told = {
            (name, chat): sum("the first news" in text for text in bot.texts(chat))
            for name, bot in (("first", first), ("alpha", alpha))
            for chat in (BEN, GROUP)
        }
        assert told == {("first", BEN): 1, ("first", GROUP): 0, ("alpha", BEN): 1, ("alpha", GROUP): 1}
        assert {place.platform for place in destinations.everyone(here.app.store)} == {"telegram", "telegram@alpha"}
    sent = len(first.accepted) + len(alpha.accepted)
    async with start() as here:
        here.happens("the second news")
        await here.settled()
    assert len(first.accepted) + len(alpha.accepted) == sent + 3, "a restart repeats nothing"


@pytest.mark.slow
async def test_a_person_is_the_same_one_to_both_bots(start: Start) -> None:
    async with start() as here:
        first, alpha = here.first, here.alpha
        assert "Only an owner" in await here.says(alpha, BEN, "/allow")
        assert "Everybody may use this bot" in await here.says(alpha, ANN, "/allow")
        await here.says(alpha, BEN, "/watch btc long 95131 25x 0.5btc bybit")
        assert "95,131" in await here.says(first, BEN, "/positions")
        await here.says(first, BEN, "/sub btc")
        await here.says(alpha, ANN, f"/deny {BEN}")
        assert "keeps you from using it" in await here.says(first, BEN, "/price btc")
        gone = {
            place.platform: place.gone_reason
            for place in destinations.everyone(here.app.store)
            if place.chat == str(BEN)
        }
        assert gone == dict.fromkeys(("telegram", "telegram@alpha"), "kept out by an owner")
        await here.says(first, ANN, f"/allow {BEN}")
        await here.says(alpha, BEN, "/export")
        export = json.loads(alpha.accepted[-1].document or b"")
        assert [row["platform"] for row in export["chat"]] == ["telegram@alpha", "telegram"]
        assert "and yours with 1 other bot" in await here.says(alpha, BEN, "/forgetme yes")
        assert not [place for place in destinations.everyone(here.app.store) if place.chat == str(BEN)]


@pytest.mark.slow
async def test_what_befalls_a_chat_of_one_bot_is_nothing_to_the_other(start: Start) -> None:
    async with start() as here:
        first, alpha = here.first, here.alpha
        for bot in (first, alpha):
            await here.says(bot, BEN, "/sub btc")
        alpha.lose(BEN)
        await first.until(lambda: here.closed(BEN) == {"telegram@alpha"}, within=10)
        here.happens("told by the other one")
        await here.settled()
        assert "told by the other one" in first.texts(BEN)[-1]
        alpha.chats[BEN].refuses = None
        await here.says(alpha, BEN, "/sub btc")
        assert not here.closed(BEN)
        with here.app.store.write() as work:
            access.permit(work, "telegram", "person", str(BEN), allowed=False, now=here.app.clock.now())
        [channel] = [one for one in here.app.channels if one.platform == "telegram@alpha"]
        await channel._outside.met(str(BEN), str(BEN))  # type: ignore[attr-defined]
        assert here.closed(BEN) == {"telegram@alpha"}, "of whom it is found out late whose chat it is"


@pytest.mark.slow
async def test_a_revoked_token_stops_its_bot_alone_and_another_one_tells_the_owner(start: Start) -> None:
    async with start() as here:
        first, alpha = here.first, here.alpha
        for bot in (first, alpha):
            await here.says(bot, BEN, "/sub btc")
        await here.says(alpha, ANN, "/start")
        alpha.revoked = True
        here.happens("while one is revoked")
        await first.until(lambda: "while one is revoked" in first.texts(BEN)[-1], within=10)
        await first.until(lambda: first.texts(ANN), within=10)
        assert first.texts(ANN)[-1].startswith("Telegram refuses the token of the bot alpha since ")
        assert "UTC" in await here.says(first, BEN, "/tz")
        await first.until(lambda: here.waiting() == ["telegram@alpha"], within=10)
        states = {name: one.state for name, one in here.app.dispatcher.platforms.items()}
        assert states == {"telegram": "working", "telegram@alpha": "token refused"}
        assert "Telegram refuses the token of the bot alpha since " in await here.says(first, ANN, "/status")
        look = await here.app.watch.alarms._vitals.look()
        assert "Telegram refuses the token of the bot alpha." in health.reasons(look)
        up = next(measure for measure in MEASURES if measure.name == "perpulse_channel_up")
        assert up.read
        assert dict(up.read(look)) == {("telegram",): True, ("telegram@alpha",): False}
        alpha.revoked = False
        await here.settled()
        await first.until(lambda: " takes the token" in first.texts(ANN)[-1], within=10)
        assert first.texts(ANN)[-1] == "Telegram takes the token of the bot alpha again, and what waited is being sent."
    assert [sum("while one is revoked" in text for text in bot.texts(BEN)) for bot in (first, alpha)] == [1, 1]


@pytest.mark.slow
async def test_a_token_that_is_refused_at_the_start_ends_no_other_bot_and_begins_when_it_is_taken(
    start: Start, bots: tuple[BotApi, BotApi]
) -> None:
    first, alpha = bots
    alpha.revoked = True
    async with start() as here:
        assert "UTC" in await here.says(first, BEN, "/tz")
        await first.until(lambda: first.texts(ANN), within=10)
        assert "the token of the bot alpha" in first.texts(ANN)[0]
        alpha.revoked = False
        assert "UTC" in await here.says(alpha, BEN, "/tz")


async def test_where_every_token_is_refused_the_start_ends(start: Start, bots: tuple[BotApi, BotApi]) -> None:
    for bot in bots:
        bot.revoked = True
    with pytest.raises(TokenRefused, match="does not accept the bot's token"):
        async with start():
            pass


@pytest.mark.slow
async def test_the_first_owner_is_one_for_every_bot(start: Start) -> None:
    async with start(owned_by=AccessSection()) as here:
        assert here.app.access.code
        code = here.app.access.code.shown
        assert "You are the owner" in await here.says(here.alpha, ANN, f"/owner {code}")
        assert "You are an owner" in await here.says(here.first, ANN, "/owner")
        [place] = await here.app.dispatcher._probes.owners("")
        [known] = [one for one in destinations.everyone(here.app.store) if one.id == place]
        assert known.platform == "telegram@alpha", "where they have written"


@pytest.mark.slow
async def test_whoever_is_in_a_group_with_any_of_the_bots_is_let_in(start: Start, bots: tuple[BotApi, BotApi]) -> None:
    first, alpha = bots
    del first.chats[GROUP]
    alpha.chat(99)
    alpha.chats[GROUP].members[99] = "left"
    closed = AccessSection(owners=(f"telegram:{ANN}",), who="listed", members_of=(f"telegram:{GROUP}",))
    async with start(owned_by=closed) as here:
        assert "UTC" in await here.says(first, BEN, "/tz")
        assert "telegram:99" in await here.says(alpha, 99, "/tz")


@pytest.mark.slow
async def test_an_announcement_reaches_the_chats_of_three_bots_each_by_its_own(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Route, "BASE", Route.BASE)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", DiscordWebSocket.DEFAULT_GATEWAY)
    async with DiscordWire() as discord:
        async with start(discord) as here:
            for bot in (here.first, here.alpha):
                await here.says(bot, BEN, "/sub oi")
            await here.says(here.alpha, BEN, "/sub oi", GROUP)
            await here.slash("sub", "oi")
            seen = await here.says(here.alpha, ANN, "/announce Back at 18:00 UTC.")
            said = "This would go to 4 chats: 1 on Discord, 1 on Telegram and 2 on Telegram (alpha)."
            assert seen.startswith(said)
            assert "On its way to 4 chats." in await here.presses(here.alpha, ANN, "Send to 4 chats")
            await here.settled()
            here.happens("news of the market")
            await here.settled()
        for news in ("Back at 18:00", "news of the market"):
            told = [
                sum(news in text for text in bot.texts(chat))
                for bot in (here.first, here.alpha)
                for chat in (BEN, GROUP)
            ]
            assert told == [1, 0, 1, 1]
            assert sum(news in message.text for message in discord.messages) == 1
        assert discord.problems == []
