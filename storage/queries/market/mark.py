"""The newest price of an asset, for answers that set a price of one's own beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.units import HOUR, MINUTE
from storage.queries.market.known_at import newest_price

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
    last = newest_price(store, asset, now)
    if last is None:
        return None
    return MarkNow(asset, last.value, last.at, last.at + _YOUNG < now, last.at + _CURRENT >= now)
