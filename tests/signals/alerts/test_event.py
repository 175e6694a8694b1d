"""An event waits as JSON, through updates of perpulse, and reads back as it was."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.event import Event
from signals.series import Coverage

TIMES = st.datetimes(min_value=datetime(2019, 1, 1), max_value=datetime(2030, 1, 1)).map(  # noqa: DTZ001 - made UTC
    lambda at: at.replace(tzinfo=UTC, fold=0)
)
TEXT = st.text(max_size=8)
EVENTS = st.builds(
    Event,
    kind=st.sampled_from(["fired", "escalated", "resolved"]),
    rule=TEXT,
    asset=TEXT,
    rank=st.sampled_from(["notice", "warning", "critical"]),
    at=TIMES,
    since=TIMES,
    values=st.dictionaries(TEXT, st.floats(allow_infinity=False), max_size=4),
    step=st.sampled_from([timedelta(hours=1), timedelta(days=1)]),
    venues=st.lists(TEXT, max_size=3).map(tuple),
    derived=st.lists(TEXT, max_size=2).map(tuple),
    coverage=st.none()
    | st.builds(
        Coverage,
        venues=st.lists(TEXT, max_size=2).map(tuple),
        left_out=st.dictionaries(TEXT, TEXT, max_size=2),
        share=st.none() | st.floats(0, 1),
        enough=st.booleans(),
    ),
    note=st.none() | TEXT,
    offline=st.booleans(),
    came_and_went=st.booleans(),
    again=st.booleans(),
)
LEAST = {
    "event": "alert",
    "kind": "fired",
    "rule": "oi_drawdown",
    "asset": "BTC",
    "rank": "notice",
    "at": "2026-01-16T00:00:00+00:00",
    "since": "2026-01-15T00:00:00+00:00",
    "values": {"oi_drawdown.value": -0.31, "oi_drawdown.coins": None},
    "step": 86400.0,
}


@pytest.mark.slow
@given(event=EVENTS)
def test_it_reads_back_equal(event: Event) -> None:
    back = Event.from_json(json.loads(json.dumps(event.to_json(), allow_nan=False)))
    assert repr(back) == repr(event)  # NaN differs from itself


def test_what_is_no_number_is_not_known() -> None:
    event = Event.from_json(LEAST | {"values": {"a": None}})
    assert math.isnan(event.values["a"])
    assert Event.from_json(event.to_json() | {}).to_json()["values"] == {"a": None}


def test_one_of_another_version_is_readable() -> None:
    event = Event.from_json(
        LEAST | {"mood": "new", "coverage": {"venues": ["x"], "left_out": {}, "share": 1, "new": 2}}
    )
    assert (event.rule, event.venues, event.note, event.came_and_went) == ("oi_drawdown", (), None, False)
    assert event.coverage == Coverage(("x",), {}, 1)
