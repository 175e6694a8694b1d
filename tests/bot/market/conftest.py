from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.exchange import Clock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bot.market.keeper import Collected
    from storage.market.points import Points

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
RECORDED = DATA / "recorded" / "binance" / "binance_http.json"
FEAR_GREED = DATA / "sentiment" / "alternative-me-fear-greed.json"


def every(found: Collected) -> list[Points]:
    """Return what was collected, one asset each."""
    alone = (snapshot.of(place) for snapshot in found.snapshots for place in range(len(snapshot)))
    return [*found.points, *alone]


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC))


@pytest.fixture
async def exchange(clock: Clock) -> AsyncIterator[FakeExchange]:
    async with FakeExchange(clock) as served:
        yield served


@pytest.fixture
def recorded() -> dict[str, dict[str, Any]]:
    """Real answers by path, then by query."""
    if not RECORDED.exists():
        pytest.skip("the recorded Binance answers are not beside this checkout (../shared/data/recorded)")
    routes = json.loads(RECORDED.read_text())["routes"]
    return {
        path: {recorded_answer["queryString"]: recorded_answer["data"] for recorded_answer in methods.get("GET", [])}
        for path, methods in routes.items()
    }


@pytest.fixture
def fear_greed_history() -> list[dict[str, str]]:
    if not FEAR_GREED.exists():
        pytest.skip("the recorded Fear & Greed answers are not beside this checkout (../shared/data/sentiment)")
    return json.loads(FEAR_GREED.read_text())
