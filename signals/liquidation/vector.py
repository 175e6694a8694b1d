"""The liquidation price of many positions at once, by the same line as the scalar one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from signals.liquidation.condition import DUST, excess_line
from signals.liquidation.errors import LiquidationError
from signals.liquidation.rules import rule_for

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def liquidation_prices(
    *,
    venue: str,
    contract: str,
    side: npt.ArrayLike,
    entry: npt.ArrayLike,
    size: npt.ArrayLike,
    margin: npt.ArrayLike,
    mmr: npt.ArrayLike,
    maintenance_amount: npt.ArrayLike = 0.0,
    fee_rate: npt.ArrayLike = 0.0,
    on: dt.date | None = None,
) -> Floats:
    """Compute `liquidation_price` for arrays of positions of one venue and contract.

    Arguments, units and rules are those of `liquidation_price`; arrays are broadcast, `side` is "long" or "short",
    an array of these, or +1 and -1. NaN in the result: there is no liquidation. A number no position can have
    (NaN, infinite, negative) anywhere raises ValueError naming the first place of it.
    """
    import numpy as np  # noqa: PLC0415 - the scalar path must not pay for numpy

    rule = rule_for(venue, contract, on)
    sign = _signs(np.asarray(side))
    given = (entry, size, margin, mmr, maintenance_amount, fee_rate)
    price, amount_held, own, rate, amount, fee = (np.asarray(one, dtype=np.float64) for one in given)
    for name, values in (("entry", price), ("size", amount_held), ("margin", own)):
        _require(np.isfinite(values) & (values > 0.0), values, f"{name} must be a number above zero")
    for name, values in (("maintenance rate", rate), ("fee rate", fee), ("the two rates together", rate + fee)):
        _require((values >= 0.0) & (values < 1.0), values, f"{name}: a fraction from 0 to below 1")
    _require(np.isfinite(amount), amount, "the maintenance amount must be a finite number")

    linear = rule.contract == "linear"
    d, y0 = (sign, price) if linear else (-sign, 1.0 / price)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        at_zero, slope = excess_line(rule, d, y0, size=amount_held, margin=own, mmr=rate, amount=amount, fee=fee)
        at_zero, slope, direction = np.broadcast_arrays(at_zero, slope, d)
        scale = own + np.abs(amount) + amount_held * y0
        covered = (direction > 0.0) & (at_zero >= -DUST * scale)
        sound = np.isfinite(at_zero) & np.isfinite(slope) & (slope != 0.0)
        _require(sound, at_zero, "numbers too large or too small to compute with")
        _require((direction > 0.0) | (at_zero > 0.0), at_zero, "the reserve is larger than the margin")
        root = -at_zero / slope
        prices: Floats = np.where(covered, np.nan, root if linear else 1.0 / root)
    return prices


def _signs(side: npt.NDArray[np.generic]) -> Floats:
    import numpy as np  # noqa: PLC0415 - as above

    if side.dtype.kind in "US":
        long, short = side == "long", side == "short"
        _require(long | short, side, "a side is long or short")
        return np.where(long, 1.0, -1.0)
    _require((side == 1) | (side == -1), side, "a side is +1 (long) or -1 (short)")
    return side.astype(np.float64)


def _require(holds: npt.NDArray[np.bool_], values: npt.NDArray[np.generic], must: str) -> None:
    if holds.all():
        return
    first = int((~holds).ravel().argmax())
    raise LiquidationError(f"{must}; number {first} is {values.ravel()[first]}")
