"""How the channels themselves do, in words: chats that rest, and a platform that refuses the token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from handlers.words import wording
from storage.people.bots import name_of, platform_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.alerts.sending.rests import Resting


_ITS: Final = "the bot's token"


def bot_called(title: str, name: str) -> str:
    """Say which bot of a platform is meant: Telegram, or Telegram (alpha).

    With no @ before its name, which would name whoever is called so there.
    """
    return f"{title} ({name})" if name else title


def of_bot(word: str) -> str:
    """Say which bot is meant by the word that is stored with its chats."""
    return bot_called(platform_of(word).capitalize(), name_of(word))


def resting_lines(
    places: Sequence[Resting], now: datetime, zone: str, *, names: bool, here: tuple[str, str]
) -> list[str]:
    """Say where something is not allowed, a line each. names: chats may be named; else only `here`, the rest counted.

    here: bot and chat of who asks, whose own chat is no secret.
    """
    named = [place for place in places if names or (place.platform, place.chat) == here]
    lines = [_resting(place, now, zone) for place in named]
    if others := len(places) - len(named):
        lines.append(f"{wording.count(others, 'chat rests', 'chats rest')}: something is not allowed there")
    return lines


def token_told(bot: str, since: datetime, reason: str, zone: str, *, accepted: bool = False) -> str:
    """Say that a platform refuses a bot's token, or takes it again."""
    if accepted:
        return f"{_token(bot, 'takes')} again, and what waited is being sent."
    at = wording.clock(since, zone, dated=True)
    return f"{refused(bot)} since {at}, and its messages wait. {reason}"


def refused(bot: str) -> str:
    """Say that a platform refuses a bot's token, without a full stop."""
    return _token(bot, "refuses")


def _token(bot: str, what: str) -> str:
    name = name_of(bot)
    return f"{of_bot(platform_of(bot))} {what} {f'the token of the bot {name}' if name else _ITS}"


def _resting(place: Resting, now: datetime, zone: str) -> str:
    title = f"“{place.title}” " if place.title else ""
    topic = f", topic {place.topic}" if place.topic else ""
    where = f"{of_bot(place.platform)} {title}({place.chat}{topic})"
    waiting = wording.count(place.waiting, "message waits", "messages wait")
    return f"{where}: {place.reason}. {waiting}, tried again {wording.again(place.until, now, zone)}"
