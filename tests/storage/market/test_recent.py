"""What is kept of the last hour is what would be read anew, whatever was written in between and by whom."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import strategies as st

from signals.units import to_ms
from storage.engine.database import Store
from storage.market import points, retention
from storage.market.points import Points
from storage.market.recent import RecentValues
from tests.examples import examples

if TYPE_CHECKING:
    from tests.storage.stores import Stores

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
START = datetime(2026, 10, 1, tzinfo=UTC)
END = START + DAY
NAME, BACK = "mark_price", 75 * MINUTE
SERIES = [(asset, venue) for asset in ("BTC", "ETH") for venue in ("binance", "okx")]


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
class Drop:
    """Retention drops history before a minute."""

    before: int


minutes_in = st.integers(0, 4 * 60)
writes = st.builds(
    Write,
    st.lists(st.sampled_from(range(len(SERIES))), min_size=1, unique=True).map(tuple),
    minutes_in,
    st.lists(st.floats(1, 1e6) | st.just(math.nan), min_size=1, max_size=40).map(tuple),
    st.sampled_from(["here", "here", "elsewhere", "undone"]),
)


def do(store: Store, change: Write | Drop) -> None:
    if isinstance(change, Drop):
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


@pytest.mark.slow
@given(st.lists(st.tuples(writes | st.builds(Drop, minutes_in), minutes_in), min_size=1, max_size=8))
@example([(Write((0,), 10, (1.0, 2.0)), 20), (Write((0,), 5, (9.0,)), 21)])  # late
@example([(Write((0,), 10, (1.0, 2.0)), 20), (Write((0,), 11, (3.0,)), 21)])  # corrected
@example([(Write((0, 2), 10, (1.0,)), 100), (Write((0,), 12, (2.0,)), 20)])  # the clock is set back
@examples(100, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_what_would_be_read_anew(stores: Stores, story: list[tuple[Write | Drop, int]]) -> None:
    with stores.one() as store:
        kept = RecentValues(store, NAME, BACK)
        for change, minute in story:
            do(store, change)
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
