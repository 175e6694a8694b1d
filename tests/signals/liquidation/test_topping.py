"""Margin for a wanted price, how near in past days, what funding has been, and tables from outside the package."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signals.liquidation import LiquidationError, NoTierTable, Position, Shelf, margin_for, quote, tiers
from signals.liquidation.funding import HOURS_A_YEAR, MONTH_H, PastRate, rate_cases
from signals.liquidation.nearness import Day, days_that_far
from signals.liquidation.tables import symbols
from tests.examples import examples

MARKETS = [
    ("binance", "linear"),
    ("binance_coinm", "inverse"),
    ("bybit", "linear"),
    ("bybit", "inverse"),
    ("okx", "linear"),
    ("hyperliquid", "linear"),
    ("deribit", "linear"),
    ("deribit", "inverse"),
    ("gate", "linear"),
    ("bitget", "linear"),
    ("kucoin", "linear"),
]


@pytest.mark.parametrize("market", MARKETS, ids="-".join)
@examples(40)
@given(
    side=st.sampled_from(["long", "short"]),
    usd=st.floats(100.0, 2e6),
    leverage=st.floats(2.0, 20.0),
    away=st.floats(0.001, 0.6),
)
def test_with_the_margin_that_is_needed_the_price_is_the_wanted_one(market, side, usd, leverage, away):
    venue, contract = market
    said = Position(venue=venue, contract=contract, side=side, entry=95_000, leverage=leverage, size_usd=usd)
    target = 95_000 * (1 - away if side == "long" else 1 + away)
    try:
        need = margin_for(said, target)
    except LiquidationError:  # above the cap or the known tiers
        assume(False)
    assume(need.needed > 0)
    assert need.add == pytest.approx(need.needed - need.there, rel=1e-9, abs=1e-9)
    found = quote(replace(said, leverage=None, margin=need.needed)).price
    assert found == pytest.approx(target, rel=1e-9)


@pytest.mark.parametrize(
    ("more", "target", "says"),
    [
        pytest.param({}, 96_000, "a long lies below its entry", id="wrong side"),
        pytest.param({}, 95_000, "a long lies below its entry", id="at the entry"),
        pytest.param({}, math.nan, "wanted price", id="nan"),
        pytest.param({}, 0.0, "wanted price", id="zero"),
        pytest.param({"size_usd": None}, 90_000, "depends on the size", id="no size"),
        pytest.param({"leverage": 200.0}, 90_000, "at most 150x", id="above the cap"),
    ],
)
def test_a_wanted_price_that_cannot_be(more, target, says):
    said = Position(venue="binance", side="long", entry=95_000, leverage=25, size_usd=1e4)
    with pytest.raises(LiquidationError, match=says):
        margin_for(replace(said, **more), target)


# --- how near ---------------------------------------------------------------------------------------------------------

DAYS = (Day(100, 101, 96), Day(100, 104, 99), Day(200, 201, 192.8), Day(100, math.nan, math.nan), Day(0, 1, 1))


@pytest.mark.parametrize(
    ("side", "distance", "hits"),
    [
        ("long", 0.0359, 2),
        ("long", 0.0361, 1),
        ("long", 0.04, 1),
        ("long", 0.05, 0),
        ("short", 0.0399, 1),
        ("short", 0.0099, 2),
    ],
)
def test_days_that_moved_as_far(side, distance, hits):
    found = days_that_far(DAYS, side=side, distance=distance)
    assert (found.hits, found.days) == (hits, 3)
    assert found.share == pytest.approx(hits / 3)


def test_no_days_have_no_share():
    assert math.isnan(days_that_far((), side="long", distance=0.1).share)
    with pytest.raises(LiquidationError, match="above zero"):
        days_that_far(DAYS, side="long", distance=0.0)


# --- what funding has been --------------------------------------------------------------------------------------------

NOW = 500_000


def settled(*stretches):
    """(days ago it began, days ago it ended, rate, interval): settlements in ascending order."""
    hours = [
        PastRate(NOW - hour, rate, interval)
        for begun, ended, rate, interval in stretches
        for hour in range(begun * 24, ended * 24, -interval)
    ]
    return sorted(hours, key=lambda each: each.hour)


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
    past = [PastRate(each.hour, each.rate, None) for each in settled((40, 0, 0.0001, 4))]
    assert rate_cases(past, NOW).average == pytest.approx(0.0001 / 4)


def test_nothing_known_is_nothing_said():
    assert rate_cases([], NOW).average is None
    assert MONTH_H == 30 * 24


# --- tables from outside ----------------------------------------------------------------------------------------------


def shelf(**lines):
    texts = {
        f"{name.replace('_', '-')}.csv": "".join(
            f"# {key}: {value}\n"
            for key, value in zip(
                ("venue", "contract", "as_of", "unit", "source"),
                (*name.split("_", 2)[:2], name.split("_", 2)[2].replace("_", "-"), "quote", "a test"),
                strict=True,
            )
        )
        + line
        + "\n"
        for name, line in lines.items()
    }
    return Shelf("here", tuple(sorted(texts)), (0,) * len(texts), texts.__getitem__)


def test_the_newer_table_wins_wherever_it_stands():
    newer = shelf(binance_linear_2026_10_05="BTC,USDT,,0.01:0:50:1000")
    older = shelf(binance_linear_2025_10_05="BTC,USDT,,0.01:0:50:1000")
    same = shelf(binance_linear_2026_09_29="BTC,USDT,,0.01:0:50:1000")
    assert tiers("binance", "linear", "BTC", shelf=newer).tiers[0].rate == 0.01
    assert tiers("binance", "linear", "BTC", shelf=older).tiers[0].rate == 0.004
    assert tiers("binance", "linear", "BTC", shelf=same).tiers[0].rate == 0.01
    day = dt.date(2026, 9, 30)
    assert tiers("binance", "linear", "BTC", on=day, shelf=newer).tiers[0].rate == 0.004
    assert tiers("binance", "linear", "BTC", on=dt.date(2025, 12, 1), shelf=older).tiers[0].rate == 0.01
    assert tiers("binance", "linear", "ETH", shelf=newer).as_of == dt.date(2026, 9, 29)
    assert symbols("binance", "linear", shelf=newer) == (("BTC", "USDT"),)


def test_a_newer_table_of_another_quote_hides_nothing():
    usdc = shelf(binance_linear_2026_10_05="BTC,USDC,,0.01:0:50:1000")
    assert tiers("binance", "linear", "BTC", shelf=usdc).quote == "USDT"
    assert tiers("binance", "linear", "BTC", "USDC", shelf=usdc).as_of == dt.date(2026, 10, 5)


def test_checked_is_the_last_look():
    seen = tiers("gate", "linear", "SOL", shelf=shelf(gate_linear_2026_12_01="SOL,USDT,checked=2026-12-09,0.01:0:50:9"))
    assert (seen.as_of, seen.checked) == (dt.date(2026, 12, 1), dt.date(2026, 12, 9))
    assert tiers("binance", "linear", "BTC").checked == dt.date(2026, 9, 29)
    with pytest.raises(NoTierTable):
        tiers("gate", "linear", "SOL")
