"""The channels that run, each with what it may use of the rest of perpulse."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import structlog

from bot.admission import TurnedAway
from handlers import completion
from handlers.channels.channel import Outside
from handlers.channels.failure import TokenRefused
from handlers.charts.pictures import Pictures
from handlers.command import Deps, nobody
from signals.units import MINUTE, SECOND
from storage.alerts import outbox
from storage.alerts.sending import rests
from storage.engine import settings
from storage.engine.database import StoreError
from storage.people import access, destinations
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from bot.admission import Gate
    from bot.clock import Clock
    from bot.config import Config
    from bot.delivery.rate_limiter import Paces
    from handlers.channels.channel import Answerer, Channel, Proposal
    from handlers.charts.process import ChartRenderer
    from handlers.command import Asker
    from storage.engine.database import Store

log = structlog.get_logger(__name__)

NOTED_EVERY: Final = 10 * SECOND  # tries to write what became of a chat, where the database could not take it
NOTED_FOR: Final = 360  # tries: an hour
AGAIN: Final = MINUTE  # before a token that was refused at the start is tried again


def channels_of(
    config: Config,
    store: Store,
    clock: Clock,
    renderer: ChartRenderer,
    stopping: asyncio.Event,
    gate: Gate,
    paces: Paces,
) -> list[Channel]:
    """Return the channels that the configuration asks for, each with what it may use of the outside."""

    async def offers(command: str, field: str, typed: str, asker: Asker) -> tuple[Proposal, ...]:
        """Complete what is being typed, which passes the gate as every other thing that people do."""
        admitted = await gate.admit(store, replace(asker, inline=True))
        if isinstance(admitted, TurnedAway):
            return ()
        deps = Deps(clock.now(), replace(admitted, inline=False), store, config.assets, nobody)
        deps = replace(deps, usual_zone=config.time_zone)
        return await asyncio.to_thread(completion.offers, deps, command, field, typed)

    pictures, noting = Pictures(store, renderer), Noting()

    def outside(platform: str) -> Outside:
        return Outside(
            draw=pictures.draw,
            moved=lambda old, new: noting.note(destinations.moved, store, platform, old, new),
            gone=lambda chat, reason: noting.note(_gone, store, clock, platform, chat, reason),
            allowed=lambda chat: noting.note(_allowed, store, platform, chat),
            leave=stopping.set,
            recall=lambda name: asyncio.to_thread(settings.setting, store, f"{platform}.{name}"),
            remember=lambda name, value: asyncio.to_thread(_remember, store, f"{platform}.{name}", value),
            offers=offers,
            now=clock.now,
            pace=lambda: paces.answer(platform),
            unmet=lambda: asyncio.to_thread(destinations.unmet, store, platform),
            met=lambda chat, person: noting.note(_met, store, clock, platform, chat, person),
        )

    return [channel.make(outside(channel.word)) for channel in config.speaking()]


async def begin(
    channels: Sequence[Channel], answer: Answerer, refused: Callable[[str, str], None]
) -> Coroutine[Any, Any, None]:
    """Start the channels. One whose token is refused stops none of the others: return what goes on trying it.

    refused: is told of each such channel and why. TokenRefused where no other channel is left, so that nobody could be
    answered or told.
    """
    waiting: list[tuple[Channel, TokenRefused]] = []
    for channel in channels:
        try:
            await channel.start(answer)
        except TokenRefused as failed:
            waiting.append((channel, failed))
    if waiting and len(waiting) == len(channels):
        raise waiting[0][1]
    for channel, why in waiting:
        log.error("the token is refused, the others begin without it", platform=channel.platform, reason=why.reason)
        refused(channel.platform, why.reason)
    return _begin_later([channel for channel, _ in waiting], answer)


async def _begin_later(channels: Sequence[Channel], answer: Answerer) -> None:
    """Try the channels again whose token was refused, until each has begun: a platform may have been wrong."""
    left = list(channels)
    while left:
        await asyncio.sleep(AGAIN.total_seconds())
        for channel in tuple(left):
            with contextlib.suppress(TokenRefused):  # the sender asks as well, and tells the owners
                await channel.start(answer)
                left.remove(channel)
                log.info("the token is accepted, commands are read", platform=channel.platform)


class Noting:
    """Writes what a platform tells of a chat once, also where the database cannot take it at that moment."""

    def __init__(self) -> None:
        self._later: set[asyncio.Task[None]] = set()

    async def note(self, write: Callable[..., object], *what: object) -> None:
        """Write it now, or else in a while, in the background: nobody waits for it."""
        try:
            await asyncio.to_thread(write, *what)
        except StoreError as error:
            log.error("what became of a chat is noted later", reason=str(error))  # noqa: TRY400 - it says what to do
            task = asyncio.create_task(self._note_later(write, *what))
            self._later.add(task)
            task.add_done_callback(self._later.discard)

    async def _note_later(self, write: Callable[..., object], *what: object) -> None:
        for _ in range(NOTED_FOR):
            await asyncio.sleep(NOTED_EVERY.total_seconds())
            with contextlib.suppress(StoreError):
                await asyncio.to_thread(write, *what)
                return
        log.error("what became of a chat was not noted; the next message there tells the same")


def _remember(store: Store, name: str, value: str) -> None:
    with store.write() as work:
        settings.keep_setting(work, name, value)


def _allowed(store: Store, platform: str, chat: str) -> None:
    if rests.woken(store, platform, chat):
        log.info("rights were given back, what waited is sent", platform=platform, chat=chat)


def _met(store: Store, clock: Clock, platform: str, chat: str, person: str) -> None:
    """Keep whose private chat this is; one of whom an owner keeps out is sent nothing more."""
    destinations.met(store, platform, chat, person)
    if not access.permitted(store, platform_of(platform), person, chat).get("person", True):
        _gone(store, clock, platform, chat, access.KEPT_OUT)


def _gone(store: Store, clock: Clock, platform: str, chat: str, reason: str) -> None:
    for destination in destinations.everyone(store):
        if destination.platform == platform and destination.chat == chat and destination.gone is None:
            outbox.gone(store, destination.id, reason, now=clock.now())
