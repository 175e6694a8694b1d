"""How much processor time one message of a broadcast costs, against bare python-telegram-bot and bare aiohttp.

Ours is the whole way: claimed from the outbox, through the stages, put into words, sent, and its outcome written. The
other two send the same text again and again and remember nothing. All three send eight at once to a server in a process
of its own, in turns, and the processor time of this process is counted.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import structlog
from aiohttp import web
from pydantic import SecretStr
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup

from bot.clock import SystemClock
from bot.delivery.dispatcher import Dispatcher
from handlers.channels.telegram.channel import Telegram
from handlers.channels.telegram.config import TelegramConfig
from handlers.channels.telegram.render import render
from handlers.words.notices import message_of
from signals.alerts.event import Event
from storage.alerts import episodes, outbox
from storage.engine.database import Store
from storage.people import destinations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

TOKEN = "100000001:no-real-token-0123456789abcdefghijk"  # noqa: S105 - of nobody
AT_ONCE, MESSAGES, ROUNDS = 8, 1_000, 3
PACED = 150  # messages at the pace that Telegram allows, once
NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
EVENT = Event(
    kind="fired", rule="oi_drawdown", asset="BTC", rank="critical", at=NOW, since=NOW - timedelta(days=1),
    values={"oi_drawdown.coins": -0.31, "oi_drawdown.usd": -0.36, "oi_drawdown.value": -0.31},
    step=timedelta(hours=1), venues=("binance",),
)  # fmt: skip


async def serve() -> None:
    """Answer every call as Telegram answers sendMessage, and print the port."""
    number = 0

    async def answer(request: web.Request) -> web.Response:
        nonlocal number
        given, number = await request.post(), number + 1
        me = {"id": 100000001, "is_bot": True, "first_name": "perpulse", "username": "perpulse_bot"}
        if request.match_info["method"] == "getMe":
            return web.json_response({"ok": True, "result": me})
        chat = {"id": int(str(given["chat_id"])), "type": "private", "first_name": "Ann"}
        sent = {"message_id": number, "date": 1_780_000_000, "chat": chat, "from": me, "text": str(given["text"])}
        return web.json_response({"ok": True, "result": sent})

    application = web.Application()
    application.add_routes([web.post("/bot{token}/{method}", answer)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


async def in_bundles(calls: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Make calls, some at once."""
    waiting = list(calls)
    while waiting:
        bundle, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        await asyncio.gather(*(call() for call in bundle))


class Ours:
    """A store with a broadcast in it, and what sends it."""

    def __init__(self, folder: Path, base_url: str, *, messages: int, unlimited: bool) -> None:
        self.store = Store(folder / "perpulse.db")
        now = datetime.now(UTC)
        for chat in range(1, messages + 1):
            one = destinations.ensure(self.store, "telegram", str(chat), None, kind="private", title=None, now=now)
            destinations.subscribe(self.store, one.id, "*", "*")
        self.telegram = Telegram(TelegramConfig(token=SecretStr(TOKEN), base_url=base_url))
        if unlimited:
            self.telegram.limits = replace(self.telegram.limits, per_second=float("inf"))
        self.dispatcher = Dispatcher(self.store, [self.telegram], SystemClock())
        self.dispatcher.start()
        with self.store.write() as work:
            episode = episodes.record(work, (EVENT.rule, EVENT.asset), EVENT, None)
            notice = outbox.Notice("fired", "critical", NOW, EVENT.to_json(), episode, EVENT.rule, EVENT.asset)
            outbox.announce(work, notice, now=now, expires=now + timedelta(days=1))

    async def run(self) -> None:
        """Send as the bot does, until nothing waits any more."""
        sending = asyncio.create_task(self.dispatcher.run())
        while outbox.waiting(self.store):  # noqa: ASYNC110 - nobody signals it
            await asyncio.sleep(0.1)
        self.dispatcher.stop()
        await sending

    async def close(self) -> None:
        """Close what it opened."""
        await self.telegram.stop()
        self.store.close()


