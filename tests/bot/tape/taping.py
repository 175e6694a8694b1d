"""Making and playing tapes: a recording world on loopback servers, and the program that plays what was recorded."""

from __future__ import annotations

import asyncio
import io
import shutil
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from bot.beside import sources_of
from bot.cli.playing.playback import followed, play, settings_for
from bot.clock import ReplayClock
from bot.config import Config, Market
from bot.engine.turn import TurnTaker, announce
from bot.market.collector import HISTORY, Collector
from bot.market.keeper import Keeper
from bot.market.streams.dialects import DIALECTS
from bot.market.streams.liquidations import LiquidationStreams
from bot.tape.lines import read, written
from bot.tape.playing import Player, Tape
from bot.tape.recording import Recorder
from bot.tape.time import TapeClock, TapeLoop
from handlers.answer import answer_blocks
from handlers.channels.local import local
from handlers.channels.terminal.channel import Terminal
from handlers.command import Deps, nobody
from handlers.reply import plain_text
from signals.units import from_ms
from storage.alerts import episodes
from storage.engine.database import Store
from storage.market import points
from tests.fakes.exchange import FakeExchange
from tests.fakes.streams import FakeStreams

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
    from pathlib import Path

    from bot.tape.lines import Line

NOW = datetime(2026, 11, 20, 12, 0, 30, tzinfo=UTC)
FOUR = ("binance", "bybit", "okx", "hyperliquid")


def _as_it_is(_: str, __: datetime) -> float:
    return 1.0


class Fallen(FakeExchange):
    """An exchange at which BTC has fallen two days ago, so that an alarm is on; `back` sets when it recovers.

    factor: by what the price of a symbol is multiplied besides, by its time.
    """

    def __init__(self, clock: Callable[[], datetime], factor: Callable[[str, datetime], float] = _as_it_is) -> None:
        super().__init__(clock)
        self.fell = NOW - timedelta(days=2)
        self.back: datetime | None = None
        self.factor = factor

    def price(self, symbol: str, at_ms: int) -> float:
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        down = symbol == "BTCUSDT" and self.fell <= at and not (self.back and self.back <= at)
        return super().price(symbol, at_ms) * (0.85 if down else 1.0) * self.factor(symbol, at)


@dataclass
class World:
    """The loopback servers, a clock that is moved, and perpulse's parts with the recorder in front of the network."""

    clock: ReplayClock
    exchange: Fallen
    streams: FakeStreams
    store: Store
    collector: Collector
    turns: TurnTaker
    heard: LiquidationStreams | None
    step: timedelta

    async def go(self, **span: float) -> None:
        """Let time pass in steps of a turn; the beats of healthy streams are awaited, as their seconds go by."""
        end = self.clock.now() + timedelta(**span)
        while self.clock.now() < end:
            due = min(end, self.clock.now() + self.step)
            while self.heard and self.clock.now() < due:
                self.clock.move(min(due, self.clock.now() + timedelta(seconds=5)))
                await self._follow()
            self.clock.move(due)
            await self.turn()

    async def turn(self) -> None:
        """Ask everybody what is due, and judge what came."""
        await self.collector.round(("BTC", "ETH"))
        await self.turns.turn()

    async def alive(self) -> None:
        """Wait until every stream is in order; only a time that moves is a beat."""
        while self.heard and not all(health.since and health.state == "ok" for health in self.heard.health()):
            self.clock.move(self.clock.now() + timedelta(milliseconds=10))
            await asyncio.sleep(0.005)

    async def _follow(self) -> None:
        """Let the streams that are in order come to the present, and the others look at the clock."""
        await asyncio.sleep(0.025)
        for line in self.heard._lines if self.heard else ():
            venue, stream = line.talk.venue, line.stream
            for _ in range(200):
                late = not stream.newest or self.clock.now() - stream.newest > timedelta(milliseconds=2)
                if not late or stream.breaker.state != "ok" or venue in self.streams.faults:
                    break
                await asyncio.sleep(0.005)


def config(folder: Path, venues: Iterable[str], exchange: FakeExchange, streams: FakeStreams | None) -> Config:
    base = exchange.base_url
    market = Market(
        venues=cast("Any", tuple(venues)),
        options=False,
        stablecoins=False,
        fear_greed=False,
        liquidations=streams is not None,
        timeout_seconds=2,
        exchange_url=f"{base}/{{venue}}",
        stream_url=streams.base_url if streams else None,
    )
    return Config(assets=("BTC", "ETH"), database=folder / "recorded.db", market=market)


