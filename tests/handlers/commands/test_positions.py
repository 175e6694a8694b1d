"""What a person watches, as a list and ended."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from storage.market import points
from storage.people import positions
from tests.handlers.commands.room import ME, NOW, Room


def test_the_nearest_comes_first_and_the_terms_are_plain(room: Room) -> None:
    days = pd.date_range(end=NOW.replace(hour=0, minute=0, second=0), periods=40, freq="D", name="at")
    closes = pd.DataFrame({"close": [100.0 * 1.02**n for n in range(40)]}, index=days - timedelta(days=1))
    points.write(room.store, [points.Points.of_frame("binance", "BTC", timedelta(days=1), closes)])
    room.ask("/watch btc long 95000 3x")
    room.ask("/watch btc short 95000 10x 0.5btc okx name hedge")
    room.now += timedelta(minutes=1)
    room.mark(96_000.0)
    okx = "liquidation at 104,031.90, 8.37 % away by the price of Binance"  # 95,000 x 1.1 / 1.0045
    far = "liquidation at 63,587.68, 33.8 % away (16.9 typical days)"
    assert room.text("/positions").split("\n") == [
        "You watch 2 positions:",
        f"2. BTC short “hedge” 0.5 BTC from 95,000, 10x, OKX: {okx} (4.2 typical days), −$500",
        f"1. BTC long from 95,000, 3x, Binance: {far}, +3.2 % of the margin",
        "Assumed: isolated, no margin added, funding is taken from the margin, where rates are stored.",
        "mark prices of 22 November 12:01 UTC or later",
        "More: /positions",
    ]


def test_a_liquidation_that_is_passed_is_said_to_be(room: Room) -> None:
    room.ask("/watch btc long 95000 10x")
    room.now += timedelta(minutes=1)
    room.mark(85_000.0)  # below 85,843.37, before the turn that ends the watch
    assert "liquidation at 85,843.37, passed by 0.99 %, " in room.text("/positions")


def test_a_stale_price_gives_no_distance(room: Room) -> None:
    room.ask("/watch btc long 95000 3x")
    room.now += timedelta(hours=2)
    text = room.text("/positions")
    assert "distance unknown, the last mark price is from 22 November 12:00 UTC" in text
    reply = room.ask("/positions")
    assert reply.values["positions"][0]["known"] is False
    assert reply.outdated == ("BTC",), "it is asked for beside the answer"


def test_one_asset_of_the_list(room: Room) -> None:
    room.ask("/watch btc long 95000 3x")
    room.ask("/watch eth long 3000 3x")
    assert "You watch 1 position:" in room.text("/positions eth")
    assert "You watch no position in SOL." in room.text("/positions sol")


@pytest.mark.parametrize(
    ("line", "left"),
    [
        pytest.param("/unwatch 2", [1, 3], id="a number"),
        pytest.param("/unwatch #2", [1, 3], id="a marked number"),
        pytest.param("/unwatch 1, 3", [2], id="two numbers"),
        pytest.param("/unwatch eth", [1, 3], id="an asset"),
        pytest.param("/unwatch BTCUSDT", [2], id="an asset in another spelling"),
        pytest.param("/unwatch BTCUSDT_261225", [1, 2, 3], id="a future, which is none of them"),
        pytest.param("/unwatch BTC-USD-SWAP", [1, 2, 3], id="a contract in coins, which is none of them"),
        pytest.param("/unwatch Hedge", [1, 2], id="its name"),
        pytest.param("/unwatch all", [], id="all"),
        pytest.param("/unwatch 9", [1, 2, 3], id="a number that is not there"),
        pytest.param("/unwatch doge", [1, 2, 3], id="an asset that is not there"),
    ],
)
def test_unwatch(room: Room, line: str, left: list[int]) -> None:
    for position in ("btc long 95000 3x", "eth long 3000 3x", "btc short 95000 3x name hedge"):
        room.ask(f"/watch {position}")
    room.ask(line)
    assert [position.number for position in positions.of(room.store, "telegram", "5550123456")] == left
    text = room.text(line)  # Telegram may deliver a command twice
    assert text.startswith("You watch no")
    assert [position.number for position in positions.of(room.store, "telegram", "5550123456")] == left


def test_a_name_of_several_words_ends_what_it_names(room: Room) -> None:
    for line in ("/watch btc long 80k 25x name my first one", "/watch eth long 3000 5x name one"):
        room.ask(line)
    assert room.ask("/unwatch my first one").values == {"removed": [1]}


def test_margin_comes_back_to_its_own_position_whatever_was_watched_meanwhile(room: Room) -> None:
    room.ask("/watch btc long 60000 5x 0.5btc bybit")
    room.ask("/watch 1 margin +500")
    first, second = room.ask("/unwatch 1").back or ()
    assert second == "/watch btc margin +500"
    room.ask("/watch eth long 3000 5x 1eth")
    for line in (first, second):
        room.ask(line)
    added = {one.holding.asset: one.holding.added for one in positions.of(room.store, "telegram", ME.user or "")}
    assert added == {"ETH": 0.0, "BTC": 500.0}


@pytest.mark.parametrize(
    ("name", "line", "removed"),
    [
        pytest.param("all", "/unwatch all", [1, 2], id="all is all"),
        pytest.param("2", "/unwatch 2", [1, 2], id="a button names a number"),
        pytest.param("eth", "/unwatch eth", [1, 2], id="an asset"),
        pytest.param("spot, hedged", "/unwatch spot, hedged", [1], id="with a comma"),
    ],
)
def test_a_name_hides_nothing_that_is_typed_in_one_word(room: Room, name: str, line: str, removed: list[int]) -> None:
    room.ask(f"/watch btc long 80k 25x name {name}")
    room.ask("/watch eth long 3000 5x")
    assert room.ask(line).values == {"removed": removed}
