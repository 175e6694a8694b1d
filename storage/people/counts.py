"""How many destinations there are and what they asked for, in numbers that name nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from storage.engine.sql import queries

if TYPE_CHECKING:
    from storage.engine.database import Store

SQL: Final = queries("storage.people")


def destinations(store: Store) -> dict[tuple[str, str], int]:
    """Return how many destinations there are, by platform and by whether they are open, resting or gone."""
    return {(row["platform"], row["state"]): int(row["count"]) for row in store.read(SQL.destination_counts)}


def ordered(store: Store) -> dict[str, int]:
    """Return how many subscriptions, digests, positions, addresses and rules of their own there are."""
    return {row["what"]: int(row["count"]) for row in store.read(SQL.ordered_counts)}
