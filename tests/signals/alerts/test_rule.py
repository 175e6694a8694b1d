"""Rules name values of metrics, shortly in the metric's own file, wholly everywhere else."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.alerts import rule as module
from signals.alerts.condition import above, at_least, at_most, below, held, judged, level
from signals.alerts.rule import AlertRule, rules, rules_of
from signals.alerts.setup import setups
from signals.metric import metrics

HOUR = timedelta(hours=1)
NUMBERS = st.sampled_from([-1.0, 0.0, 1.0, math.nan])
CONDITIONS = st.builds(
    lambda made, bound, name: made(bound, name),
    st.sampled_from([at_most, below, at_least, above]),
    st.sampled_from([-1.0, 0.0, 1.0, "other"]),
    st.sampled_from(["value", "other", "never there"]),
)
GROUPS = st.lists(st.lists(CONDITIONS, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple)


def test_short_names_are_those_of_its_own_metric() -> None:
    levels = (level("notice", enter=(at_most(1.0), at_least(2.0, "oi_zscore.coins")), leave=above("top"), hold=HOUR),)
    made = AlertRule("id", "t", levels, "{value:usd}", ("{oi_drawdown.usd:usd}",), "", "").within("taker_ratio")
    assert list(made.levels[0].names()) == [
        "taker_ratio.value",
        "oi_zscore.coins",
        "taker_ratio.value",
        "taker_ratio.top",
    ]
    assert made.metrics == ("taker_ratio", "oi_zscore", "oi_drawdown")
    assert made.known_by == ("taker_ratio.value", "oi_zscore.value", "oi_drawdown.value")
    values = {"taker_ratio.value": 1.0, "oi_zscore.value": 2.0}
    assert made.named(values) == values | {"value": 1.0}


def test_every_rule_is_declared_by_a_metric_and_found_by_its_id() -> None:
    assert len(rules()) > 5
    assert [*(rule.id for metric in metrics() for rule in rules_of(metric)), *setups()] == list(rules())
    for name, rule in rules().items():
        assert rule.id == name
        assert set(rule.metrics) <= set(metrics())
        for value in (value for one in rule.levels for value in one.names()):
            metric, _, short = value.partition(".")
            counts = rule.setup.counts({}) if rule.setup else {}
            assert value in counts or short in metrics()[metric].values


def test_an_id_stands_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from signals.metrics import oi_zscore, taker_zscore  # noqa: PLC0415 - here alone

    monkeypatch.setattr(oi_zscore, "RULES", taker_zscore.RULES)
    with pytest.raises(ValueError, match="two alert rules are called taker_zscore"):
        module.rules.__wrapped__()


@given(groups=GROUPS, values=st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=5))
def test_arrays_are_judged_as_close_after_close(groups, values: list[tuple[float, float]]) -> None:
    columns = {name: np.array([row[i] for row in values]) for i, name in enumerate(("value", "other"))}
    holds, fails = (np.broadcast_to(side, len(values)).tolist() for side in judged(groups, columns))
    singly = [held(groups, {"value": row[0], "other": row[1]}) for row in values]
    assert [True if yes else False if no else None for yes, no in zip(holds, fails, strict=True)] == singly


@given(groups=GROUPS, value=NUMBERS, other=NUMBERS)
def test_what_is_not_known_decides_nothing(groups, value: float, other: float) -> None:
    """Whatever stands in for a missing number, the answer that was given without it stays."""
    answer = held(groups, {"value": value, "other": other})
    for stand_in in (-1e9, -1.0, -0.5, 0.0, 0.5, 1.0, 1e9):
        values = {
            "value": stand_in if math.isnan(value) else value,
            "other": stand_in if math.isnan(other) else other,
            "never there": stand_in,
        }
        assert answer is None or held(groups, values) is answer
