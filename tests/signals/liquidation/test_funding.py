"""Settlements are counted by the second; the rest of the companions where the shared cases say nothing."""

from __future__ import annotations

import datetime as dt

import pytest

from signals.liquidation import LiquidationError, calculators, liquidation_price
from signals.liquidation.funding import (
    Settlement,
    funding_cost,
    funding_payment,
    inside,
    settlement_times,
    settlements_between,
)

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
    times = settlement_times(opened, closed, hours)
    assert len(times) == count
    assert all(opened <= at <= closed and at.hour % hours == 0 and at.minute == 0 for at in times)


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
        (lambda: funding_payment(notional=1, rate=float("nan")), "rate must be a finite number"),
        (lambda: funding_payment(notional=1, rate=0.1, n=-1), "fewer than none"),
        (lambda: calculators.size_from_risk(risk=1, entry=5, stop=5), "a stop away from the entry"),
        (lambda: calculators.max_leverage_for_stop(side="long", stop_pct=1.0, mmr=0.004), "lies above zero"),
        (lambda: calculators.basis(perp=1, spot=0), "spot must be a number above zero"),
        (lambda: calculators.pnl_linear(side="l", entry=1, exit_price=1, size=1), "long or short"),
        (lambda: calculators.roe(pnl=1, margin=-1), "margin must be a number above zero"),
        (lambda: calculators.max_adverse_move(side="long", leverage=2, mmr=40), "mmr is a fraction"),
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


@pytest.mark.parametrize("side", ["long", "short"])
def test_stop_leverage_and_adverse_move_are_one_thing(side):
    leverage = calculators.max_leverage_for_stop(side=side, stop_pct=0.02, mmr=0.004, fee=0.0005)
    assert calculators.max_adverse_move(side=side, leverage=leverage, mmr=0.004, fee=0.0005) == pytest.approx(0.02)


@pytest.mark.parametrize(("side", "target"), [("long", 80_000.0), ("short", 110_000.0)])
def test_margin_for_a_price_gives_that_price(side, target):
    rates = {"mmr": 0.005, "fee": 0.0005}
    margin = calculators.margin_for_liq_price(side=side, entry=95_000, size=4, target=target, cum=300, **rates)
    found = liquidation_price(
        venue="okx",
        contract="linear",
        side=side,
        entry=95_000,
        size=4,
        margin=margin,
        mmr=0.005,
        maintenance_amount=300,
        fee_rate=0.0005,
    )
    assert found == pytest.approx(target)


def test_breakeven_exact_really_breaks_even():
    price = calculators.breakeven_exact(side="short", entry=95_000, fee_open=0.0005, fee_close=0.0002)
    profit = calculators.pnl_linear(side="short", entry=95_000, exit_price=price, size=2)
    assert profit == pytest.approx(2 * (95_000 * 0.0005 + price * 0.0002))


def test_bankruptcy_where_there_is_none():
    said = {"entry": 100.0, "size": 1.0, "margin": 150.0}
    assert calculators.bankruptcy(contract="linear", side="long", **said) is None
    assert calculators.bankruptcy(contract="linear", side="short", **said) == 250
    assert calculators.bankruptcy_inverse(side="short", entry=100, leverage=1) is None


def test_a_long_at_one_times_may_fall_to_zero():
    assert calculators.max_adverse_move(side="long", leverage=1, mmr=0.004) == 1
