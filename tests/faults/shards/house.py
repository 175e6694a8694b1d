"""Several real programs on one database, before one fake exchange and one fake Telegram that know who asks."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from signals.due import WallTime
from signals.units import to_ms
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.engine.database import Store
from storage.engine.sharing import wishes
from storage.people import destinations, digests, switches
from storage.people.switches import Switch
from tests.bot.commandline import environment
from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.exchange import FakeExchange
from tests.fakes.notices import ready

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from tests.faults.shards.ledger import Ledger

ASSETS: Final = ("BTC", "ETH", "SOL", "PEPE")
ENTRY: Final = 1_000_000  # the price of a calculator's question; its last digits are the number of the question
ASKED: Final = re.compile(rf"/pnl long {str(ENTRY)[0]}(\d{{6}}) ")
LEAP_S: Final = 300.0  # each price leaps up and falls back once in so long, one asset after the other
LEAP: Final = 0.07


class AskedBy:
    """When which program asked: the first part of the address is its number. asked: (monotonic seconds, what)."""

    def __init__(self) -> None:
        self.asked: defaultdict[int, list[tuple[float, str]]] = defaultdict(list)

    def note(self, request: web.Request, what: str) -> None:
        self.asked[int(request.match_info.get("who", 0))].append((time.monotonic(), what))

    def first(self, who: int, what: str, since: float) -> float | None:
        """Return when a program first asked for something after a time; None where it has not."""
        return next((at for at, asked in self.asked[who] if at >= since and asked == what), None)


class LeapingExchange(FakeExchange):
    """An exchange whose prices leap, until it is told to be calm."""

    def __init__(self, ahead: timedelta) -> None:
        super().__init__(lambda: datetime.now(UTC) + ahead)
        self.by = AskedBy()
        self._calm_ms: int | None = None

    def calm(self) -> None:
        """Let prices stay up or down from now on, so that nothing more is told because of them."""
        self._calm_ms = to_ms(self.clock())

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", r"/p{who:\d+}/{path:.*}", self._noted), *super().routes()]

    async def _noted(self, request: web.Request) -> web.StreamResponse:
        self.by.note(request, "figures")
        return await self._answer(request)

    def price(self, symbol: str, at_ms: int) -> float:
        place = list(self.listed).index(symbol) / len(self.listed)
        until = at_ms if self._calm_ms is None else min(at_ms, self._calm_ms)
        up = (until / 1000 / LEAP_S + place) % 1 < 0.5
        return super().price(symbol, at_ms) * (1 + LEAP * up)


class SharedBotApi(BotApi):
    """A Telegram that knows which program asks. taken: of each question who was given it last, and when (monotonic)."""

    def __init__(self, ahead: timedelta) -> None:
        super().__init__()
        self.by, self._ahead = AskedBy(), ahead
        self.taken: dict[int, tuple[float, int]] = {}

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", r"/p{who:\d+}/bot{token}/{method}", self._noted), *super().routes()]

    async def _noted(self, request: web.Request) -> web.StreamResponse:
        method, who = request.match_info["method"], int(request.match_info["who"])
        self.by.note(request, method)
        answer = await self._answer(request)
        if method == "getUpdates" and isinstance(answer, web.Response):
            for number in map(int, ASKED.findall(answer.text or "")):
                self.taken[number] = time.monotonic(), who
        return answer

    def _message(self, chat: Any) -> dict[str, Any]:
        message = super()._message(chat)
        return message | {"date": message["date"] + int(self._ahead.total_seconds())}


@dataclass
class Program:
    """One program of the split. who: its number. life: how often it was started."""

    who: int
    roles: str
    folder: Path
    process: asyncio.subprocess.Process | None = None
    stands: bool = False  # it was sent SIGSTOP
    life: int = 0

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.returncode is None and not self.stands


@dataclass
class SharedHouse:
    """Programs, their database, and the world around them."""

    store: Store
    exchange: LeapingExchange
    telegram: SharedBotApi
    ahead: timedelta
    faster: float
    ledger: Ledger | None
    programs: list[Program] = field(default_factory=list)
    chats: list[int] = field(default_factory=list)
    told: list[str] = field(default_factory=list)  # news that every chat is to be told
    asked: dict[int, tuple[float, int]] = field(default_factory=dict)  # question -> when and in which chat
    waits: list[float] = field(default_factory=list)  # seconds until a wish was answered
    unheard: int = 0  # wishes that nobody answered in time, though somebody collects
    ended: list[int] = field(default_factory=list)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def settle_in(self, count: int, digests_from: timedelta) -> None:
        """Let chats subscribe to everything, each with a digest at a minute of its own."""
        now = self.now()
        for number in range(1, count + 1):
            self.telegram.chat(number)
            self.chats.append(number)
            one = destinations.ensure(self.store, "telegram", str(number), None, kind="private", title=None, now=now)
            destinations.subscribe(self.store, one.id, "*", "*")
            destinations.subscribe(self.store, one.id, "sources", "*")
            switches.switch(self.store, one.id, Switch("budget", value="off"))
            due = now + digests_from + timedelta(minutes=number % 20)
            digests.order(
                self.store, one.id, "daily", WallTime(due.time().replace(second=0, microsecond=0)), ASSETS, now=now
            )

    def tell(self) -> None:
        """Put one more piece of news into the outbox."""
        number = len(self.told) + 1
        text, now = f"news number {number:04d} of the day", self.now()
        notice = Notice("fired", ("notice", "critical")[number % 2], now, ready(text), None, "watch", "BTC")  # type: ignore[arg-type]
        with self.store.write() as work:
            outbox.announce(work, notice, now=now, expires=now + timedelta(hours=6))
        self.told.append(text)

    def ask(self, chat: int) -> None:
        """Let a person ask something that nobody else asks."""
        number = len(self.asked) + 1
        self.asked[number] = time.monotonic(), chat
        self.telegram.say(chat, chat, f"/pnl long {ENTRY + number} {2 * ENTRY} 25x")

    async def wish(self, asset: str) -> None:
        """Wish for fresh figures, as a process that does not collect does, and note how long that takes."""
        begun = time.monotonic()
        number = await asyncio.to_thread(wishes.make, self.store, asset, self.now())
        while time.monotonic() - begun < 10.0:
            await asyncio.sleep(0.05)
            if await asyncio.to_thread(wishes.answered, self.store, number) is not None:
                self.waits.append(time.monotonic() - begun)
                return
        self.unheard += 1

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Read beside the programs, from a server or a file."""
        if self.ledger:
            return self.ledger.rows(statement, *values)
        with closing(sqlite3.connect(self.store.path, timeout=10)) as db:
            return db.execute(statement.replace("::json", "").replace("%s", "?"), values).fetchall()

    # --- programs

    def add(self, who: int, roles: str, folder: Path, database: str) -> Program:
        place = folder / f"p{who}"
        place.mkdir(parents=True)
        assets = ", ".join(f'"{asset}"' for asset in ASSETS)
        (place / "config.toml").write_text(
            f'assets = [{assets}]\ndatabase = "{database}"\n[market]\nvenues = ["binance", "bybit"]\noptions = false\n'
            f"stablecoins = false\nfear_greed = false\nhistory = false\ntimeout_seconds = 5\n"
            f'exchange_url = "{self.exchange.base_url}/p{who}"\n'
            f'[telegram]\ntoken = "{TOKEN}"\nbase_url = "{self.telegram.base_url.removesuffix("/bot")}/p{who}/bot"\n',
            encoding="utf-8",
        )
        made = Program(who, roles, place)
        self.programs.append(made)
        return made

    async def start(self, program: Program) -> None:
        """Start a program, in a life of its own."""
        words = [sys.executable, "-m", "tests.fakes.shard", str(self.faster), str(self.ahead.total_seconds())]
        with (program.folder / "log").open("ab") as log:
            program.process = await asyncio.create_subprocess_exec(
                *words, "run", "--role", program.roles, cwd=program.folder, env=environment(),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        program.life += 1

    async def kill(self, program: Program) -> None:
        """Kill a program and wait until it has ended; one that had ended by itself is counted."""
        assert program.process
        if program.process.returncode is not None:
            self.ended.append(program.process.returncode)
            return
        program.process.kill()
        await program.process.wait()

    def stop(self, program: Program) -> None:
        assert program.process
        program.process.send_signal(signal.SIGSTOP)
        program.stands = True

    def go_on(self, program: Program) -> None:
        assert program.process
        program.process.send_signal(signal.SIGCONT)
        program.stands = False

    async def end(self) -> None:
        """End every program in order; one that does not is killed."""
        for program in self.programs:
            if program.process and program.process.returncode is None:
                if program.stands:
                    self.go_on(program)
                program.process.send_signal(signal.SIGTERM)
        for program in self.programs:
            if program.process:
                try:
                    await asyncio.wait_for(program.process.wait(), 30)
                except TimeoutError:
                    program.process.kill()
                    self.ended.append(99)
                if program.process.returncode not in (0, -signal.SIGKILL):
                    self.ended.append(int(program.process.returncode or 0))

    def errors(self) -> list[str]:
        """Return the errors that nobody caught, from the logs of all programs."""
        found = []
        for program in self.programs:
            lines = (program.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
            for number, line in enumerate(lines):
                if line.startswith("Traceback"):  # what it was stands after the frames, which are set in
                    error = next((one for one in lines[number + 1 :] if one and not one[0].isspace()), line)
                    found.append(f"p{program.who}: {error}")
        return found


@contextlib.asynccontextmanager
async def shared_house(
    folder: Path, database: str, split: Sequence[str], *, ahead: timedelta, faster: float, ledger: Ledger | None
) -> AsyncIterator[SharedHouse]:
    """Make the world of a split; its programs are not started yet."""
    store = Store(database)
    async with LeapingExchange(ahead) as exchange, SharedBotApi(ahead) as telegram:
        made = SharedHouse(store, exchange, telegram, ahead, faster, ledger)
        for who, roles in enumerate(split, start=1):
            made.add(who, roles, folder, ledger.address(who) if ledger else database)
        try:
            yield made
        finally:
            for program in made.programs:
                if program.process and program.process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        program.process.kill()
                    await program.process.wait()
            store.close()
