"""Funding: what a held position pays or receives, and how a rate is told per year.

A long pays when the rate is above zero. Rates are fractions per settlement, times are aware datetimes.
Source: exchange pages on funding as collected on 2026-11-22.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.liquidation.calculators import above_zero, finite
from signals.liquidation.condition import side_sign
from signals.liquidation.errors import LiquidationError
from signals.units import HOURS_A_YEAR

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


@dataclass(frozen=True, slots=True)
class Settlement:
    """One funding settlement as it happened: when, mark price (Hyperliquid: oracle price) and rate."""

    at: dt.datetime
    mark: float
    rate: float


@dataclass(frozen=True, slots=True)
class FundingCost:
    """What holding costs at one rate: settlements counted, cash flow (below zero: paid), share of the margin.

    `margin_share` has the sign of the cash flow; None where no leverage was given.
    """

    settlements: int
    cash_flow: float
    margin_share: float | None


def inside(settlements: Iterable[Settlement], opened: dt.datetime, closed: dt.datetime) -> tuple[Settlement, ...]:
    """Keep the settlements of a holding time, both ends included: who is in at the second, pays."""
    _check_times(opened, closed)
    return tuple(settlement for settlement in settlements if opened <= settlement.at <= closed)


def settlements_between(opened: dt.datetime, closed: dt.datetime, interval_h: float) -> int:
    """Count the settlements of a regular interval inside [opened, closed], counted from midnight UTC.

    A position closed a second before a settlement does not pay it, nor one opened a second after it. Exchanges
    shorten the interval under stress: where recorded settlements exist use `inside`.
    """
    _check_times(opened, closed)
    above_zero(interval=interval_h)
    step = dt.timedelta(hours=interval_h)
    first = -((_EPOCH - opened) // step)  # the ceiling: whole numbers only, no rounding of seconds
    return (closed - _EPOCH) // step - first + 1


def funding_cost(
    *, side: str, notional: float, rate: float, settlements: int, leverage: float | None = None
) -> FundingCost:
    """Compute what holding through a number of settlements costs if the rate stays as it is.

    Notional at MARK; of an inverse contract in coin, size / mark.
    """
    above_zero(notional=notional)
    finite(rate=rate)
    if settlements < 0:
        raise LiquidationError(f"settlements cannot be fewer than none, not {settlements}")
    cash_flow = -side_sign(side) * notional * rate * settlements
    if leverage is None:
        return FundingCost(settlements, cash_flow, None)
    above_zero(leverage=leverage)
    return FundingCost(settlements, cash_flow, cash_flow / notional * leverage)


def funding_apr(*, rate: float, interval_h: float) -> float:
    """Compute the rate per year without compounding, the convention of the market (8,760 hours)."""
    finite(rate=rate)
    above_zero(interval=interval_h)
    return rate * HOURS_A_YEAR / interval_h


# --- what it has cost: cases from the past ----------------------------------------------------------------------------

MONTH_H, YEAR_H = 720, 8_760
_FULL = 2 / 3  # of a month must be known, else its mean says little
_USUAL_H = 8.0
_SAME = 1e-12  # an hour: sums of thousands of rates differ in their last digits


@dataclass(frozen=True, slots=True)
class PastRate:
    """A funding rate as it was: the hour it belongs to (hours since 1970), per settlement, hours between settlements.

    `interval_h` None: not recorded; the gap to the rate before it is taken, 8 h at most.
    """

    hour: int
    rate: float
    interval_h: float | None


@dataclass(frozen=True, slots=True)
class RateCases:
    """What funding has been, per HOUR and as a fraction, so that changed intervals compare.

    `average`: mean of the last 30 days. `highest`, `lowest`: the highest and the lowest mean of any 30 days that lie
    wholly in the last year, with the hour their window ends. None: less than two thirds of a month is known.
    `days` is how many days of the last year are known at all.
    """

    average: float | None
    highest: float | None
    highest_until: int | None
    lowest: float | None
    lowest_until: int | None
    days: float


def rate_cases(past: Sequence[PastRate], now_hour: int) -> RateCases:
    """Compute the mean funding of the last 30 days and the dearest and cheapest 30 days of the last year.

    `past` ascending in time; each rate holds from its hour until the next, for one interval at most, so that live
    readings and settled rates, dense and thin stretches weigh by time and not by count. NaN is left out. The mean of
    30 days was chosen over the worst 5 % of settlements because nobody holds through those alone.
    """
    first = now_hour - YEAR_H + 1
    hourly = _per_hour(past, first, now_hour)
    total, known = [0.0], [0]
    for rate in hourly:
        total.append(total[-1] + (rate or 0.0))
        known.append(known[-1] + (rate is not None))
    average: float | None = None
    highest: tuple[float, int, int] | None = None  # mean, hours known, hour of the end
    lowest: tuple[float, int, int] | None = None
    for end in range(MONTH_H, len(hourly) + 1):
        count = known[end] - known[end - MONTH_H]
        if count < _FULL * MONTH_H:
            continue
        mean = (total[end] - total[end - MONTH_H]) / count
        hour = first + end - 1
        if highest is None or mean > highest[0] + _SAME or _fuller(mean, count, highest):
            highest = (mean, count, hour)
        if lowest is None or mean < lowest[0] - _SAME or _fuller(mean, count, lowest):
            lowest = (mean, count, hour)
        if end == len(hourly):
            average = mean
    high, _, high_until = highest or (None, 0, None)
    low, _, low_until = lowest or (None, 0, None)
    return RateCases(average, high, high_until, low, low_until, known[-1] / 24)


def _fuller(mean: float, count: int, than: tuple[float, int, int]) -> bool:
    """Tell whether a window of the same mean is known better than the best so far."""
    return abs(mean - than[0]) <= _SAME and count > than[1]


def _per_hour(past: Sequence[PastRate], first: int, last: int) -> list[float | None]:
    """Spread the rates over the hours of [first, last]; None where none was in force."""
    hourly: list[float | None] = [None] * (last - first + 1)
    before: int | None = None
    for number, known in enumerate(past):
        gap = _USUAL_H if before is None else float(known.hour - before)
        before = known.hour
        interval = known.interval_h or min(max(gap, 1.0), _USUAL_H)
        if not (interval > 0.0 and abs(known.rate) < float("inf")):
            continue
        until = past[number + 1].hour if number + 1 < len(past) else last + 1
        until = min(until, known.hour + max(1, round(interval)), last + 1)
        for hour in range(max(known.hour, first), until):
            hourly[hour - first] = known.rate / interval
    return hourly


def _check_times(opened: dt.datetime, closed: dt.datetime) -> None:
    if opened.tzinfo is None or closed.tzinfo is None:
        raise LiquidationError("opening and closing time need a time zone (UTC)")
    if closed < opened:
        raise LiquidationError(f"a position closes after it was opened: {closed} lies before {opened}")
