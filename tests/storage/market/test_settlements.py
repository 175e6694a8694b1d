"""Funding as it was settled, in a table of its own, and read together with what was announced."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive.importing import read_file
from bot.archive.importing.tables import keep
from signals.liquidation.funding import PastRate
from signals.units import HOUR_MS, MINUTE_MS, from_ms, to_ms
from storage.engine import settings
from storage.engine.sqlite import migrations
from storage.market import history, points, settlements
from storage.market.points import Points
from storage.market.settlements import Settled
from storage.panels.panels import panel
from tests.storage import beside
from tests.storage.engine.dumping import restore

if TYPE_CHECKING:
    from pathlib import Path

    from storage.engine.database import Store
    from tests.storage.stores import Stores

HOUR = timedelta(hours=1)
EIGHT = datetime(2026, 11, 22, 8, tzinfo=UTC)
NOW = EIGHT + 4 * HOUR
NAN = float("nan")


def rates(
    *rows: tuple[datetime, float, float], venue: str = "binance", settled: bool = False, mark: float = NAN
) -> Points:
    columns = {"funding_rate": [row[1] for row in rows], "funding_interval_hours": [row[2] for row in rows]}
    if not settled:
        columns["mark_price"] = [mark] * len(rows)
    index = pd.DatetimeIndex([row[0] for row in rows], name="at")
    return Points.of_frame(venue, "BTC", None, pd.DataFrame(columns, index=index), settled)


def kept(store: Store) -> list[tuple[datetime, float, float | None]]:
    rows = settlements.within(store, "BTC", "binance", start=0, end=to_ms(NOW))
    return [(from_ms(row.at), row.rate, row.hours) for row in rows]


def test_what_is_settled_is_no_level_and_what_is_announced_no_settlement(store: Store) -> None:
    late = EIGHT + timedelta(milliseconds=7)
    points.write(store, [rates((late, 1e-4, 8.0), settled=True), rates((EIGHT + 3 * HOUR, 2e-4, 8.0), mark=9e4)])
    assert kept(store) == [(late, 1e-4, 8.0)]
    assert beside.rows(store, "SELECT at FROM levels") == [(to_ms(EIGHT + 3 * HOUR),)]


def test_a_settlement_that_comes_again_is_one(store: Store) -> None:
    points.write(store, [rates((EIGHT, 1e-4, 8.0), settled=True)])
    points.write(store, [rates((EIGHT, 3e-4, NAN), settled=True)])
    assert kept(store) == [(EIGHT, 3e-4, 8.0)], "an interval that is not told wipes out none that is known"
    assert points.write(store, [rates((EIGHT + HOUR, NAN, 8.0), settled=True)]) == 0, "no rate, no settlement"
    assert points.span(store, "BTC", "funding_rate") == (EIGHT, EIGHT)


# --- both are one series to whoever reads it --------------------------------------------------------------------------

rows_of_rates = st.lists(
    st.tuples(st.integers(0, 40), st.booleans(), st.floats(-0.01, 0.01).filter(bool), st.sampled_from([1.0, 8.0, NAN])),
    min_size=1,
    max_size=25,
    unique_by=lambda row: row[0],
)


@pytest.fixture(scope="module")
def shared(module_stores: Stores) -> tuple[Store, Store]:
    return module_stores(), module_stores()


@pytest.mark.slow
@given(rows_of_rates)
def test_reading_is_the_same_wherever_a_rate_stands(
    shared: tuple[Store, Store], rows: list[tuple[int, bool, float, float]]
) -> None:
    """A store that keeps settlements apart answers as one that keeps every rate among the levels."""
    apart, together = shared
    for made in shared:
        settings.settings_of(made, "")  # made
        for table in ("levels", "settlements", "series"):
            beside.rows(made, f"DELETE FROM {table}")  # noqa: S608 - ours
    for place, settled, rate, hours in rows:
        at = EIGHT + place * timedelta(minutes=20)
        points.write(apart, [rates((at, rate, hours), settled=settled)])
        points.write(together, [rates((at, rate, hours))])
    end = EIGHT + 15 * HOUR
    for name in settlements.RATES:
        assert points.stored(apart, "BTC", name) == points.stored(together, "BTC", name)
        assert points.newest(apart, "BTC", name) == points.newest(together, "BTC", name)
        for start in (EIGHT, EIGHT + 5 * HOUR):
            span = {"start": start, "end": end}
            asked = ("BTC", "binance", name)
            assert points.last_times(apart, *asked, **span, most=5) == points.last_times(
                together, *asked, **span, most=5
            )
            for length in (HOUR, 8 * HOUR):
                assert points.count(apart, *asked, **span, apart=length) == points.count(
                    together, *asked, **span, apart=length
                )
            for series in points.stored(apart, "BTC", name):
                assert points.last_before(apart, "BTC", name, series, start) == points.last_before(
                    together, "BTC", name, series, start
                )
    grids = [
        panel(made, list(settlements.RATES), ["BTC"], step=HOUR, start=EIGHT, end=end, now=end).values
        for made in shared
    ]
    for name, column in grids[0].items():
        np.testing.assert_array_equal(column, grids[1][name])
    written = [
        [value for part in history.parts(made)[0] for page in history.values(made, part) for value in page]
        for made in shared
    ]
    assert written[0] == written[1]


def test_at_one_time_what_was_settled_counts(store: Store) -> None:
    points.write(store, [rates((EIGHT, 2e-4, 4.0), mark=9e4), rates((EIGHT, 1e-4, 8.0), settled=True)])
    newest = points.newest(store, "BTC", "funding_rate")
    assert newest is not None
    assert newest.value == 1e-4
    names = ["mark_price", "funding_rate", "funding_interval_hours"]
    times, _, columns = points.columns(store, "BTC", "binance", names, start=EIGHT, end=NOW)
    assert (times, columns) == (
        [to_ms(EIGHT)],
        {"mark_price": [9e4], "funding_rate": [1e-4], "funding_interval_hours": [8.0]},
    )
    every = [value[3:] for part in history.parts(store)[0] for page in history.values(store, part) for value in page]
    assert sorted(every) == [("funding_interval_hours", 8.0), ("funding_rate", 1e-4), ("mark_price", 9e4)]
    assert settlements.hourly(store, "BTC", "binance", start=EIGHT, end=NOW) == [
        PastRate(to_ms(EIGHT) // HOUR_MS, 1e-4, 8.0)
    ]


def test_pages_of_rates_lose_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "_PAGE", 3)
    times = [EIGHT - place * 20 * timedelta(minutes=1) for place in range(30)]
    points.write(store, [rates(*((at, 2e-4, 8.0) for at in times))])
    points.write(store, [rates(*((at, 1e-4, 8.0) for at in times[::4]), settled=True)])
    (part,) = [part for part in history.parts(store)[0] if part.names[0] in settlements.RATES]
    pages = list(history.values(store, part))
    found = [(value[0], value[4]) for page in pages for value in page if value[3] == "funding_rate"]
    assert all(before[0] < after[0] for before, after in pairwise(found))
    assert found == [(to_ms(at), 1e-4 if at in times[::4] else 2e-4) for at in reversed(times)]


# --- of a file that does not say so -----------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 40, 45])
def test_settlements_are_written_some_at_a_time_and_each_once(store: Store, count: int) -> None:
    """Of two with one time the later one counts, whether they stand in one statement or in two."""
    times = [to_ms(EIGHT) - place * HOUR_MS for place in range(count)]
    rows = [("BTC", "binance", Settled(at, rate, None)) for rate in (1e-4, 2e-4) for at in times]
    with store.write() as work:
        settlements.write(work, [*rows, *rows[-1:]])
    assert kept(store) == [(from_ms(at), 2e-4, None) for at in sorted(times)]


@pytest.mark.parametrize(
    ("at", "marked", "settled"),
    [
        pytest.param(0, False, True, id="on the hour"),
        pytest.param(3, False, True, id="milliseconds late"),
        pytest.param(5 * MINUTE_MS - 1, False, True, id="nearly five minutes late"),
        pytest.param(5 * MINUTE_MS, False, False, id="five minutes late"),
        pytest.param(30 * MINUTE_MS, False, False, id="half past"),
        pytest.param(-3, False, False, id="just before the hour"),
        pytest.param(0, True, False, id="with a mark price: the rate that is building"),
    ],
)
def test_a_rate_near_its_hour_without_a_mark_was_settled(
    store: Store, tmp_path: Path, at: int, marked: bool, settled: bool
) -> None:
    moment = f"{from_ms(to_ms(EIGHT) + at):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
    lines = ["at,venue,asset,input,value", f"{moment},binance,BTC,funding_rate,0.0001"]
    if marked:
        lines.append(f"{moment},binance,BTC,mark_price,90000")
    lines.append(f"{moment},okx,BTC,mark_price,90000")  # of another venue: says nothing
    (tmp_path / "rates.csv").write_text("\n".join(lines) + "\n")
    keep(store, read_file(tmp_path / "rates.csv", now=NOW))
    assert bool(kept(store)) is settled


def test_a_raw_answer_of_settlements_is_kept_as_such(store: Store, tmp_path: Path) -> None:
    answer = [
        {"symbol": "BTCUSDT", "fundingTime": to_ms(EIGHT) + place * 8 * HOUR_MS + 2, "fundingRate": "0.0001"}
        for place in (-2, -1, 0)
    ]
    (tmp_path / "funding.json").write_text(json.dumps(answer))
    keep(store, read_file(tmp_path / "funding.json", now=NOW))
    assert [rate for _, rate, _ in kept(store)] == [0.0001] * 3


def test_a_stored_database_moves_its_settlements(tmp_path: Path) -> None:
    """By the rule of the day: within five minutes after the hour, and no mark price beside it."""
    path = tmp_path / "perpulse.db"
    restore("m010_history_kept_up", path)
    migrations.migrate(path)
    eight = 1_763_712_000_000
    with closing(sqlite3.connect(path)) as file:
        moved = file.execute("SELECT asset, venue, at - ?, funding_rate FROM settlements ORDER BY 1, 2, 3", (eight,))
        assert moved.fetchall() == [
            ("BTC", "binance", -8 * HOUR_MS + 7, 0.000085),
            ("BTC", "binance", 0, 0.0001),
            ("ETH", "binance", 3, -0.000031),
            ("ETH", "hyperliquid", HOUR_MS + 290_000, 0.0000125),
            ("ETH", "okx", -16 * HOUR_MS, 0.00005),
        ]
        left = file.execute("SELECT asset, venue, at - ?, open_interest_coin, funding_rate FROM levels "
                            "WHERE venue = 'okx' OR at = ?", (eight, eight))  # fmt: skip
        assert left.fetchall() == [
            ("BTC", "binance", 0, 81200.25, None),  # its open interest stays
            ("ETH", "okx", 5 * MINUTE_MS, None, 0.00007),
            ("ETH", "okx", 30 * MINUTE_MS, None, 0.00006),
        ]


# --- what holding has cost --------------------------------------------------------------------------------------------


def test_the_last_rate_of_each_hour(store: Store) -> None:
    at = [NOW - timedelta(minutes=m) for m in (130, 70, 65, 5)]
    points.write(store, [rates((at[0], 1e-4, 8.0), (at[1], 2e-4, 8.0), (at[2], 3e-4, NAN), (at[3], 4e-4, 4.0))])
    hour = to_ms(NOW) // HOUR_MS
    found = settlements.hourly(store, "BTC", "binance", start=NOW - 24 * HOUR, end=NOW)
    assert found == [PastRate(hour - 3, 1e-4, 8.0), PastRate(hour - 2, 3e-4, None), PastRate(hour - 1, 4e-4, 4.0)]
    assert settlements.hourly(store, "BTC", "okx", start=NOW - 24 * HOUR, end=NOW) == []


def test_what_was_announced_after_a_payment_was_paid_by_nobody_yet(store: Store) -> None:
    """It counts where no settlement is known of its time: before the first one, and past the interval of the last."""
    points.write(store, [rates((EIGHT, 1e-4, 8.0), settled=True)])
    points.write(
        store, [rates((EIGHT - HOUR, 5e-4, 8.0), (EIGHT + 2 * HOUR, -3e-4, 8.0), (EIGHT + 9 * HOUR, 2e-4, 8.0))]
    )
    hour = to_ms(EIGHT) // HOUR_MS
    assert settlements.hourly(store, "BTC", "binance", start=EIGHT - 8 * HOUR, end=EIGHT + 24 * HOUR) == [
        PastRate(hour - 1, 5e-4, 8.0),
        PastRate(hour, 1e-4, 8.0),
        PastRate(hour + 9, 2e-4, 8.0),
    ]


def test_settlements_are_read_from_live_and_settled_rows(store: Store) -> None:
    asked = {"start": EIGHT, "end": NOW, "otherwise": 1.0}
    assert settlements.settled(store, "BTC", "binance", **asked) is None
    points.write(store, [rates((EIGHT - timedelta(seconds=20), 2e-4, 8.0), mark=94_000.0)])
    (found,) = settlements.settled(store, "BTC", "binance", **asked) or []
    assert (found.at, found.rate, found.mark) == (EIGHT, 2e-4, 94_000.0), "announced, until the settled one is known"
    points.write(store, [rates((EIGHT + timedelta(milliseconds=2), 1e-4, 8.0), settled=True)])
    points.write(store, [rates((EIGHT + timedelta(seconds=40), 3e-4, 8.0), mark=94_100.0)])
    (found,) = settlements.settled(store, "BTC", "binance", **asked) or []
    assert (found.at, found.rate, found.mark) == (EIGHT, 1e-4, 94_000.0)
    assert settlements.settled(store, "BTC", "bybit", **asked) is None


def test_a_settlement_is_written_with_what_it_belongs_to(store: Store) -> None:
    with store.write() as work:
        settlements.write(work, [("BTC", "binance", Settled(to_ms(EIGHT), 1e-4, None))])
    assert kept(store) == [(EIGHT, 1e-4, None)]
