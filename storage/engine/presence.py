"""Whether the files of a database that is open are still those that lie at its path.

On Unix a file may be deleted or replaced while a program has it open. The program writes on, into a file that nobody
finds again; SQLite notices nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from signals.units import SECOND
from storage.engine.sqlite.dialect import SQLITE

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

Loss = Literal["deleted", "replaced", "log"]
_SAVED: Final = "{name}.saved-{at}.db"


@dataclass(frozen=True, slots=True)
class Mark:
    """Which file it is, whatever it is called. mode: its rights."""

    device: int
    number: int
    mode: int

    def is_same(self, other: Mark) -> bool:
        """Tell whether it is the same file; its rights may have been changed."""
        return (self.device, self.number) == (other.device, other.number)


@dataclass(frozen=True, slots=True)
class Presence:
    """The files of a database as they were when it was opened, or as they lie there now.

    file: the database itself; None where there is none. beside: by suffix, those without which it is not whole.
    """

    file: Mark | None
    beside: tuple[tuple[str, Mark], ...]

    def loss(self, now: Presence) -> Loss | None:
        """Tell what became of the files since: the database deleted, or replaced, or its log taken away."""
        if self.file is None:
            return None
        if now.file is None:
            return "deleted"
        if not self.file.is_same(now.file):
            return "replaced"
        there = dict(now.beside)
        whole = all(suffix in there and mark.is_same(there[suffix]) for suffix, mark in self.beside)
        return None if whole else "log"


def presence(path: Path) -> Presence:
    """Look at the files of a database. OSError where not even that is possible."""
    beside = ((suffix, _mark(path.with_name(path.name + suffix))) for suffix in SQLITE.beside)
    return Presence(_mark(path), tuple((suffix, mark) for suffix, mark in beside if mark))


def saved_name(path: Path, at: datetime, *, readable: bool = True) -> Path:
    """Return where a copy is put that was saved from a file which is not there any more: where nothing lies yet.

    readable: by this perpulse; what is not is no copy to go on with, and called `.replaced-`.
    """
    while True:
        name = _SAVED.format(name=path.stem, at=f"{at:%Y%m%dT%H%M%SZ}")
        found = path.with_name(name if readable else name.replace(".saved-", ".replaced-"))
        if not found.exists():
            return found
        at += SECOND  # of two in one second the later one must not write over the earlier one


def saved_copies(path: Path) -> tuple[Path, ...]:
    """Return the copies that were saved, oldest first."""
    return tuple(sorted(path.parent.glob(_SAVED.format(name=path.stem, at="*"))))


def _mark(path: Path) -> Mark | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Mark(found.st_dev, found.st_ino, found.st_mode & 0o777)
