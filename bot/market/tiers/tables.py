"""Where leverage tiers come from, one declaration a venue; keyless everywhere, but for Binance's official brackets.

Endpoints and traps: reference of each venue as collected on 2026-11-22. Lower bounds are never taken as sent (Bybit's
and OKX's rows come unsorted, ccxt takes Bybit's and Gate's from the row before), OKX counts contracts and answers for
cross margin unless told otherwise, and Bybit's deduction stands in the raw row alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bot.market.exchange.recipe import Unreadable
from bot.market.exchange.strict import make_strict, translated
from bot.market.source import NotOffered, SourceError
from bot.market.tiers.rows import Fetched, TiersRefused, decimal, row
from signals.assets import UnreadableSymbol, coin, instrument, packed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from datetime import datetime

    from pydantic import SecretStr

BRACKETS: Final = "https://www.binance.com/bapi/futures/v1/friendly/{kind}/common/brackets"


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


@dataclass(frozen=True, slots=True)
class Unified:
    """A venue asked symbol by symbol through ccxt's unified call. amount: the raw row's field that holds it."""

    venue: str
    title: str
    ccxt_id: str
    source: str
    types: tuple[str, ...]
    contracts: tuple[str, ...] = ("linear",)
    unit: str = "quote"
    params: Mapping[str, str] = field(default_factory=dict)
    amount: str | None = None
    stepped: bool = True


BYBIT: Final = Unified(
    "bybit",
    "Bybit",
    "bybit",
    "Bybit /v5/market/risk-limit",
    ("linear", "inverse"),
    ("linear", "inverse"),
    amount="mmDeduction",
)
OKX: Final = Unified(
    "okx",
    "OKX",
    "okx",
    "OKX /api/v5/public/position-tiers, isolated",
    ("swap",),
    ("linear", "inverse"),
    unit="contracts",
    params={"marginMode": "isolated"},
    stepped=False,
)
GATE: Final = Unified(
    "gate",
    "Gate",
    "gate",
    "Gate /api/v4/futures/{settle}/risk_limit_tiers",
    ("swap",),
    ("linear", "inverse"),  # its coin-margined contract, BTC_USD, bounds the value in BTC
    amount="deduction",
)
# No page says in which unit Bitget's and KuCoin's coin-margined tiers are, and no rule of theirs is certain: not asked.
BITGET: Final = Unified("bitget", "Bitget", "bitget", "Bitget /api/v2/mix/market/query-position-lever", ("swap",))
KUCOIN: Final = Unified(
    "kucoin",
    "KuCoin",
    "kucoinfutures",
    "KuCoin /api/v1/contracts/risk-limit",
    ("swap", "future", "contract"),
    stepped=False,  # its page computes with one rate for the whole position: without an amount the price errs to safety
)
UNIFIED: Final = {each.venue: each for each in (BYBIT, OKX, GATE, BITGET, KUCOIN)}
VENUES: Final = ("binance", *UNIFIED, "hyperliquid")
TITLES: Final = {each.venue: each.title for each in UNIFIED.values()} | {
    "binance": "Binance",
    "hyperliquid": "Hyperliquid",
}


async def fetch(venue: str, assets: Sequence[str], reach: Reach) -> TierAnswer:
    """Ask one venue for its tiers. SourceError where it does not answer; what it refuses by symbol is in `refused`.

    Binance and Hyperliquid give every symbol in one answer, the others are asked for `assets` only.
    """
    with translated(TITLES[venue], reach.clock):
        if venue == "hyperliquid":
            return await _hyperliquid(reach)
        if venue == "binance":
            return await _binance(reach)
        return await _unified(UNIFIED[venue], assets, reach)


async def _exchange(ccxt_id: str, title: str, reach: Reach, **more: Any) -> Any:
    # half a second and 100 MB: only a process that asks pays, and never the event loop
    ccxt = await asyncio.to_thread(importlib.import_module, "ccxt.async_support")
    settings = {
        "timeout": round(reach.timeout_s * 1000),
        "aiohttp_proxy": reach.proxy,
        "enableRateLimit": reach.paced,
        **more,
    }
    exchange = getattr(ccxt, ccxt_id)(settings)
    exchange.has["fetchCurrencies"] = False  # a list of coins and their networks, for nothing here
    if reach.base_url:
        exchange.urls["api"] = _moved(exchange.urls["api"], reach.base_url.rstrip("/"))
    make_strict(exchange, title, reach.clock)
    return exchange


def _moved(urls: Any, base: str) -> Any:
    """Put every address of a nested table onto another host, keeping the paths."""
    if isinstance(urls, dict):
        return {name: _moved(value, base) for name, value in urls.items()}
    return base + urlsplit(str(urls)).path


# --- symbol by symbol -------------------------------------------------------------------------------------------------


async def _unified(of: Unified, assets: Sequence[str], reach: Reach) -> TierAnswer:
    exchange = await _exchange(of.ccxt_id, of.title, reach, options={"fetchMarkets": {"types": list(of.types)}})
    found: list[Fetched] = []
    refused: list[tuple[str, str]] = []
    try:
        markets = (await exchange.load_markets()).values()
        if not any(market.get("swap") for market in markets):
            raise Unreadable("a list of markets without a perpetual")
        for contract in of.contracts:
            for asset in assets:
                market = _listed(markets, asset, contract)
                if market is None:
                    refused += [(asset, "not listed there")] if contract == "linear" else []
                    continue
                try:
                    with translated(of.title, reach.clock):
                        rows = await exchange.fetch_market_leverage_tiers(market["symbol"], dict(of.params))
                    found.append(_of_market(of, contract, market, rows))
                except (TiersRefused, NotOffered) as why:
                    refused.append((asset if contract == "linear" else f"{asset} coin-margined", str(why)))
    finally:
        await exchange.close()
    return TierAnswer(tuple(found), of.source, tuple(refused))


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


def _of_market(of: Unified, contract: str, market: Any, rows: Any) -> Fetched:
    lot, tick = Decimal(1), (market.get("precision") or {}).get("price")
    if of.unit == "contracts":
        lot = decimal(market.get("contractSize"), "the size of a contract")
    return Fetched(
        venue=of.venue,
        contract=contract,
        asset=packed(*coin(str(market["base"]))),
        quote=str(market["quote"]),
        rows=tuple(
            row(
                each["maxNotional"],
                each["maintenanceMarginRate"],
                each["maxLeverage"],
                (each.get("info") or {}).get(of.amount) if of.amount else None,
            )
            for each in rows
        ),
        unit=of.unit,
        lot=lot,
        tick=None if tick is None else decimal(tick, "the tick"),
        stepped=of.stepped,
    )


# --- all at once ------------------------------------------------------------------------------------------------------


async def _hyperliquid(reach: Reach) -> TierAnswer:
    """Read `meta`: maintenance is half the initial margin at the highest leverage of each tier."""
    exchange = await _exchange("hyperliquid", "Hyperliquid", reach)
    try:
        meta = await exchange.publicPostInfo({"type": "meta"})
    finally:
        await exchange.close()
    tables = {int(number): table for number, table in meta["marginTables"]}
    found, refused = [], []
    for listed in meta["universe"]:
        if listed.get("isDelisted"):
            continue
        try:
            found.append(_of_universe(listed, tables.get(int(listed.get("marginTableId", -1)))))
        except (TiersRefused, UnreadableSymbol) as why:
            refused.append((str(listed.get("name")), str(why)))
    if not found:
        raise Unreadable("a list of perpetuals without a tier")
    return TierAnswer(tuple(found), "Hyperliquid meta, margin tables", tuple(refused))


def _of_universe(listed: Any, table: Any) -> Fetched:
    """Make the tiers of one coin; one without a table of its own has one tier at its highest leverage."""
    steps = table["marginTiers"] if table else [{"lowerBound": "0", "maxLeverage": listed["maxLeverage"]}]
    ordered = sorted(steps, key=lambda step: decimal(step["lowerBound"], "a bound"))
    caps = [step["lowerBound"] for step in ordered[1:]] + [None]
    name = str(listed["name"])
    rows = []
    for step, cap in zip(ordered, caps, strict=True):
        leverage = decimal(step["maxLeverage"], "a leverage")
        if leverage < 1:
            raise TiersRefused(f"a leverage of {leverage}x cannot be")
        rows.append(row(cap, 1 / (2 * leverage), leverage))
    return Fetched(
        venue="hyperliquid",
        contract="linear",
        asset=packed(*coin(name)),
        quote="USDC",
        rows=tuple(rows),
    )


async def _binance(reach: Reach) -> TierAnswer:
    """Read USD-M and COIN-M brackets: with a key the official ones, without the ones that its website shows."""
    key = reach.binance
    secrets = {"apiKey": key.key.get_secret_value(), "secret": key.secret.get_secret_value()} if key else {}
    exchange = await _exchange("binanceusdm", "Binance", reach, **secrets)
    found: list[Fetched] = []
    refused: list[tuple[str, str]] = []
    try:
        for contract, kind in (("linear", "future"), ("inverse", "delivery")):
            try:
                with translated("Binance", reach.clock):
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
        tiers = tuple(row(*each) for each in rows)
        venue = "binance" if contract == "linear" else "binance_coinm"
        found.append(Fetched(venue=venue, contract=contract, asset=named[0], quote=named[1], rows=tiers))
    except TiersRefused as why:
        refused.append((symbol, str(why)))


async def _public(exchange: Any, kind: str, reach: Reach) -> dict[str, list[tuple[Any, ...]]]:
    url = BRACKETS.format(kind=kind)
    if reach.base_url:
        url = _moved(url, reach.base_url.rstrip("/"))
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
