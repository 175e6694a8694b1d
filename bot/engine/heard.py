"""What was heard liquidated since a moment: the store has whole hours, and a fast move begins within one.

The sums of the running hours grow as liquidations are heard; what they grew by from one look to the next is kept here,
in memory, for as long as a move may run. After a restart nothing is known of the time before it, and that is said.
"""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from signals.units import HOUR, MINUTE, floor

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.market.liquidations import Hour

KEPT: Final = 6 * HOUR


@dataclass(frozen=True, slots=True)
class LiquidatedSince:
    """What was heard from `since` on, in USD: a floor. venues: which told of it."""

    since: datetime
    longs_usd: float
    shorts_usd: float
    venues: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Growth:
    at: datetime
    venue: str
    longs_usd: float
    shorts_usd: float


class HeardSince:
    """Remembers by how much the hours of each asset grew."""

    def __init__(self) -> None:
        self._began: datetime | None = None
        self._known: dict[tuple[str, str, datetime], tuple[float, float]] = {}
        self._grown: defaultdict[str, deque[_Growth]] = defaultdict(deque)

    def look(self, hours: Iterable[Hour], now: datetime) -> None:
        """Take down by how much the hours grew since the last look; the first one only says where they stand."""
        known: dict[tuple[str, str, datetime], tuple[float, float]] = {}
        for hour in hours:
            key = hour.venue, hour.asset, hour.at
            longs, shorts = known[key] = hour.longs_usd, hour.shorts_usd
            before = self._known.get(key, (0.0, 0.0))
            grown = _Growth(now, hour.venue, max(0.0, longs - before[0]), max(0.0, shorts - before[1]))
            if self._began is not None and (grown.longs_usd or grown.shorts_usd):
                self._grown[hour.asset].append(grown)
        self._began, self._known = self._began or now, known
        for grown_ in self._grown.values():
            while grown_ and grown_[0].at < now - KEPT:
                grown_.popleft()

    def since(self, asset: str, at: datetime, now: datetime) -> LiquidatedSince | None:
        """Return what was heard since a time, or since as long as is known; None where nothing was."""
        if self._began is None:
            return None
        first = max(floor(at, MINUTE), self._began, now - KEPT)
        found = [grown for grown in self._grown[asset] if grown.at > first]
        if not found:
            return None
        return LiquidatedSince(
            first,
            sum(grown.longs_usd for grown in found),
            sum(grown.shorts_usd for grown in found),
            tuple(dict.fromkeys(grown.venue for grown in found)),
        )
