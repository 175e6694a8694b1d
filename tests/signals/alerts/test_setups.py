"""Setups as they are declared: legs stand on values that exist, sentences are whole, and counts are honest."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.words import wording
from handlers.words.alerts import tell
from handlers.words.message import LONGEST
from signals.alerts.condition import RANKS, at_least, at_most, below, held
from signals.alerts.event import Event
from signals.alerts.rule import rules
from signals.alerts.setup import Leg, Setup, Stage, setups
from signals.inputs import MARKET
from signals.metric import metrics
from signals.series import hours
from tests.signals.test_sentences import JARGON, ORDERS

NOW = datetime(2026, 1, 15, 13, tzinfo=UTC)
EVERY = [pytest.param(setup, id=name) for name, setup in setups().items()]
NUMBERS = st.sampled_from([-3.0, -1.0, 0.0, 1.0, 3.0, math.nan])

THREE = Setup(
    id="three",
    title="Three legs",
    question="Are there?",
    metric="oi_zscore",
    legs=(
        Leg(id="one", title="one", says="One.", must=True, holds=((at_least(1.0, "oi_zscore.value"),),)),
        Leg(id="two", title="two", says="Two.", holds=((at_least(1.0, "taker_zscore.value"),),)),
        Leg(id="three", title="three", says="Three.", holds=((at_most(-1.0, "fear_greed.value"),),)),
        Leg(id="beside", title="beside", says="Beside.", counted=False),
    ),
    stages=(Stage(rank="notice", legs=2, leave=((below(2.0, "three.possible"),),)),),
    headline="{asset}: three.",
    counter="It is wrong if not.",
    resolved="{asset}: over after {duration:duration}.",
)


def values_of(setup: Setup, **chosen: float) -> dict[str, float]:
    """Return some number for every value of the metrics of a setup, in the size that its unit asks for."""
    found: dict[str, float] = {}
    for metric in rules()[setup.id].metrics:
        for name, described in metrics()[metric].values.items():
            unit = described.unit
            found[f"{metric}.{name}"] = {"fraction": -0.31, "usd": 9.1e10, "coins": 93_600.0}.get(unit, 2.34)
            if "price" in name or name in {"low", "close", "support"}:
                found[f"{metric}.{name}"] = 95_131.0
    return found | chosen


def event_of(setup: Setup, kind: Any, values: dict[str, float], **more: Any) -> Event:
    of_market = all(metrics()[metric].market_wide for metric in rules()[setup.id].metrics)
    return Event(
        kind=kind,
        rule=setup.id,
        asset=MARKET if of_market else "BTC",
        rank=setup.stages[0].rank,
        at=NOW,
        since=NOW - timedelta(hours=9),
        values={**values, **{name: float(value) for name, value in setup.counts(values).items()}},
        step=hours(1),
        venues=("binance", "bybit"),
        **more,
    )


@pytest.mark.parametrize("setup", EVERY)
def test_a_setup_stands_on_what_there_is(setup: Setup) -> None:
    rule = rules()[setup.id]
    counts = set(setup.counts({}))
    every = metrics()
    assert rule.metrics[0] == setup.metric
    assert setup.id not in every, "a leg's truth would stand for a value of that metric"
    for name in [
        *(name for leg in setup.legs for name in leg.names()),
        *(n for one in rule.levels for n in one.names()),
    ]:
        metric, _, value = name.partition(".")
        base = value.removesuffix("_at") + "_days_ago" if value.endswith("_at") else value
        assert name in counts or base in every[metric].values, name
    assert [stage.rank for stage in setup.stages] == sorted((one.rank for one in setup.stages), key=RANKS.index)
    assert all(stage.legs <= len(setup.counted) for stage in setup.stages)
    assert any(leg.must for leg in setup.legs), "a story without a leg that must hold is told of anything"
    assert all(leg.holds for leg in setup.counted)
    assert setup.alarms <= set(rules())
    assert len({leg.id for leg in setup.legs}) == len(setup.legs)
    assert len({value for leg in setup.counted for value in [leg.holds]}) == len(setup.counted), "a fact is one leg"


@pytest.mark.parametrize("setup", EVERY)
def test_no_fact_is_two_legs(setup: Setup) -> None:
    """One value may be judged by one counted leg alone; two views of one series are one fact."""
    judged = [{name for group in leg.holds for one in group for name in one.names()} for leg in setup.counted]
    flows = [names for names in judged if any(name.startswith(("taker_", "net_taker")) for name in names)]
    assert sum(len(names) for names in judged) == len(set().union(*judged))
    assert len(flows) <= 1


@pytest.mark.parametrize("setup", EVERY)
def test_every_sentence_of_a_setup_is_whole(setup: Setup) -> None:
    values: dict[str, Any] = values_of(setup)
    dates = {
        f"{name.removesuffix('_days_ago')}_at": NOW - timedelta(days=60)
        for name in values
        if name.endswith("_days_ago")
    }
    filled = {**values, **dates, "asset": "BTC", "duration": timedelta(hours=9)}
    heads = [setup.headline, *(one.headline for one in setup.variants)]
    counters = [setup.counter, *(one.counter for one in setup.variants if one.counter)]
    for text in (*heads, *counters, setup.resolved, *(leg.says for leg in setup.legs)):
        said = wording.template(text, filled)
        assert not re.search(r"unknown|nan|inf\b|None|[{}]|\d{4,}\.\d{3}|--|  | ,|\.\.", said), said
        assert said.endswith("."), said
        assert not ORDERS.search(said), said
    for text in heads:
        assert not JARGON.search(text)
        assert not re.search(r"\d|leverage", text)
        assert text.count(".") == 1
        assert len(wording.template(text, filled)) <= 90
    assert all("wrong" in text for text in counters), "what would make it wrong"
    assert "{duration" not in setup.resolved, "the headline above it says how long it was"
    assert setup.question.endswith("?")
    assert len(setup.title) <= 60
    assert setup.title == setup.title.strip(". ")


@pytest.mark.parametrize("setup", EVERY)
@pytest.mark.parametrize("kind", ["fired", "escalated", "changed", "resolved"])
def test_a_message_of_a_setup_fits(setup: Setup, kind: str) -> None:
    values = values_of(setup)
    event = event_of(setup, kind, values, told=values, lacking={setup.counted[-1].id: "2026-03-12"})
    message = tell(event)
    lines = [block.text for block in message.blocks if hasattr(block, "role")]
    assert sum(len(line) + 1 for line in lines) <= LONGEST
    assert ("wrong" in " ".join(lines)) == (kind != "resolved")
    assert (message.reply is None) == (kind in {"fired", "changed"})


def test_a_leg_that_is_not_known_is_named_with_the_day_from_which_it_is() -> None:
    setup = setups()["selling_wave"]
    values = values_of(setup, **{"liq_zscore.value": math.nan, "depth_index.value": -0.9, "taker_zscore.value": -2.3})
    values |= {"oi_zscore.value": -1.5, "oi_zscore.coins": -0.031, "taker_zscore.buy_share": 0.44}
    said = [
        block.text
        for block in tell(event_of(setup, "fired", values, lacking={"liquidations": "2026-03-12"})).blocks
        if hasattr(block, "role")
    ]
    assert said[0] == "BTC: sellers hit a thin book while positions are closed. STRAINED, 3 of 4 legs."
    assert "Not known: liquidations (data since 12 March 2026)." in said


@given(one=NUMBERS, two=NUMBERS, three=NUMBERS)
def test_what_is_not_known_is_never_counted_and_never_an_end(one: float, two: float, three: float) -> None:
    values = {"oi_zscore.value": one, "taker_zscore.value": two, "fear_greed.value": three}
    counts = THREE.counts(values)
    known = [value for value in (one >= 1.0, two >= 1.0, three <= -1.0) if value]
    assert counts["three.legs"] == len(known)
    assert counts["three.possible"] == len(known) + sum(map(math.isnan, (one, two, three)))
    must = float(counts["three.must"])
    assert math.isnan(must) if math.isnan(one) else must == float(one >= 1.0)
    assert "three.beside" not in counts


@given(rows=st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS), min_size=1, max_size=8))
def test_whole_history_counts_as_close_after_close(rows: list[tuple[float, float, float]]) -> None:
    names = ("oi_zscore.value", "taker_zscore.value", "fear_greed.value")
    whole = THREE.counts({name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)})
    for i, row in enumerate(rows):
        alone = THREE.counts(dict(zip(names, row, strict=True)))
        for name, value in alone.items():
            np.testing.assert_equal(np.broadcast_to(whole[name], len(rows))[i], float(value))


@pytest.mark.parametrize(
    ("crowd", "alarm"),
    [
        pytest.param("long_crowding", "funding_stretch", id="longs"),
        pytest.param("short_crowding", "funding_stretch_low", id="shorts"),
    ],
)
def test_a_crowd_is_left_as_the_alarm_that_it_contains(crowd: str, alarm: str) -> None:
    ours, theirs = rules()[crowd].levels, rules()[alarm].levels
    assert [one.hold_leave for one in ours] == [one.hold_leave for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        bounds = [{(condition.op, condition.bound) for condition in group} for group in one.at_once]
        assert bounds == [{(condition.op, condition.bound) for condition in group} for group in other.at_once]


@pytest.mark.parametrize(
    ("rule", "ratio", "side", "holds"),
    [
        pytest.param("squeeze_fuel", 1000.0, 0.0034, False, id="$34m of shorts, of $10bn"),
        pytest.param("squeeze_fuel", 3.5, 0.0499, False, id="shorts just below the floor"),
        pytest.param("squeeze_fuel", 3.5, 0.05, True, id="shorts that would be a closing"),
        pytest.param("squeeze_fuel", 2.9, 0.2, False, id="many on both sides"),
        pytest.param("squeeze_fuel_longs", 0.001, 0.0208, False, id="longs below the floor"),
        pytest.param("squeeze_fuel_longs", 0.3, 0.112, True, id="longs that would be a closing"),
        pytest.param("squeeze_fuel_longs", 0.3, math.nan, None, id="open interest is not known"),
    ],
)
def test_fuel_is_a_part_of_open_interest(rule: str, ratio: float, side: float, holds: bool | None) -> None:
    setup = setups()[rule]
    of_side = "longs_of_oi" if rule == "squeeze_fuel_longs" else "shorts_of_oi"
    values = {"liq_map.value": ratio, "liq_map.placed": 0.2, f"liq_map.{of_side}": side}
    truth = float(setup.counts(values)[setup.truth(setup.legs[0])])
    assert (None if math.isnan(truth) else bool(truth)) is holds
    ends = {**values, f"liq_map.{of_side}": 0.02}
    assert held(setup.stages[0].leave, ends), "half of it is burnt"
