"""The newest price of an asset, for answers that set a price of one's own beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.units import HOUR, MINUTE
from storage.market import points

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store

_YOUNG = 2 * MINUTE  # as for every price that is called current
_CURRENT = HOUR  # an older one is told with its time, and no position is opened at it


@dataclass(frozen=True, slots=True)
class MarkNow:
    """The newest price of one asset in USD, mark or close, whichever is newer; at: when it was."""

    asset: str
    value: float
    at: datetime
    outdated: bool
    current: bool


def newest_mark(store: Store, asset: str, now: datetime) -> MarkNow | None:
    """Read the newest price of an asset; None where none is stored."""
    found = [point for name in ("mark_price", "close") if (point := points.newest(store, asset, name))]
    if not found:
        return None
    last = max(found, key=lambda point: point.at)
    return MarkNow(asset, last.value, last.at, last.at + _YOUNG < now, last.at + _CURRENT >= now)
