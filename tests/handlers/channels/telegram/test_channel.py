"""The real python-telegram-bot against the strict fake: what people see, and what the sender is told."""

from __future__ import annotations

import asyncio
import math
import re
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import SecretStr
from telegram import ChatMemberRestricted

from handlers.answer import Answer
from handlers.channels import channel
from handlers.channels.channel import Address, Outgoing
from handlers.channels.failure import MessageRefused, RightsMissing, TokenRefused
from handlers.channels.telegram.channel import Telegram
from handlers.channels.telegram.config import TelegramConfig
from handlers.channels.telegram.render import render
from handlers.channels.text import clip
from handlers.command import commands
from handlers.reply import Block, Button, Buttons, Document, Line, Picture, Table
from tests.examples import examples
from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.telegram_chats import (
    ANONYMOUS_ADMIN,
    BLOCKED,
    CHANNEL_BOT,
    LINKED_CHANNEL,
    person,
)
from tests.fakes.telegram_markup import parse, utf16
from tests.handlers.channels.telegram.talking import GROUP, PRIVATE, QUICK, Place, bot_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ANN, OWNER, ADMIN = 11, 12, 13
FORUM, CHANNEL = -1000000000030, -1000000000040
RIGHTS = [name for name in ChatMemberRestricted.__slots__ if name.startswith("can_")]
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)
TO_ANN, TO_GROUP, IN_CHANNEL = (
    Address(str(PRIVATE)),
    Address(str(GROUP), kind="group"),
    Address(str(CHANNEL), kind="channel"),
)


@pytest.fixture
async def fake() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        server.chat(PRIVATE, title="Ann")
        everybody = {OWNER: "creator", ADMIN: "administrator", LINKED_CHANNEL: "administrator"}
        server.chat(GROUP, "group", members=everybody)
        server.chat(FORUM, "supergroup", topics={7}, members={ADMIN: "administrator"})
        server.chat(CHANNEL, "channel", title="News", members={ADMIN: "administrator"})
        yield server
    assert not server.problems


@pytest.fixture
async def place(fake: BotApi) -> AsyncIterator[Place]:
    made = bot_of(fake)
    await made.start()
    yield made
    await made.telegram.stop()


@pytest.fixture
async def sender(fake: BotApi) -> AsyncIterator[Telegram]:
    """A bot that only sends: nothing polls."""
    telegram = bot_of(fake).telegram
    yield telegram
    await telegram.stop()


def say(*texts: str) -> Outgoing:
    return Outgoing(tuple(Line(text) for text in texts))


# -- messages out -----------------------------------------------------------------------------------------------------


async def test_sends_escaped_html_with_roles_tables_and_buttons(fake: BotApi, sender: Telegram) -> None:
    blocks = (
        Line("Selling <wave> & more", "headline"),
        Line("open interest −12 %"),
        Table(("venue", "value"), (("Binance", "1"), ("A&B <x>", "10"))),
        Line("It may be hedging.", "caveat"),
        Line("41 s old, 3 of 4 venues", "stamp"),
        Buttons((Button("Chart", "/chart oi btc"), Button("Too long", "/chart " + "x" * 60))),
    )
    number = await sender.send(TO_ANN, Outgoing(blocks, silent=True))
    [sent] = fake.accepted
    assert number == str(sent.message_id)
    assert sent.html is not None
    assert sent.html.startswith("<b>Selling &lt;wave&gt; &amp; more</b>\n\n")
    assert "<pre>venue    value\nBinance      1\nA&amp;B &lt;x&gt;     10</pre>" in sent.html
    assert sent.html.endswith("<i>It may be hedging.</i>\n<i>41 s old, 3 of 4 venues</i>")
    assert sent.keyboard == [[{"text": "Chart", "callback_data": "1|/chart oi btc"}]]
    assert sent.silent
    assert not sent.preview


async def test_of_a_button_that_is_left_out_nothing_of_people_is_logged(fake: BotApi, sender: Telegram) -> None:
    line = "/watch btc long 90000 25x 0.5btc binance lines 20 10 5 name ledger"
    with structlog.testing.capture_logs() as logs:
        await sender.send(TO_ANN, Outgoing((Line("x"), Buttons((Button(line, line),)))))
    assert fake.accepted[0].keyboard == []
    [left_out] = [one for one in logs if "left out" in one["event"]]
    assert left_out["command"] == "watch"
    assert "ledger" not in str(logs)


