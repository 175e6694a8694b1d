"""Alarms about itself: told to the owners once, and once that they are over, whatever is started anew between."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bot.delivery.owners import Owners
from bot.doubting import DoubtingClock
from bot.processes.roles import ROLES
from bot.watch import vitals as vitals_module
from bot.watch.alarms import OwnAlarms
from bot.watch.backups import Backups
from bot.watch.config import BackupSection
from handlers.channels.failure import TokenRefused
from storage.alerts import itself, outbox
from storage.people import access, destinations, switches
from storage.people.switches import Switch
from tests.bot.delivery.desk import NOW
from tests.bot.watch.house import Watched, begun, watched_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MINUTE = timedelta(minutes=1)
OWNER = "77"


@dataclass
class Station:
    """A watched desk whose owner has a private chat of their own."""

    watched: Watched
    folder: Path
    alarms: OwnAlarms
    wrong_by: timedelta | None = timedelta(0)
    free: int = 10**10

    def start(self) -> None:
        """Begin anew, as another process would."""
        desk = self.watched.desk
        desk.restart()
        begun(desk, *ROLES)
        owners = Owners(desk.store, desk.clock, [], [desk.channel])
        self.backups = Backups(desk.store, BackupSection(folder=self.folder / "there"), desk.clock)
        self.alarms = OwnAlarms(
            desk.store,
            desk.clock,
            self.watched.vitals,
            self.backups,
            owners,
            free_mb=500,
            wrong_by=lambda: self.wrong_by,
            told=desk.dispatcher.poke,
        )

    async def lives(self, span: timedelta, *, data: bool = True, sends: bool = True) -> None:
        """Let time pass, with a look each half a minute."""
        for _ in range(round(span / timedelta(seconds=30))):
            self.watched.lives(timedelta(seconds=30), data=data)
            await self.alarms.turn()
            if sends:
                await self.watched.desk.dispatcher.turn()

    def said(self) -> list[tuple[str, str]]:
        return [(one.to.chat, one.text) for one in self.watched.desk.channel.said]


@pytest.fixture
def station(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Station]:
    watched = watched_at(tmp_path)
    store = watched.desk.store
    with store.write() as work:
        access.add_owner(work, "telegram", OWNER, NOW)
    destinations.ensure(store, "telegram", OWNER, None, kind="private", title=None, now=NOW, person=OWNER)
    made = Station(watched, tmp_path, alarms=None)  # type: ignore[arg-type]
    monkeypatch.setattr(
        vitals_module.shutil, "disk_usage", lambda _: vitals_module.shutil._ntuple_diskusage(10**12, 0, made.free)
    )
    made.start()
    yield made
    store.close()


@pytest.mark.slow
async def test_no_data_is_told_once_when_it_begins_and_once_when_it_is_over(station: Station) -> None:
    await station.lives(5 * MINUTE)
    assert station.said() == []
    await station.lives(14 * MINUTE, data=False)
    assert station.said() == []
    await station.lives(20 * MINUTE, data=False)
    said = "No source has given a figure since 15 January 13:05 UTC, so nothing can be judged. "
    begun = (OWNER, said + "/sources says why; look at the network of this machine.")
    assert station.said() == [begun]
    station.start()
    await station.lives(5 * MINUTE, data=False)
    assert station.said() == [begun], "another start is no news"
    await station.lives(5 * MINUTE)
    assert station.said() == [begun, (OWNER, "Figures come in again, after 40 min without.")]
    station.start()
    await station.lives(5 * MINUTE)
    assert len(station.said()) == 2


@pytest.mark.slow
async def test_a_start_without_data_is_no_alarm_before_its_time(station: Station) -> None:
    station.watched.newest = None
    station.watched.turns.__init__(station.watched.desk.clock)  # type: ignore[misc]
    await station.lives(14 * MINUTE, data=False)
    assert station.said() == []
    await station.lives(2 * MINUTE, data=False)
    assert len(station.said()) == 1


@pytest.mark.slow
async def test_an_end_overtakes_a_beginning_that_could_not_be_sent(station: Station) -> None:
    await station.lives(20 * MINUTE, data=False, sends=False)
    await station.lives(2 * MINUTE, sends=False)
    await station.watched.desk.turns(5)
    assert [text.partition(",")[0] for _, text in station.said()] == ["Figures come in again"]


async def test_the_outbox_is_stuck_where_nothing_goes_out_though_the_channel_works(station: Station) -> None:
    station.watched.desk.happens("oi_drawdown")
    await station.lives(9 * MINUTE, sends=False)
    assert itself.told(station.watched.desk.store) == ()
    await station.lives(3 * MINUTE, sends=False)
    (alarm,) = itself.told(station.watched.desk.store)
    assert alarm.name == "outbox"
    await station.lives(3 * MINUTE)
    texts = [text for chat, text in station.said() if chat == OWNER]
    assert texts[-1].startswith("Messages go out again")
    assert itself.told(station.watched.desk.store) == ()


@pytest.mark.slow
async def test_a_role_that_nobody_takes_is_told_with_what_to_start(station: Station) -> None:
    begun(station.watched.desk, "collect", "send", "answer")
    await station.lives(2 * MINUTE)
    assert station.said() == [], "another process may be about to start"
    await station.lives(5 * MINUTE)
    said = "A part of the work has been nobody's since 15 January 13:00 UTC: "
    assert station.said() == [(OWNER, f"{said}nobody judges: start a process with --role judge.")]
    begun(station.watched.desk, *ROLES)
    await station.lives(3 * MINUTE)
    assert [text for _, text in station.said()][1:] == ["All parts of the work are done again, after 8 min."]


@pytest.mark.slow
async def test_a_disk_has_a_line_to_begin_at_and_another_to_end_at(station: Station) -> None:
    for free, count in ((600, 0), (499, 1), (520, 1), (499, 1), (700, 2), (600, 2), (400, 3)):
        station.free = free * 10**6
        await station.lives(2 * MINUTE)
        assert len(station.said()) == count, free
    assert station.said()[0][1].startswith("The disk of the database has 499 MB left.")
    assert station.said()[1][1] == "The disk of the database has room again, 700 MB."


async def test_a_wrong_clock_is_told_and_a_moment_or_what_nobody_says_is_not(station: Station) -> None:
    station.wrong_by = timedelta(seconds=42)
    await station.alarms.turn()
    station.wrong_by = timedelta(seconds=1)
    await station.lives(2 * MINUTE)
    assert station.said() == [], "one look is no news"
    station.wrong_by = timedelta(seconds=-42)
    await station.lives(2 * MINUTE)
    assert station.said()[-1][1].startswith("The clock of this machine is 42 s behind what exchanges say.")
    station.wrong_by = None
    await station.lives(2 * MINUTE)
    assert len(station.said()) == 1
    station.wrong_by = timedelta(0)
    await station.lives(2 * MINUTE)
    assert station.said()[-1][1] == "The clock of this machine is right again, by what exchanges say."


@pytest.mark.slow
async def test_a_backup_that_fails_is_told_and_is_over_when_one_is_made(station: Station) -> None:
    (station.folder / "there").write_text("in the way")
    await station.backups.turn()
    await station.lives(2 * MINUTE)
    assert "No backup could be made since" in station.said()[-1][1]
    station.start()
    await station.lives(2 * MINUTE)
    assert len(station.said()) == 1, "not tried again yet, so nothing is known"
    (station.folder / "there").unlink()
    await station.backups.turn()
    await station.lives(2 * MINUTE)
    assert station.said()[-1][1].startswith("Backups are made again")


async def test_quiet_hours_hold_it_and_a_budget_and_only_do_not(station: Station) -> None:
    place = destinations.private_of(station.watched.desk.store, "telegram", OWNER)
    assert place
    for switch in (Switch("only", "critical"), Switch("budget", "1")):
        switches.switch(station.watched.desk.store, place.id, switch)
    station.free = 10**6
    await station.lives(2 * MINUTE)
    assert len(station.said()) == 1


# --- where owners are told --------------------------------------------------------------------------------------------


class Reaching:
    """A channel that knows the private chat of some people."""

    platform = "discord"

    def __init__(self, chats: dict[str, str]) -> None:
        self.chats, self.asked = chats, 0

    async def private_chat(self, person: str) -> str | None:
        self.asked += 1
        return self.chats.get(person)


async def test_an_owner_is_told_in_private_also_who_has_never_written(station: Station) -> None:
    store, clock = station.watched.desk.store, station.watched.desk.clock
    group = destinations.ensure(store, "discord", "5", None, kind="group", title=None, now=NOW)
    reaching = Reaching({"1": "1001"})
    owners = Owners(store, clock, ["discord:1", "discord:2", "email:3"], [reaching])  # type: ignore[list-item]
    places = {one.id: one for one in destinations.everyone(store)}
    found = await owners.places()
    made = destinations.find(store, "discord", "1001")
    assert made
    assert (made.kind, made.person) == ("private", "1")
    assert set(found) == {made.id, next(one.id for one in places.values() if one.chat == OWNER)}
    assert group.id not in found
    before = reaching.asked
    await owners.places()
    assert reaching.asked == before + 1, "who is known is not asked for again"


async def test_an_owner_who_has_closed_the_chat_is_left_alone(station: Station) -> None:
    store = station.watched.desk.store
    place = destinations.private_of(store, "telegram", OWNER)
    assert place
    outbox.gone(store, place.id, "blocked", now=NOW)
    assert await Owners(store, station.watched.desk.clock, [f"telegram:{OWNER}"], []).places() == ()


@pytest.mark.slow
async def test_a_refused_token_is_told_to_owners_once_also_across_a_restart(tmp_path: Path) -> None:
    watched = watched_at(tmp_path)
    desk = watched.desk
    place = destinations.ensure(desk.store, "telegram", OWNER, None, kind="private", title=None, now=NOW, person=OWNER)

    async def places(_: str) -> list[int]:
        return [place.id]

    def start() -> None:
        desk.restart()
        object.__setattr__(desk.dispatcher._probes, "owners", places)

    def rows() -> int:
        return sum(state != "" for state, _ in desk.rows() if state)

    start()
    desk.channel.always = lambda _: TokenRefused("Get a new one.")
    desk.channel.checked = lambda: TokenRefused("Get a new one.")
    desk.happens("oi_drawdown")
    await desk.turns(100)
    assert rows() == 2, "the alarm, and that the token is refused"
    start()
    await desk.turns(100)
    assert rows() == 2
    desk.channel.always, desk.channel.checked = (lambda _: None), (lambda: None)
    start()
    await desk.turns(200)
    texts = [one.text for one in desk.channel.said if one.to.chat == OWNER]
    assert len(texts) == 1
    assert "takes the bot's token again" in texts[0]
    start()
    await desk.turns(100)
    assert len([one for one in desk.channel.said if one.to.chat == OWNER]) == 1
    desk.store.close()


# --- the clock --------------------------------------------------------------------------------------------------------


def test_the_middle_of_what_servers_say_is_believed() -> None:
    class Machine:
        def now(self) -> datetime:
            return NOW

        def monotonic(self) -> float:
            return 1.0

    clock = DoubtingClock(Machine())
    for seconds in (-30, -30, -3600, -31):
        clock.heard(NOW + timedelta(seconds=seconds))
    assert clock.wrong_by is None, "too few have said it"
    clock.heard(NOW + timedelta(seconds=-29))
    assert clock.wrong_by == timedelta(seconds=30)
    for _ in range(15):
        clock.heard(NOW)
    assert clock.wrong_by == timedelta(0)
