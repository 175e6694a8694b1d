from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.liquidation.passed import Reached, Span, first_beyond, lines_within, nearest, unbroken

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def span(number: int, low: float, high: float, hours: int = 1) -> Span:
    return Span(NOON + number * HOUR, NOON + (number + hours) * HOUR, low, high)


def at(price: float):
    return lambda _: price


def test_the_first_to_reach_it_counts_and_not_the_deepest() -> None:
    spans = [span(2, 50.0, 120.0), span(0, 95.0, 120.0), span(1, 89.0, 120.0)]
    found = first_beyond(spans, side="long", liquidation_at=at(90.0))
    assert found == Reached(spans[2], 89.0, 90.0, pytest.approx(-1 / 89))
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
    assert found == sorted(found, key=lambda each: (each.start, each.end))


@pytest.mark.parametrize(
    ("distance", "count"), [(0.21, 0), (0.2, 1), (0.11, 1), (0.1, 2), (0.04, 3), (-0.1, 3), (math.nan, 0)]
)
def test_lines_within(distance: float, count: int) -> None:
    assert lines_within((0.2, 0.1, 0.05), distance) == count


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
    extreme = min(each.low for each in spans) if side == "long" else max(each.high for each in spans)
    assert found.price == extreme
    if beyond:
        assert all(each.start >= beyond.span.start for each in spans if each.against(side) == extreme)
