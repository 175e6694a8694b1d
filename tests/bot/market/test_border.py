from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.market.border.bounds import INTERVALS, LONG, SURE, WITHIN, all_possible, impossible, possible, price_moved
from bot.market.border.judging import BELIEVED, Border
from bot.market.border.rates import switch
from bot.market.border.refusals import said
from signals.inputs import INPUTS
from signals.units import to_ms
from storage.market.points import Newest, Points, Snapshot
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def points(name: str, *values: float, end: datetime = NOW, step: timedelta | None = None) -> Points:
    at = pd.DatetimeIndex([end - HOUR * back for back in reversed(range(len(values)))], name="at")
    return Points.of_frame("binance", "BTC", step, pd.DataFrame({name: list(values)}, index=at, dtype="float64"))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        pytest.param("mark_price", 0.0, "cannot be 0", id="price of zero"),
        pytest.param("mark_price", -5.0, "cannot be -5", id="negative price"),
        pytest.param("mark_price", math.nan, "is no number", id="NaN"),
        pytest.param("mark_price", math.inf, "cannot be inf", id="infinite"),
        pytest.param("mark_price", 90_000_000.0, "is 1,000 times the last good value", id="thousandfold"),
        pytest.param("mark_price", 90.0, "is a tiny part of the last good value", id="a thousandth"),
        pytest.param("open_interest_coin", 0.0, "cannot be 0", id="open interest of zero"),
        pytest.param("funding_rate", 0.09, "cannot be 0.09", id="funding beyond every cap"),
        pytest.param("funding_interval_hours", 0.0, "cannot be 0", id="interval of zero"),
        pytest.param("fear_greed", 101.0, "cannot be 101", id="index above 100"),
    ],
)
def test_impossible(name: str, value: float, reason: str) -> None:
    border = Border(lambda *_: Newest(NOW - HOUR, 90_000.0, "binance"))
    passed, rejected = border.admit(points(name, value), NOW)
    assert passed.frame().empty
    assert [(rejection.name, rejection.at, said(rejection)) for rejection in rejected] == [(name, NOW, reason)]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        pytest.param("mark_price", (100.0, 60.0, 110.0), id="a crash"),
        pytest.param("funding_rate", (0.0001, 0.0, -0.003), id="funding of either sign, and none"),
        pytest.param("funding_interval_hours", (8.0, 1.0), id="eight hours to one"),
        pytest.param("fear_greed", (95.0, 0.0, 5.0), id="fear from one end to the other"),
        pytest.param("liquidated_longs_usd", (0.0, 10.0, 0.0), id="no liquidations"),
    ],
)
def test_possible(name: str, values: tuple[float, ...]) -> None:
    passed, rejected = Border().admit(points(name, *values), NOW)
    assert not rejected
    assert list(passed.frame()[name]) == list(values)


@pytest.mark.parametrize(("ahead_s", "kept"), [(5, 1), (6, 0)])
def test_future(ahead_s: int, kept: int) -> None:
    passed, rejected = Border().admit(points("mark_price", 100.0, end=NOW + timedelta(seconds=ahead_s)), NOW)
    assert len(passed.frame()) == kept
    assert [said(rejection).split(" (")[0] for rejection in rejected] == ["lies in the future"] * (1 - kept)


@pytest.mark.parametrize(
    ("shift", "kept"),
    [
        pytest.param(timedelta(0), 5, id="on time"),
        pytest.param(timedelta(seconds=20), 4, id="a clock that is wrong: the newest row alone"),
        pytest.param(2 * HOUR, 0, id="an answer that is shifted: none of it"),
    ],
)
def test_a_history_that_is_shifted_overwrites_nothing(shift: timedelta, kept: int) -> None:
    passed, rejected = Border().admit(points("close", 1.0, 2.0, 3.0, 4.0, 5.0, end=NOW + shift, step=HOUR), NOW)
    assert len(passed.frame()) == kept
    assert len(rejected) == 5 - kept
    if not kept:
        assert {said(rejection).split(" (")[0] for rejection in rejected} == {
            "lies in the future",
            "came in an answer that reaches into the future",
        }


def test_one_bad_column_leaves_the_row() -> None:
    frame = points("mark_price", 100.0).frame().assign(index_price=0.0)
    passed, rejected = Border().admit(Points.of_frame("binance", "BTC", None, frame), NOW)
    assert list(passed.frame().columns) == ["mark_price"]
    assert [rejection.name for rejection in rejected] == ["index_price"]


