"""Small and large frames go in by different statements, alone or together: what is stored must not tell which."""

from __future__ import annotations

import functools
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from signals.inputs import LEVELS
from signals.units import to_ms
from storage.market import points
from storage.market.points import Points, Snapshot
from tests.examples import examples
from tests.storage import beside

if TYPE_CHECKING:
    from storage.engine.database import Store
    from tests.storage.stores import Stores

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


def test_columns_of_the_same_rows_are_one_row(store: Store) -> None:
    """Coins and dollars, or three ratios, come apart: what knows a row in one of them is kept beside the others."""
    some = [math.nan if place % 2 else float(place + 1) for place in range(200)]
    times = [to_ms(START) + place * 3_600_000 for place in range(200)]
    given_ = [
        Points("okx", "BTC", None, times, {"open_interest_coin": [1.0] * 200}),
        # of one input the later one wins, where it knows anything
        Points("okx", "BTC", None, times, {"index_price": [4.0] * 200, "open_interest_coin": [2.0] * 199 + [math.nan]}),
        Points("okx", "BTC", None, times, {"long_short_accounts": [5.0] * 200}),
        Points("okx", "BTC", None, times, {"open_interest_usd": some}),
        Points("okx", "BTC", None, times[:150], {"mark_price": [3.0] * 150}),
    ]
    assert points.write(store, given_) == 200 + 399 + 200 + 100 + 150
    query = "SELECT open_interest_coin, open_interest_usd, mark_price FROM levels ORDER BY at"
    known = [(2.0, None if place % 2 else place + 1.0, 3.0 if place < 150 else None) for place in range(200)]
    known[-1] = (1.0, *known[-1][1:])
    assert [tuple(row) for row in beside.rows(store, query)] == known
    assert {row[0] for row in beside.rows(store, "SELECT long_short_accounts FROM levels")} == {5.0}
    spans = beside.rows(store, "SELECT input, last FROM spans ORDER BY input")
    assert [tuple(row) for row in spans] == [
        ("index_price", times[199]), ("long_short_accounts", times[199]), ("mark_price", times[149]),
        ("open_interest_coin", times[199]), ("open_interest_usd", times[198]),
    ]  # fmt: skip


def test_histories_of_other_lengths_are_one_row_an_hour_beside_what_is_live(store: Store) -> None:
    """Open interest is kept for longer than ratios, and an hour of either is written once, with what both say of it."""
    times = [to_ms(START) + place * 3_600_000 for place in range(200)]
    level = functools.partial(Points, "okx", "BTC", None)
    given_ = [
        level(times[-1:], {"open_interest_coin": [9.0]}),  # live, before its history: the history comes later, and wins
        level(times, {"open_interest_coin": [1.0] * 200}),
        level(times[20:150], {"long_short_accounts": [2.0] * 130}),
        level(times[50:], {"open_interest_usd": [3.0] * 150}),
        level(times[:1], {"long_short_accounts": [8.0], "open_interest_coin": [8.0]}),  # and this one after it
    ]
    assert points.write(store, given_) == 1 + 200 + 130 + 150 + 2
    query = "SELECT open_interest_coin, long_short_accounts, open_interest_usd FROM levels ORDER BY at"
    assert [tuple(row) for row in beside.rows(store, query)] == [
        (1.0 if place else 8.0, 8.0 if not place else 2.0 if 20 <= place < 150 else None, 3.0 if place >= 50 else None)
        for place in range(200)
    ]


def test_of_many_that_go_on_to_one_time_those_that_do_not_are_noted(store: Store) -> None:
    first, later = to_ms(START), to_ms(START) + MINUTE_MS
    assets = ["BTC", "ETH", "SOL"]
    points.write(store, [Points("okx", asset, None, [first], {"mark_price": [1.0]}) for asset in assets])
    points.write(store, [Points("okx", "ETH", None, [later], {"mark_price": [1.0]})])
    points.write(store, [Points("okx", asset, None, [later], {"mark_price": [2.0]}) for asset in assets])
    ends = beside.rows(store, "SELECT asset, first, last FROM spans ORDER BY asset")
    assert [tuple(row) for row in ends] == [(asset, first, later) for asset in assets]
    notes = beside.rows(store, "SELECT asset, first, last FROM rewritten")
    assert [tuple(row) for row in notes] == [("ETH", later, later)]


MINUTE_MS = 60_000
COLUMNS = {"bars": ("close", "volume_usd"), "levels": ("mark_price", "open_interest_usd", "funding_rate")}
some_values = st.floats(1, 1e6) | st.just(math.nan)


