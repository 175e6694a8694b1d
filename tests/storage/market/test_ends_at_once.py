"""The directory of series on a server: who changes it at the same time waits, never in a circle; and how it is read."""

from __future__ import annotations

import random
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from signals.units import to_ms
from storage.engine.database import Store
from storage.engine.postgres.dialect import said
from storage.market import ends, points, retention, rewritten
from storage.market.points import Snapshot
from tests import postgres
from tests.storage import beside
from tests.storage.market.test_points_batches import MINUTE_MS, START

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

pytestmark = pytest.mark.slow  # a server has to be started

FEW = ("BTC", "ETH", "SOL")
MANY = tuple(f"C{number}" for number in range(8))
WAITS = 0.3  # seconds; who is not done by then waits for the other


@pytest.fixture
def url() -> Iterator[str]:
    yield from postgres.lent()


@pytest.fixture
def both(url: str) -> Iterator[tuple[Store, Store]]:
    """Two processes on one server."""
    with closing(Store(url)) as first, closing(Store(url)) as second:
        for store in (first, second):
            with store.write():
                pass
        yield first, second


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor() as made:
        yield made


def told(venue: str, minute: float, assets: Sequence[str] = FEW, names: Sequence[str] = ("mark_price",)) -> Snapshot:
    at = to_ms(START) + int(minute * MINUTE_MS)
    return Snapshot(venue, assets, [at] * len(assets), {name: [1.0] * len(assets) for name in names})


def waits(future: Future[int]) -> bool:
    try:
        future.result(WAITS)
    except TimeoutError:
        return True
    return False


def ends_of(store: Store, found_in: str) -> dict[tuple[str, ...], int]:
    return {(asset, venue, name): last for asset, venue, name, last in beside.rows(store, found_in)}


def wrong_ends(store: Store) -> dict[tuple[str, ...], tuple[int | None, int | None]]:
    """Where the directory says something else than a search through all rows: both, by series."""
    said, meant = {}, {}
    for name in ("mark_price", "funding_rate"):
        said |= ends_of(store, f"SELECT asset, venue, input, last FROM spans WHERE input = '{name}'")  # noqa: S608
        meant |= ends_of(
            store,
            f"SELECT asset, venue, '{name}', max(at) FROM levels WHERE {name} IS NOT NULL "  # noqa: S608 - ours
            "GROUP BY asset, venue",
        )
    return {key: (said.get(key), meant.get(key)) for key in said | meant if said.get(key) != meant.get(key)}


def test_two_who_move_the_same_on_in_another_order_do_not_wait_in_a_circle(
    both: tuple[Store, Store], pool: ThreadPoolExecutor
) -> None:
    first, second = both
    for minute in (1, 2):
        points.write(first, [], [told("okx", minute), told("bybit", minute)])
    with first.write():
        points.write(first, [], [told("okx", 3)])
        other = pool.submit(points.write, second, [], [told("bybit", 4), told("okx", 4)])
        assert waits(other)
        points.write(first, [], [told("bybit", 3)])
    assert other.result(20) == 2 * len(FEW)
    assert wrong_ends(first) == {}
    assert {row[0] for row in beside.rows(first, "SELECT last FROM snapshots")} == {to_ms(START) + 4 * MINUTE_MS}


def test_who_drops_a_series_and_who_goes_on_with_others_do_not_wait_in_a_circle(
    both: tuple[Store, Store], pool: ThreadPoolExecutor
) -> None:
    first, second = both
    for minute in (1, 2):
        points.write(first, [], [told("okx", minute)])
    with first.write() as work:
        rewritten.note(work, "BTC", "okx", first=0, last=0)
        late = told("okx", 0, ("XRP",)).of(0)
        other = pool.submit(points.write, second, [late], [told("okx", 3, FEW[:2])])
        assert waits(other)
        ends.leave(work, "BTC", "okx", 0, "mark_price")
    assert other.result(20) == 3
    assert wrong_ends(first) == {}


def test_a_value_that_is_late_beside_one_that_is_not_kept_yet_is_noted(
    both: tuple[Store, Store], pool: ThreadPoolExecutor
) -> None:
    first, second = both
    points.write(first, [told("okx", 1).of(0)])
    with first.write():
        points.write(first, [told("okx", 5).of(0)])
        other = pool.submit(points.write, second, [told("okx", 4).of(0)])
        assert waits(other)
    assert other.result(20) == 1
    assert wrong_ends(first) == {}
    assert [row[0] for row in beside.rows(first, "SELECT first FROM rewritten")] == [to_ms(START) + 4 * MINUTE_MS]