def test_a_bar_is_one_measurement() -> None:
    frame = points("close", 100.0, 0.0, 100.0).frame().assign(volume_usd=[5.0, 0.0, 5.0])
    passed, rejected = Border().admit(Points.of_frame("binance", "BTC", HOUR, frame), NOW)
    assert list(passed.frame()["volume_usd"]) == [5.0, 5.0]
    assert [rejection.name for rejection in rejected] == ["close"]


def test_slip_at_the_front_of_a_first_batch() -> None:
    passed, rejected = Border().admit(points("mark_price", 100_000.0, *[100.0] * 9), NOW)
    assert list(passed.frame()["mark_price"]) == [100.0] * 9
    assert len(rejected) == 1


def test_assets_and_venues_are_apart() -> None:
    border = Border()
    border.admit(points("mark_price", 90_000.0), NOW)
    _, rejected = border.admit(Points.of_frame("binance", "PEPE", None, points("mark_price", 0.00001).frame()), NOW)
    assert not rejected


def test_new_level_is_believed_after_a_day() -> None:
    border = Border()
    border.admit(points("mark_price", 100.0), NOW)
    for hour in range(24):
        at = NOW + HOUR * hour
        _, rejected = border.admit(points("mark_price", 100_000.0, end=at), at)
        assert rejected, hour
    at = NOW + BELIEVED
    _, rejected = border.admit(points("mark_price", 100_000.0, end=at), at)
    assert not rejected


def test_odd_values_that_do_not_agree_are_never_believed() -> None:
    border = Border()
    border.admit(points("mark_price", 100.0), NOW)
    for hour in range(60):
        at = NOW + HOUR * hour
        odd = 1e5 if hour % 2 else 1e9
        _, rejected = border.admit(points("mark_price", odd, end=at), at)
        assert rejected, hour


@given(
    name=st.sampled_from(sorted(INPUTS)),
    values=st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=9),
)
def test_what_passes_can_be_true(name: str, values: list[float]) -> None:
    given_points = points(name, *values, step=HOUR if INPUTS[name].kind == "bar" else None)
    passed, rejected = Border().admit(given_points, NOW)
    kept = passed.frame()[name].tolist() if name in passed.frame() else []
    told = [value for value in kept if not math.isnan(value)]  # one that is empty and alone is stored as nothing
    assert all(INPUTS[name].possible(value) for value in told)
    assert len(kept) + len(rejected) == len(values)


FIGURES = st.sampled_from([1.0, 2.0, 50.0, 150.0, 900.0, 1e5, 0.0, -1.0, math.nan, math.inf, 0.01])


def figure_by_figure(past: Callable[..., Newest | None]) -> Border:
    """A border that takes no short way: each figure is judged by itself."""
    border = Border(past)
    for short in ("begins", "ordinary", "smooth"):
        assert callable(getattr(border._yardsticks, short))
        setattr(border._yardsticks, short, lambda *_: False)
    return border


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "step"),
    [
        pytest.param(("close",), HOUR, id="prices"),
        pytest.param(("volume_usd",), HOUR, id="flows"),
        pytest.param(("open", "close"), HOUR, id="candles"),
        pytest.param(("open_interest_coin",), None, id="levels"),
        pytest.param(
            ("open_interest_coin", "funding_interval_hours", "fear_greed"), None, id="levels of several kinds"
        ),
        pytest.param(("funding_interval_hours",), None, id="within bounds"),
    ],
)
@given(
    calm=st.lists(st.sampled_from([1.0, 2.0, 3.0, 40.0]), min_size=17, max_size=40),
    wild=st.lists(FIGURES, min_size=1, max_size=40),
    past=st.sampled_from([None, 1.0, 1e6]),
)
@example(calm=[1.0] * 17, wild=[1.0] * 16, past=None)
@example(calm=[1.0] * 17, wild=[1.0, 150.0, 150.0, *[1.0] * 16], past=None)
def test_a_long_column_is_judged_as_figure_by_figure(
    names: tuple[str, ...], step: timedelta | None, calm: list[float], wild: list[float], past: float | None
) -> None:
    def known(*_: str) -> Newest | None:
        return None if past is None else Newest(NOW - 50 * HOUR, past, "binance")

    at_once, singly = Border(known), figure_by_figure(known)
    for values in (wild[:1], calm, wild, [*calm, *wild], calm):
        every = points(names[0], *values, step=step)
        for shift, name in enumerate(names[1:], 1):
            every = replace(every, columns={**every.columns, name: [*values[shift:], *values[:shift]]})
        found = [way.admit(every, NOW) for way in (at_once, singly)]
        pd.testing.assert_frame_equal(found[0][0].frame(), found[1][0].frame())
        assert repr(found[0][1]) == repr(found[1][1])
    assert known_of(at_once) == known_of(singly)
    assert at_once._open == singly._open


