"""How long, until when, and from which hour to which: as people type it, in zones whose clocks go forward and back."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.command import Refused
from handlers.language.telling.switches import LONGEST, End, QuietHours, ToMute, quiet_hours, to_mute, typed_end

NOW = datetime(2026, 11, 25, 17, 20, tzinfo=UTC)  # a Wednesday, 18:20 in Berlin
BERLIN = "Europe/Berlin"


def at(text: str) -> End:
    """Return an end at a time in UTC."""
    return End(datetime.fromisoformat(text).replace(tzinfo=UTC))


BACK = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)  # 22:00 in Berlin; at three the clock goes back to two


@pytest.mark.parametrize(
    ("text", "now", "end"),
    [
        pytest.param("2:30", BACK, "2026-10-25 01:30", id="without until"),
        pytest.param("until 2:30", BACK, "2026-10-25 01:30", id="with it"),
        pytest.param("until tomorrow 2:30", BACK, "2026-10-25 01:30", id="on a day"),
        pytest.param("until sunday 2:30", BACK, "2026-10-25 01:30", id="on a weekday"),
        pytest.param("until 2026-10-25 02:30", BACK, "2026-10-25 01:30", id="on a date"),
        pytest.param("until 2026-10-25 00:30 UTC", BACK, "2026-10-25 00:30", id="the first by name"),
        pytest.param("until 3:30", BACK, "2026-10-25 02:30", id="an hour that comes once"),
        pytest.param("until 2:30", BACK + timedelta(hours=4.75), "2026-10-25 01:30", id="between the two"),
        pytest.param("until 2:30", BACK + timedelta(hours=6), "2026-10-26 01:30", id="after both"),
    ],
)
def test_of_a_time_that_comes_twice_the_second_is_meant(text: str, now: datetime, end: str) -> None:
    found = to_mute(text, now, BERLIN).end
    assert found is not None
    assert found.at == at(end).at
    twice = found.at == at("2026-10-25 01:30").at and now == BACK
    assert found.first == (at("2026-10-25 00:30").at if twice else None)


@pytest.mark.parametrize("until", ["2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 02:30", "2026-10-24 23:30"])
def test_an_end_is_typed_so_that_it_is_read_back(until: str) -> None:
    end = at(until).at
    read = to_mute(typed_end(end, BERLIN), BACK, BERLIN).end
    assert read is not None
    assert read.at == end


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("2h", at("2026-11-25 19:20")),
        ("2 h", at("2026-11-25 19:20")),
        ("2 hours", at("2026-11-25 19:20")),
        ("for 90 min", at("2026-11-25 18:50")),
        ("90m", at("2026-11-25 18:50")),
        ("1h30", at("2026-11-25 18:50")),
        ("1h 30m", at("2026-11-25 18:50")),
        ("1.5h", at("2026-11-25 18:50")),
        ("1,5 h", at("2026-11-25 18:50")),
        ("half an hour", at("2026-11-25 17:50")),
        ("an hour", at("2026-11-25 18:20")),
        ("2 days 3 hours", at("2026-11-27 20:20")),
        ("a week", at("2026-12-02 17:20")),
        ("until 18:00", at("2026-11-26 17:00")),
        ("until 19", at("2026-11-25 18:00")),
        ("until 6 pm", at("2026-11-26 17:00")),
        ("till 7pm", at("2026-11-25 18:00")),
        ("until noon", at("2026-11-26 11:00")),
        ("until midnight", at("2026-11-25 23:00")),
        ("until monday", at("2026-11-29 23:00")),
        ("until next monday", at("2026-11-29 23:00")),
        ("monday 9:00", at("2026-11-30 08:00")),
        ("monday morning", at("2026-11-30 07:00")),
        ("until wednesday", at("2026-12-01 23:00")),
        ("until wed 20:00", at("2026-11-25 19:00")),
        ("until sun", at("2026-11-28 23:00")),
        ("until tomorrow", at("2026-11-25 23:00")),
        ("until 6pm tomorrow", at("2026-11-26 17:00")),
        ("until 18:00 on monday", at("2026-11-30 17:00")),
        ("tomorrow 8am", at("2026-11-26 07:00")),
        ("until 24 dec", at("2026-12-23 23:00")),
        ("until december 24 18:00", at("2026-12-24 17:00")),
        ("until 5 may", at("2027-05-04 22:00")),
        ("until 2026-12-24", at("2026-12-23 23:00")),
        ("until over", End(over=True)),
        ("until it is over", End(over=True)),
        ("for good", End()),
        ("forever", End()),
        ("", None),
    ],
)
def test_how_long(text: str, end: End | None) -> None:
    assert to_mute(text, NOW, BERLIN).end == end
    assert to_mute(f"oi {text}", NOW, BERLIN) == ToMute("oi", None, None, end)
    assert to_mute(f"{text} btc funding", NOW, BERLIN) == ToMute("btc funding", None, None, end)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the oi alarm of btc", ToMute("oi btc")),
        ("everything 2h", ToMute("", "everything", None, at("2026-11-25 19:20"))),
        ("all", ToMute("", "everything")),
        ("all oi", ToMute("oi")),
        ("sun", ToMute("sun")),  # a coin
        ("1000pepe", ToMute("1000pepe")),
        ("episode 42", ToMute("", "episode", 42)),
        ("episode 42 until over", ToMute("", "episode", 42, End(over=True))),
        ("alarm of episode 42 8h", ToMute("", "alarm", 42, at("2026-11-26 01:20"))),
        ("everything of episode 42 until over", ToMute("", "everything", 42, End(over=True))),
    ],
)
def test_what(text: str, expected: ToMute) -> None:
    assert to_mute(text, NOW, BERLIN) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2h oi 5h", "I read two lengths of time in “2h oi 5h”."),
        ("oi 5", "Is 5 hours or days? Type it like 5h, or until 5:00."),
        ("oi 90", "Is 90 hours or days? Type it like 90h."),
        ("until", "Type it like 2h, until 18:00 or until monday."),
        ("until foo", "Until “foo” is no time that I know."),
        ("until 2h", "Until “2h” is no time that I know."),
        ("until 25", "Until “25” is no time that I know."),
        ("until 25:00", "25:00 is not a time."),
        ("until 31 feb", "There is no such day."),
        ("until 2026-13-01", "There is no such day."),
        ("until 2025-12-24", "That time has passed."),
        ("until 2028-01-01", "That is more than a year away."),
        ("today", "That time has passed."),
        ("0 min", "That is less than a minute. Type it like 2h, or for good."),
        ("99999999999999999999 days", "That is more than a year."),
    ],
)
def test_what_is_no_time_is_refused(text: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        to_mute(text, NOW, BERLIN)
    assert str(refused.value).startswith(said)


ZONES = ("UTC", "America/New_York", BERLIN, "Africa/Cairo", "Australia/Lord_Howe", "America/Santiago")
CHANGES = (
    "2026-03-08",
    "2026-11-01",
    "2026-03-29",
    "2026-10-25",
    "2026-04-24",
    "2026-10-30",
    "2026-04-05",
    "2026-09-06",
)
moments = st.builds(
    lambda day, minutes: datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(minutes=minutes),
    st.sampled_from(CHANGES),
    st.integers(-1500, 1500),
)
spans = st.tuples(
    st.integers(1, 300),
    st.sampled_from(
        [
            ("min", timedelta(minutes=1)),
            ("m", timedelta(minutes=1)),
            ("h", timedelta(hours=1)),
            ("days", timedelta(days=1)),
        ]
    ),
    st.sampled_from(["{}{}", "{} {}", "for {} {}"]),
)


@given(moments, st.sampled_from(ZONES), spans)
def test_a_length_is_as_long_in_every_zone(
    now: datetime, zone: str, span: tuple[int, tuple[str, timedelta], str]
) -> None:
    count, (unit, length), spelt = span
    assert to_mute(spelt.format(count, unit), now, zone).end == End(now + count * length)


@given(moments, st.sampled_from(ZONES), st.integers(0, 23), st.sampled_from((0, 15, 30)))
def test_until_an_hour_is_when_the_clock_there_shows_it(now: datetime, zone: str, hour: int, minute: int) -> None:
    end = to_mute(f"until {hour}:{minute:02}", now, zone).end
    assert end is not None
    assert end.at is not None
    assert now < end.at <= now + timedelta(hours=26)
    here = ZoneInfo(zone)
    skipped = end.at.astimezone(here).utcoffset() != (end.at - timedelta(hours=2)).astimezone(here).utcoffset()
    assert (end.at.astimezone(here).hour, end.at.astimezone(here).minute) == (hour, minute) or skipped


@given(
    moments, st.sampled_from(ZONES), st.sampled_from(["monday", "tue", "wednesday", "thu", "fri", "saturday", "sun"])
)
def test_until_a_weekday_is_when_it_begins_there(now: datetime, zone: str, day: str) -> None:
    end = to_mute(f"until {day}", now, zone).end
    assert end is not None
    assert end.at is not None
    assert now < end.at <= now + timedelta(days=7, hours=1)
    shown = end.at.astimezone(ZoneInfo(zone))
    assert shown.strftime("%A").lower().startswith(day)
    assert (end.at - timedelta(minutes=1)).astimezone(ZoneInfo(zone)).date() < shown.date()


@given(st.text(max_size=60), moments)
def test_any_text_is_read_or_refused(text: str, now: datetime) -> None:
    for read in (
        lambda: to_mute(text, now, BERLIN),
        lambda: to_mute(f"until {text}", now, BERLIN),
        lambda: quiet_hours(text),
    ):
        with suppress(Refused):
            found = read()
            end = found.end if isinstance(found, ToMute) else None
            assert end is None or end.at is None or now < end.at <= now + 2 * LONGEST


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("23-7", QuietHours("23:00-07:00")),
        ("23 - 7", QuietHours("23:00-07:00")),
        ("23–7", QuietHours("23:00-07:00")),
        ("23:00-07:30", QuietHours("23:00-07:30")),
        ("22.30 to 6", QuietHours("22:30-06:00")),
        ("11pm-7am", QuietHours("23:00-07:00")),
        ("from 10 pm to 6 am", QuietHours("22:00-06:00")),
        ("24-7", QuietHours("00:00-07:00")),
        ("13-15", QuietHours("13:00-15:00")),
        ("23-7 strict", QuietHours("23:00-07:00", strict=True)),
        ("strict 23-7", QuietHours("23:00-07:00", strict=True)),
        ("at night", QuietHours("23:00-07:00")),
        ("silent 10pm 6am", QuietHours("22:00-06:00")),
        ("every night please strict", QuietHours("23:00-07:00", strict=True)),
        ("off", QuietHours(None)),
        ("none", QuietHours(None)),
    ],
)
def test_quiet_hours(text: str, expected: QuietHours) -> None:
    assert quiet_hours(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("23", "Say from which hour to which it is quiet."),
        ("23-7-8", "Say from which hour to which it is quiet."),
        ("off 23-7", "Say from which hour to which it is quiet."),
        ("strict", "Say from which hour to which it is quiet."),
        ("7-7", "Quiet hours that end when they begin would be all day."),
        ("25-7", "I do not understand “25”."),
        ("at nihgt", "I do not understand “nihgt”."),
        ("at night 23", "Say from which hour to which it is quiet."),
        ("23:99-7", "23:99 is not a time."),
    ],
)
def test_quiet_hours_that_are_none_are_refused(text: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        quiet_hours(text)
    assert str(refused.value).startswith(said)
    assert "Type" in str(refused.value)