@st.composite
def given_points(draw: st.DrawFn) -> Points:
    kind = draw(st.sampled_from(sorted(COLUMNS)))
    names = draw(st.lists(st.sampled_from(COLUMNS[kind]), min_size=1, unique=True))
    first, count = draw(st.integers(0, 20)), draw(st.sampled_from([1, 1, 1, 2, 3, 120]))
    times = [to_ms(START) + (first + place) * MINUTE_MS for place in range(count)]
    columns = {name: draw(st.lists(some_values, min_size=count, max_size=count)) for name in names}
    step = HOUR if kind == "bars" else None
    return Points(
        draw(st.sampled_from(["binance", "okx"])), draw(st.sampled_from(["BTC", "ETH"])), step, times, columns
    )


@pytest.mark.slow
@given(st.lists(st.lists(given_points(), min_size=1, max_size=6), min_size=1, max_size=4))
@examples(
    60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
)
def test_rows_directory_and_notes_are_those_of_the_definition(stores: Stores, writes: list[list[Points]]) -> None:
    with stores.one() as store:
        rows: dict[tuple[str, str, str, int], dict[str, float]] = {}
        series: dict[tuple[str, str, str, int], tuple[int, int]] = {}
        notes: set[tuple[str, str, int, int]] = set()
        for batches in writes:
            assert points.write(store, batches) == sum(one.count() for one in batches)
            written: dict[tuple[str, str, str, int], list[int]] = {}
            for one in batches:
                step = 3600 if one.step else 0
                for place, at in enumerate(one.times):
                    for name, value in one.row(place).items():
                        if not math.isnan(value):
                            rows.setdefault(("bars" if step else "levels", one.asset, one.venue, at), {})[name] = value
                            written.setdefault((one.asset, name, one.venue, step), []).append(at)
            for key, times in written.items():
                first, last = min(times), max(times)
                before = series.get(key)
                if before and before[1] >= first:
                    notes.add((key[0], key[2], first, last))
                series[key] = (min(first, before[0]), max(last, before[1])) if before else (first, last)
        for table, names in COLUMNS.items():
            query = f"SELECT asset, venue, at, {', '.join(names)} FROM {table}"  # noqa: S608 - ours
            found = {(table, *row[:3]): dict(zip(names, row[3:], strict=True)) for row in beside.rows(store, query)}
            known = {key: {n: v for n, v in row.items() if v is not None} for key, row in found.items()}
            assert known == {key: row for key, row in rows.items() if key[0] == table}
        stored = beside.rows(store, "SELECT asset, input, venue, step, first, last FROM spans")
        assert {tuple(row[:4]): tuple(row[4:]) for row in stored} == series
        assert {tuple(row) for row in beside.rows(store, "SELECT asset, venue, first, last FROM rewritten")} == notes


@st.composite
def given_snapshot(draw: st.DrawFn) -> Snapshot:
    names = draw(st.lists(st.sampled_from(COLUMNS["levels"]), min_size=1, unique=True))
    assets = draw(st.lists(st.sampled_from(["BTC", "ETH", "SOL"]), min_size=1, unique=True))
    times = [to_ms(START) + minute * MINUTE_MS for minute in draw(st.tuples(*[st.integers(0, 20)] * len(assets)))]
    columns = {name: list(draw(st.tuples(*[st.floats(1, 1e6)] * len(assets)))) for name in names}
    return Snapshot(draw(st.sampled_from(["binance", "okx"])), assets, times, columns)


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.lists(given_snapshot(), max_size=4), st.lists(given_points(), max_size=3)), max_size=4),
)
@examples(
    60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]
)
def test_a_snapshot_is_stored_as_its_assets_would_be(
    stores: Stores, writes: list[tuple[list[Snapshot], list[Points]]]
) -> None:
    queries = (
        "SELECT * FROM levels ORDER BY asset, venue, at",
        "SELECT * FROM spans ORDER BY asset, input, venue, step",
        "SELECT DISTINCT asset, venue, first, last FROM rewritten ORDER BY asset, venue, first, last",
    )
    with stores.one() as store, stores.one() as other:
        for snapshots, batches in writes:
            singly = [one.of(place) for one in snapshots for place in range(len(one))]
            assert points.write(store, batches, snapshots) == points.write(other, [*singly, *batches])
        for query in queries:
            found, meant = ([tuple(row) for row in beside.rows(one, query)] for one in (store, other))
            assert found == meant
