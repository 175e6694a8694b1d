"""Binance's leverage tiers, USD-M and COIN-M, every symbol in one answer: its one call that may take a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.connecting import moved
from bot.market.exchange.recipe import Unreadable
from bot.market.exchange.strict import translated
from bot.market.source import SourceError
from bot.market.tiers.rows import Fetched, TiersRefused, row
from bot.market.tiers.tables import TierAnswer, connected
from signals.assets import UnreadableSymbol, instrument
from signals.venues import listed_at

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bot.market.exchange.venue_recipe import VenueRecipe
    from bot.market.tiers.tables import Reach

BRACKETS: Final = "https://www.binance.com/bapi/futures/v1/friendly/{kind}/common/brackets"


async def tiers(recipe: VenueRecipe, _: Sequence[str], reach: Reach) -> TierAnswer:
    """Read USD-M and COIN-M brackets: with a key the official ones, without the ones that its website shows."""
    key = reach.binance
    secrets = {"apiKey": key.key.get_secret_value(), "secret": key.secret.get_secret_value()} if key else {}
    exchange = await connected(recipe, reach, **secrets)
    found: list[Fetched] = []
    refused: list[tuple[str, str]] = []
    try:
        for contract, kind in (("linear", "future"), ("inverse", "delivery")):
            try:
                with translated(recipe.title, reach.clock):
                    listed = await (_official(exchange, contract) if key else _public(exchange, kind, reach))
            except SourceError as why:
                if contract == "linear":
                    raise
                refused.append(("COIN-M", str(why)))
                continue
            for symbol, rows in listed.items():
                _keep(contract, symbol, rows, found, refused, listed)
    finally:
        await exchange.close()
    source = "Binance /fapi/v1/leverageBracket" if key else "Binance public brackets (unofficial, of its website)"
    return TierAnswer(tuple(found), source, tuple(refused))


def _keep(
    contract: str,
    symbol: str,
    rows: Any,
    found: list[Fetched],
    refused: list[tuple[str, str]],
    listed: Collection[str],
) -> None:
    try:
        named = _named(symbol, contract, listed)
    except UnreadableSymbol as why:
        refused.append((symbol, why.reason))
        return
    if named is None:
        return
    try:
        tiers_of = tuple(row(*fields) for fields in rows)
        venue = listed_at("binance", contract)
        found.append(Fetched(venue=venue, contract=contract, asset=named[0], quote=named[1], rows=tiers_of))
    except TiersRefused as why:
        refused.append((symbol, str(why)))


async def _public(exchange: Any, kind: str, reach: Reach) -> dict[str, list[tuple[Any, ...]]]:
    url = BRACKETS.format(kind=kind)
    if reach.base_url:
        url = moved(url, reach.base_url)
    answer = await exchange.fetch(url, "GET", {"clienttype": "web"})
    fields = ("bracketNotionalCap", "bracketMaintenanceMarginRate", "maxOpenPosLeverage", "cumFastMaintenanceAmount")
    return _rows(answer["data"]["brackets"], "riskBrackets", fields)


async def _official(exchange: Any, contract: str) -> dict[str, list[tuple[Any, ...]]]:
    if contract == "linear":
        answer = await exchange.fapiPrivateGetLeverageBracket()
        return _rows(answer, "brackets", ("notionalCap", "maintMarginRatio", "initialLeverage", "cum"))
    answer = await exchange.dapiPrivateV2GetLeverageBracket()
    return _rows(answer, "brackets", ("qtyCap", "maintMarginRatio", "initialLeverage", "cum"))


def _rows(listed: Any, inner: str, fields: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
    found = {str(one["symbol"]): [tuple(tier[name] for name in fields) for tier in one[inner]] for one in listed}
    if not found:
        raise Unreadable("a list of brackets without a symbol")
    return found


def _named(symbol: str, contract: str, listed: Collection[str]) -> tuple[str, str] | None:
    """Read BTCUSDT, BTCUSDT_261225 and BTCUSD_PERP as the asset of a line and its quote; None for what is not kept.

    Not kept are dated contracts in coins, and old names that are still listed beside the new ones (FTM beside S).
    """
    read = instrument(symbol)
    if read.quote is None or (contract == "inverse" and read.kind != "perpetual"):
        return None
    name = f"{read.unit}{read.quote}"
    if not symbol.startswith(name) and name in listed:
        return None
    return f"{read.unit}-{read.expiry:%y%m%d}" if read.expiry else read.unit, read.quote
