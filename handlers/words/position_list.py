"""What a person watches, as a list to be read and as numbers for programs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from handlers.reply import Block, Line
from handlers.words import positions as words
from handlers.words import wording
from handlers.words.position_past import in_doubt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handlers.position_now import Now
    from storage.people.positions import Followed

LONGEST = 840  # characters of the list, so that the whole message stays within 900


def listed(found: Sequence[Now], addresses: Mapping[int, Followed], shown_addresses: Sequence[Followed]) -> list[Block]:
    """List positions, the nearest to liquidation first, and of those that do not fit how many there are."""
    typed = [each for each in found if each.watched.followed is None]
    lines = [_entry(each) for each in typed]
    for of in addresses.values():
        held = [each for each in found if each.watched.followed == of.id]
        if of in shown_addresses or held:
            what = "not asked about yet" if of.seen is None else wording.count(len(held), "open position")
            lines.append(f"{of.number}. {words.whose(of)} on Hyperliquid: {what}")
            lines += [words.entry_of_list(each, of=of) for each in held]
    kept: list[Block] = []
    room = LONGEST - 60
    for line in lines:
        room -= len(line) + 1
        if room < 120 and len(lines) - len(kept) > 1:
            break
        kept.append(Line(line))
    more = len(lines) - len(kept)
    kept.insert(0, Line(_head(found, shown_addresses), "headline"))
    if more:
        kept.append(Line(f"and {more} more, farther away or of an address. /positions eth shows one asset."))
    if typed:
        uncounted = any(each.worth and each.worth.settled is None for each in typed)
        assumed = f"{words.ASSUMED}{', where rates are stored' if uncounted else ''}"
        if any(each.watched.stake.added for each in typed):
            assumed = assumed.replace("no margin added", "no other margin added")
        kept.append(Line(f"Assumed: {assumed}.", "caveat"))
    return kept


def _entry(now: Now) -> str:
    entry, doubt, stake = words.entry_of_list(now), in_doubt(now.watched), now.watched.stake
    if stake.added:
        money = wording.coins(stake.added, stake.asset) if stake.contract == "inverse" else wording.dollars(stake.added)
        entry = f"{entry}, {money} of margin added"
    return f"{entry}. {doubt}" if doubt else entry


def _head(found: Sequence[Now], addresses: Sequence[Followed]) -> str:
    parts = [wording.count(len(found), "position")] if found else []
    parts += [wording.count(len(addresses), "address", "addresses")] if addresses else []
    return f"You watch {wording.listing(parts)}:"


def stamp_of(found: Sequence[Now]) -> str | None:
    """Say how old the oldest of the mark prices is."""
    marks = [each.mark_at for each in found if each.mark_at is not None]
    return f"mark prices of {wording.clock(min(marks), found[0].watched.zone, dated=True)} or later" if marks else None


def values_of(now: Now, addresses: Mapping[int, Followed]) -> dict[str, Any]:
    """Return a position as numbers by name; None where one is not known."""
    each, stake = now.watched, now.watched.stake
    of = addresses.get(each.followed) if each.followed is not None else None
    found = now.worth
    return {
        "number": each.number,
        "address": of.address if of else None,
        "name": each.name,
        "asset": stake.asset,
        "side": stake.side,
        "venue": stake.venue,
        "contract": stake.contract,
        "entry": stake.entry,
        "leverage": stake.leverage,
        "size_coins": stake.size_coins,
        "size_usd": stake.size_usd,
        "lines_pct": [round(line * 100, 4) for line in each.lines],
        "liquidation_price": _finite(now.price),
        "mark_price": _finite(now.mark),
        "mark_venue": now.mark_venue or None,
        "mark_at": now.mark_at.isoformat() if now.mark_at else None,
        "known": now.known,
        "distance_pct": _finite(now.distance * 100),
        "typical_days": now.typical_days,
        "profit": _finite(now.profit) if stake.sized else None,
        "profit_of_margin": _finite(now.profit_share),
        "funding_taken": found.taken if found and stake.sized else None,
        "funding_settlements": found.settled if found else None,
        "added_margin": stake.added or None,
        "may_be_gone_since": each.doubt.isoformat() if each.doubt else None,
        "table_date": found.answer.table_as_of.isoformat() if found else None,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
