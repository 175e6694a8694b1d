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
    try:
        text = Path(f"/proc/{number}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold anything
    return "ended" if fields[0] in "ZX" else fields[19]
