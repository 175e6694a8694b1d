"""Funding rates as they were, one an hour, for the cost of holding: a live feed writes sixty times as many."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.liquidation.funding import PastRate
from signals.units import to_ms

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store

_HOUR_MS = 3_600_000


def hourly(store: Store, asset: str, venue: str, *, start: datetime, end: datetime) -> list[PastRate]:
    """Return the last rate of each hour in [start, end), ascending; hours without one are left out."""
    rows = store.rows(
        f"SELECT at / {_HOUR_MS} AS hour, max(at), funding_rate, funding_interval_hours FROM levels "  # noqa: S608 - a number of ours
        "WHERE asset = ? AND venue = ? AND at >= ? AND at < ? AND funding_rate IS NOT NULL GROUP BY hour ORDER BY hour",
        (asset, venue, to_ms(start), to_ms(end)),
    )
    return [PastRate(row["hour"], row["funding_rate"], row["funding_interval_hours"]) for row in rows]
