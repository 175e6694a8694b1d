"""What is written directly to the bot: no slash is needed there, and what is written elsewhere is not heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from handlers.answer import Answer
from handlers.channels.channel import Address
from handlers.channels.discord.talk import Written
from handlers.reply import Button, Buttons, Line
from tests.handlers.channels.discord.talking import talking
from tests.handlers.channels.discord.test_commands import words

if TYPE_CHECKING:
    from pathlib import Path


async def test_no_slash_is_needed_in_direct_messages(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, _, env):
        ann = env.create_user("ann")
        await ann.send_dm("liq long btc 25x 95000")
        said = ann.dm_channel.last_message
        assert "liquidation at 91,566" in words(said)
        [(line, asker)] = talk.asked
        assert (line, asker.address, asker.user) == (
            "liq long btc 25x 95000",
            Address(str(ann.dm_channel.id)),
            str(ann.id),
        )
        assert asker.may_change
        await ann.send_dm("good grief btc")
        assert "I did not understand that" in words(ann.dm_channel.last_message)
        assert [button.label for row in ann.dm_channel.last_message.components for button in row.children] == [
            "/price btc",
            "/health btc",
        ]


async def test_what_is_written_in_a_server_is_not_heard(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        await ann.send(channel, "what is btc funding")
        assert talk.asked == []
        assert len(channel.history()) == 1
        assert not made.client.intents.message_content
        assert not made.client.intents.guild_messages


async def test_a_slash_command_and_a_message_are_about_the_same_chat(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, _, env):
        ann = env.create_user("ann")
        await ann.send_dm("/tz Berlin")
        assert "Berlin" in words(await ann.slash("settings"))


async def test_an_edited_message_edits_its_answer(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        ann = env.create_user("ann")
        message: Any = await ann.send_dm("liq long btc 25x 95000")
        before = len(ann.dm_channel.history())
        chat = int(ann.dm_channel.id)
        await made.on_written(Written(message.id, chat, ann.id, "liq short btc 25x 95000"))
        await made.on_written(Written(message.id, chat, ann.id, "liq short btc 25x 95000"))  # its link is shown
        await env.settle()
        assert len(ann.dm_channel.history()) == before
        assert "BTC short" in words(ann.dm_channel.last_message)
        assert [line for line, _ in talk.asked] == ["liq long btc 25x 95000", "liq short btc 25x 95000"]


async def test_news_edits_the_answer_and_nothing_is_said_where_nothing_is(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, _, env):
        ann = env.create_user("ann")

        async def news() -> tuple[Line, ...]:
            return (Line("now 95,131"),)

        talk.answers["price"] = Answer((Line("Asking …"), Buttons((Button("Chart", "/chart btc"),))), news())
        await ann.send_dm("price")
        assert words(ann.dm_channel.last_message) == "now 95,131"
        assert ann.dm_channel.last_message.edited_at is not None
        talk.answers["on and on"] = Answer(())
        count = len(ann.dm_channel.history())
        await ann.send_dm("on and on")
        assert len(ann.dm_channel.history()) == count + 1
        await ann.send_dm("/broken")
        await ann.send_dm("liq long btc 25x 95000")
        assert "liquidation at" in words(ann.dm_channel.last_message), "the next one is answered"
