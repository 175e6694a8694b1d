"""Files read, gaps, and fewer rows for what is long past."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.market import points, retention
from storage.market.points import Points
from storage.panels.panels import panel
from storage.sources import coverage
from storage.sources.coverage import ArchiveFile, Gap

if TYPE_CHECKING:
    from storage.engine.database import Store

DAY = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def gap(start: int, end: int, reason: str = "rows are missing", group: str = "open_interest") -> Gap:
    return Gap("BTC", "binance", group, DAY + start * HOUR, DAY + end * HOUR, reason)


def put(store: Store, *gaps: Gap, start: int = 0, end: int = 1000) -> None:
    coverage.replace_gaps(
        store, "BTC", "binance", ("open_interest", "bars"), start=DAY + start * HOUR, end=DAY + end * HOUR, gaps=gaps
    )


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        pytest.param([gap(0, 24), gap(24, 48)], [gap(0, 48)], id="two missing days are one gap"),
        pytest.param([gap(0, 24), gap(25, 48)], [gap(0, 24), gap(25, 48)], id="an hour in between keeps them apart"),
        pytest.param(
            [gap(0, 1), gap(1, 2, "zero")], [gap(0, 1), gap(1, 2, "zero")], id="another reason is another gap"
        ),
        pytest.param(
            [gap(0, 1), gap(1, 2, group="bars")],
            [gap(1, 2, group="bars"), gap(0, 1)],
            id="another input",
        ),
        pytest.param([], [], id="none"),
    ],
)
def test_gaps_that_touch_are_one(store: Store, stored: list[Gap], read: list[Gap]) -> None:
    put(store, *stored)
    assert coverage.gaps(store, "BTC") == read


def test_a_reissued_file_heals_the_gaps_of_its_span_and_no_others(store: Store) -> None:
    put(store, gap(0, 24), gap(24, 48), gap(30, 40, group="bars"))
    coverage.replace_gaps(
        store, "BTC", "binance", ("open_interest",), start=DAY + 24 * HOUR, end=DAY + 48 * HOUR, gaps=[gap(40, 41)]
    )
    assert coverage.gaps(store, "BTC") == [gap(30, 40, group="bars"), gap(0, 24), gap(40, 41)]


def test_what_lies_before_the_listing_is_no_gap(store: Store) -> None:
    put(store, gap(0, 24), gap(30, 80), gap(90, 95), gap(0, 56, group="bars"))
    coverage.forget_before(store, "BTC", "binance", DAY + 48 * HOUR)
    assert coverage.gaps(store, "BTC") == [gap(48, 80), gap(90, 95)]


def test_hours_that_another_source_brought_are_taken_out_of_a_gap(store: Store) -> None:
    short = gap(9, 10, "zero")
    put(store, gap(0, 6), replace(short, end=short.start + timedelta(minutes=5)), gap(0, 4, group="bars"))
    by_hour = [DAY + hour * HOUR for hour in (1, 2, 5)]  # levels known at 01:00, 02:00 and 05:00
    points.write(store, [Points.of_frame("binance", "BTC", None, frame(by_hour, open_interest_coin=[1.0, 2.0, 3.0]))])
    points.write(store, [Points.of_frame("okx", "BTC", None, frame([DAY + 4 * HOUR], open_interest_coin=[1.0]))])
    points.write(
        store,
        [Points.of_frame("binance", "BTC", HOUR, frame([DAY + hour * HOUR for hour in range(4)], close=[1.0] * 4))],
    )
    assert coverage.heal(store, "BTC", "binance") == 2
    assert [(gap.start.hour, gap.end.hour, gap.reason) for gap in coverage.gaps(store, "BTC")] == [
        (2, 4, "rows are missing"),
        (5, 6, "rows are missing"),
        (9, 9, "zero"),
    ]
    assert coverage.heal(store, "BTC", "binance") == 0


@pytest.mark.parametrize(
    ("settled", "hours", "left"),
    [
        pytest.param([8, 16, 24], 8.0, [], id="every settlement was brought"),
        pytest.param([4, 8, 12, 16, 20, 24], 4.0, [], id="every four hours"),
        pytest.param([8, 24], 8.0, [(8, 24)], id="one of them was not"),
        pytest.param([24], 8.0, [(0, 24)], id="none inside; the one that ends it says nothing of those before"),
        pytest.param([24], 24.0, [(0, 24)], id="an interval that is the distance to the one before shows no hole"),
        pytest.param([], 8.0, [(0, 24)], id="nothing was"),
    ],
)
def test_settlements_heal_a_gap_of_funding(
    store: Store, settled: list[int], hours: float, left: list[tuple[int, int]]
) -> None:
    whole = gap(0, 24, group="funding")
    coverage.replace_gaps(store, "BTC", "binance", ("funding",), start=whole.start, end=whole.end + HOUR, gaps=[whole])
    late = timedelta(milliseconds=7)
    if settled:
        paid = frame(
            [DAY + hour * HOUR + late for hour in settled],
            funding_rate=[1e-4] * len(settled),
            funding_interval_hours=[hours] * len(settled),
        )
        points.write(store, [Points.of_frame("binance", "BTC", None, paid, settled=True)])
    announced = frame([DAY + 13 * HOUR], funding_rate=[1e-4], mark_price=[9.0])  # what is building was not paid
    points.write(store, [Points.of_frame("binance", "BTC", None, announced)])
    coverage.heal(store, "BTC", "binance")
    found = [(round((gap.start - DAY) / HOUR), round((gap.end - DAY) / HOUR)) for gap in coverage.gaps(store, "BTC")]
    assert found == left


def test_gaps_can_be_asked_for_by_group_and_time(store: Store) -> None:
    put(store, gap(0, 24), gap(48, 50), gap(0, 3, group="bars"))
    assert coverage.gaps(store, "BTC", group="bars") == [gap(0, 3, group="bars")]
    assert coverage.gaps(store, "BTC", since=DAY + 24 * HOUR) == [gap(48, 50)]
    assert coverage.gaps(store, "ETH") == []


def test_a_file_is_remembered_with_its_points_or_not_at_all(store: Store) -> None:
    file = ArchiveFile("data/a.zip", "read", "ab" * 32, 288, DAY)
    written = Points.of_frame("binance", "BTC", None, frame([DAY], mark_price=[3.0]))

    def cut_short() -> None:
        with store.write():
            points.write(store, [written])
            coverage.remember(store, file)
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        cut_short()
    assert coverage.files(store) == {}
    assert coverage.since(store, "BTC", "mark_price") is None
    with store.write():
        points.write(store, [written])
        coverage.remember(store, file)
    assert coverage.files(store, "data/") == {"data/a.zip": file}
    assert coverage.files(store, "other/") == {}
    assert coverage.since(store, "BTC", "mark_price") == DAY


def test_first_bar_counts_bars_of_that_length_and_venue_only(store: Store) -> None:
    def bars(venue: str, step: timedelta, at: datetime) -> Points:
        return Points.of_frame(venue, "BTC", step, frame([at], close=[1.0]))

    points.write(
        store, [bars("binance", 24 * HOUR, DAY), bars("okx", HOUR, DAY), bars("binance", HOUR, DAY + 5 * HOUR)]
    )
    assert coverage.first_bar(store, "BTC", "binance", HOUR) == DAY + 5 * HOUR
    assert coverage.first_bar(store, "ETH", "binance", HOUR) is None


# --- thinning


def frame(times: list[datetime], **columns: list[float]) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.DatetimeIndex(times, name="at"), dtype="float64")


def test_each_input_keeps_the_last_value_of_the_hour_at_its_own_time() -> None:
    times = [DAY + timedelta(minutes=minute) for minute in (0, 5, 55, 60)]
    nan = float("nan")
    thinned = retention.hourly(frame(times, mark_price=[1, 2, nan, 4], funding_rate=[7, nan, nan, nan]))
    assert thinned.index.tolist() == [times[0], times[1], times[3]]
    assert thinned["mark_price"].tolist()[1:] == [2, 4]
    assert thinned["funding_rate"].tolist()[0] == 7


@st.composite
def levels(draw: st.DrawFn) -> pd.DataFrame:
    minutes = draw(st.lists(st.integers(0, 3 * 24 * 60), min_size=1, max_size=60, unique=True).map(sorted))
    value = st.floats(1, 1e6) | st.just(float("nan"))
    times = [DAY + timedelta(minutes=minute) for minute in minutes]
    columns = {
        name: draw(st.lists(value, min_size=len(times), max_size=len(times)))
        for name in ("open_interest_usd", "long_short_accounts", "funding_rate")
    }
    return frame(times, **columns)


@given(levels())
def test_the_last_value_of_every_hour_is_the_same_before_and_after(raw: pd.DataFrame) -> None:
    thinned = retention.hourly(raw)
    whole = raw.resample("1h").last().dropna(how="all")
    pd.testing.assert_frame_equal(thinned.resample("1h").last().dropna(how="all"), whole, check_freq=False)
    assert len(thinned) <= len(raw)
    pd.testing.assert_frame_equal(retention.hourly(thinned), thinned, check_freq=False)


def test_thinning_what_is_stored_leaves_the_hourly_panel_alone(store: Store) -> None:
    times = [DAY + timedelta(minutes=5 * number) for number in range(1, 3 * 288 + 1)]
    rng = np.random.default_rng(7)
    names = ["open_interest_usd", "long_short_accounts", "funding_rate"]
    points.write(
        store, [Points.of_frame("binance", "BTC", None, frame(times, open_interest_usd=rng.random(len(times)) + 1))]
    )
    points.write(
        store, [Points.of_frame("binance", "BTC", None, frame(times[::3], long_short_accounts=rng.random(288) + 1))]
    )
    settled = [DAY + timedelta(hours=8 * number, milliseconds=3) for number in range(1, 9)]
    points.write(
        store,
        [
            Points.of_frame(
                "binance", "BTC", None, frame(settled, funding_rate=[0.0001 * n for n in range(1, 9)]), settled=True
            )
        ],
    )

    def read() -> dict[str, np.ndarray]:
        return panel(store, names, ["BTC"], step=HOUR, start=DAY, end=DAY + 72 * HOUR).values

    before = read()
    gone = retention.thin(store, "BTC", "binance", before=DAY + timedelta(hours=50))
    assert gone == 479
    for name, column in read().items():
        np.testing.assert_array_equal(column, before[name])
    at, _, columns = points.columns(store, "BTC", "binance", names, start=DAY, end=DAY + 72 * HOUR)
    known = [stamp for stamp, value in zip(at, columns["funding_rate"], strict=True) if value is not None]
    assert known == [round(at.timestamp() * 1000) for at in settled], "a settlement keeps its own milliseconds"
    assert sum(stamp >= (DAY + 48 * HOUR).timestamp() * 1000 for stamp in at) > 288, "a day that is not over stays fine"
    assert retention.thin(store, "BTC", "binance", before=DAY + timedelta(hours=50)) == 0
