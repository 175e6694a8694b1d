"""Under what a record is kept: whoever changes a line begins anew, whoever mends a sentence does not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest

from signals.alerts.record import definition_of, outcomes
from signals.alerts.rule import rules
from signals.evidence import DailyCloses
from signals.metric import metrics
from signals.units import DAY, DAY_MS, HOUR, to_ms

if TYPE_CHECKING:
    from collections.abc import Callable

    from signals.alerts.rule import AlertRule

RULE = rules()["oi_drawdown"]


def level(**change: object) -> Callable[[AlertRule], AlertRule]:
    return lambda rule: replace(rule, levels=(replace(rule.levels[0], **change), *rule.levels[1:]))  # type: ignore[arg-type]


@pytest.mark.parametrize(("changed", "same"), [
    pytest.param(lambda rule: replace(rule, headline="{asset}: other words."), True, id="headline"),
    pytest.param(lambda rule: replace(rule, counter="", legs=(), title="T", resolved=""), True, id="sentences"),
    pytest.param(level(hold=timedelta(days=3)), False, id="hold"),
    pytest.param(level(hold_leave=timedelta(days=3)), False, id="hold of leaving"),
    pytest.param(level(enter=RULE.levels[1].enter), False, id="line"),
    pytest.param(level(leave=RULE.levels[1].leave), False, id="line of leaving"),
    pytest.param(lambda rule: replace(rule, levels=rule.levels[:2]), False, id="a level less"),
    pytest.param(lambda rule: replace(rule, continues=timedelta(days=9)), False, id="what continues it"),
    pytest.param(lambda rule: replace(rule, metrics=("oi_drawdown", "oi_zscore")), False, id="another metric"),
])  # fmt: skip
def test_a_changed_definition_has_another_hash(changed: Callable[[AlertRule], AlertRule], same: bool) -> None:
    assert (definition_of(changed(RULE), metrics()).hash == definition_of(RULE, metrics()).hash) is same


@pytest.mark.parametrize("change", [{"window": DAY}, {"step": HOUR}, {"version": 2}, {"needs": ("close",)}])
def test_another_formula_begins_a_new_record(change: dict[str, object]) -> None:
    other = {**metrics(), "oi_drawdown": replace(metrics()["oi_drawdown"], **change)}  # type: ignore[arg-type]
    assert definition_of(RULE, other).hash != definition_of(RULE, metrics()).hash


def test_every_rule_has_a_definition_of_its_own_that_anybody_can_read() -> None:
    found = [definition_of(rule, metrics()) for rule in rules().values()]
    assert len({one.hash for one in found}) == len(found) > 5
    for one in found:
        plain = json.loads(one.text)
        assert plain["rule"] == one.rule
        assert plain["levels"]
        assert plain["metrics"]


def test_each_fire_is_judged_however_near_the_next_is() -> None:
    first = datetime(2024, 1, 1, tzinfo=UTC)
    times = np.array([to_ms(first) + day * DAY_MS for day in range(20)], dtype=np.int64)
    closes = DailyCloses(times, np.array([100.0 + day for day in range(20)]))
    found = outcomes([first, first + DAY, first + 18 * DAY], closes, 7)
    assert found == pytest.approx([108 / 101 - 1, 109 / 102 - 1])