async def test_a_file_carries_its_text_and_where_none_may_be_sent_the_text_goes_alone(
    fake: BotApi, sender: Telegram
) -> None:
    message = Outgoing((Line("All of it"), Document("kept.json", '{"name": "Zoë"}')))
    await sender.send(TO_ANN, message)
    assert fake.accepted[0].document == '{"name": "Zoë"}'.encode()
    assert fake.accepted[0].text == "All of it"
    refused = "Bad Request: not enough rights to send documents to the chat"
    fake.disturb("status", method="sendDocument", status=400, text=refused)
    await sender.send(TO_ANN, message)
    assert fake.accepted[1].document is None
    assert fake.accepted[1].text == "All of it\nI may send no files here. Open a chat with me and ask there."


async def test_marks_a_possible_repeat_and_sends_plain(fake: BotApi, sender: Telegram) -> None:
    await sender.send(TO_ANN, Outgoing((Line("a <b> c", "headline"),), maybe_repeat=True, plain=True))
    assert fake.accepted[0].html is None
    assert fake.accepted[0].text == "May be a repeat: Telegram did not confirm the first try.\n\na <b> c"


async def test_replies_even_when_the_answered_message_is_gone(fake: BotApi, sender: Telegram) -> None:
    first = await sender.send(TO_ANN, say("x"))
    await sender.send(TO_ANN, Outgoing((Line("y"),), reply_to=first))
    await sender.send(TO_ANN, Outgoing((Line("z"),), reply_to="999p"))
    assert [message.reply_to for message in fake.accepted] == [None, int(first), None]


async def test_edits_and_takes_an_unchanged_edit_for_success(fake: BotApi, sender: Telegram) -> None:
    number = await sender.send(TO_ANN, say("one"))
    await sender.edit(TO_ANN, number, say("two"))
    await sender.edit(TO_ANN, number, say("two"))
    assert (fake.accepted[0].text, fake.accepted[0].edits) == ("two", ["one"])
    with pytest.raises(MessageRefused):
        await sender.edit(TO_ANN, "999", say("three"))


async def test_a_gone_topic_falls_back_to_the_main_thread(fake: BotApi, sender: Telegram) -> None:
    await sender.send(Address(str(FORUM), "7", "group"), say("in the topic"))
    fake.chats[FORUM].topics = {8}
    await sender.send(Address(str(FORUM), "7", "group"), say("not lost"))
    said = [(message.text, message.thread) for message in fake.accepted[:2]]
    assert said == [("in the topic", 7), ("not lost", None)]


async def test_a_closed_topic_falls_back_to_the_main_thread_and_its_chat_is_told_once(
    fake: BotApi, sender: Telegram
) -> None:
    there = Address(str(FORUM), "7", "group")
    first = await sender.send(there, say("in the topic"))
    fake.chats[FORUM].closed = {7}
    with pytest.raises(MessageRefused):  # nothing is edited there, so the news goes out anew
        await sender.edit(there, first, say("worse"))
    await sender.send(there, say("one"))
    await sender.send(there, say("two"))
    why, *rest = [message.text for message in fake.accepted if message.text not in ("in the topic", "one", "two")]
    assert "topic" in why
    assert "/sub" in why
    assert not rest
    assert [(message.text, message.thread) for message in fake.accepted if message.text != why] == [
        ("in the topic", 7), ("one", None), ("two", None),
    ]  # fmt: skip
    fake.chats[FORUM].closed = {7, None}
    with pytest.raises(RightsMissing):
        await sender.send(there, say("nowhere"))
    fake.chats[FORUM].closed = set()
    await sender.send(there, say("open again"))
    assert (fake.accepted[-1].text, fake.accepted[-1].thread) == ("open again", 7)


async def test_where_pictures_are_not_allowed_the_text_goes_alone(fake: BotApi) -> None:
    sender = bot_of(fake, draw=drawing(PNG)).telegram
    refused = "Bad Request: not enough rights to send photos to the chat"
    fake.disturb("status", method="sendPhoto", status=400, text=refused, times=math.inf)
    await sender.send(TO_GROUP, Outgoing((PICTURE, Line("short"))))
    assert fake.texts(GROUP) == ["short\n[chart: open interest of BTC]"]
    await sender.stop()


def drawing(result: bytes | Exception | None) -> Any:
    async def draw(chart: dict[str, Any]) -> bytes | None:
        assert chart == {"id": "oi"}
        if isinstance(result, Exception):
            raise result
        return result

    return draw


ALT = "open interest of BTC"
PICTURE = Picture({"id": "oi"}, ALT)
WORDS = ("short\n[chart: open interest of BTC]\n\nStamp", False)


