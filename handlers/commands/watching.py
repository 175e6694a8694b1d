"""/watch /positions /unwatch /forgetme: what a person has watched for themselves, and being forgotten."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.command import Refused, command
from handlers.language.grammar import ASSET, REST, argument, parse
from handlers.language.position import LiqArgs, asked, read_as
from handlers.language.spelling import shown
from handlers.language.watch import EXAMPLE, check_against_mark, check_own_margin, stake_of, take_apart
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.watch_change import change
from handlers.watch_looking import now_of, outdated
from handlers.words import position_list, wording
from handlers.words import positions as words
from handlers.words.watch import liquidation_of, told_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.command import Deps
    from handlers.language.position import Asked
    from handlers.language.watch import Wish
    from signals.liquidation import LiquidationAnswer
    from signals.liquidation.watching import Stake
    from storage.people.positions import Followed, Owner, Watched


@dataclass(frozen=True, slots=True)
class WatchArgs:
    """A position in the words of /liq, or an address; with own lines and a name."""

    what: str = argument(REST, default="", label="position or 0x address")


@dataclass(frozen=True, slots=True)
class ListArgs:
    """Which positions; none means all."""

    asset: str | None = argument(ASSET, default=None)


@dataclass(frozen=True, slots=True)
class WhichArgs:
    """Numbers, assets, an address, or all."""

    which: str = argument(REST, default="", label="number, asset or all")


@dataclass(frozen=True, slots=True)
class Nothing:
    """A command that is complete by itself."""


# --- commands ---------------------------------------------------------------------------------------------------------


@command(subject="own", example=EXAMPLE)
async def watch(deps: Deps, args: WatchArgs) -> Reply:
    """Watch a position, or an address, for its liquidation.

    Type a position as for /liq: /watch btc long 95000 25x 0.5btc bybit. You are told at 20, 10 and 5 % from
    liquidation, or at your own lines: lines 15 8 4. A name at the end helps to tell positions apart: name hedge.
    Change it later by its number: /watch 2 lines 15 8 3, /watch 2 margin +500, /watch 2 name hedge.
    /watch and a Hyperliquid address (0x…) follows what that address holds in public. Only you see what you watch.
    """
    wish = take_apart(args.what, deps.assets)
    if wish.of_known:
        return await change(deps, _person(deps), wish)
    owner = _owner(deps)
    if wish.address:
        new, reply = _follow(deps, owner, wish)
        return reply if new or not (wish.lines or wish.name) else await change(deps, _person(deps), wish)
    typed = parse(LiqArgs, wish.rest, command="watch", assets=deps.assets)
    check_own_margin(typed)
    question = asked(deps, typed)
    stake, answer = stake_of(deps, question)
    return await _watch(deps, owner, wish, question, stake, answer)


@command(subject="own", example="/positions")
async def positions(deps: Deps, args: ListArgs) -> Reply:
    """Show what you watch: liquidation price, distance, profit.

    The nearest to liquidation comes first. The price is computed again each time, with today's tier table and with the
    funding since the watch began taken from the margin. /positions eth shows one asset. Only you can see them.
    """
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    platform, user = _person(deps)
    if not deps.store.exists:
        return _nothing_watched()
    every = [each for each in kept.of(deps.store, platform, user) if args.asset in (None, each.stake.asset)]
    addresses = {each.id: each for each in kept.followed_by(deps.store, platform, user)}
    shown_addresses = [] if args.asset else list(addresses.values())
    if not every and not shown_addresses:
        return _nothing_watched(args.asset)
    found = sorted(now_of(deps, every), key=lambda each: (math.isnan(each.distance), each.distance))
    lines = position_list.listed(found, addresses, shown_addresses)
    buttons = Buttons((Button("Again", "/positions"),))
    values = {
        "positions": [position_list.values_of(each, addresses) for each in found],
        "addresses": [{"number": each.number, "address": each.address, "name": each.name} for each in shown_addresses],
    }
    return Reply((*lines, buttons), values, stamp=position_list.stamp_of(found), outdated=outdated(deps, every))


@command(subject="own", example="/unwatch 2")
async def unwatch(deps: Deps, args: WhichArgs) -> Reply:
    """Stop watching a position, an asset, an address, or all.

    By its number in /positions, by asset, by address, or everything: /unwatch 2, /unwatch btc, /unwatch 0x…, /unwatch
    all. What was stored about it is removed with it.
    """
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    platform, user = _person(deps)
    chunks = args.which.replace(",", " ").lower().split()
    if not chunks:
        raise Refused("Which one? Type its number from /positions, like /unwatch 2, or /unwatch btc, or /unwatch all.")
    every = kept.of(deps.store, platform, user) if deps.store.exists else []
    addresses = kept.followed_by(deps.store, platform, user) if deps.store.exists else []
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
        kept.remove(work, [each.id for each in gone])
        kept.unfollow(work, [each.id for each in gone_addresses])
    names = [words.title(each) for each in gone] + [words.whose(each) for each in gone_addresses]
    few = names[:6] + ([f"{len(names) - 6} more"] if len(names) > 6 else [])
    removed = [each.number for each in gone] + [each.number for each in gone_addresses]
    return Reply((Line(f"No longer watched: {wording.listing(few)}.", "headline"),), {"removed": removed})


@command(subject="own", example="/forgetme")
async def forgetme(deps: Deps, args: Nothing) -> Reply:  # noqa: ARG001 - it takes no arguments
    """Remove everything that is stored about this chat.

    Settings, subscriptions, watched positions and addresses, and messages not yet sent are deleted at once and
    overwritten in the file. In a group its admins can do this, for the group. Backups that the owner of this bot has
    made keep their copy until they are replaced.
    """
    to = deps.asker.address
    private = to.kind in ("private", "terminal")
    if not private and not deps.asker.may_change:
        raise Refused(
            "Only admins of this group can have it forgotten. "
            "For what is stored about yourself, write to me privately: /forgetme."
        )
    if not deps.store.exists:
        return Reply((Line("Nothing is stored about this chat.", "headline"),), {"removed": {}})
    from storage.people import forgetting  # noqa: PLC0415 - opens the database

    found = forgetting.forget(deps.store, deps.asker.platform, to.chat, _person(deps)[1] if private else None)
    values = {
        "removed": {
            "subscriptions": found.subscriptions,
            "positions": found.positions,
            "addresses": found.addresses,
            "messages": found.messages,
        },
        "clean": found.clean,
    }
    if not found.anything:
        return Reply((Line("Nothing is stored about this chat.", "headline"),), values)
    parts = [
        wording.count(number, one, many)
        for number, one, many in (
            (found.subscriptions, "subscription", None),
            (found.positions, "watched position", None),
            (found.addresses, "followed address", "followed addresses"),
            (found.messages, "stored message", None),
        )
        if number
    ]
    left = "" if found.clean else " Another program is reading the file; the last traces go when it has finished."
    return Reply(
        (
            Line("Forgotten: everything that was stored about this chat.", "headline"),
            Line(f"Removed: its settings{''.join(f', {each}' for each in parts)}.{left}"),
            Line("Backups made by the owner of this bot keep their copy until they are replaced.", "caveat"),
            Line("Nothing is sent here any more. /sub or /watch begins anew."),
        ),
        values,
    )


# --- who --------------------------------------------------------------------------------------------------------------


def _person(deps: Deps) -> tuple[str, str]:
    """Return who asks. Refused where others read along: what somebody holds is nobody else's business."""
    asker = deps.asker
    if asker.address.kind not in ("private", "terminal"):
        raise Refused("Positions are private. Write to me privately: open a chat with me and type it there.")
    return asker.platform, asker.user or asker.address.chat


