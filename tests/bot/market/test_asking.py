"""Each source on its own feet, and one asset for somebody who waits: nobody is held up by a venue that hangs."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from bot.market.collector import ASK_WITHIN, EVERY, Collector
from bot.market.keeper import Collected, Keeper
from bot.market.source import Ask, SourceDown
from bot.tape.time import TapeClock, TapeLoop
from signals.inputs import MARKET
from signals.units import to_ms
from storage.engine.database import Store, StoreError
from storage.market import points
from storage.market.points import Points
from storage.sources import source_state

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from bot.market.source import Topic

START = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
Found = TypeVar("Found")


@dataclass
class Venue:
    """A venue that takes so long for each answer; `takes` may be changed at any time."""

    name: str
    clock: TapeClock
    takes: float = 0.1
    fails: bool = False
    offers: dict[Topic, timedelta] = field(default_factory=lambda: {"funding": MINUTE})
    attribution: str = ""
    caveats: Mapping[Topic, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)

    async def fetch(self, ask: Ask) -> list[Points]:
        self.asked.append(ask)
        await asyncio.sleep(self.takes)
        if self.fails:
            raise SourceDown("it is away")
        columns = {"funding_rate": [1e-4], "mark_price": [100.0]}
        return [Points(self.name, ask.asset, None, [to_ms(self.clock.now())], columns)]

    async def close(self) -> None:
        """Have nothing to close."""

    def of(self, asset: str) -> int:
        return sum(ask.asset == asset for ask in self.asked)


@dataclass
class Rig:
    """A store and a collector in virtual time."""

    clock: TapeClock
    store: Store
    venues: dict[str, Venue]
    collector: Collector

    def known(self, venue: str, asset: str) -> datetime | None:
        found = points.newest(self.store, asset, "funding_rate", venue)
        return found.at if found else None

    def passed(self) -> float:
        return self.clock.monotonic()


@pytest.fixture
def in_virtual_time(tmp_path: Path) -> Callable[[Callable[[Rig], Awaitable[Found]]], Found]:
    def run(what: Callable[[Rig], Awaitable[Any]], names: tuple[str, ...] = ("binance", "bybit", "okx")) -> Any:
        loop = TapeLoop()
        clock = TapeClock(START, loop)

        async def all_of_it() -> Any:
            store = Store(tmp_path / "a.db")
            venues = {name: Venue(name, clock) for name in names}
            collector = Collector(
                venues.values(),
                clock=clock.now,
                steady=clock.monotonic,
                keeper=Keeper(store, clock.now),
                chance=lambda: 0.5,
                patience_s=60,
            )
            try:
                return await what(Rig(clock, store, venues, collector))
            finally:
                await collector.close()
                store.close()

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            return runner.run(all_of_it())

    return run


def test_a_database_that_is_away_is_said_once_and_not_by_asyncio(in_virtual_time: Any) -> None:
    """Of three venues each fails, and one of them is told: what nobody looks at, asyncio logs with its traceback."""
    logged: list[str] = []

    async def story(rig: Rig) -> None:
        def recall() -> None:
            raise StoreError("the server is away")

        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context["message"]))
        rig.collector._recall = recall  # type: ignore[assignment]
        _, stored = rig.collector.ask("BTC") or ((), None)
        assert stored
        with pytest.raises(StoreError, match="the server is away"):
            await stored

    in_virtual_time(story)
    gc.collect()
    assert logged == []


def test_a_venue_that_hangs_delays_nobody(in_virtual_time: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.venues["bybit"].takes = 1e9
        running = asyncio.create_task(rig.collector.run(lambda: ["BTC", "ETH"]))
        for minutes in range(1, 6):
            await asyncio.sleep(minutes * 60 - rig.passed())
            for venue in ("binance", "okx"):
                known = rig.known(venue, "ETH")
                assert known is not None, venue
                assert rig.clock.now() - known <= MINUTE + 2 * EVERY
        assert rig.known("bybit", "BTC") is None
        states = {row.source: row.state for row in source_state.load(rig.store)}
        assert states == {"binance": "ok", "bybit": "down", "okx": "ok"}
        running.cancel()

    in_virtual_time(story)


def test_asking_ends_in_time_and_what_comes_later_is_stored(in_virtual_time: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.venues["bybit"].takes = 20.0
        venues, news = rig.collector.ask("BTC") or ((), None)
        assert venues == ("binance", "bybit", "okx")
        assert news
        assert await news is True
        assert rig.passed() <= ASK_WITHIN.total_seconds()
        assert [rig.known(venue, "BTC") is not None for venue in venues] == [True, False, True]
        assert rig.collector.ask("BTC") is None, "the others are fresh, and one is being asked"
        await asyncio.sleep(25)
        assert rig.known("bybit", "BTC") is not None

    in_virtual_time(story)


def test_two_who_ask_for_the_same_share_one_asking(in_virtual_time: Any) -> None:
    async def story(rig: Rig) -> None:
        asked = [rig.collector.ask("BTC") for _ in range(3)]
        other = rig.collector.ask("ETH")
        assert other
        assert {found[0] for found in asked if found} == {("binance", "bybit", "okx")}
        assert await asyncio.gather(*(found[1] for found in asked if found), other[1]) == [True] * 4
        assert {venue.of("BTC") for venue in rig.venues.values()} == {2}  # the present, and then its past

    in_virtual_time(story)


def test_who_gives_up_waiting_ends_nothing(in_virtual_time: Any) -> None:
    async def story(rig: Rig) -> None:
        first, second = rig.collector.ask("BTC"), rig.collector.ask("BTC")
        assert first
        assert second
        waiting = asyncio.ensure_future(first[1])
        await asyncio.sleep(0)
        waiting.cancel()
        assert await second[1] is True

    in_virtual_time(story)


@pytest.mark.parametrize(
    ("spoil", "after_s", "venues"),
    [
        pytest.param("nothing", 10, None, id="all is fresh"),
        pytest.param("nothing", 90, ("binance", "bybit", "okx"), id="all is due"),
        pytest.param("bybit is banned", 90, ("binance", "okx"), id="one rests"),
    ],
)
def test_who_is_asked(in_virtual_time: Any, spoil: str, after_s: float, venues: tuple[str, ...] | None) -> None:
    async def story(rig: Rig) -> None:
        await rig.collector.round(["BTC"])
        await asyncio.sleep(after_s)
        if spoil != "nothing":
            banned = SourceDown("banned", rig.clock.now() + timedelta(hours=1))
            rig.collector._rounds["bybit"].state.host.failed(banned, rig.clock.now())
        found = rig.collector.ask("BTC")
        assert (found and found[0]) == venues
        assert rig.collector.ask(MARKET) is None, "none of them has a figure for the whole market"

    in_virtual_time(story)


def test_asking_passes_by_a_long_round(in_virtual_time: Any) -> None:
    """Forty assets at five seconds each are under way: whoever asks for one more does not queue behind them."""

    async def story(rig: Rig) -> None:
        rig.venues["binance"].takes = 5.0
        running = asyncio.create_task(rig.collector.run(lambda: [f"A{number}" for number in range(40)]))
        await asyncio.sleep(11)
        rig.venues["binance"].takes = 0.5
        asking = rig.collector.ask("DOGE")
        assert asking
        assert await asking[1] is True
        assert rig.known("binance", "DOGE") is not None
        running.cancel()

    in_virtual_time(story)


def test_one_who_asks_in_vain_calls_no_topic_down(in_virtual_time: Any) -> None:
    async def story(rig: Rig) -> None:
        running = asyncio.create_task(rig.collector.run(lambda: ["BTC"]))
        await asyncio.sleep(5)
        rig.venues["okx"].fails = True
        asking = rig.collector.ask("DOGE")
        assert asking
        assert await asking[1] is True, "the others have it"
        assert {row.state for row in rig.collector.health()} == {"ok"}
        running.cancel()

    in_virtual_time(story)


def test_a_full_disk_loses_nothing_that_came(in_virtual_time: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    full = {"is": True}
    write = Keeper._write

    def fails(self: Keeper, batch: list[Collected]) -> list[int]:
        if full["is"]:
            raise StoreError("the disk is full")
        return write(self, batch)

    monkeypatch.setattr(Keeper, "_write", fails)

    async def story(rig: Rig) -> None:
        running = asyncio.create_task(rig.collector.run(lambda: ["BTC"]))
        await asyncio.sleep(40)
        full["is"] = False
        await asyncio.sleep(16)
        times, _, _ = points.columns(
            rig.store, "BTC", "binance", ["funding_rate"], start=START, end=rig.clock.now() + MINUTE
        )
        assert times
        assert times[0] <= to_ms(START + timedelta(seconds=1)), "the first round is there"
        running.cancel()

    in_virtual_time(story)


def test_rounds_that_wait_for_the_writer_are_written_together(in_virtual_time: Any) -> None:
    async def story(rig: Rig) -> None:
        begun = []
        write = rig.store.write

        def counted() -> Any:
            begun.append(1)
            return write()

        keeper = Keeper(rig.store, rig.clock.now)
        rig.store.write = counted  # type: ignore[method-assign]
        found = [Collected([Points("binance", f"A{n}", None, [to_ms(START)], {"mark_price": [1.0]})]) for n in range(9)]
        assert await asyncio.gather(*(keeper.keep(one) for one in found)) == [1] * 9
        assert len(points.assets(rig.store)) == 9
        assert len(begun) < 9

    in_virtual_time(story)


def test_assets_that_come_from_another_process_are_asked_for_at_once(in_virtual_time: Any) -> None:
    async def story(rig: Rig) -> None:
        share = ["BTC"]
        running = asyncio.create_task(rig.collector.run(lambda: list(share)))
        await asyncio.sleep(20)  # rounds lie 15 seconds apart
        share.append("ETH")
        rig.collector.wake()
        await asyncio.sleep(1)
        assert {name: venue.of("ETH") for name, venue in rig.venues.items()} == dict.fromkeys(rig.venues, 1)
        running.cancel()

    in_virtual_time(story)


def test_assets_that_change_hands_in_the_middle_of_a_round_are_asked_for_all_the_same(in_virtual_time: Any) -> None:
    async def story(rig: Rig) -> None:
        for venue in rig.venues.values():
            venue.takes = 5.0
        asking = rig.collector.ask("BTC", timedelta(seconds=30))
        assert asking
        await asyncio.sleep(1)
        others = asyncio.create_task(rig.collector.round(["SOL", "ETH", "XRP", "DOGE"]))
        await asyncio.sleep(1)
        await rig.collector._take_from_others(["ETH", "XRP", "DOGE"])
        assert await others
        assert all(venue.of(asset) for venue in rig.venues.values() for asset in ("ETH", "XRP", "DOGE"))

    in_virtual_time(story)
