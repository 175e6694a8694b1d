"""Tier tables that a running bot renews by itself, and what it tells of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.engine.turn import announce
from bot.market.tiers.tables import Reach
from bot.market.tiers.weekly import WeeklyTiers
from handlers.words.sources import sentence
from signals.units import DAY, HOUR
from storage.engine.database import Store
from storage.sources.source_events import from_json, to_json
from tests.fakes.tier_venues import TierVenues

if TYPE_CHECKING:
    from pathlib import Path

    from storage.engine.work import Work
    from storage.sources.source_events import AssetEvent

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
MOVED = (("0", "100000", "0.005", "100"), ("100000", "1000000", "0.01", "50"))


@pytest.mark.slow
async def test_tables_are_renewed_once_a_week_and_what_moved_is_told(tmp_path: Path) -> None:
    store, now, told, poked = Store(tmp_path / "data" / "p.db"), [NOW], [], []

    def heard(work: Work, event: AssetEvent, at: datetime) -> None:
        told.append(sentence(from_json(json.loads(json.dumps(to_json(event), allow_nan=False)))))
        announce(work, event, at)

    async with TierVenues() as venues:
        reach = Reach(lambda: now[0], base_url=venues.base_url, paced=False, timeout_s=2.0)

        def job() -> WeeklyTiers:
            return WeeklyTiers(store, reach, ("BTC",), announce=heard, told=lambda: poked.append(now[0]))

        assert await job().turn() is not None
        told.clear()
        asked = venues.requests.total()
        for later in (HOUR, 6 * DAY):
            now[0] = NOW + later
            assert await job().turn() is None, "a restart does not renew either"
        assert venues.requests.total() == asked
        venues.steps["bybit"] = venues.of("bybit")[:-1]
        now[0] = NOW + timedelta(days=7)
        assert await job().turn() == 1
    (line,) = told
    assert line.startswith("Bybit has moved its tiers. BTC: ")
    assert poked[-1] == now[0]
    now[0] += timedelta(days=8)
    assert await job().turn() is None, "nobody answers: the next look tries again"
    store.close()


def test_news_that_an_earlier_version_stored_as_words_is_told_as_they_are() -> None:
    stored = {
        "source": "bybit",
        "asset": "BTC",
        "kind": "tiers",
        "since": NOW.isoformat(),
        "reason": "BTC: tiers 9 → 8",
    }
    assert sentence(from_json(stored)) == "Bybit has moved its tiers. BTC: tiers 9 → 8"
