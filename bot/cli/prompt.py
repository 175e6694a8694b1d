"""The prompt of a terminal: lines in from a keyboard, while notices may be printed at any moment.

The keyboard is read in a daemon thread, because a thread that waits for it cannot be ended: one of asyncio's own would
hold the program up until somebody pressed Enter.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from threading import Thread
from typing import TYPE_CHECKING, Any

from bot.cli.say import keep_picture
from handlers.channels.channel import Address
from handlers.channels.terminal.channel import Terminal
from handlers.command import Asker, Refused
from handlers.reply import Picture

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from handlers.channels.channel import Outgoing
    from handlers.reply import Block

    Answer = Callable[[str, Asker], Awaitable[tuple[Block, ...]]]
    Draw = Callable[[dict[str, Any]], Awaitable[bytes | None]]

SCREEN = Address("screen", kind="terminal")
PROMPT = "perpulse> "
_LEAVE = {"quit", "exit", "/quit", "/exit", "q"}
_ERASE_LINE = "\r\x1b[K"


class Screen(Terminal):
    """The terminal as a channel that shares its lines with a prompt."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting = False  # for a line: the prompt stands on the screen

    async def send(self, to: Address, message: Outgoing) -> str:
        """Print a message above the prompt."""
        with self._above_prompt():
            return await super().send(to, message)

    async def edit(self, to: Address, message_id: str, message: Outgoing) -> None:
        """Print an edit above the prompt."""
        with self._above_prompt():
            await super().edit(to, message_id, message)

    def say(self, text: str, style: str = "") -> None:
        """Print a line of the program's own above the prompt."""
        with self._above_prompt():
            super().say(text, style)

    async def take_commands(self, answer: Answer, draw: Draw) -> None:
        """Read command lines and print the answers, until end of input or /quit. Charts are drawn into files."""
        lines: asyncio.Queue[str | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        with _terminal_kept():
            while True:
                self._waiting = True
                Thread(target=_read_line, args=(loop, lines), daemon=True, name="keyboard").start()
                line = await lines.get()
                self._waiting = False
                if line is None or line.strip().lower() in _LEAVE:
                    return
                if line.strip():
                    blocks = await answer(line, Asker("terminal", SCREEN))
                    self.show(blocks)
                    await self._draw_into_files(blocks, draw)

    async def _draw_into_files(self, blocks: tuple[Block, ...], draw: Draw) -> None:
        for block in blocks:
            if not isinstance(block, Picture) or (png := await draw(block.chart)) is None:
                continue
            try:
                self.say(f"The chart is in {keep_picture(block.chart, png)}", "dim")
            except Refused as refused:
                self.say(str(refused))

    @contextlib.contextmanager
    def _above_prompt(self) -> Iterator[None]:
        """Take the prompt away, and put it back with what was typed so far."""
        if not self._waiting or not sys.stdout.isatty():
            yield
            return
        sys.stdout.write(_ERASE_LINE)
        yield
        sys.stdout.write(PROMPT + _typed())
        sys.stdout.flush()


def _read_line(loop: asyncio.AbstractEventLoop, lines: asyncio.Queue[str | None]) -> None:
    line: str | None
    try:
        line = input(PROMPT)
    except (EOFError, OSError, UnicodeDecodeError):
        line = None
    with contextlib.suppress(RuntimeError):  # the loop is closed: the program ended while nobody typed
        loop.call_soon_threadsafe(lines.put_nowait, line)


def _readline() -> Any:
    """Return the line editor that input() uses once it is imported; None where there is none (Windows)."""
    try:
        import readline  # noqa: PLC0415 - changes how input() behaves, so only where there is a prompt
    except ImportError:
        return None
    return readline


def _typed() -> str:
    editor = _readline()
    return str(editor.get_line_buffer()) if editor else ""


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    """Leave the terminal as it was: the line editor switches echo off while it waits, and may never come back."""
    _readline()
    try:
        import termios  # noqa: PLC0415 - not on Windows
    except ImportError:
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
