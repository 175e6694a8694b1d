"""S29 and S30: several real programs share one database, and one of them after the other is killed or stopped."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.delivery.dispatcher import IN_FLIGHT
from storage.alerts import outbox
from storage.engine.sharing import leases
from tests import postgres
from tests.faults.bench import MARK
from tests.faults.scenario import TELEGRAM, Counts, scenario
from tests.faults.shards.house import ASSETS, ENTRY, shared_house
from tests.faults.shards.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.faults.scenario import Scale
    from tests.faults.shards.house import Program, SharedHouse

ALL: Final = "collect,judge,send,answer"
SPLITS: Final[Mapping[str, Sequence[str]]] = {
    "two that do all": (ALL, ALL),
    "one collects, one does the rest": ("collect", "judge,send,answer"),
    "two collect, one of them does the rest too": ("collect", ALL),
    "one collects, two judge, one sends and answers": ("collect", "judge", "judge", "send,answer"),
}
PROMISED_S: Final = 15.0
DEAD_S: Final = 12.0
_NEWS: Final = re.compile(r"news number \d{4} of the day")
_ASKED: Final = re.compile(rf"{str(ENTRY)[0]},000,(\d{{3}})|{str(ENTRY)[0]},(\d{{3}}),(\d{{3}})")


@dataclass
class Strike:
    """One fault. at: wall seconds; again: when the program was there again. held: its leases then."""

    who: int
    killed: bool
    at: float
    steady: float
    again: float
    again_steady: float
    held: dict[str, int]
    others: set[str]  # roles of the programs that lived meanwhile


@dataclass
class Takeovers:
    """Seconds from a strike to the first work of another program, by role."""

    taken: dict[str, list[float]] = field(default_factory=dict)

    def add(self, role: str, seconds: float) -> None:
        self.taken.setdefault(role, []).append(seconds)

    @property
    def most(self) -> float:
        return max((max(every) for every in self.taken.values()), default=0.0)

    def __str__(self) -> str:
        return ", ".join(f"{role} {len(every)} × ≤ {max(every):.1f} s" for role, every in sorted(self.taken.items()))


@scenario(
    "S29",
    "SIGKILL and SIGSTOP of several programs on one PostgreSQL",
    promised="0 lost; no row claimed by two; takeover ≤ 15 s; no digest twice; a command answered once; repeats marked",
    telegram="two to four `perpulse run --role`, killed and started anew, or stopped for 2 to 40 s, fifty times at random",
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
    faults = scale.of(2, 50)
    for name, split in SPLITS.items():
        if not scale.whole and split not in (SPLITS["two that do all"], list(SPLITS.values())[-1]):
            continue
        ledger = Ledger(servers.take(), len(split))
        try:
            _add(found, name, await _played(scale, ledger.url, split, faults, ledger))
        finally:
            ledger.close()
    return {TELEGRAM: found}


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
            for _ in range(faults):
                strikes.append(await _strike(house, noise, faster, ledger))
                await asyncio.sleep(noise.uniform(2.0, 5.0))
                await house.wish(noise.choice(ASSETS))
        finally:
            people.cancel()
            await asyncio.gather(people, return_exceptions=True)
        await _calm(house, faster)
        counts = await asyncio.to_thread(_counted, house, strikes, ledger)
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
        if noise.random() < 0.5:
            await asyncio.to_thread(house.tell)
        house.ask(noise.choice(house.chats))
        await asyncio.sleep(noise.uniform(0.5, 1.5) * every)


async def _strike(house: SharedHouse, noise: random.Random, faster: float, ledger: Ledger | None) -> Strike:
    """Kill or stop one program, have it back, and note when."""
    victim = noise.choice(house.programs)
    killed = ledger is None or noise.random() < 0.5
    numbers = await asyncio.to_thread(_numbers, house, ledger)
    number = numbers.get(victim.who)
    every = await asyncio.to_thread(leases.every, house.store)
    held = {name: lease.epoch for name, lease in every.items() if lease.holder == number and number}
    others = {role for one in house.programs if one is not victim and one.lives for role in one.roles.split(",")}
    at, steady = time.time(), time.monotonic()
    if killed:
        await house.kill(victim)
        await asyncio.sleep(noise.choice((0.0, 0.0, 5.0, 16.0)) / faster)
        again, again_steady = time.time(), time.monotonic()
        await house.start(victim)
        await _begun(house, victim, ledger)
    else:
        house.stop(victim)
        await asyncio.sleep(noise.uniform(2.0, 40.0) / faster)
        again, again_steady = time.time(), time.monotonic()
        house.go_on(victim)
        await asyncio.sleep(1.5)
    return Strike(victim.who, killed, at, steady, again, again_steady, held, others)


async def _begun(house: SharedHouse, program: Program, ledger: Ledger | None) -> None:
    """Wait until a program that was started is known to the others."""
    before = time.monotonic()
    known = await asyncio.to_thread(_numbers, house, ledger)
    while time.monotonic() - before < 60.0:
        await asyncio.sleep(0.3)
        now = await asyncio.to_thread(_numbers, house, ledger)
        if now.get(program.who) != known.get(program.who) or (ledger is None and len(now) >= len(house.programs)):
            return


def _numbers(house: SharedHouse, ledger: Ledger | None) -> dict[int, int]:
    """Return the number of each program's present life."""
    if ledger is None:
        return {-one.number: one.number for one in leases.running(house.store)}
    return {entry.who: int(entry.key) for entry in ledger.entries("processes")}