@pytest.mark.parametrize(
    ("png", "lines", "expected"),
    [
        pytest.param(PNG, ("short",), [("short\n\nStamp", True)], id="caption"),
        pytest.param(PNG, (), [(ALT, True)], id="no text: its words"),
        pytest.param(
            PNG,
            ("x" * 600, "y" * 600),
            [(f"{'x' * 600}\n{'y' * 600}", False), ("open interest of BTC", True)],
            id="long",
        ),
        pytest.param(None, ("short",), [WORDS], id="not drawn"),
        pytest.param(ValueError("x"), ("short",), [WORDS], id="drawing fails"),
        pytest.param(b"GIF", ("short",), [WORDS], id="picture refused"),
    ],
)
async def test_a_picture_never_holds_back_the_text(
    fake: BotApi, png: Any, lines: tuple[str, ...], expected: list[tuple[str, bool]]
) -> None:
    sender = bot_of(fake, draw=drawing(png)).telegram
    stamp = (Line("Stamp", "stamp"),) if lines == ("short",) else ()
    number = await sender.send(TO_ANN, Outgoing((PICTURE, *(Line(text) for text in lines), *stamp)))
    assert [(message.text, message.photo is not None) for message in fake.accepted] == expected
    assert number == f"1{'p' if expected[0][1] else ''}"
    if len(fake.accepted) == 2:
        assert fake.accepted[1].reply_to == fake.accepted[0].message_id
    await sender.edit(TO_ANN, number, say("resolved"))
    assert fake.accepted[0].text == "resolved"
    await sender.stop()


@pytest.mark.parametrize(
    ("trouble", "photos"),
    [
        pytest.param({"kind": "status", "status": 500}, 0, id="500"),
        pytest.param({"kind": "lost"}, 1, id="answer lost"),
        pytest.param({"kind": "flood", "seconds": 0.02}, 1, id="429: waits, then follows"),
    ],
)
async def test_a_picture_that_follows_badly_does_not_send_the_text_again(
    fake: BotApi, trouble: dict[str, Any], photos: int
) -> None:
    sender = bot_of(fake, draw=drawing(PNG)).telegram
    fake.disturb(method="sendPhoto", **trouble)
    assert await sender.send(TO_ANN, Outgoing((PICTURE, Line("x" * 2000)))) == "1"
    assert fake.texts(PRIVATE) == ["x" * 2000] + [ALT] * photos
    await sender.stop()


async def test_what_may_have_arrived_is_repeated_without_its_picture(fake: BotApi) -> None:
    sender = bot_of(fake, draw=drawing(PNG)).telegram
    await sender.send(TO_ANN, Outgoing((PICTURE, Line("short")), maybe_repeat=True))
    assert fake.counts()["sendPhoto"] == 0
    assert fake.texts(PRIVATE)[0].endswith("short\n[chart: open interest of BTC]")
    await sender.stop()


