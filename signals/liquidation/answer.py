"""Answer for a position: choose rule, table and tier, and compute the price the venue would show, or the margin."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from signals.liquidation.calculators import bankruptcy
from signals.liquidation.condition import check_numbers, excess_line, root, side_sign
from signals.liquidation.errors import LeverageAboveCap, LiquidationError, MarginTooSmall
from signals.liquidation.position import Assumption, LiquidationAnswer, Position
from signals.liquidation.rules import Fee, Rule, TierBy, as_day, rule_for, venues_for
from signals.liquidation.tables import BORDER, tiers

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable

    from signals.liquidation.tables import RenewedTables, Tier, TierTable

_TURNS = 100  # the rate of a sloped table settles in a handful


def quote(
    position: Position,
    *,
    on: dt.date | None = None,
    table: TierTable | None = None,
    renewed: RenewedTables | None = None,
) -> LiquidationAnswer:
    """Answer where a position is liquidated, with the venue's rule and tiers of a day (None: the newest).

    `renewed` adds renewed tier tables to the bundled ones, `table` takes the place of them all. All errors are
    LiquidationError (a ValueError) with a sentence for the reader: LeverageAboveCap, NoTierTable, SizeBeyondTable,
    MarginTooSmall, CrossNeedsAccount, UnknownVenue. Formula and date: `Rule` and `Family` in
    signals/liquidation/rules.py.
    """
    stated = _stated(position, on, table, renewed)
    rule, table = stated.rule, stated.table
    cap, largest = stated.check_leverage()
    tier = stated.tier()
    price = stated.price(tier)
    if price is not None and stated.from_leverage and stated.sign * (price - position.entry) >= 0.0:
        percent = 100.0 * (tier.rate + stated.rate_of_fee)
        raise MarginTooSmall(
            f"the margin does not cover the maintenance of {percent:.4g} % at the entry: "
            "this position would be liquidated at once; lower the leverage or add margin"
        )
    return LiquidationAnswer(
        position=position,
        venue=rule.venue,
        contract=rule.contract,
        price=price,
        shown=None if price is None else shown_by(rule, price, table.tick, side=position.side, cross=position.cross),
        distance=None if price is None else price / position.entry - 1.0,
        bankruptcy=stated.bankruptcy(),
        rate=tier.rate,
        amount=tier.amount,
        fee_rate=stated.rate_of_fee,
        tier=tier.number,
        slope=table.slope,
        tier_cap_notional=stated.worth(tier.cap),
        table_as_of=table.as_of,
        table_checked=table.checked,
        leverage_cap=cap,
        max_notional=largest,
        size=stated.size if stated.sized else None,
        margin=stated.margin if stated.sized else None,
        notional=stated.notional if stated.sized else None,
        assumptions=stated.assumptions(tier, cap, on),
    )


def compare(
    position: Position,
    venues: Iterable[str] | None = None,
    *,
    on: dt.date | None = None,
    renewed: RenewedTables | None = None,
) -> dict[str, LiquidationAnswer | LiquidationError]:
    """Answer the same position at several venues; a venue that cannot answer gives its error instead.

    Without `venues` all that have the contract are asked. The fee rate of the position is left out:
    each venue has its own.
    """
    answers: dict[str, LiquidationAnswer | LiquidationError] = {}
    for venue in venues_for(position.contract) if venues is None else venues:
        try:
            answers[venue] = quote(replace(position, venue=venue, quote=None, fee_rate=None), on=on, renewed=renewed)
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


def shown_by(rule: Rule, price: float, tick: float | None, *, side: str, cross: bool = False) -> float:
    """Give a liquidation price as the venue of `rule` shows it; source: the recorded answers named in the rule."""
    if tick is not None and rule.long_shown_a_tick_up and side_sign(side) > 0.0 and not cross:
        return price + tick
    return shown_price(price, tick, side if rule.shown_towards_entry else None)


def _stated(
    position: Position, on: dt.date | None, table: TierTable | None, renewed: RenewedTables | None
) -> _StatedPosition:
    rule = rule_for(position.venue, position.contract, on)
    known = table or tiers(
        rule.venue,
        rule.contract,
        position.asset,
        position.quote,
        on,
        renewed,
        multiplier=position.multiplier,
        expiry=position.expiry,
    )
    return _StatedPosition(position, rule, known)


class _StatedPosition:
    """A position brought into the contract's own units: size, margin, fee, with its rule and table."""

    def __init__(self, position: Position, rule: Rule, table: TierTable) -> None:
        position.check()
        self.position, self.rule, self.table = position, rule, table
        self.sign = side_sign(position.side)
        self.linear = rule.contract == "linear"
        size = position.size(rule.contract)
        self.sized = size is not None
        # Without a size nothing depends on it: the price is that of any position of the first tier.
        self.size = size if size is not None else (1.0 if self.linear else position.entry)
        self.notional = self.size * position.entry if self.linear else self.size
        self.entry_value = self.notional if self.linear else self.notional / position.entry
        stated = position.size_coins is not None or position.size_usd is not None
        self.from_leverage = not position.cross and (position.margin is None or not stated)
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
        if self.table.unit == "contracts" or (self.linear and self.table.unit == "coins"):
            return self.size / self.table.lot
        worth = self.size * price if self.linear else self.size
        return self.table.units(worth, price)

    def worth(self, units: float) -> float | None:
        """Give what a size in the table's unit is worth at the entry, in quote currency; None where it is open."""
        if math.isinf(units):
            return None
        if self.table.unit == "quote" and self.linear:
            return units
        in_usd = self.table.unit == "contracts" and not self.linear
        return units * self.table.lot * (1.0 if in_usd else self.position.entry)

    def price(self, tier: Tier) -> float | None:
        """Compute the liquidation price by one tier's rate and amount."""
        numbers = {"size": self.size, "margin": self.margin, "mmr": tier.rate, "amount": tier.amount}
        check_numbers(entry=self.position.entry, fee=self.rate_of_fee, **numbers)
        return root(self.rule, self.sign, self.position.entry, fee=self.rate_of_fee, **numbers)

    def tier_at_entry(self) -> Tier:
        """Find the tier the position opens in; it decides on the leverage."""
        return self.table.at(self.units(self.position.entry)) if self.sized else self.table.tiers[0]

    def tier(self) -> Tier:
        """Find the tier that decides on the liquidation: that of the size AT the liquidation price.

        Where the maintenance has no jumps exactly one tier holds its own price, so none has to be iterated; where
        it jumps and two do, the price nearer to the entry comes first.
        """
        entry_tier = self.tier_at_entry()
        if not self.sized or self.rule.tier_by in (TierBy.ENTRY_VALUE, TierBy.CONTRACTS):
            return entry_tier
        if self.table.slope:
            return self._tier_of_slope(entry_tier)
        priced = [(tier, self.price(tier)) for tier in self.table.tiers]
        fitting = [(tier, price) for tier, price in priced if price is not None and self._holds(tier, price)]
        if fitting:
            return max(fitting, key=lambda pair: self.sign * pair[1])[0]
        last, last_price = priced[-1]
        if last_price is not None and (units := self.units(last_price)) > last.cap:
            if self.table.partial:
                raise self.table.beyond(units)
            return last  # the venue has no tier above: a position that grew out of the table keeps the last one
        return entry_tier

    def _holds(self, tier: Tier, price: float) -> bool:
        units = self.units(price)
        return tier.floor * (1.0 - BORDER) <= units <= tier.cap * (1.0 + BORDER)

    def _tier_of_slope(self, tier: Tier) -> Tier:
        for _ in range(_TURNS):
            price = self.price(tier)
            if price is None:
                break
            again = self.table.at(self.units(price))
            if abs(again.rate - tier.rate) <= 1e-15:
                break
            tier = again
        return tier

    def check_leverage(self) -> tuple[float | None, float | None]:
        """Give the cap at this size and the largest notional at this leverage; LeverageAboveCap above the cap."""
        cap, asked = self.tier_at_entry().max_leverage, self.position.leverage
        if asked is None:
            return cap, None
        largest = self.worth(self.table.max_size(asked))
        if cap is None or asked <= cap * (1.0 + 1e-9):
            return cap, largest
        if self.table.slope:  # the cap sinks with every coin: it holds for no other size
            cap_notional, held = None, "for this size" if self.sized else "for the smallest size"
        else:
            cap_notional = self.worth(self.table.max_size(cap))
            held = "at any size" if cap_notional is None else f"up to {cap_notional:,.0f} {self.table.quote}"
        only = f", {asked:g}x only up to {largest:,.0f} {self.table.quote}" if largest else ""
        raise LeverageAboveCap(
            f"{self.rule.title} {self.table.asset} allows at most {cap:.4g}x {held}{only} (table of "
            f"{self.table.as_of}): take {cap:.4g}x or less{', or a smaller size' if only else ''}",
            cap=cap,
            cap_notional=cap_notional,
            max_notional=largest,
            as_of=self.table.as_of,
        )

    def bankruptcy(self) -> float | None:
        """Compute the price at which the margin is gone."""
        return bankruptcy(
            contract=self.rule.contract,
            side=self.position.side,
            entry=self.position.entry,
            size=self.size,
            margin=self.margin,
        )

    def assumptions(self, tier: Tier, cap: float | None, on: dt.date | None) -> tuple[Assumption, ...]:
        """List what the answer takes for granted."""
        said, isolated = self.position, not self.position.cross
        facts = {
            Assumption.MARK_PRICE: True,
            Assumption.FIRST_TIER: not self.sized,
            Assumption.MARGIN_IS_SHARE: isolated and said.margin is None,
            Assumption.NO_ADDED_MARGIN: isolated and said.margin is None and not said.extra_margin,
            Assumption.NO_FUNDING: isolated and said.margin is None,
            Assumption.USUAL_FEE: said.fee_rate is None and self.rate_of_fee > 0.0,
            Assumption.BOUND_UNKNOWN: self.table.partial_above == 0.0,
            Assumption.CAP_UNKNOWN: said.leverage is not None and cap is None,
            Assumption.ACCOUNT_DECIDES: said.cross and self.rule.account_decides,
            Assumption.NO_ISOLATED: isolated and not self.rule.isolated,
            Assumption.INFERRED_RULE: self.rule.inferred,
            Assumption.NEWER_TABLE: on is not None and self.table.as_of > as_day(on),
            Assumption.REDUCED_FIRST: tier.number > 1,
        }
        return tuple(fact for fact, holds in facts.items() if holds)


