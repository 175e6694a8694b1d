"""Open interest, funding and prices over several venues, as numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from storage.market import points
from storage.queries.market import funding, open_interest, prices

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 1, 16, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def told(store: Store, venue: str, *, ago: timedelta = timedelta(0), **values: float) -> None:
    """Store a month of hourly figures of a venue, the last of them so long ago."""
    times = pd.date_range(NOW - 33 * DAY, NOW - ago, freq="h")
    points.write(store, [points.Points.of_frame(venue, "BTC", None, pd.DataFrame(values, index=times, dtype=float))])


def open_on(store: Store, venue: str, coins: float, *, ago: timedelta = timedelta(0)) -> None:
    told(store, venue, ago=ago, open_interest_coin=coins, open_interest_usd=coins * 9e4)


def test_nothing_stored_is_nothing_not_zero(file_store: Store) -> None:
    assert open_interest.read(file_store, "BTC", NOW) is None
    assert prices.read(file_store, "BTC", NOW) is None
    assert funding.read(file_store, "BTC", NOW).main is None
    assert funding.read(file_store, "BTC", NOW).readings.nothing
    assert not file_store.exists


def test_open_interest_is_the_sum_of_what_is_current(store: Store) -> None:
    open_on(store, "binance", 80e3)
    open_on(store, "bybit", 50e3)
    open_on(store, "okx", 20e3, ago=5 * HOUR)
    found = open_interest.read(store, "BTC", NOW)
    assert found is not None
    assert (found.usd, found.coins, found.summed, found.lacking) == (130e3 * 9e4, 130e3, True, None)
    assert [(one.venue, one.usd, one.at) for one in found.by_venue] == [
        ("binance", 80e3 * 9e4, NOW),
        ("bybit", 50e3 * 9e4, NOW),
        ("okx", 20e3 * 9e4, NOW - 5 * HOUR),
    ]
    coverage = found.stamp.coverage
    assert coverage is not None
    assert (coverage.venues, coverage.share) == (("binance", "bybit"), pytest.approx(130 / 150))
    assert (found.stamp.venues, found.stamp.oldest, found.stamp.stale) == (("binance", "bybit"), NOW, None)


def test_too_little_of_the_market_is_no_total(store: Store) -> None:
    open_on(store, "binance", 80e3, ago=5 * HOUR)
    open_on(store, "bybit", 50e3)
    found = open_interest.read(store, "BTC", NOW)
    assert found is not None
    assert (found.usd, found.coins) == (None, None)
    assert found.lacking is not None
    assert found.lacking.share == pytest.approx(50 / 130)
    assert (found.stamp.venues, found.stamp.oldest) == (("binance", "bybit"), NOW - 5 * HOUR)


def test_one_venue_is_read_from_its_newest_row(store: Store) -> None:
    open_on(store, "binance", 80e3)
    found = open_interest.read(store, "BTC", NOW)
    assert found is not None
    assert (found.usd, found.coins, found.summed) == (80e3 * 9e4, 80e3, False)
    assert open_interest.total(store, "BTC", NOW) is None


def test_a_sum_over_all_is_not_added_to_its_parts(store: Store) -> None:
    open_on(store, "binance", 80e3)
    open_on(store, "all", 200e3)
    assert open_interest.total(store, "BTC", NOW) is None


def test_before_any_metric_is_known_the_newest_figures_stand(store: Store) -> None:
    at = pd.DatetimeIndex([NOW], name="at")
    frame = pd.DataFrame({"open_interest_usd": [8e9]}, at)
    points.write(store, [points.Points.of_frame("binance", "BTC", None, frame)])
    found = open_interest.read(store, "BTC", NOW)
    assert found is not None
    assert (found.usd, found.coins, found.readings.known) == (8e9, None, ())


def test_funding_of_every_venue_and_their_mean(store: Store) -> None:
    told(store, "binance", funding_rate=1e-4, funding_interval_hours=8.0)
    told(store, "hyperliquid", funding_rate=1e-5, funding_interval_hours=1.0)
    told(store, "okx", ago=2 * DAY, funding_rate=9e-4, funding_interval_hours=8.0)
    open_on(store, "binance", 75e3)
    open_on(store, "hyperliquid", 25e3)
    found = funding.read(store, "BTC", NOW)
    assert (found.rate, found.hours, found.apr) == (1e-4, 8.0, pytest.approx(0.1095))
    assert found.due == datetime(2026, 1, 16, 16, tzinfo=UTC)
    assert [(rate.venue, rate.due) for rate in found.by_venue] == [
        ("binance", datetime(2026, 1, 16, 16, tzinfo=UTC)),
        ("hyperliquid", datetime(2026, 1, 16, 13, tzinfo=UTC)),
    ]
    assert found.weighted is not None
    assert found.weighted.apr == pytest.approx(0.75 * 0.1095 + 0.25 * 0.0876)
    assert found.weighted.venues == ("binance", "hyperliquid")
    assert found.long_pays_a_day(100_000) == pytest.approx(30.0)


def test_a_rate_that_is_too_old_says_no_next_payment(store: Store) -> None:
    told(store, "binance", ago=2 * DAY, funding_rate=1e-4, funding_interval_hours=8.0)
    found = funding.read(store, "BTC", NOW)
    assert found.main is not None
    assert (found.due, found.by_venue, found.weighted) == (None, (), None)
    assert found.main.stamp.stale is not None


@pytest.fixture
def priced(store: Store) -> Store:
    """Store hourly closes of 20 days that rise by one a bar, the last of them now."""
    index = pd.date_range(end=NOW - HOUR, periods=480, freq="h")
    closes = pd.DataFrame({"close": range(10_001, 10_481)}, index, dtype=float)
    points.write(store, [points.Points.of_frame("binance", "BTC", HOUR, closes)])
    return store


def test_a_price_and_its_changes(priced: Store) -> None:
    found = prices.read(priced, "BTC", NOW)
    assert found is not None
    assert (found.value, found.at, found.below, found.high) == (10_480.0, NOW, 0.0, 10_480.0)
    assert found.change_1d == pytest.approx(10_480 / 10_456 - 1)
    assert found.change_7d == pytest.approx(10_480 / 10_312 - 1)
    assert not found.outdated


def test_a_younger_mark_price_is_the_price_and_grows_old_in_two_minutes(priced: Store) -> None:
    at = pd.DatetimeIndex([NOW + timedelta(minutes=1)], name="at")
    frame = pd.DataFrame({"mark_price": [9_432.0]}, at)
    points.write(priced, [points.Points.of_frame("bybit", "BTC", None, frame)])
    found = prices.read(priced, "BTC", NOW + timedelta(minutes=2))
    assert found is not None
    assert (found.value, found.stamp.venues, found.outdated) == (9_432.0, ("bybit",), False)
    assert found.below == pytest.approx(9_432 / 10_480 - 1)
    later = prices.read(priced, "BTC", NOW + timedelta(minutes=4))
    assert later is not None
    assert later.outdated
