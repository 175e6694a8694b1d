"""What was collected goes into the store here, by one writer: each round whole or not at all."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from signals.units import DAY, HOUR
from storage.market import options, points
from storage.sources import coverage, source_events, source_state
from storage.sources.source_events import SourceEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from signals.options import Chain
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.market.points import Newest, Points, Snapshot
    from storage.sources.coverage import Debt, Granted
    from storage.sources.source_events import AssetEvent
    from storage.sources.source_state import Note, SourceHealth

    Change = SourceEvent | AssetEvent
    Announce = Callable[[Work, Change, datetime], None]

OVER: Final = frozenset({"ok", "agrees", "listed", "joined"})  # the states that end a trouble


@dataclass(frozen=True, slots=True)
class Recalled:
    """What an earlier process has left.

    newest: the newest stored value of (venue, asset, input), by which a restart goes on where it stopped. told: what
    was last told of each source, and of "source asset". owed: the pasts that were put off. reaches: how far back
    venues give a topic, where they refused more.
    """

    newest: Mapping[tuple[str, str, str], Newest] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    owed: Mapping[Debt, datetime] = field(default_factory=dict)
    reaches: Mapping[tuple[str, str], Granted] = field(default_factory=dict)


def recall(store: Store) -> Recalled:
    """Read what a process begins with: some thousand values in a few queries, and none of them later."""
    return Recalled(
        points.newest_of_all(store), source_state.told(store), coverage.owed(store), coverage.reaches(store)
    )


@dataclass(frozen=True, slots=True)
class Collected:
    """What a round brought: points, snapshots and option chains that may be stored, and changes to be told.

    owed: pasts that are put off from now on, and those that are answered by these points (None). reaches: how far
    back a venue was found to give a topic. health: how the sources that were asked stand after it.
    """

    points: list[Points] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    events: list[SourceEvent] = field(default_factory=list)
    assets: list[AssetEvent] = field(default_factory=list)
    owed: dict[Debt, datetime | None] = field(default_factory=dict)
    reaches: dict[tuple[str, str], Granted] = field(default_factory=dict)
    health: list[SourceHealth] = field(default_factory=list)

    def add(self, other: Collected) -> None:
        """Take in what came later."""
        self.points.extend(other.points)
        self.snapshots.extend(other.snapshots)
        self.chains.extend(other.chains)
        self.events.extend(other.events)
        self.assets.extend(other.assets)
        self.owed.update(other.owed)
        self.reaches.update(other.reaches)
        self.health.extend(other.health)


@dataclass(slots=True)
class Comings:
    """What came and went of late, so that whoever is in trouble each minute is told of once and not each time.

    The first end within a day is told at once. Who is in trouble again by then has to be well for an hour before that
    is told, and twice as long each further time, up to a day; of what comes back meanwhile nobody is told, as nobody
    was told that it was over. Price: a true end is told so much later then. It is kept in memory: a process that
    begins anew tells a first end at once.

    begun: when troubles were told, by what they are of. over: ends that wait, and until when.
    """

    begun: dict[str, deque[datetime]] = field(default_factory=dict)
    over: dict[str, tuple[Change, datetime]] = field(default_factory=dict)

    def copy(self) -> Comings:
        """Return one that may be changed in a transaction which may fail."""
        return Comings({about: times.copy() for about, times in self.begun.items()}, dict(self.over))

    def came(self, about: str, event: Change, now: datetime) -> Change:
        """Note that a trouble is told; return it with what is to be said of its end."""
        times = self.begun.setdefault(about, deque())
        times.append(now)
        calm = self._calm(about, now)
        return replace(event, calm_hours=calm / HOUR) if calm else event

    def waits(self, about: str, event: Change, now: datetime) -> bool:
        """Tell whether the end of a trouble is not told yet; then it is once its time has come."""
        calm = self._calm(about, now)
        if calm:
            self.over[about] = event, now + calm
        return bool(calm)

    def ended(self, now: datetime) -> list[Change]:
        """Take out the ends whose time has come. One that lies further off than any wait: the clock was set back."""
        due = [about for about, (_, at) in self.over.items() if not timedelta(0) < at - now <= DAY]
        return [self.over.pop(about)[0] for about in due]

    def leave(self, assets: Collection[str]) -> None:
        """Leave the ends of some assets to the process that has them now."""
        self.over = {
            about: (event, at)
            for about, (event, at) in self.over.items()
            if isinstance(event, SourceEvent) or event.asset not in assets
        }

    def _calm(self, about: str, now: datetime) -> timedelta:
        times = self.begun.get(about, deque())
        while times and now - times[0] >= DAY:
            times.popleft()
        return timedelta(0) if len(times) < 2 else min(HOUR * 2 ** (len(times) - 2), DAY)


def keep(
    store: Store,
    found: Collected,
    now: datetime,
    *,
    announce: Announce | None = None,
    comings: Comings | None = None,
) -> None:
    """Write what a round brought and what follows from it, all or nothing.

    A gap that was answered is one no more. An event is remembered as told with the notice that tells it: what a kill in
    between left out would never be told. announce: puts the notice where it is waited for. comings: what came and went
    before.
    """
    with store.write() as work:
        if found.points or found.snapshots or found.chains:
            options.write(store, found.chains, found.points, found.snapshots)
        coverage.note_owed(store, found.owed)
        coverage.note_reaches(store, found.reaches)
        for asset, venue in sorted(
            {(asset, venue) for (venue, _, asset), since in found.owed.items() if since is None}
        ):
            coverage.heal(store, asset, venue)
        if found.health:
            source_state.save(store, found.health)
        for told in _untold(store, work, found, comings or Comings(), now):
            if announce:
                announce(work, told, now)


def _untold(store: Store, work: Work, found: Collected, comings: Comings, now: datetime) -> Iterator[Change]:
    """Yield what nobody has told yet, and remember it as told: of two who collect both see that a source is down."""
    ended = comings.ended(now)
    if not (found.events or found.assets or ended):
        return
    work.alone("told of sources")
    known = source_state.told(store)
    for event in (*ended, *found.events, *found.assets):
        about, state = _told_as(event)
        if state == "interval":  # it is stored with its rate
            yield event
            continue
        if state not in OVER:
            comings.over.pop(about, None)
        elif known.get(about, "ok") not in OVER and event not in ended and comings.waits(about, event, now):
            continue
        if known.get(about) != state:
            known[about] = state
            source_state.remember_told(store, about, state)
            yield event if state in OVER else comings.came(about, event, now)


def _told_as(event: Change) -> tuple[str, str]:
    """Return what an event is of and what it makes of it, as it is remembered."""
    if isinstance(event, SourceEvent):
        return event.source, event.state
    return source_events.about(event), str(event.kind)


class Keeper:
    """Write rounds in a thread, one transaction at a time; what comes meanwhile goes together into the next.

    announce: see `keep`. told: called when something was announced. notes: what is to be said of the sources in use,
    written once.
    """

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        *,
        announce: Announce | None = None,
        told: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, self._clock, self._announce, self._told = store, clock, announce, told
        self._waiting: list[tuple[Collected, asyncio.Future[int]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._health: dict[tuple[str, str], SourceHealth] = {}
        self._notes: Sequence[Note] = ()
        self._comings = Comings()
        self._left: set[str] = set()

    def recall(self) -> Recalled:
        """Read what an earlier process has left."""
        return recall(self._store)

    def anew(self) -> None:
        """Write how sources stand with the next round even where that is as before: another has written it since."""
        self._health = {}

    def leave(self, assets: Collection[str]) -> None:
        """Tell no end of a trouble of these assets any more: another process has them."""
        self._left |= set(assets)

    def note(self, notes: Sequence[Note]) -> None:
        """Have what is to be said of the sources written with the next round."""
        self._notes = notes

    async def keep(self, found: Collected) -> int:
        """Return when a round is stored, with how many values it had. StoreError where it cannot be."""
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((found, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        return await asyncio.shield(done)

    async def close(self) -> None:
        """Wait until everything that was handed over is written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                counts = await asyncio.to_thread(self._write, [found for found, _ in batch])
            except Exception as error:  # noqa: BLE001 - whoever waits for it is told
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                        done.exception()  # a round that nobody waits for any more has been lost by its process
                continue
            for (_, done), count in zip(batch, counts, strict=True):
                if not done.done():
                    done.set_result(count)
            if any(found.events or found.assets for found, _ in batch):
                self._told()

    def _write(self, batch: Sequence[Collected]) -> list[int]:
        whole, counts = Collected(), []
        for found in batch:
            whole.add(found)
            given: list[Points | Snapshot] = [*found.points, *found.snapshots]
            counts.append(sum(len(some.columns) * len(some) for some in given))
        news = {(row.source, row.topic): row for row in whole.health}
        changed = {key: row for key, row in news.items() if self._health.get(key) != row}
        whole.health[:] = changed.values()
        notes, now, comings = self._notes, self._clock(), self._comings.copy()
        left, self._left = self._left, set()
        comings.leave(left)
        with self._store.write():
            keep(self._store, whole, now, announce=self._announce, comings=comings)
            if notes:
                source_state.save_notes(self._store, notes)
        self._health |= changed
        self._comings = comings
        if notes is self._notes:
            self._notes = ()
        return counts
