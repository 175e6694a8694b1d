"""How old a figure may be before it is no longer called current: measured by how often it comes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from signals.inputs import INPUTS
from storage.market import panels, points

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store

DAY = timedelta(days=1)
GRACE = timedelta(hours=2)  # how late a figure may be that comes a few times a day or once


def is_stale(store: Store, asset: str, name: str, newest: points.Newest, now: datetime) -> bool:
    """Tell whether the newest point of an input is too old to be called current.

    What comes in at least every two hours is measured by the input's own limit; what comes more rarely, as imported
    history mostly does, may be as old as its usual interval (a day at most) and two hours.
    """
    each, age = INPUTS[name], now - newest.at
    if age <= each.fresh_for:
        return False
    gap = usual_gap(store, asset, name, newest)
    if gap is None:
        return age > each.in_force
    return gap <= GRACE or age > min(gap, DAY) + GRACE


def usual_gap(store: Store, asset: str, name: str, newest: points.Newest) -> timedelta | None:
    """Return how far apart the newest points lie, see panels.usual_gap; None for a single point."""
    return panels.usual_gap(store, asset, newest.venue, name, until=newest.at)
