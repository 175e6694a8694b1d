"""Pasts that were put off: what a venue is still to be asked for, and from when on."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from signals.units import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from storage.engine.database import Store

Debt: TypeAlias = "tuple[str, str, str]"  # venue, topic, asset


def read(store: Store) -> dict[Debt, datetime]:
    """Return from when on each past is owed."""
    rows = store.rows("SELECT venue, topic, asset, since FROM history_owed")
    return {(row["venue"], row["topic"], row["asset"]): from_ms(row["since"]) for row in rows}


def note(store: Store, changes: Mapping[Debt, datetime | None]) -> None:
    """Write what is owed anew and what no more (None); inside the transaction that stores what was answered."""
    if not changes:
        return
    with store.write() as work:
        work.executemany(
            "DELETE FROM history_owed WHERE venue = ? AND topic = ? AND asset = ?",
            [debt for debt, since in changes.items() if since is None],
        )
        work.executemany(
            "INSERT OR REPLACE INTO history_owed (venue, topic, asset, since) VALUES (?, ?, ?, ?)",
            [(*debt, to_ms(since)) for debt, since in changes.items() if since is not None],
        )
