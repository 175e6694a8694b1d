"""Everything is made here, nothing at import: build() puts the parts together, App runs them in one loop."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import structlog

from bot.archive.backfill import Backfill
from bot.archive.gaps import Closing
from bot.cli.prompt import SCREEN, Screen
from bot.clock import Clock, SystemClock
from bot.delivery.dispatcher import Sender
from bot.engine import housekeeping
from bot.engine.addresses import Following
from bot.engine.positions import Positions
from bot.engine.turn import Ticker
from bot.market.collector import Market
from bot.market.exchange.table import BY_NAME, OPTIONS
from bot.market.exchange.venue import CcxtVenue, at_venue
from bot.market.providers.alternative_me import AlternativeMe
from bot.market.providers.defillama import DefiLlama
from bot.market.providers.hyperliquid_account import HyperliquidAccount
from bot.market.streams.dialects import DIALECTS
from bot.market.streams.liquidations import LiquidationStreams
from bot.schedule import TICK_EVERY, keep_the_loop_free, schedule
from handlers.answer import answer_blocks, logged
from handlers.charts.pictures import Pictures
from handlers.charts.process import Draughtsman
from handlers.command import Deps
from storage.alerts import outbox
from storage.engine.database import Store, StoreError
from storage.market import coverage, points, source_state
from storage.people import destinations

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence
    from datetime import datetime

    from bot.config import Config
    from bot.market.breaker import State
    from bot.market.source import Source
    from bot.tape import Edge
    from handlers.channels.channel import Channel
    from handlers.channels.telegram.channel import Telegram
    from handlers.command import Asker
    from handlers.reply import Block

log = structlog.get_logger(__name__)

LAST_MESSAGES = timedelta(seconds=2)  # how long what is in flight may take when the program is told to stop
_MIDDLING = 0.5  # the jitter of a recorded run
SENDING_AGAIN = timedelta(seconds=5)
HISTORY_EVERY = timedelta(hours=6)  # the archive publishes yesterday at about 07:46; what is known costs no request


@dataclass(slots=True)
class App:
    """The parts of a running perpulse, each replaceable in a test."""

    config: Config
    clock: Clock
    store: Store
    market: Market
    ticker: Ticker
    sender: Sender
    draughtsman: Draughtsman
    screen: Screen | None
    telegram: Telegram | None
    positions: Positions
    following: Following
    streams: LiquidationStreams | None = None
    history: Backfill | None = None
    closing: Closing | None = None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _reading: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def answer(self, text: str, asker: Asker) -> tuple[Block, ...]:
        """Answer a command line from a channel; never raises."""
        deps = Deps(self.clock.now(), asker, self.store, self.config.assets, self.ticker.refresh)
        return await answer_blocks(text, deps, on_error=logged)

    async def run(self) -> None:
        """Run until told to stop, then leave in order: nothing new, finish what is in flight, close."""
        keep_the_loop_free()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has none
                loop.add_signal_handler(number, self.stopping.set)
        await asyncio.to_thread(self.sender.start)
        self._place_of_terminal()
        jobs = schedule(
            {
                "tick": (TICK_EVERY, self._turn),
                "addresses": (TICK_EVERY, self._follow),
                "cleaning": (housekeeping.LOOKED, self._clean),
                "history": (HISTORY_EVERY, self._backfill),
            }
        )
        others: list[asyncio.Task[None]] = []
        sending: asyncio.Task[None] | None = None
        try:
            if self.telegram:
                await self.telegram.start()
            if self.streams:
                await self.streams.start()
            jobs.start()
            sending = asyncio.create_task(self._send())
            others.append(asyncio.create_task(self._first_turn()))
            others.append(asyncio.create_task(self._backfill()))
            if self.screen and sys.stdin.isatty():
                others.append(asyncio.create_task(self._prompt(self.screen)))
            await self.stopping.wait()
        finally:
            if jobs.running:
                jobs.shutdown(wait=False)
            await _cancelled(others)
            self.sender.stop()
            if sending:
                await asyncio.wait([sending], timeout=LAST_MESSAGES.total_seconds())
                await _cancelled([sending])
            await self.close()

    async def close(self) -> None:
        """Close what build() made; safe to call twice."""
        if self.telegram:
            await self.telegram.stop()
        if self.streams:
            await self.streams.stop()
        await self.market.close()
        await self.following.close()
        self.draughtsman.close()
        self.store.close()

    async def _turn(self) -> None:
        """Take a turn; whatever goes wrong in it, the next one is taken."""
        await self._taken(self.ticker.turn, "a turn failed; the next one is in a moment")
        await self._taken(self.positions.turn, "positions were not judged; the next try is in a moment")

    async def repeat(self, assets: Sequence[str]) -> None:
        """Take a turn of a tape: of everything, or of the assets that somebody asked for between two turns."""
        if not assets:
            await self._turn()
        for asset in assets:
            await self.ticker.refresh(asset)

    async def _follow(self) -> None:
        """Ask about followed addresses, apart from the market: a slow venue holds up nothing else."""
        await self._taken(self.following.turn, "addresses were not asked about; the next try is in a moment")

    async def _clean(self) -> None:
        """Thin what has grown old, once a day."""
        rule = housekeeping.rule_of(self.config.retention)
        await self._taken(
            lambda: housekeeping.turn(self.store, rule, self.clock),
            "old rows were not removed; the next try is in an hour",
        )

    async def _backfill(self) -> None:
        """Read what the archive has published and the store does not hold; one pass at a time."""
        if self.history is None or self._reading.locked():
            return
        async with self._reading:
            await self._taken(self._read_archive, "the archive was not read; the next try is in some hours")

    async def _read_archive(self) -> None:
        """Read the archive, and have the exchange asked for what it lacks."""
        read = await self.history.run_background() if self.history else None
        if read and self.closing:
            self.closing.close((gap for gaps in read.gaps.values() for gap in gaps), self.clock.now())

    async def _taken(self, turn: Callable[[], Awaitable[object]], failed: str) -> None:
        try:
            await turn()
        except StoreError as error:
            log.error(str(error))  # noqa: TRY400 - the sentence says what to do, a traceback would hide it
        except Exception:
            log.exception(failed)

    async def _send(self) -> None:
        """Keep the sender at work: a full disk must not end it for good."""
        while not self.stopping.is_set():
            try:
                await self.sender.run()
            except StoreError as error:
                log.error(str(error))  # noqa: TRY400 - as above
            except Exception:
                log.exception("sending failed, trying on")
            else:
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.stopping.wait(), SENDING_AGAIN.total_seconds())

    async def _first_turn(self) -> None:
        await self._turn()
        if self.screen is None:
            return
        for reason in dict.fromkeys(each.error for each in self.market.health() if each.error):
            self.screen.say(f"{reason} perpulse keeps asking.", "dim")
        if any(each.last_good for each in self.market.health()):
            self.screen.say("Market data is coming in. Alerts appear here; try /health or /help.", "dim")

    def _place_of_terminal(self) -> None:
        """Subscribe the screen where it is the channel, and let it go where it is not: nothing waits for nobody."""
        now = self.clock.now()
        if self.screen:
            subscribe_screen(self.store, now)
        elif here_ := destinations.find(self.store, "terminal", SCREEN.chat):
            destinations.unsubscribe(self.store, here_.id)
            outbox.gone(self.store, here_.id, "perpulse runs without a terminal now", now=now)

    async def _prompt(self, screen: Screen) -> None:
        """Take commands from the keyboard; the end of input ends the program."""
        await screen.take_commands(self.answer, Pictures(self.store, self.draughtsman).draw)
        self.stopping.set()


def subscribe_screen(store: Store, now: datetime) -> None:
    """Let the terminal be told everything, sources included."""
    here = destinations.ensure(store, "terminal", SCREEN.chat, None, kind="terminal", title=None, now=now)
    destinations.subscribe(store, here.id, destinations.ANY, destinations.ANY)
    destinations.subscribe(store, here.id, "sources", destinations.ANY)


async def _cancelled(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they have ended."""
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def sources_of(config: Config, clock: Clock, edge: Edge | None = None) -> list[Source]:
    """Return the sources that the configuration names. edge: a recording or a tape in the place of each connection."""
    market = config.market
    wrap = edge.wrap if edge else None
    unpaced = market.exchange_url is not None or (edge is not None and edge.asks_nobody)  # nobody counts our requests
    rows = [BY_NAME[each] for each in market.venues]
    if market.options and "deribit" not in market.venues:
        rows.append(OPTIONS)
    found: list[Source] = [
        CcxtVenue(
            row,
            clock=clock.now,
            timeout_s=market.timeout_seconds,
            proxy=market.proxy,
            base_url=at_venue(market.exchange_url, row.venue),
            paced=not unpaced,
            wrap=wrap,
        )
        for row in rows
    ]
    for wanted, kind, url in (
        (market.fear_greed, AlternativeMe, market.fear_greed_url),
        (market.stablecoins, DefiLlama, market.stablecoins_url),
    ):
        if wanted:
            other = {"base_url": url} if url else {}
            found.append(
                kind(clock=clock.now, timeout_s=market.timeout_seconds, proxy=market.proxy, wrap=wrap, **other)
            )
    return found


