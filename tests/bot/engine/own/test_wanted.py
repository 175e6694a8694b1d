"""Of which assets rules are: what is followed, and the largest, who stay until they are clearly smaller."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.engine.own.wanted import Largest, wants
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ASSETS = ("A", "B", "C", "D", "E", "F", "G")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "perpulse.db")
    yield made
    made.close()


def sizes(store: Store, now: datetime, **open_usd: float) -> None:
    for asset, usd in open_usd.items():
        at = [round(now.timestamp() * 1000)]
        points.write(store, [Points("binance", asset, None, at, {"open_interest_usd": [usd]})])


def test_the_largest_stay_until_they_are_clearly_smaller(store: Store) -> None:
    sizes(store, START, A=70, B=60, C=50, D=40, E=30, F=20, G=10)
    largest = Largest(store, ASSETS)
    assert largest.look(START)
    assert largest.of(5) == ("A", "B", "C", "D", "E")
    assert not largest.look(START + timedelta(hours=1)), "once a day"
    sizes(store, START + DAY, F=31)
    again = Largest(store, ASSETS)
    again.look(START + DAY)
    assert set(again.of(5)) == set("ABCDE"), "the sixth is still among 1.2 times five, also after a restart"
    sizes(store, START + 2 * DAY, G=65, F=62)
    again.look(START + 2 * DAY)
    assert set(again.of(5)) == set("AGFBC"), "who is clearly among them comes in at once"


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param({"assets": ["A", "X"]}, {"A"}, id="named, of which one is not followed"),
        pytest.param({"any": True}, set(ASSETS), id="any"),
        pytest.param({"top": 2}, {"B", "C"}, id="the largest"),
        pytest.param({"assets": ["MARKET"]}, {"MARKET"}, id="the market"),
    ],
)
def test_what_a_scope_is_about(scope: dict[str, object], expected: set[str]) -> None:
    assert wants(scope, ASSETS, ("B", "C")) == expected
