"""A book of rules says of each pair, close by close, what the machine of all alarms says of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts.condition import Condition, Level
from signals.alerts.episodes import State, closes_in, step
from signals.alerts.rule import AlertRule
from signals.rules.many.book import Book
from tests.signals.rules.many.drawn import HOUR, NAMES, NAN, START, histories, rules

if TYPE_CHECKING:
    from signals.alerts.condition import Rank


def singly(rule: AlertRule, state: State, row: dict[str, float], at: datetime):
    return step(
        rule.levels,
        state,
        row,
        at=at,
        closes=HOUR,
        known_by=rule.known_by,
        continues=rule.continues,
        lasts=rule.lasts,
    )


def seen(rule: AlertRule, state: State) -> tuple[object, ...]:
    """What matters of a state: counts as far as their holds, and of an episode what may yet go on."""
    entering, leaving = state.entering or (0,) * len(rule.levels), state.leaving or (0,) * len(rule.levels)
    return (
        state.rank,
        tuple(min(count, closes_in(of.hold, HOUR)) for count, of in zip(entering, rule.levels, strict=True)),
        tuple(min(count, closes_in(of.hold_leave, HOUR)) for count, of in zip(leaving, rule.levels, strict=True)),
        state.pending,
        state.at,
        state.unknown,
        state.spent,
        (state.told, state.since) if state.rank else None,
        state.ended,
    )


@pytest.mark.slow
@given(rules(), histories(3), st.data())
def test_a_book_says_what_the_machine_says_of_each_pair(
    of: list[AlertRule], values: dict[str, np.ndarray], data: st.DataObject
) -> None:
    assets = ("BTC", "ETH", "SOL")
    book = Book(of, assets, HOUR)
    states = {(rule.id, asset): State() for rule in of for asset in assets}
    for i in range(len(values[NAMES[0]])):
        at = START + i * HOUR
        pairs = data.draw(st.one_of(st.none(), st.lists(st.booleans(), min_size=len(of) * 3, max_size=len(of) * 3)))
        mask = None if pairs is None else np.array(pairs).reshape(len(of), 3)
        got = {
            (book.rules[one.row].id, one.asset): (one.kind, one.at, one.since, one.rank, one.installed)
            for one in book.step({name: rows[i] for name, rows in values.items()}, at=at, closes=HOUR, pairs=mask)
        }
        expected = {}
        for row, rule in enumerate(book.rules):
            for column, asset in enumerate(assets):
                key = rule.id, asset
                if mask is None or mask[row, column]:
                    now = {name: float(rows[i][column]) for name, rows in values.items()}
                    states[key], told = singly(rule, states[key], now, at)
                    if told:
                        first = states[key].first
                        installed = told.kind == "fired" and first is not None and told.since <= first
                        expected[key] = (told.kind, told.at, told.since, told.rank, installed)
                assert seen(rule, book.state(*key)) == seen(rule, states[key])
        assert got == expected
        if data.draw(st.booleans()):
            kept = {key: book.state(*key) for key in states}
            book.forget(at)
            for (rule_id, asset), state in kept.items():
                after = book.state(rule_id, asset)
                if after.ended != state.ended:  # what is forgotten could not go on
                    assert state.ended is not None
                    assert at - state.ended > book.rules[book.row[rule_id]].continues
                    before = states[rule_id, asset]
                    states[rule_id, asset] = State(
                        **{name: getattr(before, name) for name in State.__slots__} | {"since": None, "ended": None}
                    )


@pytest.mark.parametrize("closes", [HOUR, timedelta(days=1)])
def test_a_hold_is_counted_in_the_closes_that_there_are(closes: timedelta) -> None:
    [rule] = [
        AlertRule(
            "own day",
            "",
            (
                Level(
                    "warning",
                    ((Condition("day.value", ">", 1.0),),),
                    ((Condition("day.value", "<", 0.0),),),
                    3 * HOUR,
                    HOUR,
                ),
            ),
            "",
            (),
            "",
            "",
            metrics=("day",),
        )
    ]
    book = Book([rule], ("BTC",), HOUR)
    book.step({"day.value": np.array([0.5])}, at=START, closes=closes)
    told = [i for i in range(1, 5) if book.step({"day.value": np.array([2.0])}, at=START + i * closes, closes=closes)]
    assert told == [closes_in(3 * HOUR, closes)]


def test_what_lasted_too_long_begins_again_only_after_it_did_not_hold() -> None:
    """Random closes seldom get so far: over after four closes, silent while the line is crossed, then anew."""
    enter, leave = ((Condition("day.value", ">", 1.0),),), ((Condition("day.value", "<", 0.0),),)
    rule = AlertRule(
        "own day", "", (Level("warning", enter, leave, HOUR, HOUR),), "", (), "", "", metrics=("day",), lasts=4 * HOUR
    )
    book, state, told, expected = Book([rule], ("BTC",), HOUR), State(), [], []
    for i, value in enumerate([0.5, 2, 2, 2, 2, 2, 2, NAN, 2, 0.5, 2, 2, -1, -1, 2]):
        at = START + i * HOUR
        told += [(i, one.kind) for one in book.step({"day.value": np.array([value])}, at=at, closes=HOUR)]
        state, transition = singly(rule, state, {"day.value": value}, at)
        expected += [(i, transition.kind)] if transition else []
        assert book.state("own day", "BTC").spent == state.spent
    assert told == expected == [(1, "fired"), (5, "resolved"), (10, "fired"), (12, "resolved"), (14, "resumed")]


def test_the_end_of_the_lowest_level_ends_the_higher_ones() -> None:
    """Random rules seldom have levels whose ends are as far apart as those of a setup."""

    def of(rank: Rank, enter: float, leave: Condition, hold: timedelta) -> Level:
        calm = Condition("day.other", "<=", 0.0)
        return Level(rank, ((Condition("day.value", ">=", enter), calm),), ((leave,),), HOUR, hold)

    levels = (
        of("notice", 1.0, Condition("day.other", ">", 0.0), 2 * HOUR),
        of("warning", 2.0, Condition("day.value", "<", 1.0), 2 * HOUR),
        replace(
            of("critical", 3.0, Condition("day.value", "<", 2.0), HOUR), enter=((Condition("day.value", ">=", 3.0),),)
        ),
    )
    rule = AlertRule("own day", "", levels, "", (), "", "", metrics=("day",))
    book, state, told, expected = Book([rule], ("BTC",), HOUR), State(), [], []
    values = [2, 2, 2, 2, 0, 3, 3, 3, 2.5, 2, 2, 2, 3, 1, 0, 0, 0]
    others = [0, 1, NAN, 1, 0, 0, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1]
    for i, row in enumerate(zip(values, others, strict=True)):
        at, now = START + i * HOUR, dict(zip(("day.value", "day.other"), map(float, row), strict=True))
        found = book.step({name: np.array([now[name]]) for name in book.names}, at=at, closes=HOUR)
        told += [(i, one.kind, one.rank) for one in found]
        state, transition = singly(rule, state, now, at)
        expected += [(i, transition.kind, transition.rank)] if transition else []
        assert seen(rule, book.state("own day", "BTC")) == seen(rule, state)
    assert told == expected
    assert [(i, kind) for i, kind, _ in told] == [
        (0, "fired"), (3, "resolved"), (5, "escalated"), (8, "resolved"), (9, "resumed"),
        (12, "escalated"), (16, "resolved"),
    ]  # fmt: skip
