"""Funding of the whole market: the rates of all venues, each by what is open there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.inputs import EVERYWHERE
from signals.venues import venue_order

if TYPE_CHECKING:
    from datetime import datetime

    from signals.series import Array
    from storage.panels.folded import Folded
    from storage.panels.grid import Grid

RATE: Final = "funding_rate"
HOURS: Final = "funding_interval_hours"
WEIGHT: Final = "open_interest_usd"


@dataclass(frozen=True, slots=True)
class MarketRate:
    """The rate of the market in each row, as if it were paid every hour; NaN where no venue tells all that it takes.

    venues: those that are in any row of it, the usual order.
    """

    hourly: Array
    venues: tuple[str, ...]

    @property
    def values(self) -> dict[str, Array]:
        """Return it as the two inputs that metrics read: a rate, and the hours it is for."""
        return {RATE: self.hourly, HOURS: np.where(np.isnan(self.hourly), np.nan, 1.0)}


def market_rate(folded: Folded, grid: Grid, now: datetime | None) -> MarketRate | None:
    """Return sum(rate / hours · open interest) / sum(open interest) over the venues that tell all three in a row.

    Open interest in USD, one side. None where no venue ever told all three. NaN handling: a venue that lacks one of
    them in a row is no part of that row, neither above nor below the line. (signals.md DQ-1 and FU-1, 2026.)
    """
    known = [{series.venue for series in folded.stored(name)} - {EVERYWHERE} for name in (RATE, HOURS, WEIGHT)]
    venues = sorted(set.intersection(*known), key=lambda venue: (venue_order(venue), venue))
    paid, weight = np.zeros(grid.count), np.zeros(grid.count)
    heard = []
    for venue in venues:
        rate, hours, usd = (folded.on(venue, name, grid, now) for name in (RATE, HOURS, WEIGHT))
        told = ~np.isnan(rate + hours + usd) & (hours > 0) & (usd > 0)
        if told.any():
            heard.append(venue)
            paid[told] += rate[told] / hours[told] * usd[told]
            weight[told] += usd[told]
    if not heard:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return MarketRate(np.where(weight > 0, paid / weight, np.nan), tuple(heard))
