"""What discord.py and aiohttp raise, and what it means to whoever sends: a table, and that it misses nothing."""

from __future__ import annotations

import inspect
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from discord import ClientException, DiscordServerError, Forbidden, HTTPException, LoginFailure, NotFound, RateLimited

from handlers.channels import failure as failures
from handlers.channels.discord.errors import RAISED, failure
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

VIA = {"Via": "1.1 google"}


def http(kind: type[HTTPException], status: int, code: int = 0, said: str = "no", **headers: str) -> HTTPException:
    response: Any = SimpleNamespace(status=status, reason="x", headers=headers)
    return kind(response, {"code": code, "message": said})


def unreached(kind: type[aiohttp.ClientConnectorError]) -> aiohttp.ClientConnectorError:
    return kind(SimpleNamespace(host="discord.com", port=443, is_ssl=True, ssl=True), OSError(111, "refused"))


ANSWERS = [
    pytest.param(LoginFailure("Improper token"), TokenRefused(""), id="a wrong token"),
    pytest.param(http(HTTPException, 401), TokenRefused(""), id="401"),
    pytest.param(http(Forbidden, 403, 50001), RightsMissing(""), id="may not see the channel"),
    pytest.param(http(Forbidden, 403, 50013), RightsMissing(""), id="may not write there"),
    pytest.param(http(HTTPException, 400, 50083), RightsMissing(""), id="a closed thread"),
    pytest.param(http(HTTPException, 400, 160002), RightsMissing(""), id="may not read what is answered"),
    pytest.param(http(Forbidden, 403), RightsMissing(""), id="403 without more"),
    pytest.param(http(Forbidden, 403, 50007), ChatGone(""), id="no direct messages"),
    pytest.param(http(Forbidden, 403, 50278), ChatGone(""), id="no server in common"),
    pytest.param(http(NotFound, 404, 10003), ChatGone(""), id="no such channel"),
    pytest.param(http(NotFound, 404, 10015), ChatGone(""), id="no such webhook"),
    pytest.param(http(HTTPException, 401, 50027), ChatGone(""), id="a webhook with another token"),
    pytest.param(http(NotFound, 404, 10008), MessageRefused(""), id="no such message"),
    pytest.param(http(NotFound, 404, 10062), MessageRefused(""), id="an interaction that is over"),
    pytest.param(http(HTTPException, 413, 40005), MessageRefused(""), id="too large a file"),
    pytest.param(http(HTTPException, 400, 50035, "In embeds.0"), MarkupRefused(""), id="an embed refused"),
    pytest.param(http(HTTPException, 400, 50035, "In content"), MessageRefused(""), id="another form refused"),
    pytest.param(http(HTTPException, 400, 50006), MessageRefused(""), id="an empty message"),
    pytest.param(RateLimited(45.0), Throttled("", seconds=45.0), id="a bucket, for long"),
    pytest.param(http(HTTPException, 429, **VIA, **{"Retry-After": "7"}), Throttled("", seconds=7.0), id="five times"),
    pytest.param(
        http(HTTPException, 429, **VIA, **{"Retry-After": "7", "X-RateLimit-Global": "true"}),
        Throttled("", seconds=7.0, scope="platform"),
        id="global",
    ),
    pytest.param(http(HTTPException, 429), Throttled("", seconds=600.0, scope="platform"), id="banned by the front"),
    pytest.param(
        http(HTTPException, 429, **{"Retry-After": "3000"}),
        Throttled("", seconds=3000.0, scope="platform"),
        id="longer",
    ),
    pytest.param(http(DiscordServerError, 503), PerhapsSent("", scope="platform"), id="503"),
    pytest.param(http(DiscordServerError, 500), PerhapsSent("", scope="platform"), id="500, after five tries"),
    pytest.param(aiohttp.ServerDisconnectedError(), PerhapsSent(""), id="the answer is lost"),
    pytest.param(OSError(104, "reset"), PerhapsSent(""), id="reset"),
    pytest.param(TimeoutError(), PerhapsSent(""), id="no answer in time"),
    pytest.param(unreached(aiohttp.ClientConnectorError), Unreached(""), id="no connection"),
    pytest.param(unreached(aiohttp.ClientProxyConnectionError), Unreached(""), id="no proxy"),
    pytest.param(ClientException("odd"), MessageRefused(""), id="the library itself"),
]


def meaning(failed: SendFailed) -> tuple[Any, ...]:
    return type(failed), failed.scope, getattr(failed, "seconds", None)


@pytest.mark.parametrize(("error", "expected"), ANSWERS)
def test_each_error_is_one_kind(error: Any, expected: SendFailed) -> None:
    assert isinstance(error, RAISED)
    found = failure(error)
    assert meaning(found) == meaning(expected)
    assert found.reason
    assert "\n" not in found.reason


def test_the_table_holds_every_kind_that_discord_knows() -> None:
    kinds = {kind for _, kind in inspect.getmembers(failures, inspect.isclass) if kind.__base__ is SendFailed}
    assert {type(case.values[1]) for case in ANSWERS} == kinds - {NotSent, ChatMoved}
