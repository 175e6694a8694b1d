"""The streams are one process's, whichever: who hears them hands out their hours and says how they stand, no other."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from bot.market.collector import STREAMS, Collector
from bot.market.keeper import Collected, Keeper
from bot.market.source import Ask, Source, Topic
from signals.inputs import MARKET
from storage.market import liquidations, points
from storage.sources import source_state
from storage.sources.source_state import Note, SourceHealth
from tests.bot.market.streams.streaming import START, rigged, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from storage.market.points import Points
    from tests.bot.market.streams.streaming import Rig

VENUES = ("binance", "bybit", "okx")
HOUR = liquidations.Hour("bybit", "BTC", START, 5.0, 7.0, timedelta(hours=1), whole=True)


class Index(Source):
    """A source of something that has one value for the whole market."""

    name = "index"
    attribution = "Data by Index"
    caveats: Mapping[Topic, str] = {}
    left_out: Mapping[str, str] = {}
    offers: Mapping[Topic, timedelta] = {"fear_greed": timedelta(hours=1), "funding": timedelta(minutes=1)}

    async def fetch(self, ask: Ask) -> Sequence[Points]:
        return []

    async def close(self) -> None:
        """Nothing is open."""


@asynccontextmanager
async def collecting(rig: Rig, *share: str) -> AsyncIterator[Collector]:
    """Let a process collect a share, with the streams of the rig whether it hears them or not."""
    made = Collector(
        [Index()],
        clock=rig.clock.now,
        steady=rig.clock.monotonic,
        keeper=Keeper(rig.store, rig.clock.now),
        streams=rig.streams,
        chance=lambda: 0.5,
    )
    running = asyncio.create_task(made.run(lambda: share))
    try:
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await made.close()


def known(rig: Rig) -> dict[tuple[str, str], str]:
    return {(row.source, row.topic): row.state for row in source_state.load(rig.store)}


@pytest.mark.parametrize("share", [pytest.param((), id="no asset"), pytest.param(("BTC",), id="an asset")])
async def test_who_hears_the_streams_hands_out_their_hours(tmp_path: Path, share: tuple[str, ...]) -> None:
    async with rigged(tmp_path, at=START + timedelta(hours=3)) as rig:
        liquidations.save(rig.store, [HOUR], now=rig.clock.now())
        await rig.streams.start()
        await rig.alive()
        async with collecting(rig, *share):
            await until(lambda: points.newest(rig.store, "BTC", "liquidated_longs_usd", "bybit"), "the hour is stored")
            await until(lambda: {(f"{venue} liquidations", STREAMS) for venue in VENUES} <= known(rig).keys())


@pytest.mark.parametrize(
    ("share", "spoken_of"),
    [
        pytest.param((), set(), id="nothing"),
        pytest.param(("BTC",), {"funding"}, id="an asset"),
        pytest.param((MARKET,), {"fear_greed"}, id="the market as a whole"),
        pytest.param(("BTC", MARKET), {"fear_greed", "funding"}, id="both"),
    ],
)
async def test_who_does_not_ask_says_nothing_of_how_a_source_stands(
    tmp_path: Path, share: tuple[str, ...], spoken_of: set[str]
) -> None:
    """A process that asks nobody knows nobody to be well: what it wrote would hide what the other one sees."""
    async with rigged(tmp_path) as rig:
        others = [("binance liquidations", STREAMS), ("index", "fear_greed"), ("index", "funding")]
        source_state.save(rig.store, [SourceHealth(*about, "blocked", START) for about in others])
        async with collecting(rig, *share) as collector:
            await collector.first_rounds()
            assert {topic.topic for topic in collector.health()} == spoken_of
        asked = {topic for (_, topic), state in known(rig).items() if state != "blocked"}
        assert asked == spoken_of


async def test_who_only_hears_the_streams_writes_no_notes_of_sources(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        source_state.save_notes(rig.store, [before := Note("index", "as it was asked", (), (("X", "a stock"),))])
        await rig.streams.start()
        async with collecting(rig) as collector:
            await collector.first_rounds()
            await until(lambda: known(rig))
        assert source_state.notes(rig.store) == [before]


async def test_what_is_written_in_between_by_another_process_is_written_over_once_it_is_ones_own(
    tmp_path: Path,
) -> None:
    async with rigged(tmp_path) as rig:
        keeper, row = Keeper(rig.store, rig.clock.now), SourceHealth("index", "funding", "blocked", START)
        collector = Collector([], clock=rig.clock.now, steady=rig.clock.monotonic, keeper=keeper)
        for taken in (False, True):
            await collector._store(_with(row))
            source_state.save(rig.store, [SourceHealth("index", "funding", "ok", START)])
            if taken:
                await collector._take_from_others(["BTC"])
            await collector._store(_with(row))
            assert source_state.load(rig.store)[0].state == ("blocked" if taken else "ok"), "else it is as it wrote it"


async def test_an_end_of_trouble_that_another_process_told_is_told(tmp_path: Path) -> None:
    async with rigged(tmp_path) as rig:
        source_state.remember_told(rig.store, "bybit liquidations", "down")
        await rig.streams.start()
        assert rig.streams.events() == [], "nothing is known of it yet"
        await rig.alive()
        assert [(event.source, event.state) for event in rig.streams.events()] == [("bybit liquidations", "ok")]
        await rig.streams.stop()
        for venue, state in (("bybit", "ok"), ("okx", "blocked")):
            source_state.remember_told(rig.store, f"{venue} liquidations", state)
        rig.server.faults["okx"] = "declined"
        await rig.streams.start()
        assert rig.streams.events() == [], "that it was well before it was another's says nothing"


def _with(row: SourceHealth) -> Collected:
    return Collected(health=[row])
