from __future__ import annotations

from datetime import UTC, datetime, timedelta

from storage.engine.database import Store
from storage.sources import source_state
from storage.sources.source_state import SourceHealth

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
FULL = SourceHealth("binance", "bars", "down", NOW, NOW - timedelta(hours=1), NOW + timedelta(minutes=5), "refused", 3)
BARE = SourceHealth("alternative_me", "fear_greed", "ok", NOW)


def test_what_was_known_of_a_source_comes_back(store: Store) -> None:
    source_state.save(store, [FULL, BARE])
    assert source_state.load(store) == [BARE, FULL]


def test_the_newest_word_on_a_source_replaces_the_one_before(store: Store) -> None:
    source_state.save(store, [FULL])
    source_state.save(store, [SourceHealth("binance", "bars", "ok", NOW)])
    assert source_state.load(store) == [SourceHealth("binance", "bars", "ok", NOW)]


def test_what_was_told_of_a_source_outlives_the_process(store: Store) -> None:
    source_state.remember_told(store, "binance", "down")
    source_state.remember_told(store, "binance", "blocked")
    source_state.remember_told(store, "okx", "ok")
    store.close()
    again = Store(store.place)
    assert source_state.told(again) == {"binance": "blocked", "okx": "ok"}
    again.close()
