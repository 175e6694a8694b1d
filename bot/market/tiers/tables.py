"""How a venue is asked for its leverage tiers; what is special of one stands in its recipe.

Endpoints and traps: reference of each venue as collected on 2026-11-22. Lower bounds are never taken as sent: rows come
unsorted from some venues, and ccxt takes those of others from the row before.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot.market.exchange import connecting
from bot.market.exchange.recipe import Unreadable
from bot.market.exchange.strict import translated
from bot.market.exchange.venue_recipe import recipes
from bot.market.source import NotOffered
from bot.market.tiers.rows import Fetched, TiersRefused, decimal, row
from signals.assets import UnreadableSymbol, coin, packed
from signals.units import SECOND_MS
from signals.venues import VENUES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from pydantic import SecretStr

    from bot.market.exchange.venue_recipe import VenueRecipe


@dataclass(frozen=True, slots=True)
class TierKey:
    """A read-only API key of Binance."""

    key: SecretStr
    secret: SecretStr


@dataclass(frozen=True, slots=True)
class Reach:
    """How to reach the venues. base_url: another host for all of them (a mirror, or the loopback of the tests)."""

    clock: Callable[[], datetime]
    timeout_s: float = 10.0
    proxy: str | None = None
    base_url: str | None = None
    paced: bool = True
    binance: TierKey | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class TierAnswer:
    """What a venue answered: tables, where they come from, and what was refused, by symbol, with the reason."""

    tables: tuple[Fetched, ...]
    source: str
    refused: tuple[tuple[str, str], ...] = ()


async def fetch(venue: str, assets: Sequence[str], reach: Reach) -> TierAnswer:
    """Ask one venue for its tiers. SourceError where it does not answer; what it refuses by symbol is in the Answer.

    Some give every symbol in one answer, the others are asked for `assets` only.
    """
    recipe = recipes()[venue]
    with translated(recipe.title, reach.clock):
        if recipe.tiers is None:
            raise NotOffered(f"{recipe.title} answers for no tiers.")
        return await recipe.tiers(recipe, assets, reach)


async def connected(recipe: VenueRecipe, reach: Reach, **more: Any) -> Any:
    """Return ccxt's class of a venue, strict about answers; whoever asked closes it."""
    settings = {
        "timeout": round(reach.timeout_s * SECOND_MS),
        "aiohttp_proxy": reach.proxy,
        "enableRateLimit": reach.paced,
        **more,
    }
    return (await connecting.connected(recipe, settings, clock=reach.clock, base_url=reach.base_url)).exchange


# --- symbol by symbol -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BySymbol:
    """A venue asked symbol by symbol through ccxt's unified call.

    source: where the tiers come from, as the tables say it. types: of ccxt's markets. unit: of their bounds, "quote" or
    "contracts". params: of each call. amount: the raw row's field that holds it. stepped: the amounts follow
    from the rates.
    """

    source: str
    types: tuple[str, ...]
    unit: str = "quote"
    params: Mapping[str, str] = field(default_factory=dict)
    amount: str | None = None
    stepped: bool = True

    async def __call__(self, recipe: VenueRecipe, assets: Sequence[str], reach: Reach) -> TierAnswer:
        """Ask for the tiers of each asset, for the contracts that the venue is declared to answer for."""
        exchange = await connected(recipe, reach, options={"fetchMarkets": {"types": list(self.types)}})
        found: list[Fetched] = []
        refused: list[tuple[str, str]] = []
        try:
            markets = (await exchange.load_markets()).values()
            if not any(market.get("swap") for market in markets):
                raise Unreadable("a list of markets without a perpetual")
            for contract in VENUES[recipe.venue].renewed:
                for asset in assets:
                    market = _listed(markets, asset, contract)
                    if market is None:
                        refused += [(asset, "not listed there")] if contract == "linear" else []
                        continue
                    try:
                        with translated(recipe.title, reach.clock):
                            rows = await exchange.fetch_market_leverage_tiers(market["symbol"], dict(self.params))
                        found.append(self._table(recipe.venue, contract, market, rows))
                    except (TiersRefused, NotOffered) as why:
                        refused.append((asset if contract == "linear" else f"{asset} coin-margined", str(why)))
        finally:
            await exchange.close()
        return TierAnswer(tuple(found), self.source, tuple(refused))

    def _table(self, venue: str, contract: str, market: Any, rows: Any) -> Fetched:
        lot, tick = Decimal(1), (market.get("precision") or {}).get("price")
        if self.unit == "contracts":
            lot = decimal(market.get("contractSize"), "the size of a contract")
        return Fetched(
            venue=venue,
            contract=contract,
            asset=packed(*coin(str(market["base"]))),
            quote=str(market["quote"]),
            rows=tuple(
                row(
                    tier["maxNotional"],
                    tier["maintenanceMarginRate"],
                    tier["maxLeverage"],
                    (tier.get("info") or {}).get(self.amount) if self.amount else None,
                )
                for tier in rows
            ),
            unit=self.unit,
            lot=lot,
            tick=None if tick is None else decimal(tick, "the tick"),
            stepped=self.stepped,
        )


def _listed(markets: Any, asset: str, contract: str) -> Any:
    """Return the perpetual of an asset, the plain coin before the packed one (1000PEPE); None where there is none."""
    quote = "USDT" if contract == "linear" else "USD"
    found: dict[int, Any] = {}
    for market in markets:
        perpetual = market.get("swap") and market.get(contract) and market.get("active") is not False
        if not perpetual or market.get("quote") != quote:
            continue
        with contextlib.suppress(UnreadableSymbol):
            name, multiplier = coin(str(market["base"]))
            if name == asset:
                found.setdefault(multiplier, market)
    return found[min(found)] if found else None
