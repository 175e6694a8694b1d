"""The venues, one declaration each: its name, its title, and what everybody else must know of it.

No other file asks which venue it is. A venue that perpulse reads has beside its declaration a recipe
(bot/market/venues/<id>.py) and a tier table (signals/liquidation/tiers/<id>-*.csv).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Venue:
    """One venue or provider.

    id: the word stored with each value. title: as people write it. margins: how its perpetuals are margined, that of
    its main ones first; none for a provider of other figures. credit: how a provider asks to be named where its
    figures are shown; "" for the title. inverse: the venue under which the same exchange's coin-margined contracts are
    kept; "" for itself. Their order is that in which they speak where one has to speak for several.
    """

    id: str
    title: str
    margins: tuple[str, ...] = ()
    credit: str = ""
    inverse: str = ""


_LINEAR: Final = ("linear",)
_BOTH: Final = ("linear", "inverse")
_ALL: Final = (
    Venue("all", "all venues together"),
    Venue("binance", "Binance", _LINEAR, inverse="binance_coinm"),
    Venue("bybit", "Bybit", _BOTH),
    Venue("okx", "OKX", _BOTH),
    Venue("hyperliquid", "Hyperliquid", _LINEAR),
    Venue("deribit", "Deribit", ("inverse", "linear")),
    Venue("gate", "Gate", _BOTH),
    Venue("bitget", "Bitget", _BOTH),
    Venue("kucoin", "KuCoin", _BOTH),
    Venue("binance_coinm", "Binance COIN-M", ("inverse",)),
    Venue("alternative.me", "alternative.me", credit="Fear & Greed index by alternative.me"),
    Venue("defillama", "DefiLlama", credit="stablecoin supply by DefiLlama"),
)
VENUES: Final[Mapping[str, Venue]] = {venue.id: venue for venue in _ALL}
_PLACES: Final = {venue.id: place for place, venue in enumerate(_ALL)}


def venue_order(venue: str) -> int:
    """Return the rank of a venue where one has to speak for several: a sum over all first, then the largest."""
    return _PLACES.get(venue, len(_PLACES))


def venue_title(venue: str) -> str:
    """Return a venue's name as people write it; one that is not declared as it is stored."""
    return VENUES[venue].title if venue in VENUES else venue


def venue_credit(venue: str) -> str:
    """Return how a venue is named under its figures."""
    return (VENUES[venue].credit or VENUES[venue].title) if venue in VENUES else venue


def source_title(source: str) -> str:
    """Return a source's name as people write it: Binance, Binance liquidations."""
    venue, _, rest = source.partition(" ")
    return " ".join(filter(None, (venue_title(venue), rest)))
