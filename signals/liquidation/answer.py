"""Answer for a position: choose rule, table and tier, and compute the price the venue would show."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from signals.liquidation.condition import DUST, liquidation_price, side_sign
from signals.liquidation.errors import LeverageAboveCap, LiquidationError, MarginTooSmall
from signals.liquidation.position import Assumption, LiquidationAnswer, Position
from signals.liquidation.rules import VENUES, Fee, Rule, TierBy, rule_for
from signals.liquidation.tables import tiers

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from signals.liquidation.tables import Tier, TierTable


def quote(position: Position, *, on: dt.date | None = None, table: TierTable | None = None) -> LiquidationAnswer:
    """Answer where a position is liquidated, with the venue's rule and tiers of a day (None: the newest).

    `table` takes the place of the bundled tier table. All errors are LiquidationError (a ValueError) with a
    sentence for the reader: LeverageAboveCap, NoTierTable, SizeBeyondTable, MarginTooSmall, CrossNeedsAccount,
    UnknownVenue. Formula and date: `Rule` and `Family` in signals/liquidation/rules.py.
    """
    rule = rule_for(position.venue, position.contract, on)
    position.check()
    if table is None:
        table = tiers(rule.venue, rule.contract, position.asset, position.quote, on)
    case = _Case(position, rule, table)
    cap, largest = case.check_leverage()
    tier = case.tier()
    price = case.price(tier)
    if price is not None and case.sign * (price - position.entry) >= 0.0:
        raise MarginTooSmall(
            f"the margin does not cover the maintenance of {tier.rate + case.rate_of_fee:.2%} at the entry: "
            "this position would be liquidated at once; lower the leverage or add margin"
        )
    return LiquidationAnswer(
        position=position,
        venue=rule.venue,
        title=rule.title,
        contract=rule.contract,
        price=price,
        shown=None if price is None else shown_price(price, table.tick, position.side if rule.shown_towards_entry else None),
        distance=None if price is None else price / position.entry - 1.0,
        bankruptcy=case.bankruptcy(),
        rate=tier.rate,
        amount=tier.amount,
        fee_rate=case.rate_of_fee,
        tier=tier.number,
        tier_floor=tier.floor,
        tier_cap=tier.cap,
        unit=table.unit,
        table_as_of=table.as_of,
        table_source=table.source,
        leverage_cap=cap,
        max_notional=largest,
        size=case.size if case.sized else None,
        margin=case.margin if case.sized else None,
        notional=case.notional if case.sized else None,
        assumptions=case.assumptions(tier, cap, on),
        rule_from=rule.valid_from,
        rule_source=rule.source,
        rule_read=rule.read,
    )


def compare(
    position: Position, venues: Iterable[str] = VENUES, *, on: dt.date | None = None
) -> dict[str, LiquidationAnswer | LiquidationError]:
    """Answer the same position at several venues; a venue that cannot answer gives its error instead.

    The fee rate of the position is left out: each venue has its own.
    """
    answers: dict[str, LiquidationAnswer | LiquidationError] = {}
    for venue in venues:
        try:
            answers[venue] = quote(replace(position, venue=venue, quote=None, fee_rate=None), on=on)
        except LiquidationError as why:
            answers[venue] = why
    return answers


def shown_price(price: float, tick: float | None, towards_entry_of: str | None = None) -> float:
    """Round a price to the tick: towards the entry of a long (up) or short (down), or to the nearest.

    Without a tick: seven significant digits, the most any market shows.
    """
    if tick is None:
        return float(f"{price:.7g}")
    steps = price / tick
    nearest = round(steps)
    if towards_entry_of is not None and abs(steps - nearest) > 1e-7:  # on the tick already, but for rounding
        nearest = math.ceil(steps) if side_sign(towards_entry_of) > 0 else math.floor(steps)
    return float(f"{nearest * tick:.12g}")


class _Case:
    """A position brought into the contract's own units: size, margin, fee, with its rule and table."""

    def __init__(self, position: Position, rule: Rule, table: TierTable) -> None:
        self.position, self.rule, self.table = position, rule, table
        self.sign = side_sign(position.side)
        self.linear = rule.contract == "linear"
        size = position.size(rule.contract)
        self.sized = size is not None
        # Without a size nothing depends on it: the price is that of any position of the first tier.
        self.size = size if size is not None else (1.0 if self.linear else position.entry)
        self.notional = self.size * position.entry if self.linear else self.size
        self.entry_value = self.notional if self.linear else self.notional / position.entry
        self.margin = self._margin()
        self.rate_of_fee = self._fee()

    def _margin(self) -> float:
        said = self.position
        if said.cross:
            margin = (said.wallet or 0.0) + (said.other_profit or 0.0) - (said.other_maintenance or 0.0)
            margin += said.extra_margin
            if margin <= 0.0:
                raise MarginTooSmall("the other positions use up the whole wallet: the account is liquidated as it is")
            return margin
        own = self.entry_value / said.leverage if said.leverage else 0.0
        if said.margin is not None and self.sized:
            own = said.margin
        return own + said.extra_margin

    def _fee(self) -> float:
        if self.rule.fee is Fee.CANCELS or (self.rule.fee is Fee.AT_BANKRUPTCY and not self.position.cross):
            return 0.0
        return self.rule.usual_fee if self.position.fee_rate is None else self.position.fee_rate

    def units(self, price: float) -> float:
        """Give the position's size in the table's unit at a price."""
        if not self.linear and self.table.unit == "contracts":
            return self.size / self.table.lot
        worth = self.size * price if self.linear else self.size
        return self.table.units(worth, price)

    def price(self, tier: Tier) -> float | None:
        """Compute the liquidation price by one tier's rate and amount."""
        return liquidation_price(
            venue=self.rule.venue,
            contract=self.rule.contract,
            side=self.position.side,
            entry=self.position.entry,
            size=self.size,
            margin=self.margin,
            mmr=tier.rate,
            maintenance_amount=tier.amount,
            fee_rate=self.rate_of_fee,
            on=self.rule.valid_from or (None if self._newest else self.rule.read),
        )
