"""A small perpulse that only sends: store, real Telegram channel, dispatcher.

Run as a program by tests/bot/delivery/test_kill.py:

    python -m tests.fakes.broadcast DATABASE BASE_URL TOKEN SPEED

It ends with 0 when nothing waits any more, or after SIGTERM, as the bot does: what is in flight is finished.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from dataclasses import replace

from pydantic import SecretStr

from bot.clock import SystemClock
from bot.delivery.dispatcher import Dispatcher
from handlers.channels.telegram.channel import Telegram, Timeouts
from handlers.channels.telegram.config import TelegramConfig
from storage.alerts import outbox
from storage.engine.database import Store


async def main(database: str, base_url: str, token: str, speed: float) -> None:
    store = Store(database)
    config = TelegramConfig(token=SecretStr(token), base_url=base_url)
    telegram = Telegram(config, timeouts=Timeouts(read=2.0, whole=4.0))
    limits = telegram.limits
    telegram.limits = replace(
        limits,
        per_second=limits.per_second * speed,
        per_chat_second=limits.per_chat_second * speed,
        per_group_minute=limits.per_group_minute * speed,
    )
    dispatcher = Dispatcher(store, [telegram], SystemClock())
    dispatcher.start()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, dispatcher.stop)
    sending = asyncio.create_task(dispatcher.run())
    while not sending.done() and outbox.waiting(store):
        await asyncio.wait([sending], timeout=0.05)
    dispatcher.stop()
    await sending
    await telegram.stop()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], float(sys.argv[4])))
