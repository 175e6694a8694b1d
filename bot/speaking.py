"""The channels that run, each with what it may use of the rest of perpulse."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from handlers import completion
from handlers.channels.channel import Outside
from handlers.charts.pictures import Pictures
from handlers.command import Deps, nobody
from storage.alerts import outbox, rests
from storage.engine import settings
from storage.people import destinations

if TYPE_CHECKING:
    from bot.clock import Clock
    from bot.config import Config
    from handlers.channels.channel import Channel
    from handlers.charts.process import ChartRenderer
    from storage.engine.database import Store

log = structlog.get_logger(__name__)


def channels_of(
    config: Config, store: Store, clock: Clock, renderer: ChartRenderer, stopping: asyncio.Event
) -> list[Channel]:
    """Return the channels that the configuration asks for, each with what it may use of the outside."""
    pictures = Pictures(store, renderer)

    def outside(platform: str) -> Outside:
        return Outside(
            draw=pictures.draw,
            moved=lambda old, new: asyncio.to_thread(destinations.moved, store, platform, old, new),
            gone=lambda chat, reason: asyncio.to_thread(_gone, store, clock, platform, chat, reason),
            allowed=lambda chat: asyncio.to_thread(_allowed, store, platform, chat),
            leave=stopping.set,
            recall=lambda name: asyncio.to_thread(settings.setting, store, f"{platform}.{name}"),
            remember=lambda name, value: asyncio.to_thread(_remember, store, f"{platform}.{name}", value),
            offers=lambda command, field, typed, asker: asyncio.to_thread(
                completion.offers, Deps(clock.now(), asker, store, config.assets, nobody), command, field, typed
            ),
            now=clock.now,
        )

    return [channel.make(outside(channel.platform())) for channel in config.speaking()]


def _remember(store: Store, name: str, value: str) -> None:
    with store.write() as work:
        settings.keep_setting(work, name, value)


def _allowed(store: Store, platform: str, chat: str) -> None:
    if rests.woken(store, platform, chat):
        log.info("rights were given back, what waited is sent", platform=platform, chat=chat)


def _gone(store: Store, clock: Clock, platform: str, chat: str, reason: str) -> None:
    for destination in destinations.everyone(store):
        if destination.platform == platform and destination.chat == chat and destination.gone is None:
            outbox.gone(store, destination.id, reason, now=clock.now())
