"""Every answer of Telegram that is an error, and what it means to the sender: the rows of one table."""

from __future__ import annotations

import inspect
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import aiohttp
import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)

from handlers.channels import failure as failures
from handlers.channels.channel import Address, Outgoing
from handlers.channels.failure import (
    ChatGone,
    ChatMoved,
    MarkupRefused,
    MessageRefused,
    NotSent,
    PerhapsSent,
    RightsMissing,
    SendFailed,
    Throttled,
    TokenRefused,
    Unreached,
)
from handlers.channels.telegram.errors import failure, is_topic_gone, is_unchanged
from handlers.reply import Line
from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.telegram_chats import BLOCKED, DEACTIVATED, KICKED
from tests.handlers.channels.telegram.talking import GROUP, PRIVATE, bot_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from handlers.channels.telegram.channel import Telegram

TO_ANN, TO_GROUP = Address(str(PRIVATE)), Address(str(GROUP), kind="group")
NEWS = Outgoing((Line("x"),))


@pytest.fixture
async def fake() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        server.chat(PRIVATE, title="Ann")
        server.chat(GROUP, "group")
        yield server
    assert not server.problems


@pytest.fixture
async def sender(fake: BotApi) -> AsyncIterator[Telegram]:
    """A bot that only sends: nothing polls."""
    telegram = bot_of(fake).telegram
    yield telegram
    await telegram.stop()


def status(number: int, text: str = "x") -> dict[str, Any]:
    return {"kind": "status", "status": number, "text": text}


ANSWERS = [
    pytest.param({"kind": "flood", "seconds": 7}, Throttled("", seconds=7.0, scope="unsaid"), id="429"),
    pytest.param(
        {"kind": "flood", "text": "Too Many Requests: retry after 3"},
        Throttled("", seconds=3.0, scope="unsaid"),
        id="429 in text",
    ),
    pytest.param(
        {"kind": "flood", "text": "Too Many Requests"},
        Throttled("", seconds=5.0, scope="unsaid"),
        id="429 without seconds",
    ),
    pytest.param(status(403, BLOCKED), ChatGone(""), id="blocked"),
    pytest.param(status(403, KICKED), ChatGone(""), id="kicked"),
    pytest.param(status(403, DEACTIVATED), ChatGone(""), id="deactivated"),
    pytest.param(status(400, "Bad Request: chat not found"), ChatGone(""), id="no chat"),
    pytest.param(
        status(400, "Bad Request: not enough rights to send text messages to the chat"),
        RightsMissing(""),
        id="no right to write",
    ),
    pytest.param(status(400, "Bad Request: can't parse entities: x"), MarkupRefused(""), id="markup refused"),
    pytest.param(status(400, "Bad Request: message is too long"), MarkupRefused(""), id="too long"),
    pytest.param(status(400, "Bad Request: ODD"), MessageRefused(""), id="other 400"),
    pytest.param(status(413, "Request Entity Too Large"), MessageRefused(""), id="413"),
    pytest.param(status(401, "Unauthorized"), TokenRefused(""), id="401"),
    pytest.param(status(404, "Not Found"), TokenRefused(""), id="404: no such token or method"),
    pytest.param(status(409, "Conflict: x"), NotSent(""), id="409"),
    pytest.param(status(500), Unreached(""), id="500"),
    pytest.param({"kind": "html", "status": 502}, Unreached(""), id="502 with a page"),
    pytest.param(status(504, "Gateway Timeout"), PerhapsSent("", scope="platform"), id="504"),
    pytest.param({"kind": "html", "status": 504}, PerhapsSent("", scope="platform"), id="504 with a page"),
    pytest.param({"kind": "html", "status": 200}, PerhapsSent(""), id="200 with a page"),
    pytest.param({"kind": "lost"}, PerhapsSent(""), id="answer lost"),
    pytest.param({"kind": "delay", "seconds": 0.4}, PerhapsSent(""), id="answer late"),
]


def meaning(failed: SendFailed) -> tuple[Any, ...]:
    """Return what a sender can see of a failure: its kind and what it carries."""
    carried = {name: value for name, value in vars(failed).items() if name not in ("reason", "scope")}
    return type(failed), failed.scope, carried


@pytest.mark.parametrize(("trouble", "expected"), ANSWERS)
async def test_an_answer_on_the_wire_means(
    fake: BotApi, sender: Telegram, trouble: dict[str, Any], expected: SendFailed
) -> None:
    fake.disturb(**trouble)
    with pytest.raises(SendFailed) as caught:
        await sender.send(TO_ANN, NEWS)
    assert meaning(caught.value) == meaning(expected)
    assert TOKEN not in f"{caught.value!r} {caught.value.reason}"
    assert fake.counts()["sendMessage"] == 1  # never a second try: that is the sender's decision


async def test_a_closed_port_means_not_sent(fake: BotApi, sender: Telegram) -> None:
    await fake.stop()
    with pytest.raises(Unreached):
        await sender.send(TO_ANN, NEWS)