@pytest.mark.parametrize(
    ("nonce", "photo"),
    [
        pytest.param("n", False, id="the words of a notice do not wait for long"),
        pytest.param("", True, id="an answer has no hurry"),
    ],
)
async def test_a_picture_that_takes_its_time(
    fake: BotApi, nonce: str, photo: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slowly(_: object) -> bytes:
        await asyncio.sleep(0.2)
        return PNG

    monkeypatch.setattr(channel, "LONGEST_DRAWN", 0.05)
    sender = bot_of(fake, draw=slowly).telegram
    await sender.send(TO_ANN, Outgoing((PICTURE, Line("short")), nonce=nonce))
    assert (fake.accepted[0].photo is not None) is photo
    await sender.stop()


# -- the text ---------------------------------------------------------------------------------------------------------


def test_leaves_out_body_lines_from_the_end_and_says_so() -> None:
    body = [Line(f"line {number} " + "x" * 90) for number in range(100)]
    blocks = (Line("Headline", "headline"), *body, Line("Caveat", "caveat"), Line("Stamp", "stamp"))
    shown, _ = parse(render(blocks, limit=4096))
    lines = [line for line in shown.split("\n") if line]
    kept = len(lines) - 4
    assert lines[0] == "Headline"
    assert lines[1 : 1 + kept] == [line.text for line in body[:kept]]
    assert lines[-3:] == [f"… {100 - kept} lines left out", "Caveat", "Stamp"]
    assert 3900 < utf16(shown) <= 4096


def test_a_cut_table_stays_a_table() -> None:
    table = Table(("asset", "value"), tuple((f"A{number}", "1") for number in range(500)))
    shown, entities = parse(render((table, Line("Stamp", "stamp")), limit=1024))
    assert [entity.type for entity in entities] == ["pre", "i"]
    assert "lines left out" in shown


TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
anything = st.text(max_size=300)
roles = st.sampled_from(("headline", "body", "caveat", "echo", "stamp"))
blocks_of_anything = st.lists(
    st.builds(Line, anything | st.integers(700, 3000).map("x😀@".__mul__), roles)
    | st.builds(lambda cells: Table(("a", "b"), tuple((cell, cell) for cell in cells)), st.lists(anything, max_size=5)),
    max_size=12,
).map(tuple)


@pytest.mark.slow
@examples(200)
@given(blocks=blocks_of_anything, limit=st.sampled_from((1024, 4096)), repeat=st.booleans())
@example(blocks=(Line("😀" * 5000, "headline"),), limit=4096, repeat=True)
@example(blocks=tuple(Line("x" * 500, "caveat") for _ in range(2000)), limit=1024, repeat=False)
def test_whatever_is_said_telegram_accepts_it(blocks: tuple[Block, ...], limit: int, repeat: bool) -> None:
    shown, _ = parse(render(blocks, limit=limit, maybe_repeat=repeat))
    assert utf16(shown) <= limit
    assert utf16(render(blocks, limit=limit, plain=True, maybe_repeat=repeat)) <= limit
    for character in shown.replace("\n", ""):
        assert unicodedata.category(character) not in ("Cc", "Cs")
        assert unicodedata.bidirectional(character) not in {
            "LRE",
            "RLE",
            "LRO",
            "RLO",
            "PDF",
            "LRI",
            "RLI",
            "FSI",
            "PDI",
        }
    assert not re.search(r"@\w", shown)


@examples(200)
@given(
    text=st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=300)
    | st.sampled_from(("<b>", "&lt;")),
    role=roles,
)
@example(text="</pre><a href='x'>&amp;#60;&quot;</a>", role="body")
def test_shows_exactly_the_text(text: str, role: Any) -> None:
    shown, _ = parse(render((Line(text, role),), limit=4096))
    assert shown.replace("@\u200b", "@") == text


@given(text=st.text("a😀é", max_size=40), most=st.integers(1, 40))
def test_clips_by_utf16_units(text: str, most: int) -> None:
    clipped = clip(text, most)
    assert utf16(clipped) <= most
    assert clipped == text or (clipped.endswith("…") and text.startswith(clipped[:-1]) and utf16(text) > most)


# -- commands in ------------------------------------------------------------------------------------------------------


async def test_sets_the_menu_from_the_one_list(place: Place) -> None:
    menu = [
        {"command": "oi", "description": "Show open interest"},
        {"command": "sub", "description": "Send alerts to this chat"},
    ]
    assert place.fake.menus == {"all_private_chats": menu, "all_group_chats": menu}


async def test_telegram_takes_every_command_for_the_menu(fake: BotApi) -> None:
    if not commands():
        pytest.skip("no command is written yet")

    telegram = Telegram(TelegramConfig(token=SecretStr(TOKEN), base_url=fake.base_url), timeouts=QUICK)
    await telegram.start(bot_of(fake).answer)
    await telegram.stop()
    public = [name for name, command in commands().items() if not (command.owners_only or command.roles)]
    assert [command["command"] for command in fake.menus["all_group_chats"]] == public
    assert "deny" in commands(), "some are for owners alone"


@pytest.mark.parametrize(
    ("message", "address", "user", "may_change"),
    [
        pytest.param({"chat_id": PRIVATE, "user": ANN}, TO_ANN, "11", True, id="private"),
        pytest.param({"chat_id": GROUP, "user": OWNER}, TO_GROUP, "12", True, id="owner of a group"),
        pytest.param({"chat_id": GROUP, "user": ADMIN}, TO_GROUP, "13", True, id="admin of a group"),
        pytest.param({"chat_id": GROUP, "user": ANN}, TO_GROUP, "11", False, id="member of a group"),
        pytest.param(
            {"chat_id": FORUM, "user": ANN, "topic": 7}, Address(str(FORUM), "7", "group"), "11", False, id="topic"
        ),
        pytest.param(
            {"chat_id": GROUP, "user": ANONYMOUS_ADMIN, "as_chat": GROUP},
            TO_GROUP,
            None,
            True,
            id="anonymous admin",
        ),
        pytest.param(
            {"chat_id": GROUP, "user": ANONYMOUS_ADMIN, "as_chat": CHANNEL},
            TO_GROUP,
            None,
            False,
            id="the anonymous admin of another chat",
        ),
        pytest.param(
            {"chat_id": GROUP, "user": CHANNEL_BOT, "as_chat": CHANNEL},
            TO_GROUP,
            None,
            False,
            id="somebody in the name of a channel",
        ),
        pytest.param({"chat_id": GROUP, "user": LINKED_CHANNEL}, TO_GROUP, None, False, id="linked channel"),
        pytest.param({"chat_id": CHANNEL, "user": ADMIN}, IN_CHANNEL, None, True, id="channel"),
    ],
)
async def test_answers_where_it_is_asked_and_knows_who_may_change(
    place: Place, message: dict[str, Any], address: Address, user: str | None, may_change: bool
) -> None:
    place.fake.say(text="/sub", **message)
    await place.fake.until(lambda: place.fake.accepted)
    [(line, asker)] = place.asked
    assert (line, asker.address, asker.user, asker.may_change) == ("/sub", address, user, may_change)
    [sent] = place.fake.accepted
    assert (sent.chat, sent.thread) == (int(address.chat), int(address.topic) if address.topic else None)
    assert sent.text == "You said /sub"


