"""How a sheet is laid out: its dates, its lines of words, and where a line of values is broken."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from handlers.charts.content import stretches
from handlers.charts.look import SMALL
from handlers.charts.scales import date_words, dates
from handlers.charts.sheet import MOST_DATES, wrapped

HOUR, DAY = 3600, 86400


@pytest.mark.slow
@pytest.mark.parametrize("hours", [1, 4, 9, 24, 48, 71, 72, 73, 120, 168, 240, 720, 1400, 2160, 8766, 40_000])
@pytest.mark.parametrize("most", MOST_DATES)
def test_dates_are_even_and_told_apart(hours, most):
    end = datetime(2026, 5, 28, 17, 18, tzinfo=UTC)
    start = end - timedelta(hours=hours)
    found = dates(start, end, most)
    assert 1 <= len(found) <= most + 1
    apart = {later - earlier for earlier, later in itertools.pairwise(found)}
    assert not apart or max(apart) <= 1.2 * min(apart), "but for the length of months"
    words = [date_words(at, before, end - start) for before, at in zip([None, *found], found, strict=False)]
    assert all(earlier != later for earlier, later in itertools.pairwise(words))


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("Price: Binance", ["Price: Binance"], id="one line"),
        pytest.param(
            "Open interest: Binance · last point 28 May 17:15 UTC · all 3 venues now $14.7bn",
            ["Open interest: Binance · last point 28 May 17:15 UTC", "all 3 venues now $14.7bn"],
            id="at a dot",
        ),
        pytest.param("word " * 18, ["word " * 10 + "word word", "word " * 5 + "word"], id="else between words"),
    ],
)
def test_lines_are_broken_where_something_ends(text, lines):
    assert wrapped(text, SMALL, "normal", 2) == lines


@pytest.mark.parametrize(
    ("apart", "mixed", "parts"),
    [
        pytest.param([DAY] * 9 + [HOUR] * 200, True, 1, id="days, then hours"),
        pytest.param([DAY] * 9 + [HOUR] * 200, False, 10, id="days are holes between hours"),
        pytest.param([HOUR] * 50 + [9 * HOUR] + [HOUR] * 50, True, 2, id="a hole between hours"),
        pytest.param([DAY] * 9 + [4 * DAY] + [DAY] * 9, True, 2, id="a hole between days"),
    ],
)
def test_days_among_hours_are_no_holes_where_both_are_stored(apart, mixed, parts):
    times = itertools.accumulate(apart, initial=0)
    rows = [(at, 1.0) for at in times]
    assert len(stretches(rows, HOUR, sum(apart), 400, mixed=mixed)) == parts
