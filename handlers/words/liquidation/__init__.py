"""How a liquidation is told: in eight lines of a phone (brief), with all that it rests on (detail), and as a map."""

from __future__ import annotations

from handlers.words.liquidation.detail import (
    ASSUMED,
    SAID_APART,
    assumed,
    both_sides,
    distance,
    elsewhere,
    exchange,
    how_near,
    one_side,
    or_nearer,
    rough,
    shown,
    span,
    stamp,
    within,
)

__all__ = [
    "ASSUMED",
    "SAID_APART",
    "assumed",
    "both_sides",
    "distance",
    "elsewhere",
    "exchange",
    "how_near",
    "one_side",
    "or_nearer",
    "rough",
    "shown",
    "span",
    "stamp",
    "within",
]