async def test_asks_for_rights_once_a_minute(place: Place) -> None:
    for _ in range(3):
        place.fake.say(GROUP, ADMIN, "/sub")
        await place.heard(len(place.asked) + 1)
    assert [asker.may_change for _, asker in place.asked] == [True] * 3
    assert place.fake.counts()["getChatMember"] == 1


async def test_unknown_rights_are_no_rights(place: Place) -> None:
    place.fake.disturb("status", method="getChatMember", status=500)
    place.fake.say(GROUP, OWNER, "/sub")
    await place.heard(1)
    assert not place.asked[0][1].may_change


@pytest.mark.parametrize(
    ("chat", "text", "line"),
    [
        pytest.param(PRIVATE, "95k long x25", "95k long x25", id="plain text in private"),
        pytest.param(PRIVATE, "/nonsense", "/nonsense", id="unknown command"),
        pytest.param(GROUP, "/oi@Perpulse_Bot btc", "/oi btc", id="with this bot's name"),
        pytest.param(GROUP, "/oi@other_bot btc", None, id="for another bot"),
        pytest.param(GROUP, "good morning", None, id="talk in a group"),
        pytest.param(CHANNEL, "our news", None, id="post in a channel"),
        pytest.param(PRIVATE, "/" + "x" * 1_000_000, "/" + "x" * 4095, id="a million characters"),
    ],
)
async def test_hears_what_is_meant_for_it(place: Place, chat: int, text: str, line: str | None) -> None:
    place.fake.say(chat, ANN, text)
    place.fake.say(PRIVATE, ANN, "/last")
    await place.fake.until(lambda: [line for line, _ in place.asked if line == "/last"])
    await place.heard(1 if line is None else 2)
    assert [line for line, _ in place.asked if line != "/last"] == ([] if line is None else [line])


async def test_an_unreadable_update_does_not_block_the_next(place: Place) -> None:
    place.fake.enqueue({"message": {"nonsense": 1}})
    place.fake.enqueue({"message": 5})
    place.fake.enqueue(
        {"sauce": {"x": "y"}, "message": {"message_id": 1, "date": 0, "chat": {"id": 1, "type": "moon"}}}
    )
    place.fake.say(PRIVATE, ANN, "/oi")
    await place.heard(1)
    await place.fake.until(lambda: not place.fake.updates)  # confirmed, so never read again


async def test_a_defect_is_logged_and_told_by_reference(place: Place) -> None:
    with structlog.testing.capture_logs() as logs:
        place.fake.say(GROUP, ANN, "/broken")
        await place.fake.until(lambda: place.fake.accepted)
    [entry] = [entry for entry in logs if entry["event"] == "an update was not handled"]
    assert entry["reference"] in place.fake.texts(GROUP)[0]
    assert "a defect" not in place.fake.texts(GROUP)[0]


async def test_tells_of_moved_groups_and_lost_chats(place: Place) -> None:
    new = place.fake.migrate(GROUP)
    place.fake.lose(PRIVATE)
    await place.fake.until(lambda: place.gone)
    assert set(place.moved) == {(str(GROUP), str(new))}
    assert place.gone == [(str(PRIVATE), "blocked by the user")]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        pytest.param({"status": "member"}, True, id="a member again"),
        pytest.param({"status": "restricted", "can_send_messages": True}, True, id="it may write"),
        pytest.param({"status": "restricted", "can_send_messages": False}, False, id="it may not write"),
    ],
)
async def test_rights_that_come_back_are_told(place: Place, now: dict[str, Any], told: bool) -> None:
    needed = {"until_date": 0, "is_member": True}
    needed |= dict.fromkeys(RIGHTS, False) if now["status"] == "restricted" else {}
    user = {"user": place.fake.me}
    about = {
        "chat": place.fake.chats[GROUP].as_json(),
        "from": person(1),
        "date": 1,
    }
    changed = {"old_chat_member": {"status": "left", **user}, "new_chat_member": needed | user | now}
    place.fake.enqueue({"my_chat_member": about | changed})
    place.fake.say(GROUP, ANN, "/oi")
    await place.heard(1)
    assert place.allowed == ([str(GROUP)] if told else [])
    assert not place.gone