def _owner(deps: Deps) -> Owner:
    """Return who asks, with the destination of this chat, made if it is new."""
    from storage.people import destinations  # noqa: PLC0415 - opens the database
    from storage.people.positions import Owner  # noqa: PLC0415 - as above

    platform, user = _person(deps)
    to = deps.asker.address
    here = destinations.ensure(
        deps.store, platform, to.chat, to.topic, kind=to.kind, title=deps.asker.title, now=deps.now
    )
    return Owner(platform, user, here.id)


# --- watching ---------------------------------------------------------------------------------------------------------


async def _watch(
    deps: Deps, owner: Owner, wish: Wish, question: Asked, stake: Stake, answer: LiquidationAnswer
) -> Reply:
    from signals.alerts.episodes import State  # noqa: PLC0415 - what /watch alone needs
    from signals.liquidation.watching import judge, lines_for  # noqa: PLC0415 - as above
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    draft = kept.Watched(
        id=0, destination=owner.destination, number=None, stake=stake, name=wish.name, lines=(), state=State()
    )
    now = now_of(deps, [draft])[0]
    check_against_mark(now, stake)
    begins = now.distance if now.known else abs(stake.entry - (answer.price or 0.0)) / stake.entry
    lines = wish.lines or lines_for(begins)
    state = State()
    if now.known and now.mark_at is not None:
        state, _ = judge(lines, state, {"distance": now.distance}, at=now.mark_at)
    try:
        number, new = kept.add(
            deps.store, owner, stake, name=wish.name, lines=lines, state=state, at=deps.now,
            table_of=answer.table_as_of,
        )  # fmt: skip
    except kept.TooMany:
        raise Refused(
            f"You watch {kept.MOST_POSITIONS} positions, which is as many as one person may. "
            "Take one away first, like /unwatch 1, then type this again."
        ) from None
    if not new and (wish.lines or wish.name):
        return await change(deps, (owner.platform, owner.user), replace(wish, number=number))
    named = replace(draft, number=number, lines=lines)
    head = f"Watching {words.title(named)}." if new else f"Already watched: {words.title(replace(named, name=None))}."
    blocks: list[Block] = [Line(head, "headline"), Line(liquidation_of(now, answer))]
    if new:
        blocks.append(Line(told_at(replace(now, watched=named), lines, begins, own=bool(wish.lines))))
    else:
        blocks.append(Line(f"To change it, type for example /watch {number} lines 15 8 3."))
    blocks += [
        Line(f"The mark price decides. {words.assumed(now)}", "caveat"),
        Buttons((Button("Positions", "/positions"), Button("Stop", f"/unwatch {number}"))),
    ]
    values = position_list.values_of(replace(now, watched=named), {}) | {"new": new}
    return Reply(tuple(blocks), values, read_as=read_as(question), stamp=words.stamp(now))


