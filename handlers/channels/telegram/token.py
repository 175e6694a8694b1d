"""Is a token good? One question to Telegram, for `perpulse doctor`, without starting a bot."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from telegram import Bot
from telegram.error import TelegramError
from telegram.request import HTTPXRequest

from handlers.channels.telegram.errors import failure

if TYPE_CHECKING:
    from handlers.channels.telegram.channel import Secret


async def whoami(token: Secret, base_url: str | None = None, *, seconds: float = 10.0) -> str:
    """Return the user name of the token's bot. SendFailed, in words, when Telegram does not say it."""
    # Without another server given, the library's own default stands.
    make = Bot if base_url is None else partial(Bot, base_url=base_url)
    try:
        request = HTTPXRequest(connect_timeout=seconds, read_timeout=seconds)
        bot = make(token.get_secret_value(), request=request)  # refuses what has not the shape of a token
        async with bot:
            return str(bot.username)
    except TelegramError as error:
        raise failure(error) from None
