"""Option chains: what is open by expiry and strike, kept from the first day because no venue gives it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from signals.units import from_ms, to_ms
from storage.engine.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.engine.database import Store

SQL: Final = queries("storage.market")
Kind = Literal["call", "put"]


@dataclass(frozen=True, slots=True)
class Option:
    """One contract of a chain. strike in USD, open_interest_coin one-sided, iv in % a year; None where not quoted."""

    expiry: datetime
    strike: float
    kind: Kind
    open_interest_coin: float
    iv: float | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """All options of one asset at one venue at one time."""

    venue: str
    asset: str
    at: datetime
    options: tuple[Option, ...]


def write(store: Store, chains: Iterable[Chain]) -> int:
    """Store chains in one transaction and return how many options were given; twice the same changes nothing."""
    count = 0
    with store.write() as work:
        for chain in chains:
            count += len(chain.options)
            head = {"asset": chain.asset, "venue": chain.venue, "at": to_ms(chain.at)}
            work.many(
                SQL.keep_option,
                [
                    head
                    | {
                        "expiry": to_ms(option.expiry),
                        "strike": option.strike,
                        "type": option.kind,
                        "coins": option.open_interest_coin,
                        "iv": option.iv,
                    }
                    for option in chain.options
                ],
            )
    return count


def newest(store: Store, asset: str, before: datetime | None = None) -> Chain | None:
    """Return the newest stored chain of an asset, or the newest at or before a time; None if there is none."""
    until = to_ms(before) if before else (1 << 62)
    last = store.read_one(SQL.newest_chain, asset=asset, until=until)
    if last is None:
        return None
    rows = store.read_plain(SQL.chain, asset=asset, venue=last["venue"], at=last["at"])
    found = tuple(Option(from_ms(expiry), strike, kind, coins, iv) for expiry, strike, kind, coins, iv in rows)
    return Chain(last["venue"], asset, from_ms(last["at"]), found)


def times(store: Store, asset: str) -> list[datetime]:
    """Return when chains of an asset were stored, the oldest first."""
    return [from_ms(at) for (at,) in store.read_plain(SQL.chain_times, asset=asset)]
