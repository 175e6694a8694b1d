"""Two processes that write the same rows at once: one waits for the other, and never each for the other."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from signals.units import to_ms
from storage.alerts import own
from storage.engine.database import Store, StoreError
from storage.market import liquidations, points
from storage.market.liquidations import Hour
from storage.market.points import Points, Snapshot
from storage.sources import coverage, source_state
from storage.sources.source_state import SourceHealth
from tests import postgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

pytestmark = pytest.mark.slow  # a server has to be started

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000
HOUR = timedelta(hours=1)
VENUES = ("binance", "bybit", "okx")
ASSETS = tuple(f"C{number:02}" for number in range(30))
INPUTS = ("mark_price", "open_interest_coin", "funding_rate")
TIMES = 25  # that each process writes, at the least two of which wait for each other where there is no order


@pytest.fixture
def both() -> Iterator[tuple[Store, Store]]:
    """Two processes on one server."""
    for url in postgres.lent():
        with closing(Store(url)) as first, closing(Store(url)) as second:
            yield first, second


def minutes(count: int, first: int = 0) -> list[int]:
    return [to_ms(START) + (first + minute) * MINUTE_MS for minute in range(count)]


def each(rng: Random) -> list[tuple[str, str, str]]:
    """Return every input of every asset at every venue, in an order of their own."""
    every = [(venue, asset, name) for venue in VENUES for asset in ASSETS for name in INPUTS]
    return rng.sample(every, len(every))


def few_rows(store: Store, rng: Random) -> None:
    points.write(store, [Points(venue, asset, None, minutes(2), {name: [1.0] * 2}) for venue, asset, name in each(rng)])


def many_rows(store: Store, rng: Random) -> None:
    given = [Points(venue, asset, None, minutes(120), {name: [1.0] * 120}) for venue, asset, name in each(rng)[:20]]
    given += [Points(venue, asset, HOUR, minutes(120), {"close": [1.0] * 120}) for venue, asset, _ in each(rng)[:5]]
    points.write(store, given)


def snapshots(store: Store, rng: Random) -> None:
    rounds = [(venue, name, rng.sample(ASSETS, len(ASSETS))) for venue in VENUES for name in INPUTS]
    points.write(
        store,
        [],
        [
            Snapshot(venue, assets, minutes(1) * len(assets), {name: [1.0] * len(assets)})
            for venue, name, assets in rng.sample(rounds, len(rounds))
        ],
    )


def settlements(store: Store, rng: Random) -> None:
    points.write(
        store,
        [
            Points(venue, asset, None, minutes(3), {"funding_rate": [1e-4] * 3}, settled=True)
            for venue, asset, name in each(rng)
            if name == "funding_rate"
        ],
    )


def sources(store: Store, rng: Random) -> None:
    source_state.save(store, [SourceHealth(asset, name, "ok", START) for _, asset, name in each(rng)[:100]])


def debts(store: Store, rng: Random) -> None:
    coverage.note_owed(store, {(venue, name, asset): START for venue, asset, name in each(rng)[:60]})


def liquidated(store: Store, rng: Random) -> None:
    hours = [Hour(venue, asset, START, 1.0, 1.0, HOUR) for venue, asset, _ in each(rng)[:60]]
    liquidations.save(store, hours, now=START)


def stands(store: Store, rng: Random) -> None:
    with store.write() as work:
        own.save(work, [(asset, b"{}") for asset in rng.sample(ASSETS, len(ASSETS))])


@pytest.mark.parametrize(
    "write", [few_rows, many_rows, snapshots, settlements, sources, debts, liquidated, stands], ids=lambda w: w.__name__
)
def test_two_who_write_the_same_rows_do_not_wait_in_a_circle(
    both: tuple[Store, Store], write: Callable[[Store, Random], None]
) -> None:
    def lost(store: Store, seed: int) -> list[str]:
        """Write again and again; return what the server undid since two waited for each other."""
        rng, undone = random.Random(seed), []
        for _ in range(TIMES):
            try:
                write(store, rng)
            except StoreError as error:
                undone.append(str(error.__cause__).partition("\n")[0])
        return undone

    with ThreadPoolExecutor(2) as pool:
        written = [pool.submit(lost, store, seed) for seed, store in enumerate(both)]
        assert [undone for future in written for undone in future.result()] == []
