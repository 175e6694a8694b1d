"""How near a calm value is to the line of a level, measured by the level's own two lines: no third one is declared."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from signals.alerts.condition import held

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from signals.alerts.condition import Condition, Level

HALF: Final = 0.5  # of the way from the line that ends an alarm to the one that begins it


def nearest(level: Level, name: str, values: Mapping[str, float]) -> Condition | None:
    """Return the condition on the value `name` that alone keeps a level from being entered, where that is near.

    Near is what has come more than half of the way from the line at which the alarm would end to the one at which it
    begins. None where the level holds, or more than one condition is lacking. NaN handling: a value that is not known
    is near nothing.
    """
    value = values.get(name, math.nan)
    for group in level.enter:
        lacking = [condition for condition in group if held(((condition,),), values) is not True]
        if len(lacking) != 1 or lacking[0].name != name or isinstance(lacking[0].bound, str):
            continue
        line = lacking[0].bound
        ends = [bound for bound in _ends(level, name) if (bound < line) is (lacking[0].op in {">", ">="})]
        if any(abs(value - line) < HALF * abs(end - line) for end in ends):
            return lacking[0]
    return None


def _ends(level: Level, name: str) -> Iterator[float]:
    """Yield the fixed lines on a value at which the level is left."""
    for group in level.leave:
        for condition in group:
            if condition.name == name and not isinstance(condition.bound, str):
                yield condition.bound
