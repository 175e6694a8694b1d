"""Option chains: what is open by expiry and strike, kept from the first day because no venue gives it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from signals.units import from_ms, to_ms

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from storage.engine.database import Store

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
            head = (chain.asset, chain.venue, to_ms(chain.at))
            work.executemany(
                "INSERT OR REPLACE INTO options (asset, venue, at, expiry, strike, type, open_interest_coin, iv) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [
                    (*head, to_ms(each.expiry), each.strike, each.kind, each.open_interest_coin, each.iv)
                    for each in chain.options
                ],
            )
    return count


def newest(store: Store, asset: str, before: datetime | None = None) -> Chain | None:
    """Return the newest stored chain of an asset, or the newest at or before a time; None if there is none."""
    until = to_ms(before) if before else (1 << 62)
    last = store.one(
        "SELECT venue, at FROM options WHERE asset = ? AND at <= ? ORDER BY at DESC LIMIT 1", (asset, until)
    )
    if last is None:
        return None
    rows = store.rows(
        "SELECT expiry, strike, type, open_interest_coin, iv FROM options "
        "WHERE asset = ? AND venue = ? AND at = ? ORDER BY expiry, strike, type",
        (asset, last["venue"], last["at"]),
    )
    found = tuple(Option(from_ms(row[0]), row[1], row[2], row[3], row[4]) for row in rows)
    return Chain(last["venue"], asset, from_ms(last["at"]), found)


def times(store: Store, asset: str) -> list[datetime]:
    """Return when chains of an asset were stored, the oldest first."""
    found = store.rows("SELECT DISTINCT at FROM options WHERE asset = ? ORDER BY at", (asset,))
    return [from_ms(row["at"]) for row in found]
