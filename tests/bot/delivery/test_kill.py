"""The real thing under the knife: a broadcast through python-telegram-bot, killed at chosen requests, until it is over.

Counted is what the fake Telegram accepted, never what the program believes. With KILLS=100 in the environment it is a
broadcast to 1,000 chats with so many kills, which takes minutes.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bot.delivery.dispatcher import IN_FLIGHT
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.engine.database import Store
from storage.people import destinations
from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.notices import ready
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
MARK = "May be a repeat"
SPEED = 20.0  # a second of Telegram's lasts 50 ms here, for its limits and for ours
KILLS = int(os.environ.get("KILLS", "0"))
PHASES = ("before", "after", "answered")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


@pytest.fixture
async def fake() -> AsyncIterator[BotApi]:
    async with BotApi(speed=SPEED) as server:
        yield server
    assert not server.problems


def broadcast(store: Store, fake: BotApi, recipients: int) -> None:
    """Put a critical and a plain notice into the outbox, one chat in ten a group."""
    now = datetime.now(UTC)
    with store.write() as connection:
        for number in range(1, recipients + 1):
            kind, chat = ("group", -number) if number % 10 == 0 else ("private", number)
            fake.chat(chat, kind)  # type: ignore[arg-type]
            one = destinations.ensure(store, "telegram", str(chat), None, kind=kind, title=None, now=now)
            destinations.subscribe(store, one.id, "*", "*")
        for text, rank in (("the lesser news", "notice"), ("the great news", "critical")):
            notice = Notice("fired", rank, now, ready(text), None, "watch", "BTC")
            outbox.announce(connection, notice, now=now, expires=now + timedelta(hours=6))


async def program(store: Store, fake: BotApi) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.fakes.broadcast",
        str(store.path),
        fake.base_url,
        TOKEN,
        str(SPEED),
        cwd=ROOT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )


async def until_over(store: Store, fake: BotApi, kills: list[tuple[int, str]], *, within: float) -> int:
    """Start the program, kill it at the next place of the list, start it again, until nothing waits."""
    killed = 0
    async with asyncio.timeout(within):
        while outbox.waiting(store):
            process = await program(store, fake)
            if kills:
                after, phase = kills.pop()
                fake.kill_at(fake._sends + after, process.pid, phase)  # type: ignore[arg-type]
            _, said = await process.communicate()
            fake._kills.clear()
            killed += process.returncode == -signal.SIGKILL
            assert process.returncode in (0, -signal.SIGKILL), said.decode()
    return killed


def check(store: Store, fake: BotApi, recipients: int, killed: int) -> None:
    """Hold what the chats show against the promise."""
    told = Counter((message.chat, message.text.rsplit("\n", 1)[-1]) for message in fake.accepted)
    unmarked = Counter((message.chat, message.text) for message in fake.accepted if MARK not in message.text)
    wanted = {(chat, text) for chat in fake.chats for text in ("the lesser news", "the great news")}
    assert len(wanted) == 2 * recipients
    assert set(told) == wanted, "lost"
    assert max(unmarked.values()) == 1, "repeated without a mark"
    assert sum(told.values()) - len(wanted) <= killed * IN_FLIGHT
    assert {row["state"] for row in beside.rows(store, "SELECT DISTINCT state FROM outbox")} == {"sent"}


@pytest.mark.parametrize("phase", PHASES)
async def test_a_kill_at_a_request_loses_nothing(store: Store, fake: BotApi, phase: str) -> None:
    broadcast(store, fake, 30)
    killed = await until_over(store, fake, [(10, phase)], within=60)
    assert killed == 1
    check(store, fake, 30, killed)
    marked = [message for message in fake.accepted if MARK in message.text]
    assert 1 <= len(marked) <= IN_FLIGHT


@pytest.mark.timeout(0 if KILLS else 120)
@pytest.mark.parametrize("seed", range(7, 8))
async def test_kills_anywhere_lose_nothing(store: Store, fake: BotApi, seed: int) -> None:
    noise = random.Random(seed)
    recipients, count = (1000, KILLS) if KILLS else (60, 4)
    broadcast(store, fake, recipients)
    furthest = max(2, 2 * recipients // (count + 1))
    kills = [(noise.randint(1, furthest), noise.choice(PHASES)) for _ in range(count)]
    killed = await until_over(store, fake, kills, within=100 + 10 * count)
    assert killed >= count * 0.7
    check(store, fake, recipients, killed)


async def test_a_polite_end_loses_and_repeats_nothing(store: Store, fake: BotApi) -> None:
    broadcast(store, fake, 30)
    fake.disturb("delay", times=1000, seconds=0.2)
    process = await program(store, fake)
    await fake.until(lambda: len(fake.accepted) >= 10, within=20)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(5):
        _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert outbox.waiting(store) > 0
    assert not list(beside.rows(store, "SELECT id FROM outbox WHERE state IN ('sending', 'uncertain')"))
    fake._disturbances.clear()
    await until_over(store, fake, [], within=30)
    check(store, fake, 30, 0)
    assert not [message for message in fake.accepted if MARK in message.text]


async def test_urgent_news_goes_first_and_the_limit_is_kept(store: Store, fake: BotApi) -> None:
    broadcast(store, fake, 40)
    await until_over(store, fake, [], within=30)
    check(store, fake, 40, 0)
    first = [message.text for message in fake.accepted[:40]]
    assert first.count("the great news") >= 36  # a chat that rested may be passed by
    assert fake.counts()["sendMessage"] - len(fake.accepted) <= 1  # requests answered by 429


async def test_a_flood_answer_is_honoured_and_costs_nobody_else(store: Store, fake: BotApi) -> None:
    broadcast(store, fake, 12)
    fake.disturb("flood", chat=5, seconds=1)
    await until_over(store, fake, [], within=30)
    asked = [message.at for message in fake.accepted if message.chat == 5]
    others = [message.at for message in fake.accepted if message.chat != 5]
    check(store, fake, 12, 0)
    assert min(asked) - min(others) >= 1.0
    assert max(others) < min(asked)
    # No hail of them: on a busy machine two messages to a chat may arrive closer together than they were sent.
    assert sum(name == "sendMessage" and int(given["chat_id"]) == 5 for name, given in fake.requests) in {3, 4}
