"""What market data is read from, as configured: sources, streams, the archive, tier tables, followed addresses."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from bot.archive.backfill import Backfill
from bot.engine.turn import announce
from bot.market.exchange.venue import CcxtVenue, at_venue
from bot.market.exchange.venue_recipe import recipes
from bot.market.providers.alternative_me import AlternativeMe
from bot.market.providers.defillama import DefiLlama
from bot.market.providers.hyperliquid_account import HyperliquidAccount
from bot.market.streams.dialects import DIALECTS
from bot.market.streams.liquidations import LiquidationStreams
from bot.market.tiers.tables import Reach, TierKey
from bot.market.tiers.weekly import WeeklyTiers
from signals.venues import VENUES

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bot.clock import Clock
    from bot.config import Config
    from bot.delivery.dispatcher import Dispatcher
    from bot.market.source import Source
    from bot.tape import Edge
    from storage.engine.database import Store

_MIDDLING = 0.5  # the jitter of a recorded run


def sources_of(
    config: Config, clock: Clock, edge: Edge | None = None, heard: Callable[[datetime], None] | None = None
) -> list[Source]:
    """Return the sources that the configuration names. edge: a recording or a tape in the place of each connection.

    heard: is told what time the exchanges say it is.
    """
    market = config.market
    wrap = edge.wrap if edge else None
    unpaced = market.exchange_url is not None or (edge is not None and edge.asks_nobody)  # nobody counts our requests
    rows = [recipes()[venue] for venue in market.venues]
    others = [venue.id for venue in VENUES.values() if venue.options and venue.id not in market.venues]
    rows += [recipes()[venue].only("volatility", "options") for venue in others if market.options]
    found: list[Source] = [
        CcxtVenue(
            row,
            clock=clock.now,
            steady=clock.monotonic,
            heard=heard,
            timeout_s=market.timeout_seconds,
            proxy=market.proxy,
            base_url=at_venue(market.exchange_url, row.venue),
            paced=not unpaced,
            wrap=wrap,
        )
        for row in rows
    ]
    for wanted, kind, url in (
        (market.fear_greed, AlternativeMe, market.fear_greed_url),
        (market.stablecoins, DefiLlama, market.stablecoins_url),
    ):
        if wanted:
            other = {"base_url": url} if url else {}
            found.append(
                kind(clock=clock.now, timeout_s=market.timeout_seconds, proxy=market.proxy, wrap=wrap, **other)
            )
    return found


def tiers_of(config: Config, store: Store, clock: Clock, dispatcher: Dispatcher) -> WeeklyTiers | None:
    """Return what renews tier tables; nothing with another exchange server, which has none."""
    market, key, secret = config.market, config.tiers.binance_key, config.tiers.binance_secret
    if market.exchange_url:
        return None
    binance = TierKey(key, secret) if key and secret else None
    reach = Reach(clock.now, timeout_s=market.timeout_seconds, proxy=market.proxy, binance=binance)
    return WeeklyTiers(store, reach, config.assets, announce=announce, told=dispatcher.poke)


def streams_and_history(
    config: Config, store: Store, clock: Clock, edge: Edge | None
) -> tuple[LiquidationStreams | None, Backfill | None]:
    """Return what is heard and read beside the sources: streams, and the archive, which is not on a tape.

    With another exchange server there are streams only where it has some.
    """
    market = config.market
    history = Backfill(store, config, clock) if market.history and not (edge and edge.asks_nobody) else None
    spoken = [dialect for dialect in DIALECTS if dialect.venue in market.venues]
    if not market.liquidations or not spoken or (market.exchange_url and not market.stream_url):
        return None, history
    streams = LiquidationStreams(
        store,
        config.assets,
        clock=clock,
        dialects=spoken,
        urls={dialect.venue: f"{market.stream_url}/{dialect.venue}" for dialect in spoken}
        if market.stream_url
        else None,
        exchange_url=market.exchange_url,
        proxy=market.proxy,
        timeout_s=market.timeout_seconds,
        chance=chance_of(edge),
        wrap=edge.wrap if edge else None,
    )
    return streams, history


def chance_of(edge: Edge | None) -> Callable[[], float]:
    """Return the jitter of pauses, in [0, 1): none where a run is recorded or played, so that it asks the same."""
    return (lambda: _MIDDLING) if edge else random.random


def account_of(config: Config, clock: Clock) -> HyperliquidAccount:
    """Return what asks about followed addresses."""
    market = config.market
    other = {"base_url": market.hyperliquid_url} if market.hyperliquid_url else {}
    return HyperliquidAccount(clock=clock.now, timeout_s=market.timeout_seconds, proxy=market.proxy, **other)
