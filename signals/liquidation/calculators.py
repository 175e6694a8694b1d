"""Profit, break-even, bankruptcy and size of one position, and the price of a hedge.

Rates are fractions, prices and linear profits in quote currency, inverse profits in coin; a linear size is in coins,
an inverse one in USD; `contract` is "linear" or "inverse", `side` "long" or "short". Every function refuses NaN,
infinite and impossible numbers with a ValueError that names the number.
Formulas: the exchanges' help pages as collected on 2026-11-22. Funding stands in `funding`.
A hedge is a long and a short of one coin in one cross account, which is liquidated as one: each leg earns what the
other loses, so that two prices would both be wrong. Source: Binance support FAQ b3c689c1 (hedge mode shares one cross
price) and OKX help of 2026-01-30 (the ratio of the whole account), both legs put into the condition.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.liquidation.condition import side_sign
from signals.liquidation.errors import LiquidationError, MarginTooSmall
from signals.liquidation.rules import Fee, rule_for
from signals.liquidation.tables import tiers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from signals.liquidation.position import Position
    from signals.liquidation.tables import RenewedTables, TierTable

_TURNS: Final = 20  # tiers settle in two or three; where they jump to and fro the last one stands


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


# --- a hedge ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HedgeLeg:
    """One side of a hedge: coins of a linear contract, its entry, and what its tier asks for.

    rate: maintenance and, where the venue adds it, the closing fee, as a fraction. amount: of the tier, in dollars.
    """

    side: str
    size: float
    entry: float
    rate: float
    amount: float = 0.0


def hedge_price(legs: Iterable[HedgeLeg], *, wallet: float) -> float | None:
    """Compute the one mark price at which an account that holds these legs of one coin is liquidated.

    The account is liquidated where wallet + profit of all legs = maintenance of all legs, a straight line in the
    price: at_zero + slope * price = 0. wallet: in dollars, with the profit of positions in other coins and without
    their maintenance. None: no price liquidates it. MarginTooSmall where every price does; numbers that are NaN,
    infinite or not above zero raise LiquidationError.

    >>> legs = HedgeLeg("long", 1.0, 60_000.0, 0.004), HedgeLeg("short", 0.5, 61_000.0, 0.004)
    >>> round(hedge_price(legs, wallet=5_000.0), 2)
    49595.14
    """
    at_zero, slope = wallet, 0.0
    finite(wallet=wallet)
    for leg in legs:
        above_zero(entry=leg.entry, size=leg.size)
        sign = side_sign(leg.side)
        at_zero += leg.amount - sign * leg.size * leg.entry
        slope += leg.size * (sign - leg.rate)
    if slope == 0.0 or -at_zero / slope <= 0.0:
        if at_zero < 0.0:
            raise MarginTooSmall("the account does not cover the maintenance of both legs at any price")
        return None
    return -at_zero / slope


@dataclass(frozen=True, slots=True)
class HedgeAnswer:
    """Where a hedge is liquidated; price None: nowhere. legs: as they were put in, with their tiers. table: of both."""

    price: float | None
    legs: tuple[HedgeLeg, HedgeLeg]
    table: TierTable


def quote_hedge(position: Position, *, size: float, entry: float, renewed: RenewedTables | None = None) -> HedgeAnswer:
    """Answer where a cross position and its other side in the same coin are liquidated together.

    position: one leg with its account, in coins; size, entry: of the other side. Each leg has the tier of its own value
    at the liquidation price, as if both were counted apart, and the fee where the rule adds it. All errors are
    LiquidationError, as in `quote`.
    """
    position.check()
    own = position.size("linear")
    if position.contract != "linear" or not position.cross or own is None:
        raise LiquidationError("a hedge is answered for two sizes in one cross account that is margined in dollars")
    rule = rule_for(position.venue, "linear")
    table = tiers(
        rule.venue, "linear", position.asset, position.quote, None, renewed,
        multiplier=position.multiplier, expiry=position.expiry,
    )  # fmt: skip
    fee = rule.usual_fee if rule.fee is Fee.ADDED else 0.0
    wallet = (position.wallet or 0.0) + (position.other_profit or 0.0) - (position.other_maintenance or 0.0)
    against = "short" if side_sign(position.side) > 0.0 else "long"
    stated = ((position.side, own, position.entry), (against, size, entry))

    def leg(side: str, coins: float, at: float, opened: float) -> HedgeLeg:
        counted = coins / table.lot if table.unit in ("contracts", "coins") else coins * at
        tier = table.at(counted)
        return HedgeLeg(side, coins, opened, tier.rate + fee, tier.amount)

    price: float | None = None
    legs = tuple(leg(side, coins, opened, opened) for side, coins, opened in stated)
    for _ in range(_TURNS):
        price = hedge_price(legs, wallet=wallet)
        if price is None:
            break
        again = tuple(leg(side, coins, price, opened) for side, coins, opened in stated)
        if again == legs:
            break
        legs = again
    return HedgeAnswer(price, (legs[0], legs[1]), table)