def test_a_series_that_goes_on_while_all_before_is_dropped_is_known(
    both: tuple[Store, Store], pool: ThreadPoolExecutor
) -> None:
    first, second = both
    for minute in (1, 2):
        points.write(first, [], [told("okx", minute)])
    with first.write():
        points.write(first, [], [told("okx", 3)])
        before = to_ms(START) + 3 * MINUTE_MS
        other = pool.submit(retention._drop_oldest, second, "levels", "BTC", "okx", 0, before)
        assert waits(other)
    assert other.result(20) == 2
    assert wrong_ends(first) == {}
    assert ends_of(first, "SELECT asset, venue, input, first FROM spans WHERE asset = 'BTC'") == {
        ("BTC", "okx", "mark_price"): to_ms(START) + 3 * MINUTE_MS
    }


def collect(store: Store, number: int, minutes: Barrier) -> int:
    """Tell of one stretch of the assets after another, at times of its own, and of some of them alone; drop a few.

    Nobody is a minute ahead: what is dropped is older than whatever is being written, as in a running bot by days.
    """
    draw, count = random.Random(number), 0
    for minute in range(30):
        minutes.wait(60)
        late = draw.choice([0, 0, 0, 3])
        begin, end = draw.choice([(0, 4), (4, 8), (0, 8), (0, 3), (2, 6)])
        snapshots, alone = [], []
        for venue in draw.sample(["okx", "bybit"], 2):
            answer = told(venue, minute - late + number / 10, MANY[begin:end], ("funding_rate", "mark_price"))
            if draw.random() < 0.8:
                snapshots.append(answer)
            else:
                alone += [answer.of(place) for place in draw.sample(range(end - begin), 2)]
        count += points.write(store, alone, snapshots)
        if draw.random() < 0.2:
            before = to_ms(START) + (minute - draw.choice([4, 8])) * MINUTE_MS
            retention._drop_oldest(store, "levels", draw.choice(MANY), draw.choice(["okx", "bybit"]), 0, before)
    return count


def test_all_ends_are_those_of_the_rows_whoever_collects_what(url: str, pool: ThreadPoolExecutor) -> None:
    with closing(Store(url)) as one, closing(Store(url)) as two, closing(Store(url)) as three:
        minutes = Barrier(3)
        working = [pool.submit(collect, store, number, minutes) for number, store in enumerate((one, two, three))]
        assert all(future.result(60) for future in working)
        assert wrong_ends(one) == {}
        lost = "SELECT 1 FROM series WHERE snapshot IS NOT NULL AND snapshot NOT IN (SELECT id FROM snapshots)"
        assert beside.rows(one, lost) == []
        empty = "SELECT 1 FROM snapshots WHERE id NOT IN (SELECT snapshot FROM series WHERE snapshot IS NOT NULL)"
        assert beside.rows(one, empty) == []


def test_where_all_ends_are_read_not_all_rows_are(both: tuple[Store, Store]) -> None:
    store, hours = both[0], 1200
    points.write(store, [], [told("okx", 0)])  # makes the part of the table
    beside.rows(
        store,
        "INSERT INTO levels (asset, venue, at, mark_price) SELECT 'A' || n, 'v' || v, ?::bigint + h * 60000::bigint, 1 "
        "FROM generate_series(1, 100) n, generate_series(1, 3) v, generate_series(1, ?::int) h",
        to_ms(START),
        hours,
    )
    beside.rows(
        store,
        "INSERT INTO series (asset, input, venue, step, first, last) SELECT asset, input, venue, 0, min(at), max(at) "
        "FROM levels, unnest(ARRAY['mark_price', 'index_price', 'spot_price', 'funding_rate']) AS input "
        "WHERE asset LIKE 'A%' GROUP BY asset, input, venue",
    )
    beside.rows(store, "ANALYZE levels, series")  # as after an update: `snapshots` is as good as new
    text = said(points.SQL.last_levels.filled(columns="mark_price").text)
    plan = [row[0] for row in beside.rows(store, f"EXPLAIN {text}")]
    assert [line for line in plan if "Seq Scan on levels" in line] == []
    assert len(points.newest_of_all(store)) == 303