@pytest.mark.parametrize(
    ("trouble", "texts"),
    [
        pytest.param({"kind": "flood", "seconds": 0.05}, ["You said /oi"], id="429"),
        pytest.param({"kind": "status", "status": 400, "text": "can't parse entities"}, ["You said /oi"], id="markup"),
        pytest.param({"kind": "lost"}, ["You said /oi"], id="perhaps sent: not again"),
        pytest.param({"kind": "flood", "seconds": 300}, [], id="a long pause: dropped"),
    ],
)
async def test_an_answer_is_tried_again_only_where_that_is_safe(
    place: Place, trouble: dict[str, Any], texts: list[str]
) -> None:
    place.fake.disturb(**trouble)
    place.fake.say(PRIVATE, ANN, "/oi")
    await place.fake.until(lambda: place.fake.counts()["sendMessage"] >= 1)
    place.fake.say(GROUP, ANN, "/oi")
    await place.fake.until(lambda: place.fake.texts(GROUP) and len(place.fake.texts(PRIVATE)) >= len(texts))
    assert place.fake.texts(PRIVATE) == texts


async def test_an_answer_to_a_blocked_chat_says_that_it_is_gone(place: Place) -> None:
    place.fake.lose(PRIVATE, announce=False)
    place.fake.say(PRIVATE, ANN, "/oi")
    await place.fake.until(lambda: place.gone)
    assert place.gone == [(str(PRIVATE), BLOCKED)]


# -- what comes after an answer ---------------------------------------------------------------------------------------


class Later:
    """News that comes when a test says so."""

    def __init__(self) -> None:
        self.come = asyncio.Event()

    async def news(self, blocks: tuple[Block, ...] | None) -> tuple[Block, ...] | None:
        await self.come.wait()
        return blocks


@pytest.fixture
async def drawer(fake: BotApi) -> AsyncIterator[Place]:
    """A bot that draws every chart."""
    made = bot_of(fake, draw=drawing(PNG))
    await made.start()
    yield made
    await made.telegram.stop()


@pytest.mark.parametrize(
    ("before", "photo"),
    [
        pytest.param((Line("asking Binance"),), False, id="a text"),
        pytest.param((Line("asking Binance"), PICTURE), True, id="the caption of a picture"),
    ],
)
async def test_an_answer_is_edited_when_there_is_news_and_holds_nobody_up(
    fake: BotApi, drawer: Place, before: tuple[Block, ...], photo: bool
) -> None:
    later = Later()
    drawer.answers["/oi"] = Answer(before, later.news((Line("open interest 5"),)))
    fake.say(PRIVATE, ANN, "/oi")
    await fake.until(lambda: fake.accepted)
    fake.say(PRIVATE, ANN, "/other")
    await fake.until(lambda: len(fake.accepted) == 2)
    assert fake.texts(PRIVATE) == ["asking Binance", "You said /other"]
    later.come.set()
    await fake.until(lambda: fake.accepted[0].edits)
    assert fake.texts(PRIVATE) == ["open interest 5", "You said /other"]
    assert (fake.accepted[0].photo is not None) is photo


async def test_no_news_changes_nothing(place: Place) -> None:
    later = Later()
    later.come.set()
    place.answers["/oi"] = Answer((Line("all is fresh"),), later.news(None))
    place.fake.say(PRIVATE, ANN, "/oi")
    await place.fake.until(lambda: place.fake.accepted)
    await asyncio.sleep(0.05)
    assert place.fake.counts()["editMessageText"] == 0


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"kind": "status", "status": 403, "text": BLOCKED}, id="the answer was refused"),
        pytest.param({"kind": "status", "status": 400, "text": "ODD", "method": "editMessageText"}, id="the edit was"),
    ],
)
async def test_news_that_cannot_be_shown_is_let_go(place: Place, trouble: dict[str, Any]) -> None:
    later = Later()
    later.come.set()
    place.answers["/oi"] = Answer((Line("asking"),), later.news((Line("news"),)))
    place.fake.disturb(**trouble)
    with structlog.testing.capture_logs() as logs:
        place.fake.say(PRIVATE, ANN, "/oi")
        await place.fake.until(lambda: any("refused" in entry["event"] for entry in logs))
    assert not [entry for entry in logs if entry["log_level"] in ("error", "critical")]


