"""A broadcast through discord.py, killed at chosen requests and begun again: nothing is lost, and nothing repeated.

Counted is what the fake Discord shows, never what the program believes. Discord drops a second message with the
nonce of the first, so here no repeat is to be marked either.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.engine.database import Store
from storage.people import destinations
from tests.fakes.discord_wire import TOKEN, DiscordWire
from tests.fakes.notices import ready
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.discord_wire import Phase

pytestmark = pytest.mark.slow  # programs of their own, each started several times

ROOT = Path(__file__).resolve().parents[4]
SPEED = 20.0  # a second of Discord's lasts 50 ms here, for our limits
CHATS = range(10_001, 10_021)
TEXTS = ("the lesser news", "the great news")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def broadcast(store: Store, fake: DiscordWire) -> None:
    """Put a critical and a plain notice into the outbox of twenty channels."""
    now = datetime.now(UTC)
    fake.channels |= set(CHATS)
    with store.write() as work:
        for chat in CHATS:
            one = destinations.ensure(store, "discord", str(chat), None, kind="group", title=None, now=now)
            destinations.subscribe(store, one.id, "*", "*")
        for text, rank in zip(TEXTS, ("notice", "critical"), strict=True):
            notice = Notice("fired", rank, now, ready(text), None, "watch", "BTC")  # type: ignore[arg-type]
            outbox.announce(work, notice, now=now, expires=now + timedelta(hours=6))


async def until_over(store: Store, fake: DiscordWire, kills: list[tuple[int, Phase]]) -> int:
    """Start the program, kill it at the next place of the list, start it again, until nothing waits."""
    killed = 0
    async with asyncio.timeout(90):
        while outbox.waiting(store):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.fakes.broadcast", str(store.path), fake.base_url, TOKEN, str(SPEED),
                "discord", cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            if kills:
                after, phase = kills.pop()
                fake.kill_at(after, process.pid, phase)
            _, said = await process.communicate()
            killed += process.returncode == -signal.SIGKILL
            assert process.returncode in (0, -signal.SIGKILL), said.decode()
    return killed


async def test_kills_lose_nothing_and_repeat_nothing(store: Store) -> None:
    async with DiscordWire() as fake:
        broadcast(store, fake)
        killed = await until_over(store, fake, [(9, "before"), (7, "after"), (8, "answered")])
        assert killed == 3
        shown = Counter((message.channel, message.text) for message in fake.messages)
        assert shown == Counter((chat, text) for chat in CHATS for text in TEXTS)
        posts = fake.counted("POST channels/*/messages")
        assert posts > len(fake.messages), "what was in flight was posted once more"
        assert {row["state"] for row in beside.rows(store, "SELECT DISTINCT state FROM outbox")} == {"sent"}
        assert not fake.problems


async def test_beyond_the_time_that_discord_remembers_a_nonce_a_repeat_says_so(store: Store) -> None:
    """The other side of the promise: it is the nonce that keeps repeats away, and nothing else."""
    async with DiscordWire() as fake:
        broadcast(store, fake)
        await until_over_once(store, fake)
        fake.forget_nonces()
        await until_over(store, fake, [])
        shown = Counter((message.channel, message.text) for message in fake.messages)
        assert max(shown.values()) == 2


async def until_over_once(store: Store, fake: DiscordWire) -> None:
    """Start the program and kill it where a message was accepted and not answered."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fakes.broadcast", str(store.path), fake.base_url, TOKEN, str(SPEED), "discord",
        cwd=ROOT, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    fake.kill_at(9, process.pid, "after")
    await process.wait()
    assert process.returncode == -signal.SIGKILL
