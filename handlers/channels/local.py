"""The channel at which somebody sits, on the machine that perpulse runs on: where the command line speaks.

Found by walking: the one folder of handlers/channels/ with a local.py. Nothing heavy is imported for it, because a
calculator must answer before a line editor or colours would have loaded.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from handlers.channels.channel import Channel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from handlers.channels.channel import Answerer, Outside
    from handlers.command import Asker
    from handlers.reply import Block, Document


@runtime_checkable
class LocalChannel(Channel, Protocol):
    """A channel at which somebody sits, so that the program may say things of its own there, and wait for them."""

    @property
    def attended(self) -> bool:
        """Return whether somebody can type here."""
        ...

    def say(self, text: str, style: Literal["", "bold", "dim"] = "") -> None:
        """Print a line of the program's own."""
        ...

    def rule(self, title: str) -> None:
        """Print a line that parts what follows from what was."""
        ...

    def show(self, blocks: Iterable[Block]) -> None:
        """Print blocks."""
        ...

    async def take_commands(self, answer: Answerer) -> None:
        """Answer what is typed until whoever types leaves; where nobody can, what is piped in, to its end."""
        ...


@dataclass(frozen=True, slots=True)
class Local:
    """How to reach it. asker: who sits there. open: make the channel.

    text: blocks as they are printed there. keep_picture, keep_file: put it where it can be looked at, and return the
    place; Refused, with the reason, where that cannot be.
    """

    asker: Asker
    text: Callable[[tuple[Block, ...]], str]
    keep_picture: Callable[[dict[str, Any], bytes], Path]
    keep_file: Callable[[Document], Path]
    open: Callable[[Outside], LocalChannel]


@cache
def local() -> Local:
    """Return the channel at which somebody sits."""
    from handlers import channels  # noqa: PLC0415 - the folder that this file lies in

    found = [
        value
        for folder in pkgutil.iter_modules(channels.__path__, f"{channels.__name__}.")
        if folder.ispkg and importlib.util.find_spec(f"{folder.name}.local")
        for value in vars(importlib.import_module(f"{folder.name}.local")).values()
        if isinstance(value, Local)
    ]
    (one,) = found
    return one
