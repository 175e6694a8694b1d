"""The terminal as a channel: the same blocks as everywhere, in plain text with a little weight, above a prompt."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
from typing import TYPE_CHECKING, Literal

import structlog
from rich.console import Console
from rich.text import Text

from handlers.channels.channel import Limits, Outside
from handlers.channels.news import PendingNews
from handlers.channels.terminal.keyboard import PROMPT, read_line, terminal_kept, typed
from handlers.channels.terminal.local import SITTER, keep_file, keep_picture
from handlers.channels.terminal.render import render
from handlers.command import Refused
from handlers.reply import Buttons, Document, Line, Picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import TextIO

    from handlers.answer import Answer
    from handlers.channels.channel import Address, Answerer, Outgoing
    from handlers.reply import Block

log = structlog.get_logger(__name__)

STYLES = {"headline": "bold", "body": "", "caveat": "italic", "evidence": "", "echo": "dim", "stamp": "dim"}
_LEAVE = {"quit", "exit", "/quit", "/exit", "q"}
_ERASE_LINE = "\r\x1b[K"


class Terminal:
    """Prints messages; an edit is printed again with the number of the message it changes.

    Commands are read where somebody can type, and whoever leaves ends the program. out, width: another place to print.
    """

    platform = SITTER.platform
    limits = Limits(
        text=1_000_000, caption=1_000_000, per_second=math.inf, per_chat_second=math.inf, per_group_minute=math.inf
    )

    def __init__(self, outside: Outside = Outside(), *, out: TextIO | None = None, width: int | None = None) -> None:
        self._outside = outside
        self._console = Console(file=out, width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._sent = 0
        self._waiting = False  # for a line: the prompt stands on the screen
        self._reading: asyncio.Task[None] | None = None
        self._news = PendingNews()

    @property
    def attended(self) -> bool:
        """Return whether somebody can type here."""
        return sys.stdin.isatty()

    async def start(self, answer: Answerer) -> None:
        """Read commands where somebody can type them; the end of input ends the program."""
        if self.attended:
            self._reading = asyncio.create_task(self._read(answer))

    async def stop(self) -> None:
        """Read no more, and leave the terminal as it was."""
        await self._news.stop()
        if self._reading:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def check(self) -> str:
        """Say so: there is nothing that could be missing."""
        return "perpulse speaks in this terminal"

    async def working(self, to: Address) -> None:
        """Show nothing: the prompt is gone until the answer is there."""

    # -- messages out -----------------------------------------------------------------------------------------------

    async def send(self, to: Address, message: Outgoing) -> str:  # noqa: ARG002 - there is one reader
        """Print a message under the next number."""
        with self._above_prompt():
            if message.reply_to:
                self._print_rule(f"reply to message {message.reply_to}")
            else:
                self._sent += 1
                self._print_rule(f"message {self._sent}")
            if message.maybe_repeat:
                self._print([Line("(may be a repeat: the program stopped while this was sent)", "stamp")])
            self._print(_without_extras(message.blocks))
        return str(self._sent)

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:  # noqa: ARG002 - as above
        """Print a message again, marked as the edit that it is elsewhere."""
        with self._above_prompt():
            self._print_rule(f"message {message_id}, edited")
            self._print(_without_extras(message.blocks))

    def show(self, blocks: Iterable[Block]) -> None:
        """Print blocks."""
        with self._above_prompt():
            self._print(blocks)

    def rule(self, title: str) -> None:
        """Print a line that parts two messages."""
        with self._above_prompt():
            self._print_rule(title)

    def say(self, text: str, style: Literal["", "bold", "dim"] = "") -> None:
        """Print a line of the program's own."""
        with self._above_prompt():
            self._console.print(Text(text, style))

    def _print(self, blocks: Iterable[Block]) -> None:
        for block in blocks:
            style = STYLES[block.role] if isinstance(block, Line) else ""
            self._console.print(Text(render((block,)), style))

    def _print_rule(self, title: str) -> None:
        room = min(60, self._console.width - 4)
        self._console.print(Text(f"\n── {title} " + "─" * max(0, room - len(title)), "dim"))

    @contextlib.contextmanager
    def _above_prompt(self) -> Iterator[None]:
        """Take the prompt away, and put it back with what was typed so far."""
        if not self._waiting or not sys.stdout.isatty():
            yield
            return
        sys.stdout.write(_ERASE_LINE)
        yield
        sys.stdout.write(PROMPT + typed())
        sys.stdout.flush()

    # -- commands in ------------------------------------------------------------------------------------------------

    async def take_commands(self, answer: Answerer) -> None:
        """Read command lines and print the answers, until end of input or /quit.

        What is piped in has no prompt and no echo, so each answer stands under its command.
        """
        if not self.attended:
            while (line := await read_line(prompt="")) is not None and line.strip().lower() not in _LEAVE:
                if line.strip():
                    self._print_rule(line.strip())
                    await self.reply(line, await answer(line, SITTER))
            return
        with terminal_kept():
            while True:
                self._waiting = True
                try:
                    line = await read_line()
                finally:
                    self._waiting = False
                if line is None or line.strip().lower() in _LEAVE:
                    return
                if line.strip():
                    await self.reply(line, await answer(line, SITTER))

    async def reply(self, line: str, answer: Answer) -> None:
        """Print an answer, put its charts into files, and print again what news changes of it, whenever it comes."""
        self.show(answer.blocks)
        self._put_files(answer.blocks)
        await self._draw_into_files(answer.blocks)

        async def update(blocks: tuple[Block, ...]) -> None:
            with self._above_prompt():
                self._print_rule(f"news of {line.strip()}")
                self._print(blocks)

        self._news.follow(answer, update)

    async def _read(self, answer: Answerer) -> None:
        try:
            await self.take_commands(answer)
        except Exception:
            log.exception("the keyboard is not read any more")
        self._outside.leave()

    def _put_files(self, blocks: tuple[Block, ...]) -> None:
        for block in blocks:
            if isinstance(block, Document):
                try:
                    self.say(f"The file is {keep_file(block)}", "dim")
                except Refused as refused:
                    self.say(str(refused))

    async def _draw_into_files(self, blocks: tuple[Block, ...]) -> None:
        for block in blocks:
            if not isinstance(block, Picture) or (png := await self._outside.draw(block.chart)) is None:
                continue
            try:
                self.say(f"The chart is in {keep_picture(block.chart, png)}", "dim")
            except Refused as refused:
                self.say(str(refused))


def _without_extras(blocks: Iterable[Block]) -> list[Block]:
    """Leave out what a notice carries for chats: pictures and buttons. In a terminal the commands are in /help."""
    return [block for block in blocks if not isinstance(block, Picture | Buttons)]
