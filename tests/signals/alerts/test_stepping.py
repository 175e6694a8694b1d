"""Many closes at once are the same as one after the other, whatever the levels, the values and where it begins."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.condition import above, at_least, at_most, below, level
from signals.alerts.episodes import State, step
from signals.alerts.rule import AlertRule, named, rules_of
from signals.alerts.stepping import FEW, run, run_rule
from signals.metric import metrics

if TYPE_CHECKING:
    from signals.alerts.condition import Level

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NAN = math.nan

SETS: dict[str, tuple[Level, ...]] = {
    "two sides": (
        level("notice", enter=at_most(-1.0), leave=above(0.0), hold=2 * HOUR),
        level("warning", enter=at_most(-2.0), leave=above(-1.0), hold=2 * HOUR, hold_leave=3 * HOUR),
    ),
    "at once": (
        level("notice", enter=at_least(1.0), leave=below(1.0), hold=HOUR, hold_leave=3 * HOUR, at_once=at_most(-2.0)),
        level("critical", enter=at_least(2.0), leave=below(1.0), hold=2 * HOUR, at_once=at_most(-2.0)),
    ),
    "lines that meet": (level("warning", enter=at_most(0.0), leave=at_least(0.0), hold=2 * HOUR),),
    "groups": (
        level(
            "notice",
            enter=[(at_least(1.0), at_least(1.0, "other")), (at_most(-2.0, "other"),)],
            leave=[(below(0.0),), (below("value", "other"), above(0.0, "other"))],
            hold=HOUR,
            hold_leave=2 * HOUR,
        ),
        level("warning", enter=at_least("other"), leave=below(-1.0, "missing"), hold=2 * HOUR),
    ),
    "ends of their own": (
        level("notice", enter=at_least(0.0), leave=below(0.0, "other"), hold=HOUR, hold_leave=2 * HOUR),
        level("warning", enter=at_least(1.0), leave=below(-1.0), hold=HOUR, hold_leave=3 * HOUR),
        level("critical", enter=at_least(2.0), leave=below(-2.0, "other"), hold=HOUR, hold_leave=2 * HOUR),
    ),
}
VALUES = st.sampled_from([-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, NAN])


def singly(
    levels: tuple[Level, ...],
    state: State,
    values: dict[str, list[float]],
    times: list[datetime],
    known_by=(),
    continues=4 * HOUR,
    lasts=None,
):
    told = []
    for i, at in enumerate(times):
        now = {name: every[i] for name, every in values.items()}
        state, transition = step(
            levels, state, now, at=at, closes=HOUR, known_by=known_by, continues=continues, lasts=lasts
        )
        if transition:
            told.append((state, transition))
    return state, told


def same(left: object, right: object) -> bool:
    return repr(left) == repr(right)  # NaN differs from itself


@st.composite
def stretches(draw: st.DrawFn) -> list[float]:
    """Values that stay for a while: what is drawn afresh each hour never holds for three."""
    pieces = draw(st.lists(st.tuples(VALUES, st.integers(1, 9)), min_size=1, max_size=30))
    return [value for value, count in pieces for _ in range(count)]


@pytest.mark.parametrize("levels", [pytest.param(levels, id=name) for name, levels in SETS.items()])
@given(
    one=stretches(),
    two=stretches(),
    before=st.integers(0, 60),
    judged=st.integers(0, 5),
    lasts=st.sampled_from([None, HOUR, 5 * HOUR, 12 * HOUR]),
)
def test_many_closes_are_as_one_after_the_other(
    levels: tuple[Level, ...], one: list[float], two: list[float], before: int, judged: int, lasts: timedelta | None
) -> None:
    count = min(len(one), len(two))
    values = {"value": one[:count], "other": two[:count]}
    times = [START + n * HOUR for n in range(count)]
    begin = {name: column[:before] for name, column in values.items()}
    begun, _ = singly(levels, State(), begin, times[:before], lasts=lasts)
    rest = {name: column[max(0, before - judged) :] for name, column in values.items()}
    arrays = {name: np.array(column) for name, column in rest.items()}
    found = run(levels, begun, arrays, times[max(0, before - judged) :], closes=HOUR, continues=4 * HOUR, lasts=lasts)
    assert same(found, singly(levels, begun, rest, times[max(0, before - judged) :], lasts=lasts))


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(State(rank=3, told=3, since=START - HOUR, at=START - HOUR), id="of a rank that is gone"),
        pytest.param(State(rank=1, told=2, entering=(5,), leaving=(1,), at=START - HOUR), id="of fewer levels"),
        pytest.param(State(entering=(1, 0), pending=START - 5 * HOUR, at=START - HOUR), id="pending"),
    ],
)
@given(values=stretches())
def test_a_state_from_elsewhere_is_gone_on_with(state: State, values: list[float]) -> None:
    values = values + [0.0] * FEW * 2
    times = [START + n * HOUR for n in range(len(values))]
    found = run(SETS["two sides"], state, {"value": np.array(values)}, times, closes=HOUR, continues=4 * HOUR)
    assert same(found, singly(SETS["two sides"], state, {"value": values}, times))


@pytest.mark.parametrize(
    ("declared", "values", "told"),
    [
        pytest.param({"continues": timedelta(0)}, (0, 1, 0, 1), "1 fired, 2 resolved, 3 fired", id="a new episode"),
        pytest.param({"continues": HOUR}, (0, 1, 0, 1), "1 fired, 2 resolved, 3 resumed", id="the same episode"),
        pytest.param({"lasts": 2 * HOUR}, (1, 1, 1, 1, 1), "0 fired, 2 resolved", id="for so long"),
        pytest.param({}, (0, 1, 1, 1), "1 fired", id="a state"),
        pytest.param({"momentary": True}, (0, 1, 1), "1 fired, 2 resolved, 2 fired", id="a moment"),
    ],
)
@pytest.mark.parametrize("before", [0, FEW + 1], ids=["few closes", "many closes"])
def test_a_rule_is_stepped_by_all_that_it_declares(
    declared: dict[str, Any], values: tuple[float, ...], told: str, before: int
) -> None:
    levels = (level("warning", enter=at_least(1.0, "p.value"), leave=below(1.0, "p.value"), hold=HOUR),)
    rule = AlertRule("one", "", levels, "", (), "", "", metrics=("p",), **declared)
    column = np.array([NAN] + [0.0] * before + list(values))
    times = [START + n * HOUR for n in range(-1 - before, len(values))]
    state, found = run_rule(rule, State(), {"p.value": column}, times, HOUR)
    said = [f"{round((change.at - START) / HOUR)} {change.kind}" for _, change in found]
    assert ", ".join(said) == told
    assert state.first == times[1], "by the value that must be known"
    assert state.at == times[-1]


def test_closes_that_were_judged_are_passed_by() -> None:
    times = [START + n * HOUR for n in range(40)]
    state = State(at=times[-1])
    assert run(SETS["two sides"], state, {"value": np.full(40, -9.0)}, times, closes=HOUR) == (state, [])


@pytest.mark.slow
def test_every_alarm_over_a_year_of_hours_is_as_one_close_after_the_other() -> None:
    noise = np.random.default_rng(7)
    times = [START + n * HOUR for n in range(3000)]
    for metric in metrics().values():
        steps = {name: noise.normal(0, 0.05, len(times)).cumsum() for name in metric.values}
        for array in steps.values():
            array[noise.integers(0, len(times), 300)] = NAN
        steps = named(metric.id, steps)
        values = {name: array.tolist() for name, array in steps.items()}
        for rule in rules_of(metric.id):
            assert same(
                run(
                    rule.levels,
                    State(),
                    steps,
                    times,
                    closes=HOUR,
                    known_by=rule.known_by,
                    continues=rule.continues,
                ),
                singly(rule.levels, State(), values, times, rule.known_by, rule.continues),
            )
