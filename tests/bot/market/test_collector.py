from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from bot.market.breaker import LONGEST, SHORTEST, Breaker
from bot.market.collector import Collector
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.keeper import Recalled
from bot.market.providers.alternative_me import AlternativeMe
from bot.market.source import Ask, Blocked, NotOffered, SourceDown, Topic
from bot.market.source_rounds import AT_ONCE
from signals.units import to_ms
from storage.market.points import Newest, Points, Snapshot
from storage.sources.source_state import SourceHealth
from tests.bot.market.conftest import every
from tests.fakes.exchange import Clock, FakeExchange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from storage.sources.source_events import SourceEvent

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ASSETS = ["BTC", "ETH", "SOL"]


def answer(ask: Ask, at: datetime | None = None, venue: str = "binance") -> list[Points]:
    name = {"bars": "close", "open_interest": "open_interest_coin", "funding": "funding_rate"}[ask.topic]
    step = HOUR if ask.topic == "bars" else None
    stamp = at or (ask.now.replace(minute=0, second=0, microsecond=0) - HOUR if step else ask.now)
    frame = pd.DataFrame(
        {name: [0.0001 if ask.topic == "funding" else 100.0]}, index=pd.DatetimeIndex([stamp], name="at")
    )
    return [Points.of_frame(venue, ask.asset, step, frame)]


@dataclass
class Script:
    """A source that does what the test says: `does` answers or raises, `asked` keeps every question."""

    does: Callable[[Ask], list[Points]] = answer
    name: str = "binance"
    offers: dict[Topic, timedelta] = field(default_factory=lambda: {"open_interest": MINUTE})
    attribution: str = "said"
    caveats: Mapping[Topic, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)

    async def fetch(self, ask: Ask) -> list[Points]:
        self.asked.append(ask)
        await asyncio.sleep(0)
        return self.does(ask)

    async def close(self) -> None:
        self.asked.clear()

    def count(self, topic: Topic = "open_interest") -> int:
        return sum(ask.topic == topic for ask in self.asked)


def raising(error: Exception, *assets: str) -> Callable[[Ask], list[Points]]:
    def does(ask: Ask) -> list[Points]:
        if not assets or ask.asset in assets:
            raise error
        return answer(ask)

    return does


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC))


def market(clock: Clock, *sources: Script, chance: float = 0.0) -> Collector:
    return Collector(sources, clock=clock, steady=clock.steady, chance=lambda: chance, patience_s=0.05)


def states(held: Collector) -> dict[Topic, str]:
    return {health.topic: health.state for health in held.health()}


async def rounds(held: Collector, clock: Clock, count: int, step: timedelta = MINUTE) -> list[SourceEvent]:
    events = []
    for _ in range(count):
        events += (await held.collect(ASSETS, clock.now)).events
        clock.now += step
    return events


@dataclass
class TellingAll(Script):
    """A source that tells of its assets in one answer, but of those not in `silent` alone; of `odd` it tells zero."""

    at_once: frozenset[Topic] = frozenset({"open_interest"})
    silent: tuple[str, ...] = ()
    odd: tuple[str, ...] = ()

    async def fetch_all(self, topic: Topic, assets: Sequence[str], now: datetime) -> Snapshot:
        told = [asset for asset in assets if asset not in self.silent]
        coins = [0.0 if asset in self.odd else 100.0 for asset in told]
        return Snapshot("binance", told, [to_ms(now)] * len(told), {"open_interest_coin": coins})


# --- pace and reach of the questions


@pytest.mark.slow
async def test_answers_of_one_kind_are_judged_together(clock: Clock) -> None:
    assets, held = [f"C{number:02}" for number in range(40)], market(clock, Script())
    for _ in range(3):  # pasts first, a portion at a time
        await held.collect(assets, clock.go(minutes=1))
    found = await held.collect(assets, clock.go(minutes=1))
    assert [given.asset for given in found.points] == ["C00"]  # the first alone, whether there is an answer
    assert [len(snapshot) for snapshot in found.snapshots] == [32, 7]
    assert sorted(given.asset for given in every(found)) == assets
    assert (await held.collect(assets, clock.go(seconds=30))).snapshots == []


