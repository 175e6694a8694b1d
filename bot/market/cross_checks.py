"""Where venues contradict each other: one asset has one price, and its dollars are its coins times that price.

A figure can pass the border by itself and still be in the wrong unit: a contract that now holds ten times as many
coins, a renamed asset, dollars where coins were. What shows it is the other venues, or the venue's own price.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import repeat
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from bot.market.border.bounds import OPEN_INTEREST
from bot.market.exchange.recipe import SAME_TIME
from signals.units import in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from storage.market.points import Points, Snapshot

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


@dataclass(frozen=True, slots=True)
class Sifted:
    """What may be stored, and what is left out, one asset each."""

    points: list[Points]
    snapshots: list[Snapshot]
    left_out: list[Points]


class CrossChecks:
    """Hold each venue's newest mark price, and keep out of the store what contradicts.

    order: the venues as the owner lists them; of two that differ, the one named first is believed.
    """

    def __init__(self, order: Sequence[str], lasting: timedelta) -> None:
        self._order = {venue: place for place, venue in enumerate(order)}
        self._lasting_ms = in_ms(lasting)
        self._marks: dict[str, dict[str, tuple[int, float]]] = {}  # by asset and venue: time in ms, price
        self.standing: dict[tuple[str, str], Contradiction] = {}

    def sift(self, points: Iterable[Points], snapshots: Iterable[Snapshot], now: datetime) -> Sifted:
        """Keep out what is of a venue and asset in contradiction (see `standing`)."""
        every, wide = list(points), list(snapshots)
        now_ms = to_ms(now)
        fresh: dict[str, dict[str, tuple[int, float]]] = {}
        oldest = now_ms - self._lasting_ms
        for venue, asset, at, (mark,) in _newest(every, wide, ("mark_price",)):
            if self.standing:
                self._settle(venue, asset, "mark_price")  # it is judged anew by the newest price
            known = fresh[asset] = self._marks.setdefault(asset, {})
            if mark > 0 and at >= oldest:
                known[venue] = at, mark
        for asset, known in fresh.items():
            marks = [value for at, value in known.values() if at >= oldest]
            if len(marks) < 2 or max(marks) < min(marks) * (1 + PRICE):
                continue  # whichever of them the others are held against
            for odd in self._odd(asset, oldest):
                self.standing[odd.venue, odd.asset] = odd
        for venue, asset, at, (coins, usd) in _newest(every, wide, OPEN_INTEREST):
            self._multiply(venue, asset, at, coins, usd)
        return self._parted(every, wide) if self.standing else Sifted(every, wide, [])

    def _parted(self, every: Sequence[Points], wide: Sequence[Snapshot]) -> Sifted:
        """Take out what is of a venue and asset in contradiction."""
        out = [given for given in every if (given.venue, given.asset) in self.standing]
        kept = [given for given in every if (given.venue, given.asset) not in self.standing]
        left: list[Snapshot] = []
        for snapshot in wide:
            odd = [place for place, asset in enumerate(snapshot.assets) if (snapshot.venue, asset) in self.standing]
            out += map(snapshot.of, odd)
            left.append(snapshot.taken([place for place in range(len(snapshot)) if place not in odd]))
        return Sifted(kept, left, out)

    def _settle(self, venue: str, asset: str, name: str) -> None:
        """Forget a contradiction in one input, because it is judged anew."""
        standing = self.standing.get((venue, asset))
        if standing is not None and standing.name == name:
            del self.standing[venue, asset]

    def _multiply(self, venue: str, asset: str, at: int, coins: float, usd: float) -> None:
        """Hold dollars against coins times the price of the same minute, where that is known."""
        mark = self._marks.get(asset, {}).get(venue)
        if mark is None or not coins or abs(at - mark[0]) > _SAME_TIME_MS:
            return
        ratio = float(usd / (coins * mark[1]))
        if ratio != ratio:  # noqa: PLR0124 - the plain test for NaN
            return
        if self.standing:
            self._settle(venue, asset, "open_interest_usd")
        if abs(ratio - 1) > PRODUCT:
            wrong = Contradiction(venue, asset, "open_interest_usd", ratio)
            self.standing.setdefault((venue, asset), wrong)

    def _odd(self, asset: str, oldest: int) -> list[Contradiction]:
        """Compare the venues' prices: by their middle where there are three, else with the one named first."""
        marks = {venue: value for venue, (at, value) in self._marks[asset].items() if at >= oldest}
        first = min(marks, key=lambda venue: self._order.get(venue, len(self._order)))
        usual = median(marks.values()) if len(marks) > 2 else marks[first]
        return [
            Contradiction(venue, asset, "mark_price", value / usual)
            for venue, value in marks.items()
            if abs(value / usual - 1) > PRICE
        ]


def _newest(
    every: Iterable[Points], wide: Iterable[Snapshot], names: Sequence[str]
) -> Iterator[tuple[str, str, int, tuple[float, ...]]]:
    """Go through the newest figures of those that have all of these inputs: venue, asset, time (ms), figures."""
    for given in every:
        if len(given) and all(name in given.columns for name in names):
            yield given.venue, given.asset, given.times[-1], tuple(given.columns[name][-1] for name in names)
    for snapshot in wide:
        if all(name in snapshot.columns for name in names):
            columns = (snapshot.columns[name] for name in names)
            yield from zip(
                repeat(snapshot.venue), snapshot.assets, snapshot.times, zip(*columns, strict=True), strict=False
            )
