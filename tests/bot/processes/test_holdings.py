"""What a process holds: a fair share, more when another one dies, nothing once it was taken for dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from structlog.testing import capture_logs

from bot.processes import place
from bot.processes.holdings import BEAT_EVERY, DEAD_AFTER, Holdings
from bot.processes.roles import ROLES, UnknownRole, leases_of, roles_of
from storage.engine.database import LeaseLost, Store
from storage.engine.sharing import leases
from tests.examples import examples
from tests.fakes.channel import HandClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.processes.roles import Role

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
ASSETS = ("BTC", "ETH", "SOL", "XRP", "DOGE")


@dataclass
class Town:
    """Processes on one database under one clock, each in a place of its own."""

    store: Store
    clock: HandClock = field(default_factory=lambda: HandClock(NOW))
    made: int = 0

    def process(self, *roles: Role, platforms: tuple[str, ...] = ("telegram",)) -> Holdings:
        self.made += 1
        return Holdings(
            self.store, self.clock, roles or ROLES, ASSETS, platforms, where=f"elsewhere {self.made} {self.made}"
        )

    def look(self, *processes: Holdings, seconds: float = 1.0, times: int = 1) -> None:
        for _ in range(times):
            self.clock.forward(seconds)
            for process in processes:
                process.look()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    store = Store(tmp_path / "perpulse.db")
    yield Town(store)
    store.close()


def test_one_alone_does_everything_at_once(town: Town) -> None:
    one = town.process()
    one.start()
    assert set(one.held) == {name for role in ROLES for name in leases_of(role, ASSETS, ["telegram"])}
    assert one.share("judge") == [*ASSETS, "MARKET"]
    assert (one.others, one.stands_by) == (0, False)


def test_two_share_what_is_fair_to_share_and_the_second_waits_for_the_rest(town: Town) -> None:
    one, two = town.process(), town.process()
    one.start()
    two.start()
    assert two.stands_by, "at first: one has it all"
    town.look(one, two, times=3)
    for role in ("collect", "judge"):
        counts = sorted(sum(name.startswith(role) for name in process.held) for process in (one, two))
        total = len(leases_of(role, ASSETS, ()))  # type: ignore[arg-type]
        assert counts == sorted((total // 2, total - total // 2))
    assert (one.holds("send", "telegram"), two.holds("send", "telegram")) == (True, False)
    assert not set(one.held) & set(two.held)


def test_what_others_do_not_follow_is_left_by_nobody(town: Town) -> None:
    """Of two with other assets each would take a half of its own and leave the rest to the other one, for ever."""
    many, few = town.process(), Holdings(town.store, town.clock, ROLES, ("ADA",), ("telegram",), where="elsewhere 9 9")
    many.start()
    few.start()
    town.look(many, few, times=5)
    assert not set(ASSETS) <= set(many.share("judge")), "a half is kept for who may want it"
    town.look(many, few, times=40)
    for role in ("collect", "judge"):
        assert {*many.share(role), *few.share(role)} == {*ASSETS, "ADA", "MARKET"}
    held = dict(many.held)
    town.look(many, few, times=5)
    assert many.held == held, "given back and taken in turns"
    alike = town.process()
    alike.start()
    town.look(many, few, alike, times=40)
    assert {*many.share("judge"), *alike.share("judge")} >= set(ASSETS)


def test_who_comes_with_the_same_assets_gets_its_share_of_what_was_left(town: Town) -> None:
    """A configuration is changed in one process after the other, and more than half a minute lies between."""
    changed = town.process()
    old = Holdings(town.store, town.clock, ROLES, ASSETS[:1], ("telegram",), where="elsewhere 9 9")
    old.start()
    changed.start()
    town.look(changed, old, times=40)
    assert len(changed.share("judge")) >= len(ASSETS)
    old.end()
    again = town.process()
    again.start()
    town.look(changed, again, times=5)
    for role in ("collect", "judge"):
        few, many = sorted(sum(name.startswith(role) for name in one.held) for one in (changed, again))
        assert many - few <= 1, role


def test_roles_in_which_nobody_takes_part_are_known_and_for_how_long(town: Town) -> None:
    one, two = town.process("collect"), town.process("send", "answer")
    one.start()
    town.look(one, times=5)
    assert {role: span.total_seconds() for role, span in one.lacking.items()} == {"judge": 5, "send": 5, "answer": 5}
    two.start()
    town.look(one, two)
    assert list(one.lacking) == list(two.lacking) == ["judge"]
    two.end()
    town.look(one)
    assert [span.total_seconds() for span in one.lacking.values()] == [7, 0, 0]


def test_who_falls_silent_is_followed_within_fifteen_seconds(town: Town) -> None:
    one, two = town.process(), town.process()
    one.start()
    two.start()
    town.look(one, two, times=5)
    silent = 0.0
    while set(two.held) != set(one.held) | set(two.held) or not two.holds("send", "telegram"):
        town.look(two)
        silent += 1.0
    assert DEAD_AFTER - BEAT_EVERY <= silent <= 15.0
    assert set(two.held) == {name for role in ROLES for name in leases_of(role, ASSETS, ["telegram"])}


def test_who_takes_everything_over_says_what_it_does_now(town: Town) -> None:
    one, two = town.process(), town.process()
    with capture_logs() as alone:
        one.start()
    two.start()
    town.look(one, two, times=5)
    with capture_logs() as logs:
        town.look(two, times=15)
    assert not two.others
    assert [line["event"] for line in alone] == [], "who is alone from the first has no news"
    changed = [line for line in logs if line["event"] == "what this process does has changed"]
    assert len(changed) == 1
    assert "more" in changed[0]["gained"]


def test_a_process_that_is_stopped_is_named_where_the_database_cannot_be_used(town: Town) -> None:
    """A file that it had locked stays locked: only its owner can let it go on, or end it."""
    sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    machine = place.here().partition(" ")[0]
    where = f"{machine} {sleeper.pid} {place._began(sleeper.pid)}"
    one, other = town.process(), Holdings(town.store, town.clock, ROLES, ASSETS, ("telegram",), where=where)
    try:
        other.start()
        one.start()
        for stopped in (False, True):
            if stopped:
                os.kill(sleeper.pid, signal.SIGSTOP)
                os.waitpid(sleeper.pid, os.WUNTRACED)
            with capture_logs() as logs:
                one.tell_who_stands()
            assert [line["go_on"] for line in logs] == [f"kill -CONT {sleeper.pid}"] * stopped
    finally:
        sleeper.kill()
        sleeper.wait()


def test_who_wakes_after_being_taken_for_dead_begins_anew_and_gets_a_share(town: Town) -> None:
    one, two = town.process("judge"), town.process("judge")
    one.start()
    two.start()
    town.look(one, two, times=5)
    number, under = one.number, one.under("judge", "positions") or two.under("judge", "positions")
    assert under is not None
    holder, other = (one, two) if one.holds("judge", "positions") else (two, one)
    town.look(other, times=15)
    with pytest.raises(LeaseLost), under, town.store.write():
        pass  # it does not know yet that it was struck out
    number = holder.number
    town.look(holder, other, times=4)
    assert holder.number > number
    assert abs(len(one.held) - len(two.held)) <= 1


def test_who_ends_in_order_is_followed_at_the_next_look(town: Town) -> None:
    one, two = town.process("send"), town.process("send")
    one.start()
    two.start()
    town.look(one, two)
    one.end()
    assert one.held == {}
    town.look(two)
    assert two.holds("send", "telegram")


def test_one_with_a_terminal_of_its_own_sends_to_it(town: Town) -> None:
    one, two = town.process("send"), town.process("send", platforms=("terminal", "telegram"))
    one.start()
    two.start()
    assert (one.holds("send", "telegram"), two.holds("send", "terminal")) == (True, True)


def test_a_clock_of_the_wall_that_jumps_steals_nothing(town: Town) -> None:
    one, two = town.process("judge"), town.process("judge")
    one.start()
    two.start()
    town.look(one, two, times=4)
    held = set(one.held), set(two.held)
    town.clock.time = datetime(2031, 1, 1, tzinfo=UTC)
    town.look(one, two, times=4)
    assert (set(one.held), set(two.held)) == held


def test_what_runs_on_is_left_alone_while_it_beats(town: Town) -> None:
    one, two = town.process("send"), town.process("send")
    one.start()
    two.start()
    for _ in range(60):
        town.look(two, seconds=1.0)
        if int(town.clock.monotonic()) % int(BEAT_EVERY) == 0:
            one.look()
    assert one.holds("send", "telegram")


def test_a_process_of_this_machine_that_has_ended_is_not_waited_for(town: Town) -> None:
    machine = place.here().partition(" ")[0]
    dead = Holdings(town.store, town.clock, ("send",), (), ("telegram",), where=f"{machine} 4194305 17")
    dead.start()
    one = town.process("send")
    one.start()
    assert one.holds("send", "telegram")


@pytest.mark.parametrize(
    ("where", "gone"),
    [
        pytest.param("{here}", False, id="this one"),
        pytest.param("{machine} {number} 1", True, id="its number was given to another one"),
        pytest.param("{machine} 4194305 1", True, id="no number of a process"),
        pytest.param("otherplace 4194305 1", False, id="on another machine"),
        pytest.param("{machine} one 1", False, id="no number"),
        pytest.param("{machine}", False, id="half"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_what_can_be_known_of_a_process(where: str, gone: bool) -> None:
    machine, number, _ = place.here().split(" ")
    assert place.is_gone(where.format(here=place.here(), machine=machine, number=number)) is gone


@pytest.mark.parametrize(
    ("words", "roles"),
    [
        (["collect,judge"], ("collect", "judge")),
        (["answer", "SEND"], ("send", "answer")),
        (["judge, judge ,"], ("judge",)),
    ],
)
def test_roles_are_read_as_people_write_them(words: list[str], roles: tuple[Role, ...]) -> None:
    assert roles_of(words) == roles


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["colect"], "'colect' is no role; write collect"),
        (["sent"], "write send"),
        (["x"], "'x' is no role; write one of collect, judge, send, answer"),
        (["collect,,judge"], "one of them is empty; write it like collect,judge"),
        (["collect", ""], "one of them is empty; write it like collect,judge"),
        ([","], "write at least one of collect, judge, send, answer"),
    ],
)
def test_other_roles_are_refused_with_what_could_be_meant(words: list[str], says: str) -> None:
    with pytest.raises(UnknownRole, match=f"{says}$"):
        roles_of(words)


class Neighbours(RuleBasedStateMachine):
    """Processes that come, go, stop and go on in any order: never two hold the same, and in the end all is done."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.town = Town(Store(Path(self.folder.name) / "perpulse.db"))
        self.running: list[Holdings] = []
        self.stopped: list[Holdings] = []

    @precondition(lambda self: len(self.running) + len(self.stopped) < 4)
    @rule(roles=st.sets(st.sampled_from(ROLES), min_size=1))
    def begin(self, roles: set[Role]) -> None:
        one = self.town.process(*roles_of(sorted(roles)))
        one.start()
        self.running.append(one)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def stop(self, data: st.DataObject) -> None:
        self.stopped.append(self.running.pop(data.draw(st.integers(0, len(self.running) - 1))))

    @precondition(lambda self: self.stopped)
    @rule(data=st.data())
    def go_on(self, data: st.DataObject) -> None:
        self.running.append(self.stopped.pop(data.draw(st.integers(0, len(self.stopped) - 1))))

    @precondition(lambda self: self.stopped)
    @rule()
    def kill(self) -> None:
        self.stopped.pop()

    @precondition(lambda self: self.running)
    @rule()
    def end(self) -> None:
        self.running.pop().end()

    @rule(seconds=st.sampled_from([0.5, 1.0, 3.0, 13.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.town.look(*self.running, seconds=seconds)

    @invariant()
    def nobody_does_what_another_one_does(self) -> None:
        stored = leases.every(self.town.store)
        for one in self.running:
            for name in one.held:
                if stored[name].holder != one.number:
                    role, _, what = name.partition(" ")
                    own = one.under(role, what)  # type: ignore[arg-type]
                    assert own is not None
                    with pytest.raises(LeaseLost), own, self.town.store.write():
                        pass

    def teardown(self) -> None:
        self.town.look(*self.running, seconds=1.0, times=20)
        done = [name for one in self.running for name in one.held]
        assert len(done) == len(set(done))
        roles = {role for one in self.running for role in one.roles}
        assert set(done) == {name for role in roles for name in leases_of(role, ASSETS, ["telegram"])}
        self.town.store.close()
        self.folder.cleanup()


TestNeighbours = Neighbours.TestCase
TestNeighbours.settings = examples(60, stateful_step_count=25)


def test_who_was_away_itself_takes_nobody_for_dead_at_once(town: Town) -> None:
    one, two = town.process(), town.process()
    one.start()
    two.start()
    town.look(one, two, times=5)
    before = dict(one.held), dict(two.held)
    town.clock.forward(60.0)  # the machine slept, or the server was away
    town.look(one, two, times=5)
    assert (dict(one.held), dict(two.held)) == before


@pytest.mark.parametrize(("seconds", "relieved"), [(5.0, False), (30.0, True)])
async def test_who_goes_on_after_a_stop_asks_whether_another_one_answers(
    town: Town, seconds: float, relieved: bool
) -> None:
    one, two = town.process("answer"), town.process("answer")
    one.start()
    two.start()
    town.look(one, two, times=3)
    town.look(two, times=round(seconds))  # the other one stands
    assert one.holds("answer", "telegram"), "it does not know yet"
    assert await one.was_relieved("answer", "telegram") is relieved
    assert two.holds("answer", "telegram") is relieved