BOUNDS = st.sampled_from([edge for name in SURE for edge in (*SURE[name], *WITHIN.get(name, ()), *INTERVALS)])


@given(
    st.sampled_from(sorted(INPUTS)),
    st.lists(BOUNDS | BOUNDS.map(lambda edge: math.nextafter(edge, 0)) | st.floats() | st.floats(0, 10), max_size=30),
)
def test_figures_of_a_column_are_possible_as_each_by_itself(name: str, figures: list[float]) -> None:
    singly = [impossible(name, figure) is None for figure in figures]
    assert possible(name, np.array(figures, dtype=float)).tolist() == singly
    if len(figures) >= LONG or all_possible(name, figures):
        assert all_possible(name, figures) == all(singly)


@pytest.mark.parametrize(
    ("rates", "why"),
    [
        pytest.param([3e-4] * 21 + [3e-6] * 9, {"switch"}, id="all that is paid is a hundredth"),
        pytest.param([3e-4] * 21 + [3e-6] * 8 + [3e-5], {"switch"}, id="eight of nine"),
        pytest.param([3e-4] * 21 + [3e-6] * 7 + [3e-5] * 2, set(), id="seven of nine"),
        pytest.param([3e-6] * 9 + [3e-4] * 21, {"switch"}, id="small before, and no more"),
        pytest.param([1e-4] * 9 + [3.1e-3] * 9, {"switch"}, id="thirty times and dear"),
        pytest.param([1e-4] * 9 + [2.9e-3] * 9, set(), id="a little less than thirty times"),
        pytest.param([2.1e-3] * 100, {"percent"}, id="dear for a month"),
        pytest.param([2e-3] * 100, set(), id="as dear as a contract has been"),
    ],
)
def test_rates_in_another_unit(rates: list[float], why: set[str]) -> None:
    eight = 8 * to_ms(datetime(1970, 1, 1, 1, tzinfo=UTC))
    rows = [(place, to_ms(NOW) + place * eight, rate) for place, rate in enumerate(rates)]
    assert {fault.why for fault in switch(rows)} == why


def known_of(border: Border) -> dict[tuple[str, ...], dict[str, str]]:
    """What a border knows, by venue, input and asset; a power is not the same to the last digit in columns."""
    return {
        (*key, asset): {
            name: f"{value:.12g}" if isinstance(value, float) else repr(value) for name, value in asdict(known).items()
        }
        for key in border._known._known
        for asset, known in border._known.of(*key).items()
    }


LIVE = ("funding_rate", "funding_interval_hours", "mark_price", "open_interest_coin", "open_interest_usd")
MOVES = st.sampled_from([1.0, 1.0, 1.01, 1.5, 2.5, 50.0, 1e4, 1e-4, 0.0, -1.0, math.nan])


CALM = st.just((1.0,) * len(LIVE))
STEADY = tuple(f"C{number}" for number in range(17))  # with which an answer is long enough for columns


@given(
    minutes=st.lists(
        st.tuples(
            st.lists(st.one_of(CALM, CALM, CALM, st.tuples(*[MOVES] * len(LIVE))), min_size=3, max_size=3),
            st.sampled_from([0, 0, 0, -600, -1, 1, 60]),  # seconds by which the venue's clock is ahead
            st.sampled_from([1, 1, 90, 60 * 24 * 40]),  # minutes until the next
            st.sampled_from([0, 0, 0, 1]),  # how many of the assets are missing
        ),
        min_size=2,
        max_size=9,
    )
)
@example([([(1.0,) * 5] * 3, 0, 1, 0)] * 3 + [([(1.0,) * 5] * 2 + [(1.0, 1.0, 1.0, 1.0, 50.0)], 0, 1, 0)] * 3)
def test_a_snapshot_is_judged_as_asset_by_asset(
    minutes: list[tuple[list[tuple[float, ...]], int, int, int]],
) -> None:
    at_once, singly = Border(), Border()
    usual, now = (0.0001, 8.0, 100.0, 1e6, 1e8), NOW
    for factors, ahead, pause, missing in minutes:
        at = to_ms(now + timedelta(seconds=ahead))
        assets = ("BTC", "ETH", "SOL", *STEADY)[missing:]
        every = [*factors, *[(1.0,) * len(LIVE)] * len(STEADY)][missing:]
        rows = [[figure * by for figure, by in zip(usual, row, strict=True)] for row in every]
        columns = {name: [row[place] for row in rows] for place, name in enumerate(LIVE)}
        snapshot = Snapshot("binance", assets, [at] * len(assets), columns)
        good, others = at_once.admit_all(snapshot, now)
        passed = [(good.of(place), []) for place in range(len(good))]
        passed += [at_once.admit(other, now) for other in others]
        expected = [singly.admit(snapshot.of(place), now) for place in range(len(assets))]
        assert {alone.asset: repr((alone, out)) for alone, out in passed} == {
            alone.asset: repr((alone, out)) for alone, out in expected
        }
        now += timedelta(minutes=pause)
    assert known_of(at_once) == known_of(singly)
    for overlap in (at_once._overlap, singly._overlap):
        for name in LIVE:
            overlap._newest_of("binance", name)
    assert at_once._overlap._newest == singly._overlap._newest
    assert at_once._overlap._first == singly._overlap._first


