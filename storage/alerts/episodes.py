"""Where each alarm stands and the episodes it made."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.alerts.episodes import State, from_json, to_json
from signals.units import from_ms, to_ms

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from signals.alerts.episodes import Transition
    from storage.engine.database import Store
    from storage.engine.work import Work

Key = tuple[str, str]  # watch, asset


@dataclass(frozen=True, slots=True)
class Standing:
    """An alarm's state for one asset, and its open episode if there is one."""

    state: State
    episode: int | None


@dataclass(frozen=True, slots=True)
class Episode:
    """One stretch of time in which an alarm was not calm. `ended` None: it still runs."""

    id: int
    watch: str
    asset: str
    since: datetime
    fired: datetime
    ended: datetime | None
    rank: str
    first_values: dict[str, float]
    last_values: dict[str, float]


def standings(store: Store) -> dict[Key, Standing]:
    """Return where every alarm stands."""
    rows = store.rows("SELECT watch, asset, state, episode FROM watch_states")
    return {(row["watch"], row["asset"]): Standing(from_json(json.loads(row["state"])), row["episode"]) for row in rows}


def save(work: Work, key: Key, state: State, episode: int | None) -> None:
    """Keep a state, inside the transaction that also keeps what it causes."""
    work.execute(
        "INSERT INTO watch_states (watch, asset, state, episode) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO UPDATE SET state = excluded.state, episode = excluded.episode",
        (*key, json.dumps(to_json(state)), episode),
    )


def record(work: Work, key: Key, transition: Transition, episode: int | None) -> int:
    """Write what happened to the list of episodes and return the episode's id."""
    values = json.dumps({name: value for name, value in transition.values.items() if math.isfinite(value)})
    if transition.kind == "fired" or episode is None:
        cursor = work.execute(
            "INSERT INTO episodes (watch, asset, since, fired, ended, rank, first_values, last_values) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *key,
                to_ms(transition.since),
                to_ms(transition.at),
                to_ms(transition.at) if transition.kind == "resolved" else None,
                transition.rank,
                values,
                values,
            ),
        )
        return int(cursor.lastrowid or 0)
    ended = to_ms(transition.at) if transition.kind == "resolved" else None
    work.execute(
        "UPDATE episodes SET rank = ?, last_values = ?, ended = ? WHERE id = ?",
        (transition.rank, values, ended, episode),
    )
    return episode


PRIVATE = "position "  # begins the watch of an episode that is its owner's alone, see storage/people/positions.py


def running(store: Store) -> list[Episode]:
    """Return the episodes that have not ended, the newest first; those of people's own positions are not among them."""
    rows = store.rows(
        "SELECT * FROM episodes WHERE ended IS NULL AND substr(watch, 1, ?) <> ? ORDER BY fired DESC",
        (len(PRIVATE), PRIVATE),
    )
    return [_episode(row) for row in rows]


def of(store: Store, watch: str, asset: str) -> list[Episode]:
    """Return every episode of one alarm and asset, the oldest first."""
    rows = store.rows("SELECT * FROM episodes WHERE watch = ? AND asset = ? ORDER BY fired", (watch, asset))
    return [_episode(row) for row in rows]


def _episode(row: sqlite3.Row) -> Episode:
    return Episode(
        row["id"],
        row["watch"],
        row["asset"],
        from_ms(row["since"]),
        from_ms(row["fired"]),
        None if row["ended"] is None else from_ms(row["ended"]),
        row["rank"],
        json.loads(row["first_values"]),
        json.loads(row["last_values"]),
    )
