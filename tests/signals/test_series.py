from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.series import Panel, Series, days, hours
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

NAN = math.nan
STEP = hours(1)

OPERATORS: dict[str, Callable[[Series, Series], Series]] = {
    "add": lambda a, b: 1 + (a + b) + 2,
    "subtract": lambda a, b: 1 - (a - b) - 2,
    "multiply": lambda a, b: 2 * (a * b) * 3,
    "divide": lambda a, b: 1 / (a / b) / 4,
    "negate": lambda a, _: -a,
    "compare": lambda a, b: (a < b) + 2 * (a <= b) + 4 * (a > 1) + 8 * (a >= 1),
    "both": lambda a, b: (a > 0).both(b > 0),
    "where": lambda a, b: a.where(a > b, b),
    "log": lambda a, _: a.log(),
    "abs": lambda a, _: a.abs(),
    "sign": lambda a, _: a.sign(),
    "lag": lambda a, _: a.lag(hours(3)),
    "change": lambda a, _: a.change(hours(2)),
    "mean": lambda a, _: a.mean(hours(6)),
    "mean of a whole window": lambda a, _: a.mean(hours(4), least=hours(4)),
    "total": lambda a, _: a.total(hours(3)),
    "max": lambda a, _: a.max(hours(6)),
    "max of little": lambda a, _: a.max(hours(6), least=hours(2)),
    "min": lambda a, _: a.min(hours(6)),
    "median": lambda a, _: a.median(hours(6)),
    "since as high": lambda a, _: a.since_as_high(hours(6)),
    "since as high, of two rows": lambda a, _: a.since_as_high(hours(2)),
    "percentile": lambda a, _: a.percentile(hours(6)),
    "percentile, ties split": lambda a, _: a.percentile(hours(6), split_ties=True),
    "zscore": lambda a, _: a.zscore(hours(6)),
    "deviation": lambda a, _: a.deviation(hours(6)),
    "since max": lambda a, _: a.since_max(hours(6)),
    "since max of little": lambda a, _: a.since_max(hours(6), least=hours(1)),
    "at max of": lambda a, b: b.at_max_of(a, hours(6), least=hours(2)),
    "streak": lambda a, _: (a > 0).streak(hours(5)),
    "known": lambda a, _: a.known(hours(4)),
    "chain": lambda a, b: ((a.mean(hours(4)) / b).log().change(hours(2)).zscore(hours(6)) < 0).streak(hours(4)),
    "window below a step": lambda a, _: a.mean(hours(0.5)),
}

# Few different values, so that ties, zeros and constant windows are common; gaps; both signs. Not 1e6 beside 1e0:
# pandas' rolling variance keeps some 1e-16 of the square of whatever has passed through the window (see _roll).
_CELL = st.one_of(
    st.sampled_from([NAN, 0.0, 1.0, -1.0, 2.0, 500.0]),
    st.integers(min_value=-4000, max_value=4000).map(lambda number: number / 8),
)
_TWO = st.integers(min_value=1, max_value=20).flatmap(
    lambda rows: st.lists(st.tuples(_CELL, _CELL, _CELL, _CELL), min_size=rows, max_size=rows)
)


def panel(first: list[list[float]], second: list[list[float]] | None = None) -> Panel:
    at = pd.date_range("2026-01-01", periods=len(first), freq=STEP, tz="UTC")
    values = {"a": np.array(first, dtype=float), "b": np.array(first if second is None else second, dtype=float)}
    return Panel(STEP, at, tuple(f"X{i}" for i in range(len(first[0]))), values)


def column(*values: float) -> Panel:
    return panel([[value] for value in values])


def whole(of: Panel, how: Callable[[Series, Series], Series]) -> NDArray[np.float64]:
    return how(of["a"], of["b"]).last(len(of))


def last(of: Panel, how: Callable[[Series], Series]) -> float:
    newest = float(how(of["a"]).last(1)[0, 0])
    history = float(how(of["a"]).last(max(len(of), 9))[-1, 0])
    assert newest == pytest.approx(history, nan_ok=True)
    return newest


