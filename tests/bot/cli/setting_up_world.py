"""perpulse init on a terminal of its own, beside an exchange and a Bot API of this machine."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import subprocess
import sys
import termios
import time
from typing import TYPE_CHECKING

from tests.bot.commandline import PROGRAM, environment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.bot_api import BotApi
    from tests.fakes.exchange import FakeExchange

PATIENCE = 30.0
# A terminal that is somebody's own turns Ctrl-C into a signal; this makes it so and then is perpulse. Who starts the
# tests in the background may have them ignore that signal, and who is started inherits it.
_OWN_TERMINAL = (
    "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)


class Terminal:
    """What stands on the screen of `perpulse init`, and a keyboard."""

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self._process, self._master = process, master
        self.shown = ""
        self._read = 0  # so much of it was waited for

    def until(self, words: str) -> None:
        """Wait until new words stand there."""
        end = time.monotonic() + PATIENCE
        while words not in self.shown[self._read :]:
            ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{words!r} never came:\n{self.shown}"
            try:
                got = os.read(self._master, 65_536)
            except OSError:  # the other end is closed
                got = b""
            assert got, f"it ended without {words!r}:\n{self.shown}"
            self.shown += got.decode("utf-8", "replace").replace("\r\n", "\n")
        self._read = self.shown.index(words, self._read) + len(words)

    def type(self, text: str | bytes) -> None:
        """Type, without Enter."""
        os.write(self._master, text if isinstance(text, bytes) else text.encode())

    def answer(self, question: str, text: str | bytes = "") -> None:
        """Wait for a question, and type an answer with Enter."""
        self.until(question)
        self.until(": ")
        time.sleep(0.05)  # a hidden answer is one only after the echo is off
        self.type(text)
        self.type("\n")

    def ended(self) -> int:
        """Read what else comes, and return the exit code."""
        with contextlib.suppress(AssertionError):
            self.until("\0")
        return self._process.wait(PATIENCE)


def settings(exchange: FakeExchange, telegram: BotApi, **more: str) -> dict[str, str]:
    """Return the variables that make these fakes the world."""
    return {
        "PERPULSE_MARKET__EXCHANGE_URL": f"{exchange.base_url}/{{venue}}",
        "PERPULSE_TELEGRAM__BASE_URL": telegram.base_url,
        "TZ": "Europe/Berlin",
        "TERM": "xterm",
        **more,
    }


@contextlib.contextmanager
def conversation(folder: Path, variables: dict[str, str], *args: str) -> Iterator[Terminal]:
    """Start it, and end it for certain."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, b"\x28\x00\xc8\x00\x00\x00\x00\x00")  # 40 lines of 200
    process = subprocess.Popen(
        [sys.executable, "-c", _OWN_TERMINAL, *PROGRAM, "init", *args],
        cwd=folder,
        env=environment(**variables),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    try:
        yield Terminal(process, master)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def code_in(text: str) -> str:
    """Return the code that is shown."""
    (found,) = re.findall(r"/owner (\w{4}-\w{4})", text)
    return str(found)
