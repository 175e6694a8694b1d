"""How perpulse does, in one look: what the process knows of itself, and what the database says."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.processes.roles import assets_in
from signals.units import MINUTE
from storage.alerts import itself
from storage.alerts.sending import counts
from storage.engine.database import StoreError
from storage.people import counts as people
from storage.sources import ages, source_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from bot.clock import Clock
    from bot.delivery.dispatcher import Dispatcher, PlatformState
    from bot.watch.turns import LoopLag, TurnCounts
    from storage.engine.database import Store
    from storage.engine.sharing.leases import Role
    from storage.sources.source_state import SourceHealth

NO_DATA: Final = timedelta(minutes=15)
NO_TURN: Final = 2 * MINUTE
NOBODY: Final = 2 * MINUTE  # without anybody in a role; processes that are started anew together take less
STUCK: Final = timedelta(minutes=10)
_TOO_SLOW_S: Final = 5.0  # a database that takes longer to answer is none to those who wait


@dataclass(frozen=True, slots=True)
class Stored:
    """What the database says. error: why it says nothing; the rest is empty then.

    waiting: rows of the outbox by state. due_longest: since when a row is due, by platform. episodes: open ones by rule
    and rank. destinations: by platform and state. ordered: what people asked for. known_until: by venue and input.
    own: what perpulse has told of itself and is not over. newest: of the figures that other processes collected.
    """

    error: str | None = None
    waiting: Mapping[str, int] = field(default_factory=dict)
    due_longest: Mapping[str, datetime] = field(default_factory=dict)
    episodes: Mapping[tuple[str, str], int] = field(default_factory=dict)
    destinations: Mapping[tuple[str, str], int] = field(default_factory=dict)
    ordered: Mapping[str, int] = field(default_factory=dict)
    known_until: Mapping[tuple[str, str], datetime] = field(default_factory=dict)
    own: Mapping[str, datetime] = field(default_factory=dict)
    newest: datetime | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """One look. holds: how many leases this process holds, by role; none where it waits for another one to end.

    processes: how many live, this one included. lacking: roles in which none of them takes part, and for how long.
    newest: time of the newest figure of any source.

    landed: seconds since a message arrived last by platform, or since the start. size, free: bytes of the database and
    of room on its disk; None where that cannot be known.
    """

    now: datetime
    running: float
    newest: datetime | None
    sources: Sequence[SourceHealth]
    channels: Mapping[str, PlatformState]
    landed: Mapping[str, float]
    holds: Mapping[str, int]
    processes: int
    lacking: Mapping[Role, timedelta]
    turns: TurnCounts
    since_good_turn: float
    lag: float
    counted: Mapping[tuple[str, str], int]
    stored: Stored
    size: int | None
    free: int | None

    @property
    def no_data_for(self) -> timedelta:
        """Return for how long no figure has come; where none ever did, since the start."""
        return timedelta(seconds=self.running) if self.newest is None else max(timedelta(0), self.now - self.newest)

    @property
    def stuck(self) -> Mapping[str, timedelta]:
        """Return, by channel, for how long a message has been due where nothing arrived meanwhile though it works."""
        waits = {name: self.now - since for name, since in self.stored.due_longest.items()}
        return {name: wait for name, wait in waits.items() if wait >= STUCK and self._may_be_stuck(name)}

    def _may_be_stuck(self, name: str) -> bool:
        """Tell whether messages to a channel should have left: of those of another process nothing more is known."""
        if self.channels.get(name, "working") != "working":
            return False
        return name not in self.channels or self.landed[name] >= STUCK.total_seconds()


@dataclass(frozen=True, slots=True)
class Vitals:
    """Looks at a running perpulse. health: says how each source does, as far as this process asks it."""

    store: Store
    clock: Clock
    assets: Sequence[str]
    health: Callable[[], Sequence[SourceHealth]]
    dispatcher: Dispatcher
    turns: TurnCounts
    lag: LoopLag

    def why_no_good_turn(self) -> str | None:
        """Return why a turn that went well is no sign that all is well; None where it is one."""
        if self.dispatcher.holdings.stands_by:
            return "it stands by"
        if any(span >= NOBODY for span in self.dispatcher.holdings.lacking.values()):
            return "there is a role that nobody takes"  # each by itself may do well while no alarm can come
        if not assets_in(self.dispatcher.holdings.share("collect")):
            return None  # whether figures come in is seen by who collects; of the market as a whole there is one a day
        newest = _newest(self.health())
        return "no figures come in" if newest is None or self.clock.now() - newest >= NO_DATA else None

    async def look(self) -> Look:
        """Look now; never raises, and never takes longer than a few seconds, whatever the database does."""
        now, seconds = self.clock.now(), self.clock.monotonic()
        sources = self.health()
        try:
            async with asyncio.timeout(_TOO_SLOW_S):
                stored = await asyncio.to_thread(self._stored, now, {health.source for health in sources})
                size, free = await asyncio.to_thread(self._disk)
        except TimeoutError:
            stored, size, free = Stored(f"it does not answer within {_TOO_SLOW_S:g} s"), None, None
        platforms = self.dispatcher.platforms
        return Look(
            now=now,
            running=self.turns.running,
            newest=max(filter(None, (_newest(sources), stored.newest)), default=None),
            sources=sources,
            channels={name: platform.state for name, platform in platforms.items()},
            landed={
                name: self.turns.running if platform.landed_at is None else seconds - platform.landed_at
                for name, platform in platforms.items()
            },
            holds=Counter(name.partition(" ")[0] for name in self.dispatcher.holdings.held),
            processes=self.dispatcher.holdings.others + 1,
            lacking=self.dispatcher.holdings.lacking,
            turns=self.turns,
            since_good_turn=self.turns.since_good,
            lag=self.lag.worst,
            counted=dict(self.dispatcher.counted),
            stored=stored,
            size=size,
            free=free,
        )

    def _stored(self, now: datetime, venues: set[str]) -> Stored:
        if trouble := self.dispatcher.database_trouble:
            return Stored(trouble)
        try:
            known = ages.known_until(self.store, self.assets)
            return Stored(
                waiting=counts.waiting(self.store, now),
                due_longest=counts.due_longest(self.store, now),
                episodes=counts.open_episodes(self.store),
                destinations=people.destinations(self.store),
                ordered=people.ordered(self.store),
                known_until={key: at for key, at in known.items() if key[0] in venues},
                own={alarm.name: alarm.since for alarm in itself.told(self.store)},
                newest=_newest(source_state.load(self.store)) if self._others_collect else None,
            )
        except StoreError as error:
            return Stored(str(error))

    @property
    def _others_collect(self) -> bool:
        holdings = self.dispatcher.holdings
        return holdings.others > 0 or "collect" not in holdings.roles

    def _disk(self) -> tuple[int | None, int | None]:
        if self.store.file is None:  # the disk of a server is none of ours
            return None, None
        try:
            return self.store.path.stat().st_size, shutil.disk_usage(self.store.path.parent).free
        except OSError:
            return None, None


def _newest(sources: Iterable[SourceHealth]) -> datetime | None:
    return max((health.last_good for health in sources if health.last_good), default=None)
