"""What is stored of an asset: the age of each input, from when each venue has it, its gaps and differences."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal

from signals.alerts.rule import rules
from signals.inputs import INPUTS, MARKET
from signals.metric import metrics
from signals.units import DAY, from_ms
from signals.venues import venue_order
from storage.alerts import itself, outbox
from storage.alerts.sending import refusals, rests
from storage.engine import clock_jump
from storage.engine.sharing import leases
from storage.market import points
from storage.queries.freshness import is_stale
from storage.queries.market import open_interest
from storage.sources import coverage, differences, source_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from signals.series import Coverage
    from storage.alerts.itself import OwnAlarm
    from storage.engine.clock_jump import ClockJump
    from storage.engine.database import Store
    from storage.engine.sharing.leases import RunningProcess
    from storage.sources.coverage import Gap, Taken
    from storage.sources.differences import Difference
    from storage.sources.source_state import SourceHealth

InputState = Literal["live", "stale", "never"]

EITHER: Final = {"open_interest_coin", "open_interest_usd"}  # one gives the other, with the price of the same time
ENOUGH: Final = timedelta(days=180)  # the longest average; a peak may look further back and is told of what there is
LATELY: Final = timedelta(days=30)  # how long a difference from the archive is news
JUMP_IS_NEWS: Final = DAY  # by the clock that jumped, so back and forth


@dataclass(frozen=True, slots=True)
class Learning:
    """How much of an input's longest window is known, where that is less than all of it."""

    known: timedelta
    wanted: timedelta


@dataclass(frozen=True, slots=True)
class StoredInput:
    """One input of an asset. since: first value by venue, the main one first. never: no value was ever stored."""

    name: str
    state: InputState
    newest: points.Newest | None = None
    since: tuple[tuple[str, datetime], ...] = ()
    learning: Learning | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of an asset and of the sources.

    gaps: stretches of its history that nothing fills. taken: what was imported on somebody's word. differing: where the
    archive differed lately from what had come live, the newest first. coverage: how much of the usual open interest
    answers now, None where a single venue is all there is. waiting: messages in the outbox. resting: chats in which
    something is not allowed. refused: platforms that refuse the bot's token. jump: of the clock of this machine, where
    there was one lately. saved: copies of the database beside it, from when its file was lost. own: what is wrong with
    perpulse itself, as its owners were told. processes: who runs on this database, with the leases that each holds.
    """

    asset: str
    inputs: tuple[StoredInput, ...] = ()
    gaps: tuple[Gap, ...] = ()
    taken: tuple[Taken, ...] = ()
    differing: tuple[Difference, ...] = ()
    coverage: Coverage | None = None
    sources: tuple[SourceHealth, ...] = ()
    waiting: int = 0
    resting: tuple[rests.Resting, ...] = ()
    refused: tuple[refusals.TokenRefusal, ...] = ()
    jump: ClockJump | None = None
    saved: tuple[Path, ...] = ()
    own: tuple[OwnAlarm, ...] = ()
    processes: tuple[tuple[RunningProcess, tuple[str, ...]], ...] = ()

    @property
    def lacking(self) -> tuple[str, ...]:
        """Return the roles in which no process takes part."""
        return leases.lacking(process for process, _ in self.processes)

    def in_state(self, state: InputState) -> int:
        """Count the inputs in a state."""
        return sum(stored.state == state for stored in self.inputs)


def read(store: Store, asset: str, now: datetime) -> Status:
    """Read what is stored; where there is no database that is nothing."""
    if not store.exists:
        return Status(asset, saved=store.saved)
    inputs = inputs_of(store, asset, now)
    total = open_interest.total(store, asset, now) if inputs else None
    return Status(
        asset,
        inputs,
        tuple(coverage.gaps(store, asset)),
        coverage.taken(store, asset),
        tuple(differences.of(store, asset, since=now - LATELY)),
        total.coverage if total else None,
        tuple(source_state.load(store)),
        outbox.waiting(store),
        tuple(rests.without_rights(store)),
        refusals.of(store),
        jump if (jump := clock_jump.last(store)) and abs(now - jump.at) < JUMP_IS_NEWS else None,
        store.saved,
        itself.told(store),
        _processes(store),
    )


def _processes(store: Store) -> tuple[tuple[RunningProcess, tuple[str, ...]], ...]:
    held: dict[int | None, list[str]] = defaultdict(list)
    for lease in leases.every(store).values():
        held[lease.holder].append(lease.name)
    return tuple((process, tuple(held[process.number])) for process in leases.running(store))


def inputs_of(store: Store, asset: str, now: datetime) -> tuple[StoredInput, ...]:
    """Return every input that is stored, and those that never had a value and that some alarm cannot do without."""
    found = [stored for owner in (asset, MARKET) for stored in _stored(store, owner, now)]
    if not found:
        return ()
    names = {stored.name for stored in found}
    needed = dict.fromkeys(
        name
        for rule in rules().values()
        if not rule.only_asked
        for metric in rule.needed
        for name in metrics()[metric].needs
    )
    missing = [name for name in needed if name not in names and not (name in EITHER and EITHER & names)]
    return (*found, *(StoredInput(name, "never") for name in missing))


def _stored(store: Store, asset: str, now: datetime) -> Iterator[StoredInput]:
    by_input: dict[str, list[points.StoredSeries]] = defaultdict(list)
    for (_, name), every in points.directory(store, asset).items():
        by_input[name] += every
    for name in INPUTS:
        newest = points.newest(store, asset, name) if name in by_input else None
        if newest is None:
            continue
        first: dict[str, int] = {}
        for series in by_input[name]:
            first[series.venue] = min(series.first, first.get(series.venue, series.first))
        venues = sorted(first, key=lambda venue: (venue_order(venue), venue))
        since = tuple((venue, from_ms(first[venue])) for venue in venues)
        state: InputState = "stale" if is_stale(store, asset, name, newest, now) else "live"
        yield StoredInput(name, state, newest, since, _learning(name, asset, newest, since))


def _learning(name: str, asset: str, newest: points.Newest, since: Sequence[tuple[str, datetime]]) -> Learning | None:
    windows = [
        metric.window for metric in metrics().values() if name in metric.needs and metric.asset_of(asset) == asset
    ]
    if not windows:
        return None
    known, wanted = newest.at - min(at for _, at in since), min(max(windows), ENOUGH)
    return Learning(known, wanted) if known < wanted else None
