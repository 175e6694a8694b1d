"""What a round leaves behind: of two processes that collect and see the same trouble, one tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bot.engine.turn import announce
from bot.market.keeper import Collected, keep
from storage.alerts import outbox
from storage.engine.database import Store
from storage.people import destinations
from storage.sources.source_events import AssetEvent, SourceEvent
from tests.bot.delivery.desk import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DOWN, BACK = (SourceEvent("binance", ("funding",), state, "", NOW) for state in ("down", "ok"))
ODD, AGREES = (AssetEvent("binance", "BTC", kind, NOW) for kind in ("contradicts", "agrees"))  # type: ignore[arg-type]
HOURS = AssetEvent("binance", "BTC", "interval", NOW, hours=4.0, hours_before=8.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    one = destinations.ensure(made, "telegram", "1", None, kind="private", title=None, now=NOW)
    destinations.subscribe(made, one.id, "sources", "*")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("rounds", "told"),
    [
        ([[DOWN], [DOWN]], 1),
        ([[DOWN], [DOWN], [BACK], [BACK]], 2),
        ([[DOWN], [BACK], [DOWN]], 3),
        ([[DOWN, BACK], [DOWN]], 3),
        ([[ODD], [ODD], [AGREES], [AGREES]], 2),
        ([[HOURS], [HOURS]], 2),
    ],
)
def test_what_two_processes_find_is_told_once(
    store: Store, rounds: list[list[SourceEvent | AssetEvent]], told: int
) -> None:
    for found in rounds:
        events = [event for event in found if isinstance(event, SourceEvent)]
        assets = [event for event in found if isinstance(event, AssetEvent)]
        keep(store, Collected(events=events, assets=assets), NOW, announce=announce)
    assert outbox.waiting(store) == told
