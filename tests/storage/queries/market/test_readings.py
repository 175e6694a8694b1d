from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from signals.metric import metrics
from storage.market import points
from storage.queries.freshness import Stamp
from storage.queries.market import readings
from storage.queries.market.readings import Lack, NotKnown, needed_days

if TYPE_CHECKING:
    from storage.engine.database import Store

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("metric", "days"),
    [
        ("oi_vs_ma180", 180),
        ("oi_drawdown", 30),
        ("net_taker_30d", 30),
        ("price_drawdown", 11),
        ("funding_stretch", 1),
        ("fear_greed", 1),
    ],
)
def test_how_long_a_metric_learns_is_what_it_says_of_itself(metric: str, days: int) -> None:
    assert needed_days(metric, DAY) == days


@pytest.mark.parametrize(
    ("metric", "days"),
    [
        pytest.param("implied_vol", 60, id="two thirds of 90 days"),
        pytest.param("depth_index", 20, id="two thirds of 30 days, at one hour of the day"),
        pytest.param("oi_zscore", 21, id="changes over a day of two thirds of 30 days"),
        pytest.param("oi_coins", 1, id="hours are a day"),
    ],
)
def test_the_hour_that_is_compared_is_no_day_of_learning(metric: str, days: int) -> None:
    assert needed_days(metric, timedelta(hours=1)) == days


@pytest.mark.parametrize("metric", metrics())
def test_no_metric_learns_longer_than_its_window(metric: str) -> None:
    step = max(metrics()[metric].step, DAY)
    assert 1 <= needed_days(metric, step) <= metrics()[metric].bars_back(step)


# --- what is read, and why it is not ----------------------------------------------------------------------------------

NOW = datetime(2026, 1, 16, tzinfo=UTC)


def daily(store: Store, count: int, **columns: float) -> None:
    """Store daily levels of BTC on Binance, the last of them a day before now."""
    index = pd.date_range(end=NOW - DAY, periods=count, freq="D", tz=UTC)
    points.write(store, [points.Points.of_frame("binance", "BTC", None, pd.DataFrame(columns, index, dtype=float))])


def test_without_a_database_nothing_is_known_and_none_is_made(file_store: Store) -> None:
    found = readings.of(file_store, "BTC", ("oi_drawdown", "funding_apr"), NOW)
    assert (found.nothing, found.outdated, found.known) == (True, True, ())
    assert found.lacking("funding_apr") == NotKnown(
        "funding_apr", "BTC", Lack.NOTHING_STORED, ("funding_rate", "funding_interval_hours")
    )
    assert not file_store.exists


@pytest.mark.parametrize(
    ("stored", "metric", "expected"),
    [
        pytest.param(
            {"count": 9, "open_interest_usd": 1e9, "open_interest_coin": 1e4},
            "oi_vs_ma180",
            NotKnown("oi_vs_ma180", "BTC", Lack.LEARNING, days=9.0, needed=180),
            id="learning",
        ),
        pytest.param(
            {"count": 40, "funding_rate": 1e-4},
            "funding_apr",
            NotKnown("funding_apr", "BTC", Lack.INPUT_MISSING, ("funding_interval_hours",)),
            id="one of two inputs was never stored",
        ),
        pytest.param(
            {"count": 40, "funding_rate": 1e-4},
            "price_drawdown",
            NotKnown("price_drawdown", "BTC", Lack.NOTHING_STORED, ("close",)),
            id="none of its inputs was",
        ),
    ],
)
def test_why_there_is_no_reading_is_data(store: Store, stored: dict[str, Any], metric: str, expected: NotKnown) -> None:
    daily(store, **stored)
    found = readings.of(store, "BTC", (metric,), NOW)
    assert found.lacking(metric) == expected
    assert found.get(metric) is None


def test_what_no_one_venue_tells_whole_is_not_compared(store: Store) -> None:
    """Volume of one exchange over open interest of another is no turnover of either."""
    daily(store, 40, open_interest_usd=1e9)
    index = pd.date_range(end=NOW - DAY, periods=40, freq="D", tz=UTC)
    points.write(store, [points.Points.of_frame("okx", "BTC", DAY, pd.DataFrame({"volume_usd": 1e9}, index))])
    lacking = readings.of(store, "BTC", ("oi_turnover",), NOW).lacking("oi_turnover")
    assert lacking == NotKnown("oi_turnover", "BTC", Lack.APART, ("volume_usd", "open_interest_usd"))


def test_a_reading_carries_its_stamp(store: Store) -> None:
    daily(store, 40, open_interest_usd=1e9, open_interest_coin=1e4)
    found = readings.of(store, "BTC", ("oi_drawdown",), NOW)
    reading = found.get("oi_drawdown")
    assert reading is not None
    assert (reading.get("value"), reading.get("usd"), reading.get("nosuch")) == (0.0, 1e9, None)
    assert reading.stamp == Stamp(("binance",), NOW - DAY, daily=True, window=365 * DAY)
    assert (found.nothing, found.outdated) == (False, False)


def test_what_is_too_old_is_outdated_and_its_stamp_says_since_when(store: Store) -> None:
    daily(store, 40, open_interest_usd=1e9, open_interest_coin=1e4)
    found = readings.of(store, "BTC", ("oi_drawdown",), NOW + 2 * DAY)
    reading = found.get("oi_drawdown")
    assert reading is not None
    assert found.outdated
    assert reading.stamp.stale == NOW - DAY


def test_a_figure_of_the_whole_market_is_read_under_its_own_name(store: Store) -> None:
    index = pd.date_range(end=NOW - DAY, periods=9, freq="D", tz=UTC)
    frame = pd.DataFrame({"fear_greed": 25.0}, index)
    points.write(store, [points.Points.of_frame("alternative.me", "MARKET", None, frame)])
    assert readings.of(store, "BTC", ("fear_greed",), NOW).asset == "MARKET"
    both = readings.of(store, "BTC", ("fear_greed", "oi_drawdown"), NOW)
    assert (both.asset, both.get("fear_greed") is not None, both.nothing) == ("BTC", True, False)


def test_a_time_stands_beside_each_number_of_days_ago() -> None:
    assert readings.times_ago({"peak_days_ago": 3.0, "low_days_ago": math.nan, "value": 1.0}, NOW) == {
        "peak_at": NOW - 3 * DAY
    }
