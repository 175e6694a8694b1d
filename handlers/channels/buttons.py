"""What a button carries: the line that it runs or, where a platform has no room for that, a mark of it.

A mark stands for a line that the message itself shows, as each way back is: it is found again in the text of the
message that was pressed. So nothing of what people watch or say is kept for the sake of a button, and it works after a
restart as any other.
"""

from __future__ import annotations

from hashlib import blake2s
from typing import TYPE_CHECKING, Final

from handlers.channels.text import clean
from handlers.reply import Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from handlers.reply import Block

OLD_BUTTON: Final = (
    "This button is too old, or from another version of perpulse. Type its line; /help shows all commands."
)
_VERSION: Final = "1"  # buttons of old messages outlive upgrades, so each says how it is to be read
_MARK: Final = "="  # no line begins with it


def in_bytes(data: str) -> int:
    """Return how long something is in UTF-8."""
    return len(data.encode("utf-8", "replace"))


def carried(line: str, shown: Iterable[str], most: int, size: Callable[[str], int]) -> str | None:
    """Return what a button carries for a line, of at most `most` by `size`; None where there is no way.

    shown: the lines of its message. size: as the platform measures.
    """
    data = f"{_VERSION}|{line}"
    if size(data) <= most:
        return data
    return f"{_VERSION}|{_MARK}{_mark(line)}" if line in _lines_in(shown) else None


def pressed_line(data: str, text: str) -> str | None:
    """Return the line of a button that was pressed; None where it is of another version, or its line is not known.

    text: of the message that it stands under, without markup.
    """
    version, _, line = data.partition("|")
    if version != _VERSION or not line:
        return None
    if not line.startswith(_MARK):
        return line
    return next((one for one in _lines_in(text.split("\n")) if _mark(one) == line.removeprefix(_MARK)), None)


def texts_of(blocks: Iterable[Block]) -> tuple[str, ...]:
    """Return the lines that a message of these blocks shows, as far as a line to be typed may stand in them."""
    return tuple(block.text for block in blocks if isinstance(block, Line) and "/" in block.text)


def _lines_in(shown: Iterable[str]) -> Iterator[str]:
    """Go through what may be a line to be typed: from a slash at the beginning of a word to the end."""
    for text in shown:
        said = clean(text).replace("\u200b", "").strip()
        for at, letter in enumerate(said):
            if letter == "/" and (not at or said[at - 1] == " "):
                yield said[at:]


def _mark(line: str) -> str:
    return blake2s(line.encode("utf-8", "replace"), digest_size=8).hexdigest()
