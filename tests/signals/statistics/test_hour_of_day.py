from __future__ import annotations

import math
import statistics

import numpy as np
import pandas as pd
import pytest

from signals.series import Panel, Series, days, hours
from signals.statistics.hour_of_day import zscore_of_hour


def series(values: list[float], step_hours: float = 1) -> Series:
    at = pd.date_range("2026-01-01", periods=len(values), freq=f"{step_hours}h", tz="UTC")
    return Panel(hours(step_hours), at, ("X",), {"a": np.array(values, dtype=float)[:, None]})["a"]


def last(values: list[float], window_days: int = 3) -> float:
    return float(zscore_of_hour(series(values), days(window_days)).last(1)[0, 0])


def at_noon(*noons: float) -> list[float]:
    """Return days whose last hour is as given and whose other hours are another market."""
    return [value for noon in noons for value in [*[1000.0] * 23, noon]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(at_noon(1, 2, 3, 9), (9 - 2) / 1.0, id="this hour is held against itself, now left out"),
        pytest.param(at_noon(5, 5, 5, 9), math.nan, id="no z where it stood still"),
        pytest.param(at_noon(1, math.nan, 3, 9), (9 - 2) / math.sqrt(2), id="z of two thirds"),
        pytest.param(at_noon(1, math.nan, math.nan, 9), math.nan, id="no z of one third"),
        pytest.param(at_noon(1, math.nan, 9), math.nan, id="nor of one day, which has no deviation"),
        pytest.param(at_noon(1, 2, 3, math.nan), math.nan, id="what is not known now has none"),
        pytest.param(at_noon(1, 2, 9), (9 - 1.5) / statistics.stdev([1, 2]), id="a day before the data began"),
    ],
)
def test_the_same_hour_of_the_days_before(values: list[float], expected: float) -> None:
    assert last(values) == pytest.approx(expected, nan_ok=True)


def test_half_of_the_days_are_too_few() -> None:
    assert math.isnan(last(at_noon(1, 2, 3, math.nan, math.nan, math.nan, 9), window_days=6))
    assert last(at_noon(1, 2, 3, 4, math.nan, math.nan, 9), window_days=6) == pytest.approx(
        6.5 / statistics.stdev([1, 2, 3, 4])
    )


def test_every_row_is_as_it_was_when_it_was_the_newest() -> None:
    noise = np.random.default_rng(3).normal(size=24 * 12)
    noise[::17] = math.nan
    history = zscore_of_hour(series(noise.tolist()), days(5)).last(len(noise))[:, 0]
    assert np.isfinite(history).sum() > 100
    for row in range(0, len(noise), 7):
        newest = zscore_of_hour(series(noise[: row + 1].tolist()), days(5)).last(1)[0, 0]
        assert newest == pytest.approx(history[row], nan_ok=True)


def test_rows_that_do_not_meet_the_same_hour_are_refused() -> None:
    with pytest.raises(ValueError, match="no same hour"):
        zscore_of_hour(series([1.0], 5), days(3))
