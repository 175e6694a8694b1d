"""Which readings a digest calls near a line."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from signals.alerts.condition import above, at_least, at_most, below, level
from signals.alerts.near import nearest

if TYPE_CHECKING:
    from signals.alerts.condition import Level

HOUR = timedelta(hours=1)
FALL = level("notice", enter=at_most(-0.30), leave=above(-0.20), hold=HOUR)
BOTH = level("notice", enter=(at_most(-0.30), at_most(-0.05, "coins")), leave=above(-0.20), hold=HOUR)
EITHER = level(
    "notice", enter=[(at_least(0.30),), (at_least(0.20), at_least(0.95, "pct"))], leave=below(0.10), hold=HOUR
)
FLIP = level("notice", enter=(above(0.0), at_least(10.0, "days")), leave=below("exit"), hold=HOUR)


@pytest.mark.parametrize(
    ("declared", "values", "line"),
    [
        pytest.param(FALL, {"value": -0.26}, -0.30, id="over half of the way"),
        pytest.param(FALL, {"value": -0.25}, None, id="half of the way is not over half"),
        pytest.param(FALL, {"value": -0.10}, None, id="calm"),
        pytest.param(FALL, {"value": -0.30}, None, id="on the line it holds"),
        pytest.param(FALL, {"value": math.nan}, None, id="not known"),
        pytest.param(FALL, {}, None, id="never stored"),
        pytest.param(BOTH, {"value": -0.29, "coins": -0.10}, -0.30, id="the other condition holds"),
        pytest.param(BOTH, {"value": -0.29, "coins": 0.0}, None, id="two conditions are lacking"),
        pytest.param(BOTH, {"value": -0.29, "coins": math.nan}, None, id="the other is not known"),
        pytest.param(BOTH, {"value": -0.35, "coins": -0.04}, None, id="what lacks is not the value that is told"),
        pytest.param(EITHER, {"value": 0.25, "pct": 0.5}, 0.30, id="the group that needs no other"),
        pytest.param(EITHER, {"value": 0.17, "pct": 0.99}, 0.20, id="the group whose other holds"),
        pytest.param(FLIP, {"value": -1.0, "days": 20.0, "exit": -5.0}, None, id="a line that moves has no half way"),
    ],
)
def test_what_is_near_a_line(declared: Level, values: dict[str, float], line: float | None) -> None:
    found = nearest(declared, "value", values)
    assert (found.bound if found else None) == line
