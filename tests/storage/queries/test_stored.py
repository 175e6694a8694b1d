"""What is stored, which sources answer and what a chat is told, as data."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from storage.market import points
from storage.people import destinations
from storage.queries import sources, stored, subscriptions
from storage.queries.stored import Learning, Status, StoredInput
from storage.queries.subscriptions import Subscribed
from storage.sources import coverage, source_state
from storage.sources.coverage import Gap
from storage.sources.source_state import Note, SourceHealth

if TYPE_CHECKING:
    from storage.engine.database import Store

NOW = datetime(2026, 1, 16, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def told(store: Store, venue: str, days: int, ago: timedelta = timedelta(0), **values: float) -> None:
    """Store hourly levels of so many days, the last of them so long ago."""
    times = pd.date_range(NOW - days * DAY, NOW - ago, freq="h")
    points.write(store, [points.Points.of_frame(venue, "BTC", None, pd.DataFrame(values, index=times, dtype=float))])


def test_without_a_database_there_is_nothing(file_store: Store) -> None:
    assert stored.read(file_store, "BTC", NOW) == Status("BTC")
    assert sources.read(file_store) == ()
    assert sources.credits_of(file_store) == ()
    assert not sources.all_silent(file_store)
    assert not file_store.exists


def test_each_input_has_its_state_its_venues_and_how_much_of_its_window_is_known(store: Store) -> None:
    told(store, "okx", 20, open_interest_usd=2e9)
    told(store, "binance", 10, open_interest_usd=8e9)
    told(store, "binance", 10, 2 * DAY, funding_rate=1e-4)
    found = {known.name: known for known in stored.inputs_of(store, "BTC", NOW)}
    assert found["open_interest_usd"] == StoredInput(
        "open_interest_usd",
        "live",
        points.Newest(NOW, 8e9, "binance"),
        (("binance", NOW - 10 * DAY), ("okx", NOW - 20 * DAY)),
        Learning(20 * DAY, 180 * DAY),
    )
    assert (found["funding_rate"].state, found["funding_interval_hours"].state) == ("stale", "never")
    assert "open_interest_coin" not in found, "dollars give it"


def test_a_status_holds_gaps_and_how_much_of_the_market_answers(store: Store) -> None:
    told(store, "binance", 10, open_interest_usd=8e9, open_interest_coin=8e4)
    told(store, "bybit", 10, 5 * HOUR, open_interest_usd=2e9, open_interest_coin=2e4)
    gap = Gap("BTC", "binance", "bars", NOW - 5 * DAY, NOW - 4 * DAY, "zero values")
    coverage.replace_gaps(store, "BTC", "binance", ("bars",), start=NOW - 9 * DAY, end=NOW, gaps=[gap])
    found = stored.read(store, "BTC", NOW)
    assert found.gaps == (gap,)
    assert found.coverage is not None
    assert found.coverage.share == pytest.approx(0.8)
    assert (found.in_state("live"), found.in_state("stale"), found.waiting) == (2, 0, 0)


def test_a_source_is_as_well_as_its_worst_topic(store: Store) -> None:
    source_state.save(
        store,
        [
            SourceHealth("binance", "bars", "ok", NOW, NOW - HOUR),
            SourceHealth("binance", "depth", "down", NOW, NOW - DAY, NOW + HOUR, "away", 2),
            SourceHealth("bybit", "bars", "blocked", NOW, None, NOW + DAY),
            SourceHealth("bybit", "depth", "down", NOW, None, NOW + HOUR),
            SourceHealth("gate", "bars", "ok", NOW, NOW),
            SourceHealth("okx liquidations", "liquidations", "ok", NOW, NOW),
        ],
    )
    assert [source.name for source in sources.read(store)] == ["binance", "bybit", "gate", "okx liquidations"]
    source_state.save_notes(store, [Note("binance", "Binance data"), Note("bybit", "Binance data")])
    found = {source.name: source for source in sources.read(store)}
    assert list(found) == ["binance", "bybit", "okx liquidations"], "Gate is no longer in the configuration"
    assert (found["binance"].state, found["binance"].newest, found["binance"].quarantined) == ("down", NOW - HOUR, 2)
    assert (found["bybit"].state, found["bybit"].newest, found["bybit"].next_try) == ("blocked", None, NOW + DAY)
    assert sources.credits_of(store) == ("Binance data",)


@pytest.mark.parametrize(
    ("states", "silent"),
    [
        pytest.param((), False, id="nobody was asked"),
        pytest.param(("down", "blocked"), True, id="none answers"),
        pytest.param(("down", "ok"), False, id="one answers"),
    ],
)
def test_all_sources_are_silent_where_none_of_those_asked_answers(
    store: Store, states: tuple[str, ...], silent: bool
) -> None:
    source_state.save(store, [SourceHealth(f"s{i}", "bars", state, NOW) for i, state in enumerate(states)])
    assert sources.all_silent(store) is silent


def test_a_chat_that_is_not_known_is_told_nothing(store: Store) -> None:
    assert subscriptions.read(store, None) == Subscribed()
    here = destinations.ensure(store, "telegram", "1", None, kind="private", title=None, now=NOW)
    destinations.subscribe(store, here.id, "fear_greed", "*")
    assert subscriptions.read(store, here.id) == Subscribed((("fear_greed", "*"),))
