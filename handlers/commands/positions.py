"""/positions and /unwatch: what a person has watched for themselves, and ending it."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handlers.command import MissingValue, Refused, command
from handlers.language.kinds import ASSET, REST, argument
from handlers.language.spelling import shown, symbol
from handlers.language.watch import EXAMPLE, added, line_of, said_of
from handlers.reply import Button, Buttons, Line, Reply
from handlers.words import wording
from handlers.words.positions import shown as words
from signals.venues import of_accounts
from storage.people.bots import platform_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from handlers.command import Deps
    from handlers.language.spelling import Symbol
    from signals.liquidation.events import PositionNow
    from signals.liquidation.watching import Holding
    from storage.people.positions import FollowedAddress, Owner, WatchedPosition


@dataclass(frozen=True, slots=True)
class ListArgs:
    """Which positions; none means all."""

    asset: str | None = argument(ASSET, default=None)


@dataclass(frozen=True, slots=True)
class WhichArgs:
    """Numbers, assets, an address, or all."""

    which: str = argument(REST, default="", label="number, asset or all", offers="own positions")


@command(
    subject="own",
    example="/positions",
    words="my positions, my position, my trades, my trade, what do i watch, watched, watchlist, my longs, my shorts, "
    "how far am i, am i safe, my distance",
    harmless=True,
    private="person",
)
async def positions(deps: Deps, args: ListArgs) -> Reply:
    """Show what you watch: liquidation price, distance, profit.

    The nearest to liquidation comes first. The price is computed again each time, with today's tier table and with the
    funding since the watch began taken from the margin. /positions eth shows one asset. Only you can see them.
    """
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database
    from storage.queries.positions import positions_now, stale_marks  # noqa: PLC0415 - as above

    person = person_of(deps)
    if not deps.store.exists:
        return _nothing_watched()
    every = [watched for watched in kept.of(deps.store, *person) if args.asset in (None, watched.holding.asset)]
    addresses = kept.followed_by(deps.store, *person)
    shown_addresses = [] if args.asset else addresses
    if not every and not shown_addresses:
        return _nothing_watched(args.asset)
    found = list(zip(every, positions_now(deps.store, every, deps.now), strict=True))
    found.sort(key=lambda pair: (math.isnan(pair[1].distance), pair[1].distance))
    of_address = {followed.id: followed.address for followed in addresses}
    nowhere = kept.told_nowhere(deps.store, *person)
    return Reply(
        (
            *words.listed(
                _lines(found, addresses, shown_addresses), [position for _, position in found], len(shown_addresses)
            ),
            *([Line(words.told_nowhere(nowhere), "caveat")] if nowhere else []),
            Buttons((Button("Again", "/positions"),)),
        ),
        {
            "positions": [values_of(position, of_address.get(watched.followed or 0)) for watched, position in found],
            "addresses": [
                {"number": followed.number, "address": followed.address, "name": followed.name}
                for followed in shown_addresses
            ],
        },
        stamp=words.stamp_of_list([position for _, position in found], found[0][0].zone) if found else None,
        outdated=tuple(stale_marks(deps.store, every, deps.now)),
    )


def _lines(
    found: Sequence[tuple[WatchedPosition, PositionNow]],
    addresses: Sequence[FollowedAddress],
    shown_addresses: Sequence[FollowedAddress],
) -> list[str]:
    """Say each position in a line, those of an address behind the address."""
    lines = [words.entry_of_list(position, watched.zone) for watched, position in found if watched.followed is None]
    for followed in addresses:
        held = [(watched, position) for watched, position in found if watched.followed == followed.id]
        if followed in shown_addresses or held:
            what = "not asked about yet" if followed.seen is None else wording.count(len(held), "open position")
            lines.append(f"{followed.number}. {words.whose(followed)} on {of_accounts().title}: {what}")
            lines += [words.entry_of_list(position, watched.zone, of_address=True) for watched, position in held]
    return lines


@command(
    subject="own",
    example="/unwatch 2",
    words="stop watching, unfollow, stop following, stop tracking, untrack",
    ends=True,
    private="person",
)
async def unwatch(deps: Deps, args: WhichArgs) -> Reply:
    """Stop watching a position, an asset, an address, or all.

    By its number in /positions, its name, by asset, by address, or everything: /unwatch 2, /unwatch hedge, /unwatch
    btc, /unwatch 0x…, /unwatch all. What was stored about it is removed with it.
    """
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    person = person_of(deps)
    chunks = _chunks(args.which)
    if not chunks:
        text = "Which one? Type its number from /positions, like /unwatch 2, or /unwatch btc, or /unwatch all."
        raise Refused(text, wanted=MissingValue(text))
    every = kept.of(deps.store, *person) if deps.store.exists else []
    addresses = kept.followed_by(deps.store, *person) if deps.store.exists else []
    gone, gone_addresses = _chosen(chunks, deps, every, addresses)
    if not every and not addresses:
        return _nothing_watched()
    if not gone and not gone_addresses:
        return Reply(
            (
                Line(f"You watch nothing like “{shown(args.which)}”.", "headline"),
                Line("See /positions for what you do."),
            )
        )
    with deps.store.write() as work:
        kept.remove(work, [watched.id for watched in gone])
        kept.unfollow(work, [followed.id for followed in gone_addresses])
    names = [words.title(watched) for watched in gone] + [words.whose(followed) for followed in gone_addresses]
    few = names[:6] + ([f"{len(names) - 6} more"] if len(names) > 6 else [])
    removed = [watched.number for watched in gone] + [followed.number for followed in gone_addresses]
    head = Line(f"No longer watched: {wording.listing(few)}.", "headline")
    numbers = {one.number or 0 for one in every} | {one.number for one in addresses}
    highest = max(numbers - {*removed}, default=0)
    of_assets = Counter(one.holding.asset for one in every if one.followed is None)
    return Reply((head,), {"removed": removed}, back=_watched_again(gone, gone_addresses, highest, of_assets))


def _watched_again(
    gone: Sequence[WatchedPosition], addresses: Sequence[FollowedAddress], highest: int, of_assets: Mapping[str, int]
) -> tuple[str, ...]:
    """Return the lines that watch the same again. highest: the number after which the next ones are given.

    of_assets: how many of each asset were watched. The only one is called by it: a number may be another's by then.
    """
    lines = []
    for number, watched in enumerate(gone, highest + 1):
        lines.append(line_of(watched))
        if watched.holding.added:
            asset = watched.holding.asset
            which = asset.lower() if of_assets[asset] == 1 else str(number)
            lines.append(f"/watch {which} {added(watched.holding.added, watched.holding)}")
    lines += [f"/watch {one.address} {said_of(one.lines, one.name)}".rstrip() for one in addresses]
    return tuple(lines)


def _nothing_watched(asset: str | None = None) -> Reply:
    what = f"no position in {asset}" if asset else "no positions"
    return Reply(
        (Line(f"You watch {what}.", "headline"), Line(f"To watch one, type it like {EXAMPLE}.")), {"positions": []}
    )


def _chunks(which: str) -> list[str]:
    return which.replace(",", " ").lower().split()


def _chosen(
    chunks: Sequence[str], deps: Deps, every: Sequence[WatchedPosition], addresses: Sequence[FollowedAddress]
) -> tuple[list[WatchedPosition], list[FollowedAddress]]:
    """Find what is meant by numbers, assets, addresses or `all`; a position of an address goes with the address."""
    typed = [watched for watched in every if watched.followed is None]
    if len(chunks) > 1 and (called := [one for one in typed if one.name and _chunks(one.name) == chunks]):
        return called, []  # of one word, a number or an asset is meant as well
    gone: dict[int, WatchedPosition] = {}
    gone_addresses: dict[int, FollowedAddress] = {}
    for chunk in chunks:
        if chunk in ("all", "everything", "*"):
            return typed, list(addresses)
        read = symbol(chunk, deps.assets)
        text = chunk.strip("#().")
        number = int(text) if text.isdecimal() else None
        for watched in typed:
            named = watched.name is not None and watched.name.lower() == chunk
            if watched.number == number or named or (read and _may_be(watched.holding, read)):
                gone[watched.id] = watched
        for followed in addresses:
            if followed.number == number or followed.address == chunk:
                gone_addresses[followed.id] = followed
    return list(gone.values()), list(gone_addresses.values())


# --- who --------------------------------------------------------------------------------------------------------------


def _may_be(holding: Holding, read: Symbol) -> bool:
    """Tell whether a word may name what is held, as far as it says: a dated contract is never watched."""
    said = read.instrument
    return (
        holding.asset == said.asset
        and said.kind in (None, "perpetual")
        and said.margin in (None, holding.contract)
        and (said.quote in (None, "USD") or holding.quote in (None, said.quote))
    )


def person_of(deps: Deps) -> tuple[str, str]:
    """Return who asks. Refused where others read along: what somebody holds is nobody else's business."""
    asker = deps.asker
    if asker.address.kind != "private":
        raise Refused("Positions are private. Write to me privately: open a chat with me and type it there.")
    return platform_of(asker.platform), asker.user or asker.address.chat


