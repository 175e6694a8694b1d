"""What is made of the configuration beside the sources: streams, the archive, tier tables, followed addresses."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from bot.archive.backfill import Backfill
from bot.engine.turn import announce
from bot.market.providers.hyperliquid_account import HyperliquidAccount
from bot.market.streams.dialects import DIALECTS
from bot.market.streams.liquidations import LiquidationStreams
from bot.market.tiers.tables import Reach, TierKey
from bot.market.tiers.weekly import WeeklyTiers

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.clock import Clock
    from bot.config import Config
    from bot.delivery.dispatcher import Dispatcher
    from bot.tape import Edge
    from storage.engine.database import Store

_MIDDLING = 0.5  # the jitter of a recorded run


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
