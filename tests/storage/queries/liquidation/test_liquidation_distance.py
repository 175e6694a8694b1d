"""The days that say how near a liquidation is: whole ones, of the venue that has most."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from signals.liquidation.moves import DayRange
from storage.market import points
from storage.queries.liquidation.liquidation_distance import past_days

if TYPE_CHECKING:
    from storage.engine.database import Store

TODAY = datetime(2026, 11, 22, tzinfo=UTC)
NOW = TODAY + timedelta(hours=12)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def bars(store: Store, first: datetime, count: int, step: timedelta, *, venue: str = "binance") -> None:
    at = pd.date_range(first, periods=count, freq=step, name="at")
    frame = pd.DataFrame({"open": 100.0, "high": range(101, 101 + count), "low": 99.0, "close": 100.0}, index=at)
    points.write(store, [points.Points.of_frame(venue, "BTC", step, frame)])


@pytest.mark.parametrize(("days", "known"), [(29, None), (30, 30), (400, 365)])
def test_the_days_of_the_last_year_from_thirty_on(store: Store, days: int, known: int | None) -> None:
    bars(store, TODAY - days * DAY, days, DAY)
    found = past_days(store, "BTC", NOW)
    assert (found and len(found.days)) == known
    if found and known:
        assert (found.first, found.last, found.venue) == (TODAY - known * DAY, TODAY, "binance")


def test_the_running_day_and_days_with_a_missing_hour_are_left_out(store: Store) -> None:
    bars(store, TODAY - 31 * DAY, 30 * 24, HOUR)
    bars(store, TODAY - DAY, 23, HOUR)
    bars(store, TODAY, 1, DAY)
    found = past_days(store, "BTC", NOW)
    assert found is not None
    assert (len(found.days), found.last) == (30, TODAY - DAY)
    assert found.days[0] == DayRange(100.0, 124.0, 99.0)


def test_the_venue_that_has_most_speaks(store: Store) -> None:
    bars(store, TODAY - 40 * DAY, 40, DAY, venue="okx")
    bars(store, TODAY - 35 * DAY, 35, DAY)
    found = past_days(store, "BTC", NOW)
    assert found is not None
    assert (found.venue, len(found.days)) == ("okx", 40)
    assert past_days(store, "ETH", NOW) is None


def test_who_reaches_further_has_not_always_most(store: Store) -> None:
    bars(store, TODAY - 90 * DAY, 40, DAY, venue="okx")
    bars(store, TODAY - DAY, 1, DAY, venue="okx")
    bars(store, TODAY - 50 * DAY, 50, DAY, venue="gate")
    bars(store, TODAY - 45 * DAY, 45, DAY)
    found = past_days(store, "BTC", NOW)
    assert found is not None
    assert (found.venue, len(found.days)) == ("gate", 50)


def test_a_day_of_its_own_counts_before_its_hours(store: Store) -> None:
    bars(store, TODAY - 40 * DAY, 40 * 24, HOUR)
    bars(store, TODAY - DAY, 1, DAY)
    found = past_days(store, "BTC", NOW)
    assert found is not None
    assert (len(found.days), found.days[-1]) == (40, DayRange(100.0, 101.0, 99.0))
