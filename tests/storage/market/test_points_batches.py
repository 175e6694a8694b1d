"""Small and large frames go in by different statements: what is stored must not tell which."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from signals.inputs import LEVELS
from storage.market import points
from storage.market.points import Points
from tests.storage import beside

if TYPE_CHECKING:
    from storage.engine.database import Store

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def values(count: int, name: str = "close", value: float = 1.0, step: timedelta | None = HOUR) -> Points:
    index = pd.date_range(START, periods=count, freq="h")
    return Points.of_frame("binance", "BTC", step, pd.DataFrame({name: value}, index=index))


def closes(store: Store, name: str = "close") -> set[float]:
    table = "levels" if name in LEVELS else "bars"
    return {row[0] for row in beside.rows(store, f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL")}  # noqa: S608 - ours


@pytest.mark.parametrize("first", [1, 99, 100, 300])
@pytest.mark.parametrize("second", [1, 99, 100, 300])
@pytest.mark.parametrize(("name", "step"), [("close", HOUR), ("mark_price", None)])
def test_the_later_value_wins_whatever_the_size(
    store: Store, first: int, second: int, name: str, step: timedelta | None
) -> None:
    batches = [values(first, name, 1.0, step), values(second, name, 2.0, step)]
    assert points.write(store, batches) == first + second
    assert closes(store, name) == ({1.0, 2.0} if first > second else {2.0})
    found = points.stored(store, "BTC", name)
    assert [(span.last - span.first) // 3_600_000 + 1 for span in found] == [max(first, second)]


def test_a_small_frame_leaves_the_other_inputs_of_a_row_alone(store: Store) -> None:
    points.write(store, [values(200), values(200, "volume_usd", 5.0)])
    points.write(store, [values(1, "close", 2.0)])
    row = beside.one(store, "SELECT close, volume_usd, high FROM bars ORDER BY at LIMIT 1")
    assert row is not None
    assert tuple(row) == (2.0, 5.0, None)
