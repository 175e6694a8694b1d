"""One reading of intervals: a missing settlement is a hole, and a rate belongs to the interval it is told with."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bot.archive.importing import read_file
from bot.market.border.intervals import intervals
from bot.market.exchange.contracts import Contract
from bot.market.exchange.recipe import settled
from bot.market.source import Ask
from bot.market.venues.okx import _hours
from signals.units import HOUR, HOUR_MS, to_ms

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 22, tzinfo=UTC)
START = to_ms(datetime(2026, 11, 1, tzinfo=UTC))

CASES = [
    pytest.param([0, 8, 16, 24], [8, 8, 8, 8], id="every eight hours"),
    pytest.param([0, 8, 24, 32], [8, 8, 8, 8], id="one is missing"),
    pytest.param([0, 8, 32, 40], [8, 8, 8, 8], id="two are missing"),
    pytest.param([0, 8, 24], [8, 8, 8], id="the one before the newest is missing"),
    pytest.param([0, 4, 8, 16, 20], [4, 4, 4, 4, 4], id="one of each fourth hour is missing, and 8 hours do exist"),
    pytest.param([0, 1, 2, 4, 5], [1, 1, 1, 1, 1], id="one of each hour is missing"),
    pytest.param([0, 8, 16, 17, 18], [8, 8, 8, 1, 1], id="eight turns into one"),
    pytest.param([0, 8, 16, 17], [8, 8, 8, 1], id="and is seen at once"),
    pytest.param([0, 1, 2, 10, 18], [1, 1, 1, 8, 8], id="one turns into eight"),
    pytest.param([0, 8, 12, 16], [8, 8, 4, 4], id="eight turns into four"),
    pytest.param([0, 4, 8, 16], [4, 4, 4, 4], id="one that grows at the newest gap may be a hole"),
    pytest.param([0, 4, 8, 16, 24], [4, 4, 4, 8, 8], id="and is a change when the next one tells"),
]


@pytest.mark.parametrize(
    ("running", "newest"), [pytest.param(8.0, 8.0, id="it is a change"), pytest.param(4.0, 4.0, id="it is a hole")]
)
def test_the_rate_that_builds_now_tells_what_a_longer_gap_is(running: float, newest: float) -> None:
    ends = [START + at * HOUR_MS for at in (0, 4, 8, 16)]
    assert intervals(ends, running) == [4, 4, 4, newest]
    contract = Contract("bybit", "BTC", "BTC/USDT:USDT", "BTCUSDT")
    ask = Ask("funding", "BTC", NOW, NOW - 1000 * HOUR)
    (live,) = settled(contract, ask, [(at, 1e-4) for at in ends], running_hours=running)
    assert live.columns["funding_interval_hours"][-1] == newest


@pytest.mark.parametrize(("times", "hours"), CASES)
def test_venue_and_file_read_alike(tmp_path: Path, times: list[float], hours: list[float]) -> None:
    ends = [START + round(at * HOUR_MS) + 7 for at in times]
    assert intervals(ends) == hours
    contract = Contract("bybit", "BTC", "BTC/USDT:USDT", "BTCUSDT")
    (live,) = settled(contract, Ask("funding", "BTC", NOW, NOW - 1000 * HOUR), [(at, 1e-4) for at in ends])
    assert list(live.columns["funding_interval_hours"]) == hours[1:]
    path = tmp_path / "funding.json"
    path.write_text(
        json.dumps([{"symbol": "BTCUSDT", "fundingTime": at, "fundingRate": "0.0001", "markPrice": ""} for at in ends])
    )
    kept = read_file(path, now=NOW).kept
    assert [row.value for row in kept if row.input == "funding_interval_hours"] == hours


@pytest.mark.parametrize(
    ("before", "coming", "after", "hours"),
    [
        pytest.param("0", "8", "12", 8.0, id="the next one is shorter"),
        pytest.param("4", "8", "16", 4.0, id="the next one is longer"),
        pytest.param("0", "8", "16", 8.0, id="as ever"),
        pytest.param("", "8", "12", 4.0, id="the one before is not told"),
    ],
)
def test_okx_tells_a_rate_with_its_interval(before: str, coming: str, after: str, hours: float) -> None:
    def at(hour: str) -> str:
        return str(START + int(hour) * HOUR_MS) if hour else ""

    rate = {"prevFundingTime": at(before), "fundingTime": at(coming), "nextFundingTime": at(after)}
    assert _hours(rate) == hours