async def _calm(house: SharedHouse, faster: float) -> None:
    """Wait until all is sent and answered, while nothing happens any more."""
    quiet = 0
    end = time.monotonic() + 60.0 + 30.0 / faster
    while time.monotonic() < end and quiet < 6:
        await asyncio.sleep(0.5)
        waits = await asyncio.to_thread(outbox.waiting, house.store)
        answered = set(_answers(house))
        quiet = quiet + 1 if not waits and not house.asked.keys() - answered else 0


def _answers(house: SharedHouse) -> Counter[int]:
    """Return how often each question was answered."""
    found: Counter[int] = Counter()
    for message in house.telegram.accepted:
        if (said := _ASKED.search(message.text)) and not _NEWS.search(message.text):
            found[int("".join(filter(None, said.groups())))] += 1
    return found


def _counted(house: SharedHouse, strikes: Sequence[Strike], ledger: Ledger | None) -> Counts:
    shown = list(house.telegram.accepted)
    counts = Counts(broken=list(house.telegram.problems))
    first = [(message.chat, message.edits[0] if message.edits else message.text) for message in shown]
    # news
    wanted = {(chat, text) for chat in house.chats for text in house.told}
    told = Counter((chat, text) for chat, said in first for text in set(_NEWS.findall(said)))
    plain = Counter((chat, text) for chat, said in first for text in set(_NEWS.findall(said)) if MARK not in said)
    counts.wanted = len(wanted) + len(house.asked)
    missing = wanted - set(told)
    counts.repeated = sum(told.values()) - len(told)
    counts.unmarked = sum(count - 1 for count in plain.values() if count > 1)
    counts.may_repeat = sum("send telegram" in one.held for one in strikes) * 2 * IN_FLIGHT
    # questions
    answers = _answers(house)
    in_flight = [one.steady for one in strikes if "answer telegram" in one.held]
    unanswered = [number for number in house.asked if not answers[number]]
    # What had been taken from Telegram and not been answered at a kill is gone with the program: a person asks again.
    gone = [n for n in unanswered if any(-1.0 <= at - house.asked[n][0] <= 3.0 for at in in_flight)]
    unanswered = [number for number in unanswered if number not in gone]
    twice = [number for number, count in answers.items() if count > 1]
    counts.lost = len(missing) + len(unanswered)
    counts.noted.append(f"{len(house.asked)} questions, {len(gone)} of them gone with a killed program")
    counts.hold(
        not unanswered, f"{len(unanswered)} of {len(house.asked)} questions were not answered: {unanswered[:5]}"
    )
    counts.hold(not twice, f"{len(twice)} of {len(house.asked)} questions were answered twice: {twice[:5]}")
    # all other words
    others = Counter((chat, said) for chat, said in first if not _NEWS.search(said) and not _ASKED.search(said))
    marked = Counter((chat) for (chat, said), _ in others.items() if MARK in said)
    again = {key: count for key, count in others.items() if count > 1}
    counts.unmarked += sum(count - 1 for count in again.values())
    counts.hold(not again, f"said twice unmarked: {[said[:80] for _, said in list(again)[:3]]}")
    counts.noted.append(
        f"{len(strikes)} faults ({sum(one.killed for one in strikes)} kills), {len(shown):,} messages, "
        f"{counts.repeated} repeats of news, {sum(marked.values())} other words marked"
    )
    waits = sorted(house.waits)
    counts.noted.append(f"{len(waits)} wishes answered, slowest {waits[-1] if waits else 0:.1f} s, {house.unheard} not")
    if ledger:
        _by_the_ledger(house, strikes, ledger, counts)
    return counts


