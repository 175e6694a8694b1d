"""Two processes share the collecting of one database: who has an asset asks for it, and others have it asked."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bot.market.collector import Collector
from bot.market.keeper import Keeper
from bot.processes.holdings import Holdings
from bot.processes.wishes import WITHIN, Wishes
from bot.tape.time import TapeClock, TapeLoop
from storage.engine.database import Store
from storage.market import points
from tests.bot.market.test_asking import Venue

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from bot.processes.roles import Role

START = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
ASSETS = ("BTC", "ETH", "SOL", "XRP")


@dataclass
class Neighbour:
    """A process that shares a database. venue: as it asks it."""

    store: Store
    venue: Venue
    holdings: Holdings
    collector: Collector
    wishes: Wishes
    clock: TapeClock

    async def dies(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def starts(self) -> None:
        self.holdings.start()
        self._tasks = [
            asyncio.create_task(self.holdings.run()),
            asyncio.create_task(self.wishes.serve()),
            asyncio.create_task(self.collector.run(lambda: self.holdings.share("collect"))),
        ]


@asynccontextmanager
async def neighbour(path: Path, clock: TapeClock, number: int, *roles: Role) -> AsyncIterator[Neighbour]:
    store, venue = Store(path), Venue("binance", clock)
    holdings = Holdings(store, clock, roles, ASSETS, ("telegram",), where=f"elsewhere {number} {number}")
    collector = Collector(
        [venue], clock=clock.now, steady=clock.monotonic, keeper=Keeper(store, clock.now), chance=lambda: 0.5
    )
    wishes = Wishes(store, clock, holdings, collector, venues=("binance",), followed=ASSETS)
    one = Neighbour(store, venue, holdings, collector, wishes, clock)
    one.starts()
    try:
        yield one
    finally:
        await one.dies()
        await collector.close()
        store.close()


@pytest.fixture
def together(tmp_path: Path) -> Callable[..., None]:
    """Let processes with these roles live beside each other in virtual time, and something happen among them."""

    def run(story: Callable[..., Awaitable[Any]], *roles: tuple[Role, ...]) -> None:
        loop = TapeLoop()
        clock = TapeClock(START, loop)

        async def all_of_it() -> None:
            async with AsyncExitStack() as stack:
                path = tmp_path / "a.db"
                every = [
                    await stack.enter_async_context(neighbour(path, clock, number, *of))
                    for number, of in enumerate(roles)
                ]
                await asyncio.sleep(5)  # each knows the others
                await story(*every)

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(all_of_it())

    return run


@pytest.mark.slow
def test_each_asks_for_its_share_and_for_all_when_it_is_alone(together: Callable[..., None]) -> None:
    async def story(one: Neighbour, two: Neighbour) -> None:
        await asyncio.sleep(300)
        for asset in ASSETS:
            holder, other = (one, two) if one.holdings.holds("collect", asset) else (two, one)
            asked = len([ask for ask in holder.venue.asked if ask.asset == asset])
            assert asked >= 4, asset
            assert sum(ask.asset == asset for ask in other.venue.asked) <= 1, "before it knew of the other one"
        await two.dies()
        await asyncio.sleep(90)
        for asset in ASSETS:
            newest = points.newest(one.store, asset, "funding_rate", "binance")
            assert newest is not None
            assert (one.clock.now() - newest.at).total_seconds() <= 75, asset

    together(story, ("collect",), ("collect",))


@pytest.mark.slow
def test_who_only_answers_has_it_asked_by_who_collects(together: Callable[..., None]) -> None:
    async def story(collects: Neighbour, answers: Neighbour) -> None:
        await asyncio.sleep(70)
        for ask in range(3):
            await asyncio.sleep(61 - 15)
            before = points.newest(answers.store, "BTC", "funding_rate", "binance")
            began, asking = answers.clock.monotonic(), answers.wishes.ask("BTC")
            assert asking is not None, ask
            assert asking.venues == ("binance",)
            news = await asking.done
            took = answers.clock.monotonic() - began
            assert took <= WITHIN + 0.2
            after = points.newest(answers.store, "BTC", "funding_rate", "binance")
            assert news is (before != after), ask
        assert answers.venue.asked == []
        collects.venue.takes = 30.0
        await asyncio.sleep(60)
        assert await answers.wishes.ask("ETH").done is False, "it is not waited for longer than that"

    together(story, ("collect",), ("answer",))


def test_without_anybody_who_collects_nothing_comes_and_nobody_waits_for_ever(together: Callable[..., None]) -> None:
    async def story(answers: Neighbour, _: Neighbour) -> None:
        asking = answers.wishes.ask("BTC")
        assert asking is not None
        assert await asking.done is False
        assert answers.wishes.ask("DOGE") is not None, "what nobody follows is asked for by who is asked"
        await asyncio.sleep(1)
        assert {ask.asset for ask in answers.venue.asked} == {"DOGE"}

    together(story, ("answer",), ("send",))


@pytest.mark.slow
def test_what_another_one_has_stored_meanwhile_is_known_after_a_take_over(together: Callable[..., None]) -> None:
    """Prices move while others collect: a border that knew only the price of before would doubt the true one."""

    async def story(one: Neighbour, two: Neighbour) -> None:
        await asyncio.sleep(120)
        moved = next(asset for asset in ASSETS if two.holdings.holds("collect", asset))
        forgotten: list[str] = []
        forget = one.collector._border.forget
        one.collector._border.forget = lambda assets: forgotten.extend(assets) or forget(assets)  # type: ignore[method-assign]
        await two.dies()
        await asyncio.sleep(40)
        assert moved in forgotten
        newest = one.collector._newest["binance", moved, "funding_rate"]
        assert newest.at > START.replace(second=0)

    together(story, ("collect",), ("collect",))
