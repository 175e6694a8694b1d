"""ccxt's class of a venue, made ready: strict about answers, and at whatever address it is to be asked."""

from __future__ import annotations

import asyncio
import importlib
import ssl
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from bot.clock import STEADY
from bot.market.exchange.allowance import Allowance
from bot.market.exchange.strict import Guard, make_strict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from bot.market.exchange.venue_recipe import VenueRecipe


class Connected(NamedTuple):
    """ccxt's object of a venue, and the guard that it keeps to."""

    exchange: Any
    guard: Guard


async def connected(
    venue: VenueRecipe,
    settings: Mapping[str, Any],
    *,
    clock: Callable[[], datetime],
    steady: Callable[[], float] = STEADY,
    heard: Callable[[datetime], None] | None = None,
    base_url: str | None = None,
) -> Connected:
    """Return ccxt's object of a venue with ccxt's own settings; whoever asked closes it. base_url: see `moved`."""
    # half a second and 100 MB: only a process that asks pays, and never the event loop
    ccxt = await asyncio.to_thread(importlib.import_module, "ccxt.async_support")
    exchange = getattr(ccxt, venue.ccxt_id)(dict(settings))
    exchange.ssl_context = await asyncio.to_thread(_trusted, exchange.cafile)
    exchange.throttler = Allowance(exchange.tokenBucket)
    exchange.has["fetchCurrencies"] = False  # load_markets would ask for coins and their chains, which nobody reads
    if base_url:
        exchange.urls["api"] = moved(exchange.urls["api"], base_url)
        if base_url.startswith("http:"):
            exchange.timeout_on_exit = 0  # ccxt waits for TLS connections to close; there are none
    guard = Guard(exchange, venue.title, clock, steady, heard)
    make_strict(exchange, guard)
    return Connected(exchange, guard)


@cache
def _trusted(authorities: str) -> ssl.SSLContext:
    """Read a file of authorities once for all venues: each would take 30 ms of the event loop and a megabyte."""
    return ssl.create_default_context(cafile=authorities)


def moved(urls: Any, base_url: str) -> Any:
    """Put every address of a nested table onto another host (a mirror, or the loopback of the tests), with its path."""
    if isinstance(urls, dict):
        return {name: moved(value, base_url) for name, value in urls.items()}
    return base_url.rstrip("/") + urlsplit(str(urls)).path
