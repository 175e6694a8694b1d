"""The dead man's switch: called while all is well, never in anybody's way, and its address is told to nobody."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import structlog
from aiohttp import web
from pydantic import SecretStr, ValidationError

from bot.config import Config
from bot.processes.roles import ROLES
from bot.watch.config import WatchSection
from bot.watch.outside import switch as module
from bot.watch.outside.switch import DeadMansSwitch
from tests.bot.commandline import closed_port
from tests.bot.watch.house import begun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.processes.roles import Role
    from tests.bot.watch.house import Watched

PATH = "/ping/3f0c2f5e-secret"
MINUTE = timedelta(minutes=1)


@dataclass
class Monitor:
    """A monitor that answers as it is told. status, body: of each answer. pause: seconds before it."""

    url: str = ""
    status: int = 200
    body: str = "OK"
    pause: float = 0.0
    calls: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.calls.append(f"{request.method} {request.path}")
        await asyncio.sleep(self.pause)
        headers = {"Location": "/elsewhere"} if 300 <= self.status < 400 else {}
        return web.Response(status=self.status, text=self.body, headers=headers)


@pytest.fixture
async def monitor() -> AsyncIterator[Monitor]:
    made, app = Monitor(), web.Application()
    app.router.add_route("*", "/{any:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", port := closed_port())
    await site.start()
    made.url = f"http://127.0.0.1:{port}{PATH}"
    yield made
    await runner.cleanup()


@contextlib.asynccontextmanager
async def switch_of(watched: Watched, url: str) -> AsyncIterator[DeadMansSwitch]:
    made = DeadMansSwitch(SecretStr(url), watched.desk.clock, watched.vitals.why_no_good_turn)
    try:
        yield made
    finally:
        await made.close()


async def call(switch: DeadMansSwitch) -> None:
    switch.turn_went_well()
    if switch._calling:
        await asyncio.wait([switch._calling])


async def test_it_is_called_after_good_turns_and_once_a_minute_at_most(watched: Watched, monitor: Monitor) -> None:
    async with switch_of(watched, monitor.url) as switch:
        for _ in range(13):  # three minutes of turns
            await call(switch)
            watched.lives(MINUTE / 4)
    assert monitor.calls == [f"GET {PATH}"] * 4


async def test_a_bot_without_figures_or_one_that_stands_by_does_not_call(watched: Watched, monitor: Monitor) -> None:
    holdings = watched.desk.dispatcher.holdings
    holdings.roles, holdings.assets, holdings.held = ROLES, ("BTC",), {**holdings.held, "collect BTC": 1}
    async with switch_of(watched, monitor.url) as switch:
        watched.lives(16 * MINUTE, data=False)
        await call(switch)
        watched.lives(MINUTE)
        held, holdings.held = holdings.held, {}
        await call(switch)
        assert monitor.calls == []
        holdings.held = held
        await call(switch)
        assert len(monitor.calls) == 1


async def test_where_nobody_judges_no_process_calls(watched: Watched, monitor: Monitor) -> None:
    """With one address for all, a collector would keep the switch from going off after the only judge is gone."""
    begun(watched.desk, "collect", "send", "answer")
    async with switch_of(watched, monitor.url) as switch:
        watched.lives(MINUTE)
        await call(switch)
        assert len(monitor.calls) == 1, "it may be about to start"
        watched.lives(MINUTE)
        await call(switch)
        assert len(monitor.calls) == 1


@pytest.mark.parametrize(
    ("roles", "held"),
    [
        pytest.param(("judge", "send"), (), id="it does not collect"),
        pytest.param(ROLES, (), id="others collect every asset"),
        pytest.param(ROLES, ("collect MARKET", "collect streams"), id="its only figures come once a day"),
    ],
)
async def test_a_process_that_collects_no_asset_judges_itself_alone(
    watched: Watched, monitor: Monitor, roles: tuple[Role, ...], held: tuple[str, ...]
) -> None:
    holdings = watched.desk.dispatcher.holdings
    holdings.roles, holdings.assets, holdings.held = roles, ("BTC",), {**holdings.held, **dict.fromkeys(held, 1)}
    async with switch_of(watched, monitor.url) as switch:
        watched.lives(16 * MINUTE, data=False)
        await call(switch)
    assert len(monitor.calls) == 1


async def test_a_slow_monitor_holds_nobody_up_and_is_not_called_twice_at_once(
    watched: Watched, monitor: Monitor
) -> None:
    monitor.pause = 5.0
    async with switch_of(watched, monitor.url) as switch:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(3):
            switch.turn_went_well()
            watched.lives(2 * MINUTE)
        assert loop.time() - began < 1.0
        await asyncio.sleep(0.1)
    assert len(monitor.calls) == 1
    assert asyncio.get_running_loop().time() - began < 3.0, "the end does not wait for it"


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        pytest.param(404, "", "it answers with HTTP 404", id="404"),
        pytest.param(500, "", "it answers with HTTP 500", id="500"),
        pytest.param(302, "", "it leads to another address (HTTP 3xx)", id="a redirect"),
        pytest.param(200, "OK (not found)", "it does not know this address", id="not known, with 200"),
    ],
)
async def test_what_goes_wrong_is_logged_once_a_cause_without_the_address(
    watched: Watched, monitor: Monitor, status: int, body: str, says: str
) -> None:
    monitor.status, monitor.body = status, body
    with structlog.testing.capture_logs() as lines:
        async with switch_of(watched, monitor.url) as switch:
            for _ in range(3):
                await call(switch)
                watched.lives(MINUTE)
            monitor.status, monitor.body = 200, "OK"
            for _ in range(2):
                await call(switch)
                watched.lives(MINUTE)
    assert [line["log_level"] for line in lines] == ["error", "info"]
    assert lines[0]["reason"].startswith(says)
    assert "secret" not in str(lines)
    assert not [line for line in monitor.calls if "elsewhere" in line], "no redirect is followed"


async def test_nobody_there_and_nobody_in_time(
    watched: Watched, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with structlog.testing.capture_logs() as lines:
        async with switch_of(watched, f"http://127.0.0.1:{closed_port()}{PATH}") as switch:
            await call(switch)
        monkeypatch.setattr(module, "_TIMEOUT", module.aiohttp.ClientTimeout(total=0.05))
        monitor.pause = 1.0
        async with switch_of(watched, monitor.url) as switch:
            await call(switch)
    assert [line["reason"] for line in lines] == [
        "there is no connection (ClientConnectorError)",
        "it does not answer in time",
    ]


@pytest.mark.parametrize(
    "address",
    [
        "https://hc-ping.com/3f0c2f5e-secret",
        "https://10.0.0.5/ping",
        "http://127.0.0.1:8000/ping",
        "http://192.168.1.9:3001/api/push/x?status=up&msg=OK",
        "http://uptime-kuma:3001/api/push/x",
        "http://monitor.lan/ping",
    ],
)
def test_a_monitor_elsewhere_or_of_the_own_network_may_be_called(address: str) -> None:
    section = WatchSection(dead_mans_switch=SecretStr(address))
    assert section.dead_mans_switch
    assert address not in repr(section)
    assert Config(watch=section).secrets() == (address,)


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("hc-ping.com/secret", "write the whole address"),
        ("ftp://hc-ping.com/secret", "write the whole address"),
        ("https://", "write the whole address"),
        ("https://me:word@hc-ping.com/secret", "write the whole address"),
        ("https://hc-ping.com:x/secret", "write the whole address"),
        ("http://hc-ping.com/secret", "write https://"),
        ("http://8.8.8.8/secret", "write https://"),
    ],
)
def test_what_is_none_is_refused_without_showing_it(address: str, says: str) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        WatchSection(dead_mans_switch=SecretStr(address))
    assert "/secret" not in str(caught.value)
