"""What is said to the bot in a chat: commands, mentions, replies, captions, edits, and what waited too long."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from handlers.answer import Answer, Unfinished
from handlers.command import Deps, MissingValue, nobody
from handlers.conversation import Conversations
from handlers.reply import Line, Picture
from storage.engine.database import Store
from tests.fakes.bot_api import BotApi
from tests.handlers.channels.telegram.talking import GROUP, PRIVATE, Place, bot_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from handlers.command import Asker
    from tests.fakes.telegram_chats import Sent

ANN = 11
CHANNEL = -1000000000040
PHOTO = {"photo": [{"file_id": "f", "file_unique_id": "u", "width": 9, "height": 9}]}
PNG = b"\x89PNG\r\n\x1a\n" + bytes(64)


@pytest.fixture
async def fake() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        server.chat(PRIVATE, title="Ann")
        server.chat(GROUP, "group")
        server.chat(CHANNEL, "channel", title="News")
        yield server
    assert not server.problems


@pytest.fixture
async def place(fake: BotApi) -> AsyncIterator[Place]:
    async def draw(_: dict[str, Any]) -> bytes:
        return PNG

    made = bot_of(fake, now=lambda: datetime.now(UTC), draw=draw)
    await made.start()
    yield made
    await made.telegram.stop()


def of_the_bot(fake: BotApi) -> dict[str, Any]:
    return {"reply_to_message": {"message_id": 1, "date": 1, "chat": fake.chats[GROUP].as_json(), "from": fake.me}}


@pytest.mark.parametrize(
    ("chat", "text", "line", "replies"),
    [
        pytest.param(PRIVATE, "what is btc funding", "what is btc funding", False, id="in private all is"),
        pytest.param(GROUP, "what is btc funding", None, False, id="in a group talk is talk"),
        pytest.param(GROUP, "/oi btc", "/oi btc", False, id="a command"),
        pytest.param(GROUP, "@perpulse_bot why did eth drop?", "why did eth drop?", False, id="a mention"),
        pytest.param(GROUP, "btc funding, @Perpulse_Bot", "btc funding", False, id="at the end, otherwise spelt"),
        pytest.param(GROUP, "@perpulse_bot /oi btc", "/oi btc", False, id="a mention with a command"),
        pytest.param(GROUP, "@perpulse_bot", "/help", False, id="a mention alone"),
        pytest.param(GROUP, "@perpulse_bots btc", None, False, id="a mention of somebody else"),
        pytest.param(GROUP, "REPLY and eth?", "and eth?", True, id="a reply to the bot"),
        pytest.param(GROUP, "/oi@other_bot btc", None, False, id="a command for another bot"),
        pytest.param(CHANNEL, "good morning everybody", None, False, id="a post"),
        pytest.param(CHANNEL, "/oi btc", "/oi btc", False, id="a command in a channel"),
        pytest.param(PRIVATE, "\u200e/oi btc", "/oi btc", False, id="a mark before the slash"),
        pytest.param(GROUP, "\ufeff\u200f/oi btc", "/oi btc", False, id="two marks in a group"),
        pytest.param(GROUP, "PHOTO /oi btc", "/oi btc", False, id="a command as a caption"),
        pytest.param(PRIVATE, "PHOTO look at btc", None, False, id="another caption"),
        pytest.param(PRIVATE, "VIA BTC at 95,000", None, False, id="sent by way of the bot"),
    ],
)
async def test_what_is_said_to_the_bot(place: Place, chat: int, text: str, line: str | None, replies: bool) -> None:
    more: dict[str, Any] = {}
    for word, fields in (("REPLY ", of_the_bot(place.fake)), ("PHOTO ", PHOTO), ("VIA ", {"via_bot": place.fake.me})):
        if text.startswith(word):
            text, more = text.removeprefix(word), fields
    place.fake.say(chat, ANN, text, **more)
    place.fake.say(PRIVATE, ANN, "/after")
    await place.fake.until(lambda: any(heard == "/after" for heard, _ in place.asked))
    await place.heard(1 if line is None else 2)
    said = [(heard, asker.replies) for heard, asker in place.asked if heard != "/after"]
    assert said == ([] if line is None else [(line, replies)])


@pytest.mark.parametrize(
    ("chat", "line", "more", "answers"),
    [
        pytest.param(GROUP, "/why", {}, "1", id="a command below an alert"),
        pytest.param(GROUP, "/why", PHOTO, "1p", id="below an alert with a picture"),
        pytest.param(GROUP, "why", {}, "1", id="in words"),
        pytest.param(PRIVATE, "/mute 1h", {}, "1", id="in private"),
        pytest.param(GROUP, "/why", None, None, id="below nothing"),
    ],
)
async def test_it_is_known_which_message_is_answered(
    place: Place, chat: int, line: str, more: dict[str, Any] | None, answers: str | None
) -> None:
    answered = of_the_bot(place.fake)["reply_to_message"] | {"chat": place.fake.chats[chat].as_json()}
    place.fake.say(chat, ANN, line, **({} if more is None else {"reply_to_message": answered | more}))
    await place.heard(1)
    [(_, asker)] = place.asked
    assert asker.answers == answers


async def test_where_nothing_is_to_be_said_nothing_is(place: Place) -> None:
    place.answers["/quiet"] = Answer(())
    place.fake.say(PRIVATE, ANN, "/quiet")
    place.fake.say(PRIVATE, ANN, "/loud")
    await place.fake.until(lambda: place.fake.accepted)
    assert place.fake.texts(PRIVATE) == ["You said /loud"]


@pytest.mark.parametrize(
    ("chat", "said"),
    [(PRIVATE, "How much?"), (GROUP, "How much?\nReply to this message with it.")],
    ids=["in private the next message is the answer", "in a group people talk"],
)
async def test_a_question_says_how_it_is_answered(place: Place, chat: int, said: str) -> None:
    asked = Unfinished("oi", "", MissingValue("How much?"))
    place.answers["/ask"] = Answer((Line("How much?"),), unfinished=asked, refused=True)
    place.fake.say(chat, ANN, "/ask")
    await place.fake.until(lambda: place.fake.texts(chat))
    assert place.fake.texts(chat) == [said]


# --- edits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chat", [PRIVATE, GROUP, CHANNEL])
async def test_an_edited_command_edits_its_answer(place: Place, chat: int) -> None:
    message = place.fake.say(chat, ANN, "/oi btx")
    await place.fake.until(lambda: place.fake.texts(chat) == ["You said /oi btx"])
    place.fake.edit(message, "/oi btc")
    await place.fake.until(lambda: place.fake.texts(chat) == ["You said /oi btc"])
    place.fake.edit(message, "/oi btc")  # as Telegram does when a link is shown
    place.fake.edit(message, "/oi eth")
    await place.fake.until(lambda: place.fake.texts(chat) == ["You said /oi eth"])
    assert [line for line, _ in place.asked] == ["/oi btx", "/oi btc", "/oi eth"]


async def test_talk_that_becomes_a_command_is_answered(place: Place) -> None:
    message = place.fake.say(GROUP, ANN, "oi btc")
    place.fake.edit(message, "/oi btc")
    await place.fake.until(lambda: place.fake.texts(GROUP) == ["You said /oi btc"])


async def test_a_command_that_becomes_talk_keeps_its_answer(place: Place) -> None:
    message = place.fake.say(GROUP, ANN, "/oi btc")
    await place.fake.until(lambda: place.fake.texts(GROUP))
    place.fake.edit(message, "never mind")
    place.fake.say(PRIVATE, ANN, "/after")
    await place.fake.until(lambda: place.fake.texts(PRIVATE))
    assert place.fake.texts(GROUP) == ["You said /oi btc"]


SHORT: str = "/watch eth short 10x 2eth 3000"
STANDS: str = (
    "This message said “{}” when you sent it, and that was done. It still holds, whatever you make of the message now; "
    "the answer says how to change it back."
)
ANEW: str = "For the new one, send it as a message of its own."


@pytest.fixture
async def talk(fake: BotApi, tmp_path: Path) -> AsyncIterator[Place]:
    """Return a bot that answers with the commands of the house."""
    store, conversations = Store(tmp_path / "perpulse.db"), Conversations(lambda: 0.0)
    made = bot_of(fake, now=lambda: datetime.now(UTC))

    async def answer(line: str, asker: Asker) -> Answer:
        made.asked.append((line, asker))
        deps = Deps(datetime.now(UTC), asker, store, ("BTC", "ETH"), nobody)
        return await conversations.answer(line, deps, on_error=lambda *_: "a defect")

    made.answer = answer
    await made.start()
    yield made
    await made.telegram.stop()
    store.close()


@pytest.mark.parametrize(
    ("line", "edited", "first", "kept"),
    [
        pytest.param(SHORT, SHORT.replace("10x", "20x"), "Watching ETH short (1).", "1. ETH short", id="a position"),
        pytest.param("/mute 2h", "hello", "Muted until", "Muted: all until", id="a mute that becomes talk"),
        pytest.param("sub eth", "sub funding", "On in this chat:", "Alarms: ETH all", id="without a slash"),
        pytest.param("/tz Berlin", "/tz Tokyo", "Times are now shown in", "Berlin", id="a time zone"),
        pytest.param("/digest 9:00", "/digest 10:00", "Every day at 09:00", "Digest: daily 09:00", id="a digest"),
        pytest.param("/sub btc", "/price btc", "On in this chat:", "Alarms: BTC all", id="an alarm, then a question"),
    ],
)
async def test_the_edit_of_what_was_done_changes_nothing(
    talk: Place, line: str, edited: str, first: str, kept: str
) -> None:
    anew = edited != "hello"
    message = talk.fake.say(PRIVATE, ANN, line)
    await talk.fake.until(lambda: talk.fake.accepted)
    [answer] = talk.fake.accepted
    before = (answer.text, pressed(answer))
    talk.fake.edit(message, edited)
    await talk.fake.until(lambda: len(talk.fake.accepted) == 2)
    assert first in answer.text
    assert (answer.text, pressed(answer), answer.edits) == (*before, []), "the first answer keeps its words and buttons"
    said = talk.fake.accepted[1]
    assert said.text == "\n".join([STANDS.format(line), *([ANEW] if anew else [])])
    assert pressed(said) == ([f"1|/{edited.removeprefix('/')}"] if anew else [])
    talk.fake.edit(message, line)  # as it was at first
    talk.fake.say(PRIVATE, ANN, "/settings" if line != SHORT else "/positions")
    await talk.fake.until(lambda: len(talk.fake.accepted) == 3)
    assert kept in talk.fake.texts(PRIVATE)[-1]


WHOLE: str = "/watch eth long 2eth 3000 25x"


@pytest.mark.parametrize(
    ("lines", "press", "edit"),
    [
        pytest.param(("/watch eth long 2eth 25x", "3000"), None, 0, id="a question, and its answer"),
        pytest.param(("/watch eth 2eth 3000 25x",), "Long", 0, id="a question, and a button of it"),
        pytest.param(("/watch eth 2eth 25x", "3000"), "Long", 0, id="two questions, the first one edited"),
        pytest.param(("/watch eth 2eth 25x", "3000"), "Long", 1, id="two questions, the second one edited"),
        pytest.param(
            ("/wach eth long 2eth 3000 25x",), "/watch eth long 2eth 3000 25x", 0, id="a line that was offered"
        ),
        pytest.param(("/watch eth 2eth 3000 25x", "/price eth"), "Long", 0, id="something else between"),
    ],
)
async def test_the_edit_of_what_led_to_a_change_changes_nothing(
    talk: Place, lines: tuple[str, ...], press: str | None, edit: int
) -> None:
    said = []
    for line in lines:
        said.append(talk.fake.say(PRIVATE, ANN, line))
        await talk.fake.until(lambda: len(talk.fake.accepted) == len(said))
    asked = next((one for one in talk.fake.accepted if press and press in labels(one)), None)
    if asked:
        data = pressed(asked)[labels(asked).index(str(press))]
        talk.fake.press(asked, data, ANN)
        await talk.fake.until(lambda: len(talk.fake.accepted) == len(lines) + 1)
    before = len(talk.fake.accepted)
    assert "Watching ETH long (1)." in talk.fake.texts(PRIVATE)[2 if "/price eth" in lines else -1]
    talk.fake.edit(said[edit], WHOLE)
    await talk.fake.until(lambda: len(talk.fake.accepted) == before + 1)
    assert talk.fake.texts(PRIVATE)[-1] == f"{STANDS.format(lines[edit])}\n{ANEW}"
    assert not any(one.edits for one in talk.fake.accepted), "the answers stay"


@pytest.mark.parametrize(
    ("then", "edited", "answer"),
    [
        pytest.param([], "/mute 4h", STANDS.format("/mute 2h"), id="it holds"),
        pytest.param(["Undo"], "/mute 4h", "Muted until", id="it was undone"),
        pytest.param(["/unmute everything"], "/mute 4h", "Muted until", id="by its line, typed"),
        pytest.param(["Undo"], "/price btc", "", id="undone, and it becomes a question"),
        pytest.param(["Undo", "Undo"], "/mute 4h", STANDS.format("/mute 2h"), id="undone, and done again"),
        pytest.param(["/unmute oi"], "/mute 4h", STANDS.format("/mute 2h"), id="something else was changed"),
    ],
)
async def test_the_edit_of_what_was_undone_is_answered_anew(
    talk: Place, then: list[str], edited: str, answer: str
) -> None:
    message = talk.fake.say(PRIVATE, ANN, "/mute 2h")
    await talk.fake.until(lambda: len(talk.fake.accepted) == 1)
    for count, step in enumerate(then, 2):
        last = talk.fake.accepted[-1]
        if step == "Undo":
            talk.fake.press(last, pressed(last)[labels(last).index("Undo")], ANN)
        else:
            talk.fake.say(PRIVATE, ANN, step)
        await talk.fake.until(lambda count=count: len(talk.fake.accepted) == count)  # type: ignore[misc]
    first = talk.fake.accepted[0]
    talk.fake.edit(message, edited)
    if answer == STANDS.format("/mute 2h"):
        await talk.fake.until(lambda: len(talk.fake.accepted) == len(then) + 2)
        assert talk.fake.texts(PRIVATE)[-1].startswith(answer)
        assert not first.edits
    else:
        await talk.fake.until(lambda: first.edits)
        assert talk.fake.texts(PRIVATE)[0].startswith(answer)
        assert "It still holds" not in talk.fake.texts(PRIVATE)[0]


async def test_a_question_that_led_to_nothing_may_be_edited(talk: Place) -> None:
    message = talk.fake.say(PRIVATE, ANN, "/watch eth long 2eth 25x")
    await talk.fake.until(lambda: talk.fake.accepted)
    banana = talk.fake.say(PRIVATE, ANN, "banana")
    await talk.fake.until(lambda: len(talk.fake.accepted) == 2)
    talk.fake.edit(banana, "3000")
    await talk.fake.until(lambda: "Watching ETH long (1)." in talk.fake.texts(PRIVATE)[1])
    talk.fake.edit(message, WHOLE)
    await talk.fake.until(lambda: len(talk.fake.accepted) == 3)
    assert talk.fake.texts(PRIVATE)[2].startswith(STANDS.format("/watch eth long 2eth 25x"))


async def test_what_was_refused_may_be_mended_by_an_edit(talk: Place) -> None:
    message = talk.fake.say(PRIVATE, ANN, "/tz Berlni")
    await talk.fake.until(lambda: talk.fake.accepted)
    talk.fake.edit(message, "/tz Berlin")
    await talk.fake.until(lambda: talk.fake.texts(PRIVATE)[0].startswith("Times are now shown in"))
    talk.fake.edit(message, "/tz Tokyo")
    await talk.fake.until(lambda: len(talk.fake.accepted) == 2)
    assert talk.fake.texts(PRIVATE)[1].startswith(STANDS.format("/tz Berlin"))


async def test_an_edit_of_what_is_not_known_any_more_is_not_done_twice(talk: Place) -> None:
    """As after a restart: what was answered is remembered in memory alone."""
    message = talk.fake.say(PRIVATE, ANN, SHORT)
    await talk.fake.until(lambda: talk.telegram._replies._answered._chats)  # which comes after the answer
    talk.telegram._replies._answered._chats.clear()
    for edited in (SHORT.replace("10x", "20x"), SHORT.replace("10x", "25x")):
        talk.fake.edit(message, edited)
    await talk.fake.until(lambda: len(talk.fake.accepted) == 3)
    forgotten = "I do not know any more what this message said before you edited it, and it may have been done."
    assert talk.fake.texts(PRIVATE)[1:] == [f"{forgotten}\n{ANEW}"] * 2
    talk.fake.edit(message, "/tz")
    await talk.fake.until(lambda: len(talk.fake.accepted) == 4)
    assert talk.fake.texts(PRIVATE)[3].startswith("Times are shown in UTC."), "what changes nothing is answered"


async def test_what_is_too_long_for_a_button_leads_back_by_one_all_the_same(talk: Place) -> None:
    line = "/watch eth short 3000 10x 2eth binance lines 15 8 4 name ann@home, half"
    talk.fake.say(PRIVATE, ANN, line)
    await talk.fake.until(lambda: len(talk.fake.accepted) == 1)
    talk.fake.say(PRIVATE, ANN, "/unwatch 1")
    await talk.fake.until(lambda: len(talk.fake.accepted) == 2)
    answer = talk.fake.accepted[-1]
    assert labels(answer) == ["Undo"]
    talk.fake.press(answer, *pressed(answer), ANN)
    await talk.fake.until(lambda: len(talk.fake.accepted) == 3)
    assert talk.asked[-1][0] == line
    assert "Watching ETH short" in talk.fake.texts(PRIVATE)[-1]
    talk.fake.press(answer, "1|=0123456789abcdef", ANN)
    await talk.fake.until(lambda: "too old" in str(talk.fake.toasts))


async def test_a_picture_is_sent_anew(place: Place) -> None:
    place.answers["/chart btc"] = Answer((Line("BTC"), Picture({"picture": "market"}, "BTC")))
    message = place.fake.say(PRIVATE, ANN, "/chart btc")
    await place.fake.until(lambda: len(place.fake.accepted) == 1)
    place.fake.edit(message, "/oi btc")
    await place.fake.until(lambda: len(place.fake.accepted) == 2)
    assert [sent.photo is not None for sent in place.fake.accepted] == [True, False]


async def test_news_of_what_was_asked_before_does_not_overwrite_the_edit(place: Place) -> None:
    came = asyncio.Event()

    async def news() -> tuple[Line, ...]:
        await came.wait()
        return (Line("news of btx"),)

    place.answers["/oi btx"] = Answer((Line("asking"),), news())
    message = place.fake.say(PRIVATE, ANN, "/oi btx")
    await place.fake.until(lambda: place.fake.accepted)
    place.fake.edit(message, "/oi btc")
    await place.fake.until(lambda: place.fake.texts(PRIVATE) == ["You said /oi btc"])
    came.set()
    await asyncio.sleep(0.05)
    assert place.fake.texts(PRIVATE) == ["You said /oi btc"]


# --- what waited while the bot was away -------------------------------------------------------------------------------


def waited(fake: BotApi, chat: int, lines: list[str], *, hours: float = 8) -> None:
    for line in lines:
        fake.say(chat, ANN, line, ago=hours * 3600)


async def test_old_commands_are_told_in_one_line_a_chat(fake: BotApi) -> None:
    made = bot_of(fake, now=lambda: datetime.now(UTC))
    waited(fake, PRIVATE, [f"/liq {price} 25x" for price in range(100)])
    waited(fake, GROUP, ["/oi btc"])
    waited(fake, GROUP, ["just talk"])
    fake.say(PRIVATE, ANN, "/now")
    await made.start()
    await fake.until(lambda: len(fake.accepted) == 3, within=10)
    await made.telegram.stop()
    assert [line for line, _ in made.asked] == ["/now"]
    assert sorted(fake.texts(PRIVATE)) == [
        (
            "I was away: 100 commands were not answered, the last was /liq 99 25x. "
            "Ask again for what you still want to know."
        ),
        "You said /now",
    ]
    [told] = [sent for sent in fake.accepted if sent.chat == GROUP]
    assert told.text == (
        "I was away: 1 command was not answered, it was /oi btc. Ask again for what you still want to know."
    )
    assert pressed(told) == ["1|/oi btc"]


def labels(sent: Sent) -> list[str]:
    return [button["text"] for row in sent.keyboard for button in row]


def pressed(sent: Sent) -> list[str]:
    return [button["callback_data"] for row in sent.keyboard for button in row]


async def test_a_clock_that_is_wrong_silences_nobody_for_long(fake: BotApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.channels.telegram.channel._CATCHING_UP", 0.3)
    made = bot_of(fake, now=lambda: datetime(2099, 1, 1, tzinfo=UTC))
    await made.start()
    await asyncio.sleep(0.4)
    fake.say(PRIVATE, ANN, "/oi btc")
    await made.heard(1)
    await made.telegram.stop()


async def test_without_a_clock_nothing_is_late(fake: BotApi) -> None:
    made = bot_of(fake)
    waited(fake, PRIVATE, ["/oi btc"])
    await made.start()
    await made.heard(1)
    await made.telegram.stop()
