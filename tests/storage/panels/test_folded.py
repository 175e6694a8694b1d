"""What is kept between questions is what would be read anew, whatever was written in between and by whom."""

from __future__ import annotations

import contextlib
import math
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from signals.inputs import INPUTS
from signals.units import HOUR_MS, floor, from_ms, to_ms
from storage.engine.database import Store
from storage.market import points, retention, rewritten
from storage.market.points import Points
from storage.panels import panels
from storage.panels.cache import PanelCache
from storage.panels.folded import Folded
from storage.panels.reader import PanelReader

if TYPE_CHECKING:
    from signals.series import Panel
    from tests.storage.stores import Stores

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
START = datetime(2026, 10, 1, tzinfo=UTC)
BARS, LEVELS = ("close", "volume_usd"), ("open_interest_usd", "open_interest_coin", "funding_rate")
RATES = ("funding_rate", "funding_interval_hours")
NAMES = (*BARS, *LEVELS)
VENUES = ("binance", "okx", "kucoin", "all")


@dataclass(frozen=True)
class Write:
    """Values of one venue, `every` apart, from a time on. how: who writes them, or what becomes of them."""

    venue: str
    names: tuple[str, ...]
    at: timedelta
    every: timedelta
    count: int
    first: float
    settled: bool = False
    how: str = "here"  # here, later (than all before), elsewhere (another program), undone (an error takes it back)

    def points(self) -> Points:
        step = max(self.every, HOUR) if self.names[0] in BARS else None
        index = pd.date_range(START + self.at, periods=self.count, freq=pd.Timedelta(step or self.every), name="at")
        values = {name: [self.first + place for place in range(self.count)] for name in self.names}
        return Points.of_frame(self.venue, "BTC", step, pd.DataFrame(values, index=index, dtype=float), self.settled)


@dataclass(frozen=True)
class Thin:
    """Retention thins levels before a day."""

    bucket: timedelta
    before: timedelta


@dataclass(frozen=True)
class Drop:
    """Retention drops what is older than a day."""

    before: timedelta


@dataclass(frozen=True)
class Read:
    """A question."""

    names: tuple[str, ...]
    step: timedelta
    start: timedelta
    rows: int
    now: timedelta | None = None


hours_in = st.integers(0, 12 * 24).map(lambda count: count * HOUR)
minutes_in = st.integers(0, 12 * 24 * 60).map(lambda count: count * MINUTE)
kinds = st.one_of(
    st.lists(st.sampled_from(BARS), min_size=1, unique=True), st.lists(st.sampled_from(LEVELS), min_size=1, unique=True)
).map(tuple)


@st.composite
def writes(draw: st.DrawFn) -> Write:
    settled = draw(st.integers(0, 4)) == 0
    names = RATES if settled else draw(kinds)
    bars = names[0] in BARS
    every = draw(st.sampled_from([HOUR, DAY] if bars else [MINUTE, 20 * MINUTE, HOUR, 8 * HOUR]))
    return Write(
        draw(st.sampled_from(VENUES)),
        names,
        draw(st.integers(0, 12).map(lambda count: count * DAY)) if every == DAY else draw(hours_in),
        every,
        draw(st.integers(1, 120)),
        draw(st.floats(1, 1e6)),
        settled,
        draw(st.sampled_from(["here", "later", "later", "elsewhere", "undone"])),
    )


reads = st.builds(
    Read,
    st.lists(st.sampled_from(NAMES), min_size=1, unique=True).map(tuple),
    st.sampled_from([HOUR, HOUR, DAY, 8 * HOUR, 20 * MINUTE]),
    hours_in,
    st.integers(1, 200),
    st.none() | minutes_in,
)
days_in = st.integers(0, 12).map(lambda count: count * DAY)
thinnings = st.builds(Thin, st.sampled_from([5 * MINUTE, HOUR]), days_in)
changes = st.one_of(writes(), writes(), thinnings, st.builds(Drop, days_in))


def read(store: Store | PanelReader, question: Read) -> Panel:
    start = START + question.start
    now = None if question.now is None else max(start, START + question.now)
    end = start + question.rows * question.step if now is None else now
    return panels.panel(store, question.names, ["BTC"], step=question.step, start=start, end=end, now=now)


def assert_same(kept: Panel, fresh: Panel) -> None:
    assert kept.at.equals(fresh.at)
    assert (kept.scope, kept.derived) == (fresh.scope, fresh.derived)
    assert kept.coverage == fresh.coverage
    for name, values in fresh.values.items():
        np.testing.assert_array_equal(kept.values[name], values, err_msg=name)


class UndoneError(Exception):
    """Takes a unit of work back."""


