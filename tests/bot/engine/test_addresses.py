"""Following an address from /watch 0x… to the message in the chat, against a loopback venue."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from bot.delivery.dispatcher import Dispatcher
from bot.engine import addresses
from bot.engine.addresses import Following
from bot.market.providers.hyperliquid_account import HyperliquidAccount
from handlers.answer import answer
from handlers.channels.channel import Address
from handlers.command import Asker, Deps, nobody
from storage.alerts import outbox
from storage.engine.database import Store
from storage.people import positions
from tests.fakes.channel import FakeChannel, HandClock
from tests.fakes.hyperliquid_info import FakeInfo, position

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from handlers.reply import Reply
    from tests.fakes.hyperliquid_info import Fault

NOW = datetime(2026, 11, 22, 12, 0, 30, tzinfo=UTC)
USER, OTHER = "5550123456", "5550999999"
ONE, TWO = "0x" + "ab" * 20, "0x" + "cd" * 20
SHORT = "0xabab…abab"


@dataclass
class House:
    """A store, the job with its loopback venue, a dispatcher and a chat."""

    store: Store
    clock: HandClock
    info: FakeInfo
    channel: FakeChannel = field(default_factory=FakeChannel)
    seen: int = 0

    def __post_init__(self) -> None:
        account = HyperliquidAccount(clock=self.clock.now, base_url=self.info.base_url, timeout_s=0.1)
        self.job = Following(self.store, self.clock, account, told=lambda: None, chance=lambda: 0.0)
        self.dispatcher = Dispatcher(self.store, [self.channel], self.clock, noise=random.Random(1))
        self.dispatcher.start()

    async def ask(self, line: str, user: str = USER) -> Reply:
        asker = Asker("telegram", Address(user), user)
        return await answer(line, Deps(self.clock.now(), asker, self.store, ("BTC",), nobody))

    async def turn(self, *, seconds: float = 60) -> list[str]:
        """Let time pass and return the texts that reach the chat."""
        self.clock.forward(seconds)
        await self.job.turn()
        for _ in range(20):
            if not await self.dispatcher.turn():
                if not outbox.waiting(self.store):
                    break
                self.clock.seconds += 2
        new, self.seen = self.channel.said[self.seen :], len(self.channel.said)
        return [("edit: " if sent.edited else "") + sent.text.split("\n")[0] for sent in new]

    async def restarted(self) -> House:
        path = self.store.path
        await self.job.close()
        self.store.close()
        return House(Store(path), self.clock, self.info, self.channel, self.seen)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    clock = HandClock(NOW)
    async with FakeInfo(clock.now) as info:
        made = House(Store(tmp_path / "perpulse.db"), clock, info)
        yield made
        await made.job.close()
        made.store.close()


async def test_what_it_holds_is_told_first(house: House) -> None:
    house.info.held[ONE] = [position(), position("ETH", "-2", entryPx="3000", positionValue="6000", liquidationPx=None)]
    await house.ask(f"/watch {ONE} name whale")
    assert await house.turn() == [f"“whale” {SHORT} holds 2 open positions:"]
    lines = house.channel.said[0].text.split("\n")[1:]
    assert lines == [
        "– BTC long 0.5 BTC from 95,000, 5x: liquidation at 80,000, 20.0 % away.",
        "– ETH short 2 ETH from 3,000, 5x: no liquidation price.",
    ]
    assert await house.turn() == []


async def test_an_empty_address(house: House) -> None:
    await house.ask(f"/watch {ONE}")
    assert await house.turn() == [f"{SHORT} holds no open positions. You are told when it opens one."]


async def test_opened_and_closed_in_one_line(house: House) -> None:
    await house.ask(f"/watch {ONE}")
    await house.turn()
    house.info.held[ONE] = [position()]
    assert await house.turn() == [
        f"{SHORT}: opened BTC long 0.5 BTC from 95,000, 5x: liquidation at 80,000, 20.0 % away."
    ]
    house.info.held[ONE] = [position(size="0.7")]
    assert await house.turn() == []
    house.info.held[ONE] = []
    assert await house.turn() == [f"{SHORT}: closed BTC long, was 0.7 BTC from 95,000, 5x."]
    house.info.held[ONE] = [position(size="-0.5", liquidationPx="120000")]
    await house.turn()
    house.info.held[ONE] = [position()]
    assert await house.turn() == [f"{SHORT} has changed its positions:"]
    assert [line[:12] for line in house.channel.said[-1].text.split("\n")[1:]] == ["– Opened BTC", "– Closed BTC"]


async def test_its_lines_are_told_and_cleared(house: House) -> None:
    house.info.held[ONE] = [position(liquidationPx="70000.0")]
    await house.ask(f"/watch {ONE}")
    await house.turn()
    house.info.held[ONE] = [position(liquidationPx="81000.0")]
    title = f"BTC long of {SHORT}"
    assert await house.turn() == [f"{title} is 19.0 % from its liquidation price."]
    assert house.channel.said[-1].text.endswith(
        "mark price of Hyperliquid, 12:02 UTC · liquidation price by Hyperliquid"
    )
    house.info.held[ONE] = [position(liquidationPx="96000.0")]
    edit, answer = await house.turn()
    assert edit == f"edit: Now critical: {title} is 4.00 % from its liquidation price."
    assert answer.startswith(edit.removeprefix("edit: "))
    house.info.held[ONE] = [position(liquidationPx=None)]
    assert await house.turn() == [
        f"edit: {title} has no liquidation price any more: its margin covers every price.",
        f"{title} has no liquidation price any more: its margin covers every price.",
    ]


async def test_own_lines(house: House) -> None:
    house.info.held[ONE] = [position(liquidationPx="88000.0")]
    await house.ask(f"/watch {ONE} lines 15 8 4")
    await house.turn()  # within 15 % from the start: the first message says so
    house.info.held[ONE] = [position(liquidationPx="93000.0")]
    assert await house.turn() == [f"Now a warning: BTC long of {SHORT} is 7.00 % from its liquidation price."]


async def test_asked_once_a_minute_however_many_follow(house: House) -> None:
    await house.ask(f"/watch {ONE}")
    await house.ask(f"/watch {ONE}", OTHER)
    await house.ask(f"/watch {TWO}", OTHER)
    for _ in range(8):
        await house.turn(seconds=15)
    assert house.info.asked == {ONE: 2, TWO: 2}
    assert sorted({sent.to.chat for sent in house.channel.said}) == [USER, OTHER]


async def test_a_restart_repeats_nothing(house: House) -> None:
    house.info.held[ONE] = [position(liquidationPx="81000.0")]
    await house.ask(f"/watch {ONE}")
    assert len(await house.turn()) == 1
    again = await house.restarted()
    assert await again.turn() == []
    again.info.held[ONE] = []
    assert await again.turn() == [f"{SHORT}: closed BTC long, was 0.5 BTC from 95,000, 5x."]
    await again.job.close()
    again.store.close()


FAULTS: list[Fault] = ["html", "cut", "null", "list", "busy", "geo", "unavailable", "unknown", "slow", "hang_up"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_silent_venue_is_said_once_and_closes_nothing(house: House, fault: Fault) -> None:
    house.info.held[ONE] = [position()]
    await house.ask(f"/watch {ONE}")
    await house.turn()
    house.info.faults["*"] = fault
    told = [text for _ in range(14) for text in await house.turn()]
    assert told == ["No answer about 0xabab…abab since 22 November 12:01 UTC, so nothing there is watched."]
    assert len(positions.held(house.store, 1)) == 1
    house.info.faults.clear()
    house.clock.forward(3600)
    assert await house.turn() == [f"{SHORT} is followed again: Hyperliquid answers."]
    assert await house.turn() == []


async def test_a_short_silence_is_no_news(house: House) -> None:
    house.info.held[ONE] = [position()]
    await house.ask(f"/watch {ONE}")
    await house.turn()
    house.info.faults["*"] = "html"
    assert [text for _ in range(8) for text in await house.turn()] == []
    house.info.faults.clear()
    assert [text for _ in range(5) for text in await house.turn()] == []


async def test_a_frozen_answer_is_no_answer(house: House) -> None:
    house.info.held[ONE] = [position()]
    await house.ask(f"/watch {ONE}")
    await house.turn()
    house.info.late_ms, house.info.held[ONE] = 3_600_000, []
    told = [text for _ in range(14) for text in await house.turn()]
    assert told == ["No answer about 0xabab…abab since 22 November 12:01 UTC, so nothing there is watched."]
    assert "an old state, of 2026-11-22" in house.channel.said[-1].text


async def test_an_answer_older_than_the_last_one_says_nothing(house: House) -> None:
    house.info.held[ONE] = [position()]
    await house.ask(f"/watch {ONE}")
    await house.turn()
    house.info.late_ms, house.info.held[ONE] = 90_000, []  # a slower server of the venue's
    assert await house.turn() == []
    house.info.late_ms = 0
    assert await house.turn() == [f"{SHORT}: closed BTC long, was 0.5 BTC from 95,000, 5x."]


async def test_one_broken_address_harms_no_other(house: House) -> None:
    house.info.held[TWO] = [position()]
    house.info.faults[ONE] = "html"
    await house.ask(f"/watch {ONE}")
    await house.ask(f"/watch {TWO}")
    assert await house.turn() == ["0xcdcd…cdcd holds 1 open position:"]
    house.info.held[TWO] = []
    assert await house.turn() == ["0xcdcd…cdcd: closed BTC long, was 0.5 BTC from 95,000, 5x."]


async def test_a_named_pause_is_kept_for_the_whole_venue(house: House) -> None:
    house.info.faults["*"] = "busy"  # Retry-After: 30
    await house.ask(f"/watch {ONE}")
    await house.turn()
    await house.ask(f"/watch {TWO}")
    await house.turn(seconds=15)
    assert house.info.asked == {ONE: 1}


async def test_what_is_given_up_is_not_asked_any_more(house: House) -> None:
    house.info.held[ONE] = [position()]
    await house.ask(f"/watch {ONE}")
    await house.turn()
    await house.ask(f"/unwatch {ONE}")
    await house.turn()
    assert house.info.asked == {ONE: 1}
    assert positions.of(house.store, "telegram", USER) == []


async def test_the_list_shows_what_was_seen(house: House) -> None:
    house.info.held[ONE] = [position()]
    await house.ask(f"/watch {ONE} name whale")
    await house.turn()
    reply = await house.ask("/positions")
    assert reply.values["positions"][0]["address"] == ONE
    assert reply.values["positions"][0]["liquidation_price"] == 80_000.0
    assert reply.values["positions"][0]["distance_pct"] == pytest.approx(20.0)
    assert reply.values["positions"][0]["profit"] == pytest.approx(2_500.0)


# --- dexes of others --------------------------------------------------------------------------------------------------

XMR = position("flx:XMR", "10", entryPx="420.5", positionValue="4150.0", liquidationPx="365.65")


async def test_what_it_holds_on_a_dex_of_others_is_told(house: House) -> None:
    house.info.dexes = {"flx": {ONE: [XMR]}}
    await house.ask(f"/watch {ONE}")
    assert await house.turn() == [f"{SHORT} holds 1 open position:"]
    line = house.channel.said[0].text.split("\n")[1]
    assert line == "– flx:XMR long 10 flx:XMR from 420.5, 5x: liquidation at 365.65, 11.9 % away."


@pytest.mark.slow
async def test_part_of_an_account_is_never_called_the_whole(house: House) -> None:
    house.info.dexes = {"flx": {ONE: [XMR]}, "xyz": {}}
    house.info.faults["flx"] = "unavailable"
    await house.ask(f"/watch {ONE}")
    assert await house.turn() == [
        f"{SHORT} holds no open positions where Hyperliquid answered. You are told when it opens one."
    ]
    assert "Not the whole account: dex flx gave no answer." in house.channel.said[0].text
    del house.info.faults["flx"]
    assert "opened flx:XMR long 10 flx:XMR from 420.5" in (await house.turn())[0]
    house.info.faults["flx"] = "unavailable"
    assert await house.turn() == [], "what is not known is not closed"
    house.info.dexes["flx"] = {}
    del house.info.faults["flx"]
    assert await house.turn() == [f"{SHORT}: closed flx:XMR long, was 10 flx:XMR from 420.5, 5x."]


@pytest.mark.slow
async def test_a_dex_that_goes_silent_later_is_told_once_and_so_is_its_return(house: House) -> None:
    house.info.dexes = {"flx": {ONE: [XMR]}, "xyz": {}}
    await house.ask(f"/watch {ONE}")
    await house.turn()
    house.info.faults["flx"] = house.info.faults["xyz"] = "unavailable"
    told = [await house.turn() for _ in range(20)]
    assert [said for said in told if said] == [[f"{SHORT}: no answer of dex flx since 22 November 12:01 UTC."]]
    assert "flx:XMR long is not watched meanwhile." in house.channel.said[-1].text
    house = await house.restarted()
    assert await house.turn() == [], "it was said"
    del house.info.faults["flx"]
    assert await house.turn() == [f"{SHORT}: dex flx answers again."]
    assert await house.turn() == []
    await house.job.close()
    house.store.close()


async def test_a_turn_asks_no_more_questions_than_the_venue_allows(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "MOST_A_TURN", 4)
    house.info.dexes = {"flx": {}}
    for address in (ONE, TWO, "0x" + "ef" * 20):
        await house.ask(f"/watch {address}")
    await house.turn()
    house.info.asked.clear()
    await house.turn()
    assert sum(house.info.asked.values()) == 4, "two addresses, on two dexes each; the third goes first next time"