async def test_one_answer_for_all_is_asked_for_once(clock: Clock) -> None:
    source = TellingAll()
    held = market(clock, source)
    await held.collect(ASSETS, clock.now)
    source.asked.clear()
    found = await held.collect(ASSETS, clock.go(minutes=1))
    assert [ask.asset for ask in source.asked] == ["BTC"]  # the first alone, whether there is an answer
    assert sorted(given.asset for given in every(found)) == sorted(ASSETS)
    assert (await held.collect(ASSETS, clock.go(seconds=30))).snapshots == []
    assert states(held) == {"open_interest": "ok"}


async def test_who_is_not_in_the_answer_for_all_is_asked_alone(clock: Clock) -> None:
    source = TellingAll(silent=("SOL",))
    held = market(clock, source)
    await held.collect(ASSETS, clock.now)
    source.asked.clear()
    source.does = raising(NotOffered("SOL is gone"), "SOL")
    found = await held.collect(ASSETS, clock.go(minutes=1))
    assert [ask.asset for ask in source.asked] == ["BTC", "SOL"]
    assert sorted(given.asset for given in every(found)) == ["BTC", "ETH"]
    (topic,) = held._rounds["binance"].state.topics
    assert {name: asset.breaker.state for name, asset in topic.assets.items()} == {
        "BTC": "ok",
        "ETH": "ok",
        "SOL": "absent",
    }


async def test_who_is_odd_in_the_answer_for_all_is_named(clock: Clock) -> None:
    source = TellingAll(odd=("ETH",))
    held = market(clock, source)
    await held.collect(ASSETS, clock.now)
    found = await held.collect(ASSETS, clock.go(minutes=1))
    assert sorted(given.asset for given in every(found)) == ["BTC", "SOL"]
    (health,) = held.health()
    assert (health.quarantined, health.error) == (1, "Last rejected: ETH open_interest_coin cannot be 0.")
    (topic,) = held._rounds["binance"].state.topics
    assert topic.assets["ETH"].breaker.state == "down"


@pytest.mark.slow
async def test_an_answer_for_all_that_does_not_come_is_asked_for_alone(clock: Clock) -> None:
    class Failing(TellingAll):
        async def fetch_all(self, topic: Topic, assets: Sequence[str], now: datetime) -> Snapshot:
            raise error

    error: Exception
    for error in (SourceDown("away"), KeyError("a defect of ours")):
        source = Failing()
        held = market(clock, source)
        await held.collect(ASSETS, clock.now)
        found = await held.collect(ASSETS, clock.go(minutes=1))
        assert sorted(given.asset for given in every(found)) == sorted(ASSETS), error


async def test_asks_what_is_due_and_no_sooner(clock: Clock) -> None:
    source = Script()
    held = market(clock, source)
    found = await held.collect(ASSETS, clock.now)
    assert [given.asset for given in found.points] == ASSETS
    assert (await held.collect(ASSETS, clock.go(seconds=30))).points == []
    await held.collect(ASSETS, clock.go(seconds=29.5))  # a tick a little early is not sent away
    assert source.count() == 6


async def test_a_bar_is_asked_when_the_next_has_closed(clock: Clock) -> None:
    source = Script(offers={"bars": MINUTE})
    held = market(clock, source)
    clock.now = datetime(2026, 11, 20, 12, 58, tzinfo=UTC)
    await rounds(held, clock, 5)
    assert [ask.now.strftime("%H:%M") for ask in source.asked if ask.asset == "BTC"] == ["12:58", "13:00"]


async def test_begins_where_the_store_ends(clock: Clock) -> None:
    source = Script(offers={"bars": MINUTE, "open_interest": MINUTE})
    stored = Newest(clock.now - timedelta(days=3), 100.0, "binance")
    newest = {("binance", "BTC", name): stored for name in ("close", "open_interest_coin")}
    held = Collector([source], clock=clock, steady=clock.steady, recall=lambda: Recalled(newest))
    await held.collect(ASSETS, clock.now)
    since = {(ask.topic, ask.asset): clock.now - ask.since for ask in source.asked if ask.since}
    assert since["bars", "BTC"] == timedelta(days=3, hours=2)
    assert since["open_interest", "ETH"] == timedelta(days=200)


