"""Everything is made here, nothing at import: build() puts the parts together, App runs them in one loop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog
from handlers.pictures import Pictures

from bot.clock import Clock, SystemClock
from bot.delivery import Sender
from bot.market import Market
from bot.schedule import TICK_EVERY, schedule
from bot.sources.alternative_me import AlternativeMe
from bot.sources.ccxt_venue import CcxtVenue
from bot.sources.quirks import VENUES
from bot.tick import Ticker
from handlers.answer import answer_blocks, logged
from handlers.channel import Address, SendFailed
from handlers.command import Asker, Deps
from handlers.draughtsman import Draughtsman
from handlers.on_terminal import Terminal
from storage import chats, outbox, points
from storage.db import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bot.config import Config
    from bot.sources import Source
    from handlers.channel import Channel
    from handlers.on_telegram import Telegram
    from handlers.reply import Block

log = structlog.get_logger(__name__)

SCREEN = Address("screen", kind="terminal")


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
    terminal: Terminal | None
    telegram: Telegram | None
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def answer(self, text: str, asker: Asker) -> tuple[Block, ...]:
        """Answer a command line from a channel; never raises."""
        deps = Deps(self.clock.now(), asker, self.store, self.config.assets, self.ticker.refresh)
        return await answer_blocks(text, deps, on_error=logged)

    async def run(self) -> None:
        """Run until told to stop, then leave in order: nothing new, finish what is in flight, close."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(NotImplementedError):  # Windows has none
                loop.add_signal_handler(number, self.stopping.set)
        await asyncio.to_thread(self.sender.start)
        self._place_of_terminal()
        if self.telegram:
            await self.telegram.start()
        jobs = schedule({"tick": (TICK_EVERY, self.ticker.turn)})
        jobs.start()
        sending = asyncio.create_task(self.sender.run())
        first = asyncio.create_task(self._first_turn())
        prompt = asyncio.create_task(self._prompt()) if self.terminal and sys.stdin.isatty() else None
        try:
            await self.stopping.wait()
        finally:
            jobs.shutdown(wait=False)
            for task in (first, prompt):
                if task:
                    task.cancel()
            self.sender.stop()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(sending), 4)
            if self.telegram:
                await self.telegram.stop()
            await self.market.close()
            self.draughtsman.close()
            self.store.close()

    async def _first_turn(self) -> None:
        await self.ticker.turn()
        if self.terminal:
            self.terminal.say("Market data is coming in. Alerts appear here; try /health or /help.", "dim")

    def _place_of_terminal(self) -> None:
        """Subscribe the screen where it is the channel, and let it go where it is not: nothing waits for nobody."""
        now = self.clock.now()
        if self.terminal:
            screen = chats.ensure(self.store, "terminal", SCREEN.chat, None, kind="terminal", title=None, now=now)
            chats.subscribe(self.store, screen.id, chats.ANY, chats.ANY)
            chats.subscribe(self.store, screen.id, "sources", chats.ANY)
        elif screen_ := chats.find(self.store, "terminal", SCREEN.chat):
            chats.unsubscribe(self.store, screen_.id)
            outbox.gone(self.store, screen_.id, "perpulse runs without a terminal now", now=now)

    async def _prompt(self) -> None:
        """Take commands from the keyboard until end of input."""
        await prompt(self._terminal(), self.answer)
        self.stopping.set()

    def _terminal(self) -> Terminal:
        if self.terminal is None:
            raise RuntimeError("there is no terminal to prompt in")
        return self.terminal


async def prompt(terminal: Terminal, answer: Callable[..., object]) -> None:
    """Read command lines from standard input and print the answers, until end of input or /quit."""
    asker = Asker("terminal", SCREEN)
    while True:
        try:
            line = await asyncio.to_thread(input, "perpulse> ")
        except EOFError:
            return
        if line.strip().lower() in {"quit", "exit", "/quit", "/exit", "q"}:
            return
        if line.strip():
            terminal.show(await answer(line, asker))  # type: ignore[misc]


def sources_of(config: Config, clock: Clock) -> list[Source]:
    """Return the sources that the configuration names."""
    market = config.market
    found: list[Source] = [
        CcxtVenue(
            next(each for each in VENUES if each.venue == market.venue),
            clock=clock.now,
            timeout_s=market.timeout_seconds,
            proxy=market.proxy,
            base_url=market.exchange_url,
        )
    ]
    if market.fear_greed:
        other = {"base_url": market.fear_greed_url} if market.fear_greed_url else {}
        found.append(AlternativeMe(clock=clock.now, timeout_s=market.timeout_seconds, proxy=market.proxy, **other))
    return found


def build(
    config: Config,
    *,
    clock: Clock | None = None,
    sources: Sequence[Source] | None = None,
    channels: Sequence[Channel] | None = None,
) -> App:
    """Make an App. Without `sources` and `channels`, those of the configuration: the terminal where no token is set."""
    clock = clock or SystemClock()
    store = Store(config.database)
    market = Market(
        sources_of(config, clock) if sources is None else sources,
        clock=clock.now,
        remembered=lambda venue, asset, name: points.newest(store, asset, name, venue),
    )
    draughtsman = Draughtsman()
    telegram: Telegram | None = None
    terminal: Terminal | None = None

    async def answer(text: str, asker: Asker) -> tuple[Block, ...]:
        return await app.answer(text, asker)

    if channels is None:
        token = config.telegram_token()
        if token:
            from handlers.on_telegram import Telegram as Channel_  # noqa: PLC0415 - a third of a second, if unused

            telegram = Channel_(
                token,
                answer=answer,
                draw=Pictures(store, draughtsman).draw,
                on_moved=lambda old, new: asyncio.to_thread(chats.moved, store, "telegram", old, new),
                on_gone=lambda chat, reason: asyncio.to_thread(_gone, store, clock, chat, reason),
                base_url=config.telegram.base_url,
            )
            channels = [telegram]
        else:
            terminal = Terminal()
            channels = [terminal]
    sender = Sender(store, channels, clock)
    ticker = Ticker(store, market, clock, config.assets, told=sender.poke)
    app = App(config, clock, store, market, ticker, sender, draughtsman, terminal, telegram)
    return app


def _gone(store: Store, clock: Clock, chat: str, reason: str) -> None:
    for destination in chats.everyone(store):
        if destination.platform == "telegram" and destination.chat == chat and destination.gone is None:
            outbox.gone(store, destination.id, reason, now=clock.now())


__all__ = ["App", "SendFailed", "build", "prompt", "sources_of"]
