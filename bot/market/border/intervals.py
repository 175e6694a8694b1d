"""How long a settlement was for, read from the times of settlements: one reading for venues and for files."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from bot.market.border.bounds import INTERVALS
from signals.units import HOUR_MS

if TYPE_CHECKING:
    from collections.abc import Sequence

_JITTER: Final = 0.1  # hours; settlements come some 20 ms late, a hole is at least an hour


def intervals(times: Sequence[int], running: float | None = None) -> list[float | None]:
    """Return hours since the settlement before, for sorted times in ms; None where there is only one settlement.

    The first takes the gap after it. After a hole the interval of the settlement before holds on: a rate that was paid
    for 8 hours must not look like one for 16. A hole is a gap at which no venue settles, and one after which the
    settlements go on as before it (4, 8, 4). A shorter gap is never a hole, so a change from 8 to 1 is seen at once. A
    longer one that is the newest is a change where the rate that builds now is for as long, and else a hole until the
    next settlement tells. running: the hours of that rate, None where it is not told.
    """
    gaps = [_interval(later - sooner) for sooner, later in pairwise(times)]
    known = next((gap for gap in gaps if gap is not None), None)
    hours = [known]
    for place, gap in enumerate(gaps):
        after = gaps[place + 1] if place + 1 < len(gaps) else None
        longer = place > 0 and known is not None and gap is not None and gap > known
        newest = place + 1 == len(gaps) and running != gap
        hole = gap is None or (longer and (newest or (after is not None and known is not None and after <= known)))
        known = known if hole else gap
        hours.append(known)
    return hours


def _interval(gap: int) -> float | None:
    hours = gap / HOUR_MS
    nearest = min(INTERVALS, key=lambda interval: abs(interval - hours))
    return nearest if abs(nearest - hours) <= _JITTER else None
