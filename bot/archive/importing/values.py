"""Numbers at the border: what a field must be before it may become a value."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bot.archive.importing.model import BadRow, check_time, shown
from bot.market.bounds import HIGHEST, INTERVALS, WITHIN, impossible
from signals.inputs import INPUTS

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


def possible(name: str, value: float, text: object) -> float:
    """Return `value` if the input `name` can have it; raise BadRow with the bound it breaks otherwise."""
    why = impossible(name, value)
    if why is None:
        return value
    bound = INPUTS[name]
    if not bound.possible(value):
        rule = "must be above" if bound.least_open else "must not be below"
        raise BadRow(f"{name} {rule} {bound.least:g}: {shown(text)}")
    if why == "interval":
        raise BadRow(f"{name} must be {', '.join(f'{hours:g}' for hours in INTERVALS)}: {shown(text)}")
    least, most = WITHIN.get(name, (0.0, HIGHEST))
    rule = f"must not be below {least:g}" if value < least else f"must not be above {most:g}"
    raise BadRow(
        f"{name} {rule}: {shown(text)}" if value > most or value < least else f"{name} cannot be {shown(text)}"
    )


def epoch(field: object, now: datetime, *, seconds: bool = False) -> int:
    """Read a time given as whole milliseconds (or seconds) since 1970; raise BadRow otherwise."""
    value = number(field, "time")
    if value != math.floor(value):
        raise BadRow(f"time is not a whole number: {shown(field)}")
    return check_time(int(value) * (1000 if seconds else 1), now, field)
