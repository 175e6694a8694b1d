"""The machine under perpulse: a clock that jumps stops nothing, and a database file that goes away loses nothing."""

from __future__ import annotations

import re
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import structlog
import time_machine

from bot.app import build
from bot.clock import JumpWatch, NotBefore, ReplayClock, SystemClock
from bot.config import Config, Market
from bot.doubting import PATIENCE as DECIDED
from bot.doubting import DoubtingClock
from bot.machine import JUMPS_APART, SAVE_AGAIN, Machine
from bot.schedule import begin_anew, schedule
from handlers.channels.channel import Address
from handlers.command import Asker
from storage.engine import clock_jump
from storage.engine.database import Store
from storage.market import points
from storage.people import destinations
from tests.bot.commandline import child, running, write_config
from tests.fakes.channel import FakeChannel, HandClock
from tests.fakes.exchange import FakeExchange
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
PATIENCE = 40.0  # seconds a child may take on a busy machine; none of these tests waits that long when all is well

JUMPS = [
    pytest.param(timedelta(hours=-1), id="an hour back"),
    pytest.param(timedelta(minutes=-10), id="ten minutes back"),
    pytest.param(timedelta(days=-300), id="most of a year back"),
    pytest.param(timedelta(hours=1), id="an hour forward"),
    pytest.param(timedelta(days=9), id="nine days forward"),
]


# --- the clock --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", JUMPS)
def test_a_pause_is_as_long_as_it_was_meant_whatever_the_wall_clock_does(by: timedelta) -> None:
    clock = ReplayClock(NOW)
    pause = NotBefore(clock.monotonic)
    assert pause.passed
    assert pause.left is None
    pause.wait(timedelta(minutes=5))
    clock.move(NOW + timedelta(minutes=4))
    clock.jump(by)
    assert not pause.passed
    assert pause.left == timedelta(minutes=1)
    clock.move(clock.now() + timedelta(minutes=1))
    assert pause.passed
    assert pause.left == timedelta(0)


@pytest.mark.parametrize("by", JUMPS)
def test_a_jump_is_noticed_once_and_passing_time_is_none(by: timedelta) -> None:
    clock = ReplayClock(NOW)
    watch = JumpWatch(clock)
    clock.move(NOW + timedelta(days=2))
    assert not watch.look()
    clock.jump(by)
    assert watch.look() == by
    assert not watch.look()


def test_corrections_bit_by_bit_are_no_jump() -> None:
    clock = ReplayClock(NOW)
    watch = JumpWatch(clock)
    for _ in range(100):
        clock.jump(timedelta(milliseconds=-200))
        assert not watch.look()


@pytest.mark.parametrize("by", JUMPS)
async def test_every_job_goes_on_at_its_pace_when_the_clock_jumps(by: timedelta, store: Store) -> None:
    runs: list[float] = []

    async def job() -> None:
        runs.append(time.monotonic())

    jobs = schedule({"turn": (timedelta(seconds=0.05), job), "history": (timedelta(hours=6), job)})
    machine = Machine(
        store,
        DoubtingClock(SystemClock()),
        replan=lambda: begin_anew(jobs),
        jumped=lambda: None,
        replaced=lambda: None,
    )
    jobs.start()
    try:
        await until(lambda: len(runs) > 2)
        with time_machine.travel(datetime.now(UTC) + by, tick=True):
            await machine.look()
            before = len(runs)
            await until(lambda: len(runs) > before + 4)
            planned = {job.id: job.next_run_time - datetime.now(UTC) for job in jobs.get_jobs()}
        assert timedelta(hours=5) < planned["history"] <= timedelta(hours=6)
        assert planned["turn"] < timedelta(seconds=1)
    finally:
        jobs.shutdown(wait=False)


@pytest.mark.parametrize("by", JUMPS)
async def test_a_jump_is_said_once_and_status_says_it_too(
    by: timedelta, store: Store, said: Callable[[], list[str]]
) -> None:
    clock = ReplayClock(NOW)
    jumped: list[bool] = []
    machine = Machine(
        store, DoubtingClock(clock), replan=lambda: jumped.append(True), jumped=lambda: None, replaced=lambda: None
    )
    for _ in range(3):
        clock.jump(by)
        at = clock.now()
        await machine.look()
        clock.move(at + DECIDED)  # nobody says which time is right
        await machine.look()
        await machine.look()
    assert len(jumped) == 3
    assert sum("The clock of this machine was" in line for line in said()) == 1, "two that quarrel are one"
    jump = clock_jump.last(store)
    assert jump is not None
    assert (jump.at, jump.by, jump.followed) == (at, by, True)
    clock.move(clock.now() + JUMPS_APART)
    clock.jump(by)
    await machine.look()
    clock.move(clock.now() + DECIDED)
    await machine.look()
    assert sum("The clock of this machine was" in line for line in said()) == 2


