"""Where venues contradict each other: one asset has one price, and its dollars are its coins times that price.

A figure can pass the border by itself and still be in the wrong unit: a contract that now holds ten times as many
coins, a renamed asset, dollars where coins were. What shows it is the other venues, or the venue's own price.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.recipe import SAME_TIME, times_of
from signals.units import in_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime, timedelta

    from storage.market.points import Points

PRICE: Final = 0.05  # an index arbitraged by the second does not differ more; a unit slip differs by 10 or 1000
PRODUCT: Final = 0.02
LASTING: Final = 15  # minutes for which a venue's price may be compared with the others'


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A venue whose figures of an asset contradict the others or themselves, in words that name the figures."""

    venue: str
    asset: str
    reason: str


class Agreement:
    """Hold each venue's newest mark price, and keep out of the store what contradicts.

    order: the venues as the owner lists them; of two that differ, the one named first is believed.
    """

    def __init__(self, order: Sequence[str], lasting: timedelta) -> None:
        self._order = {venue: place for place, venue in enumerate(order)}
        self._lasting = lasting
        self._marks: dict[tuple[str, str], tuple[datetime, float]] = {}
        self.standing: dict[tuple[str, str], Contradiction] = {}

    def sift(self, found: Iterable[Points], now: datetime) -> tuple[list[Points], list[Points]]:
        """Return the points that may be stored, and those of a venue and asset in contradiction (see `standing`)."""
        every = list(found)
        fresh = {(each.venue, each.asset) for each in every if "mark_price" in each.frame.columns}
        for each in every:
            self._learn(each, now)
        assets = {each.asset for each in every}
        for key in [key for key in self.standing if key in fresh]:
            del self.standing[key]  # judged anew by the price that has just come
        for asset in sorted(assets):
            for odd in self._odd(asset, now):
                self.standing[odd.venue, odd.asset] = odd
        for each in every:
            wrong = _product(each, self._marks.get((each.venue, each.asset)))
            if wrong is not None:
                self.standing.setdefault((wrong.venue, wrong.asset), wrong)
        kept = [each for each in every if (each.venue, each.asset) not in self.standing]
        return kept, [each for each in every if (each.venue, each.asset) in self.standing]

    def _learn(self, each: Points, now: datetime) -> None:
        if "mark_price" not in each.frame.columns or not len(each.frame):
            return
        at, value = each.frame.index[-1].to_pydatetime(), float(each.frame["mark_price"].iloc[-1])
        if value > 0 and now - at <= self._lasting:
            self._marks[each.venue, each.asset] = (at, value)

    def _odd(self, asset: str, now: datetime) -> list[Contradiction]:
        """Compare the venues' prices: by their middle where there are three, else with the one named first."""
        marks = {
            venue: value
            for (venue, of), (at, value) in self._marks.items()
            if of == asset and now - at <= self._lasting
        }
        if len(marks) < 2:
            return []
        first = min(marks, key=lambda venue: self._order.get(venue, len(self._order)))
        usual = median(marks.values()) if len(marks) > 2 else marks[first]
        return [
            Contradiction(venue, asset, f"its price of {asset} is {value / usual:.3g} times that of the other venues")
            for venue, value in marks.items()
            if abs(value / usual - 1) > PRICE
        ]


def _product(each: Points, mark: tuple[datetime, float] | None) -> Contradiction | None:
    """Compare dollars with coins times the price of the same minute."""
    frame: Any = each.frame
    if mark is None or not {"open_interest_coin", "open_interest_usd"} <= set(frame.columns) or not len(frame):
        return None
    at = times_of(each)[-1]
    if abs(at - round(mark[0].timestamp() * 1000)) > in_ms(SAME_TIME):
        return None
    coins, usd = float(frame["open_interest_coin"].iloc[-1]), float(frame["open_interest_usd"].iloc[-1])
    ratio = usd / (coins * mark[1])
    if abs(ratio - 1) <= PRODUCT or ratio != ratio:  # noqa: PLR0124 -- the plain test for NaN
        return None
    said = f"its open interest of {each.asset} in dollars is {ratio:.3g} times coins times price"
    return Contradiction(each.venue, each.asset, said)
