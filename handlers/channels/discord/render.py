"""Blocks as Discord shows them: one embed whose Markdown is made of escaped text, or plain text of the same lines.

An embed is a title, a text and a footer; its chart lies inside. Lengths are those of the escaped text in UTF-16 units,
so nothing rendered here can be refused for its length.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from discord import Color, Embed

from handlers.channels.text import SECTIONS, Piece, clip, pieces_of, shorten, units
from handlers.reply import Line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from discord import Message

    from handlers.channels.channel import Outgoing
    from handlers.reply import Role
    from signals.alerts.condition import Rank

TITLE, TEXT, FOOTER, CONTENT = 256, 4096, 1000, 2000  # characters; all embeds of a message together have 6,000
COLORS: Final[Mapping[Rank | None, Color]] = {
    "critical": Color(0xD83A41),
    "warning": Color(0xE8932C),
    "notice": Color(0x3D87D9),
    None: Color(0x7C8794),
}
REPEAT: Final = "May be a repeat: Discord did not confirm the first try."
CHART: Final = "chart.png"

_MARKS: Final[dict[Role, tuple[str, str]]] = {"headline": ("**", "**"), "caveat": ("*", "*"), "stamp": ("-# ", "")}
_SPECIAL: Final = re.compile(r"([\\*_~`|\[\]<>])")
_BEGINNING: Final = re.compile(r"^(\s*)(#{1,3}|-#?|\+|\d+[.)])(?=\s)")
_MARKUP: Final = re.compile(r"\\(.)|\*")  # what was escaped, and the marks around a line, which are not
_FENCE: Final = "```"


def escape(text: str) -> str:
    """Return one line of text that Discord shows as it is: no markup, no mention, no link behind other words."""
    marked = _SPECIAL.sub(r"\\\1", text)
    return _BEGINNING.sub(lambda found: f"{found[1]}{found[2][:-1]}\\{found[2][-1]}", marked)


def said_in(message: Message | None) -> str:
    """Return what a message of the bot says, without its markup."""
    if message is None:
        return ""
    texts = (message.content, *(text for shown in message.embeds for text in (shown.title, shown.description)))
    footers = filter(None, (shown.footer.text for shown in message.embeds))  # in which nothing is escaped
    return "\n".join((_MARKUP.sub(r"\1", "\n".join(filter(None, texts))), *footers))


def embed(message: Outgoing, *, empty: str = "…", picture: bool = False) -> Embed:
    """Return a message as an embed, coloured by its rank. empty: what to say where there is no text.

    Body lines are left out from the end when it is too long, and the text says how many. picture: it shows CHART, which
    is attached.
    """
    pieces = _pieces(message)
    title, pieces = _title(pieces)
    footer = "\n".join(piece.text for piece in pieces if piece.role == "stamp")
    text = _text([piece for piece in pieces if piece.role != "stamp"], TEXT)
    made = Embed(
        title=title, description=text or (None if title else escape(clip(empty, TITLE))), color=COLORS[message.rank]
    )
    if footer:
        made.set_footer(text=clip(footer, FOOTER))
    if picture:
        made.set_image(url=f"attachment://{CHART}")
    return made


def content(message: Outgoing, *, empty: str = "…") -> str:
    """Return a message as text alone, for where embeds are not allowed or one was refused."""
    # A plain message is a second try after the first was refused, maybe for its length: leave more room.
    limit = CONTENT * 3 // 4 if message.plain else CONTENT
    return _text(_pieces(message), limit) or escape(clip(empty, limit // 2))


def _pieces(message: Outgoing) -> list[Piece]:
    repeat = (Line(REPEAT, "echo"),) if message.maybe_repeat else ()
    return pieces_of(repeat + message.blocks)


def _title(pieces: list[Piece]) -> tuple[str | None, list[Piece]]:
    """Take the headline out for the title where it fits one."""
    for index, piece in enumerate(pieces):
        if piece.role == "headline":
            title = escape(piece.text)
            return (title, pieces[:index] + pieces[index + 1 :]) if units(title) <= TITLE else (None, pieces)
    return None, pieces


def _text(pieces: list[Piece], limit: int) -> str:
    """Return lines with their markup, at most `limit` units long."""
    escaped = [replace(piece, text=_fenced(piece.text) if piece.table else escape(piece.text)) for piece in pieces]
    marks = sum(2 * len("**") for piece in escaped if piece.role != "body")
    fences = 2 * len(f"{_FENCE}\n") * len({piece.table for piece in escaped if piece.table})
    return _join(shorten(escaped, max(limit // 2, limit - marks - fences)))


def _fenced(text: str) -> str:
    return text.replace("`", "'")  # nothing is escaped within a fence


def _join(pieces: list[Piece]) -> str:
    parts: list[str] = []
    before: Piece | None = None
    for index, piece in enumerate(pieces):
        after = pieces[index + 1] if index + 1 < len(pieces) else None
        if before is not None:  # a fence keeps its distance by itself
            near = before.table or SECTIONS[before.role] == SECTIONS[piece.role]
            parts.append("\n" if near else "\n\n")
        if piece.table:
            begins = before is None or before.table != piece.table
            ends = after is None or after.table != piece.table
            parts.append((f"{_FENCE}\n" if begins else "") + piece.text + (f"\n{_FENCE}" if ends else ""))
        else:
            left, right = _MARKS.get(piece.role, ("", ""))
            parts.append(f"{left}{piece.text.strip()}{right}" if left else piece.text)
        before = piece
    return "".join(parts)
