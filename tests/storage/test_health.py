from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from storage import health
from storage.health import SourceHealth

if TYPE_CHECKING:
    from storage.db import Store

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
FULL = SourceHealth("binance", "bars", "down", NOW, NOW - timedelta(hours=1), NOW + timedelta(minutes=5), "refused", 3)
BARE = SourceHealth("alternative_me", "fear_greed", "ok", NOW)


def test_what_was_known_of_a_source_comes_back(store: Store) -> None:
    health.save(store, [FULL, BARE])
    assert health.load(store) == [BARE, FULL]


def test_the_newest_word_on_a_source_replaces_the_one_before(store: Store) -> None:
    health.save(store, [FULL])
    health.save(store, [SourceHealth("binance", "bars", "ok", NOW)])
    assert health.load(store) == [SourceHealth("binance", "bars", "ok", NOW)]
