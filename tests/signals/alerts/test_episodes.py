from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from signals.alerts.condition import AT_ONCE, Level, above, at_least, at_most, below, level
from signals.alerts.episodes import State, Transition, from_json, step, to_json
from signals.alerts.rule import named, rules
from tests.examples import examples

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
NAN = math.nan
CONTINUES = 3 * HOUR

FALL = (
    level("notice", enter=at_most(-10.0), leave=above(-5.0), hold=2 * HOUR),
    level("warning", enter=at_most(-20.0), leave=above(-15.0), hold=2 * HOUR),
)
QUICK = (level("notice", enter=at_least(10.0), leave=below(5.0), hold=HOUR, hold_leave=3 * HOUR),)
FLIP = (
    level("notice", enter=at_least(10.0), leave=below(5.0), hold=HOUR, hold_leave=3 * HOUR, at_once=at_most(-10.0)),
    level("warning", enter=at_least(20.0), leave=below(15.0), hold=HOUR, hold_leave=3 * HOUR, at_once=at_most(-10.0)),
)
THREE = (
    *QUICK,
    level("warning", enter=at_least(20.0), leave=below(15.0), hold=HOUR),
    level("critical", enter=at_least(30.0), leave=below(25.0), hold=HOUR),
)
CALM_OTHER = at_most(0.0, "other")
OTHER_ENDS = (
    level(
        "notice",
        enter=(at_most(-10.0), CALM_OTHER),
        leave=[(above(-5.0),), (above(0.0, "other"),)],
        hold=HOUR,
        hold_leave=2 * HOUR,
    ),
    level("warning", enter=(at_most(-20.0), CALM_OTHER), leave=above(-15.0), hold=AT_ONCE, hold_leave=2 * HOUR),
    level("critical", enter=at_most(-30.0), leave=above(-25.0), hold=AT_ONCE),
)


def tell(
    levels: tuple[Level, ...],
    *values: float | dict[str, float],
    closes: timedelta = HOUR,
    state: State | None = None,
    continues: timedelta = AT_ONCE,
) -> tuple[list[str], State]:
    """Judge the values close by close; return what was told, as "3 fired notice since 2", and the last state."""
    state, told = state or State(), []
    names = {name for one in levels for name in one.names()}
    home = next((name.partition(".")[0] for name in names if "." in name), None)  # a rule's own, or none
    begin = state.at or START
    for number, value in enumerate(values, start=1):
        values_now = value if isinstance(value, dict) else {"value": value}
        values_now = named(home, values_now) if home else values_now
        at = begin + number * closes
        state, change = step(levels, state, values_now, at=at, closes=closes, continues=continues)
        if change:
            since = round((change.since - begin) / closes)
            told.append(f"{number} {change.kind} {change.rank} since {since}")
    return told, state


