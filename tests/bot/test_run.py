"""The bot as it runs: started, killed and stopped as a process; and whole, in one loop, under a clock that is moved."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pty
import re
import select
import signal
import termios
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from bot.app import App, build
from bot.cli.doctor import examine
from bot.config import Config, Market
from bot.market.exchange.venue import CcxtVenue
from bot.market.exchange.venue_recipe import recipes
from bot.market.providers.alternative_me import AlternativeMe
from handlers.channels.failure import TokenRefused
from handlers.channels.local import local
from handlers.channels.telegram.channel import Telegram
from handlers.channels.telegram.config import TelegramConfig
from handlers.command import Asker, commands
from storage.alerts import episodes
from storage.engine.database import Store
from storage.people import destinations
from tests import postgres
from tests.bot.commandline import PROGRAM, child, environment, running, write_config
from tests.fakes.bot_api import BotApi
from tests.fakes.exchange import FakeExchange
from tests.storage import beside

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

pytestmark = pytest.mark.slow

PAPER_PATHS = ("/fapi/v1/exchangeInfo", "/fapi/v1/klines", "/fapi/v1/openInterest", "/fapi/v1/premiumIndex")
EXCHANGE_PATHS = (*PAPER_PATHS, "/fapi/v1/fundingInfo", "/fapi/v1/fundingRate", "/futures/data/openInterestHist")
PROMPT_END = 10.0  # seconds: docker stop kills after so many; on a quiet machine it takes one
PATIENCE = 40.0  # seconds a child may take on a busy machine; none of these tests waits that long when all is well


class Stage(FakeExchange):
    """An exchange whose price is moved: from each time on, by the factor beside it."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.moves: list[tuple[datetime, float]] = []

    def price(self, symbol: str, at_ms: int) -> float:
        """Stand still but for the moves, so that nothing else is told."""
        factors = [factor for at, factor in self.moves if at_ms >= at.timestamp() * 1000]
        return self.listed[symbol].price * (factors[-1] if factors else 1.0)

    def _fear_greed(self, query: dict[str, str], twist: str | None) -> Any:
        answer = super()._fear_greed(query, twist)
        for row in answer["data"]:
            row["value"] = "50"
        return answer


# --- in one loop, under a clock that is moved -------------------------------------------------------------------------


class Shifted:
    """The clock of this machine, put forward: seconds go by themselves, days when a test says so."""

    def __init__(self) -> None:
        self.shift = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.shift

    def monotonic(self) -> float:
        return time.monotonic() + self.shift.total_seconds()

    def go(self, **span: float) -> None:
        self.shift += timedelta(**span)


@dataclass
class World:
    """An exchange, a clock, and a place for a database."""

    exchange: Stage
    clock: Shifted
    database: str
    telegram: BotApi | None = None
    running: list[asyncio.Task[None]] = field(default_factory=list)

    def build(self) -> App:
        """Make the app that a configuration for one venue gives."""
        telegram = TelegramConfig()
        if self.telegram:
            telegram = TelegramConfig(token=SecretStr(self.telegram.token), base_url=self.telegram.base_url)
        url = self.exchange.base_url
        market = Market(
            venues=("binance",),
            options=False,
            stablecoins=False,
            exchange_url=url,
            fear_greed_url=url,
            timeout_seconds=2,
        )
        config = Config(assets=("BTC",), database=self.database, telegram=telegram, market=market)
        sources = [
            # paced=False: the loopback exchange counts no request weights, and a real one makes every round slow
            CcxtVenue(
                recipes()["binance"],
                clock=self.clock.now,
                steady=self.clock.monotonic,
                timeout_s=2,
                base_url=url,
                paced=False,
            ),
            AlternativeMe(clock=self.clock.now, timeout_s=2, base_url=url),
        ]
        return build(config, clock=self.clock, sources=sources)

    @contextlib.asynccontextmanager
    async def runs(self) -> AsyncIterator[App]:
        """Run the app until the block ends; its first turn is taken by then."""
        app = self.build()
        task = asyncio.create_task(app.run())
        try:
            await until(lambda: any(health.last_good or health.error for health in app.collector.health()))
            await turn(app)
            yield app
        finally:
            app.stopping.set()
            await task

    async def days(self, app: App, count: float, *, turns: int = 1) -> None:
        """Let days pass, with some turns in each of them."""
        for _ in range(round(count * turns)):
            self.clock.go(days=1 / turns)
            await turn(app)
            await quiet(app)


async def turn(app: App) -> None:
    """Ask every source what is due, and judge what came."""
    await app.collector.round(app.config.assets)
    await app.turns.turn()


