"""Blocks as a terminal shows them: plain text without anything that the terminal would carry out."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from handlers.reply import plain_text

if TYPE_CHECKING:
    from handlers.reply import Block

# Colours, cursor moves and bells in a foreign name would be carried out by the terminal that prints them.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def render(blocks: tuple[Block, ...]) -> str:
    """Return the text of the blocks; pictures become their words, buttons the commands behind them."""
    return _CONTROL.sub("", plain_text(blocks))
