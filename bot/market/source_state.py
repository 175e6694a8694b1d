"""What the market knows of each source, topic and asset while it runs, and what of it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from signals.venues import source_title

if TYPE_CHECKING:
    import asyncio

    from bot.market.breaker import Breaker, State
    from bot.market.source import Source, Topic
    from storage.market.coverage import Debt
    from storage.market.options import Chain
    from storage.market.points import Points

TOLD_AFTER: Final = 3  # failed rounds in a row: one lost answer is not news
TOLD_REST: Final = timedelta(minutes=2)  # nor is a rest as short as this
SLACK: Final = timedelta(seconds=1)  # a tick that comes a little early is not sent away for a whole round


@dataclass(frozen=True, slots=True)
class SourceEvent:
    """A change worth telling once: a source went down or is blocked, and later is back (`ok`)."""

    source: str
    topics: tuple[Topic, ...]
    state: State
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class AssetEvent:
    """A change of one asset at one source, worth telling once to those who watch it: `text` is a sentence."""

    source: str
    asset: str
    kind: Literal["interval", "absent", "listed", "contradicts", "agrees"]
    text: str
    since: datetime


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """How one source stands with one topic.

    since: begin of the state; None before the first answer. last_good: exchange time at which the newest good figure
    became known, a bar at its close.
    absent: assets that are not offered, and why. quarantined: how many figures were rejected since the start;
    last_rejected names the newest.
    """

    source: str
    topic: Topic
    state: State
    since: datetime | None
    last_good: datetime | None
    next_try: datetime | None
    error: str
    quarantined: int
    last_rejected: str
    absent: dict[str, str]


@dataclass(frozen=True, slots=True)
class Collected:
    """What one round brought: points and option chains that passed the border, and changes to be told.

    owed: pasts that are put off from now on, and those that are answered by these points (None).
    """

    points: list[Points]
    events: list[SourceEvent]
    assets: list[AssetEvent] = field(default_factory=list)
    chains: list[Chain] = field(default_factory=list)
    owed: dict[Debt, datetime | None] = field(default_factory=dict)


@dataclass(slots=True)
class Asset:
    """One asset within a topic: when it is due, how far it is known, its own trouble."""

    breaker: Breaker
    asked: datetime | None = None
    due: datetime | None = None
    newest: datetime | None = None
    step: timedelta = timedelta(0)
    full_at: datetime | None = None
    hours: float | None = None  # the funding interval last seen

    def wants(self, now: datetime) -> bool:
        """Tell whether it is due; a clock that was put back must not silence it."""
        return self.asked is None or self.due is None or now < self.asked or now >= self.due - SLACK


@dataclass(slots=True)
class Line:
    """One topic of one source."""

    topic: Topic
    pause: timedelta
    breaker: Breaker
    assets: dict[str, Asset] = field(default_factory=dict)
    turn: int = 0
    quarantined: int = 0
    last_rejected: str = ""


@dataclass(slots=True)
class Desk:
    """One source: its host as a whole, its topics, and what has been told about it."""

    source: Source
    host: Breaker
    lines: list[Line]
    gate: asyncio.Semaphore
    told: State = "ok"
    asked: bool = False

    @property
    def title(self) -> str:
        """Return the source's name as people write it."""
        return source_title(self.source.name)


def change(desk: Desk, now: datetime) -> SourceEvent | None:
    """Tell a change of the source as a whole, once: into trouble, into worse trouble, and out of it."""
    failing = tuple(line.topic for line in desk.lines if line.breaker.failures)
    told = [line.breaker for line in desk.lines if line.breaker.failures >= TOLD_AFTER]
    state: State = desk.told
    reason, since = "", now
    if _short(desk.host, now):
        return None
    if desk.host.state != "ok":
        failing = tuple(line.topic for line in desk.lines)
        state, reason, since = desk.host.state, desk.host.reason, desk.host.since or now
    elif told:
        state, reason, since = "down", told[0].reason, told[0].since or now
    elif not failing and desk.asked:  # a new process that has not asked yet knows nothing good of anybody
        state, failing = "ok", tuple(line.topic for line in desk.lines)
    if state == desk.told:
        return None
    desk.told = state
    return SourceEvent(desk.source.name, failing, state, reason, since)


def _short(host: Breaker, now: datetime) -> bool:
    """Tell whether a host rests, but only for a moment: who is asked to slow down is not away."""
    if host.state != "down" or host.failures >= TOLD_AFTER or host.next_try is None:
        return False
    return host.next_try - now < TOLD_REST


def health(desk: Desk, line: Line) -> SourceHealth:
    """Say how one topic of a source stands; trouble of its host comes first."""
    breaker = desk.host if desk.host.state != "ok" else line.breaker
    return SourceHealth(
        source=desk.source.name,
        topic=line.topic,
        state=breaker.state,
        since=breaker.since,
        last_good=max((each.newest + each.step for each in line.assets.values() if each.newest), default=None),
        next_try=breaker.next_try,
        error=breaker.reason,
        quarantined=line.quarantined,
        last_rejected=line.last_rejected,
        absent={name: each.breaker.reason for name, each in line.assets.items() if each.breaker.state == "absent"},
    )
