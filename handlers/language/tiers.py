"""What can be said to `perpulse tiers show`: an asset, a venue and a contract, in any order."""

from __future__ import annotations

from dataclasses import dataclass

from handlers.language.grammar import ASSET, CONTRACT, VENUE, Contract, argument


@dataclass(frozen=True, slots=True)
class TiersArgs:
    """Which tier table."""

    asset: str | None = argument(ASSET, default=None)
    venue: str | None = argument(VENUE, default=None)
    contract: Contract | None = argument(CONTRACT, default=None)
