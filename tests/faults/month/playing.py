"""A simulated month of the whole program under every fault at random: `make faults ARGS=R8` plays thirty days of it.

    python -m tests.faults.month.playing [--days 30] [--seed 1]

A line is printed each evening; the last line holds what was counted, as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
import json
import logging
import os
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import apscheduler.schedulers.base
import apscheduler.triggers.interval
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from bot.machine import keep_memory_whole
from storage.engine.sqlite import file
from tests.faults.bench import logged
from tests.faults.month import troubles
from tests.faults.month.fakes import Fall, MonthClock, MonthDiscord, MonthExchange, MonthLoop, MonthTelegram, in_loop
from tests.faults.month.people import People
from tests.faults.month.program import Program, Uncaught
from tests.faults.month.vitals import SETTLED, Day, head, kept_back, measured, not_constant
from tests.faults.scenario import DISCORD, TELEGRAM, Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BEGIN: Final = datetime(2026, 11, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EVENING: Final = timedelta(hours=21)  # from here on nothing new goes wrong on a day, and what is on ends in an hour
BUSY_MS: Final = 200  # instead of ten seconds: a thread that waits for the database holds the loop's time
COUNTED: Final = ("tasks", "threads", "descriptors", "files")
PAUSES: Final[Mapping[str, tuple[float, float]]] = {  # hours between two troubles of a kind
    "exchange": (0.5, 3.0), "Telegram": (1.0, 5.0), "Discord": (1.0, 5.0), "machine": (1.5, 6.0),
}  # fmt: skip


@dataclass
class Month:
    """What troubles befall (`Plagued`). had: how often each has. calm: from when on none does any more."""

    program: Program
    people: People
    calm: datetime
    noise: random.Random
    revoking: asyncio.Lock = field(default_factory=asyncio.Lock)
    had: Counter[str] = field(default_factory=Counter)

    async def lasts(self, least: timedelta, most: timedelta, *, over_night: bool = False) -> None:
        """Wait for a while: until evening at most, or until the calm."""
        now = self.program.clock.true()
        span = least * (most / least) ** self.noise.random()
        end = self.calm if over_night else min(self.calm, _day_of(now) + EVENING + HOUR)
        await asyncio.sleep(in_loop(max(MINUTE, min(span, end - now))))

    async def plague(self, pause: tuple[float, float], kinds: Mapping[str, Any]) -> None:
        """Let one after another happen, each kind before one happens again."""
        bag: list[str] = []
        while True:
            await asyncio.sleep(in_loop(HOUR * self.noise.uniform(*pause)))
            now = self.program.clock.true()
            if now >= self.calm:
                return
            if now - _day_of(now) >= EVENING:
                continue
            bag = bag or self.noise.sample(sorted(kinds), len(kinds))
            name = bag.pop()
            self.had[name] += 1
            await kinds[name](self)


def _day_of(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


async def play(
    folder: Path, days: int, seed: int, said: Callable[[str], None], told: Path | None = None
) -> dict[str, Counts]:
    """Play so many days and return what was counted on each platform."""
    clock = MonthClock(BEGIN, asyncio.get_running_loop())
    falls = [Fall("BTC", BEGIN + n * DAY + 14 * HOUR, BEGIN + n * DAY + 32 * HOUR) for n in range(0, days - 1, 3)]
    async with contextlib.AsyncExitStack() as stack:
        telegram, wire, exchange = MonthTelegram(clock), MonthDiscord(clock), MonthExchange(clock, falls)
        for fake in (telegram, wire, exchange):
            await stack.enter_async_context(fake)
        wire.limit()
        ports = {yarl.URL(fake.base_url).port or 0 for fake in (telegram, wire, exchange)}
        program = Program(clock, telegram, wire, exchange, folder)
        stack.enter_context(_noted(program))
        people = People(program, falls, random.Random(f"{seed} people"), told_to=told)
        calm = BEGIN + days * DAY - (DAY if days > 2 else DAY / 3)
        months = {
            name: Month(program, people, calm, random.Random(f"{seed} {name}"), revoking)
            for revoking in [asyncio.Lock()]
            for name in PAUSES
        }
        await program.start()
        await asyncio.sleep(in_loop(HOUR))
        await people.settle()
        running = [months[name].plague(PAUSES[name], troubles.EVERY[name]) for name in PAUSES]
        tasks = [
            asyncio.create_task(one)
            for one in (*running, people.tell(), people.ask(), program.supervise(), _beats(wire))
        ]
        failed, seen = set[str](), dict[int, Counter[str]]()
        evenings, known = list[Day](), list[Counter[str]]()
        said(head())
        for day in range(1, days + 1):
            await _until(clock, BEGIN + day * DAY - 5 * MINUTE, people)
            people.look_for_lost()
            evening, objects = measured(
                day, program.data, lives=program.lives, messages=people.messages.total(), fakes=ports
            )
            evenings.append(evening)
            known = [known[0] if known and day > SETTLED else objects, objects]
            said(evening.row())
            if day in (2, 4, 8, 16, days):
                seen[day] = objects
                grown = objects - seen[min(seen)]
                said("  " + ", ".join(f"{name} {count:+,}" for name, count in grown.most_common(6)))
            _say_new(failed, people, clock.true() - DAY / 2, said)
        for task in tasks:
            if task.done() and not task.cancelled() and task.exception():
                program.errors.append(f"the month itself: {task.exception()!r}")
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await program.stop()
        people.look()
        had = sum((month.had for month in months.values()), Counter[str]())
        return _counted(people, evenings, known, had, clock.true())


def _say_new(before: set[str], people: People, until: datetime, said: Callable[[str], None]) -> None:
    """Say what was not as promised since the last time."""
    for platform in (TELEGRAM, DISCORD):
        found = [*people.lost(platform, until), *people.doubled(platform), *people.false(platform)]
        for one in found + people.program.errors:
            if one not in before:
                before.add(one)
                said(f"  {platform}: {one[:300]}")


async def _until(clock: MonthClock, end: datetime, people: People) -> None:
    """Let time pass, and look at the chats meanwhile."""
    while (left := end - clock.true()) > timedelta(0):
        await asyncio.sleep(in_loop(min(left, 10 * MINUTE)))
        people.look()


async def _beats(wire: MonthDiscord) -> None:
    while True:
        await asyncio.sleep(40)
        await wire.beat()


def _counted(
    people: People, days: Sequence[Day], known: Sequence[Counter[str]], had: Counter[str], end: datetime
) -> dict[str, Counts]:
    """Hold what the chats show against what was told, and the last evening against the fifth."""
    program, found = people.program, {}
    until = end - 3 * HOUR
    grown = [f"{name} {count:+,}" for name, count in (known[-1] - known[0]).most_common(5)]
    for platform, fake in ((TELEGRAM, program.telegram), (DISCORD, program.discord)):
        lost, doubled, false = people.lost(platform, until), people.doubled(platform), people.false(platform)
        counts = Counts(wanted=len(people.told) * (2 if platform == TELEGRAM else 1), lost=len(lost), false=len(false))
        counts.unmarked, counts.repeated = len(doubled), people.repeated(platform)
        counts.may_repeat = counts.repeated  # each has to say so, or it counts as unmarked
        counts.crashed = len(program.errors)
        said = [*(f"lost: {one}" for one in lost), *(f"told twice: {one}" for one in doubled), *false]
        said += [f"nobody caught: {error[:200]}" for error in program.errors[:20]]
        counts.broken = [*said[:40], *fake.problems, *not_constant(days)]
        lives = f"{program.lives} lives of which {program.kills} ended by a kill"
        sent = f"{people.messages[platform]:,} messages, {counts.repeated} marked repeats"
        counts.noted = [
            f"{len(days)} days, {had.total()} faults of {len(had)} kinds, {lives}",
            f"{people.asked} commands, {sent}, the latest news after {people.latest / HOUR:.1f} h",
            f"most grown since day {SETTLED}: {', '.join(grown) or 'nothing'}",
        ]
        then = days[min(SETTLED, len(days)) - 1]
        ended = days[-1]
        grew = ended.memory_mb / then.memory_mb - 1
        counted = ("{} {} → {}".format(name, *kept_back(days, name)) for name in COUNTED)
        counts.figures["R8"] = (
            f"{len(days)} days: memory {grew:+.1%} since day {then.day}, {', '.join(counted)}, "
            f"{counts.crashed} errors that nobody caught"
        )
        counts.table = [head(), *(day.row() for day in days)]
        found[platform] = counts
    return found


@contextlib.contextmanager
def _noted(program: Program) -> Any:
    """Count what nobody caught: in the log, in the loop, and in the logs of libraries."""
    root, handler = logging.getLogger(), Uncaught(program.note)
    root.addHandler(handler)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, about: program.note(_said(about)))
    errors = _Noting(program)
    with logged(errors):
        try:
            yield
        finally:
            root.removeHandler(handler)


def _said(about: Mapping[str, Any]) -> str:
    """Return what a loop says of an error, with whom it is about."""
    whom = next((str(about[name]) for name in ("client_connection", "client_session", "future") if name in about), "")
    return f"{about.get('exception') or about['message']} {whom}"


class _Noting(list[str]):
    """A list to which errors are added, and that hands them on."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._program = program

    def append(self, said: str) -> None:
        """Hand one on."""
        self._program.note(said)


