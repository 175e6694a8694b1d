"""Alerts by the real dispatcher, outbox and discord.py to Discord at the wire; and all that goes wrong on the way."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from bot.delivery.dispatcher import Dispatcher
from handlers.channels.channel import Address, Outgoing
from handlers.channels.failure import TokenRefused
from handlers.reply import Line
from storage.alerts import outbox
from storage.people import destinations, switches
from tests.fakes.discord_wire import ALL, CHANNEL, GUILD, NEWS, SEND, TOKEN, DiscordWire
from tests.fakes.notices import claim_from
from tests.handlers.channels.discord.desk import Desk, at_once, discord_at, nothing, noting

HOUR = 3600.0
WIRED = Address(str(CHANNEL), kind="group")


async def test_an_alert_is_posted_edited_and_closed_with_a_reply(desk: Desk) -> None:
    episode = desk.episode()
    desk.tell("fired", episode)
    await desk.turns(2)
    [shown] = desk.fake.messages
    assert shown.embed["title"] == "BTC: open interest falls fast."
    assert shown.embed["image"] == {"url": "attachment://chart.png"}
    assert shown.files == ["chart.png"]
    assert shown.payload["components"][0]["components"][0]["custom_id"] == "1|/health btc"
    assert shown.payload["allowed_mentions"] == {"parse": []}
    warning = shown.embed["color"]
    desk.tell("resumed", episode, say="BTC: it goes on.")
    await desk.turns(2)
    assert shown.embed["title"] == "BTC: it goes on."
    desk.tell("resolved", episode, say="BTC: as usual.", reply="It is over.")
    await desk.turns(4)
    assert [shown.embed.get("title"), shown.embed["color"] != warning] == ["BTC: as usual.", True]
    [_, reply] = desk.fake.messages
    assert reply.payload["message_reference"]["message_id"] == shown.id
    assert "It is over." in reply.text
    assert desk.states() == ["sent"] * 3


async def test_a_role_is_called_by_what_is_new_and_by_no_edit(desk: Desk) -> None:
    switches.mention(desk.store, "discord", str(GUILD), "777", "warning")
    episode = desk.episode()
    desk.tell("fired", episode, rank="notice")
    await desk.turns(2)
    desk.tell("escalated", episode, rank="warning", reply="It got worse.")
    await desk.turns(4)
    desk.tell("resolved", episode, rank="warning", reply="It is over.")
    await desk.turns(4)
    called = [shown.payload["allowed_mentions"] for shown in desk.fake.messages]
    nobody, desk_alone = {"parse": []}, {"parse": [], "roles": [777]}
    assert called == [nobody, desk_alone, nobody]
    assert [(shown.payload.get("content") or "")[:8] for shown in desk.fake.messages] == ["", "<@&777>", ""]


async def test_a_deleted_message_is_posted_anew(desk: Desk) -> None:
    episode = desk.episode()
    desk.tell("fired", episode)
    await desk.turns(2)
    desk.fake.messages.clear()
    desk.fake.forget_nonces()
    desk.tell("resumed", episode, say="BTC: it goes on.")
    await desk.turns(2)
    assert [shown.embed["title"] for shown in desk.fake.messages] == ["BTC: it goes on."]


# -- what may have arrived --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"kind": "lost"}, id="the answer is lost"),
        pytest.param({"kind": "unreached"}, id="the connection breaks"),
        pytest.param({"kind": "status", "status": 503}, id="503"),
        pytest.param({"kind": "delay", "seconds": 2.5}, id="no answer in time"),
    ],
)
async def test_an_unclear_answer_repeats_nothing_and_loses_nothing(desk: Desk, trouble: dict[str, Any]) -> None:
    desk.fake.disturb(**trouble)
    desk.tell("fired", desk.episode())
    await desk.turns(40)
    [shown] = desk.fake.messages
    assert "repeat" not in shown.text
    assert desk.states() == ["sent"]
    nonces = {payload["nonce"] for _, path, payload in desk.fake.requests if path.endswith("/messages")}
    assert len(nonces) == 1


@pytest.mark.slow
async def test_none_of_a_hundred_is_repeated_where_every_fourth_answer_is_lost(desk: Desk) -> None:
    noise = random.Random(4)
    for number in range(100):
        if noise.random() < 0.25:
            desk.fake.disturb("lost")
        desk.tell("fired", desk.episode(f"rule{number}"), say=f"alert {number}")
        await desk.turns(2)
    await desk.turns(4000, every=5)
    titles = [shown.embed["title"] for shown in desk.fake.messages]
    assert sorted(titles) == sorted(f"alert {number}" for number in range(100))
    assert set(desk.states()) == {"sent"}
    assert desk.posts() > 110


async def test_what_a_killed_process_had_sent_is_not_posted_again(desk: Desk) -> None:
    desk.tell("fired", desk.episode())
    [claim] = claim_from(
        desk.store,
        now=desk.clock.now(),
        process=desk.dispatcher.holdings.number,
        platform="discord",
        limit=1,
        resting=set(),
    )
    await desk.discord.send(WIRED, Outgoing((Line("BTC: open interest falls fast.", "headline"),), nonce=claim.nonce))
    # Here the process is killed: what it had sent stays in doubt, and the next one cannot know.
    after = Dispatcher(desk.store, [desk.discord], desk.clock, noise=random.Random(1), again_after=0.01)
    after.start()
    desk.clock.forward(30)
    await after.drain()
    assert len(desk.fake.messages) == 1
    assert desk.states() == ["sent"]
    assert desk.posts() == 2


async def test_a_repeat_after_minutes_says_that_it_may_be_one(desk: Desk) -> None:
    desk.fake.disturb("lost")
    desk.tell("fired", desk.episode())
    await desk.turns(1)
    desk.fake.forget_nonces()
    desk.clock.forward(600)
    await desk.turns(2)
    [first, second] = desk.fake.messages
    assert "repeat" not in first.text
    assert "May be a repeat" in second.text


# -- what Discord refuses ---------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("code", [50001, 50013])
async def test_missing_rights_let_the_chat_rest_and_nobody_else(desk: Desk, code: int) -> None:
    news = destinations.ensure(desk.store, "discord", str(NEWS), None, kind="channel", title="n", now=desk.clock.now())
    destinations.subscribe(desk.store, news.id, "*", "*")
    desk.fake.disturb("status", f"POST channels/{CHANNEL}/messages", status=403, code=code)
    desk.tell("fired", desk.episode())
    await desk.turns(60)
    assert sorted(desk.states()) == ["queued", "sent"]
    assert desk.fake.counted(f"POST channels/{CHANNEL}/messages") == 1
    assert not desk.trouble.down
    desk.clock.forward(7 * HOUR)
    await desk.turns(2)
    assert desk.states() == ["sent", "sent"]


@pytest.mark.slow
@pytest.mark.parametrize(("code", "chat"), [(10003, "the channel is deleted"), (50007, "no direct messages")])
async def test_a_closed_chat_is_never_called_again(desk: Desk, code: int, chat: str) -> None:
    desk.fake.disturb("status", status=404 if code == 10003 else 403, code=code)
    desk.tell("fired", desk.episode())
    await desk.turns(60)
    desk.tell("fired", desk.episode("another"))
    await desk.turns(60)
    assert desk.posts() == 1
    [place] = destinations.everyone(desk.store)
    assert chat in str(place.gone_reason)


async def test_a_refused_embed_goes_as_text(desk: Desk) -> None:
    desk.fake.disturb("status", status=400, code=50035, said="Invalid Form Body\nIn embeds.0.title: x")
    desk.tell("fired", desk.episode())
    await desk.turns(10)
    [shown] = desk.fake.messages
    assert shown.payload["content"] == "**BTC: open interest falls fast.**"
    assert not shown.payload.get("embeds")


async def test_a_refused_picture_does_not_hold_back_the_text(desk: Desk) -> None:
    desk.fake.disturb("status", status=413, code=40005)
    desk.tell("fired", desk.episode())
    await desk.turns(10)
    [shown] = desk.fake.messages
    assert shown.files == []
    assert r"\[chart: open interest of BTC\]" in shown.text


# -- too fast ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_short_pause_is_waited_for(desk: Desk, *, everywhere: bool) -> None:
    desk.fake.disturb("flood", seconds=0.05, everywhere=everywhere)
    desk.tell("fired", desk.episode())
    await desk.turns(1)
    assert (len(desk.fake.messages), desk.states()) == (1, ["sent"])


@pytest.mark.slow
async def test_a_long_pause_is_of_one_chat(desk: Desk) -> None:
    news = destinations.ensure(desk.store, "discord", str(NEWS), None, kind="channel", title="n", now=desk.clock.now())
    destinations.subscribe(desk.store, news.id, "*", "*")
    desk.fake.disturb("flood", f"POST channels/{CHANNEL}/messages", seconds=120)
    desk.tell("fired", desk.episode())
    await desk.turns(100)
    assert sorted(desk.states()) == ["queued", "sent"]
    assert desk.fake.counted(f"POST channels/{CHANNEL}/messages") == 1
    await desk.turns(40)
    assert desk.states() == ["sent", "sent"]


@pytest.mark.slow
@pytest.mark.parametrize("everywhere", [False, True])
async def test_a_long_pause_of_the_whole_bot_is_known_as_one(desk: Desk, *, everywhere: bool) -> None:
    """The library raises the same for both."""
    desk.fake.disturb("flood", f"POST channels/{CHANNEL}/messages", seconds=120, everywhere=everywhere)
    desk.tell("fired", desk.episode())
    await desk.turns(1)
    assert (desk.trouble.rests_until > desk.clock.seconds + 100) is everywhere
    await desk.turns(130)
    assert desk.states() == ["sent"]


@pytest.mark.slow
async def test_a_ban_by_the_front_stops_everything_for_as_long_as_it_says(desk: Desk) -> None:
    desk.fake.disturb("banned")
    desk.tell("fired", desk.episode())
    with structlog.testing.capture_logs() as logs:
        await desk.turns(890, every=5)
    assert desk.posts() == 1
    assert any(line["log_level"] == "error" and "lets nothing through" in line["event"] for line in logs)
    await desk.turns(30)
    assert (len(desk.fake.messages), desk.states()) == (1, ["sent"])


# -- the token --------------------------------------------------------------------------------------------------------


async def test_a_revoked_token_halts_the_platform_and_keeps_what_waits(desk: Desk) -> None:
    await desk.fake.until(lambda: desk.fake.sessions)
    desk.fake.revoked = True
    desk.tell("fired", desk.episode())
    await desk.turns(120)
    assert desk.posts() == 1
    assert desk.trouble.halted
    assert TOKEN not in desk.trouble.halted
    assert desk.states() == ["queued"]


async def test_a_wrong_token_is_refused_at_the_start(fake: DiscordWire) -> None:
    discord = discord_at(fake, token=SecretStr(TOKEN.replace("x", "z")))
    with pytest.raises(TokenRefused, match="Reset it at"):
        await discord.start(nothing)
    with pytest.raises(TokenRefused, match="Reset it at"):
        await discord.check()
    await discord.stop()


async def test_the_check_says_whose_token_it_is(fake: DiscordWire) -> None:
    discord = discord_at(fake)
    said = await discord.check()
    assert said.startswith(
        "Discord accepts the token of user100, which needs no privileged intent and is invited by https://discord.com/oauth2/"
    )
    asked = re.search(r"permissions=(\d+)", said)
    readme = Path(__file__).parents[4] / "README.md"
    assert asked
    assert asked[0] in readme.read_text(encoding="utf-8"), "the README asks for the same"
    await discord.stop()


# -- the gateway ------------------------------------------------------------------------------------------------------


async def test_sending_goes_on_while_the_gateway_is_lost(desk: Desk) -> None:
    await desk.fake.until(lambda: desk.fake.sessions)
    desk.fake.refuses_gateway = True
    await desk.fake.drop(4009)
    desk.tell("fired", desk.episode())
    await desk.turns(2)
    assert len(desk.fake.messages) == 1


@pytest.mark.parametrize(
    ("resumable", "sessions"),
    [
        pytest.param(True, ["identify", "resume"], id="resumed"),
        pytest.param(False, ["identify", "resume", "identify"], id="anew"),
    ],
)
async def test_the_gateway_is_found_again(
    fake: DiscordWire, monkeypatch: pytest.MonkeyPatch, sessions: list[str], *, resumable: bool
) -> None:
    asked: list[str] = []
    discord = discord_at(fake)
    monkeypatch.setattr(type(discord.client), "before_identify_hook", at_once)
    fake.resumable = resumable
    await discord.start(noting(asked))
    await fake.until(lambda: fake.sessions and discord.client.is_ready())
    await fake.drop(4000)
    await fake.until(lambda: fake.sessions == sessions and fake._sockets, seconds=8)
    await fake.interact(2, {"id": "1", "name": "fng", "type": 1, "options": []})
    await fake.until(lambda: asked)
    assert asked == ["/fng"]
    await discord.stop()


async def test_a_start_without_discord_tries_on(fake: DiscordWire) -> None:
    await fake.stop()
    discord = discord_at(fake)
    await discord.start(nothing)
    with pytest.raises(Exception, match="not reached"):
        await discord.send(WIRED, Outgoing((Line("x"),)))
    await fake.start()
    await fake.until(lambda: fake.sessions)
    await discord.send(WIRED, Outgoing((Line("x"),)))
    assert len(fake.messages) == 1
    await discord.stop()


async def test_rights_that_the_gateway_told_of_cost_no_request(fake: DiscordWire) -> None:
    fake.permissions = ALL & ~SEND
    discord = discord_at(fake)
    await discord.start(nothing)
    await fake.until(lambda: discord.client.get_channel(CHANNEL))
    with pytest.raises(Exception, match="I need Send Messages in #alerts"):
        await discord.send(WIRED, Outgoing((Line("x"),)))
    assert fake.counted(f"POST channels/{CHANNEL}/messages") == 0
    await discord.stop()


def test_an_outbox_row_draws_its_nonce_once(desk: Desk) -> None:
    desk.tell("fired", desk.episode())
    claims = claim_from(
        desk.store,
        now=desk.clock.now(),
        process=desk.dispatcher.holdings.number,
        platform="discord",
        limit=1,
        resting=set(),
    )
    assert [len(claim.nonce) for claim in claims] == [16]
    assert outbox.waiting(desk.store) == 1
