from __future__ import annotations

import asyncio
import os
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
import structlog

from bot.clock import ReplayClock
from bot.watch.outside.supervisor import NO_LIFE_AFTER, Supervisor
from bot.watch.turns import TurnCounts
from signals.units import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 1, 5, tzinfo=UTC)
WITHIN = 60_000  # microseconds: a third of it is a test's patience


def supervised(environment: dict[str, str]) -> Supervisor:
    clock = ReplayClock(NOW)
    return Supervisor(TurnCounts(clock), clock, environment)


class Heard:
    """A supervisor's end of the socket."""

    def __init__(self, line: socket.socket, name: str) -> None:
        self._line, self.name = line, name

    def lines(self) -> list[str]:
        found: list[str] = []
        while True:
            try:
                found += self._line.recv(4096).decode().splitlines()
            except BlockingIOError:
                return found


@pytest.fixture(params=["a path", "an abstract name"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Heard]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.setblocking(False)
        name = str(tmp_path / "notify") if request.param == "a path" else f"@perpulse-test-{os.getpid()}"
        line.bind(name.replace("@", "\0") if name.startswith("@") else name)
        yield Heard(line, name)


async def test_life_is_shown_while_turns_succeed(heard: Heard) -> None:
    clock = ReplayClock(NOW)
    turns = TurnCounts(clock)
    clock.move(clock.now() + 2 * NO_LIFE_AFTER)  # a migration
    supervisor = Supervisor(turns, clock, {"NOTIFY_SOCKET": heard.name, "WATCHDOG_USEC": str(WITHIN)})
    watching = asyncio.create_task(supervisor.watch("Follows BTC"))
    await asyncio.sleep(0.03)
    assert heard.lines()[:3] == ["READY=1", "STATUS=Follows BTC", "WATCHDOG=1"]
    clock.move(clock.now() + NO_LIFE_AFTER - SECOND)
    await asyncio.sleep(0.03)
    assert "WATCHDOG=1" in heard.lines(), "a turn may take its time"
    with structlog.testing.capture_logs() as logged:
        turns.took(1.0, good=False)
        clock.move(clock.now() + SECOND)
        await asyncio.sleep(0.07)
        heard.lines()
        await asyncio.sleep(0.03)
        said = heard.lines()
    assert "WATCHDOG=1" not in said
    assert said[0] == "STATUS=No turn has succeeded for 10 minutes; the log says why"
    assert len(logged) == 1, "once"
    turns.took(1.0, good=True)
    await asyncio.sleep(0.03)
    assert "WATCHDOG=1" in heard.lines()
    watching.cancel()
    supervisor.stopping()
    assert heard.lines()[-2:] == ["STOPPING=1", "STATUS=Stopping"]


async def test_a_loop_that_stands_still_shows_no_life(heard: Heard) -> None:
    supervisor = supervised({"NOTIFY_SOCKET": heard.name, "WATCHDOG_USEC": str(WITHIN)})
    watching = asyncio.create_task(supervisor.watch("x"))
    await asyncio.sleep(0)
    heard.lines()
    time.sleep(0.06)  # noqa: ASYNC251 - which is what is tested
    assert heard.lines() == []
    watching.cancel()


@pytest.mark.parametrize(
    "environment",
    [
        pytest.param({}, id="none"),
        pytest.param({"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "30000"}, id="one that is gone"),
        pytest.param({"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "soon"}, id="one that talks nonsense"),
    ],
)
async def test_without_a_supervisor_nothing_fails(environment: dict[str, str]) -> None:
    supervisor = supervised(environment)
    watching = asyncio.create_task(supervisor.watch("x"))
    await asyncio.sleep(0.03)
    supervisor.stopping()
    assert not watching.done() or watching.exception() is None
    watching.cancel()


def test_another_process_that_is_watched_is_not_this_one() -> None:
    watched = {"NOTIFY_SOCKET": "x", "WATCHDOG_USEC": "30000", "WATCHDOG_PID": "1"}
    assert supervised(watched)._within is None
