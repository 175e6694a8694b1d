"""What people type and press, in SimCord: the real discord.py against its model of Discord."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
import pytest

from handlers.answer import Answer
from handlers.channels.channel import Address, Outgoing
from handlers.channels.discord.channel import Discord
from handlers.channels.discord.options import payload
from handlers.command import commands
from handlers.reply import Button, Buttons, Line, Picture, Table
from storage.people import destinations, positions, rules, switches
from tests.handlers.channels.discord.talking import talking

if TYPE_CHECKING:
    from pathlib import Path

    import simcord

ALERT = (Line("BTC: open interest falls fast.", "headline"), Buttons((Button("Health", "/health btc"),)))
MANAGER = discord.Permissions(manage_channels=True)
OF_THE_SERVER = discord.Permissions(manage_guild=True)


def callbacks(env: simcord.Env) -> list[int]:
    """Return the kinds of the first answers: 5 says that one is on its way."""
    return [entry.json["type"] for entry in env.http_requests if entry.path.endswith("/callback") and entry.json]


async def thread_in(made: Discord, place: simcord.builders.ChannelHandle) -> simcord.builders.ChannelHandle:
    """Open a thread in a channel, or a post in a forum."""
    channel: Any = made.client.get_channel(place.id)
    if isinstance(channel, discord.ForumChannel):
        await channel.create_thread(name="aside", content="first")
    else:
        await channel.create_thread(name="aside", type=discord.ChannelType.public_thread)
    [thread] = place.threads
    return thread


def words(shown: Any) -> str:
    """Return all text of a message: content, and each part of its embeds."""
    shown = getattr(shown, "response", shown)
    parts = [shown.content]
    for embed in shown.embeds:
        parts += [embed.title or "", embed.description or "", embed.footer.text or ""]
    return "\n".join(part for part in parts if part)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        pytest.param({"text": "95000 25x long"}, "/liq 95000 25x long", id="typed as a line"),
        pytest.param({"entry": "95k", "leverage": "25", "side": "long"}, "/liq entry 95k 25x long", id="options"),
        pytest.param({"side": "short", "text": "@95000 10x"}, "/liq short @95000 10x", id="both"),
    ],
)
async def test_a_slash_command_is_the_line_that_it_would_be(tmp_path: Path, given: dict[str, Any], line: str) -> None:
    async with talking(tmp_path) as (talk, _, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        result = await ann.slash(channel, "liq", **given)
        assert talk.asked[0][0] == line
        assert callbacks(env) == [5]
        assert not result.ephemeral
        assert "95,000" in words(result)


@pytest.mark.slow
async def test_every_command_is_there_and_answers(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, _, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        assert sorted(ann.available_commands(channel)) == sorted(commands())
        told = {command["name"]: command for command in payload(commands().values())}
        for name, command in commands().items():
            typed = command.example.partition(" ")[2]
            fields = [option["name"] for option in told[name]["options"]]
            free = "text" if "text" in fields else next(iter(fields), None)
            result = await ann.slash(channel, name, **({free: typed} if typed and free else {}))
            assert words(result), name
            assert callbacks(env)[-1] == 5
            assert result.ephemeral == (command.private is not None or command.changes_chat), name


async def test_where_nothing_is_to_be_said_nothing_stays(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, _, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        talk.answers["/fng"] = Answer(())
        await ann.slash(channel, "fng")
        assert not channel.history()
        assert words(await ann.slash(channel, "help"))


# -- where ------------------------------------------------------------------------------------------------------------


async def test_answers_in_threads_forum_posts_and_direct_messages(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        bob = env.create_user("bob")
        ann = guild.add_member(bob)
        text, forum = guild.create_text_channel("talk"), guild.create_forum_channel("posts")
        thread, post = await thread_in(made, text), await thread_in(made, forum)
        for place in (text, thread, post):
            assert words(await ann.slash(place, "liq", text="95000 25x long"))
        assert words(await bob.slash("liq", text="95000 25x long"))
        addresses = [asker.address for _, asker in talk.asked]
        assert addresses == [
            *(Address(str(place.id), kind="group") for place in (text, thread, post)),
            Address(str(bob.dm_channel.id), kind="private"),
        ]
        assert [asker.may_change for _, asker in talk.asked] == [False, False, False, True]
        assert [asker.title for _, asker in talk.asked] == ["talk", "aside", "aside", None]


async def test_what_is_private_is_for_who_asks_and_goes_to_their_direct_chat(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, _, env):
        guild = env.create_guild()
        user = env.create_user("ann")
        channel, ann = guild.create_text_channel("talk"), guild.add_member(user)
        result = await ann.slash(channel, "watch", what="btc long 95000 25x 0.5btc bybit")
        assert result.ephemeral
        [watched] = positions.of(talk.store, "discord", str(ann.id))
        [place] = destinations.everyone(talk.store)
        assert (place.id, place.chat, place.kind) == (watched.destination, str(user.dm_channel.id), "private")
        shown = await ann.slash(channel, "positions")
        assert shown.ephemeral
        assert "95,000" in words(shown)
        offered = await ann.autocomplete(channel, "unwatch", "which", "")
        assert [one["value"] for one in offered] == ["1"]
        assert "BTC long" in offered[0]["name"]


async def test_a_question_says_how_it_is_answered(tmp_path: Path) -> None:
    """What one person alone is shown has no reply, and a position is asked for in a server and kept elsewhere."""
    async with talking(tmp_path) as (_, made, env):
        guild = env.create_guild()
        user = env.create_user("ann")
        channel = guild.create_text_channel("talk")
        ann = guild.add_member(user, roles=[guild.create_role("some", permissions=MANAGER)])
        await ann.slash(channel, "alert", rule="save btc price < 75k")
        for name, given, how in (
            ("watch", {"what": "btc long 25x"}, "Write it to me in a direct message, or type the line again with it."),
            ("alerts", {"what": "edit 1"}, "Reply to this message with it."),
            ("liq", {"text": "btc 25x"}, "Reply to this message with it."),
        ):
            assert words(await ann.slash(channel, name, **given)).splitlines()[1:] == [how], name
        assert "with it." not in words(await ann.slash(channel, "liq", text="btc 25x 95000"))
        assert "Type the line again with it." in words(
            await ann.slash(guild.create_news_channel("news"), "liq", text="btc 25x")
        )
        await ann.send(channel, f"<@{made.client.user.id}> liq btc 25x")
        assert "Reply to this message with it." in words(channel.last_message)
        await user.send_dm("watch btc long 25x")
        assert words(user.dm_channel.last_message) == "At which price did you enter?"


async def test_what_is_kept_comes_as_a_file_that_only_who_asks_can_see(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, _, env):
        guild = env.create_guild()
        user = env.create_user("ann")
        channel, ann = guild.create_text_channel("talk"), guild.add_member(user)
        await ann.slash(channel, "watch", what="btc long 95000 25x 0.5btc bybit")
        assert "Only members with Manage Channels get what is stored of this chat." in words(
            await ann.slash(channel, "export")
        )
        shown: Any = await user.slash("export")
        assert "All that is stored about this chat" in words(shown)
        [file] = shown.response.attachments
        assert file.filename == "perpulse-export-2026-01-15.json"
        assert (await ann.slash(channel, "privacy")).ephemeral


async def test_a_server_without_me_is_answered_as_for_oneself(tmp_path: Path) -> None:
    """Whoever has installed me for themselves may ask anywhere; what would be kept belongs to their direct chat."""
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        user = env.create_user("ann")
        channel, ann = guild.create_text_channel("talk"), guild.add_member(user)
        made.client._connection._remove_guild(made.client.get_guild(guild.id))  # they have not invited me
        result = await ann.slash(channel, "sub", what="oi btc")
        assert result.ephemeral
        assert "your direct messages" in words(result)
        [place] = destinations.everyone(talk.store)
        assert (place.chat, place.kind) == (str(user.dm_channel.id), "private")


# -- rights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rights", "allowed"),
    [
        pytest.param(discord.Permissions.none(), False, id="a member"),
        pytest.param(MANAGER, True, id="who manages channels"),
        pytest.param(discord.Permissions(manage_guild=True), True, id="who manages the server"),
        pytest.param(discord.Permissions(administrator=True), True, id="an admin"),
        pytest.param(discord.Permissions(manage_messages=True), False, id="who manages messages"),
    ],
)
async def test_who_may_subscribe_a_channel(tmp_path: Path, rights: discord.Permissions, *, allowed: bool) -> None:
    async with talking(tmp_path) as (talk, _, env):
        guild = env.create_guild()
        channel = guild.create_text_channel("alerts")
        ann = guild.add_member(env.create_user("ann"), roles=[guild.create_role("role", permissions=rights)])
        result = await ann.slash(channel, "sub", what="oi btc")
        assert ("Only members with Manage Channels" not in words(result)) == allowed
        assert [place.chat for place in destinations.everyone(talk.store)] == [str(channel.id)] * allowed


async def test_rights_are_judged_anew_when_a_button_is_pressed(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        channel = guild.create_text_channel("alerts")
        manager = guild.create_role("manager", permissions=MANAGER)
        ann = guild.add_member(env.create_user("ann"), roles=[manager])
        blocks = (Line("News", "headline"), Buttons((Button("Stop", "/unsub oi"),)))
        await made.send(Address(str(channel.id), kind="group"), Outgoing(blocks))
        await ann.click(channel.last_message, label="Stop")
        await env.settle()
        ann._env.backend.remove_member_role(guild.id, ann.id, manager.id)
        await ann.click(channel.last_message, label="Stop")
        assert [asker.may_change for _, asker in talk.asked] == [True, False]


async def test_what_is_too_long_for_a_button_leads_back_by_one_all_the_same(tmp_path: Path) -> None:
    line = "/watch eth short 3000.125 10x 2.12345678eth hyperliquid lines 15.25 8.75 4.5 name _half_ a [hedge] of me"
    async with talking(tmp_path) as (talk, made, env):
        channel = env.create_guild().create_text_channel("alerts")
        ann = channel.guild.add_member(env.create_user("ann"))
        said = (Line("No longer watched.", "headline"), Line(f"To change it back: {line}"))
        await made.send(Address(str(channel.id), kind="group"), Outgoing((*said, Buttons((Button("Undo", line),)))))
        await ann.click(channel.last_message, label="Undo")
        await env.settle()
        assert [asked for asked, _ in talk.asked] == [line]


@pytest.mark.parametrize(
    ("denied", "said"),
    [
        pytest.param({"embed_links": False}, "I need Embed Links in #alerts.", id="one"),
        pytest.param(
            {"embed_links": False, "attach_files": False}, "I need Embed Links and Attach Files in #alerts.", id="two"
        ),
        pytest.param({"send_messages": False}, "I need Send Messages in #alerts.", id="the most important one"),
    ],
)
async def test_who_sets_it_up_is_told_what_is_missing(tmp_path: Path, denied: dict[str, bool], said: str) -> None:
    async with talking(tmp_path) as (_, made, env):
        guild = env.create_guild()
        channel = guild.create_text_channel("alerts", overwrites={guild.me: discord.PermissionOverwrite(**denied)})
        ann = guild.add_member(env.create_user("ann"), roles=[guild.create_role("role", permissions=MANAGER)])
        result = await ann.slash(channel, "sub", what="oi btc")
        assert said in words(result)
        assert "On in this chat" in words(result)
        assert made.client.get_channel(channel.id)
        assert said not in words(await ann.slash(channel, "liq", text="95000 25x long"))


# -- typing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "option", "typed", "first"),
    [
        pytest.param("oi", "asset", "et", "ETH", id="an asset"),
        pytest.param("liq", "instrument", "", "BTC", id="a contract: the first followed one"),
        pytest.param("chart", "what", "draw", "drawdown", id="a picture"),
        pytest.param("sub", "what", "oi b", "oi btc", id="the last of two words"),
        pytest.param("sub", "what", "oi_z", "oi_zscore", id="an alarm"),
        pytest.param("help", "what", "liq", "liq", id="a command"),
        pytest.param("tz", "zone", "berl", "Europe/Berlin", id="a city"),
        pytest.param("oi", "asset", "zzz", None, id="nothing"),
    ],
)
async def test_completes_what_is_typed(tmp_path: Path, command: str, option: str, typed: str, first: str) -> None:
    async with talking(tmp_path) as (_, _, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        offered = await ann.autocomplete(channel, command, option, typed)
        assert (offered[0]["value"] if offered else None) == first
        assert len(offered) <= 25


async def test_completes_what_is_on_here(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, _, env):
        guild = env.create_guild()
        channel, other = guild.create_text_channel("alerts"), guild.create_text_channel("other")
        ann = guild.add_member(env.create_user("ann"), roles=[guild.create_role("role", permissions=MANAGER)])
        await ann.slash(channel, "sub", what="fng")
        offered = await ann.autocomplete(channel, "unsub", "what", "")
        assert [one["value"] for one in offered] == ["fear_greed"]
        assert await ann.autocomplete(other, "unsub", "what", "") == []


# -- the commands as Discord has them ---------------------------------------------------------------------------------


async def test_commands_are_told_only_when_they_changed(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):

        def told() -> int:
            return sum(entry.method == "PUT" for entry in env.http_requests)

        assert told() == 1
        await env.restart_bot(talk.make().client)
        assert told() == 1
        fewer = Discord(made._config, made._outside, listed=[commands()["liq"]])
        await env.restart_bot(fewer.client)
        assert told() == 2


# -- buttons ----------------------------------------------------------------------------------------------------------


async def test_buttons_work_after_a_restart_and_after_an_update(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("alerts"), guild.add_member(env.create_user("ann"))
        await made.send(Address(str(channel.id), kind="group"), Outgoing(ALERT))
        alert = channel.last_message
        await env.restart_bot(talk.make().client)
        result = await ann.click(alert, label="Health")
        assert talk.asked[-1][0] == "/health btc"
        assert words(result)
        assert not made.client.persistent_views
        assert made.client._connection._view_store._views == {}


async def test_a_rule_of_ones_own_is_looked_at_and_saved_by_a_button(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, _, env):
        guild = env.create_guild()
        channel = guild.create_text_channel("alerts")
        ann = guild.add_member(env.create_user("ann"), roles=[guild.create_role("role", permissions=MANAGER)])
        rule = "eth oi coins -5% in 24h and price down and funding < -10% apr for 12h at most every 4h"
        looked = await ann.slash(channel, "alert", rule=rule)
        assert "could not be judged for ETH" in words(looked), "nothing is stored here"
        await ann.click(looked.response, label="Save")
        await env.settle()
        listed = words(await ann.slash(channel, "alerts"))
        assert "1 rule of this chat's own." in listed
        assert "at most every 4h" in listed
        assert [one.number for one in rules.every(talk.store)] == [1]


async def test_a_button_of_another_version_says_so(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("alerts"), guild.add_member(env.create_user("ann"))
        view = discord.ui.View(timeout=None)
        view.add_item(discord.ui.Button(label="Old", custom_id="0|/health btc"))
        await made.client.get_channel(channel.id).send("old", view=view)
        result = await ann.click(channel.last_message, label="Old")
        assert "another version" in words(result)
        assert result.ephemeral
        assert talk.asked == []


async def test_readers_of_an_announcement_channel_answer_only_themselves(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        news, ann = guild.create_news_channel("news"), guild.add_member(env.create_user("ann"))
        await made.send(Address(str(news.id), kind="channel"), Outgoing(ALERT))
        result = await ann.click(news.last_message, label="Health")
        assert result.ephemeral
        assert talk.asked[0][1].address == Address(str(news.id), kind="channel")


# -- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_a_defect_is_told_under_a_reference(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, made, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("alerts"), guild.add_member(env.create_user("ann"))
        await made.send(Address(str(channel.id)), Outgoing((Line("x"), Buttons((Button("Break", "/broken"),)))))
        result = await ann.click(channel.last_message, label="Break")
        assert "tell the owner this reference" in words(result)
        assert words(await ann.slash(channel, "liq", text="95000 25x long"))


@pytest.mark.parametrize(
    ("name", "option", "public"),
    [
        pytest.param("liq", {"text": "95000 25x long"}, True, id="a public answer becomes a message"),
        pytest.param("positions", {}, False, id="a private one is shown to nobody else"),
    ],
)
async def test_an_interaction_that_is_too_old(tmp_path: Path, name: str, option: Any, *, public: bool) -> None:
    async with talking(tmp_path) as (_, _, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))
        env.inject_error("POST", "/interactions/*/callback", status=404, code=10062, message="Unknown interaction")
        await ann.slash(channel, name, **option)
        assert bool(channel.history()) == public


async def test_news_of_an_answer_edits_it(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, _, env):
        guild = env.create_guild()
        channel, ann = guild.create_text_channel("talk"), guild.add_member(env.create_user("ann"))

        async def news() -> tuple[Line, ...]:
            return (Line("Newer", "headline"),)

        talk.answers["/oi"] = Answer((Line("Older", "headline"), Picture({"id": "oi"}, "a chart")), news())
        result = await ann.slash(channel, "oi")
        assert words(result) == "Newer"


# -- messages out -----------------------------------------------------------------------------------------------------


async def test_a_message_is_an_embed_in_the_colour_of_its_rank(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, made, env):
        channel = env.create_guild().create_text_channel("alerts")
        to = Address(str(channel.id), kind="group")
        blocks = (
            Line("Selling *wave* & more", "headline"),
            Line("open interest −12 %"),
            Table(("venue", "value"), (("Binance", "1"), ("A`B", "10"))),
            Line("It may be hedging.", "caveat"),
            Line("41 s old, 3 of 4 venues", "stamp"),
            Picture({"id": "oi"}, "a chart"),
            Buttons((Button("Chart", "/chart oi btc"), Button("Too long", "/chart " + "x" * 100))),
        )
        colors = []
        for rank in ("critical", "warning", "notice", None):
            await made.send(to, Outgoing(blocks, rank=rank, silent=True))  # type: ignore[arg-type]
            colors.append(channel.last_message.embeds[0].color)
        assert len(set(colors)) == 4
        message = channel.last_message
        [embed] = message.embeds
        assert embed.title == r"Selling \*wave\* & more"
        assert embed.description == (
            "open interest −12 %\n```\nvenue    value\nBinance      1\nA'B         10\n```\n*It may be hedging.*"
        )
        assert embed.footer.text == "41 s old, 3 of 4 venues"
        assert embed.image.url
        assert [attachment.filename for attachment in message.attachments] == ["chart.png"]
        assert [button.label for row in message.components for button in row.children] == ["Chart"]
        assert message.flags.suppress_notifications


@pytest.mark.parametrize(
    ("denied", "embeds", "files"),
    [
        pytest.param({}, 1, 1, id="everything is allowed"),
        pytest.param({"embed_links": False}, 0, 1, id="no embeds: text"),
        pytest.param({"attach_files": False}, 1, 0, id="no files: the words of the chart"),
        pytest.param({"embed_links": False, "attach_files": False}, 0, 0, id="neither"),
    ],
)
async def test_sends_what_it_may(tmp_path: Path, denied: dict[str, bool], embeds: int, files: int) -> None:
    async with talking(tmp_path) as (_, made, env):
        guild = env.create_guild()
        channel = guild.create_text_channel("alerts", overwrites={guild.me: discord.PermissionOverwrite(**denied)})
        blocks = (Line("News", "headline"), Line("open interest −12 %"), Picture({"id": "oi"}, "a chart"))
        await made.send(Address(str(channel.id), kind="group"), Outgoing(blocks))
        message = channel.last_message
        assert (len(message.embeds), len(message.attachments)) == (embeds, files)
        assert "open interest −12 %" in words(message)
        assert ("[chart: a chart]" in words(message).replace("\\", "")) == (not files)


async def test_the_owner_of_a_server_is_told_once_what_is_missing(tmp_path: Path) -> None:
    async with talking(tmp_path) as (_, made, env):
        guild = env.create_guild()
        denied = {guild.me: discord.PermissionOverwrite(send_messages=False)}
        channel = guild.create_text_channel("alerts", overwrites=denied)
        for _ in range(2):
            with pytest.raises(Exception, match="I need Send Messages in #alerts"):
                await made.send(Address(str(channel.id), kind="group"), Outgoing(ALERT))
        assert [message.content for message in guild.owner.dm_channel.history()] == [
            "Alerts wait there: I need Send Messages in #alerts. Without it they are given up after a while."
        ]


async def test_announcements_are_published_ten_times_an_hour_at_most(tmp_path: Path) -> None:
    async with talking(tmp_path, publish=True) as (_, made, env):
        guild = env.create_guild()
        news, text = guild.create_news_channel("news"), guild.create_text_channel("text")
        for number in range(12):
            await made.send(Address(str(news.id), kind="channel"), Outgoing(ALERT, nonce=f"{number:016x}"))
        await made.send(Address(str(text.id), kind="group"), Outgoing(ALERT, nonce="f" * 16))
        assert len(news.history()) == 12
        assert sum(entry.path.endswith("/crosspost") for entry in env.http_requests) == 10


async def test_nobody_is_pinged_but_the_one_role(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        channel = guild.create_text_channel("alerts")
        desk, other = guild.create_role("desk", mentionable=True), guild.create_role("other", mentionable=True)
        ann = guild.add_member(env.create_user("ann"), roles=[guild.create_role("role", permissions=MANAGER)])
        await ann.slash(channel, "sub")
        assert "whole server" in words(await ann.slash(channel, "mention", role=desk, rank="critical"))
        ann = guild.add_member(env.create_user("owner"), roles=[guild.create_role("all", permissions=OF_THE_SERVER)])
        assert "critical" in words(await ann.slash(channel, "mention", role=desk, rank="critical"))
        [place] = destinations.everyone(talk.store)
        [switch] = switches.of_one(talk.store, place.id)
        assert (switch.kind, switch.what, switch.rank) == ("mention", str(desk.id), "critical")
        hostile = (Line(f"@everyone <@&{other.id}> <@{ann.id}>", "headline"), Line("@here <#1> [x](https://x.test)"))
        await made.send(Address(str(channel.id), kind="group"), Outgoing(hostile, mention=str(desk.id)))
        message = channel.last_message
        assert message.role_mentions == [message.guild.get_role(desk.id)]
        assert not message.mention_everyone
        assert message.mentions == []
        assert message.content == f"<@&{desk.id}>"
        await ann.slash(channel, "mention", off=True)
        assert switches.of_one(talk.store, place.id) == ()


async def test_everybody_is_no_role_to_call(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, _, env):
        guild = env.create_guild()
        denied = {guild.me: discord.PermissionOverwrite(mention_everyone=False)}
        channel = guild.create_text_channel("alerts", overwrites=denied)
        ann = guild.add_member(env.create_user("ann"), roles=[guild.create_role("role", permissions=MANAGER)])
        await ann.slash(channel, "sub")
        ann = guild.add_member(env.create_user("owner"), roles=[guild.create_role("all", permissions=OF_THE_SERVER)])
        assert "I never do" in words(await ann.slash(channel, "mention", role=guild.default_role))
        quiet = guild.create_role("quiet")
        assert "allow anyone to mention it" in words(await ann.slash(channel, "mention", role=quiet))
        assert [line for line, _ in talk.asked if str(guild.id) in line] == []


# -- gone -------------------------------------------------------------------------------------------------------------


async def test_what_is_deleted_is_gone(tmp_path: Path) -> None:
    async with talking(tmp_path) as (talk, made, env):
        guild = env.create_guild()
        one, two = guild.create_text_channel("one"), guild.create_text_channel("two")
        thread = await thread_in(made, two)
        await made.client.get_channel(one.id).delete()
        await env.settle()
        assert talk.gone == [(str(one.id), "the channel is deleted")]
        await made.client.get_guild(guild.id).leave()
        await env.settle()
        assert {chat for chat, _ in talk.gone[1:]} >= {str(two.id), str(thread.id)}
        assert talk.gone[-1][1] == "removed from the server"
