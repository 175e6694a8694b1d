from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, Refused
from handlers.language.watch import Wish, take_apart
from handlers.reply import Buttons, Reply, plain_text
from storage.engine.database import Store
from storage.market import points
from storage.people import destinations, positions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
ADDRESS = "0x" + "aB" * 20
ME = Asker("telegram", Address("5550123456"), "5550123456")
OTHER = Asker("telegram", Address("777"), "777")
TERMINAL = Asker("terminal", Address("screen", kind="terminal"))
GROUP = Address("-100123", kind="group")


class Room:
    """A store in which BTC stands at 95,000, and a way to ask."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.now = NOW
        self.refreshed: list[str] = []

    async def refresh(self, asset: str) -> None:
        self.refreshed.append(asset)

    def mark(self, price: float, asset: str = "BTC", venue: str = "binance") -> None:
        frame = pd.DataFrame({"mark_price": [price]}, index=pd.DatetimeIndex([self.now], name="at"))
        points.write(self.store, [points.Points.of_frame(venue, asset, None, frame)])

    def ask(self, line: str, asker: Asker = ME) -> Reply:
        return asyncio.run(answer(line, Deps(self.now, asker, self.store, ("BTC", "ETH"), self.refresh)))

    def text(self, line: str, asker: Asker = ME) -> str:
        return plain_text(self.ask(line, asker).all_blocks())

    def refusal(self, line: str, asker: Asker = ME) -> str:
        with pytest.raises(Refused) as caught:
            self.ask(line, asker)
        said = str(caught.value)
        assert "\n" not in said
        assert len(said) < 260
        return said


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(Store(tmp_path / "perpulse.db"))
    made.mark(95_000.0)
    yield made
    made.store.close()


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        pytest.param("btc long 95000 25x", Wish("btc long 95000 25x", None, (), None), id="no more than a position"),
        pytest.param("btc lines 15 8 4 long", Wish("btc long", None, (0.15, 0.08, 0.04), None), id="lines"),
        pytest.param("btc Lines: 4% 15% 8%", Wish("btc", None, (0.15, 0.08, 0.04), None), id="any order, percent"),
        pytest.param("btc lines 15/8/4", Wish("btc", None, (0.15, 0.08, 0.04), None), id="slashes"),
        pytest.param("btc lines 15, 8 and 4 % 25x", Wish("btc 25x", None, (0.15, 0.08, 0.04), None), id="as said"),
        pytest.param("lines 2.5 95000 25x", Wish("95000 25x", None, (0.025,), None), id="a price ends the lines"),
        pytest.param("btc line 7", Wish("btc", None, (0.07,), None), id="one line"),
        pytest.param("btc name my hedge", Wish("btc", None, (), "my hedge"), id="a name"),
        pytest.param("btc name my hedge lines 9", Wish("btc", None, (0.09,), "my hedge"), id="a name, then lines"),
        pytest.param(f"{ADDRESS} note whale", Wish("", ADDRESS.lower(), (), "whale"), id="an address"),
    ],
)  # fmt: skip
def test_what_was_typed(text: str, wish: Wish) -> None:
    found = take_apart(text)
    assert (found.rest, found.address, found.name) == (wish.rest, wish.address, wish.name)
    assert found.lines == pytest.approx(wish.lines)


@given(st.text(max_size=80) | st.lists(
    st.sampled_from(["btc", "long", "95000", "25x", "lines", "15", "8%", "name", "x", ADDRESS, "0x1", "99", ",", "/"])
).map(" ".join))  # fmt: skip
def test_anything_can_be_typed(text: str) -> None:
    try:
        wish = take_apart(text)
    except Refused as refused:
        assert "\n" not in str(refused)  # noqa: PT017 - either outcome is right, but only these two
    else:
        assert len(wish.lines) <= 3
        assert bool(wish.address) != bool(wish.rest)


# --- /watch -----------------------------------------------------------------------------------------------------------


def test_a_position_in_any_order(room: Room) -> None:
    reply = room.ask("/watch btc long 95000 25x 0.5btc bybit")
    assert reply.values["number"] == 1
    assert reply.values["liquidation_price"] == pytest.approx(91_501.96, abs=0.005)
    assert reply.values["distance_pct"] == pytest.approx((95_000 - 91_501.96) / 95_000 * 100, abs=1e-4)
    again = room.ask("/watch bybit 25x 0.5 btc @95000 long")
    assert (again.values["number"], again.values["new"]) == (1, False)
    text = plain_text(again.all_blocks())
    assert "Already watched: BTC long (1)." in text
    assert len(positions.typed(room.store)) == 1


def test_the_reply_says_what_is_watched_and_how(room: Room) -> None:
    assert room.text("/watch btc long 95000 3x 0.5btc name hedge lines 15 8 4") == (
        "Read as: BTC · long · entry 95,000 · 3x · 0.5 BTC · isolated · Binance\n"
        "Watching BTC long “hedge” (1).\n"
        "Liquidation at 63,587.68, 33.1 % from the mark price 95,000.\n"
        "You are told here at 15, 8 and 4 % from liquidation, and when that is over.\n"
        "The mark price decides. Assumed: isolated, no margin added. "
        "Funding is not counted: no rates of Binance are stored.\n"
        "mark price of Binance, 12:00 UTC · Binance tier table of 29 September 2026\n"
        "More: /positions · /unwatch 1"
    )


def test_high_leverage_gets_lines_of_its_own(room: Room) -> None:
    text = room.text("/watch btc long 95000 25x")
    assert "You are told here at 1.8 and 0.9 % from liquidation" in text
    assert "Own lines: /watch 1 lines 3 2 1." in text


def test_another_venues_mark_is_named(room: Room) -> None:
    assert "mark price of Binance, 12:00 UTC · Bybit tier table" in room.text("/watch btc long 95000 3x bybit")
    room.mark(95_010.0, venue="bybit")
    assert "mark price of Bybit, 12:00 UTC" in room.text("/watch btc long 94000 3x bybit")


def test_the_chats_own_exchange_is_meant_where_none_is_named(room: Room) -> None:
    here = destinations.ensure(room.store, "telegram", "5550123456", None, kind="private", title=None, now=NOW)
    destinations.set_venue(room.store, here.id, "okx")
    assert room.ask("/watch btc long 95000 3x").values["venue"] == "okx"


def test_a_price_that_is_not_there_is_fetched_and_said(room: Room) -> None:
    text = room.text("/watch eth long 3000 3x")
    assert room.refreshed == ["ETH"]
    assert "No mark price of ETH is stored yet; it is watched once there is one." in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("/watch", "Type a position like /watch btc long 95000 25x 0.5btc bybit", id="nothing"),
        pytest.param("/watch btc 95000 25x", "Is it long or short?", id="no side"),
        pytest.param("/watch btc long 95000", "The leverage is missing", id="no leverage"),
        pytest.param("/watch btc long 25x", "The entry price is missing", id="no entry"),
        pytest.param("/watch btc long 95000 1x", "nothing to watch", id="no liquidation"),
        pytest.param("/watch btc long 95000 500x", "Binance allows at most 150x on BTC", id="above the cap"),
        pytest.param("/watch btc long 95 5x", "Check the entry price", id="thousands forgotten"),
        pytest.param("/watch btc long 300000 3x", "so it cannot be open", id="long gone"),
        pytest.param(
            "/watch btc long 95000 25x 0.5btc cross balance 5000 alone", "Cross margin cannot be watched", id="cross"
        ),
        pytest.param("/watch btc long 95000 25x cross", "Leave out cross", id="cross, the account not said"),
        pytest.param("/watch btc long 95000 25x lines", "Type up to three, like lines 15 8 4", id="no lines"),
        pytest.param("/watch btc long 95000 25x lines 20 15 10 5", "At most three lines", id="four lines"),
        pytest.param("/watch btc long 95000 25x lines 95", "between 0.1 and 90 %", id="a line beyond sense"),
        pytest.param("/watch btc long 95000 25x name " + "x" * 30, "A name has 1 to 24 characters", id="a long name"),
        pytest.param("/watch btc long 95000 25x name", "A name has 1 to 24 characters", id="no name"),
        pytest.param("/watch 0x12", "Copy it whole", id="half an address"),
        pytest.param(f"/watch {ADDRESS} btc", "lines and a name only", id="an address and a coin"),
        pytest.param("/unwatch", "like /unwatch 2", id="unwatch nothing"),
    ],
)
def test_refusals_say_what_to_type(room: Room, line: str, words: str) -> None:
    assert words in room.refusal(line)
    assert positions.typed(room.store) == []


def test_what_a_refusal_proposes_can_be_asked(room: Room) -> None:
    proposed = room.refusal("/watch btc long 95000 500x 0.01btc").rsplit("/watch", 1)[1].rstrip(".")
    assert room.ask(f"/watch{proposed}").values["leverage"] == 150.0


def test_twenty_positions_and_five_addresses(room: Room) -> None:
    for n in range(20):
        room.ask(f"/watch btc long {95_000 + n} 3x")
    assert "You watch 20 positions" in room.refusal("/watch btc long 96000 3x")
    assert "Already watched" in room.text("/watch btc long 95007 3x")
    for n in range(5):
        room.ask(f"/watch 0x{n:040x}")
    assert "follows 5 addresses" in room.refusal(f"/watch {ADDRESS}")
    text = room.text("/positions")
    assert len(text) <= 900
    assert "more, farther away or of an address" in text
    assert len(room.ask("/positions").values["positions"]) == 20


def test_an_address_is_followed_once_however_it_is_spelt(room: Room) -> None:
    assert room.ask(f"/watch {ADDRESS} name whale").values["new"]
    assert not room.ask(f"/watch {ADDRESS.lower()}").values["new"]
    assert room.text("/positions").split("\n")[1] == "1. “whale” 0xabab…abab on Hyperliquid: not asked about yet"


# --- private ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["/watch btc long 95000 3x", "/positions", "/unwatch all", f"/watch {ADDRESS}"])
@pytest.mark.parametrize("kind", ["group", "channel"])
def test_a_group_is_no_place_for_positions(room: Room, line: str, kind: str) -> None:
    room.ask("/watch btc long 95000 3x")
    asker = Asker("telegram", Address("-100123", kind=kind), ME.user, may_change=True)  # type: ignore[arg-type]
    assert "Write to me privately" in room.refusal(line, asker)
    assert len(positions.typed(room.store)) == 1
    assert destinations.find(room.store, "telegram", "-100123") is None


def test_nobody_sees_or_takes_away_what_another_watches(room: Room) -> None:
    room.ask("/watch btc long 95000 3x name secret")
    room.ask(f"/watch {ADDRESS}")
    assert room.text("/positions", OTHER).startswith("You watch no positions.")
    for line in ("/unwatch 1", "/unwatch btc", "/unwatch all", f"/unwatch {ADDRESS}"):
        assert "No longer" not in room.text(line, OTHER)
    assert len(positions.of(room.store, "telegram", "5550123456")) == 1
    assert room.text("/positions", Asker("discord", Address("5550123456"), "5550123456")).startswith("You watch no")


def test_the_terminal_is_private(room: Room) -> None:
    room.ask("/watch btc long 95000 3x", TERMINAL)
    assert "1. BTC long from 95,000, 3x, Binance" in room.text("/positions", TERMINAL)


# --- /positions and /unwatch ------------------------------------------------------------------------------------------


def test_the_nearest_comes_first_and_the_terms_are_plain(room: Room) -> None:
    days = pd.date_range(end=NOW.replace(hour=0, minute=0, second=0), periods=40, freq="D", name="at")
    closes = pd.DataFrame({"close": [100.0 * 1.02**n for n in range(40)]}, index=days - timedelta(days=1))
    points.write(room.store, [points.Points.of_frame("binance", "BTC", timedelta(days=1), closes)])
    room.ask("/watch btc long 95000 3x")
    room.ask("/watch btc short 95000 10x 0.5btc okx name hedge")
    room.now += timedelta(minutes=1)
    room.mark(96_000.0)
    okx = "liquidation at 104,031.90, 8.37 % away"  # 95,000 x 1.1 / 1.0045
    far = "liquidation at 63,587.68, 33.8 % away (16.9 typical days)"
    assert room.text("/positions").split("\n") == [
        "You watch 2 positions:",
        f"2. BTC short “hedge” 0.5 BTC from 95,000, 10x, OKX: {okx} (4.2 typical days), −$500",
        f"1. BTC long from 95,000, 3x, Binance: {far}, +3.2 % of the margin",
        "Assumed: isolated, no margin added, funding is taken from the margin, where rates are stored.",
        "mark prices of 22 November 12:01 UTC or later",
        "More: /positions",
    ]


def test_a_stale_price_gives_no_distance(room: Room) -> None:
    room.ask("/watch btc long 95000 3x")
    room.now += timedelta(hours=2)
    text = room.text("/positions")
    assert "distance unknown, the last mark price is from 22 November 12:00 UTC" in text
    assert room.ask("/positions").values["positions"][0]["known"] is False


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
        pytest.param("/unwatch all", [], id="all"),
        pytest.param("/unwatch 9", [1, 2, 3], id="a number that is not there"),
        pytest.param("/unwatch doge", [1, 2, 3], id="an asset that is not there"),
    ],
)
def test_unwatch(room: Room, line: str, left: list[int]) -> None:
    for position in ("btc long 95000 3x", "eth long 3000 3x", "btc short 95000 3x"):
        room.ask(f"/watch {position}")
    room.ask(line)
    assert [each.number for each in positions.of(room.store, "telegram", "5550123456")] == left
    text = room.text(line)  # Telegram may deliver a command twice
    assert text.startswith("You watch no")
    assert [each.number for each in positions.of(room.store, "telegram", "5550123456")] == left


def test_answers_are_plain_data_and_their_buttons_work(room: Room) -> None:
    for line in ("/watch btc long 95000 3x", f"/watch {ADDRESS}", "/positions", "/unwatch 1", "/forgetme"):
        reply = room.ask(line)
        json.dumps(reply.values, allow_nan=False)
        assert len(plain_text(reply.all_blocks())) <= 900
        for block in reply.blocks:
            if isinstance(block, Buttons):
                assert all(len(each.command) < 50 for each in block.buttons)


# --- /forgetme --------------------------------------------------------------------------------------------------------


def bytes_of(store: Store) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(store.path.parent.glob(f"{store.path.name}*")))


def test_forgetme_leaves_no_byte_and_says_what_went(room: Room) -> None:
    room.ask("/watch btc long 95000 3x")
    room.ask(f"/watch {ADDRESS}")
    room.ask("/sub btc")
    room.ask("/tz Europe/Berlin")
    room.ask("/watch btc long 95000 3x", OTHER)
    assert bytes_of(room.store).count(b"5550123456") > 0
    text = room.text("/forgetme")
    assert "Removed: its settings, 1 subscription, 1 watched position, 1 followed address." in text
    assert "Backups" in text
    assert bytes_of(room.store).count(b"5550123456") == 0
    assert len(positions.of(room.store, "telegram", "777")) == 1
    assert room.text("/forgetme") == "Nothing is stored about this chat."
    assert bytes_of(room.store).count(b"5550123456") == 0, "asking to be forgotten must not be remembered"


def test_in_a_group_its_admins_forget_the_group_alone(room: Room) -> None:
    room.ask("/watch btc long 95000 3x")
    room.ask("/sub btc", Asker("telegram", GROUP, ME.user))
    member = Asker("telegram", GROUP, ME.user, may_change=False)
    assert "write to me privately" in room.refusal("/forgetme", member)
    assert "Forgotten" in room.text("/forgetme", Asker("telegram", GROUP, ME.user))
    assert destinations.find(room.store, "telegram", GROUP.chat) is None
    assert len(positions.typed(room.store)) == 1


def test_nothing_is_opened_to_forget_nothing(tmp_path: Path) -> None:
    room = Room(Store(tmp_path / "none.db"))
    assert room.text("/forgetme") == "Nothing is stored about this chat."
    assert room.text("/positions").startswith("You watch no positions.")
    assert not room.store.exists
