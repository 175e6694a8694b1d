"""What befell the machine under perpulse, in words: its clock, and the file that it remembers in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.words import wording

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from storage.engine.clock_jump import ClockJump
    from storage.engine.presence import Loss

_BEFELL: dict[Loss, str] = {
    "deleted": "was deleted",
    "replaced": "was replaced by another file",
    "log": "was robbed of its log (the file beside it that ends in -wal or -shm)",
}

_FOLLOWED: dict[bool, str] = {
    True: "perpulse goes by the new time, and nothing has stopped for it.",
    False: (
        "The exchanges say that it is wrong, so perpulse goes on by the time of before. Mend it before perpulse is "
        "started again."
    ),
}


def clock_jump(jump: ClockJump, zone: str = "UTC") -> str:
    """Say that the clock jumped, and what that means."""
    moved = "set back" if jump.by.total_seconds() < 0 else "put forward"
    return (
        f"The clock of this machine was {moved} by {wording.duration(jump.by)}, to "
        f"{wording.clock(jump.at, zone, dated=True)}. {_FOLLOWED[jump.followed]}"
    )


def put_back(loss: Loss, path: Path, saved: Path) -> str:
    """Say that a database was lost and is there again."""
    return (
        f"{path} {_BEFELL[loss]} while perpulse runs. All that it held was still open, is saved in {saved}, checked, "
        "and put back in its place; perpulse goes on in it. Find out what touched the file; delete "
        f"{saved.name} when you need it no more."
    )


def replaced(path: Path, saved: Path) -> str:
    """Say that another file lies in the place of the database, and what to do."""
    return (
        f"{path} {_BEFELL['replaced']} while perpulse runs, so perpulse stops. All that it held is saved in {saved} "
        "and checked. Start perpulse again to go on with the file that lies there now; to go on with what was saved, "
        f"put it there first: mv {saved} {path}"
    )


def not_saved(loss: Loss, path: Path, reason: str) -> str:
    """Say that what was lost could not be saved yet."""
    return (
        f"{path} {_BEFELL[loss]} while perpulse runs, and what is still open could not be saved: {reason} Mend that "
        "and do not stop perpulse: it tries again each minute, and only while it runs is anything there to be saved."
    )


def saved_copies(copies: Sequence[Path]) -> str:
    """Say which copies lie beside the database."""
    named = wording.listing([copy.name for copy in copies])
    if len(copies) == 1:
        return (
            f"Beside the database lies a copy, saved when its file was lost or another one put back: {named}. Delete "
            "it when you need it no more."
        )
    return (
        f"Beside the database lie {len(copies)} copies, saved when its file was lost or another one put back: "
        f"{named}. Delete them when you need them no more."
    )