async def test_history_once_an_hour_and_after_a_silence(clock: Clock) -> None:
    source = Script()
    held = market(clock, source)
    begin = clock.now
    for minutes in (0, 1, 26, 27, 300):  # 12:34, 12:35, 13:00, 13:01, 17:34
        clock.now = begin + MINUTE * minutes
        await held.collect(["BTC"], clock.now)
    since = [ask.since and (ask.now - ask.since) // MINUTE for ask in source.asked]
    assert since == [200 * 24 * 60, None, 26 + 120, None, 274 + 120]


async def test_fear_greed_is_asked_for_the_market(clock: Clock) -> None:
    source = Script(offers={"fear_greed": HOUR}, does=lambda ask: [])
    await market(clock, source).collect(ASSETS, clock.now)
    assert [ask.asset for ask in source.asked] == ["MARKET"]


@pytest.mark.parametrize("by", [-300 * DAY, -HOUR, -10 * MINUTE, HOUR, 9 * DAY], ids=str)
async def test_every_pace_is_kept_by_a_clock_that_jumps(clock: Clock, by: timedelta) -> None:
    """Whatever the wall clock does, what is due a minute on is asked a minute on, and a ban is kept to its end."""
    source, banned = Script(), Script(name="bybit")
    held = market(clock, source, banned)
    await held.collect(["BTC"], clock.now)
    clock.go(minutes=1)
    banned.does = raising(SourceDown("banned", clock.now + 17 * MINUTE))
    await held.collect(["BTC"], clock.now)
    clock.jump(by)
    banned.does = answer
    told = {row.source: row.next_try for row in held.health()}
    assert told == {"binance": None, "bybit": clock.now + 17 * MINUTE}, "said by the clock as it goes now"
    counts = []
    for _ in range(18):
        await held.collect(["BTC"], clock.now)
        counts.append((source.count(), banned.count()))
        clock.go(minutes=1)
    assert [mine for mine, _ in counts] == list(range(2, 20))
    assert [other for _, other in counts] == [2] * 17 + [3]


# --- down


@pytest.mark.slow
async def test_backs_off_by_one_question_at_a_time(clock: Clock) -> None:
    source = Script(raising(SourceDown("Binance cannot be reached.")))
    held = market(clock, source)
    begin = clock.now
    await rounds(held, clock, 3600, timedelta(seconds=1))
    asked = [round((ask.now - begin).total_seconds()) for ask in source.asked]
    assert asked[:3] == [0, 0, 0]  # three opinions before a healthy topic is called down
    assert asked[3:10] == [5, 15, 35, 75, 155, 315, 615]
    assert set(pd.Series(asked[9:]).diff().dropna()) == {300.0}
    assert Counter(ask.asset for ask in source.asked[3:15]) == {"BTC": 4, "ETH": 4, "SOL": 4}  # no asset speaks for all


@pytest.mark.parametrize("failures", [1, 2, 5, 9, 10_000])
@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_pause_stays_in_bounds(failures: int, chance: float) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    breaker = Breaker(lambda: 0.0, lambda: chance)
    breaker.failures = failures - 1
    breaker.failed(SourceDown("down"), now)
    assert breaker.left
    assert SHORTEST <= breaker.left <= LONGEST
    assert breaker.next_try(now) == now + breaker.left


async def test_said_once_down_and_once_back(clock: Clock) -> None:
    source = Script(raising(SourceDown("Binance cannot be reached.")))
    held = market(clock, source)
    down = await rounds(held, clock, 90)
    assert [(event.source, event.state, event.topics) for event in down] == [("binance", "down", ("open_interest",))]
    assert down[0].reason == "Binance cannot be reached."
    assert down[0].since == datetime(2026, 11, 20, 12, 34, 56, tzinfo=UTC)
    source.does = answer
    back = await rounds(held, clock, 20)
    assert [event.state for event in back] == ["ok"]
    assert states(held) == {"open_interest": "ok"}


async def test_one_lost_answer_is_not_news(clock: Clock) -> None:
    source = Script(raising(SourceDown("slow")))
    held = market(clock, source)
    events = await rounds(held, clock, 1)
    assert states(held) == {"open_interest": "down"}
    source.does = answer
    assert events + await rounds(held, clock, 5) == []


@pytest.mark.parametrize(
    ("seconds", "told"),
    [pytest.param(33, [], id="for a moment"), pytest.param(900, ["down", "ok"], id="for a quarter of an hour")],
)
async def test_being_asked_to_slow_down_for_a_moment_is_not_news(clock: Clock, seconds: int, told: list[str]) -> None:
    source = Script(answer)
    held = market(clock, source)
    await rounds(held, clock, 1)
    source.does = raising(SourceDown("Binance is too busy.", clock.now + timedelta(seconds=60 + seconds)))
    events = await rounds(held, clock, 1)
    assert states(held) == {"open_interest": "down"}
    source.does = answer
    assert [event.state for event in events + await rounds(held, clock, 20)] == told


async def test_all_assets_are_back_at_once(clock: Clock) -> None:
    source = Script(raising(SourceDown("down")))
    held = market(clock, source)
    await rounds(held, clock, 60)
    source.does = answer
    while not (found := await held.collect(ASSETS, clock.go(minutes=1))).points:
        pass
    assert sorted(given.asset for given in found.points) == ASSETS


async def test_an_asset_adds_no_pause_to_its_topic(clock: Clock) -> None:
    chances = itertools.cycle([0.99, 0.0])  # the asset fails first and would rest longer than the topic
    source = Script(raising(SourceDown("down")))
    held = Collector([source], clock=clock, steady=clock.steady, chance=lambda: next(chances))
    begin = clock.now
    for _ in range(40):
        await held.collect(["BTC"], clock.now)
        clock.go(seconds=1)
    assert [round((ask.now - begin).total_seconds()) for ask in source.asked] == [0, 5, 15, 35]


# --- the host as a whole: bans and blocks


async def test_no_question_until_the_time_named(clock: Clock) -> None:
    until = clock.now + timedelta(minutes=17)
    source = Script(raising(SourceDown("banned", until)), offers={"bars": MINUTE, "open_interest": MINUTE})
    held = market(clock, source)
    events = await rounds(held, clock, 170, timedelta(seconds=6))
    assert len(source.asked) == 1  # the first question of all; the other topic keeps still as well
    assert [(event.state, len(event.topics)) for event in events] == [("down", 2)]
    assert {health.next_try for health in held.health()} == {until}
    assert clock.now == until
    source.does = answer
    assert len((await held.collect(ASSETS, clock.now)).points) == 6


async def test_a_ban_in_a_running_market(clock: Clock) -> None:
    source = Script(offers={"bars": MINUTE, "open_interest": MINUTE, "funding": MINUTE})
    held = market(clock, source)
    await held.collect(ASSETS, clock.now)
    source.asked.clear()
    source.does = raising(SourceDown("banned", clock.now + HOUR))
    await rounds(held, clock, 55)
    assert len(source.asked) <= 4  # what was under way when the ban was told, and nothing after it


async def test_a_ban_stops_the_queue(clock: Clock) -> None:
    source = Script()
    source.does = lambda ask: (
        answer(ask) if len(source.asked) < 3 else raising(SourceDown("banned", clock.now + HOUR))(ask)
    )
    await market(clock, source).collect([f"A{n}" for n in range(40)], clock.now)
    assert len(source.asked) <= 2 + AT_ONCE


@pytest.mark.slow
async def test_blocked_is_probed_once_an_hour_and_said_once(clock: Clock) -> None:
    blocked = Blocked("Binance refuses this host or its country (451). Set a proxy in config.toml.")
    source = Script(raising(blocked), offers={"bars": MINUTE, "open_interest": MINUTE, "funding": MINUTE})
    held = market(clock, source)
    events = await rounds(held, clock, 5 * 60)
    assert len(source.asked) == 5
    assert [(event.state, event.reason) for event in events] == [("blocked", str(blocked))]
    assert set(states(held).values()) == {"blocked"}
    source.does = answer
    assert [event.state for event in await rounds(held, clock, 61)] == ["ok"]
    assert set(states(held).values()) == {"ok"}


# --- nobody harms another


async def test_one_source_harms_no_other(clock: Clock) -> None:
    bad = Script(raising(SourceDown("down")), name="bybit")
    good = Script()
    held = market(clock, bad, good)
    for _ in range(5):
        found = await held.collect(ASSETS, clock.now)
        assert len(every(found)) == 3
        clock.go(minutes=1)


async def test_one_topic_harms_no_other(clock: Clock) -> None:
    def does(ask: Ask) -> list[Points]:
        if ask.topic == "open_interest":
            raise SourceDown("down")
        return answer(ask)

    held = market(clock, Script(does, offers={"open_interest": MINUTE, "funding": MINUTE}))
    found = await held.collect(ASSETS, clock.now)
    assert len(every(found)) == 3
    assert states(held) == {"open_interest": "down", "funding": "ok"}


@pytest.mark.parametrize("bad", ASSETS)
async def test_one_asset_harms_no_other(clock: Clock, bad: str) -> None:
    held = market(clock, Script(raising(SourceDown("odd answer"), bad)))
    for _ in range(5):
        found = await held.collect(ASSETS, clock.now)
        assert sorted(given.asset for given in every(found)) == sorted(set(ASSETS) - {bad})
        assert found.events == []
        assert states(held) == {"open_interest": "ok"}
        clock.go(minutes=1)


async def test_what_is_not_offered_is_asked_again_tomorrow(clock: Clock) -> None:
    source = Script(raising(NotOffered("XYZ is not a Binance perpetual."), "ETH"))
    held = market(clock, source)
    await rounds(held, clock, 25, HOUR)
    assert [ask.now.day for ask in source.asked if ask.asset == "ETH"] == [20, 21]
    assert held.health()[0].error is None
    assert sum(ask.asset == "BTC" for ask in source.asked) == 25


@pytest.mark.slow
async def test_a_defect_is_contained(clock: Clock) -> None:
    good = Script(name="bybit")
    held = market(clock, Script(raising(ZeroDivisionError())), good)
    assert len((await held.collect(ASSETS, clock.now)).points) == 3
    assert "log" in held.health()[0].error


async def test_a_source_that_hangs_is_given_up(clock: Clock) -> None:
    class Hangs(Script):
        async def fetch(self, ask: Ask) -> list[Points]:
            await asyncio.Event().wait()
            return []

    held = market(clock, Hangs(), Script(name="bybit"))
    assert len((await held.collect(["BTC"], clock.now)).points) == 1
    assert "within 0.05 s" in held.health()[0].error


# --- answers that are none


async def test_frozen_time_is_down(clock: Clock) -> None:
    frozen = clock.now
    held = market(clock, Script(lambda ask: answer(ask, frozen)))
    events = await rounds(held, clock, 11)
    assert states(held) == {"open_interest": "ok"}
    events += await rounds(held, clock, 10)
    assert [event.state for event in events] == ["down"]
    assert "newest open_interest is from 2026-11-20 12:34" in events[0].reason
    assert held.health()[0].last_good == frozen


async def test_quarantine_counts_and_names(clock: Clock) -> None:
    source = Script()
    held = market(clock, source)
    await held.collect(ASSETS, clock.now)
    source.does = lambda ask: [
        Points.of_frame(given.venue, given.asset, None, given.frame() * (1000 if ask.asset == "ETH" else 1))
        for given in answer(ask)
    ]
    found = await held.collect(ASSETS, clock.go(minutes=1))
    assert [given.asset for given in every(found)] == ["BTC", "SOL"]
    (health,) = held.health()
    assert (health.quarantined, health.state) == (1, "ok")
    assert health.error == "Last rejected: ETH open_interest_coin is 1,000 times the last good value."


async def test_nothing_but_impossible_figures_is_down(clock: Clock) -> None:
    held = market(
        clock,
        Script(
            lambda ask: [Points.of_frame(given.venue, given.asset, None, given.frame() * 0) for given in answer(ask)]
        ),
    )
    found = await held.collect(ASSETS, clock.now)
    assert every(found) == []
    (health,) = held.health()
    assert (health.state, health.quarantined) == ("down", 3)
    assert health.error == "Binance sends impossible figures: SOL open_interest_coin cannot be 0."


async def test_time_is_judged_at_receipt(clock: Clock) -> None:
    def slow(ask: Ask) -> list[Points]:
        clock.go(seconds=9)
        return answer(ask, clock.now)

    found = await market(clock, Script(slow)).collect(["BTC"], clock.now)
    assert len(every(found)) == 1


async def test_close_reaches_every_source(clock: Clock) -> None:
    class Stuck(Script):
        async def close(self) -> None:
            raise OSError

    good = Script()
    held = market(clock, Stuck(name="bybit"), good)
    await held.collect(ASSETS, clock.now)
    await held.close()
    assert good.asked == []


# --- with a real client against the loopback exchange


@pytest.mark.slow
async def test_against_the_loopback_exchange(clock: Clock) -> None:
    async with FakeExchange(clock) as exchange:
        venue = CcxtVenue(
            recipes()["binance"], clock=clock, steady=clock.steady, base_url=exchange.base_url, timeout_s=1, paced=False
        )
        index = AlternativeMe(clock=clock, base_url=exchange.base_url)
        held = Collector([venue, index], clock=clock, steady=clock.steady, history=timedelta(days=5))
        try:
            found = await held.collect([*ASSETS, "BTS"], clock.now)
            assert {(given.venue, given.asset) for given in every(found)} == {
                *(("binance", asset) for asset in ASSETS),
                ("alternative.me", "MARKET"),
            }
            assert {health.state for health in held.health()} == {"ok"}
            await _impossible(held, exchange, clock)
            await _blocked(held, exchange, clock)
        finally:
            await held.close()


async def _impossible(held: Collector, exchange: FakeExchange, clock: Clock) -> None:
    for twist in ("zero", "none", "negative", "nan", "thousandfold", "future"):
        exchange.twists["*"] = twist
        clock.go(hours=2)
        found = await held.collect(ASSETS, clock.now)
        signed = {"funding_rate", "fear_greed"}  # may be zero
        values = [value for given in every(found) for name in given.frame().columns.difference(signed)
                  for value in given.frame()[name]]  # fmt: skip
        assert all(0 < value < 1e10 for value in values), twist
        assert all(given.frame().index[-1] <= clock.now for given in every(found)), twist
    exchange.twists.clear()
    assert all(health.quarantined for health in held.health() if health.source == "binance")


async def _blocked(held: Collector, exchange: FakeExchange, clock: Clock) -> None:
    clock.go(hours=2)
    await held.collect(ASSETS, clock.now)
    exchange.faults["*"] = "geo"
    clock.go(minutes=10)
    events = (await held.collect(ASSETS, clock.now)).events
    assert ("binance", "blocked") in [(event.source, event.state) for event in events]
    asked = exchange.count() - exchange.count("/fng/")
    for _ in range(58):
        await held.collect(ASSETS, clock.go(minutes=1))
    assert exchange.count() - exchange.count("/fng/") == asked
    await held.collect(ASSETS, clock.go(minutes=3))
    assert exchange.count() - exchange.count("/fng/") == asked + 1


def test_health_is_plain_data(clock: Clock) -> None:
    (health,) = market(clock, Script()).health()
    assert isinstance(health, SourceHealth)
    assert (health.last_good, health.quarantined, health.error) == (None, 0, None)


@pytest.mark.parametrize(
    ("before", "does", "told"),
    [
        pytest.param("blocked", raising(Blocked("refused (451)")), [], id="still blocked"),
        pytest.param("blocked", answer, ["ok"], id="answers again"),
        pytest.param("down", answer, ["ok"], id="was down, answers again"),
        pytest.param("down", raising(Blocked("refused (451)")), ["blocked"], id="from bad to worse"),
    ],
)
async def test_what_was_told_before_a_restart_is_not_told_again(
    clock: Clock, before: Any, does: Callable[[Ask], list[Points]], told: list[str]
) -> None:
    """Each start, and each `say`, is a new process: an outage of a week is one notice, not one a start."""
    source = Script(does)
    held = Collector(
        [source],
        clock=clock,
        steady=clock.steady,
        chance=lambda: 0.0,
        recall=lambda: Recalled(told={"binance": before}),
    )
    events = [event for _ in range(3) for event in (await held.collect(["BTC"], clock())).events]
    assert source.count() >= 1
    assert [event.state for event in events] == told
