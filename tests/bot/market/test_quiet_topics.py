"""A topic of which nothing is due costs nothing, and whoever has to be asked is asked at once all the same."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.market.source import NotOffered, SourceDown
from bot.market.source_state import AssetState
from tests.bot.market.test_collector import ASSETS, DAY, HOUR, MINUTE, Script, answer, market, raising, states

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.market.collector import Collector
    from bot.market.source import Ask
    from storage.market.points import Points
    from tests.fakes.exchange import Clock

    Change = Callable[[Collector, Clock], Sequence[str]]

PAUSE = 10 * MINUTE


class Looked(dict[str, AssetState]):
    """Assets of a topic, with a count of how often one is looked for."""

    looks = 0

    def get(self, name: str, *more: AssetState) -> AssetState | None:  # type: ignore[override]
        self.looks += 1
        return super().get(name, *more)


def looked(held: Collector) -> Looked:
    (topic,) = held._rounds["binance"].state.topics
    topic.assets = Looked(topic.assets)
    return topic.assets


def nothing(held: Collector, clock: Clock) -> Sequence[str]:
    return ASSETS


def others_had_them(held: Collector, clock: Clock) -> Sequence[str]:
    held._rounds["binance"].forget(["ETH"])
    return ASSETS


def one_more(held: Collector, clock: Clock) -> Sequence[str]:
    return [*ASSETS, "XRP"]


def one_less(held: Collector, clock: Clock) -> Sequence[str]:
    return ASSETS[1:]


def a_past_is_owed(held: Collector, clock: Clock) -> Sequence[str]:
    held.owe(("binance", "open_interest", "SOL"), clock.now - DAY)
    return ASSETS


def set_back(held: Collector, clock: Clock) -> Sequence[str]:
    clock.jump(-HOUR)
    return ASSETS


def all_paused(held: Collector, clock: Clock) -> Sequence[str]:
    clock.go(minutes=7)
    return ASSETS


DOWN, ABSENT = SourceDown("it is away"), NotOffered("it is not there")


@pytest.mark.parametrize(
    ("error", "change", "asked"),
    [
        pytest.param(None, nothing, [], id="nothing is due"),
        pytest.param(None, others_had_them, ["ETH"], id="one is forgotten"),
        pytest.param(None, one_more, ["XRP"], id="one is added"),
        pytest.param(None, one_less, [], id="one is not followed any more"),
        pytest.param(None, a_past_is_owed, ["SOL"], id="a past is owed"),
        pytest.param(None, set_back, [], id="the clock is set back"),
        pytest.param(None, all_paused, ASSETS, id="the pause is over"),
        pytest.param(DOWN, nothing, ["ETH"], id="one has failed"),
        pytest.param(ABSENT, nothing, [], id="one is not offered"),
        pytest.param(ABSENT, others_had_them, ["ETH"], id="one that is not offered is forgotten"),
        pytest.param(ABSENT, all_paused, ["BTC", "SOL"], id="one is not offered and the pause is over"),
    ],
)
async def test_whoever_is_due_is_asked_at_once(
    clock: Clock, error: Exception | None, change: Change, asked: list[str]
) -> None:
    source = Script(offers={"open_interest": PAUSE}, does=raising(error, "ETH") if error else answer)
    held = market(clock, source)
    for _ in range(3):
        await held.collect(ASSETS, clock.now)
        clock.go(minutes=1)
    source.asked.clear()
    assets = change(held, clock)
    await held.collect(assets, clock.now)
    assert [ask.asset for ask in source.asked] == asked


@pytest.mark.parametrize(
    "change", [others_had_them, one_more, a_past_is_owed, set_back], ids=lambda change: change.__name__
)
async def test_the_others_are_due_when_they_were(clock: Clock, change: Change) -> None:
    source = Script(offers={"open_interest": PAUSE})
    held = market(clock, source)
    for _ in range(3):
        await held.collect(ASSETS, clock.now)
        clock.go(minutes=1)
    assets = change(held, clock)
    times = {asset: [] for asset in ASSETS}
    source.asked.clear()
    for minute in range(3, 22):
        before = len(source.asked)
        await held.collect(assets, clock.now)
        for ask in source.asked[before:]:
            times.setdefault(ask.asset, []).append(minute)
        clock.go(minutes=1)
    apart = {"others_had_them": "ETH", "one_more": "XRP", "a_past_is_owed": "SOL"}.get(change.__name__)
    assert {asset: told for asset, told in times.items() if asset != apart} == {
        asset: [10, 20] for asset in ASSETS if asset != apart
    }
    assert apart is None or times[apart] == [3, 13]


@pytest.mark.parametrize("error", [None, ABSENT], ids=["all are well", "one rests for a day"])
async def test_nobody_is_looked_at_while_nothing_is_due(clock: Clock, error: Exception | None) -> None:
    source = Script(offers={"open_interest": PAUSE}, does=raising(error, "ETH") if error else answer)
    held = market(clock, source)
    for _ in range(2):
        await held.collect(ASSETS, clock.now)
        clock.go(minutes=1)
    source.asked.clear()
    assets = looked(held)
    for _ in range(8):
        await held._rounds["binance"].round(["BTC"], clock.now, asked_for=True)  # somebody waits for one of them
        asked_for, assets.looks = assets.looks, 0
        await held.collect(ASSETS, clock.now)
        assert (source.count(), asked_for, assets.looks) == (0, 1, 0)
        clock.go(minutes=1)
    await held.collect(ASSETS, clock.now)
    assert source.count() == (2 if error else 3)


async def test_who_rests_is_asked_when_that_is_over(clock: Clock) -> None:
    source = Script(offers={"open_interest": 10 * DAY}, does=raising(ABSENT, "ETH"))
    held = market(clock, source)
    hours: list[int] = []
    for hour in range(75):
        before = len(source.asked)
        await held.collect(ASSETS, clock.now)
        hours += [hour for ask in source.asked[before:] if ask.asset == "ETH"]
        clock.go(hours=1)
    assert hours == [0, 24, 48, 72]


async def test_a_frozen_topic_is_asked_as_often_as_it_may_be(clock: Clock) -> None:
    frozen = clock.now - DAY
    source = Script(does=lambda ask: answer(ask, frozen), offers={"open_interest": PAUSE})
    held = market(clock, source)
    times: list[int] = []
    for second in range(0, 90, 3):
        before = len(source.asked)
        await held.collect(ASSETS, clock.now)
        times += [second] * (len(source.asked) > before)
        clock.go(seconds=3)
    assert times == [0, 6, 18, 39, 81]


async def test_who_had_nothing_to_tell_is_asked_again_in_a_minute(clock: Clock) -> None:
    """Of a past that was owed, while nobody else is due for long: the shorter pause counts."""
    source = Script(offers={"open_interest": PAUSE})
    held = market(clock, source)
    for _ in range(3):
        await held.collect(ASSETS, clock.now)
        clock.go(minutes=1)
    a_past_is_owed(held, clock)
    source.does = lambda _: []
    source.asked.clear()
    for _ in range(3):
        await held.collect(ASSETS, clock.now)
        clock.go(minutes=1)
    assert [ask.asset for ask in source.asked] == ["SOL", "SOL", "SOL"]


async def test_who_rests_is_asked_as_soon_as_the_topic_is_well(clock: Clock) -> None:
    """A topic that fails as a whole takes over the pauses of its assets: none of them waits for its own any more."""
    source = Script(does=raising(DOWN, "ETH"), offers={"open_interest": MINUTE})
    held = market(clock, source)
    for _ in range(8):  # so often that the asset rests for five minutes
        await held.collect(ASSETS, clock.now)
        clock.go(minutes=1)
    source.does = raising(DOWN)
    await held.collect(ASSETS, clock.now)
    source.does = answer
    source.asked.clear()
    clock.go(seconds=10)
    await held.collect(ASSETS, clock.now)
    assert {ask.asset for ask in source.asked} == set(ASSETS)


async def test_who_rests_is_asked_though_one_who_was_asked_for_made_the_topic_well(clock: Clock) -> None:
    """The others are due later: what was planned while one of them rested holds no longer."""
    source = Script(offers={"open_interest": MINUTE})
    held = market(clock, source)
    await held.collect(ASSETS, clock.now)  # their pasts
    frozen = clock.now

    def only_old(ask: Ask) -> list[Points]:
        if ask.asset == "ETH":
            raise DOWN
        return answer(ask, frozen)

    source.does = only_old
    while states(held) != {"open_interest": "down"}:  # ETH rests for five minutes by now, the topic for five seconds
        await held.collect(ASSETS, clock.go(minutes=1))
    source.does = raising(DOWN)
    await held.collect(ASSETS, clock.go(seconds=6))
    source.does = answer
    await held._rounds["binance"].round(["BTC"], clock.go(seconds=12), asked_for=True)
    source.asked.clear()
    await held.collect(ASSETS, clock.go(seconds=3))
    assert [ask.asset for ask in source.asked] == ["ETH"]


async def test_a_bar_is_known_until_its_close(clock: Clock) -> None:
    source = Script(offers={"bars": HOUR})
    held = market(clock, source)
    for hour in (12, 13, 14):
        await held.collect(ASSETS, clock.now)
        (row,) = held.health()
        assert row.last_good == clock.now.replace(hour=hour, minute=0, second=0)
        clock.go(hours=1)


async def test_how_new_a_topic_is_follows_whoever_is_left(clock: Clock) -> None:
    source = Script(does=lambda ask: answer(ask, clock.now - {"BTC": 3, "ETH": 1, "SOL": 2}[ask.asset] * MINUTE))
    held = market(clock, source)
    await held.collect(ASSETS, clock.now)
    (row,) = held.health()
    assert row.last_good == clock.now - MINUTE
    held._rounds["binance"].forget(["ETH"])
    (row,) = held.health()
    assert row.last_good == clock.now - timedelta(minutes=2)
