"""The terminal as a channel: the same blocks as everywhere, in plain text with a little weight."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from handlers.channels.channel import Limits
from handlers.reply import Buttons, Line, Picture, plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from handlers.channels.channel import Address, Outgoing
    from handlers.reply import Block

STYLES = {"headline": "bold", "body": "", "caveat": "italic", "echo": "dim", "stamp": "dim"}
# Colours, cursor moves and bells in a foreign name would be carried out by the terminal that prints them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class Terminal:
    """Prints messages; an edit is printed again with the number of the message it changes."""

    platform = "terminal"
    limits = Limits(
        text=1_000_000, caption=1_000_000, per_second=math.inf, per_chat_second=math.inf, per_group_minute=math.inf
    )

    def __init__(self, out: TextIO | None = None, *, width: int | None = None) -> None:
        self._console = Console(file=out, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._sent = 0

    async def send(self, to: Address, message: Outgoing) -> str:  # noqa: ARG002 - there is one reader
        """Print a message under the next number."""
        if message.reply_to:
            self.rule(f"reply to message {message.reply_to}")
        else:
            self._sent += 1
            self.rule(f"message {self._sent}")
        if message.maybe_repeat:
            self.show([Line("(may be a repeat: the program stopped while this was sent)", "stamp")])
        self.show(_without_extras(message.blocks))
        return str(self._sent)

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:  # noqa: ARG002 - as above
        """Print a message again, marked as the edit that it is elsewhere."""
        self.rule(f"message {message_id}, edited")
        self.show(_without_extras(message.blocks))

    def show(self, blocks: Iterable[Block]) -> None:
        """Print blocks."""
        for block in blocks:
            style = STYLES[block.role] if isinstance(block, Line) else ""
            self._console.print(Text(_CONTROL.sub("", plain_text((block,))), style))

    def rule(self, title: str) -> None:
        """Print a line that parts two messages."""
        room = min(60, self._console.width - 4)
        self._console.print(Text(f"\n── {title} " + "─" * max(0, room - len(title)), "dim"))

    def say(self, text: str, style: str = "") -> None:
        """Print a line of the program's own."""
        self._console.print(Text(text, style))


def _without_extras(blocks: Iterable[Block]) -> list[Block]:
    """Leave out what a notice carries for chats: pictures and buttons. In a terminal the commands are in /help."""
    return [block for block in blocks if not isinstance(block, Picture | Buttons)]
