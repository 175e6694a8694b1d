"""How what was opened at a price is spread over leverage, and where each part of it would be liquidated.

    a contract has a long and a short; of each side, opened at price P:
    5x 15 %   10x 25 %   20x 20 %   25x 20 %   50x 15 %   100x 5 %

No venue publishes how its open interest is spread over leverage: the weights are ours (November 2026). They average 25x
and leave a fifth above 25x. What they lean on: BitMEX's blog of 15 May 2019 gave 22x to 30x as the average effective
leverage of longs and of shorts on its perpetual, with four fifths of longs at 54x and of shorts at 47x or less; Binance
said in December 2019 that three of five trades are opened at 20x or more, while those who bring 81 % of its volume
stay at or below 20x. Both are old, and of one venue each.

The price of each part is that of the venue's own rule (signals/liquidation/rules.py, with source and date) for an
isolated position of the first tier of its newest bundled table: for most linear contracts

    long P (1 - 1/L) / (1 - m - f)      short P (1 + 1/L) / (1 + m + f)

Leverage that the first tier does not allow is taken at what it allows. A larger position has a higher maintenance rate
and is liquidated nearer to its entry, one on cross margin further away: the map knows neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from signals.liquidation.condition import liquidation_price
from signals.liquidation.errors import NoTierTable, UnknownVenue
from signals.liquidation.rules import Fee, rule_for
from signals.liquidation.tables import tiers
from signals.venues import READ, venue_title

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping, Sequence

SHARES: Final[Mapping[int, float]] = {5: 0.15, 10: 0.25, 20: 0.20, 25: 0.20, 50: 0.15, 100: 0.05}
USUAL_VENUE: Final = READ[0]  # the largest: its rule is taken where none of the venues has one for the asset
# Of 907 contracts of Binance's table of 2026-09-29 a fifth begins with this tier, more than with any other.
USUAL_RATE: Final = 0.015
USUAL_MOST: Final = 50.0


@dataclass(frozen=True, slots=True)
class LeverageSpread:
    """Where what was opened at price 1 is liquidated: longs and shorts by leverage, in the order of SHARES.

    venue, title: whose rule and tiers these are. rate: of the first tier, a fraction. table: its day; None where no
    table lists the asset, so that a usual first tier was taken.
    """

    longs: tuple[float, ...]
    shorts: tuple[float, ...]
    venue: str
    rate: float
    most: float
    table: dt.date | None = None

    @property
    def title(self) -> str:
        """Return the venue as people write it."""
        return venue_title(self.venue)


def spread_of(asset: str, venues: Sequence[str] = ()) -> LeverageSpread:
    """Return where positions of an asset are liquidated, by the first of these venues that has a tier table for it.

    venues: those that its open interest came from. Without any, or where none of them lists the asset, by Binance's
    rule; and where that does not list it either, with a usual first tier (1.5 %, 50x).
    """
    return _spread(asset, tuple(venues))


@lru_cache(maxsize=4096)
def _spread(asset: str, venues: tuple[str, ...]) -> LeverageSpread:
    for venue in dict.fromkeys((*venues, USUAL_VENUE)):
        try:
            table = tiers(venue, "linear", asset)
        except (NoTierTable, UnknownVenue):
            continue
        first = table.tiers[0]
        most = first.max_leverage or 1 / (2 * first.rate)
        return LeverageSpread(*_prices(venue, first.rate, most), venue, first.rate, most, table.as_of)
    return LeverageSpread(*_prices(USUAL_VENUE, USUAL_RATE, USUAL_MOST), USUAL_VENUE, USUAL_RATE, USUAL_MOST)


def _prices(venue: str, rate: float, most: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    rule = rule_for(venue, "linear")
    fee = rule.usual_fee if rule.fee is Fee.ADDED else 0.0

    def price(side: str, leverage: float) -> float:
        margin = 1 / min(leverage, most)
        found = liquidation_price(
            venue=venue, contract="linear", side=side, entry=1.0, size=1.0, margin=margin, mmr=rate, fee_rate=fee
        )
        if found is None:  # of no venue that is declared: only 1x and below has none
            raise ValueError(f"{venue} liquidates no {side} of {leverage:g}x")
        return found

    return tuple(price("long", leverage) for leverage in SHARES), tuple(price("short", leverage) for leverage in SHARES)
