"""How much margin puts the liquidation price of a position where a person wants it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.liquidation.answer import Case
from signals.liquidation.condition import excess_line
from signals.liquidation.errors import LiquidationError
from signals.liquidation.rules import Fee, TierBy, rule_for
from signals.liquidation.tables import tiers

if TYPE_CHECKING:
    import datetime as dt

    from signals.liquidation.position import Position
    from signals.liquidation.tables import Shelf, Tier, TierTable


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginNeed:
    """The margin that a wanted liquidation price takes, in settle coin (`there`: what the position has now).

    `add` is what is missing; at or below zero the margin that is there keeps the liquidation at least as far away.
    `rate`, `amount` and `tier` are those that hold at the wanted price.
    """

    target: float
    needed: float
    there: float
    add: float
    rate: float
    amount: float
    tier: int


def margin_for(
    position: Position,
    target: float,
    *,
    on: dt.date | None = None,
    table: TierTable | None = None,
    shelf: Shelf | None = None,
) -> MarginNeed:
    """Compute the margin that puts the liquidation price of a position at `target`.

    The same condition as `quote`, solved for the margin: linear, maintenance at the liquidation price,
    q (s (EP - T) + T (m + f)) - c. Raises LiquidationError where no size is known, where the target lies on the
    wrong side of the entry, and as `quote` does. Source: the venue's `Rule`.
    """
    rule = rule_for(position.venue, position.contract, on)
    case = Case(position, rule, table or tiers(rule.venue, rule.contract, position.asset, position.quote, on, shelf))
    if not (math.isfinite(target) and target > 0.0):
        raise LiquidationError(f"the wanted price must be a number above zero, not {target}")
    if case.sign * (position.entry - target) <= 0.0:
        where = "below" if case.sign > 0 else "above"
        raise LiquidationError(f"the liquidation price of a {position.side} lies {where} its entry")
    if not case.sized:
        raise LiquidationError("the margin depends on the size: give the size as well")
    if rule.fee is Fee.AT_BANKRUPTCY and position.cross:
        raise LiquidationError(f"the margin of a cross position at {rule.title} before {rule.read} is not computed")
    case.check_leverage()
    tier = _tier(case, target)
    linear = rule.contract == "linear"
    d, y0, y = (case.sign, position.entry, target) if linear else (-case.sign, 1.0 / position.entry, 1.0 / target)
    numbers = {"mmr": tier.rate, "amount": tier.amount, "fee": case.rate_of_fee}
    at_zero, slope = excess_line(rule, d, y0, size=case.size, margin=0.0, **numbers)
    needed = float(-(at_zero + slope * y))
    return MarginNeed(
        target=target,
        needed=needed,
        there=case.margin,
        add=needed - case.margin,
        rate=tier.rate,
        amount=tier.amount,
        tier=tier.number,
    )


def _tier(case: Case, target: float) -> Tier:
    if case.rule.tier_by in (TierBy.ENTRY_VALUE, TierBy.CONTRACTS):
        return case.tier_at_entry()
    return case.table.at(case.units(target))
