"""Settlements are counted by the second, and what funding has been is a matter of time and not of count."""

from __future__ import annotations

import datetime as dt
import math

import pytest

from signals.liquidation import LiquidationError
from signals.liquidation.funding import (
    MONTH_H,
    PastRate,
    Settlement,
    funding_cost,
    inside,
    rate_cases,
    settlements_between,
)
from signals.units import HOURS_A_YEAR

MIDNIGHT = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)


def after(**passed: float) -> dt.datetime:
    return MIDNIGHT + dt.timedelta(**passed)


@pytest.mark.parametrize(
    ("opened", "closed", "hours", "count"),
    [
        pytest.param(after(), after(hours=8), 8, 2, id="both-ends-count"),
        pytest.param(after(), after(hours=8, seconds=-1), 8, 1, id="a-second-before-does-not-pay"),
        pytest.param(after(seconds=15), after(hours=8), 8, 1, id="opened-after-does-not-pay"),
        pytest.param(after(seconds=30), after(days=7, seconds=30), 8, 21, id="a-week"),
        pytest.param(after(seconds=30), after(days=7, seconds=30), 4, 42, id="a-week-of-four-hours"),
        pytest.param(after(seconds=30), after(days=7, seconds=30), 1, 168, id="a-week-of-hours"),
        pytest.param(after(hours=1), after(hours=7), 8, 0, id="between-two"),
        pytest.param(after(), after(), 8, 1, id="one-instant"),
        pytest.param(after(hours=1), after(hours=1), 8, 0, id="one-instant-between"),
        pytest.param(dt.datetime(1969, 12, 31, tzinfo=dt.UTC), dt.datetime(1970, 1, 1, tzinfo=dt.UTC), 8, 4, id="1969"),
    ],
)
def test_settlements(opened, closed, hours, count):
    assert settlements_between(opened, closed, hours) == count


def test_settlements_in_another_time_zone():
    east = dt.timezone(dt.timedelta(hours=5, minutes=30))
    opened = after(seconds=30).astimezone(east)
    assert settlements_between(opened, opened + dt.timedelta(days=7), 8) == 21


def test_recorded_settlements_inside():
    held = [Settlement(after(hours=h), 2.77, -8e-06) for h in (0, 1, 4, 8)]
    assert inside(held, after(seconds=1), after(hours=4)) == tuple(held[1:3])


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: settlements_between(after(hours=1), after(), 8), "closes after it was opened"),
        (lambda: settlements_between(after().replace(tzinfo=None), after(), 8), "need a time zone"),
        (lambda: settlements_between(after(), after(), 0), "interval must be a number above zero"),
        (lambda: funding_cost(side="long", notional=1, rate=math.nan, settlements=1), "rate must be a finite number"),
        (lambda: funding_cost(side="long", notional=1, rate=0.1, settlements=-1), "fewer than none"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_nonsense_is_a_sentence(ask, says):
    with pytest.raises(LiquidationError, match=says):
        ask()


def test_a_short_receives_what_a_long_pays():
    long, short = (funding_cost(side=s, notional=10_000, rate=0.0001, settlements=3) for s in ("long", "short"))
    assert (long.cash_flow, short.cash_flow) == (pytest.approx(-3), pytest.approx(3))
    assert long.margin_share is None


# --- what funding has been --------------------------------------------------------------------------------------------

NOW = 500_000


def settled(*stretches):
    """(days ago it began, days ago it ended, rate, interval): settlements in ascending order."""
    hours = [
        PastRate(NOW - hour, rate, interval)
        for begun, ended, rate, interval in stretches
        for hour in range(begun * 24, ended * 24, -interval)
    ]
    return sorted(hours, key=lambda rate: rate.hour)


def yearly(rate):
    return rate * HOURS_A_YEAR


def test_a_shorter_interval_costs_more_a_year():
    of_eight, of_one = (rate_cases(settled((60, 0, 0.0001, hours)), NOW).average for hours in (8, 1))
    assert (yearly(of_eight), yearly(of_one)) == (pytest.approx(0.1095), pytest.approx(0.876))


def test_the_dearest_month_is_a_whole_month_of_the_last_year():
    past = settled((400, 370, 0.01, 8), (300, 270, 0.0005, 8), (100, 70, -0.0003, 8), (70, 0, 0.0001, 8))
    cases = rate_cases(past, NOW)
    assert cases.highest == pytest.approx(0.0005 / 8)
    assert cases.highest_until == pytest.approx(NOW - 270 * 24, abs=8 * 24)
    assert cases.lowest == pytest.approx(-0.0003 / 8)
    assert cases.average == pytest.approx(0.0001 / 8)
    assert cases.days == pytest.approx(130, abs=1)


@pytest.mark.parametrize(("days", "known"), [(19, False), (21, True)])
def test_a_month_is_known_from_two_thirds_on(days, known):
    assert (rate_cases(settled((days, 0, 0.0001, 8)), NOW).average is not None) == known


def test_gaps_are_left_out_and_nan_is_no_rate():
    past = settled((31, 20, 0.0001, 8), (11, 0, 0.0003, 8))
    past += [PastRate(NOW, math.nan, 8.0)]
    cases = rate_cases(past, NOW)
    assert cases.average == pytest.approx((0.0001 * 10 + 0.0003 * 11) / 21 / 8, rel=0.02)


def test_an_interval_that_was_not_recorded_is_the_gap():
    past = [PastRate(rate.hour, rate.rate, None) for rate in settled((40, 0, 0.0001, 4))]
    assert rate_cases(past, NOW).average == pytest.approx(0.0001 / 4)


def test_nothing_known_is_nothing_said():
    assert rate_cases([], NOW).average is None
    assert MONTH_H == 30 * 24
