"""What is known of each series at the border, and which figures are usual after it: nearly all that is live.

Whole columns are looked at, those of many assets at one venue, since a call for each figure costs more than to judge
it. A figure that is not usual is not yet wrong: `Border.admit` says what it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bot.market.border.bounds import FREE, FUNDING, SURE, impossible, limit_of
from signals.units import DAY_MS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

CALM_RATE: Final = 0.004  # a rate per interval up to this is never held: BTC and ETH have paid 0.00375 out of calm
RATE_LEAP: Final = 30.0  # times the highest rate of the days before; 21 is the most that BTC and ETH have shown
RATE_FLOOR: Final = 2e-5
_HALF_LIFE_MS: Final = 2 * DAY_MS  # of the highest rate: what was a storm last week is no measure of this one
_MOST_DAYS: Final = 400.0


@dataclass(slots=True)
class LastGood:
    """The last good value of a series (of funding rates: the highest of late), and its time in ms.

    before: the value before that one. odd: another level that has been claimed, of which time, and received when first.
    scale: it is one of other units. began, mark: when the claim began, and the mark price before it.
    """

    good: float
    at: int
    odd: float = math.nan
    odd_at: int = 0
    since: datetime | None = None
    scale: bool = False
    before: float = math.nan
    began: int = 0
    mark: float = math.nan

    def peak(self, at: int) -> float:
        """Return the highest rate of late as it counts at a time: half as much two days later."""
        days = min(max(at - self.at, 0) / _HALF_LIFE_MS, _MOST_DAYS)
        return max(self.good * math.pow(0.5, days), RATE_FLOOR)


def unusual(
    name: str, known_of: Mapping[str, LastGood], assets: Sequence[str], times: Sequence[int], values: Iterable[float]
) -> list[int]:
    """Return the places of the figures of one input at one venue that have to be looked at, one a asset.

    known_of: by asset. NaN handling: what is no number is not usual.
    """
    least, most = SURE[name]
    if name in FREE:
        odd = {value for value in set(values) if not least < value < most and impossible(name, value) is not None}
        return [place for place, value in enumerate(values) if value in odd] if odd else []
    found: list[int] = []
    limit = limit_of(name, 0)
    for place, (asset, at, value) in enumerate(zip(assets, times, values, strict=True)):
        known = known_of.get(asset)
        if known is None or known.odd_at or not (least < value < most or impossible(name, value) is None):
            found.append(place)
        elif name == FUNDING:
            size = abs(value)
            if size > CALM_RATE and size > RATE_LEAP * known.peak(at):
                found.append(place)
        elif not 1 / limit < value / known.good < limit:
            further = limit_of(name, abs(at - known.at))
            if not (value > 0 and 1 / further < value / known.good < further):
                found.append(place)
    return found


def learn(
    name: str, known_of: Mapping[str, LastGood], assets: Sequence[str], times: Sequence[int], values: Iterable[float]
) -> None:
    """Remember figures that were found usual."""
    if name in FREE:
        return
    funding = name == FUNDING
    for asset, at, value in zip(assets, times, values, strict=True):
        known = known_of[asset]
        if funding:
            value = max(abs(value), known.peak(at))  # noqa: PLW2901 - what is measured against is the highest of late
        known.before, known.good = known.good, float(value)
        if at > known.at:  # noqa: PLR1730 - a call for each of thousands of figures
            known.at = at
