"""Legs that join and leave while a setup is on: told once each, many closes as one after the other."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.episodes import State, step
from signals.alerts.legs import with_changes
from signals.alerts.stepping import run
from tests.signals.alerts.test_setups import THREE

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NAN = math.nan
NAMES = ("oi_zscore.value", "taker_zscore.value", "fear_greed.value")
LEVELS = THREE.rule().levels
VALUES = st.sampled_from([-2.0, 0.0, 2.0, NAN])


def told(rows: list[tuple[float, float, float]], cut: int | None = None) -> list[tuple[str, int, tuple[int, ...]]]:
    """Return (what, at which close, the legs as told) of a history, judged in one go or in two cut at a close."""
    times = [START + i * HOUR for i in range(len(rows))]
    state, found = State(), []
    for begin, end in pairwise([0, *([cut] if cut else []), len(rows)]):
        values = {
            name: np.array(column) for name, column in zip(NAMES, zip(*rows[begin:end], strict=True), strict=True)
        }
        judged = values | THREE.counts(values)
        after, happened = run(LEVELS, state, judged, times[begin:end], closes=HOUR)
        state, happened = with_changes(THREE, state, after, happened, judged, times[begin:end])
        found += [(what.kind, times.index(what.at), then.legs) for then, what in happened]
    return found


CASES = [
    pytest.param(
        [(2.0, 2.0, 0.0), (2.0, 2.0, -2.0), (2.0, 2.0, -2.0), (2.0, 0.0, -2.0), (0.0, 0.0, 0.0)],
        [("fired", 0, (1, 0)), ("changed", 1, (1, 1)), ("changed", 3, (0, 1)), ("resolved", 4, ())],
        id="joins, stays, leaves, ends",
    ),
    pytest.param(
        [(2.0, 2.0, -2.0), (2.0, NAN, -2.0), (2.0, 2.0, -2.0)],
        [("fired", 0, (1, 1))],
        id="a hole is no change",
    ),
    pytest.param(
        [(2.0, NAN, -2.0), (2.0, 0.0, -2.0), (2.0, 2.0, -2.0)],
        [("fired", 0, (-1, 1)), ("changed", 1, (0, 1)), ("changed", 2, (1, 1))],
        id="what is known at last is told",
    ),
    pytest.param([(2.0, 0.0, 0.0), (0.0, 2.0, -2.0)], [], id="what is calm tells of no leg"),
]


@pytest.mark.parametrize(("rows", "expected"), CASES)
def test_each_change_is_told_once(rows, expected) -> None:
    assert told(rows) == expected


@given(rows=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=2, max_size=60), cut=st.integers(1, 59))
def test_history_in_one_go_is_as_in_two(rows: list[tuple[float, float, float]], cut: int) -> None:
    assert told(rows) == told(rows, min(cut, len(rows) - 1))


def test_a_story_that_has_lasted_long_enough_ends_and_does_not_begin_again_at_once() -> None:
    state, kinds = State(), []
    for i in range(12):
        legs = 0.0 if i == 9 else 2.0
        values = {"three.legs": legs, "three.must": 1.0, "three.possible": 2.0}
        state, happened = step(LEVELS, state, values, at=START + i * HOUR, closes=HOUR, lasts=5 * HOUR)
        kinds.append(happened.kind if happened else "")
    assert kinds == ["fired", "", "", "", "", "resolved", "", "", "", "", "fired", ""]
