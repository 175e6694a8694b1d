"""A hedge: a long and a short of one coin in one cross account, which is liquidated as one, at one price.

Two answers for the two legs would both be wrong: each leg earns what the other loses. Source: the account's condition
of Binance support FAQ b3c689c1 (hedge mode shares one cross price) and OKX help of 2026-01-30 (the ratio of the whole
account), both legs put into it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.liquidation.condition import side_sign
from signals.liquidation.errors import LiquidationError, MarginTooSmall

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Leg:
    """One side of a hedge: coins of a linear contract, its entry, and what its tier asks for.

    rate: maintenance and, where the venue adds it, the closing fee, as a fraction. amount: of the tier, in dollars.
    """

    side: str
    size: float
    entry: float
    rate: float
    amount: float = 0.0


def hedge_price(legs: Iterable[Leg], *, wallet: float) -> float | None:
    """Compute the one mark price at which an account that holds these legs of one coin is liquidated.

    The account is liquidated where wallet + profit of all legs = maintenance of all legs, a straight line in the
    price: at_zero + slope * price = 0. wallet: in dollars, with the profit of positions in other coins and without
    their maintenance. None: no price liquidates it. MarginTooSmall where every price does; numbers that are NaN,
    infinite or not above zero raise LiquidationError.

    >>> legs = Leg("long", 1.0, 60_000.0, 0.004), Leg("short", 0.5, 61_000.0, 0.004)
    >>> round(hedge_price(legs, wallet=5_000.0), 2)
    49595.14
    """
    at_zero, slope = wallet, 0.0
    if not math.isfinite(wallet):
        raise LiquidationError(f"the wallet balance must be a finite number, not {wallet}")
    for leg in legs:
        for name, value in (("entry", leg.entry), ("size", leg.size)):
            if not (math.isfinite(value) and value > 0.0):
                raise LiquidationError(f"{name} must be a number above zero, not {value}")
        sign = side_sign(leg.side)
        at_zero += leg.amount - sign * leg.size * leg.entry
        slope += leg.size * (sign - leg.rate)
    if slope == 0.0 or -at_zero / slope <= 0.0:
        if at_zero < 0.0:
            raise MarginTooSmall("the account does not cover the maintenance of both legs at any price")
        return None
    return -at_zero / slope
