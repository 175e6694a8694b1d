"""Where venues contradict each other: one asset has one price, and its dollars are its coins times that price.

A figure can pass the border by itself and still be in the wrong unit: a contract that now holds ten times as many
coins, a renamed asset, dollars where coins were. What shows it is the other venues, or the venue's own price.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

from bot.market.border.bounds import OPEN_INTEREST
from bot.market.exchange.recipe import SAME_TIME
from signals.units import in_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime, timedelta

    from storage.market.points import Column, Points, Snapshot

PRICE: Final = 0.05  # an index arbitraged by the second does not differ more; a unit slip differs by 10 or 1000
PRODUCT: Final = 0.02
_SAME_TIME_MS: Final = in_ms(SAME_TIME)
_SHY: Final = 1 - 1e-9  # of the widest band, so that rounding makes it no wider
_NOWHERE: Final = (math.inf, -math.inf)
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
        self._bands: dict[
            str, tuple[float, float]
        ] = {}  # in which all prices of an asset lie, too narrow for two to differ
        self._oldest = 0  # time in ms; older prices are in no band
        self.standing: dict[tuple[str, str], Contradiction] = {}

    def sift(self, points: Iterable[Points], snapshots: Iterable[Snapshot], now: datetime) -> Sifted:
        """Keep out what is of a venue and asset in contradiction (see `standing`)."""
        every, wide = list(points), list(snapshots)
        oldest = to_ms(now) - self._lasting_ms
        if oldest < self._oldest:  # the clock was set back: prices count again that were too old
            self._bands.clear()
        self._oldest = oldest
        for asset in self._priced(every, wide, oldest):
            self._compare(asset, oldest)
        for venue, assets, times, columns in _newest(every, wide, OPEN_INTEREST):
            self._multiply(venue, zip(assets, times, *columns, strict=True))
        return self._parted(every, wide) if self.standing else Sifted(every, wide, [])

    def _priced(self, every: Iterable[Points], wide: Iterable[Snapshot], oldest: int) -> Iterable[str]:
        """Take in the newest prices; return the assets whose venues have to be compared, as hardly any of hundreds."""
        doubtful: dict[str, None] = {}
        for venue, assets, times, (prices,) in _newest(every, wide, ("mark_price",)):
            for asset, at, mark in zip(assets, times, prices, strict=True):
                if self.standing:
                    self._settle(venue, asset, "mark_price")  # it is judged anew by the newest price
                if mark > 0 and at >= oldest:
                    known = self._marks.get(asset)
                    if known is None:
                        known = self._marks[asset] = {}
                    known[venue] = at, mark
                low, high = self._bands.get(asset, _NOWHERE)
                if not low <= mark <= high:
                    doubtful[asset] = None
        return doubtful

    def _compare(self, asset: str, oldest: int) -> None:
        """Hold the prices of an asset against each other; remember how far they may move before that is due again."""
        self._bands.pop(asset, None)
        marks = [value for at, value in self._marks.get(asset, {}).values() if at >= oldest]
        if not marks:
            return
        low, high = min(marks), max(marks)
        if high < low * (1 + PRICE):  # whichever of them the others are held against
            slack = max(1.0, math.sqrt((1 + PRICE) * low / high) * _SHY)
            self._bands[asset] = low / slack, high * slack
            return
        for odd in self._odd(asset, oldest):
            self.standing[odd.venue, odd.asset] = odd

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

    def _multiply(self, venue: str, rows: Iterable[tuple[str, int, float, float]]) -> None:
        """Hold dollars against coins times the price of the same minute, where that is known."""
        for asset, at, coins, usd in rows:
            mark = self._marks.get(asset, {}).get(venue)
            if mark is None or not coins or abs(at - mark[0]) > _SAME_TIME_MS:
                continue
            ratio = float(usd / (coins * mark[1]))
            if ratio != ratio:  # noqa: PLR0124 - the plain test for NaN
                continue
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
) -> Iterator[tuple[str, Sequence[str], Sequence[int], list[Column]]]:
    """Go through the newest figures of those that have all of these inputs: venue, assets, times (ms), columns."""
    for given in every:
        if len(given) and all(name in given.columns for name in names):
            yield given.venue, (given.asset,), given.times[-1:], [given.columns[name][-1:] for name in names]
    for snapshot in wide:
        if all(name in snapshot.columns for name in names):
            yield snapshot.venue, snapshot.assets, snapshot.times, [snapshot.columns[name] for name in names]