# --- margin for a wanted price ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginNeed:
    """The margin that a wanted liquidation price takes, in settle coin (`there`: what the position has now).

    `add` is what is missing; at or below zero the margin that is there keeps the liquidation at least as far away.
    `rate` and `tier` are those that hold at the wanted price.
    """

    needed: float
    there: float
    add: float
    rate: float
    tier: int


def margin_for(
    position: Position,
    target: float,
    *,
    on: dt.date | None = None,
    table: TierTable | None = None,
    renewed: RenewedTables | None = None,
) -> MarginNeed:
    """Compute the margin that puts the liquidation price of a position at `target`.

    The same condition as `quote`, solved for the margin: linear, maintenance at the liquidation price,
    q (s (EP - T) + T (m + f)) - c. Raises LiquidationError where no size is known, where the target lies on the
    wrong side of the entry, and as `quote` does. Source: the venue's `Rule`.
    """
    stated = _stated(position, on, table, renewed)
    rule = stated.rule
    if not (math.isfinite(target) and target > 0.0):
        raise LiquidationError(f"the wanted price must be a number above zero, not {target}")
    if stated.sign * (position.entry - target) <= 0.0:
        where = "below" if stated.sign > 0 else "above"
        raise LiquidationError(f"the liquidation price of a {position.side} lies {where} its entry")
    if not stated.sized:
        raise LiquidationError("the margin depends on the size: give the size as well")
    if rule.fee is Fee.AT_BANKRUPTCY and position.cross:
        raise LiquidationError(f"the margin of a cross position at {rule.title} before {rule.read} is not computed")
    stated.check_leverage()
    tier = _tier_at(stated, target)
    linear = rule.contract == "linear"
    d, y0, y = (stated.sign, position.entry, target) if linear else (-stated.sign, 1.0 / position.entry, 1.0 / target)
    numbers = {"mmr": tier.rate, "amount": tier.amount, "fee": stated.rate_of_fee}
    at_zero, slope = excess_line(rule, d, y0, size=stated.size, margin=0.0, **numbers)
    needed = float(-(at_zero + slope * y))
    return MarginNeed(
        needed=needed,
        there=stated.margin,
        add=needed - stated.margin,
        rate=tier.rate,
        tier=tier.number,
    )


def _tier_at(stated: _StatedPosition, target: float) -> Tier:
    if stated.rule.tier_by in (TierBy.ENTRY_VALUE, TierBy.CONTRACTS):
        return stated.tier_at_entry()
    return stated.table.at(stated.units(target))
