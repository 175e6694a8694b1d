"""S1, S2 and S15: programs that are killed, told to stop and run twice while they send. Counted at the fakes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.delivery.dispatcher import IN_FLIGHT
from storage.alerts import outbox
from storage.alerts.outbox import Notice
from storage.alerts.sending import sender
from storage.engine.database import Store
from storage.engine.sharing import leases
from storage.people import destinations, switches
from storage.people.switches import Switch
from tests.bot.commandline import PROGRAM, ROOT, closed_port, environment
from tests.fakes import bot_api, discord_wire
from tests.fakes.bot_api import BotApi
from tests.fakes.discord_wire import DiscordWire
from tests.fakes.notices import ready
from tests.faults.bench import LATE_S, MARK
from tests.faults.scenario import DISCORD, TELEGRAM, Counts, scenario

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.faults.scenario import Scale

SPEED: Final = 20.0  # a second of a platform's lasts 50 ms here, for its limits and for ours
PHASES: Final = ("before", "after", "answered", "time")
NEWS: Final = ("the lesser news", "the great news")
DOUBT_S: Final = 5.0 * 1.3  # before what may have arrived is sent again


@dataclass
class Broadcast:
    """Two notices to many chats of one platform in a database, and the fake that they go to."""

    platform: str
    store: Store
    fake: Any
    chats: list[str] = field(default_factory=list)
    seen: list[tuple[float, str, str]] = field(default_factory=list)  # when, chat, text
    ended: list[int] = field(default_factory=list)  # codes with which programs ended that nobody had told to
    programs: list[asyncio.subprocess.Process] = field(default_factory=list)  # that were started, and end with it

    def tell(self, recipients: int) -> None:
        """Put a plain and then a critical notice into the outbox; one chat in ten is a group."""
        now = datetime.now(UTC)
        with self.store.write() as work:
            for number in range(1, recipients + 1):
                kind = "group" if number % 10 == 0 else "private"
                one = destinations.ensure(
                    self.store, self.platform, self._place(number, kind), None, kind=kind, title=None, now=now
                )
                destinations.subscribe(self.store, one.id, "*", "*")
                switches.switch(self.store, one.id, Switch("budget", value="off"))
            for text, rank in zip(NEWS, ("notice", "critical"), strict=True):
                notice = Notice("fired", rank, now, ready(text), None, "watch", "BTC")  # type: ignore[arg-type]
                outbox.announce(work, notice, now=now, expires=now + timedelta(hours=6))

    def _place(self, number: int, kind: str) -> str:
        if self.platform == TELEGRAM:
            chat = -number if kind == "group" else number
            self.fake.chat(chat, kind)
        else:
            chat = 1_000_000 + number
            self.fake.channels.add(chat)
        self.chats.append(str(chat))
        return str(chat)

    @property
    def token(self) -> str:
        """Return the token of the bot."""
        return bot_api.TOKEN if self.platform == TELEGRAM else discord_wire.TOKEN

    @property
    def posts(self) -> int:
        """Return how many messages were asked to be sent."""
        return int(self.fake._sends if self.platform == TELEGRAM else self.fake.posts)

    def look(self) -> list[tuple[float, str, str]]:
        """Note what is new in the chats, and return all of it."""
        shown = (
            [(str(message.chat), message.text) for message in self.fake.accepted]
            if self.platform == TELEGRAM
            else [(str(message.channel), message.text) for message in self.fake.messages]
        )
        self.seen += [(time.monotonic(), *message) for message in shown[len(self.seen) :]]
        return self.seen

    async def program(self, *, lease: float = 1.0, speed: float = SPEED) -> asyncio.subprocess.Process:
        """Start the program that sends."""
        sender = (sys.executable, "-m", "tests.fakes.broadcast", str(self.store.path), self.platform)
        return await self._start(*sender, self.fake.base_url, self.token, str(speed), str(lease), cwd=ROOT)

    async def perpulse(self, folder: Path) -> asyncio.subprocess.Process:
        """Start the real program in a folder with a config.toml."""
        with (folder / "log").open("ab") as log:
            return await self._start(*PROGRAM, "run", cwd=folder, log=log)

    async def _start(self, *words: str, cwd: Path, log: Any = subprocess.DEVNULL) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *words, cwd=cwd, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        self.programs.append(process)
        return process

    async def ends(self, process: asyncio.subprocess.Process, *, within: float = 120.0) -> None:
        """Wait until a program has ended, looking at the chats meanwhile."""
        async with asyncio.timeout(within):
            while process.returncode is None:
                self.look()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.shield(process.wait()), 0.02)
        if process.returncode not in (0, -signal.SIGKILL):
            self.ended.append(int(process.returncode or 0))

    def count(self, *, may_repeat: int, begun: float, rate: float = 20.0) -> Counts:
        """Hold what the chats show against what was told.

        begun: when the last program did. rate: messages a second; a busy machine sends no faster than 20, and the
        limits of the platforms are far above that here.
        """
        shown = [(at, chat, text) for at, chat, text in self.look() if any(news in text for news in NEWS)]
        told = Counter((chat, next(news for news in NEWS if news in text)) for _, chat, text in shown)
        unmarked = Counter((chat, text) for _, chat, text in shown if MARK not in text)
        wanted = {(chat, text) for chat in self.chats for text in NEWS}
        latest = begun + len(wanted) / rate + DOUBT_S + LATE_S
        return Counts(
            wanted=len(wanted),
            lost=len(wanted - set(told)),
            repeated=sum(told.values()) - len(told),
            unmarked=sum(count - 1 for count in unmarked.values()),
            false=len(set(told) - wanted),
            late=sum(at > latest for at, _, _ in shown),
            crashed=len(self.ended),
            may_repeat=may_repeat,
            broken=list(self.fake.problems),
        )


@contextlib.asynccontextmanager
async def broadcast(folder: Path, platform: str, recipients: int, speed: float = SPEED) -> AsyncIterator[Broadcast]:
    """Put a broadcast into a new database, before a strict fake."""
    store = Store(folder / f"{platform}.db")
    fake: Any = BotApi(speed=speed) if platform == TELEGRAM else DiscordWire()
    if platform == DISCORD:
        fake.clock, fake.speed = time.monotonic, speed
    async with fake:
        made = Broadcast(platform, store, fake)
        made.tell(recipients)
        try:
            yield made
        finally:
            for process in made.programs:
                kill(process)
            store.close()


def kill(process: asyncio.subprocess.Process) -> None:
    """Kill a program, unless it has ended by itself."""
    with contextlib.suppress(ProcessLookupError):
        process.kill()


@scenario(
    "S1",
    "SIGKILL in a broadcast",
    promised="0 lost; repeats ≤ 8 a kill, marked (Discord: none); what is critical first",
    telegram="killed at random requests, before or after accepting or after answering, and at random times",
    discord="the same; the fake keeps the table of nonces",
    programs=True,
)
async def killed(scale: Scale) -> Mapping[str, Counts]:
    found = {}
    for platform in (TELEGRAM, DISCORD):
        recipients, kills = scale.of(30, 1000), scale.of(3 if platform == TELEGRAM else 1, 100)
        async with broadcast(scale.folder, platform, recipients) as it:
            noise, done, begun = random.Random(1), 0, time.monotonic()
            phases = [PHASES[number % len(PHASES)] for number in range(kills)]
            while outbox.waiting(it.store):
                process, begun = await it.program(), time.monotonic()
                killing = (
                    asyncio.create_task(_kill(it, process, phases.pop(), noise, recipients // kills))
                    if phases
                    else None
                )
                await it.ends(process)
                if killing:
                    killing.cancel()
                it.fake._kills.clear()
                done += process.returncode == -signal.SIGKILL
            counts = it.count(may_repeat=done * IN_FLIGHT if platform == TELEGRAM else 0, begun=begun)
            counts.hold_time(done >= 0.7 * kills, f"only {done} kills of {kills} came in time")
            first = [text for _, _, text in it.seen[:recipients]]
            urgent = sum(NEWS[1] in text for text in first) / recipients
            counts.hold(urgent >= 0.8, f"of the first messages {urgent:.0%} are critical")
            counts.noted.append(f"{done} kills, {counts.repeated} repeats in {counts.wanted:,} messages")
            a_kill = counts.repeated / max(1, done)
            counts.figures["R1"] = (
                f"{done} kills: {counts.lost} lost, {a_kill:.2f} repeats a kill, {a_kill / 1000:.2%} of a broadcast to "
                "1,000 with one kill"
            )
            found[platform] = counts
    return found


async def _kill(
    it: Broadcast, process: asyncio.subprocess.Process, phase: str, noise: random.Random, furthest: int
) -> None:
    """Kill a program at a place of its broadcast, or some tenths of a second after it began to send."""
    if phase != "time":
        it.fake.kill_at(it.posts + noise.randint(1, max(2, furthest)), process.pid, phase)
        return
    before = it.posts
    while it.posts == before:  # noqa: ASYNC110 - nobody says when
        await asyncio.sleep(0.01)
    await asyncio.sleep(noise.uniform(0.0, 0.3))
    kill(process)


@scenario(
    "S2",
    "SIGTERM in a broadcast",
    promised="it stops within 5 s; 0 lost, 0 repeated",
    telegram="`perpulse run`, told to stop while each answer takes 3 s",
    discord="the same",
    programs=True,
)
async def told_to_stop(scale: Scale) -> Mapping[str, Counts]:
    found = {}
    for platform in (TELEGRAM, DISCORD):
        folder = scale.folder / platform
        async with broadcast(folder, platform, scale.of(12, 100), speed=1.0) as it:
            configure(folder, it)
            it.fake.disturb("delay", times=float("inf"), seconds=3.0)
            process = await it.perpulse(folder)
            await until_sent(it, 4)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            await it.ends(process)
            took = time.monotonic() - begun
            it.fake._disturbances.clear()
            left = outbox.waiting(it.store)
            process = await it.perpulse(folder)
            await until_sent(it, len(it.look()) + 1)
            again = time.monotonic()
            async with asyncio.timeout(120):
                while outbox.waiting(it.store):
                    it.look()
                    await asyncio.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            await it.ends(process)
            counts = it.count(may_repeat=0, begun=again)
            counts.hold_time(took <= 5, f"it stopped after {took:.1f} s")
            counts.hold(left, "nothing was left to send, so nothing is shown by this")
            counts.noted.append(f"stopped after {took:.1f} s, {left} messages waited")
            found[platform] = counts
    return found


def configure(folder: Path, it: Broadcast) -> None:
    """Write the settings of a perpulse that speaks to the fake; its exchange is a port at which nobody is."""
    nowhere = f"http://127.0.0.1:{closed_port()}"
    (folder / "config.toml").write_text(
        f'assets = ["BTC"]\ndatabase = "{it.store.path}"\n[market]\nvenues = ["binance"]\noptions = false\n'
        f'stablecoins = false\nfear_greed = false\nhistory = false\nexchange_url = "{nowhere}"\n'
        f'[{it.platform}]\ntoken = "{it.token}"\nbase_url = "{it.fake.base_url}"\n',
        encoding="utf-8",
    )


@scenario(
    "S15",
    "a second program with the same token",
    promised="one sends at a time; the other takes over within 15 s of a SIGKILL or SIGSTOP; repeats ≤ 8 each, marked",
    telegram="two programs on one database; the one that sends is killed, then one is stopped and goes on later",
    discord="the same",
    programs=True,
)
async def two_programs(scale: Scale) -> Mapping[str, Counts]:
    faster, pace = (1.0, 1.0) if scale.whole else (8.0, 0.25)  # of the lease, and of the platform
    found = {}
    for platform in (TELEGRAM, DISCORD):
        async with broadcast(scale.folder, platform, scale.of(50, 600), speed=pace) as it:
            gaps, least, taken = [], [], []
            hows = (signal.SIGKILL, signal.SIGSTOP) if scale.whole or platform == TELEGRAM else (signal.SIGSTOP,)
            for how in hows:
                first = await _sender(it, faster, pace)  # who is first sends
                processes = [first, await it.program(lease=faster, speed=pace)]
                await asyncio.sleep(12 / faster / 2)
                held = _holder(it)
                await _struck(first, how, it.store.path)
                stopped, count = time.monotonic(), len(it.look())
                await until_sent(it, count + IN_FLIGHT + 1)  # so many may have been on their way
                gaps.append(time.monotonic() - stopped)
                least.append(0.0 if how is signal.SIGKILL else 9 / faster)  # a killed one is missed at once
                taken.append(_holder(it) not in (held, None))
                if how is signal.SIGKILL:
                    processes[1].kill()
                    await it.ends(processes[1])
            first.send_signal(signal.SIGCONT)
            begun = time.monotonic()
            for process in processes:
                await it.ends(process)
            counts = it.count(may_repeat=6 * IN_FLIGHT if platform == TELEGRAM else 0, begun=begun, rate=25 * pace)
            soon = [gap for gap, pause in zip(gaps, least, strict=True) if gap < pause]
            counts.hold_time(not soon, f"the other went on after {soon} s: it was not the one that sent")
            counts.hold(all(taken), "the other one had not taken over")
            counts.hold_time(max(gaps) <= 15 / faster + 3, f"taken over after {max(gaps):.1f} s")
            counts.noted.append(
                f"taken over after {', '.join(f'{gap:.1f}' for gap in gaps)} s; lease {faster:g} × as fast"
            )
            found[platform] = counts
    return found


async def _struck(process: asyncio.subprocess.Process, how: signal.Signals, database: Path) -> None:
    """Kill or stop a program; not in the midst of a write.

    Who is killed lets go of the file, but who is stopped keeps its lock for as long as it stands, and no other program
    can write into that file: nothing that a lease in it could help.
    """
    process.send_signal(how)
    while how is signal.SIGSTOP and _locked(database):
        process.send_signal(signal.SIGCONT)
        await asyncio.sleep(0.03)
        process.send_signal(how)
        await asyncio.sleep(0.02)  # until it stands


def _locked(database: Path) -> bool:
    with closing(sqlite3.connect(database, timeout=0.2, isolation_level=None)) as db:
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        db.execute("ROLLBACK")
    return False


async def _sender(it: Broadcast, faster: float, pace: float) -> asyncio.subprocess.Process:
    """Start a program and wait until it has the lease and sends."""
    before = _holder(it)
    process = await it.program(lease=faster, speed=pace)
    async with asyncio.timeout(60):
        while _holder(it) in (before, None):
            it.look()
            await asyncio.sleep(0.02)
    await until_sent(it, len(it.look()) + 3)
    return process


def _holder(it: Broadcast) -> int | None:
    """Return the number of the process that sends."""
    found = leases.every(it.store).get(sender.lease_of(it.platform))
    return found.holder if found else None


async def until_sent(it: Broadcast, count: int) -> float:
    """Wait until so many messages are shown, or nothing is left to send; return after how many seconds."""
    begun = time.monotonic()
    async with asyncio.timeout(60):
        while len(it.look()) < count and outbox.waiting(it.store):  # noqa: ASYNC110 - nobody says when
            await asyncio.sleep(0.02)
    return time.monotonic() - begun
