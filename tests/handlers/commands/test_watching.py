"""/watch: having a position or an address watched."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from handlers.channels.channel import Address
from handlers.command import Asker
from handlers.reply import Buttons, plain_text
from storage.people import destinations, positions
from tests.handlers.commands.room import ADDRESS, ME, NOW, OTHER, TERMINAL, Room


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
        "To change it back: /unwatch 1\n"
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


def test_a_price_that_is_not_there_is_said_and_asked_for_beside_the_answer(room: Room) -> None:
    reply = room.ask("/watch eth long 3000 3x")
    text = plain_text(reply.all_blocks())
    assert reply.outdated == ("ETH",)
    assert "No mark price of ETH is stored yet; it is watched once there is one." in text


def test_when_the_price_has_come_the_watch_is_told_anew_and_written_once(room: Room) -> None:
    reply = room.ask("/watch eth long 3000 3x")
    room.mark(2_300.0, "ETH")
    assert reply.again is not None
    text = plain_text(reply.again(room.deps(ME)).all_blocks())
    assert text.startswith("Read as: ETH · long · entry 3,000 · 3x · isolated · Binance\nWatching ETH long (1).")
    assert "from the mark price 2,300" in text
    assert "It is within 20 % already." in text
    (watched,) = positions.typed(room.store)
    assert watched.state.rank == 1, "the answer says so, and no message does"
    room.ask("/unwatch 1")
    assert reply.again(room.deps(ME)) == replace(reply, outdated=(), again=None, back=None)


def test_a_price_that_contradicts_a_watch_is_said_when_it_comes(room: Room) -> None:
    reply = room.ask("/watch eth long 3000 3x")
    room.mark(95_000.0, "ETH")
    assert reply.again is not None
    assert "Check the entry price; 95k means" in plain_text(reply.again(room.deps(ME)).all_blocks())


def test_added_margin_is_added_once_however_often_it_is_said(room: Room) -> None:
    room.ask("/watch btc long 95000 25x 0.5btc")
    room.now += timedelta(hours=1)
    reply = room.ask("/watch 1 margin +500")
    assert (reply.outdated, reply.values["added_margin"]) == (("BTC",), 500.0)
    room.mark(96_000.0)
    assert reply.again is not None
    anew = reply.again(room.deps(ME))
    assert (anew.values["added_margin"], anew.values["mark_price"]) == (500.0, 96_000.0)
    assert positions.typed(room.store)[0].holding.added == 500.0


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("/watch", "Type a position like /watch btc long 95000 25x 0.5btc bybit", id="nothing"),
        pytest.param("/watch btc 95000 25x", "Is it long or short?", id="no side"),
        pytest.param("/watch btc long 95000", "The leverage is missing", id="no leverage"),
        pytest.param("/watch eth long 25x", "At which price did you enter?", id="no entry"),
        pytest.param("/watch btc long 95000 1x", "nothing to watch", id="no liquidation"),
        pytest.param("/watch btc long 95000 500x", "Binance allows at most 150x on BTC", id="above the cap"),
        pytest.param("/watch btc long 95 5x", "Did you mean 95,000?", id="thousands forgotten"),
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


@pytest.mark.slow
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


def test_answers_are_plain_data_and_their_buttons_work(room: Room) -> None:
    for line in ("/watch btc long 95000 3x", f"/watch {ADDRESS}", "/positions", "/unwatch 1", "/forgetme"):
        reply = room.ask(line)
        json.dumps(reply.values, allow_nan=False)
        assert len(plain_text(reply.all_blocks())) <= 900
        for block in reply.blocks:
            if isinstance(block, Buttons):
                assert all(len(button.command) < 50 for button in block.buttons)


@pytest.mark.parametrize(
    ("line", "entry", "coins"),
    [
        pytest.param("/watch btc long 25x 95000 btc 0.5", 95_000.0, 0.5, id="the price stands before the coin"),
        pytest.param("/watch btc long 25x 60000 0.5btc", 60_000.0, 0.5, id="an old entry"),
    ],
)
def test_entry_and_size_are_told_by_the_price_of_now(room: Room, line: str, entry: float, coins: float) -> None:
    room.ask(line)
    [found] = room.ask("/positions").values["positions"]
    assert (found["entry"], found["size_coins"]) == (entry, coins)
