"""Positions from /watch to the message in the chat: the price walks by hand, everything else is real."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.app import build
from bot.config import Config
from bot.engine.positions import Positions
from handlers.channels.channel import Address
from handlers.command import Asker
from handlers.reply import plain_text
from signals.liquidation import tables as bundled
from storage.alerts import episodes, outbox
from storage.engine.database import Store
from storage.people import positions
from tests import loop
from tests.bot.engine.watching_house import ASKER, LIQUIDATION, NOW, USER, House, at
from tests.fakes.channel import FakeChannel, HandClock
from tests.fakes.hyperliquid_info import FakeInfo
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(Store(tmp_path / "perpulse.db"), HandClock(NOW))
    made.mark(95_000.0)
    yield made
    made.store.close()


@pytest.mark.slow
def test_the_price_walks_to_the_lines_and_back(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    assert house.turn(at(0.21)) == []
    assert house.turn(at(0.195)) == ["BTC long (1) is 19.5 % from its liquidation price."]
    assert house.turn(at(0.21)) == []
    assert house.turn(at(0.19)) == []
    edit, answer = house.turn(at(0.09))
    assert edit == "edit: Now a warning: BTC long (1) is 9.00 % from its liquidation price."
    assert answer.startswith(edit.removeprefix("edit: "))
    edit, answer = house.turn(at(0.04))
    assert edit == "edit: Now critical: BTC long (1) is 4.00 % from its liquidation price."
    assert not house.channel.said[-1].message.silent, "an edit makes no sound, the line that answers it does"
    assert house.turn(at(0.09)) == []
    assert house.turn(at(0.04)) == []
    edit, answer = house.turn(at(0.02))
    assert edit == "edit: Now critical: BTC long (1) is 2.00 % from its liquidation price."
    assert not house.channel.said[-1].message.silent, "the last per cents ring too"
    assert "It is within 2.5 %; all clear above 25 %. Told again within 1.25 %." in house.channel.said[-2].text
    assert house.turn(at(0.03)) == []
    assert house.turn(at(0.022)) == []
    house = house.restarted()
    edit, answer = house.turn(at(0.0021))
    assert edit == "edit: Now critical: BTC long (1) is 0.21 % from its liquidation price."
    assert answer.startswith(edit.removeprefix("edit: "))
    assert house.turn(at(0.24)) == []
    assert house.turn(at(0.26)) == [
        "edit: BTC long (1) is safe again: 26.0 % away; within 20 % for 12 min.",
        "BTC long (1) is safe again: 26.0 % away; within 20 % for 12 min.",
    ]
    assert house.turn(at(0.15)) == ["BTC long (1) is 15.0 % from its liquidation price."]
    ids = {said.edited for said in house.channel.said if said.edited}
    assert len(ids) == 1, "one episode is one message"


def test_an_alarm_says_what_would_move_the_liquidation(house: House) -> None:
    house.mark(80_000.0)
    told = plain_text(house.ask("/watch btc long now 10x 0.5btc").all_blocks())
    assert "Taken as the entry: BTC is at 80,000." in told
    house.turn(75_900.0)
    assert "Add $1,987 and liquidation moves to 68,300 (−10.0 %)." in house.channel.said[-1].text.splitlines()


def test_a_short_is_watched_from_below(house: House) -> None:
    house.ask("/watch btc short 95000 3x")  # liquidated at (1 + 1/3) / (1 + 0.004) x 95,000 = 126,162
    assert house.turn(110_000.0) == ["BTC short (1) is 14.7 % from its liquidation price."]
    assert house.turn(95_000.0)[0].startswith("edit: BTC short (1) is safe again: 32.8 % away")


@pytest.mark.parametrize("jump", [63_500.0, LIQUIDATION - 0.01, 40_000.0])
def test_crossing_the_liquidation_price_ends_the_watch(house: House, jump: float) -> None:
    house.ask("/watch btc long 95000 3x")
    house.turn(at(0.08))
    assert house.turn(jump) == ["BTC long (1) would have been liquidated at 63,587.68 by the mark price."]
    assert positions.of(house.store, "telegram", USER) == []
    assert house.turn(jump) == []
    assert house.turn(95_000.0) == []
    assert episodes.of(house.store, "position 1", "BTC")[0].ended is not None
    assert not house.channel.said[-1].message.silent


@pytest.mark.slow
def test_a_restart_repeats_nothing_and_misses_nothing(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    assert len(house.turn(at(0.15))) == 1
    house = house.restarted()
    assert house.turn() == []
    assert house.turn(at(0.14)) == []
    house = house.restarted()
    edit, answer = house.turn(at(0.09))
    assert edit == "edit: Now a warning: BTC long (1) is 9.00 % from its liquidation price."
    assert answer.startswith(edit.removeprefix("edit: "))
    house = house.restarted()
    house.clock.forward(3600)
    assert house.turn(at(0.5))[0] == "edit: BTC long (1) is safe again: 50.0 % away; within 20 % for 1 h 4 min."
    house.store.close()


def test_the_same_price_judged_again_after_a_kill_tells_nothing_twice(house: House, tmp_path: Path) -> None:
    """The file of before the kill, and the file of after: either way the chat reads it once."""
    house.ask("/watch btc long 95000 3x")
    house.turn(at(0.21))
    house.clock.forward(60)
    house.mark(at(0.15))
    beside.rows(house.store, "PRAGMA wal_checkpoint(TRUNCATE)")
    copy = tmp_path / "before.db"
    shutil.copy(house.store.path, copy)
    for path in (house.store.path, copy):
        store = Store(path)
        for _ in range(3):
            loop.run(Positions(store, house.clock, told=lambda: None).turn())
        assert outbox.waiting(store) == 1
        store.close()


@pytest.mark.slow
def test_a_stale_price_is_said_once_and_changes_nothing(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.turn(at(0.15))
    assert house.turn(minutes=5) == []
    assert house.turn(minutes=6) == ["BTC: no fresh mark price, so your position 1 is not watched."]
    assert house.turn(minutes=60) == []
    house = house.restarted()
    assert house.turn(minutes=60) == []
    assert house.turn(at(0.14)) == ["BTC: the mark price is back, 73,939.16."]
    edit, answer = house.turn(at(0.09))
    assert edit == "edit: Now a warning: BTC long (1) is 9.00 % from its liquidation price."
    assert answer.startswith(edit.removeprefix("edit: "))
    house.store.close()


def test_a_price_that_comes_back_within_a_line_tells_it(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.turn(minutes=30)
    assert house.turn(at(0.04)) == [
        "BTC long (1) is 4.00 % from its liquidation price.",
        "BTC: the mark price is back, 66,237.17.",
    ]


def test_no_price_at_all_is_said_once(house: House) -> None:
    house.ask("/watch eth long 3000 3x")
    assert house.turn(minutes=5) == []
    assert house.turn(minutes=6) == ["ETH: no fresh mark price, so your position 1 is not watched."]
    assert house.turn(minutes=6) == []


def test_several_silent_positions_are_one_message(house: House) -> None:
    for entry in (95_000, 94_000, 93_000):
        house.ask(f"/watch btc long {entry} 3x")
    assert house.turn(minutes=11) == ["BTC: no fresh mark price, so your positions 1, 2 and 3 are not watched."]


def test_funding_moves_the_price(house: House) -> None:
    house.ask("/watch btc long 95000 25x 0.5btc")
    before = house.ask("/positions").values["positions"][0]
    start = NOW.replace(hour=16, minute=0, second=0)
    house.clock.forward(12 * 3600)
    for n, rate in enumerate((0.0003, 0.0004)):
        house.settled(start + timedelta(hours=8 * n, milliseconds=3), rate)
    house.clock.forward(8 * 3600)
    house.mark(95_000.0)
    after = house.ask("/positions").values["positions"][0]
    paid = 0.5 * 95_000.0 * (0.0003 + 0.0004)  # no mark is stored near the settlements: the entry stands in
    assert after["funding_taken"] == pytest.approx(paid)
    assert after["liquidation_price"] - before["liquidation_price"] == pytest.approx(paid / (0.5 * (1 - 0.004)))
    assert after["funding_settlements"] == 2


def test_funding_alone_can_cross_a_line(house: House) -> None:
    house.ask("/watch btc long 95000 25x 0.5btc lines 3")
    assert house.turn(95_000.0) == []
    house.clock.forward(4 * 3600)
    house.settled(NOW.replace(hour=16, minute=0, second=0), 0.01)
    (told,) = house.turn(95_000.0)
    assert told == "BTC long (1) is 2.61 % from its liquidation price."
    assert "Funding since 22 November, 1 payment: $475, 25.0 % of the margin" in house.channel.said[-1].text


def test_a_new_tier_table_that_moves_the_price_is_told_once(house: House) -> None:
    house.ask("/watch btc long 95000 3x 0.5btc")
    house.turn(95_000.0)
    _renewed(house.store, "2026-11-20", "BTC,USDT,tick=0.1,0.01:0:100:")
    # 1 % for every size: (1 - 1/3) / (1 - 0.01) x 95,000
    assert house.turn(95_000.0) == ["BTC long (1): liquidation now at 63,973.10, before at 63,587.68."]
    text = house.channel.said[-1].text
    assert "29 September 2026" in text
    assert "20 November 2026" in text
    assert house.turn(95_000.0) == []
    house = house.restarted()
    assert house.turn(95_000.0) == []
    house.store.close()


def test_a_new_table_that_says_the_same_is_no_news(house: House) -> None:
    house.ask("/watch btc long 95000 3x 0.5btc")
    house.turn(95_000.0)
    old = bundled.tiers("binance", "linear", "BTC")
    packed = " ".join(
        f"{tier.rate}:{tier.amount}:{tier.max_leverage}:{'' if tier.cap == float('inf') else tier.cap}"
        for tier in old.tiers
    )
    tick = f"tick={old.tick}" if old.tick else ""
    _renewed(house.store, "2026-11-20", f"BTC,USDT,{tick},{packed}")
    assert house.turn(95_000.0) == []


def _renewed(store: Store, day: str, line: str) -> None:
    folder = store.path.parent / "tiers"
    folder.mkdir(exist_ok=True)
    head = {"venue": "binance", "contract": "linear", "as_of": day, "unit": "quote", "source": "a test"}
    text = "".join(f"# {name}: {value}\n" for name, value in head.items())
    (folder / f"binance-linear-{day}.csv").write_text(f"{text}{line}\n", encoding="utf-8")


def test_what_was_within_its_lines_from_the_start_is_not_told_again(house: House) -> None:
    reply = house.ask("/watch btc long 95000 25x lines 15 8 4")
    assert "It is within 15, 8 and 4 % already" in str(reply.blocks)
    assert house.turn(95_000.0) == []
    assert house.turn(94_000.0) == []
    assert house.turn(120_000.0) == ["BTC long (1) is safe again: 23.7 % away; within 15 % for 3 min."]


def test_the_answer_to_watch_is_not_repeated_as_a_message(house: House) -> None:
    house.turn(at(0.15))
    house.ask("/watch btc long 95000 3x")
    assert house.turn(at(0.15)) == []
    assert house.turn(at(0.09)) == ["BTC long (1) is 9.00 % from its liquidation price."]


@pytest.mark.slow
def test_one_position_that_cannot_be_computed_harms_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.ask("/watch btc long 95000 3x")
    house.ask("/watch btc long 94000 3x")
    broken = positions.typed(house.store)[0]
    with house.store.write() as connection:
        positions.save(connection, replace(broken, holding=replace(broken.holding, leverage=0.0)))
    assert house.turn(at(0.15)) == ["BTC long (2) is 15.9 % from its liquidation price."]


def test_notices_go_to_their_owner_alone(house: House) -> None:
    other = Asker("telegram", Address("777"), "777")
    house.ask("/sub", other)
    house.ask("/watch eth long 3000 3x", other)
    house.ask("/watch btc long 95000 3x")
    house.turn(at(0.15))
    assert [sent.to.chat for sent in house.channel.said] == [USER]


def test_what_is_given_up_is_not_told_any_more(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    house.clock.forward(60)
    house.mark(at(0.15))
    loop.run(house.job.turn())
    assert outbox.waiting(house.store) == 1
    house.ask("/unwatch 1")
    assert outbox.waiting(house.store) == 0
    assert house.turn(at(0.09)) == []


def test_what_is_given_up_while_it_is_judged_is_not_told(house: House) -> None:
    house.ask("/watch btc long 95000 3x")
    look = house.job._reader.typed

    def given_up_meanwhile(*args: Any) -> Any:
        found = look(*args)
        house.ask("/unwatch 1")
        return found

    house.job._reader.typed = given_up_meanwhile  # type: ignore[method-assign]
    assert house.turn(at(0.15)) == []
    assert episodes.of(house.store, "position 1", "BTC") == []


def test_an_asset_that_nobody_else_follows_is_collected(house: House) -> None:
    house.ask("/watch doge long 0.2 3x")
    house.refreshed.clear()
    house.turn(95_000.0)
    assert house.refreshed == ["DOGE"]


def test_every_message_is_short(house: House) -> None:
    house.ask("/watch btc long 95000 3x 0.5btc bybit name a long name of a hedge")
    for distance in (0.15, 0.09, 0.04, 0.5, 0.15):
        house.turn(at(distance))
    house.turn(minutes=20)
    house.turn(10_000.0)
    texts: list[Any] = [sent.text for sent in house.channel.said]
    assert len(texts) >= 8
    assert all(len(text) <= 900 for text in texts)
    assert not any(re.search(r"unknown|\bnan\b|None", text) for text in texts)


async def test_the_program_judges_positions_and_asks_about_addresses(tmp_path: Path) -> None:
    clock, channel, address = HandClock(NOW), FakeChannel(), "0x" + "ab" * 20
    async with FakeInfo(clock.now) as info:
        config = Config(database=tmp_path / "p.db", market={"hyperliquid_url": info.base_url})  # type: ignore[arg-type]
        app = build(config, clock=clock, sources=(), channels=[channel])
        app.dispatcher.start()
        house = House(app.store, clock, channel)
        house.mark(at(0.3))
        for line in ("/watch btc long 95000 3x", f"/watch {address}"):
            await app.answer(line, ASKER)
        app.holdings.start()  # again: the house has taken its place
        clock.forward(60)
        house.mark(at(0.15))
        await app.turn()
        await app.following.turn()
        await app.dispatcher.drain()
        clock.forward(5)
        await app.dispatcher.drain()
        assert [sent.text.split("\n")[0] for sent in channel.said] == [
            "BTC long (1) is 15.0 % from its liquidation price.",
            "0xabab…abab holds no open positions. You are told when it opens one.",
        ]
        await app.close()