def _follow(deps: Deps, owner: Owner, wish: Wish) -> tuple[bool, Reply]:
    """Follow an address and return (whether that is new, what to say)."""
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    address = wish.address or ""
    try:
        number, new = kept.follow(deps.store, owner, address, name=wish.name, lines=wish.lines, at=deps.now)
    except kept.TooMany:
        raise Refused(
            f"This chat follows {kept.MOST_ADDRESSES} addresses, which is as many as it may. "
            "Take one away first, like /unwatch 0x…, then type this again."
        ) from None
    values = {"number": number, "address": address, "new": new}
    buttons = Buttons((Button("Positions", "/positions"), Button("Stop", f"/unwatch {number}")))
    if not new:
        head = Line(f"Already followed: {words.short(address)}, number {number}.", "headline")
        return False, Reply((head, buttons), values)
    lines = words.lines_said(wish.lines) if wish.lines else "20, 10 and 5 %"
    return True, Reply(
        (
            Line(f"Following {words.short(address)} on Hyperliquid, number {number}.", "headline"),
            Line("What it holds is told here within a minute or two, then what it opens and closes."),
            Line(f"You are told at {lines} from liquidation, by the price that Hyperliquid itself states."),
            Line("What an address holds is public there. That you follow it is stored here alone.", "caveat"),
            buttons,
        ),
        values,
    )


# --- looking ----------------------------------------------------------------------------------------------------------


def _nothing_watched(asset: str | None = None) -> Reply:
    what = f"no position in {asset}" if asset else "no positions"
    return Reply(
        (Line(f"You watch {what}.", "headline"), Line(f"To watch one, type it like {EXAMPLE}.")), {"positions": []}
    )


def _chosen(
    chunks: Sequence[str], deps: Deps, every: Sequence[Watched], addresses: Sequence[Followed]
) -> tuple[list[Watched], list[Followed]]:
    """Find what is meant by numbers, assets, addresses or `all`; a position of an address goes with the address."""
    from handlers.language.spelling import symbol  # noqa: PLC0415 - beside its use

    typed = [each for each in every if each.followed is None]
    gone: dict[int, Watched] = {}
    gone_addresses: dict[int, Followed] = {}
    for chunk in chunks:
        if chunk in ("all", "everything", "*"):
            return typed, list(addresses)
        read = symbol(chunk, deps.assets)
        number = chunk.strip("#().")
        for each in typed:
            if (number.isdecimal() and each.number == int(number)) or (read and each.stake.asset == read.asset):
                gone[each.id] = each
        for one in addresses:
            if (number.isdecimal() and one.number == int(number)) or one.address == chunk:
                gone_addresses[one.id] = one
    return list(gone.values()), list(gone_addresses.values())
