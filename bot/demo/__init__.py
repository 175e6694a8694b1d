"""The bundled winter of 2025-26 for the demo: published figures, and seeded noise between them.

It is a reconstruction, and whoever shows it says so with `STAMP`. How it is made: `build.py`; from what: `anchors.py`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

from bot.demo.anchors import ANCHORS, Anchor

STAMP: Final = "reconstructed from published figures"
FILE: Final = "winter-2025-26.csv"

__all__ = ["ANCHORS", "FILE", "STAMP", "Anchor", "path"]


def path() -> Path:
    """Return the place of the bundled file, which is in the neutral import format."""
    return Path(str(files(__name__).joinpath(FILE)))
