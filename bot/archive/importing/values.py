"""Fields of a file: what one must be before it may become a value; whether that can be true is for the border."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bot.archive.importing.model import BadRow, check_time, shown

if TYPE_CHECKING:
    from datetime import datetime


def number(text: object, what: str = "value") -> float:
    """Read a finite number from JSON or text; raise BadRow otherwise.

    Python's float() also reads `1_000` and digits of other scripts; in a data file both are accidents.
    """
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise BadRow(f"{what} is not a number: {shown(text)}")
    if isinstance(text, str) and ("_" in text or not text.isascii()):
        raise BadRow(f"{what} is not a number: {shown(text)}")
    try:
        value = float(text)
    except (ValueError, OverflowError):
        raise BadRow(f"{what} is not a number: {shown(text)}") from None
    if not math.isfinite(value):
        raise BadRow(f"{what} is not a finite number: {shown(text)}")
    return value


def epoch(field: object, now: datetime, *, seconds: bool = False) -> int:
    """Read a time given as whole milliseconds (or seconds) since 1970; raise BadRow otherwise."""
    value = number(field, "time")
    if value != math.floor(value):
        raise BadRow(f"time is not a whole number: {shown(field)}")
    return check_time(int(value) * (1000 if seconds else 1), now, field)