@pytest.mark.parametrize(
    ("levels", "values", "told"),
    [
        pytest.param(FALL, (-9, -9, -9), [], id="above the line nothing happens"),
        pytest.param(
            FLIP, (11, 4, -10), ["1 fired notice since 1", "3 resolved notice since 1"], id="the opposite does not wait"
        ),
        pytest.param(
            FLIP,
            (21, -10),
            ["1 fired warning since 1", "2 resolved warning since 1"],
            id="nor does it at a higher level",
        ),
        pytest.param(FLIP, (11, 4, -9), ["1 fired notice since 1"], id="nearly the opposite waits"),
        pytest.param(FLIP, (11, 4, NAN), ["1 fired notice since 1"], id="the unknown is not the opposite"),
        pytest.param(FALL, (-10, -9, -10, -9), [], id="one close beyond the line is not two"),
        pytest.param(FALL, (-9, -10, -11), ["3 fired notice since 2"], id="two closes fire; dated by the first"),
        pytest.param(
            FALL, (-10, -10, -9, -6, -10, -12), ["2 fired notice since 1"], id="between the lines it goes on, untold"
        ),
        pytest.param(FALL, (-10, -10, -4, -6, -4, -6), ["2 fired notice since 1"], id="one close above clears nothing"),
        pytest.param(
            FALL, (-10, -10, -4, -4), ["2 fired notice since 1", "4 resolved notice since 1"], id="two closes above are"
        ),
        pytest.param(
            FALL,
            (-10, -10, -21, -21, -21),
            ["2 fired notice since 1", "4 escalated warning since 1"],
            id="deeper: escalated once",
        ),
        pytest.param(
            FALL,
            (-10, -10, -21, -21, -12, -12, -21, -21, -4, -4),
            ["2 fired notice since 1", "4 escalated warning since 1", "10 resolved warning since 1"],
            id="down a step and up again inside an episode is no news",
        ),
        pytest.param(FALL, (-25, -25), ["2 fired warning since 1"], id="straight to the warning is one message"),
        pytest.param(
            FALL,
            (-25, -25, -4, -4),
            ["2 fired warning since 1", "4 resolved warning since 1"],
            id="and one all-clear, past both lines",
        ),
        pytest.param(
            FALL,
            (-10, -10, -4, -4, -10, -10),
            ["2 fired notice since 1", "4 resolved notice since 1", "6 fired notice since 5"],
            id="afterwards a new episode with a date of its own",
        ),
        pytest.param(FALL, (-10, NAN, -10), ["3 fired notice since 1"], id="missing data neither confirms nor breaks"),
        pytest.param(FALL, (-10, NAN, NAN, NAN), [], id="missing data fires nothing"),
        pytest.param(FALL, (-10, -10, NAN, NAN, NAN), ["2 fired notice since 1"], id="missing data resolves nothing"),
        pytest.param(
            FALL,
            (-10, -10, -4, NAN, -4),
            ["2 fired notice since 1", "5 resolved notice since 1"],
            id="the way out stands still over a gap too",
        ),
        pytest.param(
            QUICK,
            (10, 4, 4, 6, 4, 4, 4),
            ["1 fired notice since 1", "7 resolved notice since 1"],
            id="the way out may take longer than the way in",
        ),
        pytest.param(
            THREE,
            (10, 20, 30, 26, 30, 4, 4, 4),
            [
                "1 fired notice since 1",
                "2 escalated warning since 1",
                "3 escalated critical since 1",
                "8 resolved critical since 1",
            ],
            id="three ranks, each told once",
        ),
    ],
)
def test_what_is_told(levels: tuple[Level, ...], values: tuple[float, ...], told: list[str]) -> None:
    assert tell(levels, *values)[0] == told


@pytest.mark.parametrize(
    ("values", "others", "told"),
    [
        pytest.param((-21, -16, -16, -16), (-1, 1, 1, 1), "1 fired, 3 resolved", id="the end of the lowest level"),
        pytest.param((-31, -28, -28, -28), (-1, 1, 1, 1), "1 fired, 3 resolved", id="two levels above it"),
        pytest.param((-21, -16, -16, -16), (-1, 1, -1, 1), "1 fired", id="which has not held"),
        pytest.param((-21, -16, -16, -16), (-1, 1, NAN, 1), "1 fired, 4 resolved", id="or is not known"),
        pytest.param((-31, -31, -31, -31), (-1, 1, 1, 1), "1 fired", id="a line is crossed: it stands"),
        pytest.param((-31, -31, -31, -28), (-1, 1, 1, 1), "1 fired, 4 resolved", id="until it no longer is"),
        pytest.param((-21, -12, -12, -12), (-1, 1, 1, 1), "1 fired, 3 resolved", id="past both lines"),
        pytest.param((-21, -9, -10, -12, -9), (-1, -1, 1, 1, 1), "1 fired, 4 resolved", id="having stepped down"),
    ],
)
def test_what_ends_the_lowest_level_ends_all(values: tuple[float, ...], others: tuple[float, ...], told: str) -> None:
    rows = [{"value": value, "other": other} for value, other in zip(values, others, strict=True)]
    said, _ = tell(OTHER_ENDS, *rows)
    assert ", ".join(" ".join(one.split()[:2]) for one in said) == told


