"""Rules and values drawn at random, as many as are needed to meet every way in which two of them can meet."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import strategies as st

from signals.alerts.condition import Condition, Level
from signals.alerts.rule import AlertRule

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NAN = math.nan
NAMES = ("day.value", "day.other", "week.value", "week.missing")
VALUES = st.sampled_from([-2.0, -1.0, 0.0, 1.0, 2.0, NAN])
HOLDS = st.sampled_from([timedelta(0), HOUR, 2 * HOUR, 3 * HOUR])
CONDITIONS = st.builds(
    Condition,
    st.sampled_from(NAMES),
    st.sampled_from(["<=", "<", ">=", ">"]),
    st.one_of(st.sampled_from([-1.5, -1.0, 0.0, 1.0, 1.5]), st.sampled_from(NAMES)),
)
GROUPS = st.lists(st.lists(CONDITIONS, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple)


@st.composite
def levels(draw: st.DrawFn) -> tuple[Level, ...]:
    ranks = draw(
        st.sampled_from(
            [
                ("warning",),
                ("notice",),
                ("notice", "warning"),
                ("warning", "critical"),
                ("notice", "warning", "critical"),
            ]
        )
    )
    found = []
    for rank in ranks:
        enter = draw(GROUPS)
        leave = tuple(group for group in draw(GROUPS) if group not in enter) or ((Condition(NAMES[0], "<", -9.0),),)
        at_once = draw(st.one_of(st.just(()), GROUPS))
        found.append(Level(rank, enter, leave, draw(HOLDS), draw(HOLDS), at_once))
    return tuple(found)


@st.composite
def rules(draw: st.DrawFn) -> list[AlertRule]:
    every = draw(st.lists(levels(), min_size=1, max_size=5))
    return [
        AlertRule(
            f"own {i}",
            "",
            of,
            "",
            (),
            "",
            "",
            continues=draw(st.sampled_from([timedelta(0), 2 * HOUR, 5 * HOUR])),
            metrics=draw(st.sampled_from([("day",), ("week",), ("day", "week")])),
            lasts=draw(st.sampled_from([None, None, 4 * HOUR])),
        )
        for i, of in enumerate(every)
    ]


@st.composite
def histories(draw: st.DrawFn, assets: int) -> dict[str, np.ndarray]:
    """Values of some assets that stay for a while: (closes, assets), of each name but one."""
    closes = draw(st.integers(1, 30))
    found = {}
    for name in NAMES[:3]:
        columns = []
        for _ in range(assets):
            pieces = draw(st.lists(st.tuples(VALUES, st.integers(1, 5)), min_size=1, max_size=10))
            column = [value for value, count in pieces for _ in range(count)]
            columns.append([column[min(i, len(column) - 1)] for i in range(closes)])
        found[name] = np.array(columns).T
    return found
