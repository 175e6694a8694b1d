"""What is written to the bot: directly, behind a mention or as a reply. What people say to each other is not heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest

from handlers.answer import Answer
from handlers.channels.channel import Address
from handlers.reply import Button, Buttons, Line
from tests.handlers.channels.discord.talking import talking
from tests.handlers.channels.discord.test_commands import thread_in, words

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


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("what is btc funding", None, id="talk"),
        pytest.param("{bot} why did eth drop?", "why did eth drop?", id="a mention"),
        pytest.param("btc funding, {bot}", "btc funding", id="at the end"),
        pytest.param("{bot}: /oi btc", "/oi btc", id="with a command"),
        pytest.param("{bot}", "/help", id="a mention alone"),
        pytest.param("<@999> btc", None, id="somebody else"),
        pytest.param("@everyone btc", None, id="everybody"),
        pytest.param("/oi btc", None, id="a slash that Discord did not take for a command"),
    ],
)
@pytest.mark.parametrize("where", ["text", "thread"])
async def test_in_a_server_mentions_are_heard_and_nothing_else(
    tmp_path: Path, text: str, line: str | None, where: str
) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        if where == "thread":
            channel = await thread_in(made, channel)
        before = len(channel.history())
        await ann.send(channel, text.format(bot=f"<@{made.client.user.id}>"))
        assert [asked for asked, _ in talk.asked] == ([line] if line else [])
        assert len(channel.history()) == before + (2 if line else 1)
        assert not made.client.intents.message_content
        if line:
            [(_, asker)] = talk.asked
            assert asker.address == Address(str(channel.id), kind="group")
            assert (asker.user, asker.server, asker.may_change, asker.replies) == (
                str(ann.id), str(guild.id), False, False,
            )  # fmt: skip
            answer: Any = channel.last_message
            assert answer.reference.message_id == channel.history()[-2].id
            assert not answer.mentions, "nobody is pinged by an answer"


async def test_a_reply_to_the_bot_is_heard_and_one_to_others_is_not(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        await ann.send(channel, f"<@{made.client.user.id}> liq long btc 25x 95000")
        ours = channel.last_message
        talk.asked.clear()
        await ann.send(channel, "and eth at 3000?", reply_to=ours)
        [(line, asker)] = talk.asked
        assert (line, asker.replies, asker.answers) == ("and eth at 3000?", True, str(ours.id))
        count = len(channel.history())
        await ann.send(channel, "thank you so much", reply_to=ours)
        assert len(channel.history()) == count + 1, "people talk below the messages of a bot, too"
        theirs = await ann.send(channel, "look")
        await ann.send(channel, "btc funding", reply_to=theirs)
        assert len(talk.asked) == 2


@pytest.mark.parametrize(
    ("rights", "may"),
    [
        pytest.param(discord.Permissions(manage_channels=True), True, id="who manages channels"),
        pytest.param(discord.Permissions.none(), False, id="anybody"),
    ],
)
async def test_rights_are_those_of_who_mentions_the_bot(tmp_path: Path, rights: discord.Permissions, may: bool) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        channel = guild.create_text_channel("talk")
        ann = guild.add_member(env.create_user("ann"), roles=[guild.create_role("some", permissions=rights)])
        await ann.send(channel, f"<@{made.client.user.id}> /sub btc")
        assert talk.asked[0][1].may_change is may
        assert (
            "Only members with Manage Channels can change the settings here." in words(channel.last_message)
        ) is not may
        await ann.send(channel, f"<@{made.client.user.id}> /mention <@&{guild.id}>")
        assert "never do" in words(channel.last_message)
        await ann.send(channel, f"<@{made.client.user.id}> /positions")
        assert "Positions are private" in words(channel.last_message)


async def test_news_channels_get_answers_that_are_not_published(tmp_path: Path) -> None:
    async with talking(tmp_path, publish=True) as (_, made, env):
        guild = env.create_guild()
        channel, ann = guild.create_news_channel("news"), guild.add_member(env.create_user("ann"))
        await ann.send(channel, f"<@{made.client.user.id}> liq long btc 25x 95000")
        assert "liquidation at" in words(channel.last_message)
        assert not any(entry.path.endswith("/crosspost") for entry in env.http_requests)


async def test_a_slash_command_and_a_message_are_about_the_same_chat(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, _, env):
        ann = env.create_user("ann")
        await ann.send_dm("/tz Berlin")
        assert "Berlin" in words(await ann.slash("settings"))


@pytest.mark.slow
async def test_an_edited_message_edits_its_answer(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        bot = f"<@{made.client.user.id}>"
        message: Any = await ann.send(channel, f"{bot} liq long btc 25x 95000")
        before = len(channel.history())
        await ann.edit(message, f"{bot} liq short btc 25x 95000")
        assert len(channel.history()) == before
        assert "BTC short" in words(channel.last_message)
        assert [line for line, _ in talk.asked] == ["liq long btc 25x 95000", "liq short btc 25x 95000"]


@pytest.mark.slow
async def test_the_edit_of_what_was_done_is_answered_apart(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        ann = env.create_user("ann")
        talk.answers["/tz Tokyo"] = Answer((Line("It stays."),), apart=True)
        message: Any = await ann.send_dm("/tz Berlin")
        first = words(ann.dm_channel.last_message)
        for _ in range(2):
            await ann.edit(message, "/tz Tokyo")
        history = ann.dm_channel.history()
        assert [words(one) for one in history[-3:]] == [first, "It stays.", "It stays."]
        assert [asker.edits for _, asker in talk.asked] == [None, "/tz Berlin", "/tz Berlin"]
        await made.hear(on=False)  # as before a restart, which forgets what was answered
        forgotten = await ann.send_dm("/tz Berlin")
        await made.hear(on=True)
        await ann.edit(forgotten, "/tz Tokyo")
        assert talk.asked[-1][1].edits == ""
        message = await ann.send_dm("/tz")
        await ann.edit(message, "/tz UTC")
        assert talk.asked[-1][1].edits is None, "an answer that changed nothing is edited"


@pytest.mark.slow
async def test_the_edit_of_a_question_that_was_answered_is_an_edit_of_what_was_done(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, _, env):
        ann = env.create_user("ann")
        question: Any = await ann.send_dm("/watch btc long 25x")
        talk.answers["90k"] = Answer((Line("Watching."),), changed=True, led_by=(str(question.id),))
        await ann.send_dm("90k")
        talk.answers["/watch btc long 90k 25x"] = Answer((Line("It stays."),), apart=True)
        await ann.edit(question, "/watch btc long 90k 25x")
        assert talk.asked[0][1].message == str(question.id)
        assert talk.asked[-1][1].edits == "/watch btc long 25x"
        talk.answers["/unwatch 1"] = Answer((Line("Gone."),), changed=True, undone=(str(question.id),))
        await ann.send_dm("/unwatch 1")
        await ann.edit(question, "/watch btc long 25x 80k")
        assert talk.asked[-1][1].edits is None, "what was undone does not hold"


async def test_what_is_pinned_is_not_answered_once_more(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        all_of_it = guild.create_role("all", permissions=discord.Permissions.all())
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"), roles=[all_of_it])
        await made.hear(on=False)  # as before a restart, which forgets what was answered
        message = await ann.send(channel, f"<@{made.client.user.id}> liq long btc 25x 95000")
        await made.hear(on=True)
        await ann.set_pinned(message, True)
        assert talk.asked == []


@pytest.mark.slow
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
        assert "tell the owner this reference" in words(ann.dm_channel.last_message)
        await ann.send_dm("liq long btc 25x 95000")
        assert "liquidation at" in words(ann.dm_channel.last_message), "the next one is answered"
