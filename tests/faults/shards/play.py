"""S29 and S30: several real programs share one database, and one of them after the other is killed or stopped."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from storage.alerts import outbox
from storage.engine.sharing import leases
from tests import postgres
from tests.faults.scenario import TELEGRAM, Counts, scenario
from tests.faults.shards.counting import Strike, behind, counted, open_questions
from tests.faults.shards.house import ASSETS, shared_house
from tests.faults.shards.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tests.faults.scenario import Scale
    from tests.faults.shards.house import Program, SharedHouse

ALL: Final = "collect,judge,send,answer"
TWO: Final = (ALL, ALL)
FOUR: Final = ("collect", "judge", "judge", "send,answer")
SPLITS: Final[Mapping[str, Sequence[str]]] = {
    "two that do all": TWO,
    "one collects, one does the rest": ("collect", "judge,send,answer"),
    "two collect, one of them does the rest too": ("collect", ALL),
    "one collects, two judge, one sends and answers": FOUR,
}


@scenario(
    "S29",
    "SIGKILL and SIGSTOP of several programs on one PostgreSQL",
    promised="0 lost; no row claimed by two; takeover ≤ 15 s; no digest twice; a command answered once; repeats marked",
    telegram="two to four `perpulse run --role`, fifty times killed and begun anew or stopped for 2 to 40 s",
    discord="",
    why_not="what is shared knows no platform; S15 takes over there",
    left_out="a server on another machine: a cable that is cut",
    programs=True,
)
async def several(scale: Scale) -> Mapping[str, Counts]:
    found = Counts()
    servers = postgres.databases()
    if servers is None:
        found.noted.append(postgres.MISSING)
        return {TELEGRAM: found}
    for name, split in SPLITS.items():
        # As often as was promised for two and for four; what lies between is played for less. CI plays four.
        faults = scale.of(2 if split == FOUR else 0, 50 if split in (TWO, FOUR) else 12)
        if not faults:
            continue
        ledger = Ledger(servers.take(), len(split))
        try:
            _add(found, name, await _played(scale, ledger.url, split, faults, ledger))
        finally:
            ledger.close()
    taken = [said for said in found.noted if "takeover" in said]
    found.figures["R7"] = f"{found.lost} lost, {found.repeated} repeated and marked; {'; '.join(taken)}"
    return {TELEGRAM: found}


@scenario(
    "S30",
    "SIGKILL of two programs on one file",
    promised="0 lost; no digest twice; a command answered once; repeats marked",
    telegram="two `perpulse run` with all roles on one SQLite file, killed at random and started anew",
    discord="",
    why_not="what is shared knows no platform; S15 takes over there",
    left_out="SIGSTOP: who stands in the midst of a write keeps the lock of the file, and nobody else can write",
    programs=True,
)
async def two_on_a_file(scale: Scale) -> Mapping[str, Counts]:
    counts = await _played(scale, str(scale.folder / "shared.db"), TWO, scale.of(1, 20), None)
    return {TELEGRAM: counts}


def _add(found: Counts, name: str, counts: Counts) -> None:
    for key in ("wanted", "lost", "repeated", "unmarked", "false", "late", "crashed", "may_repeat"):
        setattr(found, key, getattr(found, key) + getattr(counts, key))
    found.broken += [f"{name}: {said}" for said in counts.broken]
    found.slow += [f"{name}: {said}" for said in counts.slow]
    found.noted += [f"{name}: {said}" for said in counts.noted]


async def _played(scale: Scale, database: str, split: Sequence[str], faults: int, ledger: Ledger | None) -> Counts:
    faster = 1.0 if scale.whole else 4.0
    folder = scale.folder / f"split{len(list(scale.folder.glob('split*')))}"
    begun = datetime.now(UTC)
    soon = timedelta(minutes=5) if scale.whole else timedelta(seconds=25)
    next_hour = begun.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    ahead = next_hour - begun - soon  # an hour ends soon after the beginning
    noise = random.Random(29)
    async with shared_house(folder, database, split, ahead=ahead, faster=faster, ledger=ledger) as house:
        house.settle_in(scale.of(10, 50), timedelta(minutes=1))
        for program in house.programs:
            await house.start(program)
        await _ready(house)
        people = asyncio.create_task(_people(house, scale))
        strikes = []
        try:
            kills = [ledger is None or number % 2 == 1 for number in range(faults)]
            noise.shuffle(kills)
            for killed in kills:
                strikes.append(await _strike(house, noise, killed=killed))
                await asyncio.sleep(noise.uniform(2.0, 5.0))
                await house.wish(noise.choice(ASSETS))
        finally:
            people.cancel()
            await asyncio.gather(people, return_exceptions=True)
        house.exchange.calm()
        await _calm(house, faster, strikes)
        counts = await asyncio.to_thread(counted, house, strikes, ledger)
        errors = house.errors()
        await house.end()
        counts.crashed += len(house.ended) + len(errors)
        counts.broken += [f"it ended with {code}" for code in house.ended] + errors[:3]
        return counts


async def _ready(house: SharedHouse) -> None:
    """Wait until every program is known, every role is held, and somebody reads commands."""
    wanted = {role for program in house.programs for role in program.roles.split(",")}
    async with asyncio.timeout(120):
        while True:
            await asyncio.sleep(0.2)
            every = await asyncio.to_thread(leases.running, house.store)
            held = {name.split(" ")[0] for name, lease in leases.every(house.store).items() if lease.holder}
            reads = any("getUpdates" in {what for _, what in asked} for asked in house.telegram.by.asked.values())
            if len(every) >= len(house.programs) and wanted <= held and reads:
                return


async def _people(house: SharedHouse, scale: Scale) -> None:
    """Write news and ask questions, until told to stop."""
    noise, every = random.Random(7), 2.0 if scale.whole else 1.0
    while True:
        if noise.random() < (0.1 if scale.whole else 0.5):  # a message to every chat: no more than is sent meanwhile
            await asyncio.to_thread(house.tell)
        house.ask(noise.choice(house.chats))
        await asyncio.sleep(noise.uniform(0.5, 1.5) * every)


async def _strike(house: SharedHouse, noise: random.Random, *, killed: bool) -> Strike:
    """Kill or stop one program, have it back, and note when."""
    victim = noise.choice(house.programs)
    numbers = await asyncio.to_thread(_numbers, house)
    number = numbers.get(victim.who)
    every = await asyncio.to_thread(leases.every, house.store)
    held = {name: lease.epoch for name, lease in every.items() if lease.holder == number and number}
    others = {role for one in house.programs if one is not victim and one.lives for role in one.roles.split(",")}
    at, steady = time.time(), time.monotonic()
    if killed:
        await house.kill(victim)
        await asyncio.sleep(noise.choice((0.0, 0.0, 5.0, 16.0)) / house.faster)
        again, again_steady = time.time(), time.monotonic()
        await house.start(victim)
        await _begun(house, victim)
    else:
        house.stop(victim)
        await asyncio.sleep(noise.uniform(2.0, 40.0) / house.faster)
        again, again_steady = time.time(), time.monotonic()
        house.go_on(victim)
        await asyncio.sleep(1.5)
    return Strike(victim.who, killed, at, steady, again, again_steady, held, others)


async def _begun(house: SharedHouse, program: Program) -> None:
    """Wait until a program that was started is known to the others."""
    begun = time.monotonic()
    while time.monotonic() - begun < 60.0:
        await asyncio.sleep(0.3)
        if program.who in await asyncio.to_thread(_numbers, house):
            return


def _numbers(house: SharedHouse) -> dict[int, int]:
    """Return the number under which each program is known to the others now."""
    pids = {str(one.process.pid): one.who for one in house.programs if one.process}
    every = ((one.place.split(" ")[1], one.number) for one in leases.running(house.store))
    return {pids[pid]: number for pid, number in every if pid in pids}


async def _calm(house: SharedHouse, faster: float, strikes: Sequence[Strike]) -> None:
    """Wait until all is sent, answered and judged, and what was held is held by who lives; nothing happens any more."""
    names, quiet = {name for strike in strikes for name in strike.held}, 0
    end = time.monotonic() + 120.0 + 60.0 / faster
    while time.monotonic() < end and quiet < 6:
        await asyncio.sleep(0.5)
        waits = await asyncio.to_thread(outbox.waiting, house.store)
        unanswered, _ = open_questions(house, strikes)
        judged = not await asyncio.to_thread(behind, house)
        held = await asyncio.to_thread(_held, house, names)
        quiet = quiet + 1 if judged and held and not waits and not unanswered else 0


def _held(house: SharedHouse, names: Collection[str]) -> bool:
    """Whether each of these leases is held by a program that runs: the last fault is over, too."""
    alive, every = set(_numbers(house).values()), leases.every(house.store)
    return all(every[name].holder in alive for name in names)
