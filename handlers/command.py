"""What a command is. A command is one function; its name, help and arguments are read from the function itself.

COMMANDS is the only list: Telegram's menu, the help text, the terminal and the README table are loops over it. A file
under handlers/commands/ is found by walking the folder, so adding a command touches no other source file.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_type_hints

if TYPE_CHECKING:
    from datetime import datetime

    from handlers.channels.channel import Address
    from handlers.reply import Reply
    from storage.engine.database import Store

Subject = Literal["calculators", "market", "judgement", "own", "admin", "start"]
SUBJECTS: tuple[Subject, ...] = ("start", "calculators", "market", "judgement", "own", "admin")


class Refused(Exception):  # noqa: N818 - it is an answer to the person, not a fault
    """What a person asked cannot be answered; the text says what to type instead and is shown as it is.

    outdated: assets of which too little is stored to answer, so that the venues are asked for them, as in Reply.
    """

    def __init__(self, text: str, *, outdated: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.outdated = outdated


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and from where. may_change: this person may change the settings of this chat."""

    platform: str
    address: Address
    user: str | None = None
    may_change: bool = True
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Deps:
    """What a command may use.

    now: the time of asking. asker: who asks. store: what is remembered (opened on first use, so that a calculator
    needs no file). assets: those the owner follows, the first is the default. refresh: bring the inputs of one asset
    up to date, if this process can; it never raises and may do nothing.
    """

    now: datetime
    asker: Asker
    store: Store
    assets: tuple[str, ...]
    refresh: Callable[[str], Awaitable[None]]
    stamp_note: str | None = None  # said in every stamp, e.g. "reconstructed from published figures"


Run = Callable[[Deps, Any], Awaitable["Reply"]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command as data. arguments: the frozen dataclass that handlers/language/grammar.py fills from free text."""

    name: str
    subject: Subject
    help: str  # one line, at most 60 characters: Telegram's menu shows no more
    details: str
    example: str
    arguments: type[Any]
    run: Run
    changes_chat: bool  # refused to members of a group who are not its admins


def command(*, subject: Subject, example: str, changes_chat: bool = False) -> Callable[[Run], Command]:
    """Declare the function below as a command.

    The function's name is the command, the first line of its docstring the help, the rest the details, and the type
    of its second parameter the arguments.
    """

    def declare(run: Run) -> Command:
        hints = get_type_hints(run, localns=_type_names())
        parameters = list(inspect.signature(run).parameters)
        first, _, rest = (inspect.getdoc(run) or "").partition("\n")
        name = getattr(run, "__name__", "").rstrip("_")
        return Command(name, subject, first.rstrip("."), rest.strip(), example, hints[parameters[1]], run, changes_chat)

    return declare


def _type_names() -> Mapping[str, Any]:
    from handlers.reply import Reply  # noqa: PLC0415 - only needed while a command is declared

    return {"Deps": Deps, "Reply": Reply}


@cache
def commands() -> Mapping[str, Command]:
    """Return every command by name, in menu order. Walks handlers/commands/ once."""
    from handlers import commands as folder  # noqa: PLC0415 - the folder imports this module

    found = [
        value
        for module in pkgutil.iter_modules(folder.__path__)
        for value in vars(importlib.import_module(f"{folder.__name__}.{module.name}")).values()
        if isinstance(value, Command)
    ]
    return {each.name: each for each in sorted(found, key=lambda each: (SUBJECTS.index(each.subject), each.name))}


def usage(each: Command) -> str:
    """Return the usage line, e.g. `/liq price leverage [side] [asset]`; optional arguments stand in brackets."""
    words = [field.metadata.get("label", field.name) for field in fields(each.arguments)]
    needed = [_is_required(field) for field in fields(each.arguments)]
    return " ".join(
        [f"/{each.name}", *(w if need else f"[{w}]" for w, need in zip(words, needed, strict=True))],
    )


def _is_required(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING
