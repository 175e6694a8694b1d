"""The wire to Telegram: what goes over it, by which way, and that nothing of it leads elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from telegram.error import NetworkError, TimedOut

from handlers.channels.failure import Unreached
from handlers.channels.telegram.errors import failure
from handlers.channels.telegram.wire import Fields, Upload, Wire, _body
from tests.fakes.bot_api import TOKEN
from tests.fakes.served import Served

if TYPE_CHECKING:
    from collections.abc import Mapping

TELEGRAM = "https://api.telegram.org/bot1:x/sendMessage"
WAY = "http://10.0.0.1:3128"


@pytest.mark.parametrize(
    ("given", "environment", "way"),
    [
        pytest.param(WAY, {}, WAY, id="the configuration's"),
        pytest.param(None, {"https_proxy": WAY}, WAY, id="the environment's"),
        pytest.param(None, {"all_proxy": WAY}, WAY, id="for everything"),
        pytest.param(None, {"http_proxy": WAY}, None, id="for http alone"),
        pytest.param(None, {"https_proxy": WAY, "no_proxy": "telegram.org"}, None, id="not for Telegram"),
        pytest.param(WAY, {"no_proxy": "telegram.org"}, WAY, id="the configuration counts"),
    ],
)
def test_the_way_is_found_once(
    given: str | None, environment: Mapping[str, str], way: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    wire = Wire(connect=1, read=1, proxy=given)
    assert wire._way(TELEGRAM) == way
    monkeypatch.setenv("https_proxy", "http://10.0.0.2:3128")
    assert wire._way(TELEGRAM) == way


async def test_a_proxy_of_the_environment_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://me:MARKER@10.0.0.1:1080")
    wire = Wire(connect=1, read=1)
    with pytest.raises(NetworkError) as caught:
        await wire.call(TELEGRAM, {"text": "x"})
    await wire.shutdown()
    failed = failure(caught.value)
    assert isinstance(failed, Unreached)
    assert "HTTPS_PROXY or ALL_PROXY is no proxy like http://host:port" in failed.reason
    assert "MARKER" not in failed.reason


@given(fields=st.dictionaries(st.sampled_from(("text", "caption", "chat_id")), st.text(max_size=200)))
def test_fields_arrive_as_they_are(fields: dict[str, str]) -> None:
    fields = {name: text.encode("utf-8", "replace").decode() for name, text in fields.items()}
    body, headers = _body(Fields(fields))  # type: ignore[arg-type]
    assert body == urlencode(fields)
    assert dict(parse_qsl(str(body), keep_blank_values=True)) == fields
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


class Elsewhere(Served):
    """Answers every call in one way, and counts them."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.calls = answer, 0

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", "/{path:.*}", self._answer)]

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        answer: web.StreamResponse = await self.answer(request)
        return answer


async def test_a_redirect_is_not_followed_so_that_the_token_stays_here() -> None:
    async def lead_away(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    wire = Wire(connect=1, read=1)
    async with Elsewhere(lead_away) as server:
        with pytest.raises(NetworkError) as caught:
            await wire.call(f"{server.base_url}/bot{TOKEN}/sendMessage", {"text": "x"})
        assert server.calls == 1
        assert TOKEN not in failure(caught.value).reason
    await wire.shutdown()


async def test_an_error_says_its_kind_and_not_the_address() -> None:
    async def cut(request: web.Request) -> web.Response:
        assert request.transport
        request.transport.abort()
        return web.Response()

    wire = Wire(connect=1, read=1)
    async with Elsewhere(cut) as server:
        with pytest.raises(NetworkError) as caught:
            await wire.call(f"{server.base_url}/bot{TOKEN}/sendMessage", {"text": "x"})
        assert isinstance(caught.value.__cause__, aiohttp.ServerDisconnectedError)
    assert caught.value.message == "ServerDisconnectedError"
    with pytest.raises(NetworkError) as caught:
        await wire.call(f"http://no host/bot{TOKEN}/sendMessage", {"text": "x"})
    assert TOKEN not in caught.value.message
    await wire.shutdown()


async def test_a_picture_may_take_its_own_time_and_arrives_whole() -> None:
    found: list[Any] = []

    async def slowly(request: web.Request) -> web.Response:
        given = await request.post()
        photo: Any = given["photo"]
        found.append((given["caption"], photo.filename, photo.content_type, photo.file.read()))
        photo.file.close()
        await asyncio.sleep(0.3)
        return web.json_response({"ok": True, "result": {"message_id": 7}})

    wire = Wire(connect=1, read=0.1)
    async with Elsewhere(slowly) as server:
        url = f"{server.base_url}/bot{TOKEN}/sendPhoto"
        upload = Upload("photo", "chart.png", b"\x89PNG-and-more", "image/png")
        assert (await wire.call(url, {"caption": "c"}, upload, read=2.0))["message_id"] == 7
        with pytest.raises(TimedOut):
            await wire.call(url, {"caption": "c"}, upload)
    assert found == [("c", "chart.png", "image/png", b"\x89PNG-and-more")] * 2
    await wire.shutdown()
