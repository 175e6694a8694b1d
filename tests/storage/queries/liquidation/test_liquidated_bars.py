from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from signals.units import DAY, HOUR, floor, to_ms
from storage.engine.database import Store
from storage.market import liquidations, points
from storage.market.liquidations import Hour
from storage.market.points import Points
from storage.queries.liquidation import liquidated_bars
from storage.queries.liquidation.liquidations import NAMES, Sums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage.engine.sql import Query

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
FULL = floor(NOW, HOUR)
TODAY = floor(NOW, DAY)


def bars(store: Store, venue: str, step: timedelta, of: Mapping[datetime, tuple[float, float]]) -> None:
    """Store bars: of each open what was liquidated of longs and of shorts."""
    sides = list(zip(*of.values(), strict=True))
    columns = dict(zip(NAMES, map(list, sides), strict=True))
    points.write(store, [Points(venue, "BTC", step, [to_ms(at) for at in of], columns)])


def hours(store: Store, venue: str, of: Mapping[datetime, tuple[float, timedelta]]) -> None:
    """Keep what a stream heard: of each hour the longs, and how much of it."""
    rows = [Hour(venue, "BTC", at, longs, 0.0, covered) for at, (longs, covered) in of.items()]
    liquidations.save(store, rows, now=NOW)


def longs(store: Store, span: timedelta, step: timedelta, end: datetime = NOW) -> list[tuple[datetime, float]]:
    found = liquidated_bars.read(store, "BTC", end - span, end, step)
    return [(at, sums.longs) for at, sums in found.slots] if found else []


def test_nothing_heard_is_nothing(store: Store) -> None:
    bars(store, "bybit", HOUR, {FULL - 40 * HOUR: (1.0, 1.0)})
    assert liquidated_bars.read(store, "BTC", NOW - DAY, NOW, HOUR) is None
    assert liquidated_bars.read(store, "ETH", NOW - 3 * DAY, NOW, HOUR) is None


def test_a_bar_counts_before_what_a_stream_heard_of_its_hour(store: Store) -> None:
    bars(store, "bybit", HOUR, {FULL - 2 * HOUR: (5.0, 1.0)})
    hours(store, "bybit", {FULL - 2 * HOUR: (3.0, HOUR / 2), FULL - HOUR: (2.0, HOUR / 2), FULL: (1.0, HOUR / 2)})
    found = liquidated_bars.read(store, "BTC", NOW - 3 * HOUR, NOW, HOUR)
    assert found is not None
    assert [(at, sums.longs, sums.shorts) for at, sums in found.slots] == [
        (FULL - 2 * HOUR, 5.0, 1.0),
        (FULL - HOUR, 2.0, 0.0),
        (FULL, 1.0, 0.0),
    ]
    assert (found.known_from, found.at, found.at_least) == (FULL - 2 * HOUR, FULL + HOUR / 2, True)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        pytest.param(4 * HOUR, [(8, 10.0), (12, 20.0)], id="four hours"),
        pytest.param(DAY, [(0, 30.0)], id="a day"),
        pytest.param(2 * DAY, [(0, 30.0)], id="two days"),
    ],
)
def test_venues_are_summed_in_slots(store: Store, step: timedelta, expected: Sequence[tuple[int, float]]) -> None:
    for venue in ("bybit", "gate"):
        bars(store, venue, HOUR, {FULL - n * HOUR: (5.0, 1.0) for n in (1, 2, 3)})
    assert longs(store, 4 * HOUR, step) == [
        (floor(TODAY + hour * HOUR, step) if step > DAY else TODAY + hour * HOUR, value) for hour, value in expected
    ]


def test_an_imported_day_counts_where_no_hour_of_it_is_known(store: Store) -> None:
    bars(store, "bybit", DAY, {TODAY - n * DAY: (100.0, 50.0) for n in (1, 2, 3)})
    bars(store, "bybit", HOUR, {TODAY - DAY + 3 * HOUR: (7.0, 0.0)})
    assert longs(store, 4 * DAY, DAY) == [(TODAY - 3 * DAY, 100.0), (TODAY - 2 * DAY, 100.0), (TODAY - DAY, 7.0)]
    assert sum(value for _, value in longs(store, 4 * DAY, 30 * DAY)) == 207.0


def test_days_alone_are_in_days_and_whole(store: Store) -> None:
    bars(store, "bybit", DAY, {TODAY - n * DAY: (100.0, 50.0) for n in range(1, 8)})
    found = liquidated_bars.read(store, "BTC", TODAY - 7 * DAY, NOW, HOUR)
    assert found is not None
    assert (found.step, found.since, found.at_least, len(found.slots)) == (DAY, TODAY - 7 * DAY, False, 7)
    assert found.slots[0][1] == Sums(100.0, 50.0, DAY)


