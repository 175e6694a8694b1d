"""A small perpulse that only sends: store, a real channel, dispatcher.

Run as a program by the tests that kill it:

    python -m tests.fakes.broadcast DATABASE BASE_URL TOKEN SPEED [PLATFORM]

It ends with 0 when nothing waits any more, or after SIGTERM, as the bot does: what is in flight is finished.
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
from handlers.channels.discord.channel import Discord, Patience
from handlers.channels.discord.config import DiscordConfig
from handlers.channels.telegram.channel import Telegram, Timeouts
from handlers.channels.telegram.config import TelegramConfig
from storage.alerts import outbox
from storage.engine.database import Store

if TYPE_CHECKING:
    from handlers.command import Asker


async def channel_at(base_url: str, token: SecretStr, platform: str) -> Telegram | Discord:
    """Make a channel that sends; the one of Discord has to log in first."""
    if platform == Telegram.platform:
        return Telegram(TelegramConfig(token=token, base_url=base_url), timeouts=Timeouts(read=2.0, whole=4.0))
    discord = Discord(DiscordConfig(token=token, base_url=base_url), patience=Patience(whole=4.0, guilds=0.05))
    await discord.start(_silent)
    return discord


async def _silent(_: str, __: Asker) -> Answer:
    return Answer(())


async def main(database: str, base_url: str, token: str, speed: float, platform: str) -> None:
    store = Store(database)
    channel = await channel_at(base_url, SecretStr(token), platform)
    limits = channel.limits
    channel.limits = replace(
        limits,
        per_second=limits.per_second * speed,
        per_chat_second=limits.per_chat_second * speed,
        per_group_minute=limits.per_group_minute * speed,
    )
    dispatcher = Dispatcher(store, [channel], SystemClock())
    dispatcher.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, dispatcher.stop)
    sending = asyncio.create_task(dispatcher.run())
    while not sending.done() and outbox.waiting(store):
        await asyncio.wait([sending], timeout=0.05)
    dispatcher.stop()
    await sending
    await channel.stop()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4]), (*sys.argv[5:], "telegram")[0]))
