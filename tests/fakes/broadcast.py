"""A small perpulse that only sends: store, one real channel, dispatcher.

Run as a program by tests/faults:

    python -m tests.fakes.broadcast DATABASE PLATFORM BASE_URL TOKEN SPEED LEASE

SPEED: one factor for the limits of the platform; LEASE: one for the seconds after which a process counts as dead. It
ends with 0 when nothing waits any more, or after SIGTERM, as the bot does: what is in flight is finished.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from pydantic import SecretStr

from bot.clock import SystemClock
from bot.delivery.dispatcher import Dispatcher
from handlers.answer import Answer
from storage.alerts import outbox
from storage.engine.database import Store
from tests.fakes import shard

if TYPE_CHECKING:
    from handlers.channels.channel import Channel
    from handlers.command import Asker


def channel_of(platform: str, base_url: str, token: str) -> Channel:
    """Make the channel of a platform, before its fake."""
    if platform == "telegram":
        from handlers.channels.telegram.channel import Telegram, Timeouts  # noqa: PLC0415 - a library takes a while,
        from handlers.channels.telegram.config import TelegramConfig  # noqa: PLC0415 - and this starts very often

        config = TelegramConfig(token=SecretStr(token), base_url=base_url)
        return Telegram(config, timeouts=Timeouts(read=2.0, whole=4.0))
    from handlers.channels.discord.channel import Discord  # noqa: PLC0415 - as above
    from handlers.channels.discord.config import DiscordConfig  # noqa: PLC0415 - as above

    return Discord(DiscordConfig(token=SecretStr(token), base_url=base_url), listed=())


async def nothing(_: str, __: Asker) -> Answer:
    return Answer(())


async def main(database: str, platform: str, base_url: str, token: str, speed: float, lease_speed: float) -> None:
    shard.hurry(lease_speed)
    store = Store(database)
    channel = channel_of(platform, base_url, token)
    limits = channel.limits
    channel.limits = replace(
        limits,
        per_second=limits.per_second * speed,
        per_chat_second=limits.per_chat_second * speed,
        per_group_minute=limits.per_group_minute * speed,
    )
    if platform == "discord":
        await channel.start(nothing)  # it has to log in
    dispatcher = Dispatcher(store, [channel], SystemClock())
    dispatcher.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, dispatcher.stop)
    sending, living = asyncio.create_task(dispatcher.run()), asyncio.create_task(dispatcher.holdings.run())
    while not sending.done() and outbox.waiting(store):
        await asyncio.wait([sending], timeout=0.05)
    dispatcher.stop()
    await sending
    living.cancel()
    await asyncio.wait([living])
    await channel.stop()
    dispatcher.holdings.end()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5], *map(float, sys.argv[5:])))  # type: ignore[arg-type, call-arg]
