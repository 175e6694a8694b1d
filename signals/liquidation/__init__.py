"""Liquidation prices by the venues' own dated rules and tier tables; nothing here needs the network."""

from __future__ import annotations

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
from signals.liquidation.rules import RULES, VENUES, Rule, rule_for
from signals.liquidation.tables import Tier, TierTable, tiers

__all__ = [
    "RULES",
    "VENUES",
    "CrossNeedsAccount",
    "LeverageAboveCap",
    "LiquidationError",
    "MarginTooSmall",
    "NoTierTable",
    "Rule",
    "SizeBeyondTable",
    "Tier",
    "TierTable",
    "UnknownVenue",
    "liquidation_price",
    "rule_for",
    "tiers",
]
