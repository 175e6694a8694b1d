"""Several bots of one platform: each has chats of its own, and a person is the same one to all of them.

What is stored with a chat is the word of the bot that speaks there: the platform's for its first bot, and for a further
one its name behind it, telegram@alpha. What belongs to a person is stored under the platform.
"""

from __future__ import annotations

from typing import Final

_BEHIND: Final = "@"


def word_of(platform: str, name: str = "") -> str:
    """Return the word of a bot: telegram@alpha, or telegram for the one that has no name."""
    return f"{platform}{_BEHIND}{name}" if name else platform


def platform_of(word: str) -> str:
    """Return the platform of a bot, on which people are who they are: telegram for telegram@alpha."""
    return word.partition(_BEHIND)[0]


def name_of(word: str) -> str:
    """Return the name of a bot by its word; "" for the first one of a platform."""
    return word.partition(_BEHIND)[2]
