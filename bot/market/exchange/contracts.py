"""Which contract stands for an asset at a venue: BTC is BTC/USDT:USDT, PEPE is a thousandth of 1000PEPE/USDT:USDT.

Venues list cheap coins by the thousand or million so that the price has fewer zeros. Kept as they are, the same coin
would be two assets whose prices never agree.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bot.market.source import NotOffered
from signals.assets import UnreadableSymbol, coin

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_KINDS: Final = {  # what venues say of a contract, in one word each
    **dict.fromkeys(("STOCKS", "STOCK", "EQUITY"), "share"),
    **dict.fromkeys(("PREMARKET", "PRE_MARKET", "TRUE"), "not traded yet"),
    **dict.fromkeys(("METALS", "COMMODITY"), "commodity"),
    **dict.fromkeys(("INDICES", "INDEX"), "index"),
    "FOREX": "currency",
}
_QUOTES: Final = ("USDT", "USDC", "USD")  # the first that is listed speaks for the asset


@dataclass(frozen=True, slots=True)
class Contract:
    """One perpetual. multiplier: coins in what the venue prices and counts as one (1000 for 1000PEPE).

    size: how many of those one contract holds; of an inverse contract, how many dollars. Open interest and books come
    in contracts at one venue and in coins at the next, and `coins` and `usd` are the only place that knows.
    """

    venue: str
    asset: str
    symbol: str  # as ccxt writes it
    market_id: str  # as the venue writes it
    multiplier: int = 1
    size: float = 1.0
    inverse: bool = False

    def coins(self, contracts: float, price: float) -> float:
        """Convert contracts into coins. price: as the venue quotes it, per multiplier."""
        return contracts * self.size / price if self.inverse else contracts * self.size * self.multiplier

    def usd(self, contracts: float, price: float) -> float:
        """Convert contracts into USD. price: as the venue quotes it, per multiplier."""
        return contracts * self.size if self.inverse else contracts * self.size * price


def perpetuals(
    venue: str,
    markets: Iterable[Mapping[str, Any]],
    margins: tuple[str, ...] = ("linear",),
    no_coins: Mapping[str, Collection[str]] | None = None,
) -> dict[str, Contract]:
    """Choose one perpetual per asset from ccxt's markets; the plain coin before the packed one, USDT first.

    margins: `linear`, `inverse`, or both with the preferred one first. no_coins: see VenueRecipe. What one contract
    holds is part of the market: one without a size is left out, since every figure of it would be in an unknown
    unit.
    """
    best: dict[str, tuple[tuple[int, int, int], Contract]] = {}
    for market in markets:
        quote = market.get("quote")
        margin = next((margin for margin in margins if market.get(margin)), None)
        if not (market.get("swap") and market.get("active")) or margin is None or quote not in _QUOTES:
            continue
        if is_no_coin(market, no_coins or {}):
            continue
        try:
            asset, multiplier = coin(str(market.get("baseName") or market["base"]))  # ccxt writes kPEPE as KPEPE
        except UnreadableSymbol:
            continue  # a market of a name that nobody could ask for: those of the others are as good as before
        size = market.get("contractSize")
        if not isinstance(size, int | float) or not size > 0:
            continue
        rank = (margins.index(margin), _QUOTES.index(str(quote)), multiplier)
        if asset not in best or rank < best[asset][0]:
            code = str(market.get("baseName") or market["id"])  # who numbers its markets is asked by name
            contract = Contract(
                venue, asset, str(market["symbol"]), code, multiplier, float(size), inverse=margin == "inverse"
            )
            best[asset] = (rank, contract)
    return {asset: contract for asset, (_, contract) in best.items()}


def left_out(
    markets: Iterable[Mapping[str, Any]], margins: tuple[str, ...], no_coins: Mapping[str, Collection[str]]
) -> dict[str, str]:
    """Name the markets that are no perpetual of a coin, each with what it is instead: a kind from `_KINDS`, or dated.

    Of a margin that would be taken, and with the name under which somebody may look for it: that of the coin it is not,
    or of the contract, where the coin has a perpetual beside it.
    """
    found: dict[str, str] = {}
    for market in markets:
        if not (market.get("active") and any(market.get(margin) for margin in margins)):
            continue
        if is_no_coin(market, no_coins):
            info = market["info"]
            kinds = (_KINDS.get(str(info.get(name, "")).upper()) for name in no_coins)
            found[str(market.get("base") or market["id"])] = next((kind for kind in kinds if kind), "no coin")
        elif market.get("future"):
            found[str(market["id"])] = "dated"
    return dict(sorted(found.items()))


def is_no_coin(market: Mapping[str, Any], no_coins: Mapping[str, Collection[str]]) -> bool:
    """Tell whether the venue itself says that a market is a share, or not traded yet: CATUSDT is no coin called CAT."""
    info = market.get("info") or {}
    return any(str(info.get(name, "")).upper() in values for name, values in no_coins.items())


def unknown(asset: str, title: str, known: Iterable[str]) -> NotOffered:
    """Return the error of an asset that is not listed; it says which listed one may be meant."""
    near = difflib.get_close_matches(asset.upper(), list(known), n=3, cutoff=0.6)
    meant = f"; did you mean {' or '.join(near)}?" if near else "."
    return NotOffered(f"{asset} is not a {title} perpetual{meant}", near)
