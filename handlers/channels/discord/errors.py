"""What discord.py raises, translated once into a kind of SendFailed.

Discord drops a repeat that carries the nonce of a message of the past minutes, so whatever may have arrived is simply
sent again. Measured with discord.py 2.7.1.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeAlias

import aiohttp
from discord import DiscordException, DiscordServerError, HTTPException, LoginFailure, RateLimited

from handlers.channels.failure import (
    ChatGone,
    MarkupRefused,
    MessageRefused,
    PerhapsSent,
    RightsMissing,
    SendFailed,
    Throttled,
    TokenRefused,
    Unreached,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.channels.failure import Scope

RAISED: Final = (DiscordException, aiohttp.ClientError, OSError, TimeoutError)  # a lost answer is none of the first
Raised: TypeAlias = DiscordException | aiohttp.ClientError | OSError

UNKNOWN_INTERACTION: Final = 10062
TOO_LATE: Final = frozenset({UNKNOWN_INTERACTION, 50027, 40060, 10008, 10015})  # an interaction that is over
_GONE: Final[Mapping[int, str]] = {
    10003: "the channel is deleted",
    10004: "the server is not known any more",
    10015: "the webhook is deleted",
    50007: "they take no direct messages from me",
    50278: "they take no direct messages from me",
    50027: "the webhook is not valid any more",
}
_RIGHTS: Final[Mapping[int, str]] = {
    50001: "I cannot see the channel",
    50013: "I may not do that in the channel",
    50083: "the thread is closed",
    160002: "I may not read what I answer",
    160005: "the thread is locked",
}
_INVALID_FORM: Final = 50035
_BANNED_SECONDS: Final = 600.0  # where Cloudflare does not say how long; each call would make it longer
_FLOOD_SECONDS: Final = 5.0
_REJECTED: Final = (
    "Discord does not accept the bot's token. Reset it at https://discord.com/developers/applications under Bot, put "
    "it into the config, restart."
)


def failure(error: Raised) -> SendFailed:  # noqa: PLR0911 - one row per error
    """Return what an error means to the sender. The reason never holds a secret."""
    match error:
        case LoginFailure():
            return TokenRefused(_REJECTED)
        case RateLimited():
            return Throttled(f"Discord asks to wait {error.retry_after:.0f} s", seconds=error.retry_after)
        case DiscordServerError():
            return PerhapsSent(f"Discord has trouble ({error.status})", scope="platform")
        case HTTPException():
            return _answered(error)
        case aiohttp.ClientConnectorError() | aiohttp.ClientProxyConnectionError():
            return Unreached(f"Discord was not reached: {type(error).__name__}")
        case DiscordException():
            return MessageRefused(f"discord.py: {type(error).__name__}")
        case _:
            return PerhapsSent(f"the answer was lost: {type(error).__name__}")


def _answered(error: HTTPException) -> SendFailed:  # noqa: PLR0911 - one row per answer of Discord
    said = f"{error.text.splitlines()[0] if error.text else 'no reason given'} ({error.status}, {error.code})"
    if error.code in _GONE:
        return ChatGone(_GONE[error.code])
    if error.code in _RIGHTS:
        return RightsMissing(_RIGHTS[error.code])
    match error.status:
        case HTTPStatus.TOO_MANY_REQUESTS:
            return _throttled(error)
        case HTTPStatus.UNAUTHORIZED:
            return TokenRefused(_REJECTED)
        case HTTPStatus.FORBIDDEN:
            return RightsMissing(said)
        case HTTPStatus.BAD_REQUEST if error.code == _INVALID_FORM and "embed" in error.text.lower():
            return MarkupRefused(said)
        case _:
            return MessageRefused(said)


def asks_everybody(headers: Mapping[str, str]) -> bool:
    """Tell whether a pause is asked of the whole bot, and not of one route or chat."""
    return bool(headers.get("X-RateLimit-Global")) or headers.get("X-RateLimit-Scope") == "global"


def pause_of(headers: Mapping[str, str]) -> float:
    """Return for how many seconds an answer asks to wait."""
    asked = headers.get("Retry-After", "")
    return float(asked) if asked.replace(".", "", 1).isdecimal() else _FLOOD_SECONDS


def _throttled(error: HTTPException) -> Throttled:
    """Tell a pause of one bucket, which outlived the library's five tries, from a ban of this host by Cloudflare."""
    headers = error.response.headers
    if not headers.get("Via"):
        seconds = max(_BANNED_SECONDS, pause_of(headers))
        return Throttled("Discord's front has banned this host for a while (429)", seconds=seconds, scope="platform")
    scope: Scope = "platform" if asks_everybody(headers) else "chat"
    return Throttled("Discord asks to wait (429)", seconds=pause_of(headers), scope=scope)