def test_a_cut_that_became_a_warning_is_over_when_it_says_that_it_is() -> None:
    """Open interest rises above its average, long before it is a third below its peak again."""
    cut = {
        "deleveraging_reset.legs": 3.0,
        "deleveraging_reset.must": 1.0,
        "oi_drawdown.value": -0.5,
        "oi_drawdown.coins": -0.2,
        "oi_vs_ma180.value": -0.1,
    }
    back = cut | {"deleveraging_reset.legs": 1.0, "deleveraging_reset.must": 0.0, "oi_drawdown.value": -0.4}
    back |= {"oi_vs_ma180.value": 0.05, "oi_drawdown.coins": -0.01}
    levels, state, told, day = rules()["deleveraging_reset"].levels, State(), [], timedelta(days=1)
    for number, values in enumerate((cut, cut, back, back), start=1):
        state, change = step(levels, state, values, at=START + number * day, closes=day)
        told += [f"{number} {change.kind} {change.rank}"] if change else []
    assert told == ["1 fired warning", "4 resolved warning"]


def test_a_hold_is_a_time() -> None:
    assert tell(FALL, -10, closes=timedelta(days=1))[0] == ["1 fired notice since 1"]
    assert tell(FALL, -10, -10, -10, closes=HOUR / 2)[0] == []
    assert tell(FALL, -10, -10, -10, -10, closes=HOUR / 2)[0] == ["4 fired notice since 1"]
    assert tell(FALL, -10, -10, closes=1.5 * HOUR)[0] == ["2 fired notice since 1"]


@pytest.mark.parametrize(
    ("values", "told", "unknown"),
    [
        pytest.param({"value": 40, "pct": NAN}, True, False, id="enough is known: the plain line decides"),
        pytest.param({"value": 20, "pct": NAN}, False, True, id="the missing rank could decide"),
        pytest.param({"value": 1, "pct": NAN}, False, False, id="the missing rank could not"),
        pytest.param({"value": NAN, "pct": 0.99}, False, True, id="no value"),
        pytest.param({"pct": 0.99}, False, True, id="not even computed"),
        pytest.param({"value": 20, "pct": 0.99}, True, False, id="both lines of the pair"),
    ],
)
def test_what_is_missing_counts_only_where_it_could_decide(values: dict[str, float], told: bool, unknown: bool) -> None:
    levels = (
        level("notice", enter=[(at_least(0.95, "pct"), above(15.0)), (at_least(30.0),)], leave=below(10.0), hold=HOUR),
    )
    said, state = tell(levels, values)
    assert bool(said) is told
    assert state.unknown is unknown


def test_a_line_may_be_another_value() -> None:
    levels = (level("notice", enter=above(0.0), leave=below("exit"), hold=HOUR),)
    values = [{"value": 1, "exit": -5.0}, {"value": -4, "exit": -5.0}, {"value": -4, "exit": NAN}]
    said, state = tell(levels, *values)
    assert said == ["1 fired notice since 1"]
    assert state.unknown
    assert tell(levels, {"value": -6, "exit": -5.0}, state=state)[0] == ["1 resolved notice since -2"]


def test_a_close_is_judged_once() -> None:
    told, state = tell(FALL, -10)
    again = step(FALL, state, {"value": -10.0}, at=START + HOUR, closes=HOUR)
    earlier = step(FALL, state, {"value": -10.0}, at=START, closes=HOUR)
    assert (told, again, earlier) == ([], (state, None), (state, None))


def test_a_declared_line_of_its_own_for_the_way_out() -> None:
    with pytest.raises(ValueError, match="flickers"):
        level("notice", enter=at_most(1.0), leave=at_most(1.0), hold=HOUR)


