"""Lines from a keyboard, while messages may be printed at any moment; or from whatever is piped in instead of one.

The keyboard is read in a daemon thread, because a thread that waits for it cannot be ended: one of asyncio's own would
hold the program up until somebody pressed Enter.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMPT = "perpulse> "


async def read_line(prompt: str = PROMPT) -> str | None:
    """Return the next line that is typed behind a prompt, None where the input has ended."""
    line: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
    Thread(target=_read_into, args=(prompt, asyncio.get_running_loop(), line), daemon=True, name="keyboard").start()
    return await line


def _read_into(prompt: str, loop: asyncio.AbstractEventLoop, line: asyncio.Future[str | None]) -> None:
    typed_line: str | None
    try:
        typed_line = input(prompt)
    except (EOFError, OSError, UnicodeDecodeError):
        typed_line = None
    with contextlib.suppress(RuntimeError):  # the loop is closed: the program ended while nobody typed
        loop.call_soon_threadsafe(lambda: None if line.done() else line.set_result(typed_line))


def typed() -> str:
    """Return what stands behind the prompt so far."""
    editor = _line_editor()
    return str(editor.get_line_buffer()) if editor else ""


def _line_editor() -> Any:
    """Return the line editor that input() uses once it is imported; None where there is none (Windows)."""
    try:
        import readline  # noqa: PLC0415 - changes how input() behaves, so only where there is a prompt
    except ImportError:
        return None
    return readline


@contextlib.contextmanager
def terminal_kept() -> Iterator[None]:
    """Leave the terminal as it was: the line editor switches echo off while it waits, and may never come back."""
    _line_editor()
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
