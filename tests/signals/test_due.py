"""When a digest is due: clocks on walls that skip an hour, show one twice, or lose a whole day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signals.due import EVERY_DAY, WEEKDAYS, WallTime, newest_due, next_due
from signals.units import DAY, MINUTE


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "at", "after", "expected"),
    [
        # reference/platforms.md, section 4
        pytest.param("America/New_York", "02:30", "2026-03-07T12:00", "2026-03-08T07:30", id="New York skips 02:30"),
        pytest.param("America/New_York", "02:30", "2026-03-08T07:30", "2026-03-09T06:30", id="and the day after"),
        pytest.param("America/New_York", "01:30", "2026-10-31T12:00", "2026-11-01T05:30", id="New York shows 01:30"),
        pytest.param("America/New_York", "01:30", "2026-11-01T05:30", "2026-11-02T06:30", id="not a second time"),
        pytest.param("Africa/Cairo", "00:00", "2026-04-23T12:00", "2026-04-23T22:00", id="Cairo has no midnight"),
        pytest.param("Africa/Cairo", "00:00", "2026-04-23T22:00", "2026-04-24T21:00", id="Cairo, the day after"),
        pytest.param("Africa/Cairo", "23:30", "2026-10-29T12:00", "2026-10-29T20:30", id="Cairo shows 23:30 twice"),
        pytest.param("Africa/Cairo", "23:30", "2026-10-29T20:30", "2026-10-30T21:30", id="not a second time there"),
        pytest.param("Australia/Lord_Howe", "02:15", "2026-10-03T12:00", "2026-10-03T15:45", id="half an hour skipped"),
        pytest.param("Australia/Lord_Howe", "01:45", "2026-04-04T12:00", "2026-04-04T14:45", id="half an hour twice"),
        pytest.param("Australia/Lord_Howe", "01:45", "2026-04-04T14:45", "2026-04-05T15:15", id="and only once said"),
        pytest.param("America/Santiago", "00:00", "2026-09-05T12:00", "2026-09-06T04:00", id="Santiago, no midnight"),
        pytest.param("America/Santiago", "23:30", "2026-04-04T12:00", "2026-04-05T02:30", id="Santiago, 23:30 twice"),
        pytest.param("America/Santiago", "23:30", "2026-04-05T02:30", "2026-04-06T03:30", id="Santiago, not again"),
        pytest.param("Europe/Berlin", "09:00", "2026-10-24T12:00", "2026-10-25T08:00", id="Berlin, after the change"),
        pytest.param("Europe/Berlin", "09:00", "2026-03-28T08:00", "2026-03-29T07:00", id="Berlin, 23 hours later"),
        pytest.param("Pacific/Apia", "09:00", "2011-12-29T19:00", "2011-12-30T19:00", id="Samoa had no 30 December"),
        pytest.param("Pacific/Apia", "09:00", "2011-12-30T19:00", "2011-12-31T19:00", id="and one 31st"),
        pytest.param("Etc/GMT-14", "00:05", "2026-01-01T00:00", "2026-01-01T10:05", id="the first place to wake"),
        pytest.param("UTC", "09:00", "2026-01-01T09:00", "2026-01-02T09:00", id="due at this moment is past"),
    ],
)
def test_the_next_time_by_the_clock_on_the_wall(zone: str, at: str, after: str, expected: str) -> None:
    assert next_due(WallTime(time.fromisoformat(at)), ZoneInfo(zone), utc(after)) == utc(expected)


@pytest.mark.parametrize(
    ("days", "after", "done", "expected"),
    [
        pytest.param(WEEKDAYS, "2026-11-27T09:00", None, "2026-11-30T08:30", id="from Friday to Monday"),
        pytest.param(WEEKDAYS, "2026-11-26T09:00", None, "2026-11-27T08:30", id="from Thursday to Friday"),
        pytest.param((6,), "2026-11-29T08:30", None, "2026-12-06T08:30", id="a week on"),
        pytest.param((6,), "2026-11-29T08:29", None, "2026-11-29T08:30", id="in a minute"),
        pytest.param(EVERY_DAY, "2026-11-29T07:00", date(2026, 11, 29), "2026-11-30T08:30", id="today is done"),
        pytest.param(EVERY_DAY, "2026-11-29T07:00", date(2026, 12, 3), "2026-11-29T08:30", id="done by a wrong clock"),
        pytest.param((6,), "2026-11-29T07:00", date(2026, 11, 29), "2026-12-06T08:30", id="the week is done"),
    ],
)
def test_days_of_the_week_and_what_is_done(days: tuple[int, ...], after: str, done: date | None, expected: str) -> None:
    assert next_due(WallTime(time(8, 30), days), ZoneInfo("UTC"), utc(after), done) == utc(expected)


@pytest.mark.parametrize("days", [(), (7,), (-1,), (1, 0), (2, 2)])
def test_what_is_no_row_of_days_is_refused(days: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="0 to 6"):
        WallTime(time(9), days)


ZONES = (
    "America/New_York",
    "Europe/Berlin",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Africa/Casablanca",
)
WALLS = st.builds(
    lambda minute, days: WallTime(time(minute // 60, minute % 60), tuple(sorted(days))),
    st.integers(0, 1439),
    st.sets(st.integers(0, 6), min_size=1),
)


@given(WALLS, st.sampled_from(ZONES), st.lists(st.integers(1, 4000), min_size=1, max_size=12), st.integers(0, 366))
def test_one_a_date_over_a_year_of_minutes(wall: WallTime, zone: str, asleep: list[int], start: int) -> None:
    """A loop looks at each minute at which it is awake; whatever it misses is one, and no date is said twice."""
    here = ZoneInfo(zone)
    now = utc("2026-01-01T00:00") + start * DAY
    end = now + 366 * DAY
    due, said = next_due(wall, here, now), []
    began = now
    sleeps = iter(asleep)
    while now < end:
        # Nothing happens in the minutes before it is due, so they are passed over; then it may be off for a while.
        now = due + next(sleeps, 0) * MINUTE
        newest = newest_due(wall, here, now)
        assert due <= newest <= now
        said.append(newest.astimezone(here).date())
        due = next_due(wall, here, now, said[-1])
    assert len(set(said)) == len(said), "twice on a date"
    assert said == sorted(said)
    dates = {began.astimezone(here).date() + n * DAY for n in range(369)}
    last = said[-1]
    awake = [day for day in dates if day.weekday() in wall.days and said[min(len(asleep), len(said) - 1)] < day <= last]
    assert not set(awake) - set(said), "a date was skipped although it was running"


def rarest(wall: WallTime) -> timedelta:
    """How long it can be from one time to the next; two hours are left for the clock that goes back."""
    following = (*wall.days[1:], wall.days[0])
    apart = [(later - day - 1) % 7 + 1 for day, later in zip(wall.days, following, strict=True)]
    return max(apart) * DAY + timedelta(hours=2)


@given(WALLS, st.sampled_from(ZONES), st.integers(0, 366 * 1440))
def test_the_next_time_is_never_further_than_the_rarest(wall: WallTime, zone: str, minute: int) -> None:
    now = utc("2026-01-01T00:00") + timedelta(minutes=minute)
    here = ZoneInfo(zone)
    assert timedelta(0) < next_due(wall, here, now) - now <= rarest(wall)
    assert timedelta(0) <= now - newest_due(wall, here, now) <= rarest(wall)
