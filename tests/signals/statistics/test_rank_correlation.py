from __future__ import annotations

import math
from datetime import timedelta
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from signals.series import Panel, days
from signals.statistics.rank_correlation import RankCorrelation, rank_correlation

NAN = math.nan


def correlate(first: list[float], second: list[float], every: int = 2, window: int = 12) -> RankCorrelation:
    at = pd.date_range("2026-01-01", periods=len(first), freq="D", tz="UTC")
    panel = Panel(days(1), at, ("X",), {"a": np.array(first)[:, None], "b": np.array(second)[:, None]})
    return rank_correlation(panel["a"], panel["b"], every=days(every), window=days(window))


def last(first: list[float], second: list[float]) -> tuple[float, float]:
    found = correlate(first, second)
    return float(found.tau.last(1)[0, 0]), float(found.spans.last(1)[0, 0])


UP = [float(n) for n in range(12)]


@pytest.mark.parametrize(
    ("first", "second", "tau", "spans"),
    [
        pytest.param(UP, UP, 1.0, 6, id="together"),
        pytest.param(UP, UP[::-1], -1.0, 6, id="apart"),
        pytest.param(UP, [5.0] * 12, 0.0, 6, id="what stands still speaks for neither"),
        pytest.param(UP, [0, 1, 0, 3, 0, 2, 0, 5, 0, 4, 0, 6], 11 / 15, 6, id="13 pairs of 15 alike"),
        pytest.param([NAN] * 4 + UP[4:], UP, 1.0, 4, id="two thirds are enough"),
        pytest.param([NAN] * 6 + UP[6:], UP, NAN, 3, id="half is not"),
        pytest.param([NAN] * 12, UP, NAN, NAN, id="nothing known"),
    ],
)
def test_samples_in_a_row(first: list[float], second: list[float], tau: float, spans: float) -> None:
    assert last(first, [float(value) for value in second]) == pytest.approx((tau, spans), nan_ok=True)


def test_every_row_is_as_it_was_when_it_was_the_newest() -> None:
    noise = np.random.default_rng(2).normal(size=(40, 2))
    first, second = noise[:, 0].tolist(), noise[:, 1].tolist()
    history = correlate(first, second).tau.last(40)[:, 0]
    for row in range(40):
        newest = correlate(first[: row + 1], second[: row + 1]).tau.last(1)[0, 0]
        assert newest == pytest.approx(history[row], nan_ok=True)


@pytest.mark.slow
def test_chance_alone_exceeds_the_bound_once_in_twenty() -> None:
    """A thousand draws of 24 pairs without any relation."""
    random, beyond = np.random.default_rng(7), 0
    bound = 1.96 * math.sqrt(2 * (2 * 24 + 5) / (9 * 24 * 23))
    for _ in range(1000):
        draws = random.normal(size=(24, 2))
        alike = sum(np.sign(a[0] - b[0]) * np.sign(a[1] - b[1]) for a, b in combinations(draws, 2))
        beyond += abs(alike / 276) > bound
    assert 30 <= beyond <= 70
    grown = correlate(UP * 4, UP * 4, every=2, window=48).bound.last(1)[0, 0]
    assert grown == pytest.approx(bound)
    assert timedelta(days=48) // days(2) == 24