def build(
    config: Config,
    *,
    clock: Clock | None = None,
    sources: Sequence[Source] | None = None,
    channels: Sequence[Channel] | None = None,
    edge: Edge | None = None,
) -> App:
    """Make an App. Without `sources` and `channels`, those of the configuration: the terminal where no token is set.

    edge: a recording or a tape in the place of each connection; without jitter, so that the same is asked when played.
    """
    clock = clock or SystemClock()
    store = Store(config.database)
    market = Market(
        sources_of(config, clock, edge) if sources is None else sources,
        clock=clock.now,
        remembered=lambda venue, asset, name: points.newest(store, asset, name, venue),
        in_trouble=lambda: cast("dict[str, State]", source_state.told(store)),
        owed=lambda: coverage.owed(store),
        chance=_chance(edge),
    )
    draughtsman = Draughtsman()
    telegram: Telegram | None = None
    screen: Screen | None = None

    async def answer(text: str, asker: Asker) -> tuple[Block, ...]:
        return await app.answer(text, asker)

    if channels is None:
        token = config.telegram_token()
        if token:
            from handlers.channels.telegram.channel import Telegram as Channel_  # noqa: PLC0415 - a third of a second

            telegram = Channel_(
                token,
                answer=answer,
                draw=Pictures(store, draughtsman).draw,
                on_moved=lambda old, new: asyncio.to_thread(destinations.moved, store, "telegram", old, new),
                on_gone=lambda chat, reason: asyncio.to_thread(_gone, store, clock, Channel_.platform, chat, reason),
                base_url=config.telegram.base_url,
            )
            channels = [telegram]
        else:
            screen = Screen()
            channels = [screen]
    sender = Sender(store, channels, clock)
    streams, history = _beside(config, store, clock, edge) if sources is None else (None, None)
    ticker = Ticker(
        store, market, clock, config.assets, told=sender.poke, streams=streams, asks=edge.turn if edge else None
    )
    positions = Positions(store, clock, told=sender.poke, assets=config.assets, refresh=ticker.refresh)
    following = Following(store, clock, _account(config, clock), told=sender.poke)
    app = App(
        config,
        clock,
        store,
        market,
        ticker,
        sender,
        draughtsman,
        screen,
        telegram,
        positions,
        following,
        streams,
        history,
        Closing(market.owe) if history else None,
    )
    return app


