"""Renew tier tables from the venues, keep the old ones by date, and tell what changed.

A renewed table goes into the folder beside the database (storage/market/tiers.py). Only what is new or has changed
makes a new dated line; what a venue still has as it was gets `checked=` where it stands, so that its age is that of
the last look.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.market.source import SourceError
from bot.market.tiers.rows import TiersRefused, packed, plain
from bot.market.tiers.tables import fetch
from signals.liquidation import NoTierTable, TierTable, tiers
from signals.liquidation.renewal import Refusal, Renewal, TierChange, named
from signals.liquidation.tables import day_of, listed, parse_table
from storage.market import tiers as tier_files

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Sequence

    from bot.market.tiers.rows import Fetched
    from bot.market.tiers.tables import Reach, TierAnswer
    from signals.liquidation import RenewedTables
    from storage.engine.database import Store

Key = tuple[str, str]  # asset, quote


@dataclass(slots=True)
class _RenewedFile:
    """One table file of a market while it is being renewed."""

    head: list[str]
    lines: dict[Key, str] = field(default_factory=dict)
    dirty: bool = False

    def text(self) -> str:
        return "\n".join((*self.head, *(self.lines[key] for key in sorted(self.lines)))) + "\n"


# --- renew ------------------------------------------------------------------------------------------------------------


async def refresh(store: Store, venues: Sequence[str], assets: Sequence[str], reach: Reach) -> list[Renewal]:
    """Ask venues for their tiers and keep what they say; one that does not answer harms no other."""
    every = await asyncio.gather(*(_ask(venue, assets, reach) for venue in venues))
    today = reach.clock().date()
    return [
        Renewal(venue, error=answer) if isinstance(answer, str) else keep(store, venue, answer, today)
        for venue, answer in zip(venues, every, strict=True)
    ]


async def _ask(venue: str, assets: Sequence[str], reach: Reach) -> TierAnswer | str:
    try:
        return await fetch(venue, assets, reach)
    except SourceError as error:
        return str(error)


def keep(store: Store, venue: str, answer: TierAnswer, today: dt.date) -> Renewal:
    """Check what a venue answered, write it beside the database, and tell what changed; StoreError where it cannot."""
    before = tier_files.renewed(store)
    markets: dict[tuple[str, str], list[Fetched]] = {}
    for table in answer.tables:
        markets.setdefault((table.venue, table.contract), []).append(table)
    changes: list[TierChange] = []
    refused = [Refusal(symbol, why) for symbol, why in answer.refused]
    for (name, contract), found in markets.items():
        files = _read(before, f"{name}-{contract}-")
        for table in found:
            try:
                changes.append(_renewed(files, table, answer.source, today, before))
            except TiersRefused as why:
                old = _old(table, before)
                stays = old.as_of if old else None
                refused.append(Refusal(named(table.asset, table.contract), str(why), sent=True, stays=stays))
        for file, content in files.items():
            if content.dirty:
                tier_files.write(tier_files.folder_of(store), file, content.text())
    return Renewal(venue, tuple(changes), tuple(refused))


def _read(renewed: RenewedTables | None, start: str) -> dict[str, _RenewedFile]:
    """Read the renewed files of one market, oldest first."""
    files: dict[str, _RenewedFile] = {}
    for name in sorted(file for file in (renewed.names if renewed else ()) if file.startswith(start)):
        rows = renewed.read(name).splitlines() if renewed else []
        lines = [row for row in rows if row and not row.startswith("#")]
        keyed = {(row.split(",", 2)[0], row.split(",", 2)[1]): row for row in lines}
        files[name] = _RenewedFile([row for row in rows if row.startswith("#")], keyed)
    return files


def _renewed(
    files: dict[str, _RenewedFile], fetched: Fetched, source: str, today: dt.date, before: RenewedTables | None
) -> TierChange:
    """Put one symbol's tiers where they belong and say what changed. TiersRefused where they cannot be a table."""
    key = (fetched.asset, fetched.quote)
    line = _line(fetched)
    old = _old(fetched, before)
    held = next((name for name in reversed(files) if key in files[name].lines), None)
    if held and _bare(files[held].lines[key]) == line:
        if day_of(held) != today:
            files[held].lines[key] = _line(fetched, today)
            files[held].dirty = True
    else:
        name = f"{fetched.venue}-{fetched.contract}-{today}.csv"
        file = files.setdefault(name, _RenewedFile([]))
        head = {
            "venue": fetched.venue,
            "contract": fetched.contract,
            "as_of": str(today),
            "unit": fetched.unit,
            "source": source,
        }
        file.head = [f"# {word}: {value}" for word, value in head.items()]
        file.lines[key] = line
        file.dirty = True
    new = parse_table("\n".join(_head(fetched, source, today)), line)
    return TierChange(old, new)


def _head(fetched: Fetched, source: str, today: dt.date) -> list[str]:
    head = {
        "venue": fetched.venue,
        "contract": fetched.contract,
        "as_of": today,
        "unit": fetched.unit,
        "source": source,
    }
    return [f"# {name}: {value}" for name, value in head.items()]


def _line(fetched: Fetched, checked: dt.date | None = None) -> str:
    notes = [f"lot={plain(fetched.lot)}"] if fetched.unit == "contracts" else []
    notes += [f"tick={plain(fetched.tick)}"] if fetched.tick else []
    notes += [f"checked={checked}"] if checked else []
    return f"{fetched.asset},{fetched.quote},{' '.join(notes)},{packed(fetched.rows, stepped=fetched.stepped)}"


def _bare(line: str) -> str:
    asset, quote, notes, rest = line.split(",", 3)
    return f"{asset},{quote},{' '.join(note for note in notes.split() if not note.startswith('checked='))},{rest}"


def _old(fetched: Fetched, renewed: RenewedTables | None) -> TierTable | None:
    try:
        found = listed(fetched.asset, fetched.quote, fetched.contract)
        return tiers(
            fetched.venue,
            fetched.contract,
            found.asset,
            fetched.quote,
            None,
            renewed,
            multiplier=found.multiplier,
            expiry=found.expiry,
        )
    except NoTierTable:
        return None
