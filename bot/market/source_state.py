"""How a source stands while perpulse runs: its host, its topics, its assets, and what of it has been told."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from signals.units import SECOND
from storage.sources.source_events import SourceEvent
from storage.sources.source_state import SourceHealth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.market.breaker import Breaker, State
    from bot.market.source import Source, Topic

TOLD_AFTER: Final = 3  # failed rounds in a row: one lost answer is not news
TOLD_REST: Final = timedelta(minutes=2)  # nor is a rest as short as this
_SLACK_S: Final = SECOND.total_seconds()  # a round that comes a little early is not sent away for a whole pause


def due_after(began: float, pause: timedelta) -> float:
    """Return from when on something is asked again that was asked by a round that began then, by the same clock.

    A round compares it with its own beginning: a call for each of thousands of assets would cost as much as the rest.
    """
    return began + pause.total_seconds() - _SLACK_S


@dataclass(slots=True)
class AssetState:
    """One asset within a topic: when it is due, how far it is known, its own trouble.

    newest: time of the newest good figure, of a bar its open. step: length of its bars. full_at: when its past was
    answered last. hours: the funding interval last seen. asking: a question is under way. asked: when the last round
    that did so began, and due: from when on one asks again (see `due_after`), both in seconds of the monotonic clock,
    so that a wall clock which jumps makes nothing wait.
    """

    breaker: Breaker
    asked: float | None = None
    due: float = -math.inf
    newest: datetime | None = None
    step: timedelta = timedelta(0)
    full_at: datetime | None = None
    hours: float | None = None
    asking: bool = False


@dataclass(slots=True)
class TopicState:
    """One topic of one source.

    turn: whose asset is asked first while the topic is in trouble. newest: time of the newest good figure of any asset;
    last_good: of bars its close. quiet: by the same clock as the due times of assets, before which no asset of `listed`
    may be asked, so that nobody looks for one.
    """

    topic: Topic
    pause: timedelta
    breaker: Breaker
    assets: dict[str, AssetState] = field(default_factory=dict)
    turn: int = 0
    quarantined: int = 0
    last_rejected: str = ""
    newest: datetime | None = None
    last_good: datetime | None = None
    quiet: float = -math.inf
    listed: Sequence[str] = ()

    def heard(self, newest: datetime, step: timedelta) -> None:
        """Note a good figure of one of its assets: the length of its bar, 0 for an instant."""
        if self.newest is None or newest > self.newest:
            self.newest = newest
        if self.last_good is None or newest + step > self.last_good:
            self.last_good = newest + step

    def again_at(self, due: float) -> None:
        """Note from when on one of its assets is asked again."""
        self.quiet = min(self.quiet, due)

    def recount(self) -> None:
        """Look at all assets anew, where something is known no longer of one of them."""
        self.quiet = -math.inf
        known = [(asset.newest, asset.step) for asset in self.assets.values() if asset.newest]
        self.newest = max((newest for newest, _ in known), default=None)
        self.last_good = max((newest + step for newest, step in known), default=None)

    def reject(self, count: int, last: str) -> None:
        """Count figures that were kept out, and keep what is wrong with the last of them."""
        self.quarantined += count
        self.last_rejected = last


@dataclass(slots=True)
class SourceState:
    """One source: its host as a whole, its topics, and what has been told about it."""

    source: Source
    host: Breaker
    topics: list[TopicState]
    told: State = "ok"
    asked: bool = False

    @property
    def name(self) -> str:
        """Return the word that is stored with each of its values."""
        return self.source.name

    def change(self, now: datetime) -> SourceEvent | None:
        """Tell a change of the source as a whole, once: into trouble, into worse trouble, and out of it."""
        failing = tuple(topic.topic for topic in self.topics if topic.breaker.failures)
        lasting = [topic.breaker for topic in self.topics if topic.breaker.failures >= TOLD_AFTER]
        state: State = self.told
        reason, since = "", now
        if _short(self.host):
            return None
        if self.host.state != "ok":
            failing = tuple(topic.topic for topic in self.topics)
            state, reason, since = self.host.state, self.host.reason, self.host.since or now
        elif lasting:
            state, reason, since = "down", lasting[0].reason, lasting[0].since or now
        elif not failing and self.asked:  # a new process that has not asked yet knows nothing good of anybody
            state, failing = "ok", tuple(topic.topic for topic in self.topics)
        if state == self.told:
            return None
        self.told = state
        return SourceEvent(self.name, failing, state, reason, since)

    def health(self, now: datetime) -> list[SourceHealth]:
        """Say how each topic stands; trouble of the host comes first. A state that never began begins now."""
        return [self._health(topic, now) for topic in self.topics]

    def _health(self, topic: TopicState, now: datetime) -> SourceHealth:
        breaker = self.host if self.host.state != "ok" else topic.breaker
        rejected = f"Last rejected: {topic.last_rejected}." if topic.last_rejected else None
        return SourceHealth(
            source=self.name,
            topic=topic.topic,
            state=breaker.state,
            since=breaker.since or now,
            last_good=topic.last_good,
            next_try=breaker.next_try(now),
            error=breaker.reason or rejected,
            quarantined=topic.quarantined,
        )


def _short(host: Breaker) -> bool:
    """Tell whether a host rests, but only for a moment: who is asked to slow down is not away."""
    return host.state == "down" and host.failures < TOLD_AFTER and host.left is not None and host.left < TOLD_REST
