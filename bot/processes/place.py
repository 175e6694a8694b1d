"""Where a process runs, in a word that other processes on the same machine can look up: a killed one is found at once.

Of a process on another machine, or in another container, only its silence tells.
"""

from __future__ import annotations

import os
import platform
import uuid
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NUMBERS = Path("/proc/self/ns/pid")  # two containers have a process 1 each


@cache
def here() -> str:
    """Return the place of this process: machine, number and when it began."""
    return f"{_machine()} {os.getpid()} {_began(os.getpid())}"


def is_gone(place: str) -> bool:
    """Tell whether the process of a place is known to have ended; False where that cannot be known from here."""
    machine, _, rest = place.partition(" ")
    number, _, began = rest.partition(" ")
    if machine != _machine() or not number.isdecimal():
        return False
    try:
        os.kill(int(number), 0)  # asks; sends nothing
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return bool(began) and _began(int(number)) not in ("", began)


def stands_still(place: str) -> int | None:
    """Return the number of a process of this machine that is stopped (SIGSTOP); None of any other."""
    machine, _, rest = place.partition(" ")
    number, _, began = rest.partition(" ")
    if machine != _machine() or not number.isdecimal() or _began(int(number)) != began:
        return None
    return int(number) if _fields(int(number))[:1] in (["T"], ["t"]) else None


@cache
def _machine() -> str:
    """Return a word for this start of this machine, and for the container; nothing of it can be read back."""
    try:
        known = _BOOT.read_text(encoding="ascii") + str(_NUMBERS.stat().st_ino)
    except OSError:
        known = f"{platform.node()} {uuid.getnode()}"
    return uuid.uuid5(uuid.NAMESPACE_OID, known).hex[:12]


def _began(number: int) -> str:
    """Return when a process began, in ticks since the start of the machine; nothing where that is not told.

    A zombie has ended: its number is given back when somebody asks for it.
    """
    fields = _fields(number)
    if not fields:
        return ""
    return "ended" if fields[0] in "ZX" else fields[19]


def _fields(number: int) -> list[str]:
    """Return what the machine says of a process, from its state on; nothing where it says nothing."""
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    return text.rpartition(")")[2].split()  # the name before it may hold anything
