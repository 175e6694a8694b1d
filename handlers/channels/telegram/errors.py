"""What python-telegram-bot raises, translated once into a kind of SendFailed.

Order matters: BadRequest and TimedOut are NetworkErrors. Whether a message may have arrived is decided by the error
beneath (`__cause__`), because the class above it is the same for a refused connection and for a lost answer.
Measured with python-telegram-bot 22.8.
"""

from __future__ import annotations

import re
from datetime import timedelta

from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from handlers.channels.failure import (
    ChatGone,
    ChatMoved,
    MarkupRefused,
    MessageRefused,
    NotSent,
    PerhapsSent,
    RightsMissing,
    SendFailed,
    Throttled,
    TokenRefused,
    Unreached,
)
from handlers.channels.telegram.wire import NOT_SENT

_UNREADABLE = ("can't parse entities", "message is too long", "message_too_long", "caption is too long")
_GONE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "group chat was deactivated",
)
# Rights come back: a manager gives them, and once Telegram itself took them from all bots in channels for hours.
_RIGHTS = re.compile(
    r"not enough rights|have no rights|need administrator rights|chat_write_forbidden|chat_send_\w+_forbidden"
    r"|chat_restricted|chat_admin_required|topic_closed"
)
_NO_TOPIC = ("message thread not found", "topic_closed", "topic_deleted")
_TOKEN = re.compile(r"\d+:[\w-]{30,}")  # some texts of the library quote it
_SECONDS = re.compile(r"retry (?:after|in) (\d+(?:\.\d+)?)", re.IGNORECASE)
_FLOOD_PAUSE = 5.0  # seconds, where a 429 does not say how long
_GATEWAY_TIMEOUT = re.compile(r"gateway time-?out|\b504\b", re.IGNORECASE)
_REJECTED = "Telegram does not accept the bot's token. Get a new one from @BotFather, put it into the config, restart."


def failure(error: TelegramError) -> SendFailed:  # noqa: PLR0911 - one row per answer of Telegram
    """Return what an error means to the sender. The reason never holds the token."""
    message = _TOKEN.sub("<token>", error.message)
    match error:
        case RetryAfter():
            return Throttled(f"Telegram asks to wait: {message}", seconds=seconds_of(error), scope="unsaid")
        case ChatMigrated():
            return ChatMoved("the group became a supergroup", to=str(error.new_chat_id))
        case InvalidToken():
            return TokenRefused(_REJECTED)
        case Forbidden():
            return RightsMissing(message) if _RIGHTS.search(message.lower()) else ChatGone(message)
        case Conflict():
            return NotSent("another program uses this bot's token")  # and reads; ours may go through in a moment
        case BadRequest():
            return _refused(message)
        case NetworkError():  # TimedOut too
            return _network(message, error.__cause__)
        case _:  # "Invalid server response": an answer came, but no JSON
            return PerhapsSent(message)


def seconds_of(error: RetryAfter) -> float:
    """Return how long Telegram asks to wait; the library gives a number or a timedelta, by version and environment."""
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def is_unchanged(error: TelegramError) -> bool:
    """Return whether an edit changed nothing."""
    return isinstance(error, BadRequest) and "message is not modified" in error.message.lower()


def is_topic_gone(error: TelegramError) -> bool:
    """Return whether the topic is closed or gone, while the chat may still be there."""
    return isinstance(error, BadRequest) and any(sentence in error.message.lower() for sentence in _NO_TOPIC)


def _refused(message: str) -> SendFailed:
    lower = message.lower()
    if any(sentence in lower for sentence in _UNREADABLE):
        return MarkupRefused(message)
    if _RIGHTS.search(lower):
        return RightsMissing(message)
    return ChatGone(message) if any(sentence in lower for sentence in _GONE) else MessageRefused(message)


def _network(message: str, cause: BaseException | None) -> SendFailed:
    reason = f"Telegram was not reached: {message}"
    if isinstance(cause, NOT_SENT):
        return Unreached(reason)
    if cause is not None and not isinstance(cause, TelegramError):
        return PerhapsSent(f"the answer was lost: {message}")
    said = message.partition(". Parsing the server response")[0]  # what follows may be a whole page
    if "too many requests" in said.lower():
        found = _SECONDS.search(said)
        return Throttled(said, seconds=float(found[1]) if found else _FLOOD_PAUSE, scope="unsaid")
    if "entity too large" in said.lower():
        return MessageRefused(said)
    trouble = f"Telegram has trouble: {said}"
    return PerhapsSent(trouble, scope="platform") if _GATEWAY_TIMEOUT.search(said) else Unreached(trouble)