# --- several chunks, singles and histories in between -----------------------------------------------------------------

NAMES_TOLD = st.sampled_from([LIVE, LIVE, LIVE[:2], LIVE[2:3], LIVE[3:], ("long_short_accounts",)])
USUAL = dict(zip((*LIVE, "long_short_accounts"), (0.0001, 8.0, 100.0, 1e6, 1e8, 1.2), strict=True))
FACTORS = st.sampled_from([1.0, 1.001, 1.5, 2.5, 50.0, 1e4, 1e-4, 0.0, -1.0, math.nan])
EVERY = tuple(f"C{number:02d}" for number in range(40))
# What a chunk tells of, by its ends; of 16 assets on columns pay.
CHUNKS = st.sampled_from([(0, 20), (0, 20), (20, 40), (20, 40), (10, 30), (0, 40), (1, 20), (0, 16), (0, 15)])


@dataclass(frozen=True)
class Answer:
    """What a venue tells of a chunk of assets, or of one of them by itself, or of the hours before.

    odd: by how many times the figures of some places are more than usual. ahead: of the venue's clock, seconds.
    """

    venue: str
    names: tuple[str, ...]
    chunk: tuple[int, int]
    odd: tuple[tuple[int, float], ...] = ()
    ahead: int = 0
    hours: int = 0

    def column(self, name: str, step: int) -> list[float]:
        """A little more with each step, so that each answer has figures of its own."""
        odd, moves = dict(self.odd), 1.0 if name == "funding_interval_hours" else 1 + step / 1e4
        return [USUAL[name] * moves * odd.get(place, 1.0) for place in range(*self.chunk)]

    def snapshot(self, now: datetime, step: int) -> Snapshot:
        assets, at = EVERY[slice(*self.chunk)], to_ms(now + timedelta(seconds=self.ahead))
        return Snapshot(self.venue, assets, [at] * len(assets), {name: self.column(name, step) for name in self.names})

    def history(self, now: datetime, step: int) -> Points:
        times = [to_ms(now.replace(minute=0, second=0) - HOUR * back) for back in reversed(range(self.hours))]
        columns = {name: self.column(name, step)[:1] * self.hours for name in self.names}
        return Points(self.venue, EVERY[self.chunk[0]], None, times, columns)


