"""Values derived from rows: what changes and crosses, the same for whole history as for a close and its lead-in."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.derived import SETTLED, Derived, with_derived
from tests.examples import examples

HOUR = timedelta(hours=1)
NAN = math.nan


def change(kind: str = "change", hours: int = 2) -> Derived:
    return Derived("m.x_change", "m.x", kind, timedelta(hours=hours))  # type: ignore[arg-type]


def crosses(kind: str = "crosses_above", line: float = 100.0, band: float = 0.5) -> Derived:
    return Derived("m.x_crosses", "m.x", kind, line=line, band=band)  # type: ignore[arg-type]


ROWS = {
    "a change": (change(), [100, 101, 110, 90.9], [NAN, NAN, 0.1, -0.1]),
    "a difference": (change("difference", 1), [1.0, -0.5, 2.0], [NAN, -1.5, 2.5]),
    "a change from nothing is not known": (change("change", 1), [0, 5, 10], [NAN, NAN, 1.0]),
    "an end that is not known": (change("change", 1), [100, NAN, 120, 150], [NAN, NAN, NAN, 0.25]),
    "crossed once": (crosses(), [98, 99, 101, 102], [0, 0, 1, 0]),
    "on the line is not beyond it": (crosses(), [98, 100, 100.1], [0, 0, 1]),
    "noise around the line is one crossing": (crosses(), [98, 101, 99.8, 100.2, 99.6, 101], [0, 1, 0, 0, 0, 0]),
    "again after it was half a dollar below": (crosses(), [98, 101, 99.4, 100.2], [0, 1, 0, 1]),
    "from just under it, of which too little is known": (crosses(), [99.9] * 15 + [101], [0] * 15 + [NAN]),
    "from just under it, where it has rested for a day": (crosses(), [99.9] * 24 + [101], [0] * 24 + [1]),
    "the other way": (crosses("crosses_below"), [102, 101, 99, 98], [0, 0, 1, 0]),
    "either way": (crosses("crosses"), [98, 101, 102, 99, 98], [0, 1, 0, 1, 0]),
    "a gap in between": (crosses(), [98, NAN, 101], [0, NAN, 1]),
    "nothing known before": (crosses(), [NAN, 101, 102], [NAN, NAN, 0]),
    "through zero": (crosses("crosses", 0.0, 0.01), [0.05, -0.001, 0.001, -0.2, 0.2], [0, 1, 0, 0, 1]),
}


@pytest.mark.parametrize(("derived", "rows", "expected"), ROWS.values(), ids=ROWS)
def test_a_value_is_derived_from_rows(derived: Derived, rows: list[float], expected: list[float]) -> None:
    found = derived.of_rows(np.array(rows, dtype=float), HOUR)
    if expected[0] == 0:
        found = np.where(np.arange(len(rows)) == 0, 0.0, found)  # what was before the first row is not known
    np.testing.assert_allclose(found, expected, rtol=1e-9)


KINDS = st.sampled_from(["change", "difference", "crosses", "crosses_above", "crosses_below"])


@examples(200)
@given(
    kind=KINDS,
    steps=st.lists(st.sampled_from([-1.0, -0.4, 0.0, 0.4, 1.0, NAN]), min_size=1, max_size=120),
    hours=st.integers(1, 5),
)
def test_a_close_with_its_lead_in_equals_whole_history(kind: str, steps: list[float], hours: int) -> None:
    walk = np.cumsum(np.nan_to_num(np.array(steps))) + 100
    rows = np.where(np.isnan(steps), NAN, walk)
    derived = Derived("m.y", "m.x", kind, timedelta(hours=hours), line=100.0, band=0.5)  # type: ignore[arg-type]
    lead = derived.lead(HOUR)
    padded = np.concatenate([np.full(lead, NAN), rows])
    whole = derived.of_rows(padded, HOUR)[lead:]
    for row in range(len(rows)):
        np.testing.assert_array_equal(derived.of_rows(padded[row : row + lead + 1], HOUR)[lead], whole[row])


def test_a_change_that_a_clock_cannot_tell_is_not_known() -> None:
    assert np.isnan(change("change", 3).of_rows(np.arange(1.0, 9.0), timedelta(days=1))).all()


def test_a_value_that_is_missing_is_not_known() -> None:
    found = with_derived((change(),), {"m.z": np.ones(4)}, HOUR)
    assert np.isnan(found["m.x_change"]).all()


@pytest.mark.parametrize(("derived", "lead"), [(change(hours=24), 24), (crosses(), SETTLED)])
def test_it_says_how_far_it_looks_back(derived: Derived, lead: int) -> None:
    assert derived.lead(HOUR) == lead
