"""What was last known of each source, so that `status` in another process can tell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.units import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.engine.database import Store


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
    """What a source's provider asks us to say, and what must be said with its figures."""

    source: str
    attribution: str
    caveats: tuple[str, ...] = ()


def save_notes(store: Store, every: Iterable[Note]) -> None:
    """Keep what is to be said of the sources in use; those of before are forgotten."""
    found = json.dumps([[each.source, each.attribution, list(each.caveats)] for each in every])
    with store.write() as work:
        work.execute("INSERT OR REPLACE INTO settings (name, value) VALUES ('source_notes', ?)", (found,))


def notes(store: Store) -> list[Note]:
    """Return what is to be said of the sources that were last in use."""
    row = store.one("SELECT value FROM settings WHERE name = 'source_notes'")
    return [Note(name, said, tuple(caveats)) for name, said, caveats in json.loads(row["value"])] if row else []


def save(store: Store, every: Iterable[SourceHealth]) -> None:
    """Keep the state of sources."""
    with store.write() as work:
        work.executemany(
            "INSERT OR REPLACE INTO source_health "
            "(source, topic, state, since, last_good, next_try, error, quarantined) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (
                    each.source,
                    each.topic,
                    each.state,
                    to_ms(each.since),
                    None if each.last_good is None else to_ms(each.last_good),
                    None if each.next_try is None else to_ms(each.next_try),
                    each.error,
                    each.quarantined,
                )
                for each in every
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
        for row in store.rows("SELECT * FROM source_health ORDER BY source, topic")
    ]


_TOLD = "told of "  # before a source's name: the state that people were last told of


def remember_told(store: Store, source: str, state: str) -> None:
    """Keep what was told of a source, so that the next process does not tell it again."""
    with store.write() as work:
        work.execute("INSERT OR REPLACE INTO settings (name, value) VALUES (?, ?)", (_TOLD + source, state))


def told(store: Store) -> dict[str, str]:
    """Return what was last told of each source."""
    rows = store.rows("SELECT name, value FROM settings WHERE name LIKE ?", (_TOLD + "%",))
    return {row["name"].removeprefix(_TOLD): row["value"] for row in rows}
