"""Dated futures: what the one that is nearest to a quarter away costs more than the index.

One contract speaks for a venue, since an asset has three or four of them, and the yearly premium of one that expires in
a few days is noise times a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from bot.market.exchange.recipe import Unreadable, points
from bot.market.source import NotOffered
from signals.units import DAY, DAY_MS, in_ms, to_ms
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bot.market.exchange.contracts import Contract
    from storage.market.points import Points

QUARTER: Final = 90 * DAY
SOONEST: Final = 7 * DAY
_FURTHEST: Final = 0.5  # of the index: a premium beyond that is another contract, or a fault
_EXPIRES_AT: Final = timedelta(hours=8)  # UTC, at every venue that is read here
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


@dataclass(frozen=True, slots=True)
class Dated:
    """One dated future: when it expires (ms), and mark and index as the venue quotes them."""

    expiry: int
    mark: float
    index: float


def dated(contract: Contract, at: int, futures: Iterable[Dated]) -> Points:
    """Return premium over the index (a fraction) and days to expiry of the contract nearest to a quarter away.

    at: time of the prices, ms. NotOffered where the asset has no future that runs for a week; Unreadable where the one
    that is meant has no price that can be true.
    """
    running = [future for future in futures if future.expiry - at >= in_ms(SOONEST)]
    if not running:
        raise NotOffered(f"{venue_title(contract.venue)} lists no dated future of {contract.asset}.")
    chosen = min(running, key=lambda future: abs(future.expiry - at - in_ms(QUARTER)))
    if not (chosen.mark > 0 and chosen.index > 0):
        raise Unreadable("a dated future without a price")
    premium = chosen.mark / chosen.index - 1
    if abs(premium) > _FURTHEST:
        raise Unreadable(f"a dated future that is {premium:+.0%} from its index")
    days = (chosen.expiry - at) / DAY_MS
    return points(contract, [at], {"dated_premium": [premium], "dated_days": [days]})


def expiry_of(day: str) -> int:
    """Read 5JUL24, whatever language the machine speaks, or 240705; expiry is at 08:00 UTC. ValueError for no day."""
    year, month, date = (
        (day[:2], int(day[2:4]), day[4:]) if day.isdecimal() else (day[-2:], _MONTHS.index(day[-5:-2]) + 1, day[:-5])
    )
    return to_ms(datetime(2000 + int(year), month, int(date), tzinfo=UTC) + _EXPIRES_AT)
