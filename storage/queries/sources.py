"""Which sources answer, which do not and since when, and what must be said with their figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from storage.sources import coverage, source_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from storage.engine.database import Store
    from storage.sources.coverage import Granted
    from storage.sources.source_state import Note, SourceHealth

_WORST = ("blocked", "down", "ok")


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source with all its topics.

    note: what its provider asks us to say, None where it has none. reaches: how far back it gives a topic, where it was
    asked for more and refused.
    """

    name: str
    topics: tuple[SourceHealth, ...]
    note: Note | None
    reaches: Mapping[str, Granted] = field(default_factory=dict)

    @property
    def state(self) -> str:
        """Return the worst state of its topics."""
        return next((state for state in _WORST if any(topic.state == state for topic in self.topics)), "ok")

    @property
    def newest(self) -> datetime | None:
        """Return when its newest good figure came."""
        return max((topic.last_good for topic in self.topics if topic.last_good), default=None)

    @property
    def next_try(self) -> datetime | None:
        """Return when the last of its topics is asked again; None where none rests."""
        return max((topic.next_try for topic in self.topics if topic.next_try), default=None)

    @property
    def quarantined(self) -> int:
        """Return how many of its figures were rejected as impossible."""
        return sum(topic.quarantined for topic in self.topics)


def read(store: Store) -> tuple[SourceStatus, ...]:
    """Return every source in use, by name; one that is no longer in the configuration has nothing to say any more."""
    if not store.exists:
        return ()
    notes = {note.source: note for note in source_state.notes(store)}
    reaches: dict[str, dict[str, Granted]] = {}
    for (venue, topic_), reach in coverage.reaches(store).items():
        reaches.setdefault(venue, {})[topic_] = reach
    by_name: dict[str, list[SourceHealth]] = {}
    for topic in source_state.load(store):
        by_name.setdefault(topic.source, []).append(topic)
    return tuple(
        SourceStatus(name, tuple(topics), notes.get(name), reaches.get(name, {}))
        for name, topics in by_name.items()
        if not notes or name in notes or " " in name  # a stream ("okx liquidations") reports without a note of its own
    )


def credits_of(store: Store) -> tuple[str, ...]:
    """Return how the providers in use ask to be named, each once; none before anything was asked."""
    return tuple(dict.fromkeys(note.attribution for note in source_state.notes(store))) if store.exists else ()


def all_silent(store: Store) -> bool:
    """Tell whether sources were asked and not one of their topics is in order."""
    asked = source_state.load(store) if store.exists else []
    return bool(asked) and all(topic.state != "ok" for topic in asked)
