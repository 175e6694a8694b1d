"""Changing what is watched: lines, margin, name, and that it is still open."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from handlers.reply import Buttons, plain_text
from storage.alerts import episodes
from storage.engine.database import Store
from storage.people import positions
from tests.bot.engine.watching_house import ASKER, USER, House, at
from tests.handlers.commands.room import ADDRESS, GROUP, ME, OTHER, Room

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(Store(tmp_path / "perpulse.db"))
    made.mark(95_000.0)
    made.ask("/watch eth long 3000 3x", OTHER)
    made.ask("/watch btc long 95000 25x 0.5btc")
    yield made
    made.store.close()


def mine(room: Room) -> positions.WatchedPosition:
    return positions.of(room.store, "telegram", ME.user or "")[0]


def liquidation(room: Room) -> float:
    return room.ask("/positions").values["positions"][0]["liquidation_price"]


@pytest.mark.parametrize(
    ("line", "lines", "name"),
    [
        pytest.param("/watch 1 lines 15 8 3", (0.15, 0.08, 0.03), None, id="by number"),
        pytest.param("/watch #1 lines 15%/8%/3%", (0.15, 0.08, 0.03), None, id="by a marked number, slashes"),
        pytest.param("/watch lines 15 8 3 % 1", None, None, id="a number behind the lines is a line"),
        pytest.param("/watch btc lines 3 name hedge", (0.03,), "hedge", id="by asset, with a name"),
        pytest.param("/watch 1 name my hedge", (0.018, 0.009), "my hedge", id="a name"),
        pytest.param("/watch btc long 95000 25x 0.5btc lines 3 2", (0.03, 0.02), None, id="the same position again"),
    ],
)
def test_lines_and_name(room: Room, line: str, lines: tuple[float, ...] | None, name: str | None) -> None:
    if lines is None:
        assert "At most three lines" in room.refusal(line)
        return
    room.ask(line)
    assert mine(room).lines == pytest.approx(lines)
    assert mine(room).name == name
    assert len(positions.typed(room.store)) == 2


def test_the_answer_says_what_holds_now(room: Room) -> None:
    assert room.text("/watch 1 lines 15 8 3") == (
        "BTC long (1): lines at 15, 8 and 3 %.\n"
        "Liquidation at 91,566.27, 3.61 % from the mark price 95,000.\n"
        "You are told here at 3 % from liquidation, and when that is over. It is within 15 and 8 % already.\n"
        "To change it back: /watch 1 lines 1.8 0.9\n"
        "mark price of Binance, 12:00 UTC · Binance tier table of 29 September 2026\n"
        "More: /watch 1 lines 1.8 0.9 · /positions · /unwatch 1"
    )
    text = room.text("/watch 1 margin +500 name hedge")
    assert text.startswith("BTC long (1): $500 of margin added, $2,400 in all; called “hedge” now.")
    listed = room.text("/positions")
    assert ", $0, $500 of margin added\n" in listed
    assert "Assumed: isolated, no other margin added, funding" in listed


def test_margin_moves_the_price_by_the_formula(room: Room) -> None:
    before = liquidation(room)
    room.ask("/watch 1 margin +500")
    # LP = (M + c - q EP) / (q m - q): 500 more of M, 0.5 BTC, m 0.4 %
    assert liquidation(room) - before == pytest.approx(-500 / (0.5 * (1 - 0.004)))
    room.ask("/watch 1 margin +1k")
    room.ask("/watch btc margin \u2212 1500")
    assert liquidation(room) == pytest.approx(before)
    assert mine(room).holding.added == 0.0


def test_margin_of_a_coin_margined_contract_is_in_coin(room: Room) -> None:
    room.ask("/watch btc short 95000 10x 50000usd coin-m bybit")
    assert "is in BTC. Type it like /watch 2 margin +0.01btc" in room.refusal("/watch 2 margin +500")
    text = room.text("/watch 2 margin +0.01btc")
    assert "0.01 BTC of margin added" in text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(
            "/watch 1", "like /watch 1 lines 15 8 3, /watch 1 margin +500 or /watch 1 name", id="nothing said"
        ),
        pytest.param("/watch 7 lines 3", "nothing with the number 7. See /positions", id="no such number"),
        pytest.param("/watch sol lines 3", "You watch no position in SOL", id="no such asset"),
        pytest.param("/watch 1 margin 500", "/watch 1 margin +500 to add, with a minus to take out", id="no sign"),
        pytest.param("/watch 1 margin", "How much margin?", id="no amount"),
        pytest.param("/watch 1 margin +", "How much margin?", id="a sign alone"),
        pytest.param("/watch 1 margin +abc", "+500", id="no number"),
        pytest.param("/watch 1 margin -500", "Only what was added can be taken out", id="more than was added"),
        pytest.param("/watch 1 margin +1M", "so there is nothing to watch", id="over-margined"),
        pytest.param("/watch 1 margin +0.1btc", "is in dollars", id="another currency"),
        pytest.param("/watch 1 lines", "Type up to three, like lines 15 8 4", id="no lines"),
        pytest.param("/watch btc long 95000 25x margin +500", "by its number in /positions", id="a new one"),
        pytest.param("/watch btc long 95000 25x keep", "by its number in /positions", id="keep a new one"),
    ],
)
def test_refusals_say_what_to_type_and_change_nothing(room: Room, line: str, words: str) -> None:
    before = mine(room)
    assert words in room.refusal(line)
    assert mine(room) == before


def test_several_of_an_asset_are_asked_about(room: Room) -> None:
    room.ask("/watch btc short 95000 25x")
    said = room.refusal("/watch btc lines 3")
    assert "You watch 2 positions in BTC: 1 and 2" in said
    assert "/watch 1 lines" in said


def test_without_a_size_margin_cannot_be_counted(room: Room) -> None:
    room.ask("/watch btc short 95000 25x")
    assert "type /unwatch 2" in room.refusal("/watch 2 margin +500").replace("Type", "type")


def test_nobody_changes_what_another_watches(room: Room) -> None:
    for line in ("/watch 1 lines 3", "/watch btc name mine", "/watch 1 margin +5", "/watch 1 keep"):
        before = mine(room)
        room.ask("/unwatch all", OTHER)
        assert "You watch no" in room.refusal(line, OTHER)
        assert mine(room) == before
    assert "Write to me privately" in room.refusal("/watch 1 lines 3", replace(ME, address=GROUP))


def test_an_address_takes_lines_and_a_name(room: Room) -> None:
    room.ask(f"/watch {ADDRESS}")
    assert room.text("/watch 2 lines 9 4 name whale").startswith("0xabab…abab (2): lines at 9 and 4 % from")
    (of,) = positions.followed_by(room.store, "telegram", ME.user or "")
    assert (of.lines, of.name) == ((0.09, 0.04), "whale")
    room.ask(f"/watch {ADDRESS} lines 7")
    assert positions.followed_by(room.store, "telegram", ME.user or "")[0].lines == (0.07,)
    for line in ("/watch 2 margin +5", "/watch 2 keep"):
        assert "Hyperliquid itself says" in room.refusal(line)


def test_answers_are_plain_data_and_their_buttons_work(room: Room) -> None:
    for line in ("/watch 1 lines 15 8 3", "/watch 1 margin +500", "/watch 1 name x", "/watch 1 keep"):
        reply = room.ask(line)
        json.dumps(reply.values, allow_nan=False)
        assert len(plain_text(reply.all_blocks())) <= 900
        (buttons,) = [block for block in reply.blocks if isinstance(block, Buttons)]
        assert [button.command for button in buttons.buttons] == ["/positions", "/unwatch 1"]


# --- with the job -----------------------------------------------------------------------------------------------------


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    from tests.fakes.channel import HandClock  # noqa: PLC0415 - what this half alone needs

    made = House(Store(tmp_path / "perpulse.db"), HandClock(NOW))
    made.mark(95_000.0)
    yield made
    made.store.close()


def test_new_lines_are_judged_from_now_on(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    assert house.turn(at(0.15)) == ["BTC long (1) is 15.0 % from its liquidation price."]
    house.ask("/watch 1 lines 12 8")
    (episode,) = episodes.of(house.store, "position 1", "BTC")
    assert episode.ended is not None, "outside the new lines nothing is going on"
    assert house.turn(at(0.15)) == []
    assert house.turn(at(0.11)) == ["BTC long (1) is 11.0 % from its liquidation price."]
    assert house.turn(at(0.11)) == []
    house.ask("/watch 1 lines 14 7")
    assert house.turn(at(0.11)) == []
    assert positions.of(house.store, "telegram", USER)[0].state.since == NOW + timedelta(minutes=3)
    edit, answer = house.turn(at(0.06))
    assert edit == "edit: Now critical: BTC long (1) is 6.00 % from its liquidation price."
    assert answer.startswith(edit.removeprefix("edit: "))


def test_added_margin_can_end_what_was_going_on(house: House) -> None:
    house.ask("/watch btc long 95000 25x 0.5btc lines 3")
    assert house.turn(93_500.0) == ["BTC long (1) is 2.07 % from its liquidation price."]
    text = plain_text(house.ask("/watch 1 margin +2000").all_blocks())
    assert "You are told here at 3 % from liquidation, and when that is over." in text
    assert house.turn(93_500.0) == []
    assert house.turn(90_000.0) == ["BTC long (1) is 2.72 % from its liquidation price."]


def test_what_the_job_reads_before_a_change_is_not_written_after_it(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    look = house.job._reader.typed

    def changed_meanwhile(*args):
        found = look(*args)
        house.ask("/watch 1 lines 4")
        return found

    house.job._reader.typed = changed_meanwhile  # type: ignore[method-assign]
    assert house.turn(at(0.15)) == []
    assert positions.of(house.store, "telegram", USER)[0].lines == (0.04,)


def test_keeping_what_may_be_gone(house: House) -> None:
    house.ask("/watch btc long 95000 3x bybit", ASKER)
    doubt = ["BTC long (1) may have been liquidated: check your exchange."]
    assert house.turn(63_000.0) == doubt
    assert house.turn(95_000.0) == []
    assert plain_text(house.ask("/watch 1 keep").blocks).startswith("BTC long (1): still open, watched on.")
    assert house.ask("/positions").values["positions"][0]["may_be_gone_since"] is None
    assert house.turn(95_000.0) == []
    assert positions.of(house.store, "telegram", USER)[0].looked == house.clock.now() - timedelta(minutes=1)
    assert house.turn(63_000.0) == doubt, "what happens after that is news again"
    house.clock.forward(timedelta(minutes=1).total_seconds())
