"""An event of a position waits as JSON and is read back equal, whatever it holds."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import fields, is_dataclass, replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.liquidation.events import (
    CameNear,
    FirstLook,
    Holder,
    HoldingsChanged,
    LineCrossed,
    PositionEvent,
    PositionNow,
    from_json,
    to_json,
)
from signals.liquidation.watching import Holding

NOON = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
HOLDING = Holding(
    asset="BTC", venue="binance", contract="linear", side="long", entry=95_000.0, leverage=25.0, begun=NOON,
    size_coins=0.5,
)  # fmt: skip
STANDS = PositionNow(
    holding=HOLDING, lines=(0.2, 0.1), number=1, liquidation=91_566.27, mark=95_000.0, mark_at=NOON,
    mark_venue="binance", distance=0.036, known=True, profit=0.0, profit_share=0.0, table_as_of=NOON.date(),
)  # fmt: skip


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are equal, NaN being equal to itself."""
    if is_dataclass(one):
        return type(one) is type(other) and all(
            same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one)
        )
    if isinstance(one, tuple):
        return isinstance(other, tuple) and len(one) == len(other) and all(map(same, one, other))
    return one == other or (one != one and other != other)  # noqa: PLR0124 - NaN alone differs from itself


@pytest.mark.slow
@pytest.mark.parametrize("kind", get_args(PositionEvent), ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_every_event_survives_json(kind: type[PositionEvent], data: st.DataObject) -> None:
    event = data.draw(st.from_type(kind))
    assert same(from_json(json.loads(json.dumps(to_json(event), allow_nan=False))), event)


def test_a_number_that_is_not_known_stays_unknown() -> None:
    stands = replace(STANDS, liquidation=math.nan, distance=math.inf, typical=None)
    found = from_json(json.loads(json.dumps(to_json(LineCrossed(stands, "notice")), allow_nan=False)))
    assert isinstance(found, LineCrossed)
    assert math.isnan(found.position.liquidation)
    assert (found.position.distance, found.position.typical) == (math.inf, None)


def test_what_an_older_version_did_not_write_has_its_default() -> None:
    data = to_json(LineCrossed(STANDS, "warning", escalated=True))
    del data["escalated"], data["position"]["typical"]
    assert from_json(data) == LineCrossed(STANDS, "warning")


def test_an_event_of_a_newer_version_is_refused() -> None:
    with pytest.raises(ValueError, match="newer version"):
        from_json({"event": "moved to another planet"})


def test_the_word_of_a_kind_is_written_in_stored_events_and_stays() -> None:
    holder = Holder("0xab", "whale")
    assert to_json(HoldingsChanged(holder, (), (HOLDING,)))["event"] == "holdings changed"
    assert to_json(FirstLook(holder, (STANDS,)))["event"] == "first look"
    assert CameNear.__name__ not in json.dumps(to_json(LineCrossed(STANDS, "notice")))