def _beside(
    config: Config, store: Store, clock: Clock, edge: Edge | None
) -> tuple[LiquidationStreams | None, Backfill | None]:
    """Return what is heard and read beside the sources: streams, and the archive, which is not on a tape.

    With another exchange server there are streams only where it has some.
    """
    market = config.market
    history = Backfill(store, config, clock) if market.history and not (edge and edge.asks_nobody) else None
    spoken = [each for each in DIALECTS if each.venue in market.venues]
    if not market.liquidations or not spoken or (market.exchange_url and not market.stream_url):
        return None, history
    streams = LiquidationStreams(
        store,
        config.assets,
        clock=clock,
        dialects=spoken,
        urls={each.venue: f"{market.stream_url}/{each.venue}" for each in spoken} if market.stream_url else None,
        exchange_url=market.exchange_url,
        proxy=market.proxy,
        timeout_s=market.timeout_seconds,
        chance=_chance(edge),
        wrap=edge.wrap if edge else None,
    )
    return streams, history


def _chance(edge: Edge | None) -> Callable[[], float]:
    return (lambda: _MIDDLING) if edge else random.random


def _account(config: Config, clock: Clock) -> HyperliquidAccount:
    market = config.market
    other = {"base_url": market.hyperliquid_url} if market.hyperliquid_url else {}
    return HyperliquidAccount(clock=clock.now, timeout_s=market.timeout_seconds, proxy=market.proxy, **other)


def _gone(store: Store, clock: Clock, platform: str, chat: str, reason: str) -> None:
    for destination in destinations.everyone(store):
        if destination.platform == platform and destination.chat == chat and destination.gone is None:
            outbox.gone(store, destination.id, reason, now=clock.now())
