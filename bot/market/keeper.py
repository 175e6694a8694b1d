"""What was collected goes into the store here, by one writer: each round whole or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from storage.market import options, points
from storage.sources import coverage, source_events, source_state
from storage.sources.source_events import SourceEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from signals.options import Chain
    from storage.engine.database import Store
    from storage.engine.work import Work
    from storage.market.points import Newest, Points, Snapshot
    from storage.sources.coverage import Debt, Granted
    from storage.sources.source_events import AssetEvent
    from storage.sources.source_state import Note, SourceHealth

    Announce = Callable[[Work, SourceEvent | AssetEvent, datetime], None]


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


def keep(store: Store, found: Collected, now: datetime, *, announce: Announce | None = None) -> int:
    """Write what a round brought and what follows from it, all or nothing; return how many values were given.

    A gap that was answered is one no more. An event is remembered as told with the notice that tells it: what a kill in
    between left out would never be told. announce: puts the notice where it is waited for.
    """
    with store.write() as work:
        some = found.points or found.snapshots
        count = points.write(store, found.points, found.snapshots) if some else 0
        if found.chains:
            options.write(store, found.chains)
        coverage.note_owed(store, found.owed)
        coverage.note_reaches(store, found.reaches)
        for venue, asset in {(venue, asset) for (venue, _, asset), since in found.owed.items() if since is None}:
            coverage.heal(store, asset, venue)
        if found.health:
            source_state.save(store, found.health)
        for told in _untold(store, work, found):
            if announce:
                announce(work, told, now)
    return count


def _untold(store: Store, work: Work, found: Collected) -> Iterator[SourceEvent | AssetEvent]:
    """Yield what nobody has told yet, and remember it as told: of two who collect both see that a source is down."""
    if not (found.events or found.assets):
        return
    work.alone("told of sources")
    known = source_state.told(store)
    every: list[SourceEvent | AssetEvent] = [*found.events, *found.assets]
    for event in every:
        if isinstance(event, SourceEvent):
            about, state = event.source, event.state
        else:
            about, state = source_events.about(event), str(event.kind)
        if state == "interval":  # it is stored with its rate
            yield event
        elif known.get(about) != state:
            known[about] = state
            source_state.remember_told(store, about, state)
            yield event


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

    def recall(self) -> Recalled:
        """Read what an earlier process has left."""
        return recall(self._store)

    def anew(self) -> None:
        """Write how sources stand with the next round even where that is as before: another has written it since."""
        self._health = {}

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
        notes, now = self._notes, self._clock()
        with self._store.write():
            keep(self._store, whole, now, announce=self._announce)
            if notes:
                source_state.save_notes(self._store, notes)
        self._health |= changed
        if notes is self._notes:
            self._notes = ()
        return counts
