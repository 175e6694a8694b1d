"""The venues, one row each: how a venue differs from the others is said here and in its recipes, nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from bot.market.exchange.recipe import by_the_hour_and_now
from bot.market.venues import binance_coinm, binance_usdm, bitget, bybit, deribit, gate, hyperliquid, kucoin, okx
from bot.market.venues.binance_both import COIN_M, USD_M

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bot.market.exchange.recipe import Recipe
    from bot.market.source import Topic


@dataclass(frozen=True, slots=True)
class Topical:
    """How a venue answers one topic, how long to pause between two questions, and what must be said with it."""

    recipe: Recipe
    every: timedelta
    caveat: str = ""


@dataclass(frozen=True, slots=True)
class Quirks:
    """One venue. venue: the word stored with each value; title: as people write it; ccxt_id: ccxt's class.

    margins: which perpetuals stand for an asset, the preferred first. markets: ccxt's own settings that confine its
    list of markets to those; listing: what its call for that list is given.
    """

    venue: str
    title: str
    ccxt_id: str
    attribution: str
    offers: Mapping[Topic, Topical]
    margins: tuple[str, ...] = ("linear",)
    markets: Mapping[str, Any] = field(default_factory=dict)
    listing: Mapping[str, str] = field(default_factory=dict)

    def topics(self) -> dict[Topic, Topical]:
        """List what is offered, by topic."""
        return dict(self.offers)


_MINUTE: Final = timedelta(minutes=1)
_BOOK: Final = 2 * _MINUTE  # a thousand levels weigh twenty times as much as a price
_RATIO: Final = 5 * _MINUTE  # as often as they are published; up to three calls an asset
_SLOW: Final = 30 * _MINUTE
_FLOOR: Final = "a floor: the venue sends fewer levels than reach 1 % from mid"
_OUR_TIME: Final = "the venue gives no time with it; stamped with the time of asking"
_SWAPS: Final = {"fetchMarkets": {"types": ["swap"]}}

BINANCE: Final = Quirks(
    venue="binance",
    title="Binance",
    ccxt_id="binanceusdm",
    attribution="Binance public market data",
    offers={
        "bars": Topical(binance_usdm.bars, _MINUTE),
        "open_interest": Topical(binance_usdm.open_interest, _MINUTE),
        "funding": Topical(binance_usdm.funding, _MINUTE),
        "ratios": Topical(by_the_hour_and_now(USD_M.ratios), _RATIO),
        "depth": Topical(USD_M.book, _BOOK, _FLOOR),
    },
)

BINANCE_COINM: Final = Quirks(
    venue="binance_coinm",
    title="Binance COIN-M",
    ccxt_id="binancecoinm",
    attribution="Binance public market data",
    margins=("inverse",),
    offers={
        "bars": Topical(binance_coinm.bars, _MINUTE),
        "open_interest": Topical(binance_coinm.open_interest, _MINUTE),
        "funding": Topical(binance_coinm.funding, _MINUTE),
        "ratios": Topical(by_the_hour_and_now(COIN_M.ratios), _RATIO),
        "depth": Topical(COIN_M.book, _BOOK, _FLOOR),
    },
)

BYBIT: Final = Quirks(
    venue="bybit",
    title="Bybit",
    ccxt_id="bybit",
    attribution="Bybit public market data",
    markets={"fetchMarkets": {"types": ["linear"]}},
    offers={
        "bars": Topical(bybit.bars, _MINUTE),
        "open_interest": Topical(
            bybit.open_interest, _MINUTE, "one side of what Bybit counts; past dollars are coins at the hour's close"
        ),
        "funding": Topical(bybit.funding, _MINUTE),
        "ratios": Topical(by_the_hour_and_now(bybit.ratios), _RATIO),
        "depth": Topical(bybit.book, _BOOK, _FLOOR),
    },
)

OKX: Final = Quirks(
    venue="okx",
    title="OKX",
    ccxt_id="okx",
    attribution="OKX public market data",
    markets=_SWAPS,
    offers={
        "bars": Topical(okx.bars, _MINUTE),
        "open_interest": Topical(okx.open_interest, _MINUTE),
        "funding": Topical(okx.funding, _MINUTE),
        "ratios": Topical(by_the_hour_and_now(okx.ratios), _RATIO),
        "depth": Topical(okx.book, _BOOK),
    },
)

HYPERLIQUID: Final = Quirks(
    venue="hyperliquid",
    title="Hyperliquid",
    ccxt_id="hyperliquid",
    attribution="Hyperliquid public market data",
    markets=_SWAPS,
    offers={
        "bars": Topical(hyperliquid.bars, _MINUTE, "volume in dollars is coins at the close"),
        "open_interest": Topical(
            hyperliquid.open_interest, _MINUTE, f"one or two sides: not calibrated yet; {_OUR_TIME}"
        ),
        "funding": Topical(hyperliquid.funding, _MINUTE, _OUR_TIME),
        "depth": Topical(hyperliquid.book, _BOOK, _FLOOR),
    },
)

DERIBIT: Final = Quirks(
    venue="deribit",
    title="Deribit",
    ccxt_id="deribit",
    attribution="Deribit public market data",
    margins=("inverse", "linear"),
    listing={"currency": "any", "kind": "future"},
    offers={
        "bars": Topical(deribit.bars, _MINUTE),
        "open_interest": Topical(deribit.open_interest, _MINUTE),
        "funding": Topical(deribit.funding, _MINUTE, "accrues all the time; an eighth of the last eight hours"),
        "depth": Topical(deribit.book, _BOOK),
        "volatility": Topical(deribit.volatility, 5 * _MINUTE),
        "options": Topical(deribit.options, _SLOW),
    },
)

GATE: Final = Quirks(
    venue="gate",
    title="Gate",
    ccxt_id="gate",
    attribution="Gate public market data",
    markets={"fetchMarkets": {"types": ["swap"]}, "swap": {"fetchMarkets": {"settlementCurrencies": ["usdt"]}}},
    offers={
        "bars": Topical(gate.bars, _MINUTE),
        "open_interest": Topical(gate.open_interest, _MINUTE, _OUR_TIME),
        "funding": Topical(gate.funding, _MINUTE, _OUR_TIME),
        "ratios": Topical(by_the_hour_and_now(gate.ratios), _RATIO),
        "depth": Topical(gate.book, _BOOK, _FLOOR),
    },
)

BITGET: Final = Quirks(
    venue="bitget",
    title="Bitget",
    ccxt_id="bitget",
    attribution="Bitget public market data",
    markets=_SWAPS,
    offers={
        "bars": Topical(bitget.bars, _MINUTE),
        "open_interest": Topical(bitget.open_interest, _MINUTE),
        "funding": Topical(bitget.funding, _MINUTE),
        "ratios": Topical(by_the_hour_and_now(bitget.ratios), _RATIO),
        "depth": Topical(bitget.book, _BOOK, _FLOOR),
    },
)

KUCOIN: Final = Quirks(
    venue="kucoin",
    title="KuCoin",
    ccxt_id="kucoinfutures",
    attribution="KuCoin public market data",
    offers={
        "bars": Topical(kucoin.bars, _MINUTE),
        "open_interest": Topical(kucoin.open_interest, _MINUTE, _OUR_TIME),
        "funding": Topical(kucoin.funding, _MINUTE, _OUR_TIME),
        "depth": Topical(kucoin.book, _BOOK, _FLOOR),
    },
)

OPTIONS: Final = replace(DERIBIT, offers={topic: DERIBIT.offers[topic] for topic in ("volatility", "options")})

VENUES: Final = (BINANCE, BINANCE_COINM, BYBIT, OKX, HYPERLIQUID, DERIBIT, GATE, BITGET, KUCOIN)
BY_NAME: Final[dict[str, Quirks]] = {each.venue: each for each in VENUES}