async def test_tells_the_new_id_of_a_group(fake: BotApi, sender: Telegram) -> None:
    new = fake.migrate(GROUP, announce=False)
    with pytest.raises(ChatMoved) as caught:
        await sender.send(TO_GROUP, NEWS)
    assert caught.value.to == str(new)


def caused(error: TelegramError, cause: Exception) -> TelegramError:
    error.__cause__ = cause
    return error


CLOSED = aiohttp.ClientConnectorError(Mock(ssl=True), OSError())
NO_PROXY = aiohttp.ClientHttpProxyError(Mock(), ())
RAISED = [
    pytest.param(ChatMigrated(-100), ChatMoved("", to="-100"), id="ChatMigrated"),
    pytest.param(InvalidToken(), TokenRefused(""), id="InvalidToken"),
    pytest.param(Forbidden("x"), ChatGone(""), id="Forbidden"),
    pytest.param(Conflict("x"), NotSent(""), id="Conflict"),
    pytest.param(BadRequest("CHAT_WRITE_FORBIDDEN"), RightsMissing(""), id="no right to write"),
    pytest.param(BadRequest("CHAT_RESTRICTED"), RightsMissing(""), id="restricted"),
    pytest.param(BadRequest("CHAT_ADMIN_REQUIRED"), RightsMissing(""), id="no admin of a channel"),
    pytest.param(BadRequest("CHAT_SEND_PLAIN_FORBIDDEN"), RightsMissing(""), id="no right to write text"),
    pytest.param(Forbidden("not enough rights to send text messages to the chat"), RightsMissing(""), id="as a 403"),
    pytest.param(Forbidden("bot is not a member of the channel chat"), ChatGone(""), id="no member of a channel"),
    pytest.param(BadRequest("query is too old"), MessageRefused(""), id="a late callback"),
    pytest.param(caused(NetworkError("x"), CLOSED), Unreached(""), id="connection refused"),
    pytest.param(caused(TimedOut(), aiohttp.ConnectionTimeoutError()), Unreached(""), id="connecting is slow"),
    pytest.param(caused(NetworkError("x"), NO_PROXY), Unreached(""), id="the proxy refuses"),
    pytest.param(caused(NetworkError("x"), aiohttp.InvalidURL("x")), Unreached(""), id="no address"),
    pytest.param(caused(TimedOut(), aiohttp.SocketTimeoutError()), PerhapsSent(""), id="reading is slow"),
    pytest.param(caused(NetworkError("x"), aiohttp.ClientOSError()), PerhapsSent(""), id="broken pipe"),
    pytest.param(caused(NetworkError("x"), aiohttp.ServerDisconnectedError()), PerhapsSent(""), id="reset"),
    pytest.param(caused(NetworkError("x"), aiohttp.ClientPayloadError()), PerhapsSent(""), id="half an answer"),
    pytest.param(TelegramError("Invalid server response"), PerhapsSent(""), id="no JSON"),
]


@pytest.mark.parametrize(("error", "expected"), RAISED)
def test_an_error_of_the_library_means(error: TelegramError, expected: SendFailed) -> None:
    assert meaning(failure(error)) == meaning(expected)


def test_the_tables_hold_every_kind_that_telegram_knows() -> None:
    kinds = {kind for _, kind in inspect.getmembers(failures, inspect.isclass) if kind.__base__ is SendFailed}
    assert {type(case.values[1]) for case in (*ANSWERS, *RAISED)} == kinds


@pytest.mark.parametrize("kind", [NetworkError, InvalidToken, TelegramError])
def test_no_reason_quotes_the_token(kind: type[TelegramError]) -> None:
    assert TOKEN not in failure(kind(f"The token `{TOKEN}` was rejected by the server.")).reason


@pytest.mark.parametrize("timedeltas", ["0", "1"])
def test_reads_the_wait_as_number_and_as_timedelta(monkeypatch: pytest.MonkeyPatch, timedeltas: str) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", timedeltas)
    with warnings.catch_warnings(action="ignore"):
        assert meaning(failure(RetryAfter(timedelta(seconds=9)))) == meaning(Throttled("", seconds=9.0, scope="unsaid"))


@pytest.mark.parametrize(
    ("error", "unchanged", "topic_gone"),
    [
        pytest.param(BadRequest("Message is not modified: x"), True, False, id="nothing changed"),
        pytest.param(BadRequest("Message thread not found"), False, True, id="no topic"),
        pytest.param(BadRequest("TOPIC_CLOSED"), False, True, id="topic closed"),
        pytest.param(BadRequest("chat not found"), False, False, id="another refusal"),
        pytest.param(NetworkError("message is not modified"), False, False, id="no refusal at all"),
    ],
)
def test_two_refusals_are_no_failures(error: TelegramError, unchanged: bool, topic_gone: bool) -> None:
    assert (is_unchanged(error), is_topic_gone(error)) == (unchanged, topic_gone)
