from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from signals.liquidation.moves import PriceRange
from storage.market import points, ranges

if TYPE_CHECKING:
    from storage.engine.database import Store

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def bar(store: Store, opened: datetime, low: float, *, asset: str = "BTC", venue: str = "okx", step: timedelta = HOUR):
    frame = pd.DataFrame({"low": [low], "high": [low * 2]}, index=pd.DatetimeIndex([opened], name="at"))
    points.write(store, [points.Points.of_frame(venue, asset, step, frame)])


def mark(store: Store, at: datetime, price: float, *, asset: str = "BTC", venue: str = "okx") -> None:
    frame = pd.DataFrame({"mark_price": [price]}, index=pd.DatetimeIndex([at], name="at"))
    points.write(store, [points.Points.of_frame(venue, asset, None, frame)])


@pytest.mark.parametrize(
    ("opened", "step", "used"),
    [
        pytest.param(NOON, HOUR, True, id="from the start to the end"),
        pytest.param(NOON - timedelta(minutes=1), HOUR, False, id="begun a minute too early"),
        pytest.param(NOON + timedelta(minutes=1), HOUR, False, id="not closed by a minute"),
        pytest.param(NOON + timedelta(minutes=1), timedelta(minutes=5), True, id="a short one in the middle"),
        pytest.param(NOON, DAY, False, id="a day that runs"),
    ],
)
def test_only_whole_bars_are_evidence(store: Store, opened: datetime, step: timedelta, *, used: bool) -> None:
    bar(store, opened, 50.0, step=step)
    found = ranges.bars(store, "BTC", ("okx",), start=NOON, end=NOON + HOUR)
    assert found == ("okx", [PriceRange(opened, opened + step, 50.0, 100.0)] if used else [])


def test_the_first_venue_that_has_bars_speaks_alone(store: Store) -> None:
    bar(store, NOON, 50.0, venue="binance")
    assert ranges.bars(store, "BTC", ("okx", "binance"), start=NOON, end=NOON + HOUR)[0] == "binance"
    bar(store, NOON - DAY, 60.0)
    assert ranges.bars(store, "BTC", ("okx", "binance"), start=NOON, end=NOON + HOUR) == ("okx", [])
    assert ranges.bars(store, "ETH", ("okx", ""), start=NOON, end=NOON + HOUR) == ("", [])


def test_a_contract_on_a_thousand_coins_is_read_by_the_coin(store: Store) -> None:
    bar(store, NOON, 0.00001, asset="PEPE")
    mark(store, NOON, 0.00002, asset="PEPE")
    _, (span,) = ranges.bars(store, "PEPE", ("okx",), start=NOON, end=NOON + HOUR, multiplier=1000)
    assert (span.low, span.high) == pytest.approx((0.01, 0.02))
    (found,) = ranges.marks(store, "PEPE", "okx", after=NOON - HOUR, before=NOON + HOUR, multiplier=1000)
    assert found.low == found.high == pytest.approx(0.02)


def test_marks_between_two_looks_without_them(store: Store) -> None:
    for minute in range(4):
        mark(store, NOON + timedelta(minutes=minute), 100.0 + minute)
    found = ranges.marks(store, "BTC", "okx", after=NOON, before=NOON + timedelta(minutes=3))
    assert [(bar.start, bar.low) for bar in found] == [
        (NOON + timedelta(minutes=1), 101.0),
        (NOON + timedelta(minutes=2), 102.0),
    ]


def test_how_well_a_bar_was_seen(store: Store) -> None:
    hour = PriceRange(NOON, NOON + HOUR, 50.0, 100.0)
    assert ranges.marks_within(store, "BTC", "okx", hour) is None
    for minute in (0, 1, 2, 40, 59):
        mark(store, NOON + timedelta(minutes=minute), 100.0 + minute)
    assert ranges.marks_within(store, "BTC", "okx", hour) == ranges.MarkRange(100.0, 159.0, 5, 38 * 60.0)


# --- the newest mark, and a typical day -------------------------------------------------------------------------------


def levels(store: Store, venue: str, at: datetime, asset: str = "BTC", **columns: float) -> None:
    frame = pd.DataFrame({name: [value] for name, value in columns.items()}, index=pd.DatetimeIndex([at], name="at"))
    points.write(store, [points.Points.of_frame(venue, asset, None, frame)])


def test_the_venues_own_mark_speaks_while_it_is_collected(store: Store) -> None:
    assert ranges.mark(store, "BTC", "bybit") is None
    levels(store, "binance", NOON, mark_price=95_000.0)
    assert ranges.mark(store, "BTC", "bybit") == points.Newest(NOON, 95_000.0, "binance")
    before = NOON - timedelta(minutes=2)
    levels(store, "bybit", before, mark_price=94_990.0)
    assert ranges.mark(store, "BTC", "bybit") == points.Newest(before, 94_990.0, "bybit")
    levels(store, "okx", NOON + timedelta(minutes=1), mark_price=96_000.0)
    assert ranges.mark(store, "BTC", "bybit").venue == "binance", "of two that stand in the first"  # type: ignore[union-attr]
    levels(store, "okx", NOON + timedelta(minutes=3), mark_price=96_000.0)
    assert ranges.mark(store, "BTC", "bybit").venue == "okx"  # type: ignore[union-attr]


def test_the_typical_move_takes_one_close_a_day(store: Store) -> None:
    days = pd.date_range(end=NOON.replace(hour=0) - timedelta(hours=1), periods=24 * 31, freq="h", name="at")
    closes = [100.0 + (n // 24 % 2) * 2 for n in range(len(days))]
    points.write(
        store, [points.Points.of_frame("binance", "BTC", timedelta(hours=1), pd.DataFrame({"close": closes}, days))]
    )
    assert ranges.typical_move(store, "BTC", NOON) == pytest.approx((0.02 + 2 / 102) / 2, rel=0.02)
    assert ranges.typical_move(store, "ETH", NOON) is None