@pytest.mark.parametrize("right", [False, True], ids=["which is wrong", "which is right"])
@pytest.mark.parametrize("by", JUMPS)
async def test_collecting_watching_and_telling_go_on_when_the_clock_jumps(
    by: timedelta, right: bool, tmp_path: Path, said: Callable[[], list[str]]
) -> None:
    """The exchange keeps the true time; the machine's clock is wrong after the jump, or was until then."""
    clock, channel, wrong = HandClock(NOW), FakeChannel(), -by if right else timedelta(0)
    async with FakeExchange(lambda: clock.now() - wrong) as exchange:
        market = Market(
            venues=("binance",),
            options=False,
            stablecoins=False,
            fear_greed=False,
            liquidations=False,
            history=False,
            exchange_url=exchange.base_url,
        )
        config = Config(assets=("BTC",), database=tmp_path / "jump.db", market=market)
        app = build(config, clock=clock, channels=[channel])
        machine = Machine(
            app.store, app.clock, replan=lambda: None, jumped=app.positions.clock_jumped, replaced=pytest.fail
        )
        app.dispatcher.start()

        async def minute() -> None:
            clock.forward(60)
            await machine.look()
            await app.collector.round(("BTC",))
            await app.turn()
            await app.dispatcher.drain()

        await minute()
        price = exchange.listed["BTCUSDT"].price
        await app.answer(f"/watch btc long {price} 3x", Asker("telegram", Address("5550123456"), "5550123456"))
        clock.wall += by
        wrong += by
        await machine.look()
        for _ in range(3):
            before = exchange.count("premiumIndex")
            await minute()
            assert exchange.count("premiumIndex") == before + 1
        assert [message.text for message in channel.said] == [], "a price of a minute ago is not called old"
        mark = points.newest(app.store, "BTC", "mark_price")
        assert mark is not None
        assert abs(mark.at - exchange.clock()) < timedelta(minutes=2)
        assert abs(app.clock.now() - exchange.clock()) < timedelta(seconds=1)
        exchange.listed["BTCUSDT"] = replace(exchange.listed["BTCUSDT"], price=0.74 * price)
        await minute()
        (alarm,) = channel.said
        assert re.match(r"BTC long \(1\) is [\d.]+ % from its liquidation price", alarm.text)
        (line,) = (line for line in said() if "The clock of this machine" in line)
        assert ("perpulse goes by the new time" in line) == right
        await app.close()


async def test_a_small_correction_is_not_said(store: Store, said: Callable[[], list[str]]) -> None:
    clock = ReplayClock(NOW)
    jumped: list[bool] = []
    machine = Machine(
        store, DoubtingClock(clock), replan=lambda: jumped.append(True), jumped=lambda: None, replaced=lambda: None
    )
    clock.jump(timedelta(seconds=-5))
    await machine.look()
    assert jumped, "but what is planned by the wall clock is planned anew"
    assert said() == []
    assert clock_jump.last(store) is None


# --- the database file ------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "perpulse.db")
    subscribe(opened, "before")
    yield opened
    opened.close()


@pytest.fixture
def said() -> Iterator[Callable[[], list[str]]]:
    with structlog.testing.capture_logs() as lines:
        yield lambda: [line["event"] for line in lines if line["log_level"] in {"warning", "error"}]


def watched(store: Store, clock: ReplayClock, replaced: Callable[[], None]) -> Machine:
    return Machine(store, DoubtingClock(clock), replan=lambda: None, jumped=lambda: None, replaced=replaced)


def subscribe(store: Store, chat: str) -> None:
    place = destinations.ensure(store, "telegram", chat, None, kind="private", title=None, now=NOW)
    destinations.subscribe(store, place.id, destinations.ANY, destinations.ANY)


def chats(path: Path) -> set[str]:
    store = Store(path)
    try:
        return {one.chat for one in destinations.everyone(store)}
    finally:
        store.close()


def deleted(path: Path) -> None:
    path.unlink()


def without_log(path: Path) -> None:
    path.with_name(f"{path.name}-wal").unlink()


def replaced(path: Path) -> None:
    other = Store(path.with_name("backup.db"))
    subscribe(other, "of the backup")
    other.close()
    other.path.replace(path)


MENDED = [
    pytest.param(deleted, "was deleted while perpulse runs", id="deleted"),
    pytest.param(without_log, "was robbed of its log", id="robbed of its log"),
]