def _by_the_ledger(house: SharedHouse, strikes: Sequence[Strike], ledger: Ledger, counts: Counts) -> None:
    double = 0
    for entry in ledger.entries("outbox"):
        before, epoch, after, new, holder = entry.said.split(" ")
        if after == "sending" and (before != "sending" or epoch != new):
            double += before == "sending" or new != holder
    counts.hold(not double, f"{double} rows were claimed by two")
    read = ledger.rows
    digests = read(
        "SELECT d.destination, n.payload::json->>'due', count(*) FROM notices n JOIN outbox d ON d.notice = n.id "
        "WHERE n.kind = 'digest' GROUP BY 1, 2"
    )
    counts.hold(all(count == 1 for *_, count in digests), "a digest was made twice")
    late = int((house.now() - timedelta(seconds=60)).timestamp() * 1000)
    owed = read("SELECT count(*) FROM digests WHERE next < %s", late)[0][0]
    counts.hold(not owed, f"{owed} digests that were due were not made")
    counts.noted.append(f"{len(digests)} digests")
    lost = read("SELECT state, reason, count(*) FROM outbox WHERE state NOT IN ('sent', 'merged') GROUP BY 1, 2")
    counts.hold(not lost, f"not sent: {lost[:4]}")
    twins = read(
        "SELECT rule, asset, since, count(*) FROM episodes GROUP BY 1, 2, 3 HAVING count(*) > 1 "
        "UNION ALL SELECT rule, asset, at, count(*) FROM record GROUP BY 1, 2, 3 HAVING count(*) > 1"
    )
    counts.hold(not twins, f"two episodes or entries of one: {twins[:3]}")
    open_ = read("SELECT rule, asset, count(*) FROM episodes WHERE ended IS NULL GROUP BY 1, 2 HAVING count(*) > 1")
    counts.hold(not open_, f"two open episodes: {open_[:3]}")
    told = read(
        "SELECT count(*), (SELECT count(*) FROM episodes WHERE rule = 'burst') FROM notices WHERE episode IS NOT NULL"
    )
    counts.noted.append(f"{told[0][0]} notices of episodes, {told[0][1]} fast moves")
    _judged(house, ledger, counts)
    _collected(house, ledger, counts)
    _taken_over(house, strikes, ledger, counts)


def _judged(house: SharedHouse, ledger: Ledger, counts: Counts) -> None:
    """Hold the newest close of each rule and asset against the hour."""
    hour = house.now().replace(minute=0, second=0, microsecond=0)
    rows = ledger.rows("SELECT asset, max((state::json->>'at')) FROM rule_states WHERE rule <> 'burst' GROUP BY 1")
    newest = {asset: at for asset, at in rows}
    behind = [asset for asset in ASSETS if str(newest.get(asset, "")) < f"{hour.isoformat()}"]
    counts.noted.append(f"newest closes {sorted(set(map(str, newest.values())))}")
    counts.hold(not behind or house.now() - hour < timedelta(minutes=3), f"{behind} were not judged at the last close")


def _collected(house: SharedHouse, ledger: Ledger, counts: Counts) -> None:
    """Look whether figures of each asset kept coming."""
    rows = ledger.rows("SELECT asset, venue, at FROM levels WHERE mark_price IS NOT NULL ORDER BY 1, 2, 3")
    gaps: dict[tuple[str, str], float] = {}
    last: dict[tuple[str, str], int] = {}
    first = min((at for at, _ in house.asked.values()), default=time.monotonic())
    begun = int((house.now() - timedelta(seconds=time.monotonic() - first)).timestamp() * 1000)
    for asset, venue, at in rows:
        if at >= begun:
            key = (asset, venue)
            gaps[key] = max(gaps.get(key, 0.0), (at - last.get(key, at)) / 1000)
            last[key] = at
    counts.noted.append(f"longest pause of a price {max(gaps.values(), default=0.0):.0f} s")
    counts.hold(all((asset, "binance") in last for asset in ASSETS), "figures of some asset did not come")


def _taken_over(house: SharedHouse, strikes: Sequence[Strike], ledger: Ledger, counts: Counts) -> None:
    """Measure from each strike to the lease in other hands, and to the first work of whoever took it."""
    found, number_of = Takeovers(), {int(one.key): one.who for one in ledger.entries("processes")}
    moved = ledger.entries("leases")
    missed = []
    for one in strikes:
        gone = one.killed or one.again - one.at >= PROMISED_S / house.faster + 2.0
        for name in one.held if gone else ():
            role = name.split(" ")[0]
            if not one.killed and role not in one.others:
                continue
            took = next((e for e in moved if e.key == name and e.at > one.at and e.said.split(" ")[1] != "-"), None)
            if took is None:
                missed.append(name)
                continue
            if role not in one.others:
                continue  # nobody else could: it was started anew
            found.add(f"lease {role}", took.at - one.at)
            who = number_of.get(int(took.said.split(" ")[1]), 0)
            steady = one.steady + took.at - one.at
            if role == "answer" and (at := house.telegram.by.first(who, "getUpdates", steady)):
                found.add("reads commands", at - one.steady)
            if name == "send telegram" and (at := house.telegram.by.first(who, "sendMessage", steady)):
                found.add("sends", at - one.steady)
            if role == "collect" and (at := house.exchange.by.first(who, "figures", steady)):
                found.add("asks an exchange", at - one.steady)
    counts.hold(not missed, f"nobody took over {sorted(set(missed))}")
    counts.hold_time(found.most <= PROMISED_S, f"taken over late: {found}")
    counts.noted.append(f"takeover: {found}")
