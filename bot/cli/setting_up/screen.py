"""What a conversation needs of whoever sits there: lines out, answers in."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final, Protocol

import typer

from bot.cli.common import out
from bot.cli.doctor import line

if TYPE_CHECKING:
    from bot.cli.examining.examined import Examined

_LONGEST: Final = 4_000  # letters of an answer; nothing that is asked for has a tenth of it


class Screen(Protocol):
    """Whoever is asked. An answer is what was typed without spaces around it; "" where it was Enter alone."""

    def say(self, text: str = "") -> None:
        """Print a line."""
        ...

    def show(self, finding: Examined) -> None:
        """Print what a look came to."""
        ...

    def ask(self, question: str, usual: str = "") -> str:
        """Ask, and return `usual` for Enter alone."""
        ...

    def ask_hidden(self, question: str) -> str:
        """Ask for a secret: what is typed is not shown."""
        ...

    def ask_whether(self, question: str, *, usual: bool) -> bool:
        """Ask for yes or no."""
        ...


class KeyboardScreen:
    """Whoever sits at this terminal. Ctrl-C and the end of what can be read are typer.Abort."""

    def say(self, text: str = "") -> None:
        """Print a line. See Screen."""
        out(text)
        sys.stdout.flush()

    def show(self, finding: Examined) -> None:
        """Print what a look came to. See Screen."""
        self.say("\n".join(f"  {part}" for part in line(finding).splitlines()))

    def ask(self, question: str, usual: str = "") -> str:
        """Ask. See Screen."""
        return _plain(typer.prompt(question, default=usual, show_default=bool(usual)))

    def ask_hidden(self, question: str) -> str:
        """Ask for a secret. See Screen."""
        return _plain(typer.prompt(question, default="", show_default=False, hide_input=True))

    def ask_whether(self, question: str, *, usual: bool) -> bool:
        """Ask for yes or no. See Screen."""
        return typer.confirm(question, default=usual)


def _plain(typed: str) -> str:
    """Return what was typed without what cannot have been meant: arrow keys, bytes that are no text, a pasted book."""
    shown = "".join(letter for letter in typed if letter.isprintable()).strip()
    return shown.encode("utf-8", "ignore").decode("utf-8")[:_LONGEST]


def attended() -> bool:
    """Tell whether somebody sits here who can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
