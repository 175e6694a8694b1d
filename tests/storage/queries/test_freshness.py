from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from signals.inputs import INPUTS
from storage.market import points
from storage.queries import freshness

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 1, 16, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("name", "every", "count", "age", "stale"),
    [
        pytest.param("open_interest_usd", MINUTE, 60, 10 * MINUTE, False, id="live, within its limit"),
        pytest.param("open_interest_usd", MINUTE, 60, 12 * MINUTE, True, id="live, beyond it"),
        pytest.param("open_interest_usd", HOUR, 60, HOUR, True, id="an hourly history has its own limit too"),
        pytest.param("open_interest_usd", DAY, 3, 25 * HOUR, False, id="daily"),
        pytest.param("open_interest_usd", DAY, 3, 27 * HOUR, True, id="daily, overdue"),
        pytest.param("open_interest_usd", DAY, 1, 5 * HOUR, True, id="a single point, of which nothing is known"),
        pytest.param("funding_rate", 8 * HOUR, 9, 9 * HOUR, False, id="settlements"),
        pytest.param("funding_rate", 8 * HOUR, 9, 11 * HOUR, True, id="a settlement is missing"),
        pytest.param("funding_rate", MINUTE, 60, 12 * MINUTE, True, id="a live rate that stands still"),
        pytest.param("funding_rate", 8 * HOUR, 1, 7 * HOUR, False, id="a single settlement in force"),
        pytest.param("close", HOUR, 48, 2 * HOUR, False, id="hourly bars"),
        pytest.param("close", HOUR, 48, 3 * HOUR, True, id="an hourly bar is missing"),
        pytest.param("close", DAY, 3, 25 * HOUR, False, id="daily bars"),
        pytest.param("close", DAY, 3, 27 * HOUR, True, id="a daily bar is missing"),
        pytest.param("fear_greed", DAY, 3, 49 * HOUR, False, id="an index that is told a day late"),
        pytest.param("fear_greed", DAY, 3, 51 * HOUR, True, id="and then not at all"),
    ],
)
def test_old_is_measured_by_how_often_it_comes(
    store: Store, name: str, every: timedelta, count: int, age: timedelta, stale: bool
) -> None:
    bar = INPUTS[name].kind == "bar"
    last = NOW - age - (every if bar else timedelta(0))
    index = pd.DatetimeIndex([last - every * back for back in reversed(range(count))])
    points.write(
        store, [points.Points.of_frame("binance", "BTC", every if bar else None, pd.DataFrame({name: 1.0}, index))]
    )
    newest = points.newest(store, "BTC", name)
    assert newest is not None
    assert newest.at == NOW - age
    assert freshness.is_stale(store, "BTC", name, newest, NOW) is stale
