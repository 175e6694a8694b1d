"""Token buckets and windows: what passes, what a flood gets, and who is forgotten."""

from __future__ import annotations

import pytest

from bot.buckets import Buckets, Pace, PerMinute


@pytest.mark.parametrize(
    ("rate", "times", "passed"),
    [
        pytest.param(Pace(3, 60), [0, 0, 0, 0], [True, True, True, False], id="a burst"),
        pytest.param(Pace(1, 60), [0, 0.5, 1.0], [True, False, True], id="filled again while somebody asks on"),
        pytest.param(Pace(1, 60), [0, 100, 100], [True, True, False], id="never fuller than full"),
        pytest.param(Pace(1, 60), [5, 3, 6], [True, False, True], id="a time that goes back counts nothing"),
        pytest.param(Pace(1, 60, debt=3), [0, 0.5, 1.0], [True, False, False], id="what is refused counts"),
        pytest.param(Pace(1, 60, debt=3), [0, 0, 4], [True, False, True], id="until there was quiet"),
    ],
)
def test_a_bucket(rate: Pace, times: list[float], passed: list[bool]) -> None:
    buckets = Buckets(rate)
    assert [buckets.take("Ann", at) for at in times] == passed
    assert buckets.take("Ben", times[-1]), "somebody else has one of their own"


def test_a_flood_dries_up_and_is_forgiven() -> None:
    buckets = Buckets(Pace(8, 20, debt=10))
    passed = sum(buckets.take("Ann", at / 100) for at in range(60 * 100))
    assert passed == 8, "100 a second for a minute"
    wait = buckets.wait("Ann", 60)
    assert wait == pytest.approx(33, abs=0.1)
    assert buckets.take("Ann", 60 + wait)


def test_who_has_not_asked_for_long_is_forgotten() -> None:
    buckets, window = Buckets(Pace(1, 60)), PerMinute(2)
    for number in range(5_000):
        buckets.take(number, number * 10.0)
        window.count(number, number * 10.0)
    assert len(buckets) < 1_500
    assert len(window) < 1_500


def test_a_window_holds_so_many_within_any_minute() -> None:
    window = PerMinute(2)
    said = []
    for at in range(0, 180, 10):
        if window.free("Ann", at):
            window.count("Ann", at)
            said.append(at)
    assert said == [0, 10, 60, 70, 120, 130]
    assert (window.wait("Ann", 140), window.wait("Ben", 140)) == (40, 0)
