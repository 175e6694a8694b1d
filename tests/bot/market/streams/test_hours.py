from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.market.streams.hours import GRACE_MS, Bars
from signals.units import HOUR_MS

HOUR0 = 497_000 * HOUR_MS
MINUTE = 60_000


def _bars(**kind: bool) -> Bars:
    return Bars("bybit", **kind)


def _heard(bars: Bars, start: int, end: int) -> None:
    bars.watch("BTC", HOUR0 + start)
    bars.cover(HOUR0 + end)
    bars.lost()


@pytest.mark.parametrize(
    ("stretches", "whole"),
    [
        pytest.param([(0, HOUR_MS)], True, id="from end to end"),
        pytest.param([(-MINUTE, HOUR_MS + MINUTE)], True, id="and beyond"),
        pytest.param([(0, HOUR_MS - 1)], False, id="a millisecond short"),
        pytest.param([(1, HOUR_MS + 1)], False, id="a millisecond late"),
        pytest.param([(0, 30 * MINUTE), (30 * MINUTE, HOUR_MS)], True, id="two stretches that meet"),
        pytest.param([(0, 30 * MINUTE), (31 * MINUTE, HOUR_MS)], False, id="a minute between"),
        pytest.param([], False, id="not at all"),
    ],
)
def test_an_hour_is_whole_when_all_of_it_was_heard(stretches: list[tuple[int, int]], whole: bool) -> None:
    bars = _bars()
    bars.add("BTC", HOUR0, "long", 5.0)
    for start, end in stretches:
        _heard(bars, start, end)
    assert bars.close(HOUR0 + HOUR_MS + GRACE_MS)
    (hour,) = [hour for hour in bars.hours() if hour.at == datetime.fromtimestamp(HOUR0 / 1000, UTC)]
    assert hour.whole is whole
    assert (hour.longs_usd, hour.shorts_usd) == (5.0, 0.0), "what was heard is kept, whole or not"


def test_an_hour_stays_open_for_what_is_told_late_and_is_closed_once() -> None:
    bars = _bars()
    _heard(bars, 0, HOUR_MS + 2 * MINUTE)
    last = HOUR0 + HOUR_MS - 1
    assert not bars.close(last + GRACE_MS)
    assert bars.add("BTC", last, "short", 3.0)
    assert bars.close(last + 1 + GRACE_MS)
    assert not bars.close(last + 1 + GRACE_MS)
    assert not bars.add("BTC", last, "short", 4.0), "a bar that was handed out does not change any more"
    assert bars.hours("BTC")[0].shorts_usd == 3.0


def test_an_event_on_the_close_belongs_to_the_next_hour() -> None:
    bars = _bars()
    bars.add("BTC", HOUR0 + HOUR_MS, "long", 1.0)
    assert [hour.at for hour in bars.hours()] == [datetime.fromtimestamp((HOUR0 + HOUR_MS) / 1000, UTC)]


def test_a_figure_that_was_kept_out_leaves_its_hour_broken() -> None:
    bars = _bars()
    _heard(bars, 0, HOUR_MS)
    bars.spoil("BTC", HOUR0 + 5)
    bars.close(HOUR0 + HOUR_MS + GRACE_MS)
    assert [(hour.whole, hour.rejected) for hour in bars.hours()] == [(False, 1)]


@pytest.mark.parametrize(
    ("spoke", "whole"), [pytest.param(True, True, id="of one"), pytest.param(False, False, id="of none")]
)
def test_a_feed_of_every_contract_must_have_spoken(spoke: bool, whole: bool) -> None:
    bars = _bars(speaks_hourly=True)
    _heard(bars, 0, HOUR_MS)
    if spoke:
        bars.heard(HOUR0 + 7)
    bars.close(HOUR0 + HOUR_MS + GRACE_MS)
    assert [hour.whole for hour in bars.hours()] == [whole]


@given(
    cuts=st.lists(st.integers(-2 * HOUR_MS, 4 * HOUR_MS), min_size=2, max_size=12, unique=True),
    listening=st.lists(st.booleans(), min_size=11, max_size=11),
)
def test_what_was_heard_is_counted_once_and_in_its_hour(cuts: list[int], listening: list[bool]) -> None:
    """The time that is covered is the length of what was listened to, however it is cut."""
    bars, stretches = _bars(), list(pairwise(sorted(cuts)))
    kept = [stretch for stretch, on in zip(stretches, listening, strict=False) if on]
    for start, end in kept:
        bars.watch("BTC", HOUR0 + start)
        for at in range(start, end, 17 * MINUTE):
            bars.cover(HOUR0 + at)
        bars.cover(HOUR0 + end)
        bars.lost()
    total = sum((hour.covered for hour in bars.hours()), timedelta(0))
    assert total == timedelta(milliseconds=sum(end - start for start, end in kept))
    assert all(hour.covered <= timedelta(hours=1) for hour in bars.hours())


@given(
    st.lists(
        st.tuples(st.sampled_from(["BTC", "ETH"]), st.integers(0, 3 * HOUR_MS), st.sampled_from(["long", "short"]),
                  st.integers(1, 10**9)),
        max_size=40,
    ),
    st.integers(0, 40),
)  # fmt: skip
def test_a_restart_anywhere_changes_no_sum(events: list[tuple[str, int, str, int]], cut: int) -> None:
    straight, first, second = _bars(), _bars(), _bars()
    for asset, at, side, usd in events:
        straight.add(asset, HOUR0 + at, side, usd)  # type: ignore[arg-type] # drawn from the two
    for asset, at, side, usd in events[:cut]:
        first.add(asset, HOUR0 + at, side, usd)  # type: ignore[arg-type] # as above
    second.restore(first.hours())
    for asset, at, side, usd in events[cut:]:
        second.add(asset, HOUR0 + at, side, usd)  # type: ignore[arg-type] # as above
    assert second.hours() == straight.hours()
    assert straight.total("BTC", HOUR0) == sum(usd for asset, _, _, usd in events if asset == "BTC")


def test_hours_are_forgotten() -> None:
    bars = _bars()
    for n in range(3):
        bars.add("BTC", HOUR0 + n * HOUR_MS, "long", 1.0)
    bars.forget(HOUR0 + 2 * HOUR_MS)
    assert len(bars.hours()) == 1