def _set_machine(clock: Callable[[], datetime]) -> None:
    """Let the scheduler read the clock of the month instead of the machine's, and nobody wait for the disk."""

    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return clock().astimezone(tz) if tz else clock().replace(tzinfo=None)

    for reader in (apscheduler.schedulers.base, apscheduler.triggers.interval):
        reader.datetime = Now  # type: ignore[attr-defined]
    settings = (*file.SQLITE.settings, "PRAGMA synchronous = OFF", f"PRAGMA busy_timeout = {BUSY_MS}")
    file.SQLITE = replace(file.SQLITE, settings=settings)


def main() -> int:
    """Print a line a day, and at last what was counted; return 1 where something was not as promised."""
    asked = argparse.ArgumentParser(
        prog="python -m tests.faults.month.playing", description=(__doc__ or "").split("\n", 1)[0]
    )
    asked.add_argument("--days", type=int, default=30)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--told", type=Path, help="a file for all that chats are shown")
    given = asked.parse_args()
    os.environ.setdefault("PTB_TIMEDELTA", "1")
    logging.basicConfig(handlers=[logging.NullHandler()])
    keep_memory_whole()  # as `perpulse run` does
    loop = MonthLoop()
    _set_machine(lambda: MonthClock(BEGIN, loop).now())
    before = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        asyncio.Runner(loop_factory=lambda: loop) as it,
    ):
        counted = it.run(play(Path(folder), given.days, given.seed, lambda line: print(line, flush=True), given.told))
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = before
    for platform, counts in counted.items():
        for failure in counts.failures():
            print(f"{platform}: {failure}", flush=True)
    print(json.dumps({platform: dataclasses.asdict(counts) for platform, counts in counted.items()}), flush=True)
    return int(any(counts.failures() for counts in counted.values()))


if __name__ == "__main__":
    sys.exit(main())
