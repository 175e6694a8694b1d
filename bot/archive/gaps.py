"""What the archive lacks and the exchange still has: gaps that are owed to REST, each of them once a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bot.market.history_planner import HISTORY
from bot.market.venues.binance_both import KEPT
from signals.units import HOUR

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime, timedelta

    from bot.market.source import Topic
    from storage.sources.coverage import Debt, Gap

_TOPICS: Final[dict[str, Topic]] = {
    "bars": "bars",
    "funding": "funding",
    "open_interest": "open_interest",
    "long_short": "ratios",
}
_KEPT: Final[dict[Topic, timedelta]] = {"open_interest": KEPT, "ratios": KEPT}  # bars and funding: to the listing


class GapFiller:
    """Pass gaps on to whoever asks the exchanges. owe: Collector.owe."""

    def __init__(self, owe: Callable[[Debt, datetime], None]) -> None:
        self._owe = owe
        self._asked: set[Gap] = set()

    def fill(self, gaps: Iterable[Gap], now: datetime) -> None:
        """Have REST asked for gaps that it may fill; one that stayed a gap is not asked for again."""
        for gap in gaps:
            topic = _TOPICS.get(gap.group)
            if topic is None or gap in self._asked:
                continue
            self._asked.add(gap)
            oldest = now - _KEPT.get(topic, HISTORY)
            if gap.end > oldest and (topic == "funding" or _has_hour(gap)):
                self._owe((gap.venue, topic, gap.asset), max(gap.start, oldest))


def _has_hour(gap: Gap) -> bool:
    """Tell whether an hour ends within: that is all that REST gives of a level; five minutes stay lost."""
    return gap.end.replace(minute=0, second=0, microsecond=0) > gap.start or gap.end - gap.start >= HOUR