async def processor_time(work: Awaitable[Any], messages: int) -> float:
    """Return milliseconds a message."""
    began = time.process_time()
    await work
    return (time.process_time() - began) * 1000 / messages


async def ours(base_url: str, *, messages: int = MESSAGES, unlimited: bool = True) -> float:
    with tempfile.TemporaryDirectory() as folder:
        made = Ours(Path(folder), base_url, messages=messages, unlimited=unlimited)
        took = await processor_time(made.run(), messages)
        await made.close()
        return took


async def at_a_pace(calls: Iterable[Callable[[], Awaitable[Any]]]) -> None:
    """Make calls as often as Telegram allows."""
    waiting = []
    for call in calls:
        waiting.append(asyncio.ensure_future(call()))
        await asyncio.sleep(1 / 29.1)
    await asyncio.gather(*waiting)


async def bare_library(
    base_url: str, text: str, keyboard: InlineKeyboardMarkup, *, messages: int = MESSAGES, paced: bool = False
) -> float:
    """Send by python-telegram-bot alone."""
    async with Bot(TOKEN, base_url=base_url) as bot:
        send = bot.send_message
        calls = (
            lambda chat=chat: send(chat, text, parse_mode="HTML", reply_markup=keyboard)
            for chat in range(1, messages + 1)
        )
        return await processor_time(at_a_pace(calls) if paced else in_bundles(calls), messages)


async def bare_aiohttp(base_url: str, text: str, keyboard: str) -> float:
    async with aiohttp.ClientSession() as session:

        async def send(chat: int) -> None:
            given = {"chat_id": chat, "text": text, "parse_mode": "HTML", "reply_markup": keyboard}
            async with session.post(f"{base_url}{TOKEN}/sendMessage", data=given) as answer:
                assert (await answer.json())["ok"]

        return await processor_time(
            in_bundles(lambda chat=chat: send(chat) for chat in range(1, MESSAGES + 1)), MESSAGES
        )


async def measure(base_url: str) -> None:
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Chart", callback_data="1|/chart oi btc")]])
    text = render(message_of(EVENT.to_json(), "UTC").blocks, limit=4096)
    found: dict[str, list[float]] = {"ours": [], "library": [], "aiohttp": []}
    for turn in range(ROUNDS + 1):
        took = {
            "ours": await ours(base_url),
            "library": await bare_library(base_url, text, keyboard),
            "aiohttp": await bare_aiohttp(base_url, text, keyboard.to_json()),
        }
        if turn:  # the first round warms up
            for name, value in took.items():
                found[name].append(value)
    middle = {name: statistics.median(values) for name, values in found.items()}
    slow = await ours(base_url, messages=PACED, unlimited=False)
    slow_library = await bare_library(base_url, text, keyboard, messages=PACED, paced=True)
    print(", ".join(f"{name} {value:.2f} ms" for name, value in middle.items()))
    print(f"at 29 a second, where nothing is warm: ours {slow:.2f} ms, library {slow_library:.2f} ms")
    for what, mine, theirs in (
        ("as fast as it goes", middle["ours"], middle["library"]),
        ("at Telegram's pace", slow, slow_library),
    ):
        print(f"ratio | cpu of a message / bare PTB, {what} | {mine / theirs:.2f} | < 1 | {mine:.2f} ms; goal 0.25")
    print(
        f"ratio | cpu of a message / bare aiohttp | {middle['ours'] / middle['aiohttp']:.2f} | < 4 | outbox and words"
    )


def main() -> None:
    if "serve" in sys.argv:
        asyncio.run(serve())
        return
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.sending.bench_sending", "serve"], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        port = int(server.stdout.readline())
        try:
            asyncio.run(measure(f"http://127.0.0.1:{port}/bot"))
        finally:
            server.kill()


if __name__ == "__main__":
    main()
