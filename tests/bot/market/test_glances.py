"""A look at a coin that is not followed: one venue says how it stands now, and nothing of it is kept."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from bot.app import App, build
from bot.clock import ReplayClock
from bot.market.collector import ASK_WITHIN, Collector
from bot.market.glances import MOST, WITHIN_S, YOUNG_S
from bot.market.keeper import Keeper
from bot.market.source import Ask, Blocked, NotOffered, SourceDown, SourceError
from bot.tape.time import TapeClock, TapeLoop
from handlers.channels.channel import Address
from handlers.command import Asker
from handlers.reply import plain_text
from signals.units import to_ms
from storage.engine.database import Store
from storage.market import points
from storage.market.points import Points
from storage.queries.glance import Glance, NoGlance
from tests.bot.tape.taping import config, played, world
from tests.fakes.exchange import FakeExchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from bot.market.source import Topic

START = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
SCREEN = Asker("terminal", Address("me"))


@dataclass
class Venue:
    """A venue that lists some assets, and answers after so long or not at all."""

    name: str
    clock: TapeClock
    lists: tuple[str, ...] = ("DOGE",)
    takes: float = 0.1
    error: SourceError | None = None
    offers: dict[Topic, timedelta] = field(
        default_factory=lambda: dict.fromkeys(("funding", "open_interest"), timedelta(minutes=1))
    )
    attribution: str = ""
    caveats: Mapping[Topic, str] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)

    async def fetch(self, ask: Ask) -> list[Points]:
        if ask.asset not in self.lists:
            raise NotOffered("no", [name for name in self.lists if name[0] == ask.asset[0]])
        self.asked.append(ask)
        await asyncio.sleep(self.takes)
        if self.error:
            raise self.error
        columns: dict[str, list[float]] = {
            "funding": {"funding_rate": [1e-4], "funding_interval_hours": [4.0], "mark_price": [0.08]},
            "open_interest": {"open_interest_coin": [5e9]},
        }[ask.topic]
        return [Points(self.name, ask.asset, None, [to_ms(self.clock.now())], columns)]

    async def close(self) -> None:
        """Have nothing to close."""


@dataclass
class Rig:
    """A collector of two venues in virtual time, and its store."""

    clock: TapeClock
    store: Store
    first: Venue
    second: Venue
    collector: Collector

    async def look(self, asset: str = "DOGE") -> Glance | NoGlance:
        found = self.collector.glance(asset)
        assert found is not None
        return await found[1] if isinstance(found, tuple) else found


@pytest.fixture
def tell(tmp_path: Path) -> Any:
    """Run a story in virtual time."""

    def run(story: Callable[[Rig], Awaitable[None]]) -> None:
        loop = TapeLoop()
        clock = TapeClock(START, loop)

        async def all_of_it() -> None:
            store = Store(tmp_path / "a.db")
            venues = Venue("binance", clock), Venue("bybit", clock)
            collector = Collector(
                reversed(venues),
                clock=clock.now,
                steady=clock.monotonic,
                keeper=Keeper(store, clock.now),
                chance=lambda: 0.5,
            )
            try:
                await story(Rig(clock, store, *venues, collector))
            finally:
                await collector.close()
                store.close()

        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(all_of_it())

    return run


def test_one_venue_is_asked_for_the_present_alone(tell: Any) -> None:
    async def story(rig: Rig) -> None:
        seen = await rig.look()
        assert isinstance(seen, Glance)
        assert (seen.venue, seen.price, seen.interval_hours) == ("binance", 0.08, 4.0)
        assert (seen.open_interest_coin, seen.open_interest_usd) == (5e9, 4e8)
        assert seen.apr == pytest.approx(1e-4 * 6 * 365)
        assert {(ask.topic, ask.since) for ask in rig.first.asked} == {("funding", None), ("open_interest", None)}
        assert rig.second.asked == [], "the first that lists it speaks"

    tell(story)


def test_nothing_is_kept_and_nothing_is_followed(tell: Any) -> None:
    async def story(rig: Rig) -> None:
        await rig.collector.round(["BTC"])
        before = rig.store.path.read_bytes() if rig.store.exists else b""
        await rig.look()
        await rig.collector.round(["BTC"])
        assert "DOGE" not in points.assets(rig.store)
        assert b"DOGE" not in before + rig.store.path.read_bytes()
        asked = len(rig.first.asked)
        await asyncio.sleep(3600)
        await rig.collector.round(["BTC"])
        assert len(rig.first.asked) == asked, "nobody goes on asking for it"

    tell(story)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        pytest.param(lambda rig: setattr(rig.first, "lists", ("DOGS",)), "bybit", id="the first does not list it"),
        pytest.param(lambda rig: setattr(rig.first, "error", SourceDown("away")), "bybit", id="the first is away"),
        pytest.param(
            lambda rig: setattr(rig.first, "error", Blocked("451")), "bybit", id="the first refuses this host"
        ),
    ],
)
def test_the_next_is_asked(tell: Any, spoil: Callable[[Rig], None], expected: str) -> None:
    async def story(rig: Rig) -> None:
        spoil(rig)
        seen = await rig.look()
        assert isinstance(seen, Glance)
        assert seen.venue == expected

    tell(story)


def test_a_venue_that_hangs_is_waited_for_no_longer_than_others_are(tell: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.first.takes = 30.0
        assert await rig.look() == NoGlance("DOGE", "silent", ("binance",))
        assert rig.clock.monotonic() == ASK_WITHIN.total_seconds()
        await asyncio.sleep(29)
        assert isinstance(await rig.look(), Glance), "what came later is there for whoever asks again"

    tell(story)


def test_a_host_that_rests_is_left_alone(tell: Any) -> None:
    async def story(rig: Rig) -> None:
        rig.first.error = rig.second.error = Blocked("451")
        assert await rig.look() == NoGlance("DOGE", "silent", ("binance", "bybit"))
        asked = len(rig.first.asked)
        assert await rig.look("DOGS") == NoGlance("DOGS", "silent", ("binance", "bybit"))
        assert len(rig.first.asked) == asked

    tell(story)


def test_an_unknown_name_costs_no_question_and_gets_its_like(tell: Any) -> None:
    async def story(rig: Rig) -> None:
        assert await rig.look("DOGEE") == NoGlance("DOGEE", "unlisted", ("binance", "bybit"), ("DOGE",))
        assert rig.first.asked == rig.second.asked == []

    tell(story)


def test_so_many_in_a_minute_and_the_same_one_for_nothing(tell: Any) -> None:
    async def story(rig: Rig) -> None:
        names = tuple(f"A{number}" for number in range(MOST + 1))
        rig.first.lists = names
        together = await asyncio.gather(*(rig.look(names[0]) for _ in range(5)))
        assert len(set(together)) == 1
        assert len(rig.first.asked) == 2, "they share one look"
        for name in names[1:MOST]:
            assert isinstance(await rig.look(name), Glance)
        over = await rig.look(names[MOST])
        assert isinstance(over, NoGlance)
        assert over.why == "busy"
        assert over.wait is not None
        assert isinstance(await rig.look(names[1]), Glance), "what is young is told again"
        await asyncio.sleep(over.wait.total_seconds())
        assert isinstance(await rig.look(names[MOST]), Glance)
        await asyncio.sleep(YOUNG_S + WITHIN_S)
        asked = len(rig.first.asked)
        await rig.look(names[1])
        assert len(rig.first.asked) > asked

    tell(story)


def test_what_cannot_be_true_is_no_price(tell: Any) -> None:
    async def story(rig: Rig) -> None:
        async def absurd(ask: Ask) -> list[Points]:
            return [Points("binance", ask.asset, None, [to_ms(rig.clock.now())], {"mark_price": [-1.0]})]

        rig.first.fetch = absurd  # type: ignore[method-assign]
        seen = await rig.look()
        assert isinstance(seen, Glance)
        assert seen.venue == "bybit"

    tell(story)


# --- from the line to the answer --------------------------------------------------------------------------------------


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[App, FakeExchange]]:
    """Run an app that follows BTC and ETH, beside an exchange that lists SOL and PEPE too."""
    clock = ReplayClock(START)
    async with FakeExchange(clock.now) as exchange:
        app = build(config(folder, ("binance", "bybit"), exchange, None), clock=clock, channels=[])
        try:
            await app.collector.round(app.config.assets)
            clock.move(START + timedelta(minutes=1))
            yield app, exchange
        finally:
            await app.close()


async def said(app: App, line: str) -> tuple[list[str], list[str]]:
    """Return what is shown at once, and what after it."""
    given = await app.answer(line, SCREEN)
    news = await given.news if given.news else None
    return plain_text(given.blocks).splitlines(), plain_text(news or ()).splitlines()


FIRST = {
    "/price pepe": r"PEPE $0.0000",
    "/funding pepe": "PEPE funding: +",
    "/oi pepe": "PEPE open interest: $",
    "/health pepe": r"PEPE $0.0000",
    "/chart pepe": r"PEPE $0.0000",
    "/chart oi pepe 7d": r"PEPE $0.0000",
}


@pytest.mark.slow
async def test_an_answer_of_now_and_that_there_is_no_history(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, _):
        for line, first in FIRST.items():
            begun, told = await said(app, line)
            if line == "/price pepe":
                assert begun == ["PEPE is not followed here.", "Asking Binance …"]
            told = told or begun  # the second time it is young
            assert told[0].startswith(first), line
            assert "Not followed: no history, no alarms." in told
            assert told[-1].startswith("Binance · ")
            assert max(map(len, told)) <= 40, told
        assert points.assets(app.store) == ["BTC", "ETH"]
        begun, _ = await said(app, "/funding top")
        assert begun[0].startswith("Funding of 2 assets")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("line", "first"),
    [
        pytest.param("/liq sol long 10x", "SOL long 10x from 1", id="a liquidation price"),
        pytest.param("/size sol stop 140 risk 500usd", "The stop is ", id="a size"),
        pytest.param("/cost 100k 7d sol long", "This long ", id="a cost"),
    ],
)
async def test_a_calculator_takes_the_price_of_now(tmp_path: Path, line: str, first: str) -> None:
    async with running(tmp_path) as (app, _):
        begun, told = await said(app, line)
        assert begun == ["SOL is not followed here.", "Asking Binance …"]
        assert any(row.startswith(first) for row in told), told
        assert points.assets(app.store) == ["BTC", "ETH"]


@pytest.mark.slow
async def test_an_unknown_coin_is_asked_back(tmp_path: Path) -> None:
    async with running(tmp_path) as (app, _):
        assert (await said(app, "/price soll"))[1] == ["SOLL is no perpetual at Binance and Bybit. Did you mean SOL?"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "first"),
    [
        pytest.param("binance/*", "SOL $15", id="one is dead and the next one speaks"),
        pytest.param("*", "SOL is not followed here, and no answer came from Binance and Bybit.", id="all are dead"),
    ],
)
async def test_dead_exchanges(tmp_path: Path, fault: str, first: str) -> None:
    async with running(tmp_path) as (app, exchange):
        exchange.faults[fault] = "hang_up"
        _, told = await said(app, "/price sol")
        assert told[0].startswith(first)


# --- on a tape --------------------------------------------------------------------------------------------------------


async def _recorded(folder: Path) -> None:
    async with world(folder, "binance", "bybit", to=folder / "tape") as made:
        looking: Any = made.collector.glance("SOL")
        assert isinstance(await looking[1], Glance)
        await made.go(minutes=2)
        shutil.copy(made.store.path, folder / "then.db")


@pytest.mark.slow
def test_a_tape_with_a_look_plays_and_follows_nothing(tmp_path: Path) -> None:
    asyncio.run(_recorded(tmp_path))
    again = played(tmp_path, tmp_path / "tape")
    assert again.missed == {}
    assert {asset for asset, *_ in again.stored()} == {"BTC", "ETH"}
