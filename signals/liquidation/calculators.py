"""Profit, break-even, bankruptcy and size of one position.

Rates are fractions, prices and linear profits in quote currency, inverse profits in coin; a linear size is in coins,
an inverse one in USD; `contract` is "linear" or "inverse", `side` "long" or "short". Every function refuses NaN,
infinite and impossible numbers with a ValueError that names the number.
Formulas: the exchanges' help pages as collected on 2026-11-22. Funding stands in `funding`.
"""

from __future__ import annotations

import math

from signals.liquidation.condition import side_sign
from signals.liquidation.errors import LiquidationError


def above_zero(**numbers: float) -> None:
    """Refuse numbers that are not finite and above zero, by name."""
    for name, value in numbers.items():
        if not (math.isfinite(value) and value > 0.0):
            raise LiquidationError(f"{name.replace('_', ' ')} must be a number above zero, not {value}")


def finite(**numbers: float) -> None:
    """Refuse NaN and infinite numbers, by name."""
    for name, value in numbers.items():
        if not math.isfinite(value):
            raise LiquidationError(f"{name.replace('_', ' ')} must be a finite number, not {value}")


def bankruptcy(*, contract: str, side: str, entry: float, size: float, margin: float) -> float | None:
    """Compute the price at which the loss has eaten the margin (in settle coin); None where no price does."""
    above_zero(entry=entry, size=size, margin=margin)
    sign = side_sign(side)
    if contract == "linear":
        price = entry - sign * margin / size
        return price if price > 0.0 else None
    coin_value = size / entry + sign * margin
    return size / coin_value if coin_value > 0.0 else None


def profit(*, contract: str, side: str, entry: float, exit_price: float, size: float) -> float:
    """Compute the profit between two prices, in settle coin."""
    above_zero(entry=entry, exit_price=exit_price, size=size)
    if contract == "linear":
        return side_sign(side) * size * (exit_price - entry)
    return side_sign(side) * size * (1.0 / entry - 1.0 / exit_price)


def breakeven(*, contract: str, side: str, entry: float, fee_open: float, fee_close: float) -> float:
    """Compute the price at which the profit pays both fees, each on its own value.

    Of an inverse contract that value is in coin, the reciprocal of the price.
    """
    above_zero(entry=entry)
    for name, fee in (("fee_open", fee_open), ("fee_close", fee_close)):
        if not (math.isfinite(fee) and 0.0 <= fee < 1.0):
            raise LiquidationError(f"{name} is a fraction from 0 to below 1 (0.05 % = 0.0005), not {fee}")
    sign = side_sign(side)
    if contract == "linear":
        return entry * (1.0 + sign * fee_open) / (1.0 - sign * fee_close)
    return entry * (1.0 + sign * fee_close) / (1.0 - sign * fee_open)


def size_from_risk(*, risk: float, entry: float, stop: float) -> float:
    """Compute the quantity in coins that loses `risk` of quote currency between entry and stop, fees left out."""
    above_zero(risk=risk, entry=entry, stop=stop)
    if entry == stop:
        raise LiquidationError("entry and stop are the same price: give a stop away from the entry")
    return risk / abs(entry - stop)
