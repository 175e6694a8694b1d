"""The fake refuses what Telegram refuses. Each row is a request at the wire and the sentence it must meet."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.fakes.bot_api import BotApi
from tests.fakes.telegram_chats import BLOCKED
from tests.fakes.telegram_markup import Entity, Unreadable, parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
async def fake() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        server.chat(5)
        server.chat(-7, "group", members={1: "creator"})
        server.chat(-1008, "supergroup", topics={3})
        yield server


async def ask(fake: BotApi, method: str, token: str | None = None, **params: Any) -> tuple[int, dict[str, Any]]:
    form = aiohttp.FormData()
    for key, value in params.items():
        if isinstance(value, bytes):
            form.add_field(key, value, filename=key)
        else:
            form.add_field(key, value if isinstance(value, str) else json.dumps(value))
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{fake.base_url}{token or fake.token}/{method}", data=form) as answer,
    ):
        return answer.status, await answer.json()


BUTTON = {"inline_keyboard": [[{"text": "x", "callback_data": "d" * 65}]]}


@pytest.mark.parametrize(
    ("method", "params", "status", "sentence"),
    [
        pytest.param("sendMessage", {"text": " \n"}, 400, "text is empty", id="empty text"),
        pytest.param("sendMessage", {"text": "x" * 4097}, 400, "message is too long", id="long text"),
        pytest.param("sendMessage", {"text": "😀" * 2049}, 400, "message is too long", id="counts UTF-16"),
        pytest.param("sendMessage", {"text": "<b>x", "parse_mode": "HTML"}, 400, "can't parse entities", id="unclosed"),
        pytest.param("sendMessage", {"text": "x", "chat_id": 99}, 400, "chat not found", id="unknown chat"),
        pytest.param("sendMessage", {"text": "x", "message_thread_id": 9}, 400, "thread not found", id="no topic"),
        pytest.param("sendMessage", {"text": "x", "reply_markup": BUTTON}, 400, "BUTTON_DATA_INVALID", id="data 65"),
        pytest.param(
            "sendMessage", {"text": "x", "reply_parameters": {"message_id": 9}}, 400, "to be replied", id="no reply"
        ),
        pytest.param("sendPhoto", {"photo": PNG, "caption": "x" * 1025}, 400, "caption is too long", id="caption"),
        pytest.param("sendPhoto", {"photo": b"GIF"}, 400, "IMAGE_PROCESS_FAILED", id="no image"),
        pytest.param("editMessageText", {"message_id": 9, "text": "x"}, 400, "to edit not found", id="edit unknown"),
        pytest.param("answerCallbackQuery", {"callback_query_id": "1"}, 400, "query is too old", id="unknown query"),
        pytest.param("setMyCommands", {"commands": [{"command": "X", "description": "y"}]}, 400, "INVALID", id="menu"),
    ],
)
async def test_refuses(fake: BotApi, method: str, params: dict[str, Any], status: int, sentence: str) -> None:
    about_chat = {} if method in ("answerCallbackQuery", "setMyCommands") else {"chat_id": 5}
    answered, body = await ask(fake, method, **(about_chat | params))
    assert (answered, body["ok"]) == (status, False)
    assert sentence in body["description"]
    assert not fake.accepted
    assert not fake.problems


@pytest.mark.parametrize(
    ("method", "params", "problem"),
    [
        pytest.param("sendMessage", {"chat_id": 5}, "Field required", id="required field missing"),
        pytest.param("sendMessage", {"chat_id": 5, "text": "x", "colour": "red"}, "no field", id="unknown field"),
        pytest.param("sendMessage", {"chat_id": 5, "text": "x", "reply_markup": "{"}, "reply_markup", id="bad JSON"),
        pytest.param("banChatMember", {"chat_id": 5, "user_id": 1}, "not implemented", id="not implemented"),
    ],
)
async def test_notes_a_wrong_request_so_that_the_test_fails(
    fake: BotApi, method: str, params: dict[str, Any], problem: str
) -> None:
    status, _ = await ask(fake, method, **params)
    assert status in (400, 404)
    assert problem in fake.problems[0]


async def test_shows_what_was_accepted(fake: BotApi) -> None:
    await ask(fake, "sendMessage", chat_id=5, text="<b>a &lt; b</b>", parse_mode="HTML", disable_notification=True)
    await ask(fake, "sendMessage", chat_id=5, text="123")
    await ask(fake, "sendPhoto", chat_id=-1008, photo=PNG, caption="c", message_thread_id=3)
    await ask(fake, "editMessageText", chat_id=5, message_id=2, text="[1]")
    first, second, third = fake.accepted
    assert (first.text, first.html, first.silent) == ("a < b", "<b>a &lt; b</b>", True)
    assert (second.text, second.edits) == ("[1]", ["123"])
    assert (third.text, third.photo, third.thread) == ("c", PNG, 3)


async def test_edits_only_what_changes_and_by_the_right_method(fake: BotApi) -> None:
    await ask(fake, "sendMessage", chat_id=5, text="x")
    await ask(fake, "sendPhoto", chat_id=5, photo=PNG, caption="x")
    _, same = await ask(fake, "editMessageText", chat_id=5, message_id=1, text="x")
    _, no_caption = await ask(fake, "editMessageCaption", chat_id=5, message_id=1, caption="y")
    _, no_text = await ask(fake, "editMessageText", chat_id=5, message_id=2, text="y")
    assert "message is not modified" in same["description"]
    assert "no caption in the message" in no_caption["description"]
    assert "no text in the message" in no_text["description"]


@pytest.mark.slow
async def test_keeps_the_three_limits() -> None:
    now = 0.0
    async with BotApi(speed=10) as fake:  # a second of Telegram is 0.1 s here, a minute 6 s
        fake.clock = lambda: now
        fake.chat(-7, "group")
        for number in range(100, 140):
            fake.chat(number)
        assert (await ask(fake, "sendMessage", chat_id=100, text="x"))[0] == 200
        status, body = await ask(fake, "sendMessage", chat_id=100, text="x")
        assert (status, body["parameters"]) == (429, {"retry_after": 0.1})
        answers = [await ask(fake, "sendMessage", chat_id=n, text="x") for n in range(101, 140)]
        assert [status for status, _ in answers] == [200] * 29 + [429] * 10
        for _ in range(20):
            now += 0.11
            assert (await ask(fake, "sendMessage", chat_id=-7, text="x"))[0] == 200
        now += 0.11
        status, body = await ask(fake, "sendMessage", chat_id=-7, text="x")
        assert (status, body["parameters"]) == (429, {"retry_after": 3.8})


async def test_knows_its_token_and_who_left(fake: BotApi) -> None:
    assert (await ask(fake, "getMe", token="5:short"))[0] == 404
    assert (await ask(fake, "getMe", token="100000001:" + "A" * 35))[0] == 401
    fake.lose(5)
    assert await ask(fake, "sendMessage", chat_id=5, text="x") == (
        403,
        {"ok": False, "error_code": 403, "description": BLOCKED},
    )
    new = fake.migrate(-7)
    _, body = await ask(fake, "sendMessage", chat_id=-7, text="x")
    assert body["parameters"] == {"migrate_to_chat_id": new}
    fake.revoked = True
    assert (await ask(fake, "getMe"))[0] == 401


async def test_get_updates_waits_and_a_second_poller_ends_the_first(fake: BotApi) -> None:
    waiting = asyncio.create_task(ask(fake, "getUpdates", timeout=5))
    await fake.until(lambda: fake.counts()["getUpdates"] == 1)
    assert not waiting.done()
    second = asyncio.create_task(ask(fake, "getUpdates", timeout=5, allowed_updates=["message"]))
    status, body = await waiting
    assert (status, "terminated by other getUpdates" in body["description"]) == (409, True)
    fake.say(5, 1, "/help")
    _, body = await second
    [update] = body["result"]
    assert update["message"]["entities"] == [{"type": "bot_command", "offset": 0, "length": 5}]
    _, again = await ask(fake, "getUpdates", offset=update["update_id"] + 1)
    assert again["result"] == []


async def test_loses_an_answer_after_accepting(fake: BotApi) -> None:
    fake.disturb("lost")
    with pytest.raises(aiohttp.ClientError):
        await ask(fake, "sendMessage", chat_id=5, text="x")
    assert fake.texts(5) == ["x"]


async def test_comes_back_on_the_same_port(fake: BotApi) -> None:
    await fake.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(fake, "getMe")
    await fake.start()
    assert (await ask(fake, "getMe"))[0] == 200


@pytest.mark.parametrize(
    ("phase", "accepted"),
    [pytest.param("before", 1, id="before"), pytest.param("after", 2, id="after"), pytest.param("answered", 2, id="a")],
)
async def test_kills_a_process_at_a_chosen_request(fake: BotApi, phase: Any, accepted: int) -> None:
    victim = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(60)")
    fake.kill_at(2, victim.pid, phase)
    await ask(fake, "sendMessage", chat_id=5, text="1")
    assert victim.returncode is None
    send = asyncio.create_task(ask(fake, "sendMessage", chat_id=5, text="2"))
    assert await victim.wait() == -signal.SIGKILL
    if phase == "answered":
        assert (await send)[0] == 200
    else:
        with pytest.raises(aiohttp.ClientError):
            await send
    assert len(fake.accepted) == accepted


@pytest.mark.parametrize(
    ("html", "text", "entities"),
    [
        pytest.param("a &lt;b&gt; &amp;amp; &#36;", "a <b> &amp; $", (), id="references once"),
        pytest.param("&nbsp; & >", "&nbsp; & >", (), id="unknown references stay"),
        pytest.param("😀<b>x</b>", "😀x", (Entity("b", 2, 1),), id="offsets in UTF-16"),
        pytest.param("<i>a<b>b</b></i>", "ab", (Entity("i", 0, 2), Entity("b", 1, 1)), id="nested"),
        pytest.param('<a href="x">y</a>', "y", (Entity("a", 0, 1),), id="attribute"),
    ],
)
def test_reads_markup(html: str, text: str, entities: tuple[Entity, ...]) -> None:
    assert parse(html) == (text, entities)


@pytest.mark.parametrize(
    "html", ["<b>x", "x</b>", "<b><i>x</b></i>", "<br>", "1 < 2", "a <", "<b", "<script>x</script>", "<>"]
)
def test_refuses_markup(html: str) -> None:
    with pytest.raises(Unreadable):
        parse(html)
