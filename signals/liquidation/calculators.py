"""The companions of the liquidation price: profit, break-even, margin, sizing, basis; and what other programs print.

Rates are fractions, prices and linear profits in quote currency, inverse profits in coin, `side` is "long" or
"short". Every function refuses NaN, infinite and impossible numbers with a ValueError that names the number.
Formulas: the exchanges' help pages as collected on 2026-11-22; where one exchange differs it is said.
Funding stands in `funding`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from signals.liquidation.condition import side_sign
from signals.liquidation.errors import LiquidationError

if TYPE_CHECKING:
    from collections.abc import Iterable

DAYS_A_YEAR = 365.0


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


def shares(**numbers: float) -> None:
    """Refuse what is no fraction from 0 to below 1, by name."""
    for name, value in numbers.items():
        if not (math.isfinite(value) and 0.0 <= value < 1.0):
            raise LiquidationError(f"{name} is a fraction from 0 to below 1 (0.4 % = 0.004), not {value}")


# --- margin -----------------------------------------------------------------------------------------------------


def initial_margin(*, notional: float, leverage: float) -> float:
    """Compute the margin a position is opened with, in the unit of the notional."""
    above_zero(notional=notional, leverage=leverage)
    return notional / leverage


def maint_margin_tiered(*, notional: float, mmr: float, cum: float = 0.0) -> float:
    """Compute the maintenance margin from the rate and amount of the tier the notional lies in."""
    above_zero(notional=notional)
    shares(mmr=mmr)
    finite(cum=cum)
    return notional * mmr - cum


def maint_margin_gradient(*, notional: float, tiers: Iterable[tuple[float, float, float]]) -> float:
    """Compute the maintenance margin as the sum over the steps (floor, cap, rate); equals the tiered form."""
    above_zero(notional=notional)
    return sum(max(0.0, min(notional, cap) - floor) * rate for floor, cap, rate in tiers)


def maint_amount_next(*, cum_prev: float, floor: float, mmr: float, mmr_prev: float) -> float:
    """Compute a tier's maintenance amount from the tier below: no jump at the border."""
    finite(cum_prev=cum_prev)
    shares(mmr=mmr, mmr_prev=mmr_prev)
    return cum_prev + floor * (mmr - mmr_prev)


def deribit_mm_rate(*, base: float, pos: float, slope: float) -> float:
    """Compute Deribit's maintenance (or initial) rate for a position of `pos` coins (note of 2022-01-11)."""
    shares(base=base, slope=slope)
    finite(pos=pos)
    return base + abs(pos) * slope


# --- bankruptcy -------------------------------------------------------------------------------------------------


def bankruptcy(*, contract: str, side: str, entry: float, size: float, margin: float) -> float | None:
    """Compute the price at which profit has eaten the margin; None where no price does.

    Size in coins (linear) or USD (inverse), margin in settle coin.
    """
    above_zero(entry=entry, size=size, margin=margin)
    sign = side_sign(side)
    if contract == "linear":
        price = entry - sign * margin / size
        return price if price > 0.0 else None
    coin_value = size / entry + sign * margin
    return size / coin_value if coin_value > 0.0 else None


def bankruptcy_linear(*, side: str, entry: float, leverage: float) -> float:
    """Compute the bankruptcy price of a linear position from its leverage alone."""
    above_zero(entry=entry, leverage=leverage)
    return entry * (1.0 - side_sign(side) / leverage)


def bankruptcy_inverse(*, side: str, entry: float, leverage: float) -> float | None:
    """Compute the bankruptcy price of an inverse position from its leverage; None for a short at 1x or less."""
    above_zero(entry=entry, leverage=leverage)
    share = 1.0 + side_sign(side) / leverage
    return entry / share if share > 0.0 else None


def bankruptcy_linear_margin(*, side: str, entry: float, margin: float, size: float) -> float | None:
    """Compute the bankruptcy price of a linear position from its margin; None at or below zero."""
    return bankruptcy(contract="linear", side=side, entry=entry, size=size, margin=margin)


