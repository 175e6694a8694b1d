"""How the channels themselves do, in words: chats that rest, and a platform that refuses the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from storage.alerts.sending.rests import Resting


def resting_lines(
    places: Sequence[Resting], now: datetime, zone: str, *, names: bool, here: tuple[str, str]
) -> list[str]:
    """Say where something is not allowed, a line each. names: chats may be named; else only `here`, the rest counted.

    here: platform and chat of who asks, whose own chat is no secret.
    """
    named = [place for place in places if names or (place.platform, place.chat) == here]
    lines = [_resting(place, now, zone) for place in named]
    if others := len(places) - len(named):
        lines.append(f"{wording.count(others, 'chat rests', 'chats rest')}: something is not allowed there")
    return lines


def token_told(platform: str, since: datetime, reason: str, zone: str, *, accepted: bool = False) -> str:
    """Say that a platform refuses the bot's token, or takes it again."""
    if accepted:
        return f"{platform.capitalize()} takes the bot's token again, and what waited is being sent."
    at = wording.clock(since, zone, dated=True)
    return f"{platform.capitalize()} refuses the bot's token since {at}, and its messages wait. {reason}"


def _resting(place: Resting, now: datetime, zone: str) -> str:
    title = f"“{place.title}” " if place.title else ""
    topic = f", topic {place.topic}" if place.topic else ""
    where = f"{place.platform.capitalize()} {title}({place.chat}{topic})"
    waiting = wording.count(place.waiting, "message waits", "messages wait")
    return f"{where}: {place.reason}. {waiting}, tried again {wording.again(place.until, now, zone)}"
