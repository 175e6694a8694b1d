"""Liquidations in slots: bars of hours, what a stream heard of other hours, and days of which no hour is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from storage.market import liquidations, points
from storage.queries.liquidation import liquidated_bars

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
TODAY = NOW - 12 * HOUR


def bars(store: Store, venue: str, step: timedelta, rows: dict[datetime, tuple[float, float]]) -> None:
    longs, shorts = zip(*rows.values(), strict=True)
    frame = pd.DataFrame(
        {"liquidated_longs_usd": longs, "liquidated_shorts_usd": shorts}, index=pd.DatetimeIndex(rows, name="at")
    )
    points.write(store, [points.Points.of_frame(venue, "BTC", step, frame)])


def heard(store: Store, venue: str, at: datetime, longs: float, covered: timedelta) -> None:
    liquidations.save(store, [liquidations.Hour(venue, "BTC", at, longs, 0.0, covered)], now=NOW)


def hours(store: Store) -> None:
    bars(store, "bybit", HOUR, {NOW - 3 * HOUR: (10.0, 1.0), NOW - 2 * HOUR: (20.0, 2.0)})


def a_broken_hour(store: Store) -> None:
    hours(store)
    heard(store, "bybit", NOW - 2 * HOUR, 999.0, 20 * MINUTE)  # the bar is whole
    heard(store, "bybit", NOW - HOUR, 5.0, 20 * MINUTE)
    heard(store, "bybit", NOW - 4 * HOUR, 0.0, timedelta(0))  # nothing was heard


def a_day_beside_hours(store: Store) -> None:
    hours(store)
    bars(store, "bybit", DAY, {TODAY - DAY: (100.0, 50.0)})
    bars(store, "okx", DAY, {TODAY - DAY: (7.0, 0.0), TODAY: (999.0, 999.0)})  # today is not over


def a_day_of_known_hours(store: Store) -> None:
    hours(store)
    bars(store, "bybit", HOUR, {TODAY - 5 * HOUR: (3.0, 0.0)})
    bars(store, "bybit", DAY, {TODAY - DAY: (100.0, 50.0)})


def all_beside_one(store: Store) -> None:
    hours(store)
    bars(store, "all", HOUR, {NOW - 2 * HOUR: (999.0, 0.0)})


@pytest.mark.parametrize(
    ("stored", "step", "expected"),
    [
        pytest.param(hours, HOUR, {-3: (10, 1), -2: (20, 2)}, id="hours"),
        pytest.param(hours, 4 * HOUR, {-4: (30, 3)}, id="four hours"),
        pytest.param(a_broken_hour, HOUR, {-3: (10, 1), -2: (20, 2), -1: (5, 0)}, id="a broken hour"),
        pytest.param(a_day_beside_hours, HOUR, {-36: (107, 50), -3: (10, 1), -2: (20, 2)}, id="a day beside hours"),
        pytest.param(a_day_of_known_hours, HOUR, {-17: (3, 0), -3: (10, 1), -2: (20, 2)}, id="a day of known hours"),
        pytest.param(all_beside_one, HOUR, {-3: (10, 1), -2: (20, 2)}, id="a sum of all beside one"),
    ],
)
def test_each_hour_counts_once(store: Store, stored, step: timedelta, expected: dict[int, tuple[float, float]]) -> None:
    stored(store)
    found = liquidated_bars.read(store, "BTC", TODAY - DAY + 5 * MINUTE, NOW, step)
    assert found is not None
    assert {(at - NOW) / HOUR: (sums.longs, sums.shorts) for at, sums in found.slots} == expected
    assert found.at_least


@pytest.mark.parametrize(("days", "least"), [pytest.param(3, False, id="all of it"), pytest.param(2, True, id="a gap")])
def test_days_alone_are_counted_by_days(store: Store, days: int, least: bool) -> None:
    bars(store, "bybit", DAY, {TODAY - number * DAY: (10.0, 0.0) for number in range(3, 3 - days, -1)})
    found = liquidated_bars.read(store, "BTC", TODAY - 3 * DAY + HOUR, NOW, 6 * HOUR)
    assert found is not None
    assert (found.step, found.since, found.known_from) == (DAY, TODAY - 3 * DAY, TODAY - 3 * DAY)
    assert (found.at_least, found.at) == (least, TODAY - (3 - days) * DAY)


def test_nothing_is_nothing(store: Store) -> None:
    assert liquidated_bars.read(store, "BTC", TODAY, NOW, HOUR) is None