@pytest.mark.parametrize("name", OPERATORS)
@examples(30)
@given(rows=_TWO)
def test_newest_row_equals_whole_history_and_no_row_knows_the_future(name: str, rows: list[tuple[float, ...]]) -> None:
    of = panel([[row[0], row[1]] for row in rows], [[row[2], row[3]] for row in rows])
    history = whole(of, OPERATORS[name])
    assert history.shape == (len(of), 2)
    for row in range(len(of)):
        as_it_was = of.until(row)
        newest = OPERATORS[name](as_it_was["a"], as_it_was["b"]).last(1)
        np.testing.assert_allclose(newest[0], history[row], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", OPERATORS)
def test_asking_for_more_rows_later_changes_nothing(name: str) -> None:
    noise = np.random.default_rng(7).normal(size=(60, 3))
    of = panel(noise.tolist())
    series = OPERATORS[name](of["a"], of["b"])
    few, many = series.last(2).copy(), series.last(40)
    np.testing.assert_allclose(few, many[-2:], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("values", "how", "expected"),
    [
        pytest.param((1, 2, 3, 9), lambda a: a.zscore(hours(3)), (9 - 2) / 1.0, id="z leaves now out, sd has n-1"),
        pytest.param((5, 5, 5, 9), lambda a: a.zscore(hours(3)), NAN, id="no z where nothing moved"),
        pytest.param((0.1 + 0.2, 0.3, 0.3, 9), lambda a: a.zscore(hours(3)), NAN, id="rounding is no movement"),
        pytest.param((NAN, NAN, 3, 9), lambda a: a.zscore(hours(3)), NAN, id="no z of a third of the window"),
        pytest.param((1, NAN, 3, 9), lambda a: a.zscore(hours(3)), (9 - 2) / math.sqrt(2), id="z of two thirds"),
        pytest.param((1, 2, 3, NAN), lambda a: a.mean(hours(3)), 2.5, id="mean of two thirds"),
        pytest.param((1, 2, NAN, NAN), lambda a: a.mean(hours(3)), NAN, id="no mean of one third"),
        pytest.param((1, 2, NAN), lambda a: a.mean(hours(3), least=hours(3)), NAN, id="mean of the whole or none"),
        pytest.param((1, 2, NAN), lambda a: a.total(hours(3)), NAN, id="a part of a flow is not the flow"),
        pytest.param((9, 1, 2), lambda a: a.median(hours(3)), 2, id="median"),
        pytest.param((9, NAN, 2), lambda a: a.median(hours(3)), 5.5, id="median of two thirds"),
        pytest.param((NAN, NAN, 2), lambda a: a.median(hours(3)), NAN, id="no median of one third"),
        pytest.param((7, 1), lambda a: a.max(hours(9)), NAN, id="no maximum of two ninths"),
        pytest.param((7, 1), lambda a: a.max(hours(9), least=hours(2)), 7, id="but of as much as asked for"),
        pytest.param((7, NAN), lambda a: a.max(hours(9), least=hours(2)), NAN, id="unknown points do not count"),
        pytest.param((7, 7, 1), lambda a: a.since_max(hours(3)), 1, id="the latest of equal peaks"),
        pytest.param((1, 9, 3, 5), lambda a: a.median(hours(4)), 4, id="the median of four"),
        pytest.param((NAN, 9, 3, 5), lambda a: a.median(hours(4)), 5, id="and of three of four"),
        pytest.param((NAN, NAN, 3, 5), lambda a: a.median(hours(4)), NAN, id="no median of half a window"),
        pytest.param(
            (7, 9, 6, 7), lambda a: a.since_as_high(hours(9)), 2, id="the last value as high, not the highest"
        ),
        pytest.param((7, 6, 6, 7), lambda a: a.since_as_high(hours(4)), 3, id="an equal one is as high"),
        pytest.param((7, 6, 6, 7), lambda a: a.since_as_high(hours(3)), 3, id="one before the window is not seen"),
        pytest.param((7, NAN, 6, 7), lambda a: a.since_as_high(hours(9)), 3, id="what is not known is not as high"),
        pytest.param((1, 2, 3, NAN), lambda a: a.since_as_high(hours(9)), NAN, id="of what is not known nothing is"),
        pytest.param((1, 2, 2, 2), lambda a: a.percentile(hours(4)), 1.0, id="at or below counts all equals"),
        pytest.param(
            (1, 2, 2, 2), lambda a: a.percentile(hours(4), split_ties=True), 3 / 4, id="mid-rank counts half of them"
        ),
        pytest.param(
            (2, 2, 2, 2, 1), lambda a: a.percentile(hours(5), split_ties=True), 1 / 5, id="mid-rank at the bottom"
        ),
        pytest.param((1, 0), lambda a: 1 / a, NAN, id="a division by zero is not known"),
        pytest.param((1, -2), lambda a: a.log(), NAN, id="no logarithm of a negative"),
        pytest.param((0, 1, 1, 1), lambda a: (a > 0).streak(hours(9)), 3, id="three in a row"),
        pytest.param((1, 1, 1, 1), lambda a: (a > 0).streak(hours(2)), 2, id="a streak is at most the window"),
        pytest.param((1, 1, NAN, 1), lambda a: (a > 0).streak(hours(9)), 1, id="an unknown row ends a streak"),
        pytest.param((1, 1, NAN), lambda a: (a > 0).streak(hours(9)), NAN, id="and is none itself"),
        pytest.param((1, 2), lambda a: a.lag(hours(0.5)), NAN, id="below one step nothing is known"),
        pytest.param((4, 2), lambda a: a.lag(hours(1.5)), NAN, id="a lag reaches up to the next whole row"),
        pytest.param((NAN, 2), lambda a: a.where(a > 1, 5), 2, id="kept"),
        pytest.param((2, 0), lambda a: a.where(a > 1, 5), 5, id="replaced"),
        pytest.param((2, NAN), lambda a: a.where(a > 1, 5), NAN, id="not known whether"),
        pytest.param((1, NAN, 3), lambda a: a.known(hours(3)), 2, id="two points known"),
    ],
)
def test_what_an_operator_answers(values: tuple[float, ...], how: Callable[[Series], Series], expected: float) -> None:
    assert last(column(*values), how) == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.integers(-64_000, 64_000).map(lambda number: number / 64), min_size=8, max_size=30))
