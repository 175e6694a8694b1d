"""What a stream may do to us, over a real socket: be mute, freeze, hang up, refuse, and talk nonsense."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from tests.bot.market.streams.streaming import rigged, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.bot.market.streams.streaming import Rig
    from tests.fakes.streams import Fault

VENUES = ("binance", "bybit", "okx")
each_venue = pytest.mark.parametrize("venue", VENUES)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with rigged(tmp_path) as rig:
        yield rig


@each_venue
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param("mute", "keeps the stream open but has sent nothing for", id="pings only"),
        pytest.param("frozen", "its time has not moved for", id="the same frame again and again"),
        pytest.param("garbage", "its time has not moved for", id="nothing but garbage"),
    ],
)
async def test_a_stream_that_stands_still_is_found_within_two_intervals(
    rig: Rig, venue: str, fault: Fault, said: str
) -> None:
    await rig.streams.start()
    await rig.alive()
    others = [other for other in VENUES if other != venue]
    rig.server.faults[venue] = fault
    await asyncio.sleep(0.02)  # what is on its way arrives
    await rig.go(28, *others, step=7)
    assert rig.health(venue).state == "ok", "30 s of silence are allowed"
    await rig.go(8, *others, step=4)
    await until(lambda: rig.health(venue).state == "down", "it is noticed")
    assert said in rig.health(venue).error
    assert all(rig.health(venue).state == "ok" for venue in others), "the others go on"
    await until(lambda: rig.server.open(venue) == 0, "the old connection is closed")
    assert rig.covered(venue) <= 8, "time in which nothing was heard is not covered"


@each_venue
async def test_a_stream_that_recovers_is_heard_again_and_the_gap_stays_a_gap(rig: Rig, venue: str) -> None:
    await rig.streams.start()
    await rig.alive()
    await rig.go(60, *VENUES)
    rig.server.faults[venue] = "mute"
    others = [other for other in VENUES if other != venue]
    await rig.go(40, *others)
    await until(lambda: rig.health(venue).state == "down")
    del rig.server.faults[venue]
    await rig.go(20, *others)
    await rig.alive(venue)
    assert rig.server.open(venue) == 1
    await rig.go(40, *VENUES)
    assert rig.covered(others[0]) == pytest.approx(160, abs=3)
    assert rig.covered(venue) == pytest.approx(100, abs=3), "60 s before, 40 s after"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["mute", "frozen", "hang_up", "declined", "no_answer", "old_address"])
async def test_no_connection_is_left_behind_however_often_it_fails(rig: Rig, fault: Fault) -> None:
    rig.server.faults = dict.fromkeys(VENUES, fault)
    await rig.streams.start()
    most = 0
    for _ in range(120):
        await rig.go(10, step=10)
        most = max(most, *(rig.server.open(venue) for venue in VENUES))
        if min(rig.server.opened.values(), default=0) >= 4:
            break
    assert min(rig.server.opened.values()) >= 4, "it is tried again and again"
    assert most <= 1, "one connection at a time"
    await rig.streams.stop()
    await until(lambda: not any(rig.server.open(venue) for venue in VENUES), "stop() closes them")


@pytest.mark.slow
async def test_pauses_grow_with_every_failure_and_are_jittered(rig: Rig) -> None:
    rig.server.faults = dict.fromkeys(VENUES, "declined")
    await rig.streams.start()
    for _ in range(80):
        await rig.go(20)
    pauses = [pause for pause in rig.slept if pause != 30.0]  # every 30 s the sums are written
    assert sorted(set(pauses))[:4] == pytest.approx([6.25, 12.5, 25.0, 50.0]), "5 s doubled, a quarter more by chance"
    assert max(pauses) <= 300


@pytest.mark.slow
async def test_a_country_that_is_refused_is_told_at_once_and_probed_hourly(rig: Rig) -> None:
    rig.server.faults["binance"] = "geo"
    await rig.streams.start()
    await rig.alive("bybit", "okx")
    await until(lambda: rig.health("binance").state == "blocked")
    assert "Set a proxy in config.toml" in rig.health("binance").error
    events = rig.streams.events()
    assert [(event.source, event.state, event.topics) for event in events] == [
        ("binance liquidations", "blocked", ("liquidations",))
    ]
    assert rig.streams.events() == [], "told once"
    await rig.go(3500, "bybit", "okx")
    assert rig.server.opened["binance"] == 1
    del rig.server.faults["binance"]
    await rig.go(120, "bybit")  # OKX has told of nothing for an hour by then, and is opened anew
    await rig.alive("binance")
    assert [event.state for event in rig.streams.events()] == ["ok"]


@pytest.mark.slow
async def test_trouble_that_lasts_is_told_once_and_its_end_once(rig: Rig) -> None:
    await rig.streams.start()
    await rig.alive()
    rig.server.faults["bybit"] = "frozen"
    told = []
    for _ in range(20):
        await rig.go(20, "binance", "okx")
        told += rig.streams.events()
    assert [(event.source, event.state) for event in told] == [("bybit liquidations", "down")]
    del rig.server.faults["bybit"]
    await rig.go(300, "binance", "okx")
    await rig.alive("bybit")
    assert [(event.source, event.state) for event in rig.streams.events()] == [("bybit liquidations", "ok")]


async def test_a_short_interruption_is_not_told(rig: Rig) -> None:
    await rig.streams.start()
    await rig.alive()
    for socket in tuple(rig.server._sockets["okx"]):
        await socket.close()
    await until(lambda: rig.health("okx").state == "down")
    assert "closed the stream" in rig.health("okx").error
    assert rig.streams.events() == []
    await rig.go(20, "binance", "bybit")
    await rig.alive("okx")
    assert rig.streams.events() == []


@each_venue
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        pytest.param("declined", "refuses the subscription to liquidations: ", id="declined"),
        pytest.param("no_answer", "has not confirmed the subscription", id="a pulse but no answer"),
        pytest.param("old_address", "has sent nothing for", id="an old address: open and silent"),
    ],
)
async def test_a_subscription_that_is_not_granted_covers_nothing(rig: Rig, venue: str, fault: Fault, said: str) -> None:
    rig.server.faults[venue] = fault
    await rig.streams.start()
    others = [other for other in VENUES if other != venue]
    await rig.alive(*others)
    for _ in range(6):
        if rig.health(venue).state == "down":
            break
        await rig.go(10, *others)
    assert said in rig.health(venue).error
    assert rig.covered(venue) == 0


@each_venue
async def test_a_grant_ends_with_its_connection(rig: Rig, venue: str) -> None:
    await rig.streams.start()
    await rig.alive()
    rig.server.faults[venue] = "no_answer"
    before = rig.covered(venue)
    for socket in tuple(rig.server._sockets[venue]):
        await socket.close()
    await until(lambda: rig.health(venue).state == "down")
    await rig.go(28, *(other for other in VENUES if other != venue), step=7)
    await until(lambda: rig.server.opened[venue] == 2 and rig.caught_up(venue), "it is open again, and beats")
    assert rig.covered(venue) <= before + 1
    assert rig.health(venue).state == "down"


async def test_the_venues_that_want_a_ping_get_one(rig: Rig) -> None:
    await rig.streams.start()
    await rig.alive()
    await rig.go(90, *VENUES)
    await until(lambda: rig.server.pings["okx"] >= 3 and rig.server.pings["bybit"] >= 3)
    assert rig.server.pings["binance"] == 0


@pytest.mark.parametrize(
    "off", [pytest.param(3600.0, id="behind the exchange"), pytest.param(-3600.0, id="ahead of it")]
)
async def test_a_clock_that_is_wrong_counts_nothing(rig: Rig, off: float) -> None:
    rig.server.clock = lambda: rig.clock.now() + timedelta(seconds=off)
    await rig.streams.start()
    for _ in range(50):  # a slow machine connects after the first minute
        await rig.go(60)
        if rig.health("bybit").state == "down":
            break
    assert rig.health("bybit").state == "down"
    assert rig.covered("bybit") == 0


async def test_stop_is_safe_twice_and_before_start(rig: Rig) -> None:
    await rig.streams.stop()
    await rig.streams.start()
    await rig.streams.start()
    await rig.alive()
    assert rig.server.opened.total() == 3
    await rig.streams.stop()
    await rig.streams.stop()
    assert not [task for task in asyncio.all_tasks() if "Stream" in str(task.get_coro())]
