"""Files that an owner writes by hand, such as a configuration or a token: read up to a bound, as editors write them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_OF_SECRET: Final = 4096  # bytes; a token has a hundred
_WIDE: Final = (b"\xff\xfe", b"\xfe\xff")  # how UTF-16 and UTF-32 begin


class UnreadableText(Exception):  # noqa: N818 - it is the answer to the owner, as Refused is
    """Say why a file cannot be read, as it goes on after its name: "is longer than 4 kB, ..."."""


def text_of(file: Path, most: int) -> str:
    """Return a text in UTF-8, with or without a mark at its beginning; lines end in a line feed.

    most: bytes that are read, whatever the file is: a device may never end. UnreadableText where it is longer, in
    another encoding, or cannot be read; FileNotFoundError where it is not there.
    """
    try:
        with file.open("rb") as given:
            raw = given.read(most + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnreadableText(f"cannot be read ({error.strerror})") from None
    if len(raw) > most:
        raise UnreadableText(f"is longer than {most // 1024} kB: it is another file than was meant")
    if raw.startswith(_WIDE) or b"\0" in raw:
        raise UnreadableText("is not a text file in UTF-8, but as it seems in UTF-16. Save it as UTF-8")
    try:
        return io.TextIOWrapper(io.BytesIO(raw), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UnreadableText(f"is not a text file in UTF-8 (line {line}). Save it as UTF-8") from None


def secret_of(file: Path) -> str:
    """Return the secret in a file. UnreadableText where it cannot be read.

    A pipe is refused: a secret is read again wherever it is needed, and from a pipe it comes once.
    """
    if file.exists() and not file.is_file():
        what = "a folder" if file.is_dir() else "no regular file"
        raise UnreadableText(f"is {what}: write the secret into a file, and nothing else")
    try:
        return text_of(file, _OF_SECRET).strip()
    except FileNotFoundError:
        raise UnreadableText("cannot be read (No such file or directory)") from None
