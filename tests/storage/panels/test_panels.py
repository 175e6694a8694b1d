"""From stored points to the grid: what is folded, carried, derived, and what stays unknown."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from signals.metric import metrics
from storage.market import points
from storage.market.points import Points
from storage.panels import panels

if TYPE_CHECKING:
    from signals.series import Panel
    from storage.engine.database import Store

NAN = math.nan
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 1, 5, tzinfo=UTC)


def keep(store: Store, step: timedelta | None, at: datetime, every: timedelta, venue: str = "binance", **named) -> None:
    count = len(next(iter(named.values())))
    frame = pd.DataFrame(named, index=pd.date_range(at, periods=count, freq=pd.Timedelta(every)), dtype=float)
    points.write(store, [Points.of_frame(venue, "BTC", step, frame)])


def column(store: Store, name: str, step: timedelta, rows: int, *, now: datetime | None = None) -> list[float]:
    panel = panels.panel(store, [name], ["BTC"], step=step, start=START, end=START + rows * step, now=now)
    return [float(value) for value in panel.values[name][:, 0]]


def equal(found: list[float], wanted: list[float]) -> bool:
    return bool(np.array_equal(found, wanted, equal_nan=True))


HOURS = [float(n) for n in range(1, 25)]


@pytest.mark.parametrize(
    ("hourly", "volume", "close"),
    [
        pytest.param(HOURS, 300.0, 24.0, id="complete"),
        pytest.param(HOURS[:23], NAN, 23.0, id="the last hour is missing"),
        pytest.param([NAN, *HOURS[1:]], NAN, 24.0, id="the first is missing"),
        pytest.param([*HOURS[:11], NAN, *HOURS[12:]], NAN, 24.0, id="one in the middle is missing"),
        pytest.param([NAN] * 24, NAN, NAN, id="all are missing"),
    ],
)
def test_a_day_of_hours(store: Store, hourly: list[float], volume: float, close: float) -> None:
    keep(store, HOUR, START, HOUR, volume_usd=hourly, close=hourly)
    assert equal(column(store, "volume_usd", DAY, 1), [volume])
    assert equal(column(store, "close", DAY, 1), [close])


def test_each_input_folds_in_its_own_way(store: Store) -> None:
    keep(store, HOUR, START, HOUR, open=HOURS, high=HOURS[::-1], low=HOURS[::-1], close=HOURS)
    assert [column(store, name, DAY, 1)[0] for name in ("open", "high", "low", "close")] == [1.0, 24.0, 1.0, 24.0]


def test_what_the_venue_itself_summed_is_taken_before_what_we_sum(store: Store) -> None:
    keep(store, HOUR, START, HOUR, volume_usd=HOURS * 2)
    keep(store, DAY, START + DAY, DAY, volume_usd=[301.0])
    assert column(store, "volume_usd", DAY, 2) == [300.0, 301.0]
    assert equal(column(store, "volume_usd", HOUR, 2), [1.0, 2.0])  # a day says nothing about its hours


def test_a_level_is_the_last_one_of_its_row(store: Store) -> None:
    keep(store, None, START, 20 * MINUTE, open_interest_usd=[1.0, 2.0, NAN, 4.0])
    assert equal(column(store, "open_interest_usd", HOUR, 3), [2.0, 4.0, NAN])


@pytest.mark.parametrize(
    ("rows", "wanted"),
    [
        pytest.param(8, [1e-4] * 8, id="until the next settlement is due"),
        pytest.param(10, [1e-4] * 8 + [NAN] * 2, id="and not beyond"),
    ],
)
def test_a_funding_rate_rules_its_interval(store: Store, rows: int, wanted: list[float]) -> None:
    keep(store, None, START, 8 * HOUR, funding_rate=[1e-4])
    assert equal(column(store, "funding_rate", HOUR, rows), wanted)


def test_a_funding_rate_from_before_the_grid_rules_into_it(store: Store) -> None:
    keep(store, None, START - 3 * HOUR, 8 * HOUR, funding_rate=[1e-4])
    assert equal(column(store, "funding_rate", HOUR, 6), [1e-4] * 5 + [NAN])


NOW = START + 2 * HOUR + 30 * MINUTE


@pytest.mark.parametrize(
    ("name", "step", "at", "last"),
    [
        pytest.param("close", HOUR, START + HOUR, 5.0, id="the last close is fresh"),
        pytest.param("volume_usd", HOUR, START + HOUR, NAN, id="a part of a flow is no flow"),
        pytest.param("open_interest_usd", None, NOW - 10 * MINUTE, 5.0, id="a fresh level"),
        pytest.param("open_interest_usd", None, NOW - 40 * MINUTE, NAN, id="a level of the row before, stale"),
        pytest.param("open_interest_usd", None, NOW + MINUTE, NAN, id="a level from the future"),
    ],
)
def test_the_unfinished_row(store: Store, name: str, step: timedelta | None, at: datetime, last: float) -> None:
    keep(store, step, at, HOUR, **{name: [5.0]})
    found = column(store, name, HOUR, 2, now=NOW)
    assert len(found) == 3
    assert equal(found[-1:], [last])


def test_without_a_time_only_whole_rows_are_read(store: Store) -> None:
    keep(store, HOUR, START, HOUR, close=HOURS)
    panel = panels.panel(store, ["close"], ["BTC"], step=DAY, start=START, end=START + 47 * HOUR)
    assert panel.values["close"].tolist() == [[24.0]]
    assert list(panel.at) == [START]


def test_dollars_and_coins_stand_in_for_each_other_by_the_price_of_the_same_row(store: Store) -> None:
    keep(store, HOUR, START, HOUR, close=[10.0, 20.0, NAN])
    keep(store, None, START, HOUR, open_interest_usd=[100.0, 100.0, 100.0])
    names = ["open_interest_usd", "open_interest_coin", "close"]
    panel = panels.panel(store, names, ["BTC"], step=HOUR, start=START, end=START + 3 * HOUR)
    assert equal(panel.values["open_interest_coin"][:, 0].tolist(), [10.0, 5.0, NAN])
    assert panel.derived == {("open_interest_coin", "BTC")}
    keep(store, None, START, HOUR, open_interest_coin=[9.0])
    panel = panels.panel(store, names, ["BTC"], step=HOUR, start=START, end=START + 3 * HOUR)
    assert equal(panel.values["open_interest_coin"][:, 0].tolist(), [9.0, NAN, NAN])  # given once, it is never mixed
    assert panel.derived == frozenset()


@pytest.mark.parametrize(
    ("stored", "speaks"),
    [
        pytest.param({"binance": (START, 40), "all": (START, 48)}, "all", id="the fuller one"),
        pytest.param({"binance": (START, 20), "all": (START + 18 * HOUR, 30)}, "all", id="one that goes on"),
        pytest.param({"binance": (START - 60 * DAY, 47 + 60 * 24), "all": (START, 48)}, "all", id="in this span"),
        pytest.param({"all": (START + 60 * DAY, 400), "binance": (START, 2)}, "binance", id="not one from later"),
        pytest.param({"okx": (START, 1)}, "okx", id="the only one"),
    ],
)
def test_one_venue_speaks_for_a_span(store: Store, stored: dict[str, tuple[datetime, int]], speaks: str) -> None:
    for number, (venue, (at, count)) in enumerate(stored.items(), 1):
        keep(store, HOUR, at, HOUR, venue, close=[float(number)] * count)
    panel = panels.panel(store, ["close"], ["BTC"], step=HOUR, start=START, end=START + 2 * DAY)
    assert panel.scope == {("close", "BTC"): (speaks,)}
    spoken = {value for value in panel.values["close"][:, 0].tolist() if not math.isnan(value)}
    assert spoken == {float([*stored].index(speaks) + 1)}


@pytest.mark.parametrize(
    ("name", "every"),
    [
        pytest.param("funding_rate", {"binance": 8 * HOUR, "hyperliquid": HOUR}, id="a rate holds for hours"),
        pytest.param("mark_price", {"binance": HOUR, "okx": MINUTE}, id="finer points"),
    ],
)
def test_who_is_asked_more_often_does_not_know_more(store: Store, name: str, every: dict[str, timedelta]) -> None:
    for venue, apart in every.items():
        keep(store, None, START, apart, venue, **{name: [1.0] * round(2 * DAY / apart)})
    panel = panels.panel(store, [name], ["BTC"], step=HOUR, start=START, end=START + 2 * DAY)
    assert panel.scope == {(name, "BTC"): ("binance",)}


def test_one_asset_without_data_is_unknown_beside_the_others(store: Store) -> None:
    keep(store, HOUR, START, HOUR, close=[1.0, 2.0])
    panel = panels.panel(store, ["close"], ["ETH", "BTC"], step=HOUR, start=START, end=START + 2 * HOUR)
    assert equal(panel.values["close"][:, 0].tolist(), [NAN, NAN])
    assert panel.values["close"][:, 1].tolist() == [1.0, 2.0]


HOURLY, DAILY = metrics()["oi_zscore"], metrics()["oi_drawdown"]


@pytest.mark.parametrize(
    ("every", "step"),
    [
        pytest.param(5 * MINUTE, HOUR, id="finer than the metric"),
        pytest.param(HOUR, HOUR, id="as fine"),
        pytest.param(8 * HOUR, DAY, id="coarser"),
        pytest.param(DAY, DAY, id="daily"),
    ],
)
def test_a_metric_is_judged_as_finely_as_its_data_allow(store: Store, every: timedelta, step: timedelta) -> None:
    keep(store, None, START, every, open_interest_usd=[1.0] * 50, open_interest_coin=[1.0] * 50)
    end = START + 50 * every
    assert panels.step_for(store, HOURLY, "BTC", START, end) == step
    assert panels.step_for(store, DAILY, "BTC", START, end) == DAY


def test_bars_say_themselves_how_fine_they_are(store: Store) -> None:
    price = metrics()["price_drawdown"]
    keep(store, DAY, START, DAY, close=[1.0] * 30)
    assert panels.step_for(store, price, "BTC", START, START + 30 * DAY) == DAY
    keep(store, HOUR, START + 30 * DAY, HOUR, close=[1.0])
    assert panels.step_for(store, price, "BTC", START, START + 30 * DAY) == DAY  # what comes later is not known yet
    assert panels.step_for(store, price, "BTC", START, START + 31 * DAY) == HOUR


@pytest.mark.parametrize("hour", range(1, 9))
def test_a_rate_settled_each_hour_is_no_fuller_than_one_each_eight_hours(store: Store, hour: int) -> None:
    keep(store, None, START - 2 * DAY, 8 * HOUR, "binance", funding_rate=[8.0] * 8)
    keep(store, None, START - 2 * DAY, HOUR, "hyperliquid", funding_rate=[1.0] * 58)
    start = START + (hour - 1) * HOUR
    panel = panels.panel(store, ["funding_rate"], ["BTC"], step=HOUR, start=start, end=start + 2 * HOUR)
    assert panel.scope == {("funding_rate", "BTC"): ("binance",)}


def test_settled_funding_is_hourly_because_it_is_in_force(store: Store) -> None:
    keep(store, None, START, 8 * HOUR, funding_rate=[1e-4] * 30, funding_interval_hours=[8.0] * 30)
    assert panels.step_for(store, metrics()["funding_stretch"], "BTC", START, START + 10 * DAY) == HOUR


@pytest.mark.parametrize(
    ("name", "step", "every", "closed", "used"),
    [
        pytest.param(
            "mark_price", None, MINUTE, START + 6 * HOUR, START + 239 * MINUTE, id="all came before the close"
        ),
        pytest.param("mark_price", None, MINUTE, START + HOUR, START + 59 * MINUTE, id="a level before the close"),
        pytest.param("close", HOUR, HOUR, START + 3 * HOUR, START + 3 * HOUR, id="the bar that closes with the row"),
        pytest.param("mark_price", None, MINUTE, START - 2 * HOUR, START - 3 * HOUR, id="none: the row's opening"),
    ],
)
def test_what_a_row_could_use(
    store: Store, name: str, step: timedelta | None, every: timedelta, closed: datetime, used: datetime
) -> None:
    keep(store, step, START, every, **{name: [1.0] * (240 if every == MINUTE else 4)})
    assert panels.used_at(store, "BTC", name, ["binance"], opened=closed - HOUR, closed=closed) == used


def test_of_a_sum_the_oldest_part_counts(store: Store) -> None:
    for venue, minutes in (("binance", 50), ("okx", 20)):
        keep(store, None, START, MINUTE, venue, open_interest_usd=[1.0] * minutes)
    oldest = panels.used_at(store, "BTC", "open_interest_usd", ["binance", "okx"], opened=START, closed=START + HOUR)
    assert oldest == START + 19 * MINUTE


def turned_over(store: Store, rows: int = 3) -> Panel:
    metric = metrics()["oi_turnover"]
    return panels.of(store, metric, ["BTC"], step=DAY, start=START, end=START + rows * DAY)


@pytest.mark.parametrize(
    ("stored", "volume", "open_usd", "venues"),
    [
        pytest.param({"binance": (3, 3), "okx": (3, 3)}, 10.0, 100.0, ("binance",), id="of two the main one"),
        pytest.param({"binance": (3, 0), "okx": (3, 3)}, 30.0, 300.0, ("okx",), id="the one that tells both"),
        pytest.param({"binance": (3, 1), "okx": (3, 3)}, 30.0, 300.0, ("okx",), id="who tells both for longer"),
        pytest.param({"binance": (3, 0), "okx": (0, 3)}, NAN, NAN, (), id="no venue tells both"),
    ],
)
def test_what_is_compared_is_of_one_venue(
    store: Store, stored: dict[str, tuple[int, int]], volume: float, open_usd: float, venues: tuple[str, ...]
) -> None:
    """Open interest as such is a sum of both, and volume that of one of them."""
    for scale, (venue, (bars, levels)) in zip((1.0, 3.0), stored.items(), strict=True):
        if bars:
            keep(store, DAY, START, DAY, venue, volume_usd=[10.0 * scale] * bars)
        if levels:
            keep(store, None, START, DAY, venue, open_interest_usd=[100.0 * scale] * levels)
    found = turned_over(store)
    assert equal(found.values["volume_usd"][2].tolist(), [volume])
    assert equal(found.values["open_interest_usd"][2].tolist(), [open_usd])
    assert found.venues("BTC", metrics()["oi_turnover"].needs) == venues


def test_another_venue_that_tells_all_of_it_stands_in_at_the_scale_of_the_first(store: Store) -> None:
    keep(store, DAY, START, DAY, volume_usd=[*[10.0] * 10, NAN, 10.0])
    keep(store, None, START, DAY, open_interest_usd=[100.0] * 12)
    keep(store, DAY, START, DAY, "okx", volume_usd=[*[40.0] * 10, 60.0, 40.0])
    keep(store, None, START, DAY, "okx", open_interest_usd=[200.0] * 12)
    found = turned_over(store, 12)
    assert found.values["volume_usd"][9:, 0] == pytest.approx([10, 15, 10])
    assert found.values["open_interest_usd"][:, 0] == pytest.approx([100] * 12)
    assert [found.stood_in("BTC", ["volume_usd"], row) for row in (9, 10)] == [(), ("binance",)]


def test_what_is_derived_comes_from_where_that_comes_from_which_it_is_derived(store: Store) -> None:
    keep(store, DAY, START, DAY, close=[4.0])
    keep(store, None, START, DAY, "all", open_interest_usd=[100.0])
    names = ["open_interest_coin", "open_interest_usd", "close"]
    found = panels.panel(store, names, ["BTC"], step=DAY, start=START, end=START + DAY)
    assert found.venues("BTC", ["open_interest_coin"]) == ("all",)


def test_both_sides_of_liquidations_are_told_by_one_venue(store: Store) -> None:
    keep(store, HOUR, START, HOUR, liquidated_longs_usd=[*[10.0] * 11, NAN], liquidated_shorts_usd=[5.0] * 12)
    keep(store, HOUR, START, HOUR, "okx", liquidated_longs_usd=[20.0] * 12, liquidated_shorts_usd=[50.0] * 12)
    names = ["liquidated_longs_usd", "liquidated_shorts_usd"]
    found = panels.panel(store, names, ["BTC"], step=HOUR, start=START, end=START + 12 * HOUR)
    assert [found.stood_in("BTC", [name], 11) for name in names] == [("binance",)] * 2
    assert [float(found.values[name][11, 0]) for name in names] == pytest.approx([10, 5])


# --- what cannot be parted, and what is of the whole market -----------------------------------------------------------


OKX = {"mark_price": [204.0] * 12, "index_price": [200.0] * 12}


@pytest.mark.parametrize(
    ("binance", "okx", "premium"),
    [
        pytest.param(
            {"mark_price": [101.0] * 12, "index_price": [100.0] * 12}, OKX, [0.01] * 12, id="the usual one tells both"
        ),
        pytest.param({"mark_price": [101.0] * 12}, OKX, [0.02] * 12, id="who knows one of them says nothing"),
        pytest.param(
            {"mark_price": [101.0] * 6 + [NAN] + [101.0] * 5, "index_price": [100.0] * 12},
            OKX,
            [0.01] * 6 + [0.02] + [0.01] * 5,
            id="who stands in does so with both, and at its own premium",
        ),
        pytest.param({"mark_price": [101.0] * 12}, {"index_price": [100.0] * 12}, [NAN] * 12, id="nobody knows both"),
    ],
)
def test_a_premium_is_of_one_venue(
    store: Store, binance: dict[str, list[float]], okx: dict[str, list[float]], premium: list[float]
) -> None:
    for venue, columns in (("binance", binance), ("okx", okx)):
        keep(store, None, START, HOUR, venue, **columns)
    names = ["mark_price", "index_price"]
    panel = panels.panel(store, names, ["BTC"], step=HOUR, start=START, end=START + 12 * HOUR)
    mark, index = (panel.values[name][:, 0] for name in names)
    np.testing.assert_allclose(mark / index - 1, premium, atol=1e-12)


def test_what_is_of_the_whole_market_is_read_by_whoever_asks(store: Store) -> None:
    times = [round((START + n * DAY).timestamp() * 1000) for n in range(3)]
    points.write(store, [Points("defillama", "MARKET", None, times, {"stablecoin_supply_usd": [1e9, 2e9, 3e9]})])
    keep(store, DAY, START, DAY, close=[9.0, 8.0, 7.0])
    names = ["stablecoin_supply_usd", "close"]
    panel = panels.panel(store, names, ["BTC", "MARKET"], step=DAY, start=START, end=START + 3 * DAY)
    assert panel.values["stablecoin_supply_usd"].tolist() == [[1e9, 1e9], [2e9, 2e9], [3e9, 3e9]]
    assert panel.venues("BTC", names) == ("defillama", "binance")
    assert equal(panel.values["close"][:, 1].tolist(), [NAN] * 3)
