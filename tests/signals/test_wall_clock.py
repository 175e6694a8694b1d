"""Midnights, hours and hours of quiet by the clock on the wall, in zones whose clocks go forward and back."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.wall_clock import hours_of, midnight, quiet_until, shown_again, shown_next

ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "America/Santiago")
# Days around each of which a clock of one of them goes forward or back.
CHANGES = tuple(
    datetime.fromisoformat(day).replace(tzinfo=UTC)
    for day in (
        "2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-04-24", "2026-10-30", "2026-04-05", "2026-10-04",
        "2026-09-06",
    )
)  # fmt: skip
HOUR = timedelta(hours=1)
zones = st.sampled_from(ZONES).map(ZoneInfo)
clocks = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30)))
moments = st.builds(
    lambda day, minutes: day + timedelta(minutes=minutes), st.sampled_from(CHANGES), st.integers(-2880, 2880)
)


@pytest.mark.parametrize(
    ("hours", "zone", "now", "until"),
    [
        pytest.param("22:00-07:00", "UTC", "2026-01-15 23:30", "2026-01-16 07:00", id="over midnight, before it"),
        pytest.param("22:00-07:00", "UTC", "2026-01-16 06:59", "2026-01-16 07:00", id="over midnight, after it"),
        pytest.param("22:00-07:00", "UTC", "2026-01-16 07:00", None, id="just over"),
        pytest.param("22:00-07:00", "UTC", "2026-01-15 21:59", None, id="not yet"),
        pytest.param("13:00-15:00", "UTC", "2026-01-15 13:00", "2026-01-15 15:00", id="within a day"),
        pytest.param("22:00-07:00", "Europe/Berlin", "2026-01-15 21:30", "2026-01-16 06:00", id="by the chat's clock"),
        pytest.param("22:00-07:00", "America/New_York", "2026-01-15 23:30", None, id="evening elsewhere"),
        pytest.param("22:00-07:00", "Europe/Berlin", "2026-03-28 23:00", "2026-03-29 05:00", id="an hour is skipped"),
        pytest.param("22:00-07:00", "Europe/Berlin", "2026-10-24 23:00", "2026-10-25 06:00", id="an hour comes twice"),
        pytest.param("01:00-02:30", "Europe/Berlin", "2026-10-25 01:15", "2026-10-25 01:30", id="it ends twice"),
        pytest.param("01:00-02:30", "Europe/Berlin", "2026-03-29 00:30", "2026-03-29 01:30", id="its end is skipped"),
        pytest.param("22:00-07:00", "Australia/Lord_Howe", "2026-04-04 14:45", "2026-04-04 20:30", id="half an hour"),
    ],
)
def test_quiet_hours_end_by_the_clock_on_the_wall(hours: str, zone: str, now: str, until: str | None) -> None:
    found = quiet_until(hours, ZoneInfo(zone), datetime.fromisoformat(now).replace(tzinfo=UTC))
    assert found == (until and datetime.fromisoformat(until).replace(tzinfo=UTC))


@pytest.mark.parametrize(
    ("zone", "at", "days", "expected"),
    [
        pytest.param("UTC", "2026-01-15 23:30", 0, "2026-01-15 00:00", id="today"),
        pytest.param("UTC", "2026-01-15 23:30", 1, "2026-01-16 00:00", id="tomorrow"),
        pytest.param("America/New_York", "2026-01-15 03:00", 0, "2026-01-14 05:00", id="still yesterday there"),
        pytest.param("America/Santiago", "2026-09-06 12:00", 0, "2026-09-06 04:00", id="midnight is skipped"),
        pytest.param("Africa/Cairo", "2026-04-23 12:00", 1, "2026-04-23 22:00", id="tomorrow's midnight is skipped"),
        pytest.param("Africa/Cairo", "2026-10-29 20:30", 1, "2026-10-29 22:00", id="an hour before midnight twice"),
    ],
)
def test_a_day_begins_at_its_midnight(zone: str, at: str, days: int, expected: str) -> None:
    found = midnight(datetime.fromisoformat(at).replace(tzinfo=UTC), ZoneInfo(zone), days)
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(moments, zones)
def test_now_lies_between_two_midnights_in_every_zone(now: datetime, zone: ZoneInfo) -> None:
    before, after = midnight(now, zone), midnight(now, zone, 1)
    assert before <= now < after
    assert 23 * HOUR <= after - before <= 25 * HOUR
    assert midnight(before, zone) == before


@pytest.mark.parametrize(
    ("zone", "at", "clock", "expected"),
    [
        pytest.param("UTC", "2026-01-15 12:00", time(18), "2026-01-15 18:00", id="today"),
        pytest.param("UTC", "2026-01-15 12:00", time(12), "2026-01-16 12:00", id="not now but tomorrow"),
        pytest.param("Europe/Berlin", "2026-10-25 00:15", time(2, 30), "2026-10-25 00:30", id="the first of two"),
        pytest.param("Europe/Berlin", "2026-10-25 00:45", time(2, 30), "2026-10-25 01:30", id="the second of two"),
        pytest.param("Europe/Berlin", "2026-03-29 00:45", time(2, 30), "2026-03-29 01:30", id="it is skipped"),
        pytest.param("Europe/Berlin", "2026-03-29 01:45", time(2, 30), "2026-03-30 00:30", id="it was skipped"),
    ],
)
def test_when_a_clock_shows_an_hour_next(zone: str, at: str, clock: time, expected: str) -> None:
    found = shown_next(datetime.fromisoformat(at).replace(tzinfo=UTC), clock, ZoneInfo(zone))
    assert found == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@given(moments, clocks, zones)
def test_the_next_time_a_clock_shows_an_hour_is_the_first(now: datetime, clock: time, zone: ZoneInfo) -> None:
    found = shown_next(now, clock, zone)
    assert now < found <= now + 26 * HOUR
    shown = found.astimezone(zone).time()
    assert shown == clock or found.astimezone(zone).utcoffset() != (found - 2 * HOUR).astimezone(zone).utcoffset()
    minutes = (now + timedelta(minutes=passed) for passed in range(1, 26 * 60))
    first = next((minute for minute in minutes if minute.astimezone(zone).time() == clock), None)
    assert first is None or found <= first


@given(moments, clocks, clocks, zones)
def test_quiet_hours_hold_exactly_what_the_clock_shows_within_them(
    now: datetime, begin: time, end: time, zone: ZoneInfo
) -> None:
    hours = f"{begin:%H:%M}-{end:%H:%M}"
    assert hours_of(hours) == (begin, end)
    until, shown = quiet_until(hours, zone, now), now.astimezone(zone).time()
    within = begin <= shown < end if begin <= end else shown >= begin or shown < end
    assert (until is not None) is within
    if until is not None:
        assert now < until <= now + 25 * HOUR


@given(moments, zones)
def test_what_is_shown_again_is_the_same_time_later_or_nothing(at: datetime, zone: ZoneInfo) -> None:
    again = shown_again(at, zone)
    assert at <= again <= at + HOUR
    assert again.astimezone(zone).replace(tzinfo=None) == at.astimezone(zone).replace(tzinfo=None)
    assert shown_again(again, zone) == again, "a time comes twice at most"