def bankruptcy_inverse_cross_fee(*, side: str, entry: float, margin: float, size: float, fee: float) -> float:
    """Compute Bybit's bankruptcy price of an inverse cross position, closing fee included (rule to 2025-09-01)."""
    above_zero(entry=entry, size=size, margin=margin)
    shares(fee=fee)
    sign = side_sign(side)
    return (1.0 + sign * fee) * size / (size / entry + sign * margin)


def bankruptcy_bitmex_sat(*, cost_sat: float, init_sat: float, size: float) -> float:
    """Compute BitMEX' bankruptcy price of a short: whole satoshis per contract, then down to 0.5 (closed exchange)."""
    above_zero(cost=cost_sat, initial_margin=init_sat, size=size)
    satoshis = math.ceil((cost_sat - init_sat) / size)
    above_zero(cost_less_margin=satoshis)
    return math.floor(1e8 / satoshis * 2.0) / 2.0


# --- profit -----------------------------------------------------------------------------------------------------


def pnl_linear(*, side: str, entry: float, exit_price: float, size: float) -> float:
    """Compute the profit in quote currency of `size` coins."""
    above_zero(entry=entry, exit_price=exit_price, size=size)
    return side_sign(side) * size * (exit_price - entry)


def pnl_inverse(*, side: str, entry: float, exit_price: float, size: float) -> float:
    """Compute the profit in coin of `size` USD of an inverse contract."""
    above_zero(entry=entry, exit_price=exit_price, size=size)
    return side_sign(side) * size * (1.0 / entry - 1.0 / exit_price)


def roe(*, pnl: float, margin: float) -> float:
    """Compute the return on the margin; most venues take the margin at entry, Bitget since 2025-09 that at mark."""
    finite(profit=pnl)
    above_zero(margin=margin)
    return pnl / margin


def roe_linear(*, side: str, entry: float, exit_price: float, leverage: float) -> float:
    """Compute the return on the initial margin of a linear position."""
    above_zero(entry=entry, exit_price=exit_price, leverage=leverage)
    return side_sign(side) * (exit_price - entry) / entry * leverage


def roe_inverse(*, side: str, entry: float, exit_price: float, leverage: float) -> float:
    """Compute the return on the initial margin of an inverse position."""
    above_zero(entry=entry, exit_price=exit_price, leverage=leverage)
    return side_sign(side) * (1.0 / entry - 1.0 / exit_price) * entry * leverage


def breakeven_exact(*, side: str, entry: float, fee_open: float, fee_close: float) -> float:
    """Compute the price at which profit pays both fees, each on its own value."""
    above_zero(entry=entry)
    shares(fee_open=fee_open, fee_close=fee_close)
    sign = side_sign(side)
    return entry * (1.0 + sign * fee_open) / (1.0 - sign * fee_close)


def breakeven_open_fee_only(*, side: str, entry: float, fee: float) -> float:
    """Compute the break-even price as Binance shows it: the opening fee alone."""
    return breakeven_exact(side=side, entry=entry, fee_open=fee, fee_close=0.0)


def breakeven_both_fees_sum(*, side: str, entry: float, fee_open: float, fee_close: float) -> float:
    """Compute the break-even price as Bitget shows it: both fees on the entry."""
    above_zero(entry=entry)
    shares(fee_open=fee_open, fee_close=fee_close)
    return entry * (1.0 + side_sign(side) * (fee_open + fee_close))


# --- how far, how much ------------------------------------------------------------------------------------------


def max_adverse_move(*, side: str, leverage: float, mmr: float, fee: float = 0.0) -> float:
    """Compute how far the price may move against a linear position before liquidation, as a fraction of the entry.

    Maintenance on the value at the liquidation price, no maintenance amount. A 1x long gives 1.0: down to zero.
    """
    above_zero(leverage=leverage)
    shares(mmr=mmr, fee=fee)
    if side_sign(side) > 0:
        return min(1.0, 1.0 - (1.0 - 1.0 / leverage) / (1.0 - mmr - fee))
    return (1.0 + 1.0 / leverage) / (1.0 + mmr + fee) - 1.0


