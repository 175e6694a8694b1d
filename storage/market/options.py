"""Option chains: what is open by expiry and strike, kept from the first day because no venue gives it back.

Beside each chain lies what metrics read of it (signals/options.py), as points of its time: a chain takes some seven
hundred rows, and its history is read every hour.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signals.options import Chain, Option, summary
from signals.units import HOUR_MS, from_ms, to_ms
from storage.engine.sql import queries
from storage.market import points
from storage.market.points import Points

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from storage.engine.database import Store
    from storage.market.points import Snapshot

SQL: Final = queries("storage.market")


def write(
    store: Store, chains: Sequence[Chain], batches: Iterable[Points] = (), snapshots: Iterable[Snapshot] = ()
) -> int:
    """Store chains in one transaction and return how many options were given; twice the same changes nothing.

    batches, snapshots: what came with them, since points are written once in a transaction.
    """
    summaries = [
        Points(chain.venue, chain.asset, None, [to_ms(chain.at)], {name: [value] for name, value in found.items()})
        for chain in chains
        if (found := summary(chain))
    ]
    rows = [
        (
            chain.asset,
            chain.venue,
            to_ms(chain.at),
            to_ms(option.expiry),
            option.strike,
            option.kind,
            option.open_interest_coin,
            option.iv,
            None if option.quoted is None else int(option.quoted),
        )
        for chain in chains
        for option in chain.options
    ]
    with store.write() as work:
        points.write(store, [*batches, *summaries], snapshots)
        work.table(SQL.keep_option, ("asset", "venue", "at", "expiry", "strike", "type", "coins", "iv", "quoted"), rows)
    return len(rows)


def newest(store: Store, asset: str, before: datetime | None = None) -> Chain | None:
    """Return the newest stored chain of an asset, or the newest at or before a time; None if there is none."""
    until = to_ms(before) if before else (1 << 62)
    last = store.read_one(SQL.newest_chain, asset=asset, until=until)
    if last is None:
        return None
    key = {"asset": asset, "venue": last["venue"], "at": last["at"]}
    found = tuple(
        Option(from_ms(expiry), strike, kind, coins, iv, None if quoted is None else bool(quoted))
        for expiry, strike, kind, coins, iv, quoted in store.read_plain(SQL.chain, **key)
    )
    index = store.read_one(SQL.index_at, **key, since=last["at"] - HOUR_MS)
    return Chain(last["venue"], asset, from_ms(last["at"]), found, index["index_price"] if index else None)


def first(store: Store, asset: str, venue: str) -> datetime | None:
    """Return since when chains of an asset at a venue are stored; None where there are none."""
    row = store.read_one(SQL.next_chain, asset=asset, venue=venue, after=-1)
    return None if row is None or row["at"] is None else from_ms(row["at"])


def times(store: Store, asset: str) -> list[datetime]:
    """Return when chains of an asset were stored, the oldest first."""
    return [from_ms(at) for (at,) in store.read_plain(SQL.chain_times, asset=asset)]
