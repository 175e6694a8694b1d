"""The liquidation condition, equity = maintenance margin, and its root: the price at which a venue liquidates.

Both kinds of contract are one case. Let y be the price (linear) or its reciprocal (inverse), d the sign of the
profit in y (long linear and short inverse +1, the others -1) and y0 the entry. Then the value is size * y, the
profit d * size * (y - y0), and

    equity - maintenance = at_zero + slope * y

is a straight line whose root is the liquidation price. Source: `Family` and `Fee` of the venue's `Rule`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from signals.liquidation.errors import LiquidationError
from signals.liquidation.rules import Family, Fee, Rule, rule_for

if TYPE_CHECKING:
    import datetime as dt

DUST = 1e-12
"""Margins that miss full cover by less than this share are rounding: a 1x long has no liquidation price."""


def excess_line(
    rule: Rule, d: float, y0: float, *, size: float, margin: float, mmr: float, amount: float, fee: float
) -> tuple[float, float]:
    """Give (at_zero, slope) of equity minus maintenance as a line in y; see the module's own text."""
    entry_value = size * y0
    if rule.fee is Fee.AT_BANKRUPTCY:
        value_at_bankruptcy = (d * entry_value - margin) / (d - fee)
        margin -= fee * max(value_at_bankruptcy, 0.0)  # none if it never comes
    if rule.family is Family.AT_ENTRY:
        return margin + amount - entry_value * mmr - d * entry_value, d * size
    rate = mmr + fee if rule.fee is Fee.ADDED else mmr
    return margin + amount - d * entry_value, size * (d - rate)


def liquidation_price(
    *,
    venue: str,
    contract: str,
    side: str,
    entry: float,
    size: float,
    margin: float,
    mmr: float,
    maintenance_amount: float = 0.0,
    fee_rate: float = 0.0,
    on: dt.date | None = None,
) -> float | None:
    """Compute the mark price at which the venue liquidates a position, or None where there is no such price.

    Args:
        venue: name of a `Rule`: binance, binance_coinm, bybit, okx, hyperliquid, deribit, gate, bitget, kucoin;
            closed exchanges and other programs answer when asked by name.
        contract: "linear" (settled in USDT/USDC) or "inverse" (settled in the coin).
        side: "long" or "short".
        entry: average entry price (a venue that quotes cross prices from the mark: the mark price).
        size: coins for linear, USD for inverse.
        margin: in settle coin. Isolated: the position's margin. Cross: wallet balance + unrealised profit of the
            other positions - maintenance margin of the other positions.
        mmr: maintenance margin rate of the tier, a fraction.
        maintenance_amount: "cum" or "deduction" of the tier in settle coin: maintenance = value * mmr - amount.
            Negative: a fixed reserve that the venue adds.
        fee_rate: closing fee rate, a fraction; used only where the venue's condition has it.
        on: the day whose rule applies; None: the newest rule.

    A result at or below zero, or beyond every price, is None: a 1x long, an over-margined position.
    NaN, infinite or negative numbers, an unknown venue, contract, side or day raise ValueError.
    Source and date of each formula stand in its `Rule` (signals/liquidation/rules.py).

    >>> round(
    ...     liquidation_price(
    ...         venue="binance", contract="linear", side="long", entry=95_000, size=1, margin=3_800, mmr=0.004
    ...     ),
    ...     2,
    ... )
    91566.27
    """
    rule = rule_for(venue, contract, on)
    check_numbers(entry=entry, size=size, margin=margin, mmr=mmr, amount=maintenance_amount, fee=fee_rate)
    return root(
        rule, side_sign(side), entry, size=size, margin=margin, mmr=mmr, amount=maintenance_amount, fee=fee_rate
    )


def root(
    rule: Rule, sign: float, entry: float, *, size: float, margin: float, mmr: float, amount: float, fee: float
) -> float | None:
    """Solve the condition of one rule for numbers already checked; None where there is no liquidation."""
    linear = rule.contract == "linear"
    d, y0 = (sign, entry) if linear else (-sign, 1.0 / entry)
    at_zero, slope = excess_line(rule, d, y0, size=size, margin=margin, mmr=mmr, amount=amount, fee=fee)
    scale = margin + abs(amount) + size * y0
    if not (math.isfinite(at_zero) and math.isfinite(slope)) or slope == 0.0:
        raise LiquidationError("these numbers are too large or too small to compute with; check entry, size and margin")
    if d > 0 and at_zero >= -DUST * scale:
        return None
    if d < 0 and at_zero <= 0.0:
        raise LiquidationError("the reserve is larger than the margin: the position is liquidated at every price")
    y = float(-at_zero / slope)
    return y if linear else 1.0 / y


def side_sign(side: str) -> float:
    """Turn "long" into +1.0 and "short" into -1.0; anything else is a ValueError."""
    match side.strip().lower():
        case "long":
            return 1.0
        case "short":
            return -1.0
        case _:
            raise LiquidationError(f"a side is long or short, not {side!r}")


def reached(price: float | None, mark: float, side: str) -> bool:
    """Tell whether a price has come to the liquidation price of a side; None, no liquidation, is never reached."""
    return price is not None and side_sign(side) * (mark - price) <= 0.0


def check_numbers(*, entry: float, size: float, margin: float, mmr: float, amount: float, fee: float) -> None:
    """Refuse numbers no position can have, with one sentence that names the number."""
    for name, value in (("entry", entry), ("size", size), ("margin", margin)):
        if not (math.isfinite(value) and value > 0.0):
            raise LiquidationError(f"{name} must be a number above zero, not {value}")
    for name, value in (("maintenance rate", mmr), ("fee rate", fee)):
        if not (math.isfinite(value) and 0.0 <= value < 1.0):
            raise LiquidationError(f"{name} is a fraction from 0 to below 1 (0.4 % = 0.004), not {value}")
    if mmr + fee >= 1.0:
        raise LiquidationError(f"maintenance rate and fee rate together must stay below 1, not {mmr + fee}")
    if not math.isfinite(amount):
        raise LiquidationError(f"the maintenance amount must be a finite number, not {amount}")
