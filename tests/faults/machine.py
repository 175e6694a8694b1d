"""S24 to S26 and S28: the clock, the disk and the database of this machine, and all alarms at once."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import sqlite_utils

from bot.engine.digests import Digests
from bot.engine.evaluate import announce
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, nobody
from signals.alerts.event import Event
from signals.alerts.rule import rules
from signals.metric import metrics
from storage.alerts import episodes
from storage.engine.database import Store
from storage.engine.settings import setting
from storage.engine.sqlite import migrations
from storage.people import destinations, switches
from tests.faults.bench import Bench, bench_at, on_each
from tests.faults.programs import broadcast, configure, until_sent
from tests.faults.scenario import DISCORD, TELEGRAM, Counts, scenario
from tests.storage.engine.test_database import damaged, foreign, newer, no_database

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.faults.scenario import Scale

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


# --- the clock


@dataclass(frozen=True)
class Change:
    """A zone, the day of a change of its clock in 2026, and the times by which digests are ordered there."""

    zone: str
    day: datetime
    times: tuple[str, ...]


CHANGES: Final = tuple(
    Change(zone, datetime(2026, *day, tzinfo=UTC), times)  # type: ignore[arg-type]
    for zone, days, times in (
        ("America/New_York", ((3, 8), (11, 1)), ("2:30", "1:30")),
        ("Europe/Berlin", ((3, 29), (10, 25)), ("2:30", "9:00")),
        ("Africa/Cairo", ((4, 24), (10, 30)), ("0:00", "23:30")),
        ("Australia/Lord_Howe", ((4, 5), (10, 4)), ("1:45", "2:15")),
        ("America/Santiago", ((4, 5), (9, 6)), ("0:00", "23:30")),
    )
    for day in days
)


@scenario(
    "S24",
    "the clock: summer time, and set by an hour or a day",
    promised="a digest once a date of its chat, none skipped by a change of the zone; what waits is sent all the same",
    telegram="both changes of New York, Berlin, Cairo, Lord Howe, Santiago; then the clock is set by ±1 h and ±1 day",
    discord="the same",
    left_out="libfaketime; `for:`, cooldown and positions under jumps: tests/field/test_machines.py",
)
async def clocks(scale: Scale) -> Mapping[str, Counts]:
    found: dict[str, Counts] = {}
    for platform in (TELEGRAM, DISCORD):
        total, dates = Counts(), 0
        changes = CHANGES if scale.whole else CHANGES[platform == DISCORD :: 2]
        async with bench_at(scale.folder, platform) as bench:
            for change in changes:
                dates += await _through(bench, platform, change, total)
            for hours in (-24, -1, 1, 24):
                bench.tell()
                await bench.turns(0.5)
                bench.clock.wall += hours * HOUR
                await bench.until_empty(60)
            told = bench.count(platform)
        for name in ("wanted", "lost", "repeated", "false", "late", "crashed"):
            setattr(total, name, getattr(total, name) + getattr(told, name))
        total.broken += told.broken
        total.noted.append(f"{dates} dates in {len(changes)} changes of five zones")
        found[platform] = total
    return found


async def _through(bench: Bench, platform: str, change: Change, total: Counts) -> int:
    """Play three days around a change with a new chat for each time; count digests by the date of the chat."""
    zone, side = ZoneInfo(change.zone), bench.sides[platform]
    begin = datetime(change.day.year, change.day.month, change.day.day, 12, tzinfo=zone) - DAY
    bench.clock.wall = begin.astimezone(UTC)
    job = Digests(bench.store, bench.clock, ("BTC",), told=lambda: None)
    chats = []
    for wanted in change.times:
        chat = side.place(next(bench.numbers), "private")
        chats.append(chat)
        asker = Asker(platform, Address(chat), chat)
        for line in (f"/tz {change.zone}", f"/digest {wanted}"):
            await answer(line, Deps(bench.clock.now(), asker, bench.store, ("BTC",), nobody))
    before, seen = len(side.shown()), list[tuple[str, datetime]]()
    while bench.clock.now() < begin + 3 * DAY:
        bench.clock.forward(15 * 60)
        await job.turn()
        while await bench.dispatcher.turn():
            bench.clock.seconds += 2
        new = side.shown()[before:]
        before += len(new)
        seen += [(chat, bench.clock.now()) for chat, _ in new]
    for chat, wanted in zip(chats, change.times, strict=True):
        hour, minute = map(int, wanted.split(":"))
        dates = Counter(at.astimezone(zone).date() for one, at in seen if one == chat)
        due = [(begin + n * DAY).date() for n in range(4)]
        due = [day for day in due if begin < _shown(day, hour, minute, zone) < begin + 3 * DAY - HOUR]
        total.wanted += len(due)
        total.lost += sum(day not in dates for day in due)
        total.broken += [
            f"{change.zone} {wanted}: none on {day}, but {sorted(dates)}" for day in due if day not in dates
        ]
        total.repeated += sum(count - 1 for count in dates.values())
        asker = Asker(platform, Address(chat), chat)
        await answer("/digest off", Deps(bench.clock.now(), asker, bench.store, ("BTC",), nobody))
    return len(chats) * 3


def _shown(day: Any, hour: int, minute: int, zone: ZoneInfo) -> datetime:
    """Return when a clock shows a time on a date; one that is skipped comes an hour later."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC).astimezone(zone)


