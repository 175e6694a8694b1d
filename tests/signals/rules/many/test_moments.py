"""Moments, such as crossings: each close that holds is told, whatever the close before it was, live and in history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts import stepping
from signals.alerts.condition import AT_ONCE, at_least, below, level
from signals.alerts.episodes import State
from signals.alerts.rule import OWN, AlertRule
from signals.rules.many.book import Book

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
RULE = AlertRule(
    id=f"{OWN}price crosses 1",
    title="",
    levels=(level("warning", enter=at_least(1.0, "p.crossed"), leave=below(1.0, "p.crossed"), hold=AT_ONCE),),
    headline="",
    legs=(),
    counter="",
    resolved="",
    metrics=("p",),
    compares=("p.value",),
    momentary=True,
    continues=AT_ONCE,
)
CROSSED = st.lists(st.sampled_from([0.0, 1.0, 1.0, np.nan]), min_size=1, max_size=30)


def times(count: int) -> list[datetime]:
    return [START + HOUR * i for i in range(1, count + 1)]


def run(crossed: list[float], state: State | None = None, first: int = 0) -> tuple[State, list[tuple[str, datetime]]]:
    values = {"p.crossed": np.array(crossed[first:]), "p.value": np.array(crossed[first:])}
    after, told = stepping.run(
        RULE.levels, state or State(), values, times(len(crossed))[first:], closes=HOUR, known_by=RULE.known_by,
        continues=RULE.continues, momentary=True,
    )  # fmt: skip
    return after, [(change.kind, change.at) for _, change in told]


def test_crossings_at_closes_in_a_row_are_each_told() -> None:
    """Up, down and up again within three minutes: a machine for states held all of it to be one."""
    _, told = run([0.0, 1.0, 1.0, 1.0, 0.0])
    assert [kind for kind, _ in told] == ["fired", "resolved", "fired", "resolved", "fired", "resolved"]
    assert [at for kind, at in told if kind == "fired"] == times(5)[1:4]


@given(CROSSED, st.integers(0, 30))
def test_in_two_parts_as_in_one(crossed: list[float], cut: int) -> None:
    cut %= len(crossed) + 1
    whole, told = run(crossed)
    state, before = run(crossed[:cut])
    later, after = run(crossed, state, cut)
    assert before + after == told
    assert (later.rank, later.since, later.first) == (whole.rank, whole.since, whole.first)


def test_what_fired_at_the_last_close_is_over_at_the_first_one_that_comes_after_it() -> None:
    state, told = run([0.0, 1.0])
    assert told == [("fired", times(2)[1])]
    after, told = run([0.0, 1.0, 0.0, 0.0], state, 2)
    assert told == [("resolved", times(3)[2])]
    assert (after.rank, after.ended) == (0, times(3)[2])


def test_a_close_that_is_judged_again_is_told_once() -> None:
    """After a restart the last closes are looked at again."""
    state, _ = run([0.0, 1.0])
    assert run([0.0, 1.0], state, 0) == (state, [])
    assert run([0.0, 1.0, 1.0], state, 1)[1] == [("resolved", times(3)[2]), ("fired", times(3)[2])]


@pytest.mark.parametrize(("last", "unknown"), [(0.0, False), (1.0, False), (np.nan, True)])
def test_what_is_not_known_is_said_where_the_rule_stands(last: float, unknown: bool) -> None:
    assert run([1.0, np.nan, last])[0].unknown is unknown


def test_it_is_known_from_the_first_close_that_is() -> None:
    """A fire at that close may be old news, since nobody can say what was before it."""
    crossed = [np.nan, np.nan, 1.0, 0.0, 1.0]
    assert run(crossed)[0].first == times(3)[2]
    assert run(crossed[:2])[0].first is None
    assert run([0.0, 1.0], State(first=START))[0].first == START


@given(CROSSED)
def test_a_book_says_the_same(crossed: list[float]) -> None:
    book, told = Book([RULE], ("BTC", "ETH"), HOUR), []
    for at, value in zip(times(len(crossed)), crossed, strict=True):
        row = {"p.crossed": np.array([value, 0.0]), "p.value": np.array([value, 0.0])}
        told += [(change.kind, change.at) for change in book.step(row, at=at, closes=HOUR) if change.asset == "BTC"]
    after, expected = run(crossed)
    assert told == expected
    assert book.state(RULE.id, "BTC").rank == after.rank
