from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage import health
from storage.db import Store
from storage.health import SourceHealth

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


def test_what_was_told_of_a_source_outlives_the_process(store: Store) -> None:
    health.remember_told(store, "binance", "down")
    health.remember_told(store, "binance", "blocked")
    health.remember_told(store, "okx", "ok")
    store.close()
    assert health.told(Store(store.path)) == {"binance": "blocked", "okx": "ok"}
