"""The venues, one row each: how a venue differs from the others is said here and in its recipes, nowhere else."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from bot.sources import binance_usdm

if TYPE_CHECKING:
    from bot.sources import Topic
    from bot.sources.recipes import Recipe


@dataclass(frozen=True, slots=True)
class Topical:
    """How a venue answers one topic, and how long to pause between two questions."""

    recipe: Recipe
    every: timedelta


@dataclass(frozen=True, slots=True)
class Quirks:
    """One venue. venue: the word stored with each value; title: as people write it; ccxt_id: ccxt's class."""

    venue: str
    title: str
    ccxt_id: str
    attribution: str
    bars: Topical
    open_interest: Topical
    funding: Topical

    def topics(self) -> dict[Topic, Topical]:
        """List what is offered, by topic."""
        return {"bars": self.bars, "open_interest": self.open_interest, "funding": self.funding}


_MINUTE: Final = timedelta(minutes=1)

BINANCE: Final = Quirks(
    venue="binance",
    title="Binance",
    ccxt_id="binanceusdm",
    attribution="Binance public market data",
    bars=Topical(binance_usdm.bars, _MINUTE),
    open_interest=Topical(binance_usdm.open_interest, _MINUTE),
    funding=Topical(binance_usdm.funding, _MINUTE),
)

VENUES: Final = (BINANCE,)
