"""Which move is unusual, and what is told of it as it goes on; the lines are computed by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.burst import (
    FLOORS,
    FORCED,
    Beside,
    Burst,
    Move,
    Past,
    Running,
    UsualHour,
    calm,
    line,
    past,
    step,
    strongest,
    usual_hour,
)
from signals.units import HOUR, HOUR_MS, MINUTE, MINUTE_MS
from tests.examples import examples

KNOWN = UsualHour(0.003, 0.002)


def minutes(prices: list[float]) -> list[tuple[int, float]]:
    return [(i * MINUTE_MS, price) for i, price in enumerate(prices)]


@pytest.mark.parametrize(
    ("window", "usual", "expected"),
    [
        pytest.param(5 * MINUTE, 0.003, 0.02, id="the floor of 5 minutes"),
        pytest.param(HOUR, 0.003, 0.045, id="the floor of an hour"),
        pytest.param(HOUR, 0.01, 0.08, id="8 x 1 %"),
        pytest.param(15 * MINUTE, 0.01, 0.04, id="a quarter of an hour is half of it"),
        pytest.param(15 * MINUTE, math.nan, 0.06, id="twice the floor where nothing is known"),
    ],
)
def test_the_line(window: timedelta, usual: float, expected: float) -> None:
    assert line(window, usual) == pytest.approx(expected)


def test_what_is_usual_is_a_median_of_the_hours_known() -> None:
    values = [100.0 * 1.01 ** (i % 2) for i in range(80)]
    assert usual_hour(values) == pytest.approx(1.4826 * (0.01 + 0.01 / 1.01) / 2, rel=1e-2)
    assert usual_hour([*values, 300.0]) == pytest.approx(usual_hour(values), rel=2e-2)  # a crash does not move it
    assert math.isnan(usual_hour(values[:70]))
    assert math.isnan(usual_hour([math.nan] * 200))


@pytest.mark.parametrize(
    ("prices", "coins", "change", "lasted", "rank"),
    [
        pytest.param([100.0] * 20 + [97.9], [], -0.021, 1, "warning", id="2.1 % in a minute"),
        pytest.param([100.0] * 20 + [98.1], [], -0.019, 1, None, id="1.9 % in a minute"),
        pytest.param([100.0] * 20 + [94.0], [], -0.06, 1, "critical", id="6 % in a minute"),
        pytest.param([100.0] * 20 + [102.5], [], 0.025, 1, "warning", id="a rise"),
        pytest.param([100 - i * 0.1 for i in range(61)], [], -0.06, 57, "warning", id="6 % in an hour"),
        pytest.param([100.0] * 20 + [98.5], [100.0] * 20 + [93.0], -0.015, 1, "warning", id="coins closed too"),
        pytest.param([100.0] * 20 + [98.5], [100.0] * 20 + [107.0], -0.015, 1, None, id="coins opened"),
    ],
)
def test_the_strongest_move(
    prices: list[float], coins: list[float], change: float, lasted: int, rank: str | None
) -> None:
    move = strongest(minutes(prices), Beside(coins=minutes(coins)), KNOWN)
    assert move is not None
    assert move.rank == rank
    assert move.change == pytest.approx(change, abs=0.003)
    assert round((move.ended - move.began) / MINUTE_MS) == lasted


@pytest.mark.parametrize(
    ("beside", "rank"),
    [
        pytest.param(Beside(), None, id="nothing else is known"),
        pytest.param(Beside(liquidated=0.0029), None, id="few liquidations"),
        pytest.param(Beside(liquidated=0.003), "warning", id="0.3 % of the open interest"),
        pytest.param(Beside(bids=minutes([9e6] * 20 + [4e6])), "warning", id="bids that are gone"),
        pytest.param(Beside(bids=minutes([9e6] * 20 + [5e6])), None, id="fewer bids"),
        pytest.param(Beside(asks=minutes([9e6] * 20 + [4e6])), None, id="asks, in a fall"),
        pytest.param(Beside(bids=minutes([9e6, 1e6])), None, id="depth that was hardly ever told"),
    ],
)
def test_what_says_that_a_fall_of_a_half_per_cent_less_is_no_drift(beside: Beside, rank: str | None) -> None:
    move = strongest(minutes([100.0] * 20 + [98.5]), beside, KNOWN)
    assert move is not None
    assert move.rank == rank


def test_coarse_prices_judge_nothing() -> None:
    assert strongest([(0, 100.0), (HOUR_MS, 90.0)], Beside(), KNOWN) is None
    assert strongest([], Beside(), KNOWN) is None


PRICES = st.lists(st.floats(-0.03, 0.03), min_size=2, max_size=90)


@examples(60)
@given(changes=PRICES, scale=st.floats(1e-6, 1e6))
def test_the_unit_of_the_price_does_not_matter(changes: list[float], scale: float) -> None:
    prices = [100.0]
    for change in changes:
        prices.append(prices[-1] * (1 + change))
    one, other = (strongest(minutes([price * by for price in prices]), Beside(), KNOWN) for by in (1.0, scale))
    assert (one is None) == (other is None)
    if one and other:
        assert other.strength == pytest.approx(one.strength, rel=1e-6)


@examples(60)
@given(changes=PRICES)
def test_each_message_goes_half_as_far_again_and_every_move_ends_once(changes: list[float]) -> None:
    prices, running, told = minutes([100.0]), None, []
    for i, change in enumerate([*changes, *[0.0] * 70], start=1):
        prices.append((i * MINUTE_MS, prices[-1][1] * (1 + change)))
        running, kind = step(running, strongest(prices[-61:], Beside(), KNOWN), prices[-1])
        if kind:
            told.append((kind, running))
    for (kind, before), (after_kind, after) in pairwise(told):
        assert (kind == "resolved") == (after_kind == "fired")
        if after_kind == "escalated":
            assert abs(after.told) >= 1.5 * abs(before.told)
            assert after.told * before.told > 0


@examples(40)
@given(steps=st.lists(st.floats(-0.00015, 0.00015), min_size=60, max_size=200))
def test_what_stays_within_the_floors_is_never_told(steps: list[float]) -> None:
    prices = minutes([100.0])
    for i, change in enumerate(steps, start=1):
        prices.append((i * MINUTE_MS, prices[-1][1] * (1 + change)))
        assert step(None, strongest(prices, Beside(), UsualHour()), prices[-1]) == (None, None)


RUNNING = Running(began=0, start=100.0, extreme=95.0, extreme_at=0, told=-0.05)


@pytest.mark.parametrize(
    ("minute", "price", "kind"),
    [
        pytest.param(10, 94.0, None, id="a little deeper"),
        pytest.param(10, 92.4, "escalated", id="half as deep again"),
        pytest.param(59, 95.5, None, id="not an hour yet"),
        pytest.param(60, 95.5, "resolved", id="an hour without a new extreme"),
        pytest.param(3, 100.1, "resolved", id="back where it began"),
        pytest.param(3, 99.0, None, id="nearly back"),
    ],
)
def test_what_follows_a_move(minute: int, price: float, kind: str | None) -> None:
    assert step(RUNNING, None, (minute * MINUTE_MS, price))[1] == kind


def test_a_new_extreme_counts_the_hour_anew() -> None:
    after, _ = step(RUNNING, None, (50 * MINUTE_MS, 94.9))
    assert step(after, None, (70 * MINUTE_MS, 95.2)) == (after, None)
    assert Running.of_values(after.to_values()) == after


def test_wrong_is_two_thirds_of_the_way_back() -> None:
    assert replace(RUNNING, start=80_530.0, told=75_604 / 80_530 - 1).back == pytest.approx(78_888)


def test_what_followed_in_the_past() -> None:
    closes = [100.0] * 800
    closes[100:] = [94.0] * 700
    closes[101] = 95.0  # higher an hour later
    closes[300:] = [94.0 * 0.94] * 500
    closes[500:] = [80.0] * 300
    closes[501:] = [79.0] * 299
    times = [i * HOUR_MS for i in range(800)]
    assert past(times, closes, -0.055) == Past(cases=3, higher=1, days=33)
    assert past(times, closes, 0.055) == Past(cases=0, higher=0, days=33)
    assert past(times[:700], closes[:700], -0.055) is None
    assert past(times, [math.nan] * 800, -0.055) is None


def test_a_stored_move_reads_back_equal() -> None:
    now = datetime(2026, 11, 22, 16, 41, tzinfo=UTC)
    burst = Burst(
        kind="fired", asset="BTC", rank="critical", at=now, since=now - timedelta(minutes=12), start=80_530.0,
        end=75_604.0, back=78_888.0, coins=-0.104, longs_usd=1.0, shorts_usd=2.0, liquidated_since=now,
        past=Past(4, 3, 365), venues=("binance",),
    )  # fmt: skip
    assert Burst.from_json(json.loads(json.dumps(burst.to_json()))) == burst
    assert Burst.from_json({**burst.to_json(), "of a newer version": 1, "past": None}) == replace(burst, past=None)
    assert Move(0, 1, 100.0, 94.0, None, 1.9).rank == "warning"
    assert set(FLOORS) == {5 * MINUTE, 15 * MINUTE, HOUR}


@given(
    st.lists(st.floats(-0.02, 0.02), min_size=2, max_size=80),
    st.floats(0, 0.01) | st.just(math.nan),
    st.lists(st.floats(-0.1, 0.1), max_size=80),
    st.floats(0, 1),
)
@examples(200)
def test_where_all_is_calm_no_window_holds_a_move(
    changes: list[float], usual: float, coins: list[float], liquidated: float
) -> None:
    prices, open_coins = [100.0], [100.0]
    for change in changes:
        prices.append(prices[-1] * (1 + change))
    for change in coins:
        open_coins.append(open_coins[-1] * (1 + change))
    known = UsualHour(usual, usual)
    if calm(prices, known):
        move = strongest(minutes(prices), Beside(minutes(open_coins), liquidated=liquidated), known)
        assert move is None or (move.strength < 1 and move.rank is None)
        alone = strongest(minutes(prices), Beside(), known)
        assert alone is None or alone.strength * FORCED < 1


@pytest.mark.parametrize(
    ("prices", "usual", "expected"),
    [
        pytest.param([100.0, 101.0, 100.0], math.nan, True, id="within two thirds of twice the floor of five minutes"),
        pytest.param([100.0, 97.0, 100.0], math.nan, False, id="3 % above its lowest"),
        pytest.param([100.0, 103.0, 100.0], math.nan, False, id="3 % below its highest"),
        pytest.param([100.0, 98.7], 0.0, True, id="1.3 % against a floor of 2 %"),
        pytest.param([100.0, 98.6], 0.0, False, id="1.4 % against a floor of 2 %"),
        pytest.param([0.0, 100.0], 0.0, False, id="zero is no price"),
    ],
)
def test_what_is_calm_at_a_glance(prices: list[float], usual: float, *, expected: bool) -> None:
    assert calm(prices, UsualHour(usual, usual)) is expected
