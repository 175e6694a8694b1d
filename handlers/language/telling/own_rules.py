"""What a person means who types a rule of their own, or the number of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from handlers.command import MissingValue, Refused
from handlers.language.spelling import check_dollars
from signals.units import DAY

if TYPE_CHECKING:
    from handlers.command import Deps
    from signals.rules.errors import RuleError
    from signals.rules.reading import OwnLine
    from storage.people.rules import OwnRule

# What brings lark or the database along is imported when a rule is read.

EXAMPLE: Final = "/alert btc funding > 30% apr for 2h"
_BEHIND: Final = "~"  # begins a word that stands for a whole rule
_BYTES: Final = 60  # of a command on a button: the strictest platform takes 64, with a version before it
_NUMBER: Final = re.compile(r"(?:rule\s+)?#?(\d{1,6})\.?", re.ASCII | re.IGNORECASE)


def own_line(text: str, deps: Deps, command: str = "/alert") -> OwnLine:
    """Return the rule that a text says. Refused, with the word that is wrong and what would be right."""
    from signals.rules.errors import RuleError  # noqa: PLC0415 - see above
    from signals.rules.naming import PRICE  # noqa: PLC0415 - see above
    from signals.rules.reading import read  # noqa: PLC0415 - see above

    text = _behind(text.strip(), deps)
    check_dollars(text, deps.assets)
    try:
        return read(text, assets=deps.assets, usual=deps.assets[0])
    except RuleError as error:
        priced = _beside_price(error, deps) if error.level == PRICE else None
        if priced is not None and priced[1]:
            return priced[0]
        offers = tuple((label, pressed(deps, command, line)) for label, line in error.offers)
        likely = priced[0].line if priced is not None else error.offers[0][1] if error.level else ""
        said = f"{error} Type it like {command} {likely}." if likely else str(error)
        raise Refused(said, offers=offers, wanted=_line_wanted(text, said, error)) from None


def _line_wanted(text: str, said: str, error: RuleError) -> MissingValue | None:
    """Return the question for the line that a rule lacks which only names something, as btc; None where one stands."""
    missing = [label for label, line in error.offers if line == f"{text} {label}"]
    if not missing:
        return None
    return MissingValue(said, tuple((label, label) for label in missing), free=True, behind=True)


def _beside_price(error: RuleError, deps: Deps) -> tuple[OwnLine, bool] | None:
    """Return what a line of price means by the side on which price is not, and whether that price is of today.

    Who types a price waits for it: below today's it means below. None where price is not known, or is at the line.
    """
    from signals.rules.errors import RuleError as Wrong  # noqa: PLC0415 - see above
    from signals.rules.reading import read  # noqa: PLC0415 - as above
    from storage.queries.market.known_at import price_by_input  # noqa: PLC0415 - as above

    try:
        above, below = (read(line, assets=deps.assets, usual=deps.assets[0]) for _, line in error.offers)
    except Wrong:  # another word of the line is wrong as well
        return None
    if len(above.scope.assets) != 1 or not deps.store.exists:
        return None
    level = next(
        (float(one.bound) for group in above.rule.levels[0].enter for one in group if one.name == error.level), None
    )
    newest = next(iter(price_by_input(deps.store, above.scope.assets[0], deps.now).values()), None)
    if level is None or newest is None or newest.value == level:
        return None
    return (above if newest.value < level else below), deps.now - newest.at < DAY


def pressed(deps: Deps, head: str, line: str) -> str:
    """Return the command that a button with a rule runs: a long rule is kept, and a word stands for it.

    Platforms let a button carry few bytes, and a button that is left out is a rule that cannot be saved.
    """
    command = f"{head} {line}"
    if len(command.encode()) <= _BYTES:
        return command
    from storage.people import rules  # noqa: PLC0415 - see above

    return f"{head} {_BEHIND}{rules.share(deps.store, deps.made().id, line, deps.now)}"


def _behind(text: str, deps: Deps) -> str:
    """Return the rule that the word of a button stands for; any other text as it is."""
    if not text.startswith(_BEHIND):
        return text
    from storage.people import rules  # noqa: PLC0415 - see above

    line = rules.shared(deps.store, text.removeprefix(_BEHIND))
    if line is None:
        raise Refused(f"What that button stood for is no longer kept. Type the rule again, like {EXAMPLE}.")
    return line


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
    offers = tuple((number, f"/{command} {number}") for number in numbers[:6])
    if not text.strip():
        question = "Which rule? Type its number."
        wanted = MissingValue(question, tuple((number, number) for number in numbers[:6]))
        raise Refused(f"{question} There are: {', '.join(numbers)}.", offers=offers, wanted=wanted)
    raise Refused(f"There is no rule {text.strip()[:20]} here. There are: {', '.join(numbers)}.", offers=offers)