@asynccontextmanager
async def world(
    folder: Path,
    *venues: str,
    kept: Path | None = None,
    to: Path | None = None,
    streams: bool = False,
    at: datetime = NOW,
    step: timedelta = timedelta(seconds=60),
    history: timedelta = HISTORY,
    factor: Callable[[str, datetime], float] = _as_it_is,
) -> AsyncIterator[World]:
    """Make a world. kept: a database to go on with; to: where the tape is written, if anywhere; factor: of prices."""
    clock = ReplayClock(at)
    async with Fallen(clock.now, factor) as exchange, FakeStreams(clock.now) as server:
        settings = config(folder, venues or FOUR, exchange, server if streams else None)
        if kept:
            settings.database.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(kept, settings.database)
        recorder = Recorder(to, clock.now, assets=settings.assets, market=followed(settings.market)) if to else None
        store = Store(settings.database)
        heard = None
        if streams:
            heard = LiquidationStreams(
                store,
                settings.assets,
                clock=clock,
                dialects=[dialect for dialect in DIALECTS if dialect.venue in settings.market.venues],
                urls=server.urls,
                exchange_url=settings.market.exchange_url,
                timeout_s=2,
                chance=lambda: 0.5,
                wait=lambda seconds: _waited(clock, seconds),
                look_s=0.01,
                wrap=recorder.wrap if recorder else None,
            )
        collector = Collector(
            sources_of(settings, clock, recorder),
            clock=clock.now,
            steady=clock.monotonic,
            keeper=Keeper(store, clock.now, announce=announce),
            streams=heard,
            edge=recorder,
            chance=lambda: 0.5,
            history=history,
        )
        noted = recorder.turn if recorder else None
        turns = TurnTaker(store, clock, settings.assets, told=lambda: None, noted=noted)
        made = World(clock, exchange, server, store, collector, turns, heard, step)
        try:
            if heard:
                await heard.start()
                await made.alive()
            await made.turn()
            yield made
        finally:
            if heard:
                await heard.stop()
            await collector.close()
            store.close()
            if recorder:
                recorder.close()


async def _waited(clock: ReplayClock, seconds: float) -> None:
    due = clock.monotonic() + seconds
    while clock.monotonic() < due:  # noqa: ASYNC110 - the clock of a test rings no bell
        await asyncio.sleep(0.002)


@dataclass
class Played:
    """What playing a tape came to: every message, what /sources says at the end, and the database."""

    text: str
    sources: str
    database: Path
    missed: dict[str, int] = field(default_factory=dict)

    @property
    def messages(self) -> list[str]:
        """The messages, each as it stands on the screen, their heads included."""
        return ["── " + part.strip() for part in self.text.split("── ") if part.strip(" ─\n")]

    def alarms(self) -> dict[tuple[str, str], bool]:
        """Return the alarms that are on, by watch and asset, and whether it is unknown if they still are."""
        return alarms(self.database)

    def stored(self) -> dict[tuple[str, str, str, int], float]:
        """Return every value that is stored, by asset, venue, input and time."""
        return stored(self.database)


def alarms(database: Path) -> dict[tuple[str, str], bool]:
    store = Store(database)
    try:
        return {key: state.state.unknown for key, state in episodes.rule_states(store).items() if state.state.rank}
    finally:
        store.close()


def stored(database: Path) -> dict[tuple[str, str, str, int], float]:
    store = Store(database)
    found: dict[tuple[str, str, str, int], float] = {}
    try:
        for (asset, name), every in points.directory(store).items():
            for venue in {batch.venue for batch in every}:
                times, _, values = points.columns(store, asset, venue, [name], start=from_ms(0), end=from_ms(1 << 42))
                known = zip(times, values[name], strict=True)
                found |= {(asset, venue, name, at): value for at, value in known if value is not None}
    finally:
        store.close()
    return found


def played(folder: Path, tape: Path, kept: Path | None = None) -> Played:
    """Play a tape as `perpulse run --tape` does, on a copy of a database."""
    database = folder / "played.db"
    database.unlink(missing_ok=True)
    if kept:
        shutil.copy(kept, database)
    (one,) = Tape.read(tape)
    out = io.StringIO()
    settings = settings_for(Config(), one, database)
    result = play(one, settings, Terminal(out=out, width=200))
    store = Store(database)
    deps = Deps(one.end, local().asker, store, settings.assets, nobody)
    sources = plain_text(asyncio.run(answer_blocks("/sources", deps, on_error=_raise)).blocks)
    store.close()
    return Played(out.getvalue(), sources, database, dict(result.missed))


def in_tape_time(tape: Tape, what: Callable[[Player], Awaitable[Any]]) -> Any:
    """Run something in the time of a tape."""
    loop = TapeLoop()
    player = Player(tape, TapeClock(tape.begin, loop))

    async def run() -> Any:
        feeding = asyncio.create_task(player.feed())
        await asyncio.sleep(0)
        try:
            return await what(player)
        finally:
            feeding.cancel()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(run())


def changed(tape: Path, to: Path, how: Callable[[list[Line]], Iterable[Line]]) -> Path:
    """Write a tape anew, with other lines."""
    found = [read(text) for path in sorted(tape.glob("*.jsonl")) for text in path.read_text("utf-8").splitlines()]
    to.mkdir(parents=True, exist_ok=True)
    (to / "changed.jsonl").write_text("".join(f"{written(line)}\n" for line in how(found)), encoding="utf-8")
    return to


def _raise(error: Exception) -> str:
    raise error