def test_it_is_calm_then_pending_then_ranked() -> None:
    states = [tell(FALL, *[value] * closes)[1] for value, closes in ((-1, 1), (-10, 1), (-10, 2), (-20, 2))]
    assert [(state.rank, state.pending is not None) for state in states[:2]] == [(0, False), (0, True)]
    assert [state.rank for state in states[2:]] == [1, 2]
    told, milder = tell(FALL, -12, -12, state=states[-1])
    assert (told, milder.rank) == ([], 1)


def test_a_level_that_is_no_longer_declared_can_still_be_left() -> None:
    _, critical = tell(THREE, 30)
    told, state = tell(QUICK, 31, 4, 4, 4, state=critical)
    assert told == ["4 resolved critical since 0"]
    assert state.rank == 0


def test_a_level_that_is_new_starts_to_count_now() -> None:
    _, firing = tell(QUICK, 12)
    assert tell(THREE, 21, state=firing)[0] == ["1 escalated warning since 0"]


def test_a_state_of_another_version_is_read() -> None:
    kept = to_json(tell(FALL, -10, -10)[1])
    assert from_json({**kept, "a field of tomorrow": 1}) == from_json(kept)
    assert from_json({}) == State()


# The stories of signals.md section 6, told through the metrics' own alarms.


def test_a11_the_flip_takes_two_closes_and_leaves_late() -> None:
    day = timedelta(days=1)
    rule = rules()["net_taker_flip"]

    def close(million: float, days_below: float) -> dict[str, float]:
        return {"value": million * 1e6, "days_below": days_below, "flip_exit": -24.45e6}

    below_zero = [close(-51, 60)] * 3
    told, state = tell(rule.levels, *below_zero, close(1, 63), closes=day)
    assert told == []
    told, state = tell(rule.levels, close(1, 63), closes=day, state=state)
    assert told == ["1 fired warning since 0"]
    told, state = tell(rule.levels, close(-20, 1), closes=day, state=state)
    assert told == []
    told, state = tell(rule.levels, close(-25, 2), closes=day, state=state)
    assert told == ["1 resolved warning since -2"]


def test_a_flip_needs_ten_closes_below_before() -> None:
    rule = rules()["net_taker_flip"]
    wiggle = [{"value": 1e6, "days_below": 9.0, "flip_exit": -24.45e6}] * 5
    assert tell(rule.levels, *wiggle, closes=timedelta(days=1))[0] == []


def test_a20_the_cross_up_is_an_event_of_the_second_close() -> None:
    day = timedelta(days=1)
    rule = rules()["oi_vs_ma180"]
    below, above_it = {"value": -0.05, "coins": -0.03}, {"value": 0.024, "coins": -0.03}
    told, below_before = tell(rule.levels, below, below, closes=day)
    assert told == ["2 fired notice since 1"]
    first, pending = tell(rule.levels, above_it, closes=day, state=below_before)
    assert first == []
    assert tell(rule.levels, above_it, closes=day, state=pending)[0] == ["1 resolved notice since -2"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        pytest.param((10, 4, 4, 4, 10), ["1 fired notice since 1", "4 resolved notice since 1"], id="soon after"),
        pytest.param(
            (20, 4, 4, 4, 10), ["1 fired warning since 1", "4 resolved warning since 1"], id="milder than before"
        ),
    ],
)
def test_a_restart_soon_after_the_end_continues_the_episode(values: tuple[float, ...], told: list[str]) -> None:
    assert tell(THREE, *values, continues=2 * HOUR)[0] == [*told, "5 resumed notice since 1"]
    assert tell(THREE, *values)[0] == [*told, "5 fired notice since 5"]


def test_a_restart_that_is_worse_than_before_is_an_escalation_and_a_late_one_is_new() -> None:
    first = ["1 fired notice since 1", "4 resolved notice since 1"]
    worse = [*first, "5 escalated warning since 1", "8 resolved warning since 1"]
    assert tell(THREE, 10, 4, 4, 4, 20, 4, 4, 4, continues=2 * HOUR)[0] == worse
    assert tell(THREE, 10, 4, 4, 4, 4, 10, continues=2 * HOUR)[0] == [*first, "6 resumed notice since 1"]
    assert tell(THREE, 10, 4, 4, 4, 4, 4, 10, continues=2 * HOUR)[0] == [*first, "7 fired notice since 7"]