def change(store: Store, what: Write | Thin | Drop, beside: Read) -> None:
    match what:
        case Thin():
            for venue in VENUES:
                retention.thin(store, "BTC", venue, before=START + what.before, bucket=what.bucket)
        case Drop():
            rule = retention.RetentionRule(minutes=1000 * DAY, five_minutes=1000 * DAY, history=DAY)
            for _ in retention.clean(store, rule, START + what.before + DAY):
                pass
        case Write(how="elsewhere"):
            other = Store(store.place)
            points.write(other, [what.points()])
            other.close()
        case Write(how="undone"):
            with contextlib.suppress(UndoneError), store.write():
                points.write(store, [what.points()])
                read(store, beside)  # sees what is taken back in a moment, and must not keep it
                raise UndoneError
        case Write(how="later"):
            points.write(store, [replace(what, at=after_all(store, what)).points()])
        case Write():
            points.write(store, [what.points()])


def after_all(store: Store, what: Write) -> timedelta:
    """Return a time after every value of these inputs, and on a whole step for bars."""
    ends = [series.known for name in what.names for series in points.stored(store, "BTC", name)]
    at = max(START, from_ms(max(ends, default=0)) + MINUTE)
    return (floor(at + what.every, what.every) if what.names[0] in BARS else at) - START


BEGUN = Write("binance", LEVELS, timedelta(), HOUR, 100, 1.0)
OTHER = Write("okx", LEVELS, timedelta(), HOUR, 100, 1.0)
SUMS = Read(LEVELS[:2], HOUR, timedelta(), 120)
TWO = [(BEGUN, [SUMS]), (OTHER, [SUMS])]


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=st.lists(st.tuples(changes, st.lists(reads, min_size=1, max_size=3)), min_size=2, max_size=6))
@example(history=[*TWO, (Write("okx", LEVELS, 9 * HOUR, MINUTE, 60, 5.0, how="later"), [SUMS])])
@example(history=[*TWO, (Write("okx", LEVELS, 40 * HOUR, HOUR, 1, 9.0, how="undone"), [SUMS])])
@example(history=[*TWO, (Write("okx", LEVELS, 9 * HOUR, HOUR, 1, 9.0, how="elsewhere"), [SUMS])])
@example(history=[*TWO, (Drop(2 * DAY), [SUMS])])
def test_what_is_kept_is_what_is_stored(stores: Stores, history: list[tuple[Write | Thin | Drop, list[Read]]]) -> None:
    with stores.one() as store:
        for what, questions in history:
            change(store, what, questions[0])
            for question in questions:
                fresh = Store(store.place)
                assert_same(read(store, question), read(fresh, question))
                fresh.close()


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    batch=st.lists(writes(), min_size=1, max_size=5),
    questions=st.lists(reads, min_size=2, max_size=6),
    wanted=st.lists(reads, max_size=4),
)
def test_what_is_asked_together_is_what_is_asked_alone(
    tmp_path_factory: pytest.TempPathFactory, batch: list[Write], questions: list[Read], wanted: list[Read]
) -> None:
    store = Store(tmp_path_factory.mktemp("together") / "a.db")
    points.write(store, [what.points() for what in batch])
    for ahead in (False, True):
        reader = PanelReader(store, ahead=ahead)
        for question in wanted:
            start = START + question.start
            for name in question.names:
                reader.of("BTC").want(name, question.step, start, start + question.rows * question.step)
        for question in questions:
            fresh = Store(store.path)
            assert_same(read(reader, question), read(fresh, question))
            fresh.close()
    store.close()


