"""Where positions may be liquidated, by our own model of what open interest was opened at which price."""

from __future__ import annotations

from signals.liquidation_map.kept import KeptMap, stepped
from signals.liquidation_map.levels import SHARES, LeverageSpread, spread_of
from signals.liquidation_map.marking import Homework, MarkedDay, mark_homework
from signals.liquidation_map.model import (
    BANDS,
    BIN_CELLS,
    GRID,
    LEAST,
    LONG,
    REACH,
    SHORT,
    WINDOW,
    MapHistory,
    MapSeries,
    PriceBins,
    bins_at,
    history,
    per_percent,
)

__all__ = [
    "BANDS",
    "BIN_CELLS",
    "GRID",
    "LEAST",
    "LONG",
    "REACH",
    "SHARES",
    "SHORT",
    "WINDOW",
    "Homework",
    "KeptMap",
    "LeverageSpread",
    "MapHistory",
    "MapSeries",
    "MarkedDay",
    "PriceBins",
    "bins_at",
    "history",
    "mark_homework",
    "per_percent",
    "spread_of",
    "stepped",
]
