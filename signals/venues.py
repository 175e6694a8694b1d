"""The venues, one declaration each: its names, its title, and what everybody else must know of it.

No other file asks which venue it is. A venue that perpulse reads has beside its declaration a recipe
(bot/market/venues/<id>.py) and a tier table (signals/liquidation/tiers/<id>-*.csv).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

Liquidations = Literal["", "all", "one a second"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One venue or provider. id: the word stored with each value. title: as people write it.

    Their order is that in which they speak where one has to speak for several.

    spellings: what else people type for it. margins: how the perpetuals are margined that stand for an asset, the
    preferred first; none for a provider of other figures. inverse: the venue under which the same exchange's
    coin-margined contracts are kept; "" for itself. usual: followed where the configuration names no venue.
    funding_hours: between two payments, where nothing says so. liquidations: which of them its stream tells; "" where
    none is heard, or it does not say. renewed: the contracts whose tiers it answers for; none where they are a formula
    or nobody knows their unit. liquidated_as: another venue whose liquidation rules hold here too. options: its option
    chains and volatility index are read, whichever venues are followed. accounts: it tells what an address holds, and
    is the only one. credit: how a provider asks to be named where its figures are shown; "" for the title.
    """

    id: str
    title: str
    spellings: tuple[str, ...] = ()
    margins: tuple[str, ...] = ()
    inverse: str = ""
    usual: bool = False
    funding_hours: float = 8.0
    liquidations: Liquidations = ""
    renewed: tuple[str, ...] = ()
    liquidated_as: str = ""
    options: bool = False
    accounts: bool = False
    credit: str = ""


_LINEAR: Final = ("linear",)
_BOTH: Final = ("linear", "inverse")
_ALL: Final = (
    Venue(id="all", title="all venues together"),
    Venue(
        id="binance",
        title="Binance",
        spellings=("bnc", "binanceusdm", "binancefutures"),
        margins=_LINEAR,
        inverse="binance_coinm",
        usual=True,
        liquidations="one a second",
        renewed=_BOTH,
    ),
    Venue(
        id="bybit",
        title="Bybit",
        spellings=("bbt",),
        margins=_LINEAR,
        usual=True,
        liquidations="all",  # allLiquidation, November 2026
        renewed=_BOTH,
    ),
    Venue(
        id="okx",
        title="OKX",
        spellings=("okex",),
        margins=_LINEAR,
        usual=True,
        liquidations="one a second",
        renewed=_BOTH,
    ),
    Venue(
        id="hyperliquid",
        title="Hyperliquid",
        accounts=True,
        spellings=("hl", "hyper"),
        margins=_LINEAR,
        usual=True,
        funding_hours=1.0,  # an eighth of the 8 h rate each hour: its documentation, read 2026-11-22
        renewed=_LINEAR,
    ),
    Venue(id="deribit", title="Deribit", spellings=("drb",), margins=("inverse", "linear"), options=True),
    Venue(id="gate", title="Gate", spellings=("gateio", "gate.io"), margins=_LINEAR, renewed=_BOTH),
    # In which unit the coin-margined tiers of the next two are, no page says: not asked.
    Venue(id="bitget", title="Bitget", spellings=("bg",), margins=_LINEAR, renewed=_LINEAR),
    Venue(id="kucoin", title="KuCoin", spellings=("kc", "kucoinfutures"), margins=_LINEAR, renewed=_LINEAR),
    Venue(id="binance_coinm", title="Binance COIN-M", margins=("inverse",)),
    Venue(id="alternative.me", title="alternative.me", credit="Fear & Greed index by alternative.me"),
    Venue(id="defillama", title="DefiLlama", credit="stablecoin supply by DefiLlama"),
)
VENUES: Final[Mapping[str, Venue]] = {venue.id: venue for venue in _ALL}
READ: Final = tuple(venue.id for venue in _ALL if venue.margins)  # the venues that figures are read from
STREAMED: Final = tuple(venue.title for venue in _ALL if venue.liquidations)  # whose liquidations are heard
OPTIONS: Final = tuple(venue.title for venue in _ALL if venue.options)
USUAL: Final = tuple(venue.id for venue in _ALL if venue.usual)
_PLACES: Final = {venue.id: place for place, venue in enumerate(_ALL)}
_COIN_MARGINED: Final = {venue.inverse: venue.id for venue in _ALL if venue.inverse}

# What people type for each exchange. Its coin-margined contracts are asked for by a word beside it.
SPELLINGS: Final[Mapping[str, str]] = {
    word: venue.id
    for venue in _ALL
    if venue.margins and venue.id not in _COIN_MARGINED
    for word in (venue.id, *venue.spellings)
}

# Exchanges that people name and that are not covered, with why where that is more than "not read here".
KNOWN: Final[Mapping[str, str]] = {
    "bingx": "BingX",
    "bitfinex": "Bitfinex",
    "bitmart": "BitMart",
    "bitmex": "BitMEX closed in September 2026",
    "bitstamp": "Bitstamp",
    "blofin": "BloFin",
    "coinbase": "Coinbase",
    "coinex": "CoinEx",
    "dydx": "dYdX",
    "ftx": "FTX closed in November 2022",
    "htx": "HTX",
    "huobi": "HTX",
    "kraken": "Kraken",
    "lbank": "LBank",
    "mexc": "MEXC",
    "phemex": "Phemex",
    "weex": "WEEX",
}


def venue_named(word: str) -> str:
    """Return the venue that a word is written for (okex, Gate.io, OKX); one that is not declared in lower case."""
    name = word.strip().lower()
    return SPELLINGS.get(name, name)


def exchange_of(venue: str) -> str:
    """Return the exchange that people ask for a venue by: coin-margined contracts may be a venue of their own here."""
    return _COIN_MARGINED.get(venue, venue)


def listed_at(exchange: str, contract: str) -> str:
    """Return the venue under which an exchange's contracts of a kind (linear, inverse) are kept."""
    declared = VENUES.get(exchange)
    return declared.inverse if declared and declared.inverse and contract == "inverse" else exchange


def venue_order(venue: str) -> int:
    """Return the rank of a venue where one has to speak for several: a sum over all first, then the largest."""
    return _PLACES.get(venue, len(_PLACES))


def venue_title(venue: str) -> str:
    """Return a venue's name as people write it; one that is not declared as it is stored."""
    return VENUES[venue].title if venue in VENUES else venue


def venue_credit(venue: str) -> str:
    """Return how a venue is named under its figures."""
    return (VENUES[venue].credit or VENUES[venue].title) if venue in VENUES else venue


def of_accounts() -> Venue:
    """Return the venue that tells what an address holds."""
    return next(venue for venue in VENUES.values() if venue.accounts)


def source_title(source: str) -> str:
    """Return a source's name as people write it: Binance, Binance liquidations."""
    venue, _, rest = source.partition(" ")
    return " ".join(filter(None, (venue_title(venue), rest)))
