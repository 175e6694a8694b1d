"""What a person means who types a rule of their own, or the number of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from handlers.command import MissingValue, Refused

if TYPE_CHECKING:
    from handlers.command import Deps
    from signals.rules.reading import OwnLine
    from storage.people.rules import OwnRule

# What brings lark or the database along is imported when a rule is read.

EXAMPLE: Final = "/alert btc funding > 30% apr for 2h"
_NUMBER: Final = re.compile(r"(?:rule\s+)?#?(\d{1,6})\.?", re.ASCII | re.IGNORECASE)


def own_line(text: str, deps: Deps, command: str = "/alert") -> OwnLine:
    """Return the rule that a text says. Refused, with the word that is wrong and what would be right."""
    from signals.rules.errors import RuleError  # noqa: PLC0415 - see above
    from signals.rules.reading import read  # noqa: PLC0415 - see above

    try:
        return read(text, assets=deps.assets, usual=deps.assets[0])
    except RuleError as error:
        offers = tuple((label, f"{command} {line}") for label, line in error.offers)
        raise Refused(str(error), offers=offers) from None


def rules_here(deps: Deps) -> list[OwnRule]:
    """Return the rules of this chat by their numbers."""
    from storage.people import rules  # noqa: PLC0415 - see above

    here = deps.here()
    return rules.of(deps.store, here.id) if here else []


def number_said(text: str) -> int | None:
    """Return the number that a text is, typed as 3 or #3; None where it is none."""
    found = _NUMBER.fullmatch(text.strip())
    return int(found[1]) if found else None


def numbered(text: str, deps: Deps, command: str) -> OwnRule:
    """Return the rule of this chat that a text names by its number. Refused, with the numbers that there are."""
    every = rules_here(deps)
    if not every:
        raise Refused(f"This chat has no rule of its own yet. Make one like {EXAMPLE}.")
    number = number_said(text)
    found = next((rule for rule in every if rule.number == number), None)
    if found is not None:
        return found
    numbers = [str(rule.number) for rule in every]
    offers = tuple((f"{rule.number}", f"/{command} {rule.number}") for rule in every[:6])
    if not text.strip():
        question = "Which rule? Type its number."
        raise Refused(
            f"{question} There are: {', '.join(numbers)}.", offers=offers, wanted=MissingValue(question, offers)
        )
    raise Refused(f"There is no rule {text.strip()[:20]} here. There are: {', '.join(numbers)}.", offers=offers)
