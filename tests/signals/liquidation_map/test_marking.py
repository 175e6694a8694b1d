"""Homework where the answer is known by construction."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.liquidation_map import Homework, MarkedDay, PriceBins, mark_homework
from signals.liquidation_map.marking import laid_out, marks
from tests.examples import examples

EDGES = 100 * np.exp(np.arange(-20, 21) * 0.005)  # forty bins of half a percent around a price of 100
NONE = np.zeros(40)
FALLS, RISES = np.full(30, 0.06), np.full(30, 0.06)  # each of the days before went 6 % both ways


def book(longs: dict[int, float], shorts: dict[int, float] | None = None) -> PriceBins:
    """Return a map with dollars in some bins; bin 0 is the lowest, price stands between 19 and 20."""
    sides = [NONE.copy(), NONE.copy()]
    for side, of in zip(sides, (longs, shorts or {}), strict=True):
        for number, usd in of.items():
            side[number] = usd
    return PriceBins(100.0, EDGES, *sides)


def day(was: PriceBins | None, *bars: tuple[float, float, float, float, float]) -> MarkedDay:
    """Return a day of bars: open, low, high, longs and shorts that were liquidated."""
    return MarkedDay(was, FALLS, RISES, *(np.array(column) for column in zip(*bars, strict=True)))


def crash(longs: float, *, at: int) -> tuple[float, float, float, float, float]:
    """Return a bar that falls through one bin and forces longs out there."""
    return float(EDGES[at + 1]), float(EDGES[at]), float(EDGES[at + 1]), longs, 0.0


def test_a_map_that_holds_the_truth_is_better() -> None:
    """All longs sit at −5 %. Price walks down calmly, and they go where they are."""
    was = book({10: 5e6})
    calm = [crash(0.0, at=number) for number in range(19, 10, -1)]
    found = mark_homework([day(was, *calm, crash(5e6, at=10))] * 6)
    assert found is not None
    assert (found.days, found.usd, found.won, found.lost) == (6, 30e6, 6, 0)
    assert (found.hit, found.near) == pytest.approx((1.0, 0.0))
    assert found.better


def test_a_map_that_marks_elsewhere_is_not() -> None:
    """The same day; the map believed in −3 %."""
    calm = [crash(0.0, at=number) for number in range(19, 10, -1)]
    found = mark_homework([day(book({14: 5e6}), *calm, crash(5e6, at=10))] * 6)
    assert found is not None
    assert (found.hit, found.near) == pytest.approx((0.0, 0.0))
    assert not found.better


def test_a_map_of_distance_is_as_good_as_distance() -> None:
    """Dollars that thin out with distance mark the bins nearest to price: no more is known than from the price."""
    was = book({19 - n: 1e6 / (n + 1) for n in range(12)}, {20 + n: 1e6 / (n + 1) for n in range(12)})
    marked, nearest = marks(was, FALLS, RISES)
    assert (marked == nearest).all()
    found = mark_homework([day(was, crash(2e6, at=19), crash(1e6, at=12))] * 6)
    assert found is not None
    assert found.hit == found.near
    assert not found.better


def test_marks_are_the_fewest_bins_with_half_of_the_dollars() -> None:
    marked, nearest = marks(book({15: 40.0, 12: 25.0, 10: 20.0}, {25: 15.0}), FALLS, RISES)
    assert np.flatnonzero(marked).tolist() == [12, 15]
    assert np.flatnonzero(nearest).tolist() == [19, 20]


def test_dollars_count_by_how_often_a_day_comes_that_far() -> None:
    """−9 % was never reached and −5 % on one day in three: 100 far dollars are less than 10 near ones."""
    falls = np.array([0.01, 0.02, 0.055, np.nan])
    was = book({1: 1000.0, 10: 100.0, 18: 50.0})
    marked, _ = marks(was, falls, RISES)
    assert np.flatnonzero(marked).tolist() == [18]
    assert not marks(was, np.full(3, np.nan), RISES)[0].any(), "without a day before nothing is marked"


def test_what_was_not_heard_and_what_had_no_map_is_left_out() -> None:
    was = book({19: 1e6})
    bar = crash(1e6, at=19)
    unheard = (*bar[:3], math.nan, math.nan)
    assert mark_homework([day(None, bar)]) is None
    assert mark_homework([day(was, unheard)]) is None
    assert mark_homework([day(book({}), bar)]) is None
    found = mark_homework([day(was, bar, unheard), day(None, bar)])
    assert found is not None
    assert (found.days, found.usd) == (1, 1e6)
    assert found.hit == pytest.approx(1.0)
    assert not found.enough


def test_dollars_beyond_the_map_count_as_missed() -> None:
    found = mark_homework([day(book({19: 1e6}), crash(1e6, at=19), (100.0, 50.0, 100.0, 1e6, 0.0))])
    assert found is not None
    assert found.hit == pytest.approx(0.5, abs=0.01)


def test_better_on_fewer_days_is_not_better() -> None:
    """One large day must not carry the rest."""
    assert not Homework(10, 1e9, 0.6, 0.5, won=2, lost=8).better
    assert not Homework(4, 1e9, 0.6, 0.5, won=4, lost=0).better, "four days say nothing"
    assert Homework(10, 1e9, 0.6, 0.5, won=8, lost=2).better


@examples(50)
@given(
    low=st.floats(92.0, 99.9), width=st.floats(0.0, 6.0), usd=st.floats(0.0, 1e9), more=st.sampled_from([math.nan, 7.0])
)
def test_dollars_laid_out_are_all_there(low: float, width: float, usd: float, more: float) -> None:
    laid = laid_out(EDGES, np.array([low, 95.0]), np.array([low + width, 95.0]), np.array([usd, more]))
    assert laid.sum() == pytest.approx(usd + (0.0 if math.isnan(more) else more), rel=1e-6, abs=1e-6)
    assert (laid >= 0).all()
    outside = (EDGES[1:] < low) | (EDGES[:-1] > low + width)
    assert laid[outside].sum() <= 7.0 + 1e-9