def test_what_is_wanted_is_read_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A close of price of a year and highs of a week: one query of what both lack, one of the rest of the year."""
    index = pd.date_range(START, periods=240, freq="h", name="at")
    frame = pd.DataFrame(dict.fromkeys(("close", "high", "low"), 1.0), index=index)
    points.write(store, [Points.of_frame("binance", "BTC", HOUR, frame)])
    end = START + 10 * DAY
    reader = PanelReader(store, ahead=True)
    for name, days in {"close": 10, "low": 10, "high": 3}.items():
        reader.of("BTC").want(name, HOUR, end - days * DAY, end)
    asked = []
    plain = store.read_plain
    monkeypatch.setattr(store, "read_plain", lambda query, **values: asked.append(values) or plain(query, **values))
    for names, days in ((["close"], 1), (["close", "low"], 10), (["high", "close"], 3), (["close"], 10)):
        panels.panel(reader, names, ["BTC"], step=HOUR, start=end - days * DAY, end=end)
    assert [(of["end"] - of["start"]) // HOUR_MS for of in asked if "steps" in of] == [240, 72]


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=st.lists(writes(), min_size=1, max_size=4), question=reads)
def test_a_row_is_the_last_of_its_levels(stores: Stores, batch: list[Write], question: Read) -> None:
    with stores.one() as store:
        points.write(store, [what.points() for what in batch])
        first = floor(START + question.start, question.step)
        end = first + question.rows * question.step
        folded = PanelReader(store).of("BTC")
        for name in LEVELS:
            for venue in VENUES:
                times, _, values = points.columns(store, "BTC", venue, [name], start=first, end=end)
                row_ms = question.step // timedelta(milliseconds=1)
                last = {at // row_ms: value for at, value in zip(times, values[name], strict=True) if value is not None}
                rows = folded.rows(venue, name, question.step, first, end)
                wanted = [last.get(to_ms(first) // row_ms + place, math.nan) for place in range(len(rows))]
                np.testing.assert_array_equal(rows, wanted)
                apart = max(question.step, INPUTS[name].in_force)
                begin = floor(first, apart)
                counted = folded.count(venue, name, start=begin, end=end, step=question.step, apart=apart)
                assert counted == points.count(store, "BTC", venue, name, start=begin, end=end, apart=apart)


def hours(store: Store, venue: str, at: datetime, count: int, value: float = 1.0, name: str = "mark_price") -> None:
    index = pd.date_range(at, periods=count, freq="h", name="at")
    points.write(store, [Points.of_frame(venue, "BTC", None, pd.DataFrame({name: value}, index=index, dtype=float))])


def column(store: Store, rows: int) -> list[float]:
    end = START + rows * HOUR
    panel = panels.panel(store, ["mark_price"], ["BTC"], step=HOUR, start=START, end=end)
    return [float(value) for value in panel.values["mark_price"][:, 0]]


def test_only_what_is_new_is_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hours(store, "binance", START, 100)
    assert column(store, 100) == [1.0] * 100
    hours(store, "binance", START + 100 * HOUR, 1, 2.0)
    asked = []
    plain = store.read_plain
    monkeypatch.setattr(store, "read_plain", lambda query, **values: asked.append(values) or plain(query, **values))
    assert column(store, 101) == [1.0] * 100 + [2.0]
    assert column(store, 101) == [1.0] * 100 + [2.0]
    read_rows = [(of["end"] - of["start"]) // of["step"] for of in asked if "step" in of]
    assert read_rows == [2]  # the hour in which the series had ended, and the new one; the second time nothing


@pytest.mark.parametrize(
    ("value", "noted"),
    [
        pytest.param((100, 1), 0, id="later than all"),
        pytest.param((99, 1), 1, id="of the last time again"),
        pytest.param((50, 1), 1, id="within"),
        pytest.param((-50, 10), 1, id="before all"),
        pytest.param((99, 5), 1, id="some of it later"),
    ],
)
def test_what_is_written_into_the_past_is_noted(store: Store, value: tuple[int, int], noted: int) -> None:
    hours(store, "binance", START, 100)
    hours(store, "okx", START, 200)  # of another venue nothing is said
    before = rewritten.newest(store)
    hours(store, "binance", START + value[0] * HOUR, value[1])
    found = rewritten.since(store, before)
    assert found is not None
    assert [(stretch.asset, stretch.venue) for stretch in found] == [("BTC", "binance")] * noted


def test_who_missed_too_many_notes_reads_everything(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hours(store, "binance", START, 100)
    assert column(store, 100) == [1.0] * 100
    monkeypatch.setattr(rewritten, "KEPT", 3)
    hours(store, "binance", START + HOUR, 1, 5.0)
    for place in range(20, 30):
        hours(store, "binance", START + place * HOUR, 1, 6.0)
    assert rewritten.since(store, 0) is None
    assert column(store, 100)[:2] == [1.0, 5.0]


@pytest.mark.slow
def test_memory_is_bounded(store: Store) -> None:
    for number in range(30):
        frame = pd.DataFrame({"mark_price": [1.0] * 48}, index=pd.date_range(START, periods=48, freq="h", name="at"))
        points.write(store, [Points.of_frame("binance", f"A{number}", None, frame)])
    cache = PanelCache(store, bound=10_000)
    for number in range(30):
        folded = Folded(store, f"A{number}", cache)
        assert folded.rows("binance", "mark_price", HOUR, START, START + 2 * DAY).tolist() == [1.0] * 48
        assert cache.size <= 10_000
    kept = sum(cache.get(f"A{number}", ("binance", "mark_price", 3_600_000)) is not None for number in range(30))
    assert 1 < kept < 30


def test_a_slow_reader_keeps_nothing_that_was_rewritten_meanwhile(store: Store) -> None:
    hours(store, "binance", START, 10)
    cache = store.beside(PanelCache)
    slow = PanelReader(store).of("BTC")
    key = ("binance", "mark_price", 3_600_000)
    slow.rows("binance", "mark_price", HOUR, START, START + 10 * HOUR)
    old = cache.get("BTC", key)
    assert old is not None
    hours(store, "binance", START + 2 * HOUR, 1, 7.0)
    assert column(store, 10)[2] == 7.0
    cache.keep("BTC", key, old, 0)  # what it read is older than the note that others have seen
    assert column(store, 10)[2] == 7.0


@pytest.mark.slow
def test_many_threads_ask_while_one_writes(store: Store) -> None:
    hours(store, "binance", START, 100)
    wrong: list[object] = []

    def ask() -> None:
        for _ in range(40):
            found = column(store, 100)
            if len(found) != 100 or {*found} - {1.0, 2.0}:
                wrong.append(found)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for place in range(100):
        hours(store, "binance", START + place * HOUR, 1, 2.0)
    for thread in threads:
        thread.join()
    assert not wrong
    assert column(store, 100) == [2.0] * 100
