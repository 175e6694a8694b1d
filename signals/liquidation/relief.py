"""What moves the liquidation of a watched position away: the margin to add, and where the price is then."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.liquidation.answer import margin_for
from signals.liquidation.condition import side_sign
from signals.liquidation.errors import LiquidationError
from signals.liquidation.position import Position

if TYPE_CHECKING:
    from signals.liquidation.tables import RenewedTables
    from signals.liquidation.watching import Holding

_DIGITS: Final = 3  # of the price that is proposed: nobody wants 70,241.37


@dataclass(frozen=True, slots=True)
class Relief:
    """Margin that is missing for a liquidation price: `add` in settle coin; distance: from the mark, as a fraction."""

    add: float
    price: float
    distance: float


def relief(
    holding: Holding, *, mark: float, taken: float, away: float, renewed: RenewedTables | None = None
) -> Relief | None:
    """Compute what must be added so that liquidation is `away` (a fraction of the mark) or a little more.

    taken: what funding took from the margin. The price is a round one. None where money cannot be named, as no size is
    known, where the mark is not known (NaN), where the price would lie beyond the entry or below zero, and where
    nothing has to be added. Source: `margin_for`.
    """
    if not holding.sized or not mark > 0.0:
        return None
    sign = side_sign(holding.side)
    price = _round(mark * (1.0 - sign * away), down=sign > 0.0)
    linear = holding.contract == "linear"
    position = Position(
        venue=holding.venue,
        side=holding.side,
        entry=holding.entry,
        contract=holding.contract,
        asset=holding.asset,
        quote=holding.quote,
        multiplier=holding.multiplier,
        margin=max(holding.margin - taken, 1e-9 * holding.margin),
        size_coins=holding.size if linear else None,
        size_usd=None if linear else holding.size,
    )
    try:
        need = margin_for(position, price, renewed=renewed)
    except LiquidationError:
        return None
    return Relief(need.add, price, price / mark - 1.0) if need.add > 0.0 else None


def _round(price: float, *, down: bool) -> float:
    """Keep three digits, away from the mark; zero and less stay, and are refused as a price."""
    if price <= 0.0:
        return price
    unit = 10.0 ** (math.floor(math.log10(price)) + 1 - _DIGITS)
    steps = price / unit
    return float(f"{(math.floor(steps) if down else math.ceil(steps)) * unit:.12g}")
