"""What is known of an asset's options now: the newest stored chain, by expiry, and how old it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.inputs import INPUTS
from signals.options import OptionExpiry, expiries
from storage.market import options
from storage.queries.freshness import Stamp
from storage.queries.market import changes

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store


@dataclass(frozen=True, slots=True)
class OptionsNow:
    """The options of an asset that have not expired.

    index: what they would be settled at, USD, told with the chain; None where it was not. expiries: the next one first,
    each with something open. first: since when chains are stored. price: of now, where one is stored.
    """

    asset: str
    venue: str
    at: datetime
    index: float | None
    price: float | None
    expiries: tuple[OptionExpiry, ...]
    first: datetime
    stamp: Stamp

    @property
    def coins(self) -> float:
        """Return all that is open in coins."""
        return sum(expiry.coins for expiry in self.expiries)

    @property
    def usd(self) -> float | None:
        """Return the same in dollars at the index."""
        return None if self.index is None else self.coins * self.index

    @property
    def put_call(self) -> float | None:
        """Return puts to calls of all expiries; None where no call is open."""
        calls = sum(expiry.calls for expiry in self.expiries)
        return sum(expiry.puts for expiry in self.expiries) / calls if calls else None

    @property
    def largest(self) -> OptionExpiry:
        """Return the expiry with most open interest."""
        return max(self.expiries, key=lambda expiry: expiry.coins)


def read(store: Store, asset: str, now: datetime) -> OptionsNow | None:
    """Return what is stored of an asset's options; None where nothing is, or all of it has expired."""
    chain = options.newest(store, asset, now) if store.exists else None
    if chain is None:
        return None
    ahead = tuple(expiry for expiry in expiries(chain) if expiry.at > now and expiry.coins)
    if not ahead:
        return None
    old = now - chain.at > INPUTS["options_max_pain"].fresh_for
    stamp = Stamp((chain.venue,), chain.at, chain.at if old else None)
    price = changes.price_at(store, asset, now)
    first = options.first(store, asset, chain.venue) or chain.at
    return OptionsNow(asset, chain.venue, chain.at, chain.index, price.value if price else None, ahead, first, stamp)
