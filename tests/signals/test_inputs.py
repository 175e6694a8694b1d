from __future__ import annotations

import math

import pytest

from signals.alerts.condition import above, at_least, at_most, below, level
from signals.inputs import BARS, INPUTS, LEVELS
from signals.series import hours

# DESIGN section 4: part of the outside interface, so written out again here and never derived.
NAMES = [
    "open",
    "high",
    "low",
    "close",
    "volume_usd",
    "taker_buy_usd",
    "mark_price",
    "index_price",
    "spot_price",
    "open_interest_coin",
    "open_interest_usd",
    "funding_rate",
    "funding_interval_hours",
    "long_short_accounts",
    "long_short_top_accounts",
    "long_short_top_positions",
    "liquidated_longs_usd",
    "liquidated_shorts_usd",
    "depth_bids_usd",
    "depth_asks_usd",
    "implied_volatility",
    "stablecoin_supply_usd",
    "fear_greed",
]


def test_no_input_is_renamed_or_lost() -> None:
    assert set(NAMES) <= set(INPUTS)
    assert set(BARS) | set(LEVELS) == set(INPUTS)
    assert not set(BARS) & set(LEVELS)


@pytest.mark.parametrize(
    ("name", "value", "possible"),
    [
        pytest.param("close", 95_131.0, True, id="a price"),
        pytest.param("close", 0.0, False, id="no price is zero"),
        pytest.param("open_interest_usd", -1.0, False, id="no negative open interest"),
        pytest.param("volume_usd", 0.0, True, id="an hour without a trade"),
        pytest.param("liquidated_longs_usd", 0.0, True, id="an hour without a liquidation"),
        pytest.param("funding_rate", -0.003, True, id="funding has both signs"),
        pytest.param("funding_rate", 0.0, True, id="and may be nothing"),
        pytest.param("funding_interval_hours", 0.0, False, id="an interval is not nothing"),
        pytest.param("fear_greed", 0.0, True, id="the deepest fear"),
        *(
            pytest.param(name, bad, False, id=f"{name} {bad}")
            for name in ("close", "funding_rate", "fear_greed")
            for bad in (math.nan, math.inf, -math.inf)
        ),
    ],
)
def test_what_can_be_true(name: str, value: float, possible: bool) -> None:
    assert INPUTS[name].possible(value) is possible


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_says_what_it_is(name: str) -> None:
    described = INPUTS[name]
    assert described.name == name
    assert described.title
    assert described.unit
    assert described.fresh_for > hours(0)
    assert (described.fold == "sum") == (name.endswith("_usd") and described.kind == "bar"), "flows add up over time"


@pytest.mark.parametrize(
    ("line", "value", "holds"),
    [
        pytest.param(at_most(2.0), 2.0, True, id="at most, on the line"),
        pytest.param(below(2.0), 2.0, False, id="below, on the line"),
        pytest.param(at_least(2.0), 2.0, True, id="at least, on the line"),
        pytest.param(above(2.0), 2.0, False, id="above, on the line"),
        pytest.param(at_most(2.0), 2.1, False, id="at most, above it"),
        pytest.param(below(2.0), 1.9, True, id="below"),
        pytest.param(at_least(2.0), 1.9, False, id="at least, below it"),
        pytest.param(above(2.0), 2.1, True, id="above"),
        pytest.param(above(2.0), math.nan, None, id="not known"),
    ],
)
def test_a_line(line: object, value: float, holds: bool | None) -> None:
    assert line.holds({"value": value}) is holds  # type: ignore[attr-defined]


def test_a_line_on_something_that_was_not_computed_is_not_known() -> None:
    assert above(2.0, "pct").holds({"value": 3.0}) is None
    assert above("exit").holds({"value": 3.0}) is None
    assert above("exit").holds({"value": 3.0, "exit": 2.0}) is True


def test_groups_are_alternatives_and_a_tuple_holds_together() -> None:
    one = level("notice", enter=above(1.0), leave=below(0.0), hold=hours(1))
    assert one.enter == ((above(1.0),),)
    both = level("notice", enter=(above(1.0), above(2.0, "pct")), leave=below(0.0), hold=hours(1))
    assert both.enter == ((above(1.0), above(2.0, "pct")),)
    either = level("notice", enter=[(above(1.0),), (above(2.0, "pct"),)], leave=below(0.0), hold=hours(1))
    assert either.enter == ((above(1.0),), (above(2.0, "pct"),))
    assert either.hold_leave == either.hold
