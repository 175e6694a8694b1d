"""The terminal is the channel at which somebody sits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from handlers.channels.channel import Address
from handlers.channels.local import Local
from handlers.channels.terminal.render import render
from handlers.command import Asker, Refused

if TYPE_CHECKING:
    from handlers.channels.channel import Outside
    from handlers.channels.local import LocalChannel
    from handlers.reply import Document

SITTER = Asker("terminal", Address("screen"), owner=True)


def keep_picture(chart: dict[str, Any], png: bytes) -> Path:
    """Write a picture into the present folder and return where. Refused, with the reason, where that cannot be."""
    names = [str(chart[key]) for key in ("picture", "metric", "value", "asset") if key in chart]
    path = Path("-".join(["perpulse", *names]).lower() + ".png")
    try:
        path.write_bytes(png)
    except OSError as error:
        raise Refused(f"The chart cannot be written to {path.absolute()} ({error.strerror}).") from None
    return path


def keep_file(file: Document) -> Path:
    """Write a file into the present folder, for its owner alone, and return where. Refused as for `keep_picture`."""
    path = Path(file.name)
    try:
        path.touch(mode=0o600)
        path.write_text(file.text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"The file cannot be written to {path.absolute()} ({error.strerror}).") from None
    return path


def _open(outside: Outside) -> LocalChannel:
    from handlers.channels.terminal.channel import Terminal  # noqa: PLC0415 - colours take a tenth of a second

    return Terminal(outside)


LOCAL = Local(SITTER, render, keep_picture, keep_file, _open)
