from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest

from signals.units import next_settlement


@pytest.mark.parametrize(
    ("at", "hours", "due"),
    [
        pytest.param("2026-11-20T12:34:56+00:00", 8, "2026-11-20T16:00:00+00:00", id="eight hours"),
        pytest.param("2026-11-20T12:34:56+00:00", 4, "2026-11-20T16:00:00+00:00", id="four"),
        pytest.param("2026-11-20T12:34:56+00:00", 1, "2026-11-20T13:00:00+00:00", id="one"),
        pytest.param("2026-11-20T16:00:00+00:00", 8, "2026-11-21T00:00:00+00:00", id="on a settlement: the next one"),
        pytest.param("2026-11-20T23:59:59+00:00", 8, "2026-11-21T00:00:00+00:00", id="over midnight"),
        pytest.param("2026-11-21T01:00:00+02:00", 8, "2026-11-21T00:00:00+00:00", id="another offset, another date"),
        # recorded: Binance premiumIndex of 2023-06-20 06:55:12 named this nextFundingTime
        pytest.param("2023-06-20T06:55:12+00:00", 8, "2023-06-20T08:00:00+00:00", id="as Binance said"),
    ],
)
def test_next_settlement(at: str, hours: float, due: str) -> None:
    assert next_settlement(datetime.fromisoformat(at), hours) == datetime.fromisoformat(due)


def test_answer_is_in_utc() -> None:
    east = timezone(timedelta(hours=9))
    assert next_settlement(datetime(2026, 1, 1, 3, tzinfo=east), 8).tzinfo is UTC


@pytest.mark.parametrize("hours", [0, -8, math.nan])
def test_impossible_interval(hours: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        next_settlement(datetime(2026, 1, 1, tzinfo=UTC), hours)
