"""What was last known of each source, so that `status` in another process can tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from signals.units import from_ms, to_ms
from storage.engine import settings
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.engine.database import Store

SQL: Final = queries("storage.sources")
_NOTES: Final = "source_notes"
_TOLD: Final = "told of "  # before a source's name: the state that people were last told of


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """State of one source and topic. state: ok, down or blocked; since when; when the last good value came."""

    source: str
    topic: str
    state: str
    since: datetime
    last_good: datetime | None = None
    next_try: datetime | None = None
    error: str | None = None
    quarantined: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    """What a source's provider asks us to say, and what must be said with its figures.

    left_out: what it lists and is no perpetual of a coin, and what that is instead.
    """

    source: str
    attribution: str
    caveats: tuple[str, ...] = ()
    left_out: tuple[tuple[str, str], ...] = ()


def save_notes(store: Store, every: Iterable[Note]) -> None:
    """Keep what is to be said of the sources in use; those of before are forgotten."""
    found = json.dumps([[note.source, note.attribution, list(note.caveats), dict(note.left_out)] for note in every])
    with store.write() as work:
        settings.keep_setting(work, _NOTES, found)


def notes(store: Store) -> list[Note]:
    """Return what is to be said of the sources that were last in use."""
    kept = settings.setting(store, _NOTES)
    every: list[list[Any]] = json.loads(kept) if kept else []
    return [  # who was asked before contracts were named has three parts
        Note(name, said, tuple(caveats), tuple(out[0].items()) if out else ()) for name, said, caveats, *out in every
    ]


def save(store: Store, every: Iterable[SourceHealth]) -> None:
    """Keep the state of sources."""
    with store.write() as work:
        work.many(
            SQL.keep_source,
            [
                {
                    "source": source.source,
                    "topic": source.topic,
                    "state": source.state,
                    "since": to_ms(source.since),
                    "last_good": None if source.last_good is None else to_ms(source.last_good),
                    "next_try": None if source.next_try is None else to_ms(source.next_try),
                    "error": source.error,
                    "quarantined": source.quarantined,
                }
                for source in every
            ],
        )


def load(store: Store) -> list[SourceHealth]:
    """Return the last known state of every source."""
    return [
        SourceHealth(
            row["source"],
            row["topic"],
            row["state"],
            from_ms(row["since"]),
            None if row["last_good"] is None else from_ms(row["last_good"]),
            None if row["next_try"] is None else from_ms(row["next_try"]),
            row["error"],
            row["quarantined"],
        )
        for row in store.read(SQL.sources)
    ]


def remember_told(store: Store, source: str, state: str) -> None:
    """Keep what was told of a source, so that the next process does not tell it again."""
    with store.write() as work:
        settings.keep_setting(work, _TOLD + source, state)


def told(store: Store) -> dict[str, str]:
    """Return what was last told of each source."""
    return settings.settings_of(store, _TOLD)
