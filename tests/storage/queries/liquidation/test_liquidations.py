from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from signals.units import HOUR
from storage.market import liquidations as kept
from storage.market import points
from storage.market.liquidations import Hour
from storage.queries.liquidation import liquidations
from storage.queries.liquidation.liquidations import ImportedDay, ImpossibleTotal, Liquidations, Sums
from storage.sources import source_state

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 11, 20, 14, 23, tzinfo=UTC)
END = NOW.replace(minute=0)
DAY = timedelta(days=1)


def heard(store: Store, *venues: str, count: int = 24, longs: float = 2e6, covered: timedelta = HOUR) -> None:
    """Store the last hours of venues, each alike, and 23 minutes of the running one."""
    rows = [
        Hour(venue, "BTC", END - n * HOUR, longs, 1e6, covered, whole=covered == HOUR)
        for venue in venues
        for n in range(1, count + 1)
    ]
    rows += [Hour(venue, "BTC", END, 5e5, 0.0, timedelta(minutes=23)) for venue in venues]
    kept.save(store, rows, now=NOW)


def open_interest(store: Store, venue: str, usd: float) -> None:
    at = pd.DatetimeIndex([NOW - HOUR], name="at")
    points.write(
        store, [points.Points.of_frame(venue, "BTC", None, pd.DataFrame({"open_interest_usd": [usd]}, index=at))]
    )


def test_without_a_database_there_is_nothing(file_store: Store) -> None:
    assert liquidations.read(file_store, "BTC", NOW) == Liquidations(NOW, END)
    assert liquidations.read(file_store, "BTC", NOW).nothing
    assert not file_store.exists


def test_sums_by_venue_side_and_stretch(store: Store) -> None:
    heard(store, "bybit", "okx")
    found = liquidations.read(store, "BTC", NOW)
    assert [(one.venue, one.floor, one.at_least) for one in found.venues] == [
        ("bybit", False, False),
        ("okx", True, True),
    ]
    assert found.venues[0].day == Sums(48e6, 24e6, DAY)
    assert (found.day.longs, found.day.shorts, found.day.both) == (96e6, 48e6, 144e6)
    assert (found.hour.longs, found.running.longs) == (4e6, 1e6)


def test_a_stream_younger_than_the_day_is_learning_and_its_sum_a_floor(store: Store) -> None:
    heard(store, "bybit", count=5)
    (one,) = liquidations.read(store, "BTC", NOW).venues
    assert one.day.heard == 5 * HOUR
    assert one.at_least
    assert liquidations.read(store, "BTC", NOW).learning(one)


@pytest.mark.parametrize(("ago", "silent"), [(59, False), (61, True)])
def test_a_stream_is_silent_after_a_minute(store: Store, ago: int, silent: bool) -> None:
    heard(store, "bybit")
    last = NOW - timedelta(seconds=ago)
    source_state.save(store, [source_state.SourceHealth("bybit liquidations", "liquidations", "ok", NOW, last)])
    found = liquidations.read(store, "BTC", NOW)
    assert found.silent(found.venues[0]) is silent


@pytest.mark.parametrize(
    ("usd", "kept"), [pytest.param(71e6, (), id="less than was liquidated"), pytest.param(73e6, ("bybit",), id="more")]
)
def test_more_than_is_open_cannot_be_liquidated(store: Store, usd: float, kept: tuple[str, ...]) -> None:
    heard(store, "bybit")
    open_interest(store, "bybit", usd)
    found = liquidations.read(store, "BTC", NOW)
    assert tuple(one.venue for one in found.venues) == kept
    assert found.rejected == (() if kept else (ImpossibleTotal("bybit", 72e6, usd),))


def test_imported_days_are_told_where_no_hour_is_heard(store: Store) -> None:
    days = pd.DatetimeIndex([END.replace(hour=0) - 2 * DAY, END.replace(hour=0) - DAY], name="at")
    frame = pd.DataFrame({"liquidated_longs_usd": [1.0, 3.0], "liquidated_shorts_usd": [2.0, 4.0]}, index=days)
    points.write(store, [points.Points.of_frame("binance", "BTC", DAY, frame)])
    found = liquidations.read(store, "BTC", NOW)
    assert found.venues == ()
    assert found.days == (ImportedDay("binance", days[1].to_pydatetime(), Sums(3.0, 4.0, DAY), floor=True),)
