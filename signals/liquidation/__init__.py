"""Liquidation prices by the venues' own dated rules and tier tables; nothing here needs the network."""

from __future__ import annotations

from signals.liquidation.answer import MarginNeed, compare, margin_for, quote, shown_by, shown_price
from signals.liquidation.condition import liquidation_price
from signals.liquidation.errors import (
    CrossNeedsAccount,
    LeverageAboveCap,
    LiquidationError,
    MarginTooSmall,
    NoTierTable,
    SizeBeyondTable,
    UnknownVenue,
)
from signals.liquidation.position import Assumption, LiquidationAnswer, Position
from signals.liquidation.rules import RULES, VENUES, Rule, rule_for, venues_for
from signals.liquidation.tables import RenewedTables, Tier, TierTable, listed_names, tiers

__all__ = [
    "RULES",
    "VENUES",
    "Assumption",
    "CrossNeedsAccount",
    "LeverageAboveCap",
    "LiquidationAnswer",
    "LiquidationError",
    "MarginNeed",
    "MarginTooSmall",
    "NoTierTable",
    "Position",
    "RenewedTables",
    "Rule",
    "SizeBeyondTable",
    "Tier",
    "TierTable",
    "UnknownVenue",
    "compare",
    "liquidation_price",
    "listed_names",
    "margin_for",
    "quote",
    "rule_for",
    "shown_by",
    "shown_price",
    "tiers",
    "venues_for",
]
