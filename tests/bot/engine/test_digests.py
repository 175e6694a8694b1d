"""Digests from /digest to the message in the chat: once a date, through restarts, outages and clock changes."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.app import build
from bot.config import Config
from handlers.channels.channel import Address
from handlers.channels.failure import Unreached
from handlers.command import Asker
from handlers.words import wording
from signals.alerts.event import Event
from signals.alerts.rule import rules
from signals.digest import from_json
from signals.due import WallTime, newest_due
from signals.units import DAY, HOUR, MINUTE
from storage.alerts import episodes, outbox
from storage.engine.database import Store
from storage.people import destinations, switches
from storage.people.switches import Switch
from tests.bot.engine.digest_house import ASKER, START, USER, DigestHouse, hours_of
from tests.examples import examples
from tests.fakes.channel import FakeChannel, HandClock
from tests.waves import market

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.app import App

pytestmark = pytest.mark.slow  # each plays days

NINE = START + 21 * HOUR  # 7 March, 09:00 UTC


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("digests") / "perpulse.db"
    store = Store(path)
    market(store, START + 4 * DAY, hours=54 * 24)
    store.close()
    return path


@pytest.fixture
def house(stored: Path, tmp_path: Path) -> Iterator[DigestHouse]:
    shutil.copy(stored, tmp_path / "perpulse.db")
    made = DigestHouse(Store(tmp_path / "perpulse.db"), HandClock(START))
    yield made
    made.store.close()


def at(house: DigestHouse, when: datetime) -> None:
    """Let time pass without a turn: perpulse is off."""
    house.clock.forward((when - house.clock.now()).total_seconds())


@pytest.mark.parametrize(
    ("zone", "start", "line", "told"),
    [
        pytest.param(
            "America/New_York",
            "2026-03-06 15:00",
            "/digest 9:00",
            ["03-07 14:00", "03-08 13:00", "03-09 13:00"],
            id="an hour is skipped",
        ),
        pytest.param(
            "America/New_York",
            "2026-03-07 12:00",
            "/digest 2:30",
            ["03-08 07:30", "03-09 06:30"],
            id="the hour that is skipped is its own",
        ),
        pytest.param(
            "America/New_York", "2026-10-31 12:00", "/digest 1:30", ["11-01 05:30", "11-02 06:30"], id="shown twice"
        ),
        pytest.param("Africa/Cairo", "2026-04-23 12:00", "/digest 0:00", ["04-23 22:00", "04-24 21:00"], id="Cairo"),
        pytest.param(
            "Australia/Lord_Howe", "2026-04-04 12:00", "/digest 1:45", ["04-04 15:00", "04-05 15:30"], id="half an hour"
        ),
        pytest.param(
            "Europe/Berlin", "2026-11-27 12:00", "/digest weekdays 8:30", ["11-30 07:30"], id="over the weekend"
        ),
        pytest.param("Europe/Berlin", "2026-11-27 12:00", "/digest weekly sunday 18:00", ["11-29 17:00"], id="weekly"),
    ],
)
def test_one_comes_at_its_time_in_its_zone(tmp_path: Path, zone: str, start: str, line: str, told: list[str]) -> None:
    begin = START.fromisoformat(f"{start}+00:00")
    house = DigestHouse(Store(tmp_path / "perpulse.db"), HandClock(begin))
    house.ask(f"/tz {zone}")
    house.ask(line)
    found = house.until(START.fromisoformat(f"{start[:4]}-{told[-1]}+00:00") + HOUR)
    assert hours_of(found) == told
    house.store.close()


def test_a_quiet_day_is_one_sentence(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    at(house, NINE)
    assert house.turn() == ["A quiet day: BTC 80,374 (0.0 %), ETH 3,002 (−0.7 %).\nSince 6 March 09:00 UTC."]
    assert house.channel.said[-1].message.silent


def test_a_restart_between_writing_and_sending_loses_nothing_and_says_nothing_twice(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    at(house, NINE)
    assert house.make() == 1
    house = house.restarted()
    assert house.make() == 0
    assert len(house.send()) == 1
    assert house.restarted().turn() == []


def test_one_missed_while_it_was_off_is_told_at_the_start(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    at(house, NINE + 2 * HOUR + 40 * MINUTE)
    (told,) = house.restarted().turn()
    assert told.endswith("Due 09:00, told 11:40. Since 6 March 11:40 UTC.")


def test_several_missed_are_one_that_goes_back_to_the_last_that_arrived(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    at(house, NINE)
    assert len(house.turn()) == 1
    at(house, NINE + 3 * DAY + 30 * MINUTE)
    house = house.restarted()
    (told,) = house.turn()
    assert "Due 09:00, told 09:30. Since 7 March 09:00 UTC." in told
    assert house.turn() == []
    assert hours_of(house.until(NINE + 4 * DAY)) == ["03-11 09:00"]


def test_an_outage_of_the_platform_ends_in_one_digest_of_all_of_it(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    at(house, NINE)
    assert len(house.turn()) == 1
    house.channel.always = lambda _: Unreached("no route")
    assert house.until(NINE + 2 * DAY + HOUR) == []
    house.channel.always = lambda _: None
    told = [text for _, text in house.until(NINE + 2 * DAY + 3 * HOUR)]
    assert len(told) == 1, "neither the missed ones nor a list of late messages"
    assert "Since 7 March 09:00 UTC." in told[0]


def test_a_group_that_became_a_supergroup_takes_its_digest_along(house: DigestHouse) -> None:
    group = Asker("telegram", Address("-5", kind="group"), USER)
    house.ask("/digest 9:00", group)
    destinations.moved(house.store, "telegram", "-5", "-1005")
    at(house, NINE)
    house.turn()
    assert [said.to.chat for said in house.channel.said] == ["-1005"]


def test_a_group_that_is_known_under_both_ids_has_one_digest(house: DigestHouse) -> None:
    for chat in ("-5", "-1005"):
        house.ask("/digest 9:00", Asker("telegram", Address(chat, kind="group"), USER))
    destinations.moved(house.store, "telegram", "-5", "-1005")
    at(house, NINE)
    house.turn()
    assert [said.to.chat for said in house.channel.said] == ["-1005"]


@pytest.mark.parametrize(
    ("zone", "following"),
    [
        pytest.param("Asia/Tokyo", "03-08 00:00", id="eastwards, where it is evening already"),
        pytest.param("America/New_York", "03-08 13:00", id="westwards, where nine is still to come on that date"),
    ],
)
def test_another_zone_makes_no_second_one_on_a_date(house: DigestHouse, zone: str, following: str) -> None:
    house.ask("/digest 9:00")
    at(house, NINE)
    house.turn()
    house.ask(f"/tz {zone}")
    assert hours_of(house.until(NINE + 30 * HOUR))[:1] == [following]


@pytest.mark.parametrize(
    ("set_by", "expected"),
    [
        pytest.param(-HOUR, [], id="back by an hour, before nine again"),
        pytest.param(-DAY, [], id="back by a day"),
        pytest.param(HOUR, [], id="on by an hour"),
        pytest.param(DAY, ["03-08 09:10"], id="on by a day: that of the day that is now"),
    ],
)
def test_a_clock_that_is_set_brings_no_second_one(house: DigestHouse, set_by: timedelta, expected: list[str]) -> None:
    house.ask("/digest 9:00")
    at(house, NINE + 5 * MINUTE)
    assert len(house.turn()) == 1
    house.clock.wall += set_by
    house.job.clock_jumped()
    assert hours_of(house.until(house.clock.now() + 2 * HOUR, every=5 * MINUTE)) == expected


def test_what_a_clock_made_that_was_ahead_and_nobody_has_seen_is_taken_back(house: DigestHouse) -> None:
    house.text("/digest 9:00")
    assert hours_of(house.until(NINE + HOUR)) == ["03-07 09:00"]
    house.clock.wall += DAY
    house.job.clock_jumped()
    assert house.make() == 1, "that of the next day, by a clock that is wrong"
    house.clock.wall -= DAY
    assert house.send() == [], "it tells of a day that has not been"
    house.job.clock_jumped()
    assert hours_of(house.until(NINE + 2 * DAY + HOUR)) == ["03-08 09:00", "03-09 09:00"]


def test_a_clock_that_was_far_ahead_stops_no_digest_for_weeks(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    house.clock.wall += 30 * DAY
    house.job.clock_jumped()
    assert len(house.turn()) == 1
    house.clock.wall -= 30 * DAY
    house.job.clock_jumped()
    assert hours_of(house.until(NINE + HOUR)) == ["03-07 09:00"]


def test_another_time_is_no_second_one_on_the_same_day(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    at(house, NINE)
    house.turn()
    assert "next tomorrow" in house.text("/digest 18:00")
    assert hours_of(house.until(NINE + 34 * HOUR)) == ["03-08 18:00"]


def test_daily_and_weekly_are_two(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    house.ask("/digest weekly saturday 9:00")
    at(house, NINE)
    told = house.turn()
    assert sorted(text.split(":")[0] for text in told) == ["A quiet day", "A quiet week"]


def test_what_was_muted_is_part_of_the_next(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    at(house, NINE)
    house.turn()
    here = destinations.find(house.store, "telegram", USER)
    assert here
    switches.switch(house.store, here.id, Switch("mute", until=NINE + 25 * HOUR))
    assert house.until(NINE + 24 * HOUR + MINUTE) == []
    ((_, told),) = house.until(NINE + 2 * DAY)
    assert "Since 7 March 09:00 UTC." in told


def test_quiet_hours_hold_it_until_they_end(house: DigestHouse) -> None:
    house.ask("/digest 6:30")
    here = destinations.find(house.store, "telegram", USER)
    assert here
    switches.switch(house.store, here.id, Switch("quiet", value="22:00-07:00"))
    assert hours_of(house.until(NINE)) == ["03-07 07:00"]


ZONES = ("America/New_York", "Europe/Berlin", "Africa/Cairo", "Australia/Lord_Howe", "America/Santiago")


@given(
    st.sampled_from(ZONES),
    st.integers(0, 1439),
    st.sampled_from([START + 60 * DAY, START + 200 * DAY, START]),
    st.lists(st.tuples(st.integers(1, 2000), st.booleans(), st.booleans()), min_size=5, max_size=25),
)
@examples(30)
def test_whatever_the_restarts_one_is_written_a_date(
    zone: str, minute: int, begin: datetime, steps: list[tuple[int, bool, bool]]
) -> None:
    """Turns at any minutes, with a restart or without, before or after what was written is sent."""
    with TemporaryDirectory() as folder:
        house = DigestHouse(Store(Path(folder) / "perpulse.db"), HandClock(begin))
        here = ZoneInfo(zone)
        wall = WallTime(time(minute // 60, minute % 60))
        house.ask(f"/tz {zone}")
        house.ask(f"/digest {wall.at:%H:%M}")
        expected = []
        last = begin
        for minutes, restarts, sends in steps:
            house.clock.forward(60 * minutes)
            now = house.clock.now()
            newest = newest_due(wall, here, now)
            expected += [newest.astimezone(here).date()] if newest > last else []
            last = now
            house.make()
            house = house.restarted() if restarts else house
            if sends:
                house.send()
        with house.store.write() as work:
            rows = work.connection.execute("SELECT payload FROM notices WHERE kind = 'digest' ORDER BY id").fetchall()
        dues = [from_json(json.loads(payload)).due for (payload,) in rows]
        assert [due.astimezone(here).date() for due in dues if due] == expected
        assert len(set(expected)) == len(expected)
        house.store.close()


def alarm(house: DigestHouse, rule: str, asset: str = "BTC") -> None:
    """Have an alarm begin now, with its notice to the chat."""
    now = house.clock.now()
    values = dict.fromkeys(wording.template_fields(rules()[rule].headline), 1.0)
    event = Event(
        kind="fired", rule=rule, asset=asset, rank="notice", at=now, since=now, values=values, step=HOUR
    )  # fmt: skip
    with house.store.write() as work:
        episode = episodes.record(work, (rule, asset), event, None)
        notice = outbox.Notice("fired", "notice", now, event.to_json(), episode, rule, asset)
        outbox.announce(work, notice, now=now, expires=now + 6 * HOUR)


def test_what_was_held_over_night_is_told_by_a_digest_soon_after(house: DigestHouse) -> None:
    house.ask("/sub")
    house.ask("/digest 7:30 btc")
    house.ask("/quiet 22-7")
    house.until(NINE - 6 * HOUR)
    alarm(house, "taker_ratio")
    alarm(house, "oi_zscore")
    alarm(house, "oi_zscore", "ETH")
    told = house.until(NINE, every=5 * MINUTE)
    assert hours_of(told) == ["03-07 07:30", "03-07 07:40"]
    digest, rest = (text.splitlines() for _, text in told)
    assert "New: BTC positions closed unusually fast (03:00); 1 more." in digest
    assert "Held back: 3 in quiet hours." in digest
    assert "ETH" in rest[0], "what the digest does not name is told in full"
    assert house.until(NINE + HOUR) == []


def test_a_digest_was_asked_for_and_counts_against_nothing(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    house.ask("/budget 0")
    house.ask("/only critical")
    at(house, NINE)
    assert len(house.turn()) == 1, "it was asked for, and counts against nothing"


def test_off_is_off(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    assert house.text("/digest off").startswith("Off. No digest is on in this chat.")
    assert house.until(NINE + HOUR) == []


def test_a_chat_that_is_gone_costs_nothing_and_gets_one_when_it_is_back(house: DigestHouse) -> None:
    house.ask("/digest 9:00")
    here = destinations.find(house.store, "telegram", USER)
    assert here
    outbox.gone(house.store, here.id, "blocked", now=house.clock.now())
    at(house, NINE + 2 * DAY)
    assert house.make() == 0
    house.ask("/sub oi")  # which brings it back
    assert len(house.turn()) == 1


def test_one_that_cannot_be_made_holds_up_no_other(house: DigestHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(ASKER, address=Address("777"), user="777")
    house.ask("/digest 9:00 eth")
    house.ask("/digest 9:00 btc", other)
    with house.store.write() as work:  # what another version may have left
        work.connection.execute("UPDATE digests SET assets = '[null]' WHERE destination = 1")
    at(house, NINE)
    house.turn()
    assert [said.to.chat for said in house.channel.said] == ["777"]


def test_forgetting_a_chat_takes_its_digests_along(house: DigestHouse) -> None:
    house.ask("/watch btc long 80000 3x")
    house.ask("/digest 9:00")
    at(house, NINE)
    house.turn()
    house.ask("/forgetme yes")
    with house.store.write() as work:
        left = work.connection.execute(
            "SELECT (SELECT count(*) FROM digests), (SELECT count(*) FROM outbox), (SELECT count(*) FROM notices)"
        )
        assert tuple(left.fetchone()) == (0, 0, 0)
    assert house.until(NINE + 2 * DAY) == []


async def test_the_program_makes_digests_once_its_first_figures_are_in(stored: Path, tmp_path: Path) -> None:
    shutil.copy(stored, tmp_path / "p.db")
    clock, channel = HandClock(START), FakeChannel()
    app = build(Config(assets=("BTC",), database=tmp_path / "p.db"), clock=clock, sources=(), channels=[channel])
    app.dispatcher.start()
    await app.answer("/digest 9:00", ASKER)
    clock.forward((NINE + 2 * HOUR - START).total_seconds())
    await app._make_digests()
    await app.dispatcher.drain()
    assert channel.said == [], "it was just started, and asks first"
    await app._first_turn()
    await app._make_digests()
    await app.dispatcher.drain()
    assert [said.text.split(" 8")[0] for said in channel.said] == ["A quiet day: BTC"]
    await app.close()


@pytest.mark.parametrize(
    ("zone", "line", "start", "told"),
    [
        pytest.param(
            "America/New_York", "/digest 2:30", "2026-03-06T12:00",
            ["03-07 07:30", "03-08 07:30", "03-09 06:30"], id="half past two is missing on the 8th",
        ),
        pytest.param(
            "America/New_York", "/digest 1:30", "2026-10-30T12:00",
            ["10-31 05:30", "11-01 05:30", "11-02 06:30"], id="half past one comes twice on the 1st",
        ),
        pytest.param(
            "Africa/Cairo", "/digest 0:00", "2026-04-21T23:00",
            ["04-22 22:00", "04-23 22:00", "04-24 21:00"], id="midnight is missing on the 24th",
        ),
    ],
)  # fmt: skip
async def test_the_program_tells_one_a_date_over_a_clock_change_and_restarts(
    stored: Path, tmp_path: Path, zone: str, line: str, start: str, told: list[str]
) -> None:
    """The whole way: asked for by a line, made by the job, sent by the dispatcher, with restarts between the two."""
    shutil.copy(stored, tmp_path / "p.db")
    clock, channel, seen = HandClock(datetime.fromisoformat(f"{start}+00:00")), FakeChannel(), []
    config = Config(assets=("BTC",), database=tmp_path / "p.db")

    async def started() -> App:
        app = build(config, clock=clock, sources=(), channels=[channel])
        app.dispatcher.start()
        await app._first_turn()
        return app

    app = await started()
    for said in (f"/tz {zone}", line):
        await app.answer(said, ASKER)
    end = clock.now() + timedelta(days=3)
    while clock.now() < end:
        clock.forward(HOUR.total_seconds() / 2)
        await app._make_digests()
        if clock.now().hour % 5 == 0 or f"{clock.now():%m-%d %H:%M}" in told:
            await app.close()
            app = await started()
        before = len(channel.said)
        await app.dispatcher.drain()
        seen += [f"{clock.now():%m-%d %H:%M}"] * (len(channel.said) - before)
    await app.close()
    assert seen == told