async def until(condition: Callable[[], Any], within: float = 10.0) -> None:
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


async def turns_until(app: App, condition: Callable[[], Any], within: float = 10.0) -> None:
    """Take turns until something has come of them."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, "no turn brought it"
        await turn(app)
        await asyncio.sleep(0.01)


async def quiet(app: App) -> None:
    """Wait until the outbox is empty."""
    await until(lambda: waiting(app.store) == 0)


def waiting(store: Store) -> int:
    row = beside.one(store, "SELECT count(*) AS n FROM outbox WHERE state IN ('queued', 'sending', 'uncertain')")
    assert row
    return int(row["n"])


@pytest.fixture(params=["a file", "a server"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where the bot remembers: it is the same bot on both."""
    if request.param == "a file":
        yield str(tmp_path / "data" / "perpulse.db")
        return
    server = postgres.databases()
    if server is None:
        pytest.skip(postgres.MISSING)
    taken = server.take()
    yield taken
    server.give_back(taken)


@pytest.fixture
async def world(database: str) -> AsyncIterator[World]:
    clock = Shifted()
    async with Stage(clock=clock.now) as exchange:
        yield World(exchange, clock, database)


async def test_a_fall_is_one_message_edited_when_it_deepens_and_closed_when_it_is_over(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world.runs() as app:
        await world.days(app, 1)
        world.exchange.moves.append((world.clock.now(), 0.88))
        await world.days(app, 2)
        world.exchange.moves.append((world.clock.now(), 0.78))
        await world.days(app, 2)
        world.exchange.moves.append((world.clock.now(), 0.97))
        await world.days(app, 5)
        told = episodes.of(app.store, "price_drawdown", "BTC")
    out = capsys.readouterr().out
    titles, first, worse, heard, over, reply = life_of("BTC: price is well below its high", out)
    assert titles == ["", ", edited", "reply to ", ", edited", "reply to "]
    assert "BTC: price is well below its high of the past 16 days." in first
    assert "Price 79,200, −12.0 % from the close of 90,000" in first
    assert "BTC, now a warning: price is well below" in worse
    assert "Price 70,200, −22.0 % from the close of 90,000" in worse
    assert heard.startswith("BTC, now a warning: price is well below"), "an edit makes no sound, so it is answered"
    assert "BTC: over after" in over
    assert "Was: Price 70,200, −22.0 % from the close of 90,000" in over, "the edit takes nothing away of what was said"
    assert "87,300" in over
    assert reply == "BTC: over after 8 days: price well below its recent high.", "and says nothing of it twice"
    assert [(episode.rank, episode.ended is not None) for episode in told] == [("warning", True)]


def life_of(headline: str, out: str) -> tuple[list[str], *tuple[str, ...]]:
    """Return what became of one message: how each part is titled, and the parts; other alarms may speak too."""
    pieces = re.split(r"^── (.+?) ─+$", out, flags=re.MULTILINE)
    parts = [(pieces[i], pieces[i + 1].strip()) for i in range(1, len(pieces), 2)]
    number = next(title for title, text in parts if text.startswith(headline))
    own = [(title.replace(number, ""), text) for title, text in parts if re.search(rf"{number}\b", title)]
    return [title for title, _ in own], *(text for _, text in own)


async def test_a_restart_repeats_nothing_and_tells_what_changed_meanwhile_as_such(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world.runs() as app:
        await world.days(app, 1)
        world.exchange.moves.append((world.clock.now(), 0.88))
        await world.days(app, 2)
    assert capsys.readouterr().out.count("well below its high") == 1
    async with world.runs() as app:
        await quiet(app)
    assert "── " not in capsys.readouterr().out, "nothing changed, so nothing is told"
    world.exchange.moves.append((world.clock.now(), 0.97))
    world.clock.go(days=6)
    async with world.runs() as app:
        # The hours that were missed are read beside the turns, so which turn judges them is a matter of milliseconds.
        await turns_until(app, lambda: waiting(app.store) or episodes.of(app.store, "price_drawdown", "BTC")[-1].ended)
        await quiet(app)
    out = capsys.readouterr().out
    assert out.count("over after") == 2
    assert out.count("while perpulse was not running") == 1


async def test_an_exchange_that_is_down_is_said_once_harms_no_other_and_is_back_once(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    async with world.runs() as app:
        await until(lambda: "Market data is coming in" in capsys.readouterr().out)
        world.exchange.faults = dict.fromkeys(EXCHANGE_PATHS, "unavailable")
        mood = world.exchange.count("/fng/")
        for _ in range(10):
            world.clock.go(hours=4)
            await turn(app)
            world.clock.go(minutes=2)  # news of a source waits a minute for others with its cause
            await quiet(app)
        down = capsys.readouterr().out
        assert world.exchange.count("/fng/") > mood, "the other source goes on"
        status = await app.answer("/status", terminal())
        world.exchange.faults = {}
        for _ in range(4):
            world.clock.go(hours=1)
            await turn(app)
            world.clock.go(minutes=2)
            await quiet(app)
    back = capsys.readouterr().out
    assert len(re.findall(r"(?i)^binance does not answer", down, re.MULTILINE)) == 1
    assert "over after" not in down + back
    assert len(re.findall(r"(?i)^binance answers again", back, re.MULTILINE)) == 1
    assert "DOWN since" in str(status)


async def test_an_exchange_that_is_down_at_the_start_is_said(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.exchange.faults = {"*": "unavailable"}
    async with world.runs():
        await asyncio.sleep(0.05)
    out = capsys.readouterr().out
    assert out.count("No source has answered yet; perpulse keeps asking.") == 1
    assert "Binance" not in out.partition("keeps asking")[2], (
        "why is one message, when all that have the cause are known"
    )
    assert "Market data is coming in" not in out


async def test_a_turn_that_fails_does_not_end_the_bot(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    async with world.runs() as app:
        app.store.close()
        with away(world.database):
            await app.turn()
        app.store.close()
        await app.turn()
        assert not app.stopping.is_set()


@contextlib.contextmanager
def away(database: str) -> Iterator[None]:
    """Take a database away for a while."""
    if "://" in database:
        with postgres.closed(database):
            yield
        return
    file, moved = Path(database), Path(f"{database}.away")
    file.rename(moved)
    file.mkdir()
    yield
    file.rmdir()
    moved.rename(file)


def terminal() -> Asker:
    return local().asker


# --- in Telegram ------------------------------------------------------------------------------------------------------

ANN = 7


@pytest.fixture
async def in_telegram(world: World) -> AsyncIterator[World]:
    async with BotApi() as fake:
        fake.chat(ANN)
        world.telegram = fake
        yield world
        assert fake.problems == []


async def test_who_floods_gets_two_lines_and_costs_the_others_nothing(in_telegram: World) -> None:
    world, fake = in_telegram, in_telegram.telegram
    assert fake
    ben = 8
    fake.chat(ben)
    async with world.runs():
        for number in range(100):
            fake.say(ANN, ANN, f"/liq {95000 + number} 25x long")
        fake.say(ben, ben, "/liq 95000 10x short")
        await until(lambda: fake.texts(ben))
        await until(lambda: len(fake.texts(ANN)) >= 10)
    said = fake.texts(ANN)
    refused = [text for text in said if text.startswith("That was too much at once.")]
    assert (len(said), len(refused)) == (10, 2)
    assert "10x" in fake.texts(ben)[0]


async def test_a_button_counts_like_a_command(in_telegram: World) -> None:
    world, fake = in_telegram, in_telegram.telegram
    assert fake
    async with world.runs():
        fake.say(ANN, ANN, "/start")
        await until(lambda: fake.texts(ANN))
        for _ in range(30):
            fake.press(fake.accepted[0], "1|/about", ANN)
        await until(lambda: len(fake.toasts) == 30 and len(fake.texts(ANN)) >= 10)
    assert len(fake.texts(ANN)) == 10


async def test_in_telegram_commands_are_answered_and_an_alert_lives_in_one_message(in_telegram: World) -> None:
    world, fake = in_telegram, in_telegram.telegram
    assert fake
    async with world.runs() as app:
        await until(lambda: len(fake.menus) == 2)
        public = [name for name, command in commands().items() if not (command.owners_only or command.roles)]
        assert [command["command"] for command in fake.menus["all_private_chats"]] == public
        for number, (line, said) in enumerate(
            [
                ("/start", "perpulse takes the pulse"),
                ("/sub price", "On in this chat"),
                ("/liq 95000 25x long", "91,566.27"),
                ("/oi btc", "BTC open interest"),
                ("/oi banana split", "/oi btc"),
            ],
            1,
        ):
            fake.say(ANN, ANN, line)
            await fake.until(lambda n=number: len(fake.accepted) >= n, within=10)
            assert said in fake.accepted[-1].text
        await world.days(app, 1)
        before = len(fake.accepted)
        world.exchange.moves.append((world.clock.now(), 0.88))
        await world.days(app, 2)
        alert = fake.accepted[before]
        assert "BTC: price is well below its high of the past 16 days." in alert.text
        assert alert.photo is not None
        assert alert.photo.startswith(b"\x89PNG")
        world.exchange.moves.append((world.clock.now(), 0.78))
        await world.days(app, 2)
        assert "now a warning" in alert.text
        assert len(alert.edits) == 1
        world.exchange.moves.append((world.clock.now(), 0.97))
        await world.days(app, 5)
    assert "BTC: over after" in alert.text
    reply = fake.accepted[-1]
    assert reply.reply_to == alert.message_id
    assert "\n" not in reply.text.strip()
    assert len(fake.accepted) == before + 3, "one message, the line that rings as it gets worse, and its closing line"


async def test_a_refused_token_ends_the_start_in_words(in_telegram: World) -> None:
    assert in_telegram.telegram
    in_telegram.telegram.revoked = True
    with pytest.raises(TokenRefused, match="does not accept the bot's token"):
        await in_telegram.build().run()


async def test_doctor_asks_telegram_who_the_token_is(in_telegram: World) -> None:
    fake = in_telegram.telegram
    assert fake
    app = in_telegram.build()
    config = app.config
    await app.close()
    good = await examine(config)
    assert [finding.text for finding in good if not finding.good] == []
    assert "Telegram accepts the token of @perpulse_bot" in [finding.text for finding in good]
    assert "Binance answers (bars of BTC)" in [finding.text for finding in good]
    fake.revoked = True
    in_telegram.exchange.faults = {"*": "unavailable"}
    bad = [finding.text for finding in await examine(config) if not finding.good]
    assert len(bad) == 3
    assert all("\n" not in line and fake.token not in line for line in bad)
    assert any("@BotFather" in line for line in bad)
    with pytest.raises(TokenRefused, match="does not accept"):
        await Telegram(TelegramConfig(token=SecretStr(f"1{fake.token}"), base_url=fake.base_url)).check()


# --- as a process -----------------------------------------------------------------------------------------------------


@pytest.fixture
def exchange() -> Iterator[Stage]:
    with Stage().in_thread() as stage:
        assert isinstance(stage, Stage)
        yield stage


def settled(database: str) -> None:
    """Wait until nothing is left in the outbox: what was shown is also known to have been shown."""
    store = Store(database)
    end = time.monotonic() + PATIENCE
    while waiting(store):
        assert time.monotonic() < end, "messages wait in the outbox"
        time.sleep(0.05)
    store.close()


def printed(folder: Path, text: str, *, count: int = 1) -> str:
    """Wait until perpulse has printed something, and return all of it."""
    end = time.monotonic() + PATIENCE
    while (written := (folder / "out").read_text(encoding="utf-8")).count(text) < count:
        assert time.monotonic() < end, (written, (folder / "err").read_text(encoding="utf-8"))
        time.sleep(0.05)
    return written


def test_it_starts_without_a_token_says_so_and_stops_when_told(tmp_path: Path, exchange: Stage) -> None:
    write_config(tmp_path, exchange=exchange.base_url, fear_greed=exchange.base_url)
    with running(tmp_path) as process:
        out = printed(tmp_path, "Market data is coming in")
        assert out.startswith("perpulse follows BTC on Binance and speaks in this terminal (no ")
        assert "Telegram token is set; see config.example.toml" in out
        status = child("status", "--db", "data/perpulse.db", cwd=tmp_path)
        assert status.returncode == 0, status.stderr
        assert re.search(r"Binance: ok. Bars .* ago", status.stdout)
        assert "alternative.me, fear greed: ok" in status.stdout
        process.send_signal(signal.SIGTERM)
        begun = time.monotonic()
        assert process.wait(PATIENCE) == 0
        assert time.monotonic() - begun < PROMPT_END
    assert (tmp_path / "err").read_text(encoding="utf-8") == ""


def test_killed_it_comes_back_tells_what_happened_meanwhile_and_tells_it_once(tmp_path: Path, database: str) -> None:
    lag = timedelta(days=3)
    with Stage(clock=lambda: datetime.now(UTC) - lag).in_thread() as exchange:
        assert isinstance(exchange, Stage)
        exchange.moves.append((datetime.now(UTC) - timedelta(days=2), 0.85))
        write_config(tmp_path, exchange=exchange.base_url, fear_greed=exchange.base_url, database=database)
        # The exchange lives three days ago, before the fall: alarms begin silently, and the kill takes no leave.
        with running(tmp_path) as process:
            printed(tmp_path, "Market data is coming in")
            process.send_signal(signal.SIGKILL)
        lag = timedelta(0)
        with running(tmp_path):
            out = printed(tmp_path, "BTC: price is well below its high of the past 16 days.")
            assert out.count("while perpulse was not running") == out.count("── message")
            printed(tmp_path, "Market data is coming in")
            settled(database)  # killed between a message and its outcome, it would be sent again, marked
        with running(tmp_path) as process:
            printed(tmp_path, "Market data is coming in")
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0
        assert "── " not in (tmp_path / "out").read_text(encoding="utf-8")
    store = Store(database)
    assert len(episodes.of(store, "price_drawdown", "BTC")) == 1
    assert waiting(store) == 0
    assert destinations.find(store, "terminal", "screen")
    store.close()


# --- at a keyboard ----------------------------------------------------------------------------------------------------


class Keyboard:
    """A pseudo-terminal with perpulse in it."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.pid, self.line = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(PROGRAM[0], [*PROGRAM, *args], environment(TERM="xterm", COLUMNS="120"))  # noqa: S606 - no shell is wanted
        self.before = termios.tcgetattr(self.line)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.line, text.encode())

    def sees(self, text: str, *, count: int = 1, after: str = "") -> None:
        """Wait until something has appeared on the screen."""
        end = time.monotonic() + PATIENCE
        while self.seen.rpartition(after)[2].count(text) < count if after else self.seen.count(text) < count:
            assert time.monotonic() < end, self.seen
            assert self._read(0.2) or time.monotonic() < end, self.seen

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.line], [], [], seconds)
        try:
            read = os.read(self.line, 65536) if ready else b""
        except OSError:  # Linux: the other end is closed
            return False
        self.seen += read.decode(errors="replace")
        return bool(read)

    def ends(self) -> int:
        """Wait for the end and return the exit code."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            self._read(0.05)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"it did not end: {self.seen[-500:]}")

    def close(self) -> None:
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        os.close(self.line)


@pytest.fixture
def keyboard(tmp_path: Path) -> Iterator[Callable[..., Keyboard]]:
    opened: list[Keyboard] = []

    def start(*args: str) -> Keyboard:
        opened.append(Keyboard(tmp_path, *args))
        return opened[-1]

    yield start
    for descriptor in opened:
        descriptor.close()


def test_a_message_leaves_what_is_being_typed_whole(
    tmp_path: Path, exchange: Stage, keyboard: Callable[..., Keyboard]
) -> None:
    write_config(tmp_path, exchange=exchange.base_url, fear_greed=exchange.base_url)
    exchange.faults, exchange.slow_s = {"/fapi/v1/exchangeInfo": "slow"}, 1.0
    screen = keyboard("run")
    screen.sees("perpulse> ")
    screen.type("/liq 95000 2")
    screen.sees("/liq 95000 2")
    screen.sees("Market data is coming in")
    screen.sees("perpulse> /liq 95000 2", count=2)  # put back under the message
    screen.type("5x long\n")
    screen.sees("91,566.27")
    screen.sees("perpulse> ", after="91,566.27")  # before it the keyboard is not read, and an end of input is lost
    screen.type("\x04")
    assert screen.ends() == 0
    assert termios.tcgetattr(screen.line) == screen.before, "the terminal is left as it was"
    assert "Traceback" not in screen.seen


def test_a_prompt_does_not_hold_the_end_up(tmp_path: Path, exchange: Stage, keyboard: Callable[..., Keyboard]) -> None:
    write_config(tmp_path, exchange=exchange.base_url, fear_greed=exchange.base_url)
    screen = keyboard("run")
    screen.sees("perpulse> ")
    os.kill(screen.pid, signal.SIGTERM)
    begun = time.monotonic()
    assert screen.ends() == 0
    assert time.monotonic() - begun < PROMPT_END
    assert termios.tcgetattr(screen.line) == screen.before


def test_the_demo_takes_commands_in_its_own_time(tmp_path: Path, keyboard: Callable[..., Keyboard]) -> None:
    screen = keyboard()
    screen.sees("perpulse> ")
    assert "It was not the low." in screen.seen
    screen.type("/oi btc\n")
    screen.sees("BTC open interest:")
    screen.sees("reconstructed from published figures", count=3)
    screen.type("/chart oi btc\n")
    screen.sees("The chart is in perpulse-oi-btc.png")
    assert (tmp_path / "perpulse-oi-btc.png").read_bytes().startswith(b"\x89PNG")
    screen.type("/nonsense\n")
    screen.sees("There is no command")
    screen.type("/quit\n")
    assert screen.ends() == 0
    assert "Not current" not in screen.seen, "where the data ends is the demo's present"
