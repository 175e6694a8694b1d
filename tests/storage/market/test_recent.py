"""What is kept of the last hour is what would be read anew, whatever was written in between and by whom."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from signals.units import to_ms
from storage.engine.database import Store
from storage.market import points, retention
from storage.market.points import Points, Snapshot
from storage.market.recent import RecentValues
from tests.examples import examples

if TYPE_CHECKING:
    from tests.storage.stores import Stores

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
START = datetime(2026, 10, 1, tzinfo=UTC)
END = START + DAY
NAME, BACK = "mark_price", 75 * MINUTE
SERIES = [(asset, venue) for asset in ("BTC", "ETH", "SOL") for venue in ("binance", "okx", "bybit")]


@dataclass(frozen=True)
class Write:
    """Values a minute apart from a minute on, of series by their number; NaN is a row of another input."""

    series: tuple[int, ...]
    at: int
    values: tuple[float, ...]
    how: str = "here"  # here, elsewhere (another program), undone (an error takes it back)

    def points(self) -> list[Points]:
        times = [to_ms(START + (self.at + place) * MINUTE) for place in range(len(self.values))]
        columns = {NAME: self.values, "index_price": [1.0] * len(times)}
        return [Points(venue, asset, None, times, columns) for asset, venue in (SERIES[n] for n in self.series)]


@dataclass(frozen=True)
class Round:
    """Each minute from one to another the venues tell of their assets together, by the number of the series.

    lags: minutes by which what a venue tells is older.
    """

    series: tuple[int, ...]
    first: int
    last: int
    lags: tuple[tuple[str, int], ...] = ()

    def snapshots(self, minute: int) -> list[Snapshot]:
        found: dict[str, list[str]] = {}
        for asset, venue in (SERIES[n] for n in self.series):
            found.setdefault(venue, []).append(asset)
        lags = dict(self.lags)
        return [
            Snapshot(
                venue,
                assets,
                [to_ms(START + (minute - lags.get(venue, 0)) * MINUTE)] * len(assets),
                {NAME: [float(minute + place) for place in range(len(assets))]},
            )
            for venue, assets in found.items()
        ]


@dataclass(frozen=True)
class Drop:
    """Retention drops history before a minute."""

    before: int


@dataclass(frozen=True)
class Swap:
    """All of a series is dropped, and another one begins before anybody looks."""

    gone: int
    new: Write


Change = Write | Round | Drop | Swap
minutes_in = st.integers(0, 4 * 60)
writes = st.builds(
    Write,
    st.lists(st.sampled_from(range(len(SERIES))), min_size=1, unique=True).map(tuple),
    minutes_in,
    st.lists(st.floats(1, 1e6) | st.just(math.nan), min_size=1, max_size=40).map(tuple),
    st.sampled_from(["here", "here", "elsewhere", "undone"]),
)


rounds = st.builds(
    Round,
    st.lists(st.sampled_from(range(len(SERIES))), min_size=1, unique=True).map(tuple),
    minutes_in,
    st.integers(1, 15),
    st.lists(st.tuples(st.sampled_from(["binance", "okx"]), st.sampled_from([1, 9, 10, 20])), max_size=1).map(tuple),
).map(lambda one: replace(one, last=one.first + one.last))


def do(store: Store, change: Change, kept: RecentValues) -> None:
    if isinstance(change, Round):
        for minute in range(change.first, change.last + 1):
            points.write(store, [], change.snapshots(minute))
            kept.read(START + minute * MINUTE)
    elif isinstance(change, Swap):
        asset, venue = SERIES[change.gone]
        while retention._drop_oldest(store, "levels", asset, venue, 0, to_ms(END)):
            pass
        do(store, change.new, kept)
    elif isinstance(change, Drop):
        rule = retention.RetentionRule(minutes=1000 * DAY, five_minutes=1000 * DAY, history=DAY)
        list(retention.clean(store, rule, START + change.before * MINUTE + DAY))
    elif change.how == "undone":
        with contextlib.suppress(ZeroDivisionError), store.write():
            points.write(store, change.points())
            raise ZeroDivisionError
    elif change.how == "elsewhere":
        other = Store(store.place)
        points.write(other, change.points())
        other.close()
    else:
        points.write(store, change.points())


ALL = tuple(range(len(SERIES)))
OKX = tuple(number for number in ALL if SERIES[number][1] == "okx")
BTC_OKX, SOL_OKX, SOL_BYBIT = (SERIES.index(one) for one in (("BTC", "okx"), ("SOL", "okx"), ("SOL", "bybit")))


def without(*gone: int) -> tuple[int, ...]:
    return tuple(number for number in ALL if number not in gone)


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            writes
            | rounds
            | st.builds(Drop, minutes_in)
            | st.builds(Swap, st.sampled_from(ALL), writes.filter(lambda one: one.how == "here")),
            minutes_in,
        ),
        min_size=1,
        max_size=8,
    )
)
@example([(Write((0,), 10, (1.0, 2.0)), 20), (Write((0,), 5, (9.0,)), 21)]).via("late")
@example([(Write((0,), 10, (1.0, 2.0)), 20), (Write((0,), 11, (3.0,)), 21)]).via("corrected")
@example([(Write((0, 2), 10, (1.0,)), 100), (Write((0,), 12, (2.0,)), 20)]).via("the clock is set back")
@example([(Round(ALL, 1, 30), 30), (Round(ALL, 31, 90, (("okx", 20),)), 90)]).via("a venue that lags")
@example([(Round(ALL, 1, 20), 20), (Round(without(BTC_OKX), 21, 85), 85), (Round(ALL, 86, 90), 90)]).via(
    "silent for an hour and back"
)
@example([(Round(without(*OKX), 1, 20), 20), (Round(ALL, 21, 40), 40)]).via("a new venue")
@example([(Round(without(SOL_OKX), 1, 60), 60), (Write((SOL_OKX,), 5, (1.0, 2.0)), 60), (Round(ALL, 61, 70), 70)]).via(
    "a new asset with only old values"
)
@example([(Round(without(SOL_BYBIT), 1, 20), 20), (Swap(BTC_OKX, Write((SOL_BYBIT,), 20, (1.0,))), 20)]).via(
    "as many series as before, and others"
)
@examples(100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_what_would_be_read_anew(stores: Stores, story: list[tuple[Change, int]]) -> None:
    with stores.one() as store:
        kept = RecentValues(store, NAME, BACK)
        for change, minute in story:
            do(store, change, kept)
            now = START + minute * MINUTE
            kept.read(now)
            for asset, venue in SERIES:
                first, end = now - BACK, now + MINUTE
                times, _, columns = points.columns(store, asset, venue, [NAME], start=first, end=END)
                known = [(at, value) for at, value in zip(times, columns[NAME], strict=True) if value is not None]
                tail = kept.of(asset, venue)
                assert venue in kept.venues_of(asset) or not known
                assert kept.last(asset) >= (known[-1][0] if known else 0)
                assert tail.within(to_ms(first), to_ms(end)) == [tick for tick in known if tick[0] < to_ms(end)]