async def test_the_end_does_not_wait_for_news(fake: BotApi) -> None:
    place = bot_of(fake)
    place.answers["/oi"] = Answer((Line("asking"),), Later().news(None))
    await place.start()
    fake.say(PRIVATE, ANN, "/oi")
    await fake.until(lambda: fake.accepted)
    await asyncio.wait_for(place.telegram.stop(), 5)


async def test_shows_that_it_is_typing_while_a_picture_is_drawn(fake: BotApi, drawer: Place) -> None:
    drawer.answers["/chart"] = Answer((PICTURE,))
    for number, line in enumerate(("/oi", "/chart"), 1):
        fake.say(PRIVATE, ANN, line)
        await fake.until(lambda n=number: len(fake.accepted) == n)
    assert fake.typing == [(PRIVATE, "typing")]


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"kind": "status", "status": 500}, id="500"),
        pytest.param({"kind": "status", "status": 401, "text": "Unauthorized"}, id="401"),
        pytest.param({"kind": "delay", "seconds": 0.6}, id="an answer that is late"),
    ],
)
async def test_a_sign_of_life_that_fails_costs_nothing(sender: Telegram, fake: BotApi, trouble: dict[str, Any]) -> None:
    fake.disturb(method="sendChatAction", **trouble)
    await asyncio.wait_for(sender.working(TO_ANN), 5)
    await sender.working(Address(str(FORUM), "7", "group"))


@pytest.mark.slow
async def test_its_check_names_the_bot_or_says_what_is_wrong(fake: BotApi, sender: Telegram) -> None:
    assert await sender.check() == "Telegram accepts the token of @perpulse_bot"
    fake.revoked = True
    with pytest.raises(TokenRefused, match="@BotFather"):
        await sender.check()


# -- buttons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chat", "user", "may_change"),
    [
        pytest.param(GROUP, ADMIN, True, id="admin"),
        pytest.param(GROUP, ANN, False, id="member"),
        pytest.param(PRIVATE, ANN, True, id="private"),
        pytest.param(CHANNEL, ADMIN, True, id="admin of a channel"),
    ],
)
async def test_a_button_runs_its_command_with_the_rights_of_who_presses(
    place: Place, chat: int, user: int, may_change: bool
) -> None:
    buttons = Buttons((Button("Chart", "/chart oi btc"),))
    await place.telegram.send(Address(str(chat)), Outgoing((Line("x"), buttons)))
    [message] = place.fake.accepted
    query = place.fake.press(message, message.keyboard[0][0]["callback_data"], user)
    await place.fake.until(lambda: len(place.fake.accepted) == 2)
    [(line, asker)] = place.asked
    assert (line, asker.user, asker.may_change) == ("/chart oi btc", str(user), may_change)
    assert asker.managers == f"admins of this {'channel' if chat == CHANNEL else 'group'}"
    assert place.fake.toasts == [(query, None)]
    assert place.fake.accepted[1].reply_to == message.message_id


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chat", "data", "toast"),
    [
        pytest.param(PRIVATE, "0|/oi", "another version", id="older version"),
        pytest.param(PRIVATE, "junk", "another version", id="no version"),
        pytest.param(CHANNEL, "1|/oi", "only admins of this channel", id="reader of a channel"),
    ],
)
async def test_a_button_that_does_not_run_says_why(place: Place, chat: int, data: str, toast: str) -> None:
    await place.telegram.send(Address(str(chat)), say("x"))
    place.fake.press(place.fake.accepted[0], data, ANN)
    await place.fake.until(lambda: place.fake.toasts)
    assert toast in str(place.fake.toasts[0][1])
    assert not place.asked


async def test_a_button_pressed_in_a_topic_is_answered_there(place: Place) -> None:
    await place.telegram.send(Address(str(FORUM), "7", "group"), say("x"))
    place.fake.press(place.fake.accepted[0], "1|/oi", ANN)
    await place.fake.until(lambda: len(place.fake.accepted) == 2)
    assert place.fake.accepted[1].thread == 7


# -- start and stop ---------------------------------------------------------------------------------------------------


