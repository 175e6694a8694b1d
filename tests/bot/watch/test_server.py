"""The listener: off unless asked for, and of this machine unless said otherwise; the bot never ends for it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

import aiohttp
import pytest
from pydantic import ValidationError

from bot.watch.config import WatchSection
from bot.watch.served import server
from bot.watch.served.server import WatchServer
from tests.bot.commandline import closed_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.bot.watch.house import Watched


@contextlib.asynccontextmanager
async def listening(watched: Watched, port: int) -> AsyncIterator[str]:
    task = asyncio.create_task(WatchServer(watched.vitals, f"127.0.0.1:{port}").run())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def get(url: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session:
        for _ in range(100):
            with contextlib.suppress(aiohttp.ClientConnectorError):
                async with session.get(url) as answer:
                    return answer.status, answer.headers["Content-Type"], await answer.text()
            await asyncio.sleep(0.02)
    raise AssertionError("nobody listens")


async def test_three_places_answer_and_no_other(watched: Watched) -> None:
    async with listening(watched, closed_port()) as url:
        status, kind, text = await get(f"{url}/healthz")
        assert (status, kind) == (200, "application/json; charset=utf-8")
        assert '"ready": true' in text
        status, kind, text = await get(f"{url}/metrics")
        assert status == 200
        assert kind.startswith("text/plain; version=")
        assert "perpulse_turns_total" in text
        assert (await get(f"{url}/livez"))[0] == 200
        assert (await get(f"{url}/"))[0] == 404


async def test_what_is_not_well_is_503_and_alive_all_the_same(watched: Watched) -> None:
    watched.desk.clock.forward(3600)
    async with listening(watched, closed_port()) as url:
        status, _, text = await get(f"{url}/healthz")
        assert status == 503
        assert "No turn has gone well for 1 h." in text
        assert (await get(f"{url}/livez"))[0] == 200


async def test_a_port_that_is_taken_is_waited_for(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "AGAIN_S", 0.02)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        task = asyncio.create_task(WatchServer(watched.vitals, f"127.0.0.1:{port}").run())
        await asyncio.sleep(0.1)
        assert not task.done()
    assert (await get(f"http://127.0.0.1:{port}/livez"))[0] == 200
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize("listen", ["127.0.0.1:9464", "localhost:9464", "[::1]:9464", "127.0.0.2:80"])
def test_this_machine_may_be_listened_at(listen: str) -> None:
    assert WatchSection(listen=listen).listen == listen


@pytest.mark.parametrize("listen", ["0.0.0.0:9464", "192.168.1.5:9464", "[::]:9464", "perpulse.example.org:9464"])
def test_anybody_else_only_where_the_owner_says_so(listen: str) -> None:
    with pytest.raises(ValidationError, match="have no password: whoever reaches them reads"):
        WatchSection(listen=listen)
    assert WatchSection(listen=listen, listen_publicly=True).listen == listen


@pytest.mark.parametrize("listen", ["", "9464", ":9464", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:x"])
def test_what_is_no_place_is_refused_with_an_example(listen: str) -> None:
    with pytest.raises(ValidationError, match=r"write an address and a port, like 127\.0\.0\.1:9464"):
        WatchSection(listen=listen)
