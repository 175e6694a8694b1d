"""The slash commands of the house: their options from the arguments of each command, and the line that they make.

Each option becomes the words that somebody would have typed, so there is one grammar. None is required: what is missing
is said by the command itself, and the free option takes a whole line.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final, cast

from discord import AppCommandOptionType

from handlers.channels.text import clip
from handlers.completion import completes
from handlers.language.kinds import (
    ASSET,
    CASH,
    DURATION,
    INSTRUMENT,
    LEVERAGE,
    MONEY,
    PERCENT,
    PRICE,
    REST,
    ROLE,
    SIZE,
    TIME,
    VENUE,
    ZONE,
    plan_of,
)
from signals.language.spelling import sentence_case
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from handlers.command import Command
    from handlers.language.kinds import Field, Kind, Plan

FREE: Final = "text"
DESCRIPTION, CHOICES, CHOICE = 100, 25, 100  # what Discord allows: characters, how many, characters
_SLASH: Final = 1
_SERVER, _DIRECT, _ELSEWHERE = 0, 1, 2  # where a command can be used
_ON_SERVER, _BY_USER = 0, 1  # how the app was installed
_HINTS: Final[Mapping[Kind, str]] = {
    PRICE: "like 95000 or 95k",
    LEVERAGE: "like 25x",
    SIZE: "like 10kusd or 0.5btc",
    MONEY: "like 5000",
    CASH: "like 5000 or 0.05btc",
    PERCENT: "like 2%",
    DURATION: "like 8h or 7d",
    ZONE: "like Berlin or UTC+2",
    TIME: "like 08:30",
    ASSET: "like btc",
    INSTRUMENT: "like btc or BTCUSDC",
}
_OWN_WORDS: Final[Mapping[Kind, str]] = {PRICE: "entry", SIZE: "size"}
_ROLE: Final = re.compile(r"<@&(\d+)>")  # as a role looks in a text
_NUMBER: Final = re.compile(r"[\d.,]+")


def payload(commands: Iterable[Command]) -> list[dict[str, Any]]:
    """Return what Discord is told of the commands: everywhere, for servers and for people."""
    return [
        {
            "type": _SLASH,
            "name": command.name,
            "description": clip(command.help or command.name, DESCRIPTION),
            "options": _options(command),
            "contexts": [_SERVER, _DIRECT, _ELSEWHERE],
            "integration_types": [_ON_SERVER, _BY_USER],
        }
        for command in commands
    ]


def digest(told: list[dict[str, Any]]) -> str:
    """Return what tells one payload from another."""
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def line_of(command: Command, given: Mapping[str, Any]) -> str:
    """Return the line that somebody would have typed. given: values by the names of options."""
    plan = _plan(command)
    said = [_said(plan, field, given[field.name]) for field in plan.fields if given.get(field.name) not in (None, "")]
    free = _ROLE.sub(r"\1", str(given.get(FREE) or "").strip())
    typed = f"/{command.name}"
    return " ".join(filter(None, (typed, *(_behind(typed, text) for text in (*said, free)))))


def _behind(typed: str, text: str) -> str:
    """Return a text without the command, where a whole line was put into an option."""
    first, _, rest = text.partition(" ")
    return rest.strip() if first.lower() == typed else text


def given_of(options: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the values of an interaction by their names."""
    return {str(option["name"]): option.get("value") for option in options}


def _plan(command: Command) -> Plan:
    return plan_of(cast("Hashable", command.arguments))


def _options(command: Command) -> list[dict[str, Any]]:
    plan = _plan(command)
    whole = any(field.kind is REST and len(plan.fields) == 1 for field in plan.fields)
    free = [] if whole or not plan.fields else [_free(command)]
    return [*free, *(_option(field) for field in plan.fields)]


def _free(command: Command) -> dict[str, Any]:
    typed = command.example.partition(" ")[2]
    told = f"All of it as you would type it, in any order: {typed}" if typed else "All of it as you would type it"
    return {"type": AppCommandOptionType.string.value, "name": FREE, "description": clip(told, DESCRIPTION)}


def _option(field: Field) -> dict[str, Any]:
    hint = _HINTS.get(field.kind)
    told = clip(f"{sentence_case(field.label)}{f', {hint}' if hint else ''}", DESCRIPTION)
    option: dict[str, Any] = {"type": AppCommandOptionType.string.value, "name": field.name, "description": told}
    if field.kind is ROLE:
        return option | {"type": AppCommandOptionType.role.value}
    words = _words(field)
    if words and set(words.values()) == {True}:
        return option | {"type": AppCommandOptionType.boolean.value}
    values = _first_words(words)
    if 0 < len(values) <= CHOICES and not callable(field.kind.words):
        return option | {"choices": [{"name": _choice(field, value, word), "value": word} for value, word in values]}
    return option | {"autocomplete": True} if completes(field) else option


def _choice(field: Field, value: object, word: str) -> str:
    return clip(venue_title(str(value)) if field.kind is VENUE else word, CHOICE)


def _words(field: Field) -> Mapping[str, Any]:
    return field.kind.words() if callable(field.kind.words) else field.kind.words


def _first_words(words: Mapping[str, Any]) -> list[tuple[Any, str]]:
    """Return each value with the first word for it."""
    first: dict[Any, str] = {}
    for word, value in words.items():
        first.setdefault(value, word)
    return list(first.items())


def _said(plan: Plan, field: Field, value: Any) -> str:
    """Return the words for one option, with the word that says which argument a number is."""
    words = _words(field)
    if isinstance(value, bool):
        return next(iter(words)) if value else ""
    text = str(value).strip()
    if field.kind in (LEVERAGE, PERCENT) and _NUMBER.fullmatch(text):
        text += "x" if field.kind is LEVERAGE else "%"
    word = field.words[0] if field.words else _OWN_WORDS.get(field.kind, "")
    return f"{word} {text}" if plan.markers.get(word) is field else text