async def test_starts_while_telegram_is_away_and_answers_when_it_is_back(fake: BotApi) -> None:
    await fake.stop()
    place = bot_of(fake)
    await place.start()
    await asyncio.sleep(0.05)
    await fake.start()
    fake.say(PRIVATE, ANN, "/oi")
    await place.heard(1)
    await place.telegram.stop()


async def test_a_refused_token_is_said_without_the_token(fake: BotApi, caplog: pytest.LogCaptureFixture) -> None:
    fake.revoked = True
    place = bot_of(fake)
    with structlog.testing.capture_logs() as logs, pytest.raises(TokenRefused) as caught:
        await place.start()
    await place.telegram.stop()
    assert fake.counts().total() <= 2
    assert caught.value.__cause__ is None  # what the library raised quotes the token
    assert caught.value.__suppress_context__
    assert "@BotFather" in caught.value.reason
    assert TOKEN not in f"{caught.value!r} {place.telegram!r} {logs}"


@pytest.mark.parametrize("status", [401, 404])
async def test_a_token_refused_while_running_is_told_once_and_tried_again(place: Place, status: int) -> None:
    with structlog.testing.capture_logs() as logs:
        place.fake.disturb("status", method="getUpdates", status=status, text="x")
        place.fake.say(PRIVATE, ANN, "/oi")  # ends the poll that waits
        place.fake.say(PRIVATE, ANN, "/oi")
        await place.heard(2)
        await place.fake.until(lambda: any("read again" in entry["event"] for entry in logs))
    (refused,) = [entry for entry in logs if entry["log_level"] in ("warning", "error")]
    assert "@BotFather" in refused["reason"]
    assert TOKEN not in str(logs)


@pytest.mark.slow
async def test_a_token_that_stays_refused_is_asked_for_ever_more_rarely(fake: BotApi) -> None:
    config = TelegramConfig(token=SecretStr(TOKEN), base_url=fake.base_url)
    telegram = Telegram(config, listed=(), timeouts=replace(QUICK, doubts=(0.0, 60.0)))
    await telegram.start(bot_of(fake).answer)
    await fake.until(lambda: fake.counts()["getUpdates"])
    fake.revoked = True
    fake.say(PRIVATE, ANN, "/oi")  # ends the poll that waits
    await asyncio.sleep(3.5)  # the library alone would ask again after 1, 1.5 and 2.25 s
    assert fake.counts()["getUpdates"] == 3
    await telegram.stop()


@pytest.mark.slow
async def test_the_pause_grows_while_the_other_program_goes_on(place: Place) -> None:
    def pauses() -> list[float]:
        return [entry["again_in_seconds"] for entry in logs if "standing by" in entry["event"]]

    with structlog.testing.capture_logs() as logs:
        place.fake.disturb("status", method="getUpdates", times=math.inf, status=409, text="Conflict: other getUpdates")
        place.fake.say(PRIVATE, ANN, "/oi")  # ends the poll that waits
        await place.fake.until(lambda: len(pauses()) >= 3)
    assert pauses() == [QUICK.standby, 2 * QUICK.standby, 4 * QUICK.standby]


@pytest.mark.slow
async def test_stands_by_while_another_program_polls_and_comes_back(place: Place) -> None:
    other = bot_of(place.fake)
    with structlog.testing.capture_logs() as logs:
        await other.start()
        await place.fake.until(lambda: any("standing by" in entry["event"] for entry in logs))
        await other.telegram.stop()
        await place.fake.until(lambda: any("reached again" in entry["event"] for entry in logs))
        place.fake.say(PRIVATE, ANN, "/oi")
        await place.fake.until(lambda: place.fake.texts(PRIVATE))


@pytest.mark.slow
@pytest.mark.parametrize("status", [502, 200], ids=["502", "a captive portal"])
async def test_pages_for_answers_are_said_once_and_not_with_each_request(
    place: Place, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with structlog.testing.capture_logs() as logs:
        place.fake.disturb("html", method="getUpdates", status=status, times=4)
        place.fake.say(PRIVATE, ANN, "/oi")  # ends the poll that waits
        await place.fake.until(lambda: place.fake.counts()["getUpdates"] >= 5, within=10)
        await place.heard(1)
    told = [entry["event"] for entry in logs if entry["log_level"] in ("warning", "error")]
    told += [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    assert told == ["updates are not read, trying on"]
    assert "<html>" not in str(logs) + caplog.text
    assert not [record for record in caplog.records if record.exc_info]


async def test_stops_quickly_while_telegram_is_away(fake: BotApi) -> None:
    place = bot_of(fake)
    await place.start()
    await fake.stop()
    await asyncio.wait_for(place.telegram.stop(), 5)