def test_the_sum_of_others_is_not_counted_beside_them(store: Store) -> None:
    bars(store, "all", HOUR, {FULL - HOUR: (50.0, 1.0)})
    assert longs(store, 4 * HOUR, HOUR) == [(FULL - HOUR, 50.0)]
    bars(store, "bybit", HOUR, {FULL - HOUR: (5.0, 1.0)})
    assert longs(store, 4 * HOUR, HOUR) == [(FULL - HOUR, 5.0)]


@pytest.mark.parametrize("missing", [pytest.param(False, id="whole"), pytest.param(True, id="an hour is missing")])
def test_a_missing_hour_makes_it_a_floor_however_it_is_cut(store: Store, missing: bool) -> None:
    every = {FULL - n * HOUR: (5.0, 1.0) for n in range(1, 30) if not (missing and n == 7)}
    bars(store, "bybit", HOUR, every)
    for step in (HOUR, 6 * HOUR, DAY):
        found = liquidated_bars.read(store, "BTC", FULL - DAY, NOW, step)
        assert found is not None
        assert found.at_least is missing


def test_the_sum_is_the_same_however_it_is_cut(store: Store) -> None:
    rng = random.Random(7)
    for venue in ("bybit", "gate", "okx"):
        bars(store, venue, HOUR, {FULL - n * HOUR: (float(rng.randint(0, 9)), 1.0) for n in range(1, 200)})
    sums = {
        sum(value for _, value in longs(store, 6 * DAY, step)) for step in (HOUR, 2 * HOUR, 12 * HOUR, DAY, 7 * DAY)
    }
    assert len(sums) == 1


@pytest.mark.parametrize("step", [HOUR, 6 * HOUR, DAY, 4 * DAY], ids=lambda step: f"{step / HOUR:.0f} hours")
def test_it_is_said_from_when_to_when_it_was_heard_however_it_is_cut(store: Store, step: timedelta) -> None:
    bars(store, "bybit", HOUR, {FULL - n * HOUR: (5.0, 1.0) for n in range(2, 31)})
    hours(store, "okx", {FULL - 40 * HOUR: (2.0, HOUR / 2), FULL: (1.0, HOUR / 3)})
    found = liquidated_bars.read(store, "BTC", NOW - 5 * DAY, NOW, step)
    assert found is not None
    assert (found.known_from, found.at) == (FULL - 40 * HOUR, FULL + HOUR / 3)
    alone = liquidated_bars.read(store, "BTC", FULL - 25 * HOUR, FULL - HOUR - HOUR / 2, step)
    assert alone is not None
    assert (alone.known_from, alone.at) == (FULL - 25 * HOUR, FULL - 2 * HOUR)


CHANGES = {  # what is written, hours before the full one: which of them, and of whom
    "an hour is new": ("bybit", [1]),
    "an hour is corrected": ("bybit", [3]),
    "the newest hour is corrected": ("bybit", [2]),
    "hours come late": ("bybit", [30, 31]),
    "another venue is new": ("gate", [4]),
}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "by another process"])
@pytest.mark.parametrize(("venue", "ago"), CHANGES.values(), ids=CHANGES)
def test_what_is_kept_is_what_is_stored(store: Store, venue: str, ago: Sequence[int], elsewhere: bool) -> None:
    bars(store, "bybit", HOUR, {FULL - n * HOUR: (5.0, 1.0) for n in (2, 3, 4)})
    kept = longs(store, 3 * DAY, DAY)
    assert kept == longs(store, 3 * DAY, DAY) != []
    other = Store(store.place)
    bars(other if elsewhere else store, venue, HOUR, {FULL - n * HOUR: (70.0, 1.0) for n in ago})
    fresh = longs(other, 3 * DAY, DAY)
    other.close()
    assert longs(store, 3 * DAY, DAY) == fresh != kept


def test_an_hour_that_closes_is_among_them(store: Store) -> None:
    bars(store, "bybit", HOUR, {FULL - n * HOUR: (5.0, 1.0) for n in (0, 1, 2)})
    assert [sum(value for _, value in longs(store, DAY, DAY, NOW + HOUR * n)) for n in (0, 1)] == [10.0, 15.0]


def test_sums_are_read_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    for venue in ("bybit", "gate"):
        bars(store, venue, HOUR, {FULL - n * HOUR: (5.0, 1.0) for n in (2, 3, 4)})
    asked: list[str] = []
    plain, summed = store.read_plain, liquidations.SQL.liquidated_bars_in_slots

    def counted(query: Query, **values: Any) -> list[tuple[Any, ...]]:
        asked.extend([values["venue"]] if query is summed else [])
        return plain(query, **values)

    monkeypatch.setattr(store, "read_plain", counted)
    for _ in range(3):
        longs(store, 3 * DAY, DAY)
    assert sorted(asked) == ["bybit", "gate"]
    bars(store, "gate", HOUR, {FULL - 3 * HOUR: (6.0, 1.0)})
    longs(store, 3 * DAY, DAY)
    assert sorted(asked) == ["bybit", "gate", "gate"]
