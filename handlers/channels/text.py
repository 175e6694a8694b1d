"""Blocks as lines of text within a limit, by whole lines: what every platform of chats needs before its markup.

Lengths are UTF-16 units: a platform that counts characters never counts more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final, assert_never

from handlers.reply import Block, Buttons, Document, Line, Picture, Role, Table, plain_text

SECTIONS: Final[dict[Role, int]] = {"echo": 0, "headline": 1, "body": 2, "caveat": 3, "evidence": 3, "stamp": 3}
# Control characters, lone surrogates and everything that turns the direction of writing: with the latter, a coin's
# name could show a price backwards.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_BREAKS = re.compile("\r\n|[\r\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Piece:
    """One shown line. table: number of the table it is a row of, 0 for plain lines."""

    text: str
    role: Role
    table: int = 0


def clean(text: str) -> str:
    """Return a text without control and direction characters, and with every @ made unable to mention anybody."""
    return _UNWANTED.sub("", _BREAKS.sub("\n", text)).replace("\t", " ").replace("@", "@\u200b")


def units(text: str) -> int:
    """Return the length of a text in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def clip(text: str, most: int) -> str:
    """Return a text of at most `most` UTF-16 units, with an ellipsis where something is missing."""
    if units(text) <= most:
        return text
    kept = text[: most - 1]
    while units(kept) > most - 1:
        kept = kept[: -max(1, (units(kept) - most + 1) // 2)]
    return kept + "…"


def pieces_of(blocks: tuple[Block, ...]) -> list[Piece]:
    """Return the lines of blocks, cleaned. Pictures, buttons and files are no text and are left to the caller."""
    pieces: list[Piece] = []
    for number, block in enumerate(blocks, 1):
        match block:
            case Line(text, role):
                pieces += [Piece(line, role) for line in clean(text).split("\n")]
            case Table(columns, rows):
                pieces += [Piece(line, "body", number) for line in _table(columns, rows)]
            case Picture() | Buttons() | Document():
                pass
            case _:
                assert_never(block)
    return [piece for index, piece in enumerate(pieces) if piece.text.strip() or _between_lines(pieces, index)]


def _between_lines(pieces: list[Piece], index: int) -> bool:
    """Is this empty line between two lines of the body? Elsewhere the sections make the space."""
    around = pieces[max(index - 1, 0) : index + 2]
    return len(around) == 3 and all(
        piece.role == "body" and (piece.text.strip() or at == 1) for at, piece in enumerate(around)
    )


def _table(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> list[str]:
    def cells(row: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(clean(cell).replace("\n", " ") for cell in row)

    return plain_text((Table(cells(columns), tuple(cells(row) for row in rows)),)).split("\n")


def shorten(pieces: list[Piece], limit: int) -> list[Piece]:
    """Return pieces that fit: long lines clipped, then body lines left out from the end, then the rest clipped."""
    if sum(map(_length, pieces)) <= limit:
        return pieces
    pieces = [replace(piece, text=clip(piece.text, limit // 3)) for piece in pieces]
    total, room, dropped = sum(map(_length, pieces)), limit, 0
    for piece in reversed([piece for piece in pieces if piece.role == "body"]):
        if total <= room:
            break
        room = limit - units(_left_out(len(pieces))) - 2
        total -= _length(piece)
        dropped += 1
    kept_body = sum(piece.role == "body" for piece in pieces) - dropped
    shown: list[Piece] = []
    for piece in pieces:
        if piece.role != "body" or kept_body > 0:
            shown.append(piece)
            kept_body -= piece.role == "body"
        elif dropped:
            shown.append(Piece(_left_out(dropped), "body"))
            dropped = 0
    if total > room:  # headlines, caveats and stamps alone are too long: each gets its share
        shown = shown[: limit // 4]
        shown = [replace(piece, text=clip(piece.text, limit // len(shown) - 2)) for piece in shown]
    return shown


def _length(piece: Piece) -> int:
    return units(piece.text) + 2  # its break and, where a section begins, an empty line


def _left_out(lines: int) -> str:
    return f"… {lines} {'line' if lines == 1 else 'lines'} left out"
