"""How much waits in the outbox and which episodes are open, in numbers that name nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signals.alerts.rule import OWN
from signals.units import from_ms, to_ms
from storage.alerts.episodes import PRIVATE
from storage.engine.sql import queries

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store

SQL: Final = queries("storage.alerts")


def waiting(store: Store, now: datetime) -> dict[str, int]:
    """Return how many rows of the outbox are queued, held until a time, being sent, or in doubt."""
    counted = {row["state"]: int(row["count"]) for row in store.read(SQL.waiting_by_state, now=to_ms(now))}
    return {state: counted.get(state, 0) for state in ("queued", "held", "sending", "uncertain")}


def due_longest(store: Store, now: datetime) -> dict[str, datetime]:
    """Return, by platform, since when the row waits that has been due the longest; none where nothing is due."""
    return {row["platform"]: from_ms(row["since"]) for row in store.read(SQL.due_longest, now=to_ms(now))}


def open_episodes(store: Store) -> dict[tuple[str, str], int]:
    """Return how many episodes are open, by rule and rank; those of people's own positions and rules are one each."""
    rows = store.read(SQL.open_episodes, private=PRIVATE, own=OWN)
    return {(row["rule"], row["rank"]): int(row["count"]) for row in rows}