def test_a_zscore_is_that_of_the_standard_library(values: list[float]) -> None:
    *window, now = values
    spread = statistics.stdev(window)
    got = last(column(*values), lambda a: a.zscore(hours(len(window))))
    expected = (now - statistics.fmean(window)) / spread if spread else NAN
    assert got == pytest.approx(expected, rel=1e-6, abs=1e-6, nan_ok=True)


def test_windows_are_times_and_not_rows() -> None:
    daily = Panel(days(1), pd.date_range("2026-01-01", periods=4, tz="UTC"), ("X",), {"a": np.ones((4, 1))})
    assert float(daily["a"].total(days(3)).last(1)[0, 0]) == 3
    assert float(column(*[1.0] * 80)["a"].total(days(3)).last(1)[0, 0]) == 72


def test_what_is_not_stored_is_unknown_for_every_asset() -> None:
    of = panel([[1.0, 2.0]])
    assert np.isnan(of["mark_price"].last(3)).all()
    assert of["mark_price"].last(3).shape == (3, 2)


def test_the_newest_row_reads_only_its_window() -> None:
    asked: list[int] = []

    def make(rows: int) -> NDArray[np.float64]:
        asked.append(rows)
        return np.ones((rows, 1))

    (Series(make, STEP).log().change(hours(24)).zscore(hours(720))).last(1)
    assert max(asked) == 24 + 720 + 1
