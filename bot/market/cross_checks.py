"""Where venues contradict each other: one asset has one price, and its dollars are its coins times that price.

A figure can pass the border by itself and still be in the wrong unit: a contract that now holds ten times as many
coins, a renamed asset, dollars where coins were. What shows it is the other venues, or the venue's own price.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from bot.market.exchange.recipe import SAME_TIME
from signals.units import in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from storage.market.points import Points

PRICE: Final = 0.05  # an index arbitraged by the second does not differ more; a unit slip differs by 10 or 1000
PRODUCT: Final = 0.02
_SAME_TIME_MS: Final = in_ms(SAME_TIME)
LASTING: Final = 15  # minutes for which a venue's price may be compared with the others'


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A venue whose figures of an asset contradict the others or themselves.

    name: the input that does. times: how many times what it should be; None of what an earlier process has told.
    """

    venue: str
    asset: str
    name: Literal["mark_price", "open_interest_usd"]
    times: float | None = None


class CrossChecks:
    """Hold each venue's newest mark price, and keep out of the store what contradicts.

    order: the venues as the owner lists them; of two that differ, the one named first is believed.
    """

    def __init__(self, order: Sequence[str], lasting: timedelta) -> None:
        self._order = {venue: place for place, venue in enumerate(order)}
        self._lasting_ms = in_ms(lasting)
        self._marks: dict[str, dict[str, tuple[int, float]]] = {}  # by asset and venue: time in ms, price
        self.standing: dict[tuple[str, str], Contradiction] = {}

    def sift(self, found: Iterable[Points], now: datetime) -> tuple[list[Points], list[Points]]:
        """Return the points that may be stored, and those of a venue and asset in contradiction (see `standing`)."""
        every = list(found)
        fresh: dict[str, None] = {}
        for points in every:
            if "mark_price" in points.columns:
                fresh[points.asset] = None
                self._settle(points, "mark_price")  # judged anew by the price that has just come
                self._learn(points, to_ms(now))
        for asset in sorted(fresh):
            for odd in self._odd(asset, to_ms(now)):
                self.standing[odd.venue, odd.asset] = odd
        for points in every:
            ratio = _product(points, self._marks.get(points.asset, {}).get(points.venue))
            if ratio is None:
                continue
            self._settle(points, "open_interest_usd")
            if abs(ratio - 1) > PRODUCT:
                wrong = Contradiction(points.venue, points.asset, "open_interest_usd", ratio)
                self.standing.setdefault((points.venue, points.asset), wrong)
        if not self.standing:
            return every, []
        kept = [points for points in every if (points.venue, points.asset) not in self.standing]
        return kept, [points for points in every if (points.venue, points.asset) in self.standing]

    def _settle(self, points: Points, name: str) -> None:
        """Forget a contradiction in one input, because it is judged anew."""
        standing = self.standing.get((points.venue, points.asset))
        if standing is not None and standing.name == name:
            del self.standing[points.venue, points.asset]

    def _learn(self, points: Points, now_ms: int) -> None:
        if not len(points):
            return
        at, value = points.times[-1], points.columns["mark_price"][-1]
        if value > 0 and now_ms - at <= self._lasting_ms:
            self._marks.setdefault(points.asset, {})[points.venue] = (at, value)

    def _odd(self, asset: str, now_ms: int) -> list[Contradiction]:
        """Compare the venues' prices: by their middle where there are three, else with the one named first."""
        known, oldest = self._marks.get(asset, {}), now_ms - self._lasting_ms
        marks = {venue: value for venue, (at, value) in known.items() if at >= oldest}
        if len(marks) < 2 or max(marks.values()) < min(marks.values()) * (1 + PRICE):
            return []  # whichever of them the others are held against
        first = min(marks, key=lambda venue: self._order.get(venue, len(self._order)))
        usual = median(marks.values()) if len(marks) > 2 else marks[first]
        return [
            Contradiction(venue, asset, "mark_price", value / usual)
            for venue, value in marks.items()
            if abs(value / usual - 1) > PRICE
        ]


def _product(points: Points, mark: tuple[int, float] | None) -> float | None:
    """Return dollars by coins times the price of the same minute; None where one of them is not known."""
    coins, usd = points.columns.get("open_interest_coin"), points.columns.get("open_interest_usd")
    if mark is None or coins is None or usd is None or not len(points):
        return None
    if abs(points.times[-1] - mark[0]) > _SAME_TIME_MS:
        return None
    ratio = float(usd[-1] / (coins[-1] * mark[1]))
    return None if math.isnan(ratio) else ratio