# --- the disk and the database


@scenario(
    "S25",
    "the database is locked, and the disk full",
    promised="no message is lost or repeated; it goes on within 10 s; the file is whole",
    telegram="in a broadcast the database is locked for 60 s (CI: 3 s), then no file may grow (EFBIG) for 5 s",
    discord="the same",
    left_out="a slow fsync; a folder without rights, which root does not feel: tests/storage/engine/test_database.py",
    programs=True,
)
async def no_room(scale: Scale) -> Mapping[str, Counts]:
    found = {}
    for platform in (TELEGRAM, DISCORD):
        async with broadcast(scale.folder, platform, scale.of(60, 600), speed=1.0) as it:
            process, paused = await it.program(speed=1.0), list[float]()
            await until_sent(it, 5)
            with closing(sqlite3.connect(it.store.path, isolation_level=None, timeout=30)) as other:
                other.execute("BEGIN IMMEDIATE")
                await asyncio.sleep(scale.of(3, 60))
                other.execute("ROLLBACK")
            paused.append(await until_sent(it, len(it.look()) + 10))
            _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, most))
            await asyncio.sleep(5)
            resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, most))
            begun = time.monotonic()
            paused.append(await until_sent(it, len(it.look()) + 10))
            await it.ends(process)
            counts = it.count(may_repeat=0, begun=begun, rate=20)
            counts.hold_time(max(paused) <= 10 + 2, f"it went on after {max(paused):.1f} s")
            it.store.close()
            with closing(sqlite3.connect(it.store.path)) as file:
                counts.hold(file.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the file is damaged")
            counts.noted.append(f"went on after {' and '.join(f'{pause:.1f}' for pause in paused)} s")
            found[platform] = counts
    return found


@scenario(
    "S26",
    "a database that is damaged, foreign, newer or older",
    promised="refused in one line, nothing sent and the file as it was; an older one is copied first and nothing lost",
    telegram="bytes of the header and of the middle flipped, a list of songs, a step of tomorrow; a file of two steps",
    discord="the same run",
    programs=True,
)
async def wrong_file(scale: Scale) -> Mapping[str, Counts]:
    found = {}
    for platform in (TELEGRAM, DISCORD):
        few = (damaged, newer) if platform == TELEGRAM else (newer,)
        spoilers = (damaged, newer, foreign, no_database) if scale.whole else few
        total = Counts()
        for spoil in spoilers:
            folder = scale.folder / platform / spoil.__name__
            async with broadcast(folder, platform, 3) as it:
                it.store.close()
                if spoil is not newer:
                    it.store.path.unlink()
                spoil(it.store.path)
                before = it.store.path.read_bytes()
                configure(folder, it)
                process = await it.perpulse(folder)
                async with asyncio.timeout(60):
                    await process.wait()
                said = (folder / "log").read_text(encoding="utf-8")
                total.hold(process.returncode == 2, f"{spoil.__name__}: ended with {process.returncode}")
                total.hold(said.count("\n") == 1 and "Traceback" not in said, f"{spoil.__name__}: {said[-300:]}")
                total.hold(it.store.path.read_bytes() == before, f"{spoil.__name__}: the file was changed")
                total.false += len(it.look())
        total.hold(_brought_up_to_date(scale.folder / platform / "older.db"), "older: no copy, or a row is lost")
        total.noted.append(f"{len(spoilers)} kinds of wrong files")
        found[platform] = total
    return found


def _brought_up_to_date(path: Path) -> bool:
    """Tell whether a file of the first two steps is copied, and then brought up to date with what is in it."""
    with closing(sqlite_utils.Database(path, execute_plugins=False)) as file:
        older = sqlite_utils.Migrations(migrations.SET)
        for step in migrations._STEPS[:2]:
            older()(step)
        older.apply(file)
        file.execute("INSERT INTO settings VALUES ('old', '1')")
    store = Store(path)
    kept = setting(store, "old") == "1"
    store.close()
    with closing(sqlite3.connect(path.with_name(f"{path.name}.after-m002_alerts.bak"))) as copy:
        return kept and copy.execute("SELECT value FROM settings WHERE name = 'old'").fetchone() == ("1",)


# --- all at once


@scenario(
    "S28",
    "every alarm at once",
    promised="what is critical first; one message a chat and asset; beyond 12 notices a day one message for the rest",
    telegram="500 assets × 5 rules at one close to 30 chats (CI: 20 × 5 to 3)",
    discord="the same",
    left_out="10,000 subscribers: 25 million rows; that one goes with all assets in one message is not built",
)
async def all_at_once(scale: Scale) -> Mapping[str, Counts]:
    async def play(bench: Bench, platform: str) -> Counts:
        assets, chats = [f"A{number}" for number in range(scale.of(20, 500))], scale.of(3, 30)
        urgent = {asset for asset in assets if int(asset[1:]) % 10 == 0}
        for _ in range(chats):
            bench.place(platform)
        for one in destinations.everyone(bench.store):
            switches.switch_back(bench.store, one.id, "budget")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        begun = time.monotonic()
        _fire(bench, assets, urgent)
        announced = time.monotonic() - begun
        await bench.turns(20 + 1.2 * (len(urgent) + 12), every=0.05)
        at_once = Counter(one.chat for one in bench.seen[platform])
        await bench.turns(DAY.total_seconds(), every=300)
        wanted = max(len(urgent), 12) + 1  # what is critical comes at once, however much it is
        counts = Counts(wanted=chats * wanted)
        for chat in bench.chats[platform]:
            texts = [one.text for one in bench.seen[platform] if one.chat == chat]
            critical = [any(f"{asset}:" in text or f"{asset} " in text for asset in urgent) for text in texts[:-1]]
            counts.hold(critical == sorted(critical, reverse=True), "a notice went before what is critical")
            counts.lost += max(0, wanted - len(texts))
            counts.false += max(0, len(texts) - wanted)
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        counts.crashed, counts.broken = len(bench.errors), [*counts.broken, *bench.errors]
        counts.noted.append(
            f"{len(assets) * 5:,} events to {chats} chats in {announced:.2f} s, +{more:.0f} MB; at once a chat got "
            f"{max(at_once.values())} messages"
        )
        return counts

    return await on_each(scale.folder, play)


def _fire(bench: Bench, assets: list[str], urgent: set[str]) -> None:
    """Let five rules fire for every asset at one close, in one transaction; some of them are critical."""
    named = [one for one in rules().values() if not one.only_asked][:5]
    now = bench.clock.now()
    with bench.store.write() as work:
        for asset in assets:
            for rule in named:
                home = rule.metrics[0]
                values = {f"{home}.{name}": -0.5 for name in metrics()[home].values}
                event = Event(
                    kind="fired", rule=rule.id, asset=asset, rank="critical" if asset in urgent else "notice", at=now,
                    since=now - DAY, values=values, step=HOUR, venues=("binance",),
                )  # fmt: skip
                announce(work, event, episodes.record(work, (rule.id, asset), event, None), now)
