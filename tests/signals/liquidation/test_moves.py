from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.liquidation.errors import LiquidationError
from signals.liquidation.moves import (
    DayRange,
    PriceRange,
    WorstPrice,
    distance_to,
    first_beyond,
    move_frequency,
    nearest,
    typical_day,
    unbroken,
)

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def span(number: int, low: float, high: float, hours: int = 1) -> PriceRange:
    return PriceRange(NOON + number * HOUR, NOON + (number + hours) * HOUR, low, high)


def at(price: float):
    return lambda _: price


@pytest.mark.parametrize(
    ("side", "price", "mark", "expected"),
    [
        pytest.param("long", 90.0, 100.0, 0.10, id="long, above it"),
        pytest.param("short", 110.0, 100.0, 0.10, id="short, below it"),
        pytest.param("long", 100.0, 100.0, 0.0, id="reached"),
        pytest.param("long", 101.0, 100.0, -0.01, id="crossed"),
        pytest.param("long", math.nan, 100.0, math.nan, id="no price"),
        pytest.param("long", 90.0, math.nan, math.nan, id="no mark"),
        pytest.param("long", 90.0, 0.0, math.nan, id="a mark of zero is no mark"),
    ],
)
def test_distance(side: str, price: float, mark: float, expected: float) -> None:
    assert distance_to(price, side=side, mark=mark) == pytest.approx(expected, nan_ok=True)


def test_the_first_to_reach_it_counts_and_not_the_deepest() -> None:
    spans = [span(2, 50.0, 120.0), span(0, 95.0, 120.0), span(1, 89.0, 120.0)]
    found = first_beyond(spans, side="long", liquidation_at=at(90.0))
    assert found == WorstPrice(spans[2], 89.0, 90.0, pytest.approx(-1 / 89))
    assert first_beyond(spans, side="short", liquidation_at=at(120.0)).span == spans[1]  # type: ignore[union-attr]
    assert first_beyond(spans, side="short", liquidation_at=at(120.1)) is None


def test_the_hour_says_more_than_the_day_around_it() -> None:
    day, hour = span(-23, 89.0, 120.0, hours=24), span(0, 89.0, 110.0)
    for find in (first_beyond, nearest):
        assert find([day, hour], side="long", liquidation_at=at(90.0)).span == hour  # type: ignore[operator]


def test_the_liquidation_price_is_that_of_the_time() -> None:
    """Funding has raised it since; at the time of the low it was below."""
    spans = [span(0, 91.0, 120.0), span(5, 93.0, 120.0)]
    price = {spans[0]: 90.0, spans[1]: 92.5}
    assert first_beyond(spans, side="long", liquidation_at=price.__getitem__) is None
    assert nearest(spans, side="long", liquidation_at=price.__getitem__).span == spans[1]  # type: ignore[union-attr]


def test_what_is_not_known_is_not_near() -> None:
    spans = [span(0, math.nan, math.nan), span(1, 95.0, 120.0)]
    assert nearest(spans, side="long", liquidation_at=at(90.0)).span == spans[1]  # type: ignore[union-attr]
    assert nearest(spans, side="long", liquidation_at=at(math.nan)) is None
    assert first_beyond(spans, side="long", liquidation_at=at(math.nan)) is None


@pytest.mark.parametrize(
    ("hours", "since", "kept"),
    [
        pytest.param([(0, 1), (1, 1), (2, 1)], 0.0, 3, id="without a hole"),
        pytest.param([(2, 1), (0, 1), (1, 1)], 0.0, 3, id="in any order"),
        pytest.param([(0, 1), (2, 1)], 0.0, 1, id="a hole in the middle"),
        pytest.param([(1, 1), (2, 1)], 0.0, 0, id="a hole at the beginning"),
        pytest.param([(1, 1), (2, 1)], 0.1, 2, id="the bar across the beginning is none"),
        pytest.param([(0, 1), (0, 24), (1, 1), (24, 1)], 0.0, 4, id="hours, and the day around them"),
        pytest.param([(0, 1), (2, 24)], 0.0, 1, id="a hole before a long one"),
        pytest.param([], 0.0, 0, id="nothing"),
    ],
)
def test_what_comes_after_a_hole_waits(hours: list[tuple[int, int]], since: float, kept: int) -> None:
    spans = [span(start, 1.0, 2.0, hours=length) for start, length in hours]
    found = unbroken(spans, NOON + since * HOUR)
    assert len(found) == kept
    assert found == sorted(found, key=lambda stretch: (stretch.start, stretch.end))


@given(
    st.lists(st.tuples(st.floats(1, 200), st.floats(1, 200)), min_size=1, max_size=8),
    st.floats(1, 200),
    st.sampled_from(["long", "short"]),
)
def test_beyond_exactly_where_the_nearest_is(prices: list[tuple[float, float]], liquidation: float, side: str) -> None:
    spans = [span(n, min(pair), max(pair)) for n, pair in enumerate(prices)]
    found = nearest(spans, side=side, liquidation_at=at(liquidation))
    beyond = first_beyond(spans, side=side, liquidation_at=at(liquidation))
    assert found is not None
    assert (beyond is not None) == (found.distance <= 0.0)
    extreme = min(span.low for span in spans) if side == "long" else max(span.high for span in spans)
    assert found.price == extreme
    if beyond:
        assert all(span.start >= beyond.span.start for span in spans if span.against(side) == extreme)


# --- whole days ------------------------------------------------------------------------------------------------------

DAYS = (
    DayRange(100, 101, 96),
    DayRange(100, 104, 99),
    DayRange(200, 201, 192.8),
    DayRange(100, math.nan, math.nan),
    DayRange(0, 1, 1),
)


@pytest.mark.parametrize(
    ("side", "distance", "hits"),
    [
        ("long", 0.0359, 2),
        ("long", 0.0361, 1),
        ("long", 0.04, 1),
        ("long", 0.05, 0),
        ("short", 0.0399, 1),
        ("short", 0.0099, 2),
    ],
)
def test_days_that_moved_as_far(side, distance, hits):
    found = move_frequency(DAYS, side=side, distance=distance)
    assert (found.hits, found.days) == (hits, 3)
    assert found.share == pytest.approx(hits / 3)


def test_no_days_have_no_share():
    assert math.isnan(move_frequency((), side="long", distance=0.1).share)
    with pytest.raises(LiquidationError, match="above zero"):
        move_frequency(DAYS, side="long", distance=0.0)


@pytest.mark.parametrize(
    ("closes", "expected"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param(dict.fromkeys(range(20), 100.0), None, id="19 moves are too few"),
        pytest.param(dict.fromkeys(range(21), 100.0), 0.0, id="20 moves are enough"),
        pytest.param({n: 100.0 if n % 2 else 102.0 for n in range(31)}, (0.02 + 2 / 102) / 2, id="both directions"),
        pytest.param({n: 200.0 if n < 10 else 100.0 for n in range(41)}, 0.0, id="older than 30 days does not count"),
        pytest.param({2 * n: 100.0 for n in range(31)}, None, id="no two days in a row"),
    ],
)
def test_typical_day(closes: dict[int, float], expected: float | None) -> None:
    assert typical_day(closes) == (expected if expected is None else pytest.approx(expected))
