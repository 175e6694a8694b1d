"""What a venue's recipe file declares, and how they are found: one RECIPE a file of bot/market/venues."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from signals.units import MINUTE
from signals.venues import VENUES, exchange_of, venue_title

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from bot.market.exchange.recipe import PresentOfAll, Recipe
    from bot.market.source import Topic
    from bot.market.tiers.tables import Reach, TierAnswer

TierQuestion = Callable[["VenueRecipe", Sequence[str], "Reach"], Awaitable["TierAnswer"]]
BOOK_EVERY: Final = 2 * MINUTE  # a thousand levels weigh twenty times as much as a price
RATIOS_EVERY: Final = 5 * MINUTE  # as often as they are published; up to three calls an asset
CHAIN_EVERY: Final = 30 * MINUTE
DATED_EVERY: Final = 5 * MINUTE
OUR_TIME: Final = "the venue gives no time with it; stamped with the time of asking"
SWAPS_ONLY: Final = {"fetchMarkets": {"types": ["swap"]}}


@dataclass(frozen=True, slots=True)
class Offer:
    """How a venue answers one topic, how long to pause between two questions, and what must be said with it.

    present: reads how contracts stand now of answers for all of them; the recipe is then asked for the past alone, and
    is None where nobody gives it back.
    """

    recipe: Recipe | None
    every: timedelta
    caveat: str = ""
    present: PresentOfAll | None = None


@dataclass(frozen=True, slots=True)
class VenueRecipe:
    """How one venue is asked. venue: as it is declared in signals/venues.py and as the file is called.

    ccxt_id: ccxt's class. markets: ccxt's own settings that confine its list of markets to those; listing: what its
    call for that list is given. no_coins: of what its list says of a contract, the values by field that make it no
    perpetual of a coin, but a share of the same name or something that is not traded yet. too_far: the codes of errors
    that may say that a question reaches too far back. tiers: how it is asked for its leverage tiers, where it is; for
    which contracts says `renewed` of its declaration.
    """

    venue: str
    ccxt_id: str
    offers: Mapping[Topic, Offer]
    markets: Mapping[str, Any] = field(default_factory=dict)
    listing: Mapping[str, str] = field(default_factory=dict)
    no_coins: Mapping[str, frozenset[str]] = field(default_factory=dict)
    too_far: frozenset[str] = frozenset()
    tiers: TierQuestion | None = None

    @property
    def title(self) -> str:
        """Return its name as people write it."""
        return venue_title(self.venue)

    @property
    def attribution(self) -> str:
        """Return how its figures are credited: by the exchange, whichever of its venues they are of."""
        return f"{venue_title(exchange_of(self.venue))} public market data"

    @property
    def margins(self) -> tuple[str, ...]:
        """Return which perpetuals stand for an asset, the preferred first."""
        return VENUES[self.venue].margins

    def only(self, *topics: Topic) -> VenueRecipe:
        """Return the same venue with a part of what it offers."""
        return replace(self, offers={topic: self.offers[topic] for topic in topics})


@cache
def recipes() -> Mapping[str, VenueRecipe]:
    """Find every recipe by the venue it is of, in the order in which venues are declared.

    LookupError for one that is of no declared venue, or in a file of another name.
    """
    folder = importlib.import_module("bot.market.venues")
    found: dict[str, VenueRecipe] = {}
    for module in pkgutil.iter_modules(folder.__path__):
        recipe = getattr(importlib.import_module(f"bot.market.venues.{module.name}"), "RECIPE", None)
        if recipe is None:
            continue  # what several venues share
        if recipe.venue != module.name or recipe.venue not in VENUES:
            raise LookupError(f"bot/market/venues/{module.name}.py holds the recipe of {recipe.venue!r}")
        found[recipe.venue] = recipe
    return {venue: found[venue] for venue in VENUES if venue in found}
