"""How many rules of their own chats and people may have; see [rules] in the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class RuleLimits:
    """How many rules a chat may have, one person in all their chats, an owner of this bot, and everybody together.

    figures: how many stored figures one rule may have read at each close, beside what alarms read anyway.
    """

    of_a_chat: int = 20
    of_a_person: int = 50
    of_an_owner: int = 200
    in_all: int = 5_000
    figures: int = 1_000_000


LIMITS: Final = RuleLimits()  # where nothing else is said