def owner_of(deps: Deps) -> tuple[Owner, str]:
    """Return who asks, with the destination of this chat, made if it is new, and its zone."""
    from storage.people.positions import Owner  # noqa: PLC0415 - opens the database

    platform, user = person_of(deps)
    here = deps.made()
    return Owner(platform, user, here.id), here.zone


# --- numbers for programs ---------------------------------------------------------------------------------------------


def values_of(position: PositionNow, address: str | None) -> dict[str, Any]:
    """Return a position as numbers by name; None where one is not known. address: the followed one that holds it."""
    holding, sized = position.holding, position.holding.sized
    computed = position.priced == "computed"
    return {
        "number": position.number,
        "address": address,
        "name": position.name,
        "asset": holding.asset,
        "side": holding.side,
        "venue": holding.venue,
        "contract": holding.contract,
        "entry": holding.entry,
        "leverage": holding.leverage,
        "size_coins": holding.size_coins,
        "size_usd": holding.size_usd,
        "lines_pct": [round(line * 100, 4) for line in position.lines],
        "liquidation_price": _finite(position.liquidation),
        "mark_price": _finite(position.mark),
        "mark_venue": position.mark_venue or None,
        "mark_at": position.mark_at.isoformat() if position.mark_at else None,
        "known": position.known,
        "distance_pct": _finite(position.distance * 100),
        "typical_days": position.typical_days,
        "profit": _finite(position.profit) if sized else None,
        "profit_of_margin": _finite(position.profit_share),
        "funding_taken": position.taken if computed and sized else None,
        "funding_settlements": position.settled,
        "added_margin": holding.added or None,
        "may_be_gone_since": position.doubt.isoformat() if position.doubt else None,
        "table_date": position.table_as_of.isoformat() if position.table_as_of else None,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
