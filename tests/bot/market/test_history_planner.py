"""The present of everybody before anybody's past, and no past forgotten: by no kill, failure or contradiction."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.archive.gaps import GapFiller
from bot.market.collector import Collector
from bot.market.history_planner import LONG
from bot.market.keeper import Keeper, Recalled, keep, recall
from bot.market.source import Ask, SourceDown, Topic
from signals.units import from_ms, to_ms
from storage.engine.database import Store
from storage.engine.sql import Query
from storage.market import points
from storage.market.points import Newest, Points
from storage.sources import coverage
from storage.sources.coverage import Gap
from tests.examples import examples
from tests.fakes.exchange import Clock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from storage.sources.coverage import Debt

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
HISTORY, PORTION = LONG + DAY, 4
START = datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
MANY = [f"A{number}" for number in range(10)]
NAMES: dict[Topic, str] = {"bars": "close", "open_interest": "open_interest_coin", "funding": "funding_rate"}
VALUES: dict[Topic, float] = {"bars": 100.0, "open_interest": 100.0, "funding": 1e-4}


@dataclass
class Told:
    """A venue that has all hours, answers as it is asked, and fails for the assets in `silent`."""

    topics: tuple[Topic, ...] = ("open_interest",)
    name: str = "binance"
    price: float = 100.0
    whole: bool = False  # else the first and the last hour stand for all
    silent: set[str] = field(default_factory=set)
    asked: list[Ask] = field(default_factory=list)
    attribution: str = ""
    caveats: dict[Topic, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def offers(self) -> dict[Topic, timedelta]:
        return dict.fromkeys(self.topics, MINUTE)

    async def fetch(self, ask: Ask) -> list[Points]:
        await asyncio.sleep(0)
        if ask.asset in self.silent:
            raise SourceDown("binance is silent.")
        self.asked.append(ask)
        hour = ask.now.replace(minute=0, second=0, microsecond=0)
        step = HOUR if ask.topic == "bars" else None
        first = ask.since or (hour if step is None else hour - HOUR)
        times = list(pd.date_range(first.replace(minute=0, second=0, microsecond=0), hour, freq="h"))
        times = [at for at in times if at >= first and (step is None or at + HOUR <= ask.now)]
        times = times if self.whole else [*times[:1], *times[1:][-1:]]
        rows = {NAMES[ask.topic]: VALUES[ask.topic]}
        found = [pd.DataFrame(rows, index=pd.DatetimeIndex(times, name="at"))] if times and ask.since else []
        if step is None:
            live = rows | ({"mark_price": self.price} if ask.topic == "funding" else {})
            found.append(pd.DataFrame(live, index=pd.DatetimeIndex([ask.now], name="at")))
        return [Points.of_frame(self.name, ask.asset, step, frame) for frame in found]

    async def close(self) -> None:
        self.asked.clear()

    def pasts(self, *, longer: timedelta = DAY) -> dict[str, int]:
        """How often each asset was asked for more than so much, and forget it all."""
        found: dict[str, int] = {}
        for ask in self.asked:
            if ask.since and ask.now - ask.since > longer:
                found[ask.asset] = found.get(ask.asset, 0) + 1
        self.asked.clear()
        return found


@pytest.fixture
def clock() -> Clock:
    return Clock(START)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "a.db")
    yield made
    made.close()


def market(store: Store, clock: Clock, *sources: Told, keeper: Keeper | None = None) -> Collector:
    return Collector(
        sources,
        clock=clock,
        steady=clock.steady,
        keeper=keeper,
        chance=lambda: 0.0,
        recall=lambda: recall(store),
        history=HISTORY,
        portion=PORTION,
    )


async def turn(held: Collector, store: Store, clock: Clock, assets: list[str]) -> list[Points]:
    found = await held.collect(assets, clock.now)
    keep(store, found, clock.now)
    clock.go(minutes=1)
    return found.points


@pytest.mark.parametrize("topic", NAMES)
async def test_first_histories_come_in_portions_and_the_present_of_everybody_at_once(
    store: Store, clock: Clock, topic: Topic
) -> None:
    source = Told((topic,))
    held = market(store, clock, source)
    first = await turn(held, store, clock, MANY)
    assert {question.asset for question in first} == set(MANY)
    assert list(source.pasts()) == MANY[:PORTION]
    assert held.owing(MANY) == 6
    rest: list[str] = []
    for _ in range(2):
        await turn(held, store, clock, MANY)
        rest += source.pasts()
    assert rest == MANY[PORTION:]
    assert held.owing(MANY) == 0
    assert coverage.owed(store) == {}
    for asset in (MANY[0], MANY[-1]):
        known = coverage.since(store, asset, NAMES[topic])
        assert known is not None
        assert timedelta(0) <= known - (START - HISTORY) <= timedelta(hours=1, minutes=4), asset


async def test_a_few_assets_have_their_history_in_the_first_round(store: Store, clock: Clock) -> None:
    source = Told(("bars", "open_interest", "funding"))
    await turn(market(store, clock, source), store, clock, MANY[:PORTION])
    assert source.pasts() == dict.fromkeys(MANY[:PORTION], 3)


@pytest.mark.slow
async def test_what_was_put_off_is_asked_for_after_a_kill(store: Store, clock: Clock) -> None:
    source = Told(("bars", "funding"))
    await turn(market(store, clock, source), store, clock, MANY)
    source.pasts()
    clock.go(hours=5)
    again = market(store, clock, source)
    asked: dict[str, int] = {}
    for _ in range(3):
        await turn(again, store, clock, MANY)
        asked |= source.pasts()
    assert asked == dict.fromkeys(MANY[PORTION:], 2)
    await turn(market(store, clock, source), store, clock, MANY)
    assert source.pasts() == {}, "and not once more after the next start"


async def test_a_past_that_fails_stays_owed(store: Store, clock: Clock) -> None:
    source = Told(("bars",), silent={"A3"})
    held = market(store, clock, source)
    await turn(held, store, clock, MANY[:4])
    assert source.pasts() == dict.fromkeys(["A0", "A1", "A2"], 1)
    source.silent.clear()
    clock.go(hours=1)
    await turn(held, store, clock, MANY[:4])
    assert source.pasts() == {}, "a past that fails may not take the present with it: that comes first"
    await turn(held, store, clock, MANY[:4])
    assert source.pasts() == {"A3": 1}


@pytest.mark.slow
async def test_three_days_of_silence_are_closed_at_once_and_levels_in_portions(store: Store, clock: Clock) -> None:
    source = Told(("bars", "open_interest", "funding"))
    held = market(store, clock, source)
    for _ in range(3):
        await turn(held, store, clock, MANY)
    source.pasts()
    clock.go(days=3)
    again = market(store, clock, source)
    await turn(again, store, clock, MANY)
    assert source.pasts() == {asset: 3 if asset in MANY[:PORTION] else 2 for asset in MANY}
    for _ in range(2):
        await turn(again, store, clock, MANY)
    assert source.pasts() == dict.fromkeys(MANY[PORTION:], 1)


@pytest.mark.slow
async def test_hourly_corrections_are_spread_over_the_hour(store: Store, clock: Clock) -> None:
    source = Told()
    held = market(store, clock, source)
    for _ in range(3):
        await turn(held, store, clock, MANY)
    clock.now = START.replace(hour=13, minute=0)
    source.asked.clear()
    sizes, named = [], []
    for _ in range(10):
        await turn(held, store, clock, MANY)
        clock.go(minutes=4)
        past = [ask.asset for ask in source.asked if ask.since]
        assert {ask.asset for ask in source.asked} == set(MANY)
        source.asked.clear()
        sizes.append(len(past))
        named += past
    assert sizes[:4] == [PORTION, PORTION, 2, 0]
    assert sorted(named) == sorted(MANY)


async def test_a_history_that_contradicts_is_kept_out_and_asked_for_when_it_agrees(store: Store, clock: Clock) -> None:
    first, second = Told(("funding",)), Told(("bars", "funding"), name="bybit", price=1000.0, whole=True)
    held = market(store, clock, first, second)
    await turn(held, store, clock, ["BTC"])
    assert second.pasts() == {"BTC": 2}
    assert points.newest(store, "BTC", "close", "bybit") is None
    for _ in range(2):
        await turn(held, store, clock, ["BTC"])
    assert second.pasts() == {}, "nothing is asked for that would not be kept"
    assert held.owing(["BTC"]) == 2
    second.price = 100.0
    for _ in range(2):
        await turn(held, store, clock, ["BTC"])
    assert second.pasts() == {"BTC": 2}
    times, _, _ = points.columns(store, "BTC", "bybit", ["close"], start=START - HISTORY, end=START)
    assert len(times) == 8 * 24 - 1
    assert held.owing(["BTC"]) == 0


async def test_a_round_keeps_what_is_owed(store: Store, clock: Clock) -> None:
    collector = market(store, clock, Told(("bars",)), keeper=Keeper(store, clock))
    await collector.round(MANY)
    assert set(coverage.owed(store)) == {("binance", "bars", asset) for asset in MANY[PORTION:]}
    clock.go(minutes=1)
    await collector.round(MANY)
    assert len(coverage.owed(store)) == 2


# --- what the archive lacks


@pytest.mark.parametrize(
    ("group", "back", "long", "since"),
    [
        pytest.param("open_interest", 5, 24, 5, id="a day of levels within thirty"),
        pytest.param("long_short", 5, 24, 5, id="ratios"),
        pytest.param("open_interest", 5, 0.1, None, id="some five minutes: REST has hours only"),
        pytest.param("open_interest", 40, 24, None, id="a day that REST has no more"),
        pytest.param("bars", 100, 24, 100, id="bars are kept"),
        pytest.param("funding", 100, 8, 100, id="funding is kept"),
        pytest.param("funding", 100, 0.9, 100, id="an hourly settlement"),
        pytest.param("bars", 300, 24, None, id="older than anybody looks back"),
        pytest.param("depth_bids", 5, 24, None, id="nobody gives depth back"),
    ],
)
def test_gaps_of_the_archive_are_owed_to_rest_once(group: str, back: float, long: float, since: float | None) -> None:
    told: dict[Debt, datetime] = {}

    def owe(debt: Debt, at: datetime) -> None:
        told[debt] = at

    start = START.replace(minute=10) - back * DAY
    gap = Gap("BTC", "binance", group, start, start + long * HOUR, "rows are missing")
    filler = GapFiller(owe)
    filler.fill([gap], START)
    assert list(told.values()) == ([start] if since is not None else [])
    told.clear()
    filler.fill([gap], START + 6 * HOUR)
    assert told == {}


async def test_a_gap_that_rest_fills_is_a_gap_no_more(store: Store, clock: Clock) -> None:
    source = Told(("open_interest",), whole=True)
    held = market(store, clock, source)
    await turn(held, store, clock, ["BTC"])
    midnight = START.replace(hour=0, minute=0, second=0) - 5 * DAY
    lost_day = Query("lost_day", "DELETE FROM levels WHERE at > :start AND at <= :end")
    with store.write() as work:
        work.run(lost_day, start=to_ms(midnight), end=to_ms(midnight + DAY))
    lost = Gap("BTC", "binance", "open_interest", midnight, midnight + DAY, "the archive has no file")
    coverage.replace_gaps(store, "BTC", "binance", ["open_interest"], start=midnight, end=midnight + DAY, gaps=[lost])
    GapFiller(held.owe).fill(coverage.gaps(store, "BTC"), clock.now)
    await turn(held, store, clock, ["BTC"])
    assert coverage.gaps(store, "BTC") == []


def test_of_a_source_that_is_not_followed_nothing_is_owed(store: Store, clock: Clock) -> None:
    held = market(store, clock, Told(("bars",)))
    held.owe(("okx", "bars", "BTC"), START - DAY)
    held.owe(("binance", "funding", "BTC"), START - DAY)
    assert held.owing(["BTC"]) == 0


# --- whatever happens


@st.composite
def days_of_a_bot(draw: st.DrawFn) -> list[tuple[float, bool, frozenset[int]]]:
    """Rounds: minutes since the one before, whether the process was started anew, and who is silent in it."""
    pause = st.sampled_from([1.0, 1.0, 1.0, 30.0, 61.0, 60 * 26.0, 60 * 24 * 7.5])
    silent = st.frozensets(st.integers(0, 5), max_size=6)
    return draw(st.lists(st.tuples(pause, st.booleans(), silent), min_size=1, max_size=12))


@pytest.mark.slow
@given(rounds=days_of_a_bot(), topic=st.sampled_from(sorted(NAMES)))
@examples(10)
def test_after_any_stops_and_failures_no_past_is_missing(  # noqa: C901 -- a whole life, told in one place
    rounds: list[tuple[float, bool, frozenset[int]]], topic: Topic
) -> None:
    """What was answered covers, without a hole, all time from eight days before the first answer until the last."""
    assets = [f"A{number}" for number in range(6)]
    clock, source = Clock(START), Told((topic,))
    newest: dict[str, datetime] = {}
    debts: dict[Debt, datetime] = {}
    reached: dict[str, list[tuple[datetime, datetime]]] = {}

    def recalled() -> Recalled:
        stored = {asset: Newest(at, VALUES[topic], "binance") for asset, at in newest.items()}
        return Recalled({("binance", asset, NAMES[topic]): found for asset, found in stored.items()}, owed=dict(debts))

    def fresh() -> Collector:
        return Collector(
            [source],
            clock=clock,
            steady=clock.steady,
            chance=lambda: 0.0,
            recall=recalled,
            history=HISTORY,
            portion=PORTION,
        )

    async def one(held: Collector) -> None:
        found = await held.collect(assets, clock.now)
        for debt, since in found.owed.items():
            debts.pop(debt, None)
            if since:
                debts[debt] = since
        for ask in source.asked:
            present = topic == "bars" and ask.since == ask.now - 3 * HOUR
            if ask.since and not present:
                reached.setdefault(ask.asset, []).append((ask.since, ask.now))
        source.asked.clear()
        for part in found.points:
            newest[part.asset] = from_ms(part.times[-1]) + (part.step or timedelta(0))

    async def life(held: Collector) -> None:
        for pause, anew, silent in rounds:
            clock.go(minutes=pause)
            held = fresh() if anew else held
            source.silent = {assets[number] for number in silent}
            await one(held)
        source.silent = set()
        for _ in range(6):  # until every pause after a failure is over
            clock.now = (clock.now + HOUR).replace(minute=20)  # no hour turns within, which would put off anew
            for _ in range(4):
                clock.go(minutes=1)
                await one(held)

    asyncio.run(life(fresh()))
    assert debts == {}
    for asset in assets:
        until = None
        for since, now in sorted(reached[asset]):
            assert until is None or since <= until or since == now - HISTORY, asset
            until = max(until, now) if until else now
        assert until is not None
        assert clock.now - until < 2 * HOUR


def test_what_is_owed_is_written_and_struck_out(store: Store) -> None:
    changes: Mapping[Debt, datetime | None] = {("binance", "bars", "BTC"): START, ("okx", "bars", "BTC"): START}
    coverage.note_owed(store, changes)
    coverage.note_owed(store, {("binance", "bars", "BTC"): None, ("okx", "bars", "BTC"): START - DAY})
    coverage.note_owed(store, {})
    assert coverage.owed(store) == {("okx", "bars", "BTC"): START - DAY}
