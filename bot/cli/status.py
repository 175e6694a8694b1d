"""`perpulse status`: the command /status, answered here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.cli import say

if TYPE_CHECKING:
    from pathlib import Path


def status(config: Path | None, db: Path | None, *, as_json: bool) -> int:
    """Say what is stored, how old it is, and how each source does; return the exit code."""
    return say.say("/status", config, db, as_json=as_json)
