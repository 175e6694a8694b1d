"""What a rule is compiled to: levels that cannot flicker, values it needs, what it costs; and one text per meaning."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from signals.alerts import stepping
from signals.alerts.condition import judged
from signals.alerts.derived import Derived
from signals.alerts.episodes import State
from signals.alerts.record import definition_of
from signals.alerts.rule import OWN, rule_of, rules
from signals.metric import metrics
from signals.rules.compiled import MOST_CELLS, cost, rule_from
from signals.rules.errors import RuleError
from signals.rules.reading import meaning_of, read
from signals.rules.terms import Meaning, Term, exact, ordered, text_of, value_of
from tests.examples import examples

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
VALUES = ("funding_market.value", "taker_zscore.value", "price_move.price", "oi_coins.value", "funding_stretch.pct")
TESTS = (">", ">=", "<", "<=", "crosses", "crosses above", "crosses below")


@st.composite
def terms(draw: st.DrawFn) -> Term:
    name = draw(st.sampled_from((*VALUES, "oi_quadrant.value")))
    unit = value_of(name).unit
    if unit == "code":
        return Term(name, "is", float(draw(st.integers(0, 4))))
    test = draw(st.sampled_from(TESTS))
    low, high = {"price": (1, 200_000), "coins": (1, 900_000), "rank": (1, 99)}.get(unit, (-300, 300))
    bound = exact(draw(st.integers(low, high)) / (100 if unit in {"rank", "apr", "z"} else 1))
    if unit in {"price", "coins", "z"} and test[0] in "<>" and draw(st.booleans()):
        over = timedelta(hours=draw(st.sampled_from([2, 3, 5, 36, 48, 72])))
        return Term(name, test, exact(bound % 1 if unit != "z" else bound), over)
    return Term(name, test, bound)


GROUPS = st.lists(st.lists(terms(), min_size=1, max_size=3).map(tuple), min_size=1, max_size=3).map(tuple)
MEANINGS = st.builds(
    Meaning,
    enter=GROUPS.map(ordered),
    until=st.one_of(
        st.just(()), st.lists(st.lists(terms(), min_size=1, max_size=2).map(tuple), max_size=1).map(ordered)
    ),
    hold=st.sampled_from([timedelta(0), 2 * HOUR, 36 * HOUR, timedelta(days=7)]),
    quiet=st.booleans(),
)


def read_back(meaning: Meaning) -> Meaning:
    """Return what the text of a meaning means; a meaning that is refused is none to be tested."""
    try:
        return meaning_of(text_of(meaning))
    except RuleError:
        assume(False)
        raise


@pytest.mark.slow
@examples(200)
@given(MEANINGS)
def test_a_text_reads_back_as_itself(meaning: Meaning) -> None:
    found = read_back(meaning)
    if text_of(found) == text_of(meaning):  # an end that comes by itself is not said
        assert found == meaning
    assert meaning_of(text_of(found)) == found
    assert rule_of(OWN + text_of(found)) == rule_from(found)
    spoken = read(f"btc {text_of(found, spoken=True)}", assets=("BTC",), usual="ETH")
    assert spoken.rule == rule_from(found)


@pytest.mark.slow
@examples(200)
@given(MEANINGS, st.data())
def test_nothing_is_entered_and_left_at_once(meaning: Meaning, data: st.DataObject) -> None:
    (level,) = rule_from(read_back(meaning)).levels
    lines = {condition.bound for groups in (level.enter, level.leave) for group in groups for condition in group}
    near = st.sampled_from(sorted({float(line) + off for line in lines for off in (-1, -0.001, 0, 0.001, 1)}))
    values = {name: data.draw(near, label=name) for name in set(level.names())}
    assert not (judged(level.enter, values)[0] and judged(level.leave, values)[0])


@examples(100)
@given(MEANINGS)
def test_every_name_is_a_value_of_its_metrics_or_derived(meaning: Meaning) -> None:
    rule = rule_from(read_back(meaning))
    derived = {one.name: one for one in rule.derived}
    for name in {name for level in rule.levels for name in level.names()}:
        source = derived[name].of if name in derived else name
        metric, _, value = source.partition(".")
        assert metric in rule.metrics
        assert value in metrics()[metric].values
    assert set(rule.needed) <= set(rule.metrics)
    assert rule.needed
    assert 0 <= cost(rule) <= MOST_CELLS


def stepped(line: str, values: dict[str, list[float]]) -> list[tuple[str, int]]:
    """Return what happens to a rule, and at which close."""
    rule = read(line, assets=("BTC",), usual="BTC").rule
    rows = {name: np.array(every, dtype=float) for name, every in values.items()}
    times = [START + HOUR * i for i in range(len(next(iter(rows.values()))))]
    seen = rule.judged_rows(rows, HOUR, 0)
    told = stepping.run(rule.levels, State(), seen, times, closes=HOUR, continues=rule.continues)[1]
    return [(change.kind, round((change.at - START) / HOUR)) for _, change in told]


def test_a_crossing_is_told_each_time_and_is_over_at_the_next_close() -> None:
    price = [98.0] * 20 + [101, 102, 99, 98, 101]
    found = stepped("btc price crosses above 100", {"price_move.price": price})
    assert found == [("fired", 20), ("resolved", 21), ("fired", 24)]


def test_a_rule_of_moments_says_so() -> None:
    assert read("btc crosses 100k", assets=("BTC",), usual="BTC").rule.momentary
    assert read("btc crosses 100k and funding > 5% apr", assets=("BTC",), usual="BTC").rule.momentary
    assert not read("btc crosses 100k or funding > 5% apr", assets=("BTC",), usual="BTC").rule.momentary
    assert not read("btc crosses 100k until price < 90k", assets=("BTC",), usual="BTC").rule.momentary


def test_a_hold_waits_and_the_end_does_not() -> None:
    funding = [0.1, 0.4, 0.1, 0.4, 0.4, 0.4, 0.2, 0.14, 0.4]
    found = stepped("funding > 30% apr for 2h", {"funding_market.value": funding})
    assert found == [("fired", 4), ("resolved", 7)]


def test_an_end_of_another_figure_holds_the_beginning_back() -> None:
    values = {"funding_market.value": [0.4] * 6, "price_move.price": [80.0, 80, 91, 91, 80, 80]}
    found = stepped("funding > 30% apr until price > 90", values)
    assert [kind for kind, _ in found] == ["fired", "resolved", "fired"]
    assert [at for _, at in found] == [0, 2, 4]


def test_what_is_not_known_neither_begins_nor_ends() -> None:
    found = stepped("funding > 30% apr", {"funding_market.value": [math.nan, 0.4, math.nan, math.nan, 0.1]})
    assert found == [("fired", 1), ("resolved", 4)]


def test_alternatives_need_the_metric_that_most_assets_have() -> None:
    rule = read("taker z < -2 or depth z < -1", assets=("BTC",), usual="BTC").rule
    assert rule.required == ("taker_zscore",)
    assert set(rule.metrics) == {"taker_zscore", "depth_index"}
    assert read("taker z < -2 and depth z < -1", assets=("BTC",), usual="BTC").rule.required is None


def test_a_quiet_rule_is_a_notice() -> None:
    assert [level.rank for level in rule_of("own funding_market > 30% apr quiet").levels] == ["notice"]
    assert [level.rank for level in rule_of("own funding_stretch quiet").levels] == ["notice"]
    assert rule_of("own funding_stretch").levels == rules()["funding_stretch"].levels


def test_derived_values_say_what_they_are() -> None:
    rule = rule_of("own price_move.price <= -3% in 3h or price_move.price crosses above 100k")
    assert set(rule.derived) == {
        Derived("price_move.price_change_180m", "price_move.price", "change", 3 * HOUR),
        Derived("price_move.price_crosses_above_100000", "price_move.price", "crosses_above", line=1e5, band=500.0),
    }
    assert rule.lead(HOUR) == 24


def test_another_dead_band_begins_another_record() -> None:
    rule = rule_of("own price_move.price crosses 100k")
    wider = replace(rule, derived=(replace(rule.derived[0], band=1_000.0),))
    assert definition_of(rule, metrics()) != definition_of(wider, metrics())


@pytest.mark.parametrize(
    "name",
    [
        "funding_market > 30% apr",
        "own ",
        "own nonsense",
        "own funding > 30% apr",
        "own funding_market > 30 % apr",
        "own btc funding_market > 30% apr",
        "own funding_market > 30% apr until funding_market < 15% apr",
        "own taker_zscore < -2 or depth_index < -1",
    ],
)
def test_what_is_no_id_is_no_rule(name: str) -> None:
    with pytest.raises(KeyError):
        rule_of(name)


def test_a_metric_that_alarms_compute_costs_nothing_more() -> None:
    assert cost(rule_of("own price_move.change_24h < -5%")) == 0
    assert cost(rule_of("own price_move.price crosses 100k")) == 24
    year = metrics()["basis"]
    assert cost(rule_of("own basis < -0.05%")) == year.bars_back(year.step) * len(year.needs)