ODD = st.lists(st.tuples(st.integers(0, 39), FACTORS), max_size=2).map(tuple)
VENUES = st.sampled_from(["binance", "okx"])
CALM_CHUNKS = st.builds(Answer, VENUES, NAMES_TOLD, CHUNKS)
ODD_CHUNKS = st.builds(Answer, VENUES, NAMES_TOLD, CHUNKS, ODD, st.sampled_from([0, 0, -1, 1, 60, -600, -700]))
SINGLES = st.builds(Answer, VENUES, NAMES_TOLD, st.integers(0, 39).map(lambda place: (place, place + 1)), ODD)
HISTORIES = SINGLES.flatmap(lambda one: st.sampled_from([3, 6, 24]).map(lambda hours: replace(one, hours=hours)))
OF_ALL = Answer("okx", LIVE, (0, 20))


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            CALM_CHUNKS | CALM_CHUNKS | ODD_CHUNKS | SINGLES | HISTORIES | st.sets(st.sampled_from(EVERY), min_size=1),
            st.sampled_from([1, 1, 1, 5, 30, 90, 60 * 24 * 40, -1]),  # minutes until the next
        ),
        min_size=4,
        max_size=25,
    )
)
@example([(OF_ALL, 1)] * 5 + [(replace(OF_ALL, chunk=(10, 30)), 1)])
@example([(OF_ALL, 90)] * 3)
@example([(OF_ALL, 1)] * 5 + [({"C03"}, 1)] + [(OF_ALL, 1)] * 3)
@example([(OF_ALL, 1)] * 5 + [(replace(OF_ALL, chunk=(10, 30)), 1)] * 3 + [(OF_ALL, 1)] * 3)
@example([(OF_ALL, 1)] * 5 + [(replace(OF_ALL, chunk=(3, 4), odd=((3, 1.5),)), 1)] + [(OF_ALL, 1)] * 3)
@example([(OF_ALL, 1)] * 5 + [(replace(OF_ALL, chunk=(3, 4), odd=((3, 2.5),), hours=6), 1)] + [(OF_ALL, 1)] * 3)
@examples(60)
def test_chunks_that_overlap_are_judged_as_asset_by_asset(story: list[tuple[Answer | set[str], int]]) -> None:
    at_once, singly, now = Border(), Border(), NOW
    for step, (change, pause) in enumerate(story):
        if not isinstance(change, Answer):
            at_once.forget(change)
            singly.forget(change)
        elif change.hours:
            assert repr(at_once.admit(change.history(now, step), now)) == repr(
                singly.admit(change.history(now, step), now)
            )
        else:
            snapshot = change.snapshot(now, step)
            good, others = at_once.admit_all(snapshot, now)
            passed = [(good.of(place), []) for place in range(len(good))]
            passed += [at_once.admit(other, now) for other in others]
            expected = [singly.admit(snapshot.of(place), now) for place in range(len(snapshot))]
            assert {alone.asset: repr((alone, out)) for alone, out in passed} == {
                alone.asset: repr((alone, out)) for alone, out in expected
            }
        now += timedelta(minutes=pause)
    assert known_of(at_once) == known_of(singly)
    assert at_once._open == singly._open
    for border in (at_once, singly):
        for venue, name in list(border._overlap._told):
            border._overlap._newest_of(venue, name)
    for kept in ("_newest", "_first"):
        found, meant = ({key: of for key, of in vars(way._overlap)[kept].items() if of} for way in (at_once, singly))
        assert found == meant


def test_what_comes_of_the_same_assets_again_is_judged_in_columns() -> None:
    border, alone = Border(), Points("binance", "BTC", None, [to_ms(NOW)], {"mark_price": [100.0]})
    border.admit(alone, NOW)
    for minute in range(4):
        now = NOW + timedelta(minutes=minute)
        columns = {"mark_price": [100.0 + minute] * len(STEADY), "funding_rate": [0.0001] * len(STEADY)}
        _, others = border.admit_all(Snapshot("binance", STEADY, [to_ms(now)] * len(STEADY), columns), now)
        assert len(others) == (0 if minute else len(STEADY))
        for other in others:
            border.admit(other, now)
    assert set(border._known._columns) == {("binance", "mark_price"), ("binance", "funding_rate")}
    border.admit(alone, NOW)
    assert border._known._columns["binance", "mark_price"], "another asset of the venue leaves them alone"
    known = border._known.of("binance", "mark_price")["C0"]
    assert (known.good, known.before, known.at) == (103.0, 102.0, to_ms(NOW + timedelta(minutes=3)))
    assert set(border._known._columns) == {("binance", "funding_rate")}, "who is asked for one may change it"


@given(st.sampled_from(sorted(INPUTS)), st.floats(1e-6, 1 - 1e-6), st.floats(-20, 20))
def test_what_is_surely_possible_is_not_impossible(name: str, place: float, power: float) -> None:
    least, most = SURE[name]
    for value in (least + place * (most - least), 10.0**power, -(10.0**power), math.nextafter(least, most)):
        if least < value < most:
            assert impossible(name, value) is None


def test_of_every_input_but_one_something_is_surely_possible() -> None:
    assert [name for name, (least, most) in SURE.items() if not least < most] == ["funding_interval_hours"]
    assert not any(least < bound < most for least, most in SURE.values() for bound in (math.nan, math.inf, -math.inf))


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        pytest.param(100.0, 110.1, True, id="a tenth up"),
        pytest.param(100.0, 109.9, False, id="less"),
        pytest.param(100.0, 90.9, True, id="as much down"),
        pytest.param(100.0, 91.0, False, id="less down"),
        pytest.param(math.nan, 100.0, False, id="not known before"),
    ],
)
def test_a_price_that_moves_by_a_tenth_proves_a_leap_of_what_is_open(before: float, after: float, moved: bool) -> None:
    assert price_moved(before, after) is moved
