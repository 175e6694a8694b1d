"""Raw series in and out of the store, beside a plain dict that says what must be there."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.units import to_ms
from storage.market import points
from storage.market.points import Points
from tests.storage import beside

if TYPE_CHECKING:
    from storage.engine.database import Store
    from tests.storage.stores import Stores


START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
EVER = {"start": START - 1000 * DAY, "end": START + 1000 * DAY}


def frame(at: datetime, step: timedelta, **columns: list[float]) -> pd.DataFrame:
    count = len(next(iter(columns.values())))
    return pd.DataFrame(columns, index=pd.date_range(at, periods=count, freq=pd.Timedelta(step)), dtype=float)


def bars(at: datetime = START, step: timedelta = HOUR, *, venue: str = "binance", **columns: list[float]) -> Points:
    return Points.of_frame(venue, "BTC", step, frame(at, step, **columns))


def levels(at: datetime = START, every: timedelta = HOUR, *, venue: str = "binance", **columns: list[float]) -> Points:
    return Points.of_frame(venue, "BTC", None, frame(at, every, **columns))


def read(store: Store, name: str, venue: str = "binance", **span: datetime) -> list[float | None]:
    return points.columns(store, "BTC", venue, [name], **{**EVER, **span})[2][name]


def everything(store: Store) -> list[tuple[object, ...]]:
    keys = {"bars": "asset, at", "levels": "asset, at", "spans": "asset, input"}
    return [
        tuple(row)
        for table, key in keys.items()
        for row in beside.rows(store, f"SELECT * FROM {table} ORDER BY {key}")  # noqa: S608 - ours
    ]


def test_values_come_back_in_the_order_of_time(store: Store) -> None:
    given_ = bars(close=[3.0, math.nan, 5.0], volume_usd=[1.0, 2.0, math.nan])
    shuffled = Points.of_frame("binance", "BTC", HOUR, given_.frame().iloc[[2, 0, 1]])
    assert points.write(store, [shuffled]) == 4
    times, steps, columns = points.columns(store, "BTC", "binance", ["close", "volume_usd"], **EVER)
    assert times == [to_ms(START + n * HOUR) for n in range(3)]
    assert steps == [3600] * 3
    assert columns == {"close": [3.0, None, 5.0], "volume_usd": [1.0, 2.0, None]}


def test_what_is_read_lies_from_the_start_up_to_the_end(store: Store) -> None:
    points.write(store, [levels(funding_rate=[1.0, 2.0, 3.0])])
    assert read(store, "funding_rate", start=START + HOUR, end=START + 2 * HOUR) == [2.0]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_the_unit_of_an_index_does_not_matter(store: Store, unit: str) -> None:
    made = levels(funding_rate=[1.0, 2.0])
    index = pd.DatetimeIndex(made.frame().index).as_unit(unit)
    points.write(store, [Points.of_frame("binance", "BTC", None, made.frame().set_axis(index))])
    assert points.span(store, "BTC", "funding_rate") == (START, START + HOUR)


def test_what_is_not_known_today_never_wipes_out_what_was_known(store: Store) -> None:
    points.write(store, [bars(close=[3.0, 4.0], volume_usd=[1.0, 2.0])])
    points.write(store, [bars(close=[math.nan, 6.0])])
    assert read(store, "close") == [3.0, 6.0]
    assert read(store, "volume_usd") == [1.0, 2.0]


def test_writing_twice_changes_nothing(store: Store) -> None:
    batch = [bars(close=[3.0, math.nan]), levels(fear_greed=[20.0, 25.0], funding_rate=[math.nan, 1e-4])]
    points.write(store, batch)
    once = everything(store)
    points.write(store, batch)
    assert everything(store) == once


@pytest.mark.parametrize(
    "empty",
    [
        pytest.param(bars(close=[math.nan, math.nan]), id="only NaN"),
        pytest.param(bars(close=[]), id="no row"),
        pytest.param(
            Points.of_frame("binance", "BTC", HOUR, frame(START, HOUR, unheard_of=[1.0])), id="no known column"
        ),
    ],
)
def test_nothing_known_is_nothing_written(store: Store, empty: Points) -> None:
    assert points.write(store, [empty]) == 0
    assert everything(store) == []


@pytest.mark.parametrize("name", ["it's", '"quoted"', "a'); DROP TABLE bars; --", "Größe", "?1", "%s"])
def test_any_name_comes_back_as_it_was(store: Store, name: str) -> None:
    points.write(store, [Points.of_frame(name, name, HOUR, frame(START, HOUR, close=[1.0]))])
    assert points.newest(store, name, "close") == points.Newest(START + HOUR, 1.0, name)
    assert points.columns(store, name, name, ["close"], **EVER)[2] == {"close": [1.0]}


def test_one_bad_batch_keeps_all_of_them_out(store: Store) -> None:
    bad = Points("binance", "BTC", HOUR, [to_ms(START)], {"close": ["no number"]})  # type: ignore[list-item] # the point
    with pytest.raises(ValueError):
        points.write(store, [bars(close=[1.0]), bad])
    assert everything(store) == []


# -- what is stored, without reading it -------------------------------------------------------------------------------


def test_a_bar_is_known_at_its_close_and_a_level_at_once(store: Store) -> None:
    points.write(store, [bars(close=[3.0, 4.0]), levels(funding_rate=[1e-4, 2e-4, math.nan])])
    assert points.newest(store, "BTC", "close") == points.Newest(START + 2 * HOUR, 4.0, "binance")
    assert points.newest(store, "BTC", "funding_rate") == points.Newest(START + HOUR, 2e-4, "binance")
    assert points.newest(store, "BTC", "high") is None
    assert points.newest(store, "ETH", "close") is None
    assert points.span(store, "BTC", "close") == (START, START + HOUR)
    assert points.span(store, "BTC", "high") is None


def test_the_newest_is_that_of_the_freshest_venue_and_step(store: Store) -> None:
    points.write(
        store,
        [
            bars(step=DAY, close=[1.0, 2.0]),  # known until START + 48 h
            bars(START + 47 * HOUR, close=[3.0, 4.0]),  # known until START + 49 h
            bars(START + 46 * HOUR, venue="all", close=[5.0]),
        ],
    )
    assert points.newest(store, "BTC", "close") == points.Newest(START + 49 * HOUR, 4.0, "binance")
    assert points.newest(store, "BTC", "close", "all") == points.Newest(START + 47 * HOUR, 5.0, "all")
    assert points.newest(store, "BTC", "close", "okx") is None
    assert points.venues_of(store, "BTC", "close") == ["all", "binance"]
    assert points.venues_of(store, "BTC", "volume_usd") == []


def test_assets_by_name(store: Store) -> None:
    points.write(
        store, [Points.of_frame("binance", asset, HOUR, frame(START, HOUR, close=[1.0])) for asset in ("SOL", "BTC")]
    )
    points.write(store, [Points.of_frame("alternative.me", "MARKET", None, frame(START, DAY, fear_greed=[20.0]))])
    assert points.assets(store) == ["BTC", "MARKET", "SOL"]


value = st.one_of(st.just(math.nan), st.floats(0.1, 1e6))
batch = st.builds(
    lambda venue, step, start, close, volume: bars(
        START + start * HOUR, step, venue=venue, close=close, volume_usd=[volume] * len(close)
    ),
    st.sampled_from(["binance", "all"]),
    st.sampled_from([HOUR, 4 * HOUR]),
    st.integers(-5, 5),
    st.lists(value, min_size=1, max_size=5),
    value,
)


@pytest.fixture(scope="module")
def shared(module_stores: Stores) -> Store:
    return module_stores()


@given(st.lists(batch, max_size=6))
def test_the_directory_agrees_with_the_rows(shared: Store, batches: list[Points]) -> None:
    """The directory is kept beside the rows, so it must say what a search through all of them would say."""
    for table in ("bars", "series"):
        beside.rows(shared, f"DELETE FROM {table}")  # noqa: S608 - ours
    for drawn in batches:
        points.write(shared, [drawn])
    for name in ("close", "volume_usd"):
        rows = beside.rows(
            shared,
            f"SELECT venue, step, min(at), max(at) FROM bars WHERE {name} IS NOT NULL "  # noqa: S608 - ours
            "GROUP BY venue, step ORDER BY venue, step",
        )
        told = [(e.venue, e.step, e.first, e.last) for e in points.stored(shared, "BTC", name)]
        assert told == [tuple(row) for row in rows]
