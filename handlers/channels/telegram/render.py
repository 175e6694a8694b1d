"""Blocks as Telegram shows them: HTML made of escaped text only, shortened by whole lines before it becomes markup.

Lengths are UTF-16 units of the shown text. The Bot API speaks of "characters after entities parsing"; units never
count too few, so nothing rendered here can be refused for its length.
"""

from __future__ import annotations

import html
from functools import lru_cache
from typing import TYPE_CHECKING

from handlers.channels.text import SECTIONS, Piece, pieces_of, shorten
from handlers.reply import Line, Table

if TYPE_CHECKING:
    from handlers.reply import Block, Role

_TAGS: dict[Role, str] = {"headline": "b", "caveat": "i", "stamp": "i", "echo": "i"}
REPEAT = "May be a repeat: Telegram did not confirm the first try."


def render(blocks: tuple[Block, ...], *, limit: int, plain: bool = False, maybe_repeat: bool = False) -> str:
    """Return the text of the blocks as Telegram HTML (or as plain text), at most `limit` UTF-16 units when shown.

    Body lines are left out from the end when it is too long, and the text says how many; headline, caveats and stamp
    stay. Pictures and buttons are not text and are left to the caller.
    """
    text = tuple(block for block in blocks if isinstance(block, Line | Table))
    return _rendered((Line(REPEAT, "echo"), *text) if maybe_repeat else text, limit, plain)


@lru_cache(maxsize=64)  # a broadcast says the same to thousands
def _rendered(blocks: tuple[Block, ...], limit: int, plain: bool) -> str:  # noqa: FBT001 - named by render
    return _join(shorten(pieces_of(blocks), limit), plain=plain)


def _join(pieces: list[Piece], *, plain: bool) -> str:
    parts: list[str] = []
    before: Piece | None = None
    for index, piece in enumerate(pieces):
        after = pieces[index + 1] if index + 1 < len(pieces) else None
        if before is not None:
            parts.append("\n" if SECTIONS[before.role] == SECTIONS[piece.role] else "\n\n")
        text = piece.text if plain else html.escape(piece.text, quote=False)
        if plain:
            parts.append(text)
        elif piece.table:
            begins = before is None or before.table != piece.table
            ends = after is None or after.table != piece.table
            parts.append(("<pre>" if begins else "") + text + ("</pre>" if ends else ""))
        else:
            tag = _TAGS.get(piece.role)
            parts.append(f"<{tag}>{text}</{tag}>" if tag else text)
        before = piece
    return "".join(parts)
