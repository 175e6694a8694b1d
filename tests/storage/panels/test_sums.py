from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from storage.market import points
from storage.market.points import Points
from storage.panels import panels, sums
from tests.examples import examples

if TYPE_CHECKING:
    from storage.engine.database import Store
    from tests.storage.stores import Stores

START = datetime(2026, 10, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROWS = 31 * 24
END = START + ROWS * HOUR
VENUES = {"binance": 8e9, "bybit": 5e9, "okx": 3e9, "hyperliquid": 4e9}
NAN = float("nan")


def keep(store: Store, venue: str, values: list[float], name: str = "open_interest_usd") -> None:
    index = pd.date_range(START, periods=len(values), freq="h", name="at")
    points.write(store, [Points.of_frame(venue, "BTC", None, pd.DataFrame({name: values}, index=index, dtype=float))])


def total(store: Store, rows: int = ROWS) -> sums.Total:
    return sums.total(store, "BTC", "open_interest_usd", step=HOUR, start=END - rows * HOUR, end=END)


@pytest.fixture
def four(stores: Stores) -> Store:
    store = stores()
    for venue, usd in VENUES.items():
        keep(store, venue, [usd] * ROWS)
    return store


def test_all_of_them(four: Store) -> None:
    found = total(four)
    assert set(found.members) == set(VENUES)
    assert (set(found.values), found.left_out, found.coverage) == ({20e9}, {}, 1.0)


@pytest.mark.parametrize("name", VENUES)
@pytest.mark.parametrize(
    ("alive", "why"),
    [
        pytest.param(slice(0, ROWS - 1), "ended", id="down in the last hour"),
        pytest.param(slice(0, ROWS - 30), "ended", id="down for a day"),
        pytest.param(slice(ROWS - 48, ROWS), "begins", id="added two days ago"),
    ],
)
def test_a_venue_that_comes_or_goes_is_no_move(stores: Stores, name: str, alive: slice, why: str) -> None:
    store = stores()
    for venue, usd in VENUES.items():
        values = np.full(ROWS, NAN if venue == name else usd)
        values[alive] = usd
        keep(store, venue, values.tolist())
    found = total(store)
    assert found.left_out == {name: why}
    assert set(found.values) == {20e9 - VENUES[name]}  # no fall, no rise
    assert found.coverage == pytest.approx(1 - VENUES[name] / 20e9)


def test_a_fall_is_no_missing_venue(stores: Stores) -> None:
    store = stores()
    for venue, usd in VENUES.items():
        keep(store, venue, [usd] * (ROWS - 24) + [usd * 0.6] * 24)
    found = total(store)
    assert found.coverage == 1.0
    assert found.values[-1] / found.values[0] == pytest.approx(0.6)


def test_a_short_hole_is_unknown_and_a_long_one_costs_membership(stores: Stores) -> None:
    store = stores()
    keep(store, "binance", [8.0] * ROWS)
    keep(store, "bybit", [5.0] * 100 + [NAN] * 3 + [5.0] * (ROWS - 103))
    keep(store, "okx", [3.0] * 100 + [NAN] * 50 + [3.0] * (ROWS - 150))
    found = total(store)
    assert found.members == ("binance", "bybit")
    assert found.left_out == {"okx": "holes"}
    assert np.isnan(found.values).sum() == 3
    assert set(found.values[~np.isnan(found.values)]) == {13.0}


def test_our_own_silence_costs_nobody_membership(stores: Stores) -> None:
    store = stores()
    for venue in VENUES:
        keep(store, venue, [1.0] * 100 + [NAN] * 90 + [1.0] * (ROWS - 190))
    found = total(store)
    assert len(found.members) == 4
    assert np.isnan(found.values).sum() == 90


def test_what_is_summed_already_is_not_mixed_in(four: Store) -> None:
    keep(four, "all", [90e9] * ROWS)
    assert set(total(four).values) == {20e9}


def test_nothing_known(stores: Stores) -> None:
    store = stores()
    with store.write():
        pass
    found = total(store, 5)
    assert (found.members, found.coverage, len(found.values)) == ((), None, 5)
    with pytest.raises(ValueError, match="cannot be summed"):
        sums.total(store, "BTC", "close", step=HOUR, start=START, end=END)


@examples(25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(holes=st.dictionaries(st.sampled_from(list(VENUES)), st.tuples(st.integers(0, 99), st.integers(1, 100))))
def test_no_silence_makes_a_move(stores: Stores, holes: dict[str, tuple[int, int]]) -> None:
    with stores.one() as store:
        for venue, usd in VENUES.items():
            values = np.full(100, usd)
            if venue in holes:
                begin, length = holes[venue]
                values[begin : begin + length] = NAN
            keep(store, venue, values.tolist())
        found = sums.total(store, "BTC", "open_interest_usd", step=HOUR, start=START, end=START + 100 * HOUR)
        known = found.values[~np.isnan(found.values)]
        assert len(set(known)) <= 1
        store.close()


@pytest.mark.parametrize(
    ("counts", "speaks"),
    [
        pytest.param({"okx": 100, "binance": 95, "bybit": 100}, "binance", id="about as full: Binance every time"),
        pytest.param({"okx": 100, "binance": 40}, "okx", id="much fuller"),
        pytest.param({"okx": 100, "bybit": 97}, "bybit", id="the next in the order"),
    ],
)
def test_who_speaks_does_not_change_with_a_few_points(stores: Stores, counts: dict[str, int], speaks: str) -> None:
    store = stores()
    for venue, count in counts.items():
        keep(store, venue, [NAN] * (100 - count) + [1.0] * count, "mark_price")
    panel = panels.panel(store, ["mark_price"], ["BTC"], step=HOUR, start=START, end=START + 100 * HOUR)
    assert panel.scope["mark_price", "BTC"] == (speaks,)


def test_the_newest_figure_does_not_change_its_venue_by_the_second(stores: Stores) -> None:
    store = stores()
    for venue, late in (("hyperliquid", 0), ("okx", 20), ("binance", 50)):
        at = pd.DatetimeIndex([END - timedelta(seconds=late)], name="at")
        points.write(
            store, [Points.of_frame(venue, "BTC", None, pd.DataFrame({"funding_rate": [late / 1e5]}, index=at))]
        )
    found = points.newest(store, "BTC", "funding_rate")
    assert found
    assert (found.venue, found.value) == ("binance", 0.0005)
    at = pd.DatetimeIndex([END + timedelta(minutes=30)], name="at")
    points.write(store, [Points.of_frame("okx", "BTC", None, pd.DataFrame({"funding_rate": [0.001]}, index=at))])
    found = points.newest(store, "BTC", "funding_rate")
    assert found
    assert found.venue == "okx"  # Binance has been silent for half an hour
