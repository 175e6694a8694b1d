from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from signals.units import HOUR
from storage.market import liquidations, points
from storage.market.liquidations import KEPT, RECENT, Hour

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)


def hour(back: timedelta, asset: str = "BTC", *, whole: bool = False) -> Hour:
    return Hour("bybit", asset, NOW - back, 1.5, 2.5, HOUR if whole else timedelta(minutes=7, milliseconds=1), 3, whole)


def test_hours_come_back_as_they_were_and_the_newest_word_counts(store: Store) -> None:
    every = [hour(3 * HOUR, whole=True), hour(2 * HOUR), hour(HOUR, "ETH")]
    liquidations.save(store, [*every, hour(2 * HOUR)], now=NOW)
    assert liquidations.load(store, since=NOW - 3 * HOUR) == every
    assert liquidations.load(store, since=NOW - 2 * HOUR, asset="BTC") == [every[1]]
    later = Hour("bybit", "BTC", NOW - 2 * HOUR, 9.0, 9.0, HOUR, 0, whole=True)
    liquidations.save(store, [later], now=NOW)
    assert liquidations.load(store, since=NOW - 2 * HOUR, asset="BTC") == [later]


@pytest.mark.parametrize(
    ("back", "whole", "kept"),
    [
        pytest.param(RECENT, True, True, id="whole and recent"),
        pytest.param(RECENT + HOUR, True, False, id="whole: it is a bar by now"),
        pytest.param(RECENT + HOUR, False, True, id="heard in part: nobody else remembers it"),
        pytest.param(KEPT, False, True, id="within the window"),
        pytest.param(KEPT + HOUR, False, False, id="beyond every window"),
    ],
)
def test_what_nobody_asks_for_is_dropped(store: Store, back: timedelta, whole: bool, kept: bool) -> None:
    liquidations.save(store, [hour(back, whole=whole)], now=NOW)
    assert bool(liquidations.load(store, since=NOW - back)) is kept


def test_the_highest_open_interest_counts_since_a_time_and_by_venue(store: Store) -> None:
    def level(venue: str, values: list[float | None]) -> points.Points:
        index = pd.DatetimeIndex([NOW - (len(values) - n) * HOUR for n in range(len(values))], name="at")
        return points.Points.of_frame(
            venue, "BTC", None, pd.DataFrame({"open_interest_usd": values}, index=index, dtype=float)
        )

    points.write(store, [level("okx", [9e9, 5e9, 3e9, None]), level("bybit", [1e9, 2e9, 6e9, 1e9])])
    most = liquidations.most_open_interest
    assert most(store, "BTC", since=NOW - 3 * HOUR, venue="okx") == 5e9
    assert most(store, "BTC", since=NOW - 3 * HOUR) == 6e9
    assert most(store, "BTC", since=NOW - 4 * HOUR) == 9e9
    assert most(store, "BTC", since=NOW - HOUR, venue="okx") is None
    assert most(store, "ETH", since=NOW - 4 * HOUR) is None
