"""perpulse whole, as bot.app.build makes it, before the fakes of a month: started, stopped, killed, started again."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import shutil
import sqlite3
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from bot.app import App, build
from bot.config import AccessSection, Config, Market, Retention
from bot.watch.config import BackupSection
from handlers.channels.discord.config import DiscordConfig
from handlers.channels.telegram.config import TelegramConfig
from tests.fakes import discord_wire
from tests.faults.month.fakes import MonthClock, MonthDiscord, MonthExchange, MonthTelegram, in_loop

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

OWNER: Final = 7
BETWEEN: Final = timedelta(minutes=2)  # a supervisor waits so long before it starts a program that has ended


@dataclass
class Program:
    """A program that always runs, as under a supervisor, and what it may reach.

    folder: where each life has one of its own. lives, kills: so many began, so many were killed. ended: what programs
    said that ended by themselves. errors: what nobody caught, in the program that lives.
    """

    clock: MonthClock
    telegram: MonthTelegram
    discord: MonthDiscord
    exchange: MonthExchange
    folder: Path
    app: App | None = None
    lives: int = 0
    kills: int = 0
    errors: list[str] = field(default_factory=list)
    one: asyncio.Lock = field(default_factory=asyncio.Lock)  # who starts or stops it, or takes away what it needs
    one_writes: asyncio.Lock = field(default_factory=asyncio.Lock)  # held by a kill, and by who writes beside it
    _task: asyncio.Task[None] | None = None
    _dying: bool = False

    @property
    def data(self) -> Path:
        """Return the folder of the life that is on."""
        return self.folder / f"{self.lives:04}"

    async def start(self) -> None:
        """Begin a life, on what the last one left."""
        before, self.lives = self.data, self.lives + 1
        if before.is_dir():
            before.rename(self.data)
        self.data.mkdir(parents=True, exist_ok=True)
        self.app = build(self._config(), clock=self.clock)
        self.app.renderer.draw = _drawn  # type: ignore[method-assign]
        self._task = asyncio.create_task(self.app.run())

    async def stop(self) -> None:
        """End a life as SIGTERM does."""
        assert self.app
        self.app.stopping.set()
        await self._ended()

    async def kill(self) -> None:
        """End a life where it stands: what follows is what SIGKILL leaves, its files as they are at this moment.

        No transaction is cut in two here, which leaves the same as one that was never begun; S1 kills processes.
        """
        assert self.app
        self.kills += 1
        for fake in (self.telegram, self.discord, self.exchange):
            fake.away = True  # nothing that it does from here on is seen by anybody
        left, dead = self.folder / "left", self.data
        with contextlib.closing(sqlite3.connect(self._config().database, timeout=10, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            shutil.copytree(self.data, left, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
            other.execute("ROLLBACK")
        self._dying = True
        self.app.stopping.set()
        await self._ended()
        self._dying = False
        shutil.rmtree(dead)
        left.rename(dead)
        for fake in (self.telegram, self.discord, self.exchange):
            fake.away = False

    async def again(self, end: Callable[[], Awaitable[None]]) -> None:
        """End a life and begin the next."""
        async with self.one, self.one_writes:
            await end()
            await asyncio.sleep(in_loop(BETWEEN))
            await self.start()

    async def supervise(self) -> None:
        """Start it again where it ends by itself, which is an error."""
        while True:
            await asyncio.sleep(in_loop(BETWEEN))
            if self._task and self._task.done() and not self.one.locked():
                self.errors.append(f"it ended by itself: {self._task.exception()!r}")
                async with self.one:
                    await self.start()

    def note(self, event: str) -> None:
        """Take an error that nobody caught; of a program that was killed, nobody would have seen it."""
        if not self._dying:
            self.errors.append(" ".join(event.split()))

    async def _ended(self) -> None:
        assert self._task
        await asyncio.wait([self._task])
        if not self._task.cancelled() and (error := self._task.exception()):
            self.note(f"it did not stop in order: {error!r}")
        self.app = self._task = None
        gc.unfreeze()  # a start puts aside what there is, and here that is the life before, too
        gc.collect()

    def _config(self) -> Config:
        url = self.exchange.base_url
        market = Market(
            venues=("binance", "bybit"), options=False, history=False, liquidations=False, timeout_seconds=2,
            exchange_url=f"{url}/{{venue}}", stablecoins_url=url, fear_greed_url=url,
        )  # fmt: skip
        return Config(
            assets=("BTC", "ETH"),
            database=self.data / "perpulse.db",
            market=market,
            telegram=TelegramConfig(token=SecretStr(self.telegram.token), base_url=self.telegram.base_url),
            discord=DiscordConfig(token=SecretStr(discord_wire.TOKEN), base_url=self.discord.base_url),
            access=AccessSection(owners=(f"telegram:{OWNER}",)),
            backup=BackupSection(folder=self.data / "backups", keep=2),
            # so short that what is kept is as much on the last day as on the fifth
            retention=Retention(minutes_days=2, five_minutes_days=3, messages_days=7, closed_days=2),
        )


async def _drawn(_: Any) -> bytes:
    """Give every picture as one that is hardly any: drawing is a process of its own, whose time would not be held."""
    return b"\x89PNG\r\n\x1a\n"


class Uncaught(logging.Handler):
    """Hands on what the loop and the scheduler log with a traceback; those of platforms log what they raise."""

    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line of the log."""
        if record.exc_info and not record.name.startswith(("telegram", "discord")):
            self._note(f"{record.name}: {record.getMessage()}: {record.exc_info[1]!r}")
