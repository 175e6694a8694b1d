"""A venue that is silent leaves no position unwatched: another one's mark price stands in, and says so."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from storage.engine.database import Store
from tests import loop
from tests.bot.engine.test_positions_past import at
from tests.bot.engine.watching_house import NOW, House
from tests.fakes.channel import HandClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STANDS_IN = "Binance's own mark price is not known now, so that of Bybit stands in; lines are judged 0.5 % earlier."


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(Store(tmp_path / "perpulse.db"), HandClock(NOW))
    made.mark(95_000.0)
    made.ask("/watch btc long 95000 3x")
    made.turn(95_000.0)
    yield made
    made.store.close()


def minutes(house: House, price: float, count: int = 1) -> list[str]:
    """Let minutes pass in which Bybit alone tells a price, and return the headlines that reach the chat."""
    said = []
    for _ in range(count):
        house.clock.forward(60)
        house.mark(price, venue="bybit")
        said += house.turn(minutes=0.0)
    return said


def test_an_hour_of_silence_is_watched_by_another_venue(house: House) -> None:
    assert minutes(house, 94_000.0, 60) == [], "neither a word of silence nor an alarm"
    assert minutes(house, at(0.206)) == []
    assert minutes(house, at(0.204)) == ["BTC long (1) is 20.4 % from its liquidation price."]
    text = house.channel.said[-1].text
    assert "Its line of 20 % counts as crossed; all clear above 25 %." in text
    assert STANDS_IN in text
    assert "mark price of Bybit, 13:0" in text
    listed = house.ask("/positions")
    assert listed.values["positions"][0]["mark_venue"] == "bybit"
    assert any("20.4 % away by the price of Bybit" in getattr(block, "text", "") for block in listed.blocks)
    assert house.turn(at(0.204)) == [], "its own price is back, and says nothing else"
    safe = "BTC long (1) is safe again: 30.0 % away; within 20 % for 2 min."
    assert house.turn(at(0.3)) == [f"edit: {safe}", safe]
    assert STANDS_IN not in house.channel.said[-1].text


def test_it_stands_in_within_three_minutes_and_proves_nothing(house: House) -> None:
    house.clock.forward(60)
    house.mark(95_000.0)
    house.mark(62_000.0, venue="bybit")
    loop.run(house.judged())
    assert minutes(house, 62_000.0, 2) == [], "its own price is not old yet"
    (head,) = minutes(house, 62_000.0, 1)
    assert head == "BTC long (1) may have been liquidated: check your exchange."
    assert "Binance's own mark price of this contract decides, and it is not known now." in house.channel.said[-1].text


def test_where_every_venue_is_silent_it_says_so(house: House) -> None:
    assert house.turn(minutes=9) == []
    assert house.turn(minutes=3) == ["BTC: no fresh mark price, so your position 1 is not watched."]
    assert house.clock.now() - NOW < timedelta(minutes=20)
    assert minutes(house, 94_000.0) == ["BTC: the mark price is back, 94,000."]
