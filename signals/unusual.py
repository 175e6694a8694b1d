"""What is called unusual of a change, wherever it is told: in a digest, and where somebody asks what moved an asset.

    rarity = (past changes at least as large + 1) / (past changes + 1)

over the changes of the same length in the 180 days before, by size and whatever their sign. It asks nothing of how they
are spread, which for prices is far from normal, and the one that is added keeps it from ever being zero (Phipson and
Smyth, Permutation P-values Should Never Be Zero, 2010). Unusual is what is as rare as one in fifty: of the days from
July 2021 to May 2026 one in ten had such a change of price, taker flow or funding of BTC or ETH (Binance's daily
figures), and four in five were quiet.

A rank says nothing of size: in 180 days that stood still a tenth of a per cent is the most. So a change is a move at
all only from half of what such a figure moves between two closes on a usual day, which is the band of its unit in
`signals/metric.py` (ours, November 2026): half a per cent of a price or of the coins, a per cent a year of funding, a
per cent of what takers traded. Liquidations have no such floor, as every one of them is news to somebody.

NaN handling: what is not known is None, and never called unusual.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from signals.metric import MEASURES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Figure: TypeAlias = Literal["price", "open_interest", "funding", "takers", "liquidated"]
PAST_DAYS: Final = 180
LEAST: Final = 30  # past changes below which nothing is called usual or unusual
UNUSUAL: Final = 0.02  # a move of one day in fifty
FLOORS: Final[Mapping[Figure, float]] = {
    "price": MEASURES["fraction"].band,
    "open_interest": MEASURES["fraction"].band,
    "funding": MEASURES["apr"].band,
    "takers": MEASURES["share"].band,
    "liquidated": 0.0,
}


@dataclass(frozen=True, slots=True)
class FigureChange:
    """How far something came between two times.

    value: what it is now: price in USD, coins that are open, funding a year (a fraction), the net of taker flow or what
    was liquidated (both in USD). change: a fraction of what it was; of funding the difference of yearly rates; of taker
    flow its net as a share of volume, of liquidations the share of longs. usd: the change of open interest in dollars.
    rare: how many of `past` changes were at least as large; None where fewer than 30 are known. times: how often the
    usual change goes into it. at_least: a floor, since not everything was heard. paid: whether funding was paid as it
    is told, or is only heading there; None of other figures. paid_before: the same of what it was.
    """

    asset: str
    what: Figure
    value: float | None
    change: float | None
    rare: int | None = None
    past: int = 0
    times: float | None = None
    usd: float | None = None
    at_least: bool = False
    paid: bool | None = None
    paid_before: bool | None = None

    @property
    def rarity(self) -> float | None:
        """Return the share of such stretches in which it moved as far, above 0 and at most 1; None where not known."""
        return None if self.rare is None else (self.rare + 1) / (self.past + 1)

    @property
    def moved(self) -> bool:
        """Tell whether it is a move at all, however seldom: False where that is not known."""
        return self.change is not None and abs(self.change) >= FLOORS[self.what]

    @property
    def unusual(self) -> bool:
        """Tell whether it is worth a line."""
        return self.moved and self.rarity is not None and self.rarity <= UNUSUAL


def against(change: FigureChange, past: Sequence[float], size: float | None = None) -> FigureChange:
    """Return a change with how rare it is among past ones of the same length.

    size: what is compared, if not `change.change`. NaN handling: past changes that are NaN are left out; where fewer
    than 30 are left, or the size itself is None or NaN, the change comes back as it is.
    """
    size = change.change if size is None else size
    sizes = [abs(one) for one in past if not math.isnan(one)]
    if size is None or math.isnan(size) or len(sizes) < LEAST:
        return change
    usual = median(sizes)
    rare = sum(one >= abs(size) for one in sizes)
    return replace(change, rare=rare, past=len(sizes), times=abs(size) / usual if usual else None)


def ranked(changes: Sequence[FigureChange]) -> tuple[FigureChange, ...]:
    """Return changes, the most unusual first; of equal rarity that into which the usual one goes more often.

    Those of which that is not known come last, in the order given.
    """
    return tuple(sorted(changes, key=lambda change: (change.rarity or 2.0, -(change.times or 0.0))))