def test_what_rose_before_the_end_rises_anew_after_a_restart() -> None:
    told, _ = tell(THREE, 20, 4, 4, 4, 10, 20, continues=2 * HOUR)
    assert told[2:] == ["5 resumed notice since 1", "6 escalated warning since 1"]


def test_dollars_without_coins_are_no_alarm() -> None:
    day = timedelta(days=1)
    rule = rules()["oi_drawdown"]
    price_alone = {"value": -0.351, "coins": 0.003}
    both = {"value": -0.351, "coins": -0.06}
    assert tell(rule.levels, *[price_alone] * 9, closes=day)[0] == []
    assert tell(rule.levels, *[both] * 2, closes=day)[0] == ["2 fired notice since 1"]


def standing(state: State) -> tuple[object, ...]:
    counts = [tuple(filter(None, side)) for side in (state.entering, state.leaving)]
    return state.rank, state.told, state.since, state.pending, *counts


class AnyCourse(RuleBasedStateMachine):
    """Judge any course of values; whatever comes, the messages make sense."""

    def __init__(self) -> None:
        super().__init__()
        self.state = State()
        self.now = START
        self.open: Transition | None = None
        self.last: Transition | None = None  # the newest resolution
        self.told_rank = 0

    def judge(self, value: float) -> Transition | None:
        restarted = from_json(json.loads(json.dumps(to_json(self.state))))
        assert restarted == self.state
        self.now += HOUR
        after = step(THREE, self.state, {"value": value}, at=self.now, closes=HOUR, continues=CONTINUES)
        assert after == step(THREE, restarted, {"value": value}, at=self.now, closes=HOUR, continues=CONTINUES)
        self.state = after[0]
        return after[1]

    @rule(value=st.sampled_from([0.0, 4.9, 5.0, 9.9, 10.0, 14.9, 15.0, 20.0, 25.0, 30.0]))
    def known(self, value: float) -> None:
        change = self.judge(value)
        if change is None:
            return
        assert change.at == self.now
        assert change.since <= change.at
        assert change.again is (self.open is None and change.kind != "fired")
        rank = [level.rank for level in THREE].index(change.rank) + 1
        match change.kind:
            case "fired":
                assert self.open is None
                assert self.last is None or change.since - self.last.at > CONTINUES
            case "resumed" | "escalated" if self.open is None:  # it was over, and goes on
                assert self.last is not None
                assert change.since == self.last.since
                assert (change.kind == "escalated") == (rank > self.told_rank)
            case _:
                assert self.open is not None
                assert change.since == self.open.since
                assert change.rank == THREE[self.told_rank - 1].rank or rank > self.told_rank
        if change.kind == "resolved":
            assert rank == self.told_rank
            self.open, self.last = None, change
        else:
            self.open, self.told_rank = change, rank

    @rule(gap=st.integers(min_value=1, max_value=5))
    def unknown(self, gap: int) -> None:
        before = self.state
        for _ in range(gap):
            assert self.judge(NAN) is None
        assert self.state.unknown
        assert standing(self.state) == standing(before)

    @rule(value=st.floats(allow_nan=False, allow_infinity=False))
    def the_same_close_again(self, value: float) -> None:
        if self.state.at is not None:
            again = step(THREE, self.state, {"value": value}, at=self.state.at, closes=HOUR)
            assert again == (self.state, None)

    @invariant()
    def calm_exactly_while_nothing_is_open(self) -> None:
        assert (self.state.rank == 0) == (self.open is None)
        assert (self.open is None) == (self.state.since is None or self.state.ended is not None)
        assert self.open is None or self.state.told == self.told_rank


AnyCourse.TestCase.settings = examples(60, stateful_step_count=40)
TestAnyCourse = AnyCourse.TestCase