def max_leverage_for_stop(*, side: str, stop_pct: float, mmr: float, fee: float = 0.0) -> float:
    """Compute the highest leverage at which a stop is reached before liquidation; the tier's cap comes on top.

    `stop_pct` is the distance of the stop as a FRACTION of the entry (0.02 = 2 %). Leave room for fees, slippage
    and mark against last price: give a wider distance than the stop's own.
    """
    above_zero(stop_distance=stop_pct)
    shares(mmr=mmr, fee=fee)
    if side_sign(side) > 0:
        if stop_pct >= 1.0:
            raise LiquidationError("the stop of a long lies above zero: its distance is below 1 (100 %)")
        return 1.0 / (1.0 - (1.0 - stop_pct) * (1.0 - mmr - fee))
    return 1.0 / ((1.0 + stop_pct) * (1.0 + mmr + fee) - 1.0)


def margin_for_liq_price(
    *, side: str, entry: float, size: float, target: float, mmr: float, cum: float = 0.0, fee: float = 0.0
) -> float:
    """Compute the margin that puts the liquidation price of a linear position at `target`, in quote currency.

    What to add is this less the margin there is; zero or less means that any margin keeps it further away.
    """
    above_zero(entry=entry, size=size, target=target)
    shares(mmr=mmr, fee=fee)
    finite(cum=cum)
    return size * (side_sign(side) * (entry - target) + target * (mmr + fee)) - cum


def size_from_risk(*, risk: float, entry: float, stop: float) -> float:
    """Compute the quantity in coins that loses `risk` of quote currency between entry and stop, fees left out."""
    above_zero(risk=risk, entry=entry, stop=stop)
    if entry == stop:
        raise LiquidationError("entry and stop are the same price: give a stop away from the entry")
    return risk / abs(entry - stop)


def basis(*, perp: float, spot: float) -> float:
    """Compute how far a future stands above its spot price, as a fraction; a perpetual has no period to annualise."""
    above_zero(perp=perp, spot=spot)
    return perp / spot - 1.0


def basis_annualised(*, perp: float, spot: float, days: float) -> float:
    """Compute the basis of a DATED future per year of 365 days, simple."""
    above_zero(days=days)
    return basis(perp=perp, spot=spot) * DAYS_A_YEAR / days


def liq_distance_pct(*, entry: float, liq: float) -> float:
    """Compute the distance between entry and liquidation in percent of the entry, without a sign."""
    above_zero(entry=entry, liquidation_price=liq)
    return abs(liq - entry) / entry * 100.0


# --- what others print: to explain a difference, never to be given as an answer ---------------------------------


def liq_naive(*, side: str, entry: float, leverage: float) -> float:
    """Compute what calculators without a maintenance rate print: the bankruptcy price."""
    return bankruptcy_linear(side=side, entry=entry, leverage=leverage)


def liq_simple_approx(*, side: str, entry: float, leverage: float, mmr: float) -> float:
    """Compute what most web calculators print: maintenance on the entry value, usually with an assumed 0.5 %."""
    above_zero(entry=entry, leverage=leverage)
    shares(mmr=mmr)
    sign = side_sign(side)
    return entry * (1.0 - sign / leverage + sign * mmr)


def liq_bitget_mark_dependent(*, mark: float, size: float, ratio: float, mmr: float, fee: float) -> float:
    """Compute Bitget's cross price of a long until 2025-09: maintenance at the CURRENT mark, so it moved with it."""
    above_zero(mark=mark, size=size, ratio=ratio)
    shares(mmr=mmr, fee=fee)
    maintenance = (mmr + fee) * mark * size
    return mark - (maintenance / ratio - maintenance) / size
