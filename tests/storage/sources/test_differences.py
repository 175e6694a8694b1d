from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from storage.market import points
from storage.market.points import Points
from storage.sources import differences
from storage.sources.differences import Difference

if TYPE_CHECKING:
    from storage.engine.database import Store

DAY = datetime(2026, 11, 19, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hours(name: str, *values: float, step: timedelta | None = None, venue: str = "binance") -> Points:
    index = pd.DatetimeIndex([DAY + place * HOUR for place in range(len(values))], name="at")
    return Points.of_frame(venue, "BTC", step, pd.DataFrame({name: values}, index=index, dtype="float64"))


NAN = float("nan")


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        pytest.param([100, 100], [100.5, 99.5], (2, 0, 0.005), id="half a percent is not told"),
        pytest.param([100, 100], [100.6, 100], (2, 1, 0.006), id="more is"),
        pytest.param([100, 100], [100, 50], (2, 1, 0.5), id="downwards"),
        pytest.param([100], [100, 7], (1, 0, 0.0), id="what was not known is not compared"),
        pytest.param([100, 100], [NAN, 100], (1, 0, 0.0), id="nor what the archive does not know"),
        pytest.param([100, NAN], [NAN, 100], None, id="nothing in common"),
        pytest.param([], [100], None, id="nothing known"),
    ],
)
@pytest.mark.parametrize(
    ("name", "step"),
    [pytest.param("open_interest_coin", None, id="level"), pytest.param("close", HOUR, id="bar")],
)
def test_values_under_the_same_times_are_compared(
    store: Store,
    before: list[float],
    after: list[float],
    found: tuple[int, int, float] | None,
    name: str,
    step: timedelta | None,
) -> None:
    if before:
        points.write(store, [hours(name, *before, step=step)])
    points.write(store, [hours(name, 1.0, step=step, venue="bybit")])  # another venue is no opinion on this one
    said = differences.compare(store, hours(name, *after, step=step), DAY)
    if found is None:
        assert said == []
        return
    (one,) = said
    assert (one.asset, one.venue, one.name, one.at) == ("BTC", "binance", name, DAY)
    assert (one.compared, one.differing) == found[:2]
    assert one.largest == pytest.approx(found[2])


def test_the_last_digit_of_a_rate_near_zero_is_no_difference(store: Store) -> None:
    points.write(store, [hours("funding_rate", 1e-8, 0.0)])
    (same,) = differences.compare(store, hours("funding_rate", 2e-8, 1e-8), DAY)
    assert same.differing == 0
    (other,) = differences.compare(store, hours("funding_rate", 1e-8, 1e-4), DAY)
    assert (other.differing, other.largest) == (1, 1.0)


def test_bars_of_another_length_are_not_compared(store: Store) -> None:
    points.write(store, [hours("close", 50.0, step=timedelta(days=1))])
    assert differences.compare(store, hours("close", 100.0, step=HOUR), DAY) == []


def test_what_differs_is_kept_until_it_agrees(store: Store) -> None:
    one = Difference("BTC", "binance", "close", DAY, 24, 3, 0.02)
    old = Difference("BTC", "binance", "close", DAY - timedelta(days=40), 24, 1, 0.01)
    differences.note(store, [one, old, Difference("ETH", "binance", "close", DAY, 24, 0, 0.0)])
    assert differences.of(store, "BTC", since=DAY - timedelta(days=30)) == [one]
    assert differences.of(store, "ETH", since=DAY) == []
    differences.note(store, [Difference("BTC", "binance", "close", DAY, 24, 0, 0.001)])
    assert differences.of(store, "BTC", since=DAY) == []
