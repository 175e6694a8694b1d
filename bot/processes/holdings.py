"""What this process holds of what several share: it beats, takes what is free, and takes over from who is dead.

Collecting and judging are shared fairly: each process that takes part holds about as many leases as the next one, and
gives some back when another one comes. What is sent to a platform and who answers there stays with who had it first.

No wall time is in it, so that a clock which jumps neither steals nor blocks.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from zlib import crc32

import structlog

from bot.processes import place
from bot.processes.roles import SHARED_FAIRLY, lease_of, leases_of
from signals.inputs import MARKET
from storage.alerts.sending import sender
from storage.engine.database import Broken, StoreError
from storage.engine.sharing import leases
from storage.engine.sharing.fence import Fence, fenced

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from bot.clock import Clock
    from storage.engine.database import Store
    from storage.engine.sharing.leases import Lease, Role, RunningProcess
    from storage.engine.work import Work

log = structlog.get_logger(__name__)

BEAT_EVERY: Final = 3.0  # seconds between signs of life
LOOK_EVERY: Final = 1.0  # seconds between looks at the others, where there are any
DEAD_AFTER: Final = 12.0  # seconds without a sign of life, by the clock of who looks
LEFT_AFTER: Final = 30.0  # seconds in which nobody takes what is free: then nobody else wants it


@dataclass(slots=True)
class Holdings:
    """What this process holds.

    assets: those that are followed. platforms: those on which it can speak. told: are called, in the thread of the
    look, whenever it holds something else than before.
    """

    store: Store
    clock: Clock
    roles: Sequence[Role]
    assets: Sequence[str]
    platforms: Sequence[str]
    where: str = field(default_factory=place.here)
    number: int = 0
    held: Mapping[str, int] = field(default_factory=dict)
    told: list[Callable[[], None]] = field(default_factory=list)
    others: int = 0  # processes that live, beside this one
    _lacking: dict[Role, float] = field(default_factory=dict)  # roles in which nobody takes part, and since when
    _wanted: Mapping[Role, Sequence[str]] = field(default_factory=dict)
    _free: dict[str, float] = field(default_factory=dict)  # what nobody does of what this process may do, since when
    _left: set[str] = field(default_factory=set)  # what is held beside a fair share, since nobody else wants it
    _seen: dict[int, tuple[int, float]] = field(default_factory=dict)  # a process's last beat, and since when
    _known: Sequence[RunningProcess] = ()  # those that were seen last
    _starts: bool = False
    _beaten: float = -math.inf
    _looked: float = -math.inf
    _saw: float = -math.inf
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._wanted = {role: leases_of(role, self.assets, self.platforms) for role in self.roles}

    # --- what is held

    def holds(self, role: Role, what: str) -> bool:
        """Tell whether this process is the one that does something, as far as it knows: see `under`."""
        return lease_of(role, what) in self.held

    def share(self, role: Role) -> list[str]:
        """Return the assets that this process collects or judges, in the usual order, the market as a whole last."""
        return [asset for asset in (*self.assets, MARKET) if lease_of(role, asset) in self.held]

    def under(self, role: Role, *what: str) -> AbstractContextManager[None] | None:
        """Return what keeps everything written within from being kept once another process has taken over.

        None where this process does not hold it, so that it is left to who does.
        """
        names = [lease_of(role, one) for one in what]
        held = self.held
        if not names or not all(name in held for name in names):
            return None
        return fenced(Fence(self.number, {name: held[name] for name in names}))

    async def was_relieved(self, role: Role, what: str) -> bool:
        """Tell whether this process was stopped for so long that another one does something in its place by now."""
        if not self.number or self.clock.monotonic() - self._beaten < DEAD_AFTER - BEAT_EVERY:
            return False
        try:
            await asyncio.to_thread(self.look)
        except StoreError as error:
            log.error("the other processes could not be looked at", reason=str(error))  # noqa: TRY400 - says what to do
        return not self.holds(role, what)

    @property
    def stands_by(self) -> bool:
        """Tell whether this process does nothing but wait for another one to end."""
        return not self.held

    @property
    def lacking(self) -> dict[Role, timedelta]:
        """Return the roles in which no process that lives takes part, and for how long that has been so."""
        now = self.clock.monotonic()
        return {role: timedelta(seconds=now - since) for role, since in self._lacking.items()}

    # --- looks

    @property
    def due(self) -> bool:
        """Tell whether a sign of life is due, or a look at the others."""
        every = LOOK_EVERY if self.others or self.stands_by else BEAT_EVERY
        return self.clock.monotonic() - self._looked >= every

    def start(self) -> None:
        """Begin: be known to the others, and take what is free, or was a dead one's of this machine."""
        self._begin()
        self._starts = True
        try:
            self.look()
        finally:
            self._starts = False

    async def run(self) -> None:
        """Keep what is held, and look at the others, until cancelled; a database that is away is tried again."""
        while True:
            await asyncio.sleep(min(LOOK_EVERY, BEAT_EVERY) / 2)
            if self.due:
                try:
                    await asyncio.to_thread(self.look)
                except StoreError as error:
                    log.error("no sign of life could be given", reason=str(error))  # noqa: TRY400 - says what to do
                    self.tell_who_stands()

    def tell_who_stands(self) -> None:
        """Say which process of this machine is stopped, where the database cannot be used: it may have it open.

        A file that is locked by a process which was stopped in the middle of a write is locked until that one goes on
        or ends: nobody else can open the lock, as on a server.
        """
        for process in self._known:
            if number := place.stands_still(process.place):
                log.error(
                    "a stopped process may keep the database locked: let it go on, or end it",
                    go_on=f"kill -CONT {number}",
                    end=f"kill -KILL {number}",
                )

    def look(self) -> None:
        """Beat, look at the others, and take or give back what is due. StoreError where the database cannot be used."""
        with self._looking:
            self._look()

    def _look(self) -> None:
        now = self._looked = self.clock.monotonic()
        if not self.number or now - self._beaten >= BEAT_EVERY:
            if not self.number or not leases.beat(self.store, self.number):
                log.warning("this process was taken for dead, so others do its work; it begins anew")
                self._begin()
            self._beaten = now
        every = leases.running(self.store)
        if {process.number for process in every} - {process.number for process in self._known}:
            self._left = set()  # who has come may want it; if not, it is taken again half a minute later
        self._known = every
        living = self._living(every, now)
        dead = [process for process in every if process.number not in {one.number for one in living}]
        stored = leases.every(self.store)
        try:
            self._settle(living, dead, stored)
        except Broken:  # struck out between the beat and now
            self._begin()

    def end(self) -> None:
        """Give everything back: whoever stands by goes on at once."""
        if self.number:
            leases.end(self.store, self.number)
            self.number = 0
            self._hold({})

    def give_up(self, role: Role, what: Iterable[str]) -> None:
        """Give some of it back at once."""
        names = [name for one in what if (name := lease_of(role, one)) in self.held]
        if names:
            with self.store.write() as work:
                leases.give_up(work, self.number, names)
            self._hold({name: epoch for name, epoch in self.held.items() if name not in names})

    # --- within

    def _begin(self) -> None:
        self.number = leases.begin(self.store, self.where, self.roles, self.clock.now())
        self._beaten = self.clock.monotonic()
        self._hold({})

    def _living(self, every: Iterable[RunningProcess], now: float) -> list[RunningProcess]:
        """Return those that live: this one, and who has beaten lately or may yet do so."""
        if now - self._saw >= DEAD_AFTER / 2:  # it was stopped itself, as they may have been, or saw nothing of them
            self._seen, self._free = {}, {}
        self._saw = now
        seen = {}
        found = []
        for process in every:
            beat, since = self._seen.get(process.number, (None, now))
            seen[process.number] = (process.beat, since if beat == process.beat else now)
            if process.number == self.number or not self._is_dead(process, now - seen[process.number][1]):
                found.append(process)
        self._seen = seen
        self.others = len(found) - 1
        self._lacking = {role: self._lacking.get(role, now) for role in leases.lacking(found)}
        return found

    def _is_dead(self, process: RunningProcess, silent: float) -> bool:
        if silent >= DEAD_AFTER:
            return True
        if process.place == self.where:  # this very program: an earlier life of it, when it starts anew
            return self._starts
        return place.is_gone(process.place)

    def _settle(
        self, living: Sequence[RunningProcess], dead: Sequence[RunningProcess], stored: Mapping[str, Lease]
    ) -> None:
        gone = {process.number for process in dead}
        own = {name: lease.epoch for name, lease in stored.items() if lease.holder == self.number}
        free = {name for name, lease in stored.items() if lease.holder is None or lease.holder in gone}
        self._free = {
            name: self._free.get(name, self._saw)
            for names in self._wanted.values()
            for name in names
            if name in free or name not in stored
        }
        wanted, surplus = self._wishes(own, living)
        if not (wanted or surplus or dead):
            self._hold(own)
            return
        followed = False
        with self.store.write() as work:
            for process in dead:
                if leases.strike_out(work, process):
                    followed = True
                    log.warning("another process has ended, and its work is taken over", process=process.number)
            if surplus:
                leases.give_up(work, self.number, surplus)
            taken = leases.take(work, self.number, wanted) if wanted else {}
            self._doubt(work, taken)
        self._hold({name: epoch for name, epoch in own.items() if name not in surplus} | taken, followed=followed)

    def _wishes(
        self,
        own: Mapping[str, int],
        living: Sequence[RunningProcess],
    ) -> tuple[list[str], list[str]]:
        """Return what to take of what is free, and what to give back.

        What nobody takes within half a minute is taken beside the fair share, and kept until another process comes:
        others that follow other assets count as sharers, and would leave it to this process.
        """
        wanted: list[str] = []
        surplus: list[str] = []
        sharers = Counter(role for process in living for role in process.roles)
        left = {name for name, since in self._free.items() if self._saw - since >= LEFT_AFTER}
        self._left = {name for name in self._left if name in own} | left
        wanted += sorted(left)
        for role, names in self._wanted.items():
            mine = [name for name in names if name in own and name not in self._left]
            open_ = [name for name in names if name in self._free and name not in left]
            if role not in SHARED_FAIRLY:
                wanted += open_
                continue
            most = math.ceil(len(names) / max(1, sharers[role]))
            # By a number that each process draws for each name: two that begin together want different ones first.
            open_.sort(key=lambda name: crc32(f"{self.number} {name}".encode()))
            wanted += open_[: max(0, most - len(mine))]
            surplus += sorted(mine, key=lambda name: crc32(f"{self.number} {name}".encode()))[most:]
        return wanted, surplus

    def _doubt(self, work: Work, taken: Iterable[str]) -> None:
        for platform in self.platforms:
            if sender.lease_of(platform) in taken:
                sender.taken_over(work, platform)

    def _hold(self, held: Mapping[str, int], *, followed: bool = False) -> None:
        if held == self.held:
            return
        if self.others or followed:  # alone it does everything, which is news after another one alone
            gained, lost = sorted(held.keys() - self.held.keys()), sorted(self.held.keys() - held.keys())
            log.info("what this process does has changed", process=self.number, gained=_few(gained), lost=_few(lost))
        self.held = held
        for heard in self.told:
            heard()


def _few(names: Sequence[str]) -> str:
    """Return names for the log, of many the first and how many more."""
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