@pytest.mark.parametrize(("befall", "words"), MENDED)
async def test_a_file_that_is_lost_is_saved_put_back_and_said_once(
    befall: Callable[[Path], None], words: str, store: Store, said: Callable[[], list[str]]
) -> None:
    machine = watched(store, ReplayClock(NOW), pytest.fail)
    await machine.look()
    befall(store.path)
    subscribe(store, "meanwhile")
    await machine.look()
    subscribe(store, "after")
    await machine.look()
    (line,) = said()
    assert words in line
    (saved,) = store.saved
    assert saved.name == "perpulse.saved-20261120T120000Z.db"
    assert str(saved) in line
    assert chats(saved) == {"before", "meanwhile"}
    store.close()
    assert chats(store.path) == {"before", "meanwhile", "after"}


async def test_another_file_in_its_place_is_left_alone_and_ends_the_bot(
    store: Store, said: Callable[[], list[str]]
) -> None:
    ended: list[bool] = []
    machine = watched(store, ReplayClock(NOW), lambda: ended.append(True))
    replaced(store.path)
    subscribe(store, "meanwhile")
    await machine.look()
    assert not ended, "one look may err"
    for _ in range(3):
        await machine.look()
    assert ended == [True]
    (line,) = said()
    (saved,) = store.saved
    assert f"mv {saved} {store.path}" in line
    store.close()
    assert chats(saved) == {"before", "meanwhile"}
    assert chats(store.path) == {"of the backup"}, "nothing of this process is in it"


async def test_what_is_lost_in_the_last_moment_is_saved_before_all_is_closed(store: Store) -> None:
    ended: list[bool] = []
    machine = watched(store, ReplayClock(NOW), lambda: ended.append(True))
    replaced(store.path)
    await machine.last_look()
    (saved,) = store.saved
    assert chats(saved) == {"before"}


async def test_what_cannot_be_saved_is_said_once_and_tried_again(
    store: Store, monkeypatch: pytest.MonkeyPatch, said: Callable[[], list[str]]
) -> None:
    clock, full = ReplayClock(NOW), True
    backup = sqlite3.Connection.backup
    tries: list[datetime] = []

    class Full(sqlite3.Connection):
        def backup(self, *args: object, **more: object) -> None:  # type: ignore[override]
            tries.append(clock.now())
            if full:
                raise sqlite3.OperationalError("database or disk is full")
            backup(self, *args, **more)  # type: ignore[arg-type]

    store.close()
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **more: connect(*args, **{"factory": Full, **more}))
    subscribe(store, "kept open")
    store.path.unlink()
    machine = watched(store, clock, pytest.fail)
    for _ in range(30):
        await machine.look()
        clock.move(clock.now() + timedelta(seconds=5))
    (line,) = said()
    assert "do not stop perpulse" in line
    assert "database or disk is full" in line
    assert len(tries) == 3, "once a minute"
    assert store.saved == (), "nothing half is left"
    full = False
    clock.move(clock.now() + SAVE_AGAIN)
    await machine.look()
    assert len(store.saved) == 1
    store.close()
    assert chats(store.path) == {"before", "kept open"}


# --- as a process -----------------------------------------------------------------------------------------------------


def written(folder: Path, file: str, text: str) -> str:
    """Wait until perpulse has written something, and return all of it."""
    end = time.monotonic() + PATIENCE
    while text not in (found := (folder / file).read_text(encoding="utf-8")):
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with FakeExchange().in_thread() as exchange:
        write_config(tmp_path, exchange=exchange.base_url, fear_greed=exchange.base_url)
        yield tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(("befall", "words"), MENDED)
def test_a_running_bot_saves_what_is_taken_away_under_it_and_goes_on(
    befall: Callable[[Path], None], words: str, folder: Path
) -> None:
    path = folder / "data" / "perpulse.db"
    with running(folder) as process:
        written(folder, "out", "Market data is coming in")
        befall(path)
        said = written(folder, "err", "put back in its place")
        assert words in said
        assert "Traceback" not in said
        (saved,) = path.parent.glob("perpulse.saved-*.db")
        assert chats(saved) == {"screen"}
        status = child("status", cwd=folder)
        assert saved.name in status.stdout
        assert "All stored inputs are current" in status.stdout
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
    assert chats(path) == {"screen"}
    with closing(sqlite3.connect(path)) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.slow
def test_a_running_bot_saves_what_it_held_and_ends_where_another_file_lies(folder: Path) -> None:
    path = folder / "data" / "perpulse.db"
    with running(folder) as process:
        written(folder, "out", "Market data is coming in")
        replaced(path)
        assert process.wait(PATIENCE) == 1
    said = (folder / "err").read_text(encoding="utf-8")
    assert "was replaced by another file" in said
    assert "Traceback" not in said
    (saved,) = path.parent.glob("perpulse.saved-*.db")
    assert chats(saved) == {"screen"}
    assert chats(path) == {"of the backup"}
    with running(folder) as process:
        written(folder, "out", "Market data is coming in")
        assert saved.name in written(folder, "err", "Beside the database lies a copy")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0
