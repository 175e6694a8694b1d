"""`perpulse tiers`: renew tier tables from the venues, keep the old ones by date, say what changed; and show one.

A renewed table goes into the folder beside the database (storage/market/tiers.py). Only what is new or has changed
makes a new dated line; what a venue still has as it was gets `checked=` where it stands, so that its age is that of
the last look.
"""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.market.source import SourceError
from bot.market.tiers.rows import TiersRefused, packed, plain
from bot.market.tiers.tables import TITLES, VENUES, fetch
from handlers.words import wording
from signals.assets import coin
from signals.assets import packed as packed_name
from signals.liquidation import NoTierTable, TierTable, tiers
from signals.liquidation.tables import day_of, listed, parse_table
from storage.market import tiers as tier_files

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Mapping, Sequence

    from bot.market.tiers.rows import Fetched
    from bot.market.tiers.tables import Reach, TierAnswer
    from signals.liquidation import RenewedTables
    from storage.engine.database import Store

MAIN_ASSETS = ("BTC", "ETH", "SOL", "XRP", "DOGE", "BNB", "ADA", "AVAX", "LINK", "LTC", "SUI", "PEPE")
SHOWN = 12  # changes that are told one by one; the files hold them all

Key = tuple[str, str]  # asset, quote


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one symbol's table: "new", "changed" or "same", and that in words."""

    symbol: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Renewal:
    """What became of one venue. error: why it could not be asked at all."""

    venue: str
    changes: tuple[Change, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    error: str | None = None

    def count(self, kind: str) -> int:
        """Count the changes of one kind."""
        return sum(change.kind == kind for change in self.changes)


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
    for each in answer.tables:
        markets.setdefault((each.venue, each.contract), []).append(each)
    changes: list[Change] = []
    refused = list(answer.refused)
    for (name, contract), found in markets.items():
        files = _read(before, f"{name}-{contract}-")
        for each in found:
            try:
                changes.append(_renewed(files, each, answer.source, today, before))
            except TiersRefused as why:
                refused.append((_symbol(each), f"{why}; {_stays(each, before)}"))
        for file, content in files.items():
            if content.dirty:
                tier_files.write(tier_files.folder_of(store), file, content.text())
    return Renewal(venue, tuple(changes), tuple(refused))


def _read(renewed: RenewedTables | None, start: str) -> dict[str, _RenewedFile]:
    """Read the renewed files of one market, oldest first."""
    files: dict[str, _RenewedFile] = {}
    for name in sorted(each for each in (renewed.names if renewed else ()) if each.startswith(start)):
        rows = renewed.read(name).splitlines() if renewed else []
        lines = [row for row in rows if row and not row.startswith("#")]
        keyed = {(row.split(",", 2)[0], row.split(",", 2)[1]): row for row in lines}
        files[name] = _RenewedFile([row for row in rows if row.startswith("#")], keyed)
    return files


def _renewed(
    files: dict[str, _RenewedFile], each: Fetched, source: str, today: dt.date, before: RenewedTables | None
) -> Change:
    """Put one symbol's tiers where they belong and say what changed. TiersRefused where they cannot be a table."""
    key = (each.asset, each.quote)
    line = _line(each)
    old = _old(each, before)
    held = next((name for name in reversed(files) if key in files[name].lines), None)
    if held and _bare(files[held].lines[key]) == line:
        if day_of(held) != today:
            files[held].lines[key] = _line(each, today)
            files[held].dirty = True
    else:
        name = f"{each.venue}-{each.contract}-{today}.csv"
        file = files.setdefault(name, _RenewedFile([]))
        head = {
            "venue": each.venue,
            "contract": each.contract,
            "as_of": str(today),
            "unit": each.unit,
            "source": source,
        }
        file.head = [f"# {word}: {value}" for word, value in head.items()]
        file.lines[key] = line
        file.dirty = True
    new = parse_table("\n".join(_head(each, source, today)), line)
    return difference(old, new)


def _head(each: Fetched, source: str, today: dt.date) -> list[str]:
    head = {"venue": each.venue, "contract": each.contract, "as_of": today, "unit": each.unit, "source": source}
    return [f"# {name}: {value}" for name, value in head.items()]


def _line(each: Fetched, checked: dt.date | None = None) -> str:
    notes = [f"lot={plain(each.lot)}"] if each.unit == "contracts" else []
    notes += [f"tick={plain(each.tick)}"] if each.tick else []
    notes += [f"checked={checked}"] if checked else []
    return f"{each.asset},{each.quote},{' '.join(notes)},{packed(each.rows, stepped=each.stepped)}"


def _bare(line: str) -> str:
    asset, quote, notes, rest = line.split(",", 3)
    return f"{asset},{quote},{' '.join(note for note in notes.split() if not note.startswith('checked='))},{rest}"


def _old(each: Fetched, renewed: RenewedTables | None) -> TierTable | None:
    try:
        named = listed(each.asset, each.quote, each.contract)
        return tiers(
            each.venue,
            each.contract,
            named.asset,
            each.quote,
            None,
            renewed,
            multiplier=named.multiplier,
            expiry=named.expiry,
        )
    except NoTierTable:
        return None


def _stays(each: Fetched, renewed: RenewedTables | None) -> str:
    old = _old(each, renewed)
    return f"the table of {wording.day(old.as_of)} stays" if old else "there is no older table of it"


# --- said -------------------------------------------------------------------------------------------------------------


def difference(old: TierTable | None, new: TierTable) -> Change:
    """Say in words how a table differs from the one before it."""
    symbol = _symbol(new)
    if old is None:
        first = new.tiers[0]
        top = f", at most {wording.leverage(first.max_leverage)}" if first.max_leverage else ""
        return Change(symbol, "new", f"{wording.count(len(new.tiers), 'tier')} from {_rate(first.rate)}{top}")
    if (old.unit, old.lot, old.tiers, old.partial) == (new.unit, new.lot, new.tiers, new.partial):
        return Change(symbol, "same", f"as in the table of {wording.day(old.as_of)}")
    one, two = old.tiers[0], new.tiers[0]
    pairs = (
        ("first tier", _rate(one.rate), _rate(two.rate)),
        ("up to", bound(old, one.cap), bound(new, two.cap)),
        ("leverage", wording.leverage(one.max_leverage), wording.leverage(two.max_leverage)),
        ("tiers", _many(old), _many(new)),
        ("largest position", bound(old, old.limit), bound(new, new.limit)),
    )
    parts = [f"{name} {was} → {now}" for name, was, now in pairs if was != now]
    if not parts:
        at = next((b for a, b in zip(old.tiers, new.tiers, strict=False) if a != b), new.tiers[-1])
        parts = [f"tier {at.number} and above differ (from {bound(new, at.floor)})"]
    return Change(symbol, "changed", ", ".join(parts))


def _symbol(each: Fetched | TierTable) -> str:
    name = each.asset
    if isinstance(each, TierTable):
        name = packed_name(each.asset, each.multiplier) + (f"-{each.expiry:%y%m%d}" if each.expiry else "")
    return f"{name}{'' if each.contract == 'linear' else ' coin-margined'}"


def _many(table: TierTable) -> str:
    return f"{len(table.tiers)}{' known' if table.partial else ''}"


def _rate(rate: float) -> str:
    return wording.share(rate * 100, 2)


def bound(table: TierTable, size: float) -> str:
    """Say a bound in the table's own unit: $300k, 1,000 contracts, 150 BTC."""
    if math.isinf(size):
        return "an unknown size" if table.partial else "any size"
    if table.unit == "contracts":
        return f"{wording.number(size)} contracts"
    if table.unit == "quote" and table.contract == "linear":
        return wording.usd(size)
    return wording.coins(size, packed_name(table.asset, table.multiplier))


def told(renewals: Iterable[Renewal]) -> list[str]:
    """Say what became of each venue, the changes below it, and what to do about what failed."""
    lines: list[str] = []
    for each in renewals:
        title = TITLES[each.venue]
        if each.error:
            lines.append(f"{title}: {each.error.removeprefix(f'{title} ')} Its tables stay as they are.")
            continue
        parts = [
            f"{each.count(kind):,} {word}"
            for kind, word in (("new", "new"), ("changed", "changed"), ("same", "unchanged"))
            if each.count(kind)
        ]
        if each.refused:
            parts.append(f"{len(each.refused):,} not taken")
        lines.append(f"{title}: {', '.join(parts) or 'no table in the answer'}.")
        listed = [change for change in each.changes if change.kind != "same"]
        listed.sort(key=_weight)
        lines += [f"  {change.symbol}: {change.kind}, {change.text}" for change in listed[:SHOWN]]
        if len(listed) > SHOWN:
            lines.append(f"  and {len(listed) - SHOWN:,} more")
        lines += [f"  {symbol}: not taken, {why}." for symbol, why in each.refused[:SHOWN]]
        if len(each.refused) > SHOWN:
            lines.append(f"  and {len(each.refused) - SHOWN:,} more not taken")
    return lines


def _weight(change: Change) -> tuple[bool, int, str]:
    """Put changes before new tables and the main assets before the rest."""
    asset, _ = coin(change.symbol.split()[0].partition("-")[0])
    place = MAIN_ASSETS.index(asset) if asset in MAIN_ASSETS else len(MAIN_ASSETS)
    return change.kind != "changed", place, change.symbol


def as_json(each: Renewal) -> Mapping[str, object]:
    """Return a renewal as plain data, one object a venue."""
    return {
        "venue": each.venue,
        "error": each.error,
        "new": [change.symbol for change in each.changes if change.kind == "new"],
        "changed": {change.symbol: change.text for change in each.changes if change.kind == "changed"},
        "unchanged": each.count("same"),
        "refused": dict(each.refused),
    }


def shown(table: TierTable, today: dt.date) -> list[str]:
    """Lay a tier table out for a terminal."""
    age = (today - table.checked).days
    seen = f", unchanged on {wording.day(table.checked)}" if table.checked > table.as_of else ""
    name = f"{table.venue} {_symbol(table).split()[0]}/{table.quote} {table.contract}"
    lines = [
        f"{name}: table of {wording.day(table.as_of)}{seen}, {wording.count(max(age, 0), 'day')} old",
        f"Source: {table.source}",
        f"{'tier':>4}  {'up to':>20}  {'maintenance':>11}  {'amount':>14}  {'leverage':>8}",
    ]
    for tier in table.tiers:
        amount = wording.number(tier.amount, 0 if table.contract == "linear" else 4) if tier.amount else ""
        lines.append(
            f"{tier.number:>4}  {bound(table, tier.cap):>20}  {_rate(tier.rate):>11}  {amount:>14}  "
            f"{wording.leverage(tier.max_leverage):>8}"
        )
    if table.slope:
        lines.append(f"The rate grows by {table.slope * 100:g} percentage points with every {table.asset}.")
    if table.partial:
        lines.append("The venue has higher tiers that are not known here. Renew the table with: perpulse tiers refresh")
    return lines


def wanted(words: Sequence[str]) -> list[str]:
    """Return the venues that are named in any spelling, or all. ValueError with what to type for an unknown one."""
    from handlers.language.kinds import VENUE  # noqa: PLC0415 - the grammar, for the spellings only

    spellings = VENUE.words() if callable(VENUE.words) else VENUE.words
    found: list[str] = []
    for word in words:
        venue = spellings.get(word.lower())
        if venue == "deribit":
            raise ValueError("Deribit's tiers are a fixed formula: there is nothing to renew. Leave it out.")
        if venue not in VENUES:
            raise ValueError(f"{word[:40]!r} is no venue that tiers come from. Known: {', '.join(VENUES)}.")
        found.append(venue)
    return list(dict.fromkeys(found)) or list(VENUES)
