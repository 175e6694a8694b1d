"""Changing what is watched without giving it up: its lines, its name, margin added to it, and that it still stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.command import Refused
from handlers.language.grammar import ASSET, CASH, SIZE, Cash, Size, argument, parse
from handlers.language.spelling import shown
from handlers.language.watch import EXAMPLE
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.watch_looking import now_of
from handlers.words import position_list, wording
from handlers.words import positions as words
from handlers.words.position_past import in_doubt
from handlers.words.watch import liquidation_of, told_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from handlers.command import Deps
    from handlers.language.watch import Wish
    from handlers.position_now import Now
    from storage.engine.work import Work
    from storage.people.positions import Followed, Watched

_HOW = "like /watch {0} lines 15 8 3, /watch {0} margin +500 or /watch {0} name hedge"


@dataclass(frozen=True, slots=True)
class AddedArgs:
    """Margin that was put to a position, below zero what was taken out of it."""

    margin: Cash = argument(CASH, words="margin", label="margin +500")
    asset: str | None = argument(ASSET, default=None)
    size: Size | None = argument(SIZE, default=None)  # so that an amount may be in coins; it is no size here


async def change(deps: Deps, person: tuple[str, str], wish: Wish) -> Reply:
    """Change a position or a followed address of a person by its number, or by its asset where there is only one."""
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    every = kept.of(deps.store, *person) if deps.store.exists else []
    addresses = kept.followed_by(deps.store, *person) if deps.store.exists else []
    each = _meant(wish, every, addresses)
    if not (wish.lines or wish.name or wish.margin or wish.keep):
        raise Refused(f"What is to be changed? Type it {_HOW.format(each.number)}. To end it: /unwatch {each.number}.")
    if isinstance(each, kept.Followed):
        return _change_followed(deps, each, wish, [one for one in every if one.followed == each.id])
    stake = replace(each.stake, added=_added(each, wish.margin)) if wish.margin else each.stake
    new = replace(each, name=wish.name or each.name, lines=wish.lines or each.lines, stake=stake)
    if wish.keep or wish.margin:  # nobody puts margin to a position that is gone
        new = replace(new, doubt=None)
    now = now_of(deps, [new])[0]
    if wish.margin:
        _check_margin(now, each)
    with deps.store.write() as work:
        current = next((one for one in kept.of(deps.store, *person) if one.id == each.id), None)
        if current is None:
            raise Refused(f"{words.title(each)} is not watched any more. See /positions.")
        new = replace(current, name=new.name, lines=new.lines, stake=new.stake, doubt=new.doubt)
        if wish.lines or wish.margin or wish.keep:
            new = replace(_judged_anew(work, new, now), looked=deps.now)
        kept.change(work, new)
    return _said(replace(now, watched=new), each, wish)


def _meant(wish: Wish, every: Sequence[Watched], addresses: Sequence[Followed]) -> Watched | Followed:
    """Find the position or the address that is meant. Refused where there is none, or more than one."""
    typed = [one for one in every if one.followed is None]
    if wish.address:
        found: list[Watched | Followed] = [one for one in addresses if one.address == wish.address]
    elif wish.number is not None:
        found = [one for one in typed if one.number == wish.number]
        found += [one for one in addresses if one.number == wish.number]
    else:
        found = [one for one in typed if one.stake.asset == wish.asset]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = wording.listing([str(one.number) for one in found])
        raise Refused(
            f"You watch {len(found)} positions in {wish.asset}: {numbers}. "
            f"Type the number of one, {_HOW.format(found[0].number)}."
        )
    what = f"no position in {wish.asset}" if wish.number is None else f"nothing with the number {wish.number}"
    raise Refused(f"You watch {what}. See /positions, or type a whole position like {EXAMPLE}.")


# --- margin -----------------------------------------------------------------------------------------------------------


def _added(each: Watched, text: str) -> float:
    """Return the margin that has been added in all, in settle coin. Refused where the amount cannot be meant."""
    stake, number = each.stake, each.number
    inverse = stake.contract == "inverse"
    coin = stake.asset.lower()
    example = f"/watch {number} margin +0.01{coin}" if inverse else f"/watch {number} margin +500"
    if not stake.sized:
        raise Refused(
            f"The size of {words.title(each)} is not known, so added margin cannot be counted. "
            f"Type /unwatch {number}, then the position with its size, like {EXAMPLE}."
        )
    if text[0] not in "+-":
        raise Refused(f"Is that to be added or taken out? Type {example} to add, with a minus to take out.")
    try:
        said = parse(AddedArgs, f"margin {text[1:]}", command="watch", assets=(stake.asset,))
    except Refused:
        raise Refused(f"“{shown(text)}” is no amount. Type it like {example}.") from None
    amount = said.margin
    if inverse != (amount.unit == "coin") or said.asset not in (None, stake.asset) or said.size:
        unit = f"in {stake.asset}" if inverse else "in dollars"
        raise Refused(f"The margin of {words.title(each)} is {unit}. Type it like {example}.")
    added = stake.added + (amount.amount if text[0] == "+" else -amount.amount)
    if added < -1e-9 * stake.margin:
        was = _money(stake.added, each) if stake.added > 0.0 else "nothing yet"
        raise Refused(
            f"Only what was added can be taken out again, and that is {was}. For another leverage type "
            f"/unwatch {number}, then the position anew."
        )
    return max(added, 0.0)


def _check_margin(now: Now, before: Watched) -> None:
    """Refuse margin with which there would be nothing to watch, or nothing left."""
    each = now.watched
    if now.worth is not None and not now.price > 0.0:
        raise Refused(
            f"With {_money(each.stake.margin, each)} of margin {words.title(before)} has no liquidation price, "
            f"so there is nothing to watch. Type less, or /unwatch {before.number}."
        )
    if now.known and now.distance <= 0.0:
        raise Refused(
            f"By the mark price of {wording.price(now.mark)} it would be beyond its liquidation at "
            f"{words.liquidation(now)} then, so this cannot be. Check the amount."
        )


def _money(amount: float, each: Watched) -> str:
    stake = each.stake
    return wording.coins(amount, stake.asset) if stake.contract == "inverse" else wording.dollars(amount)


# --- where it stands then ---------------------------------------------------------------------------------------------


def _judged_anew(work: Work, each: Watched, now: Now) -> Watched:
    """Judge a position by its new lines or margin; the answer says where it stands, so no message does.

    An episode goes on while it is within a line, so that its message is edited; else it is over.
    """
    from signals.alerts.episodes import State  # noqa: PLC0415 - what a change alone needs
    from signals.liquidation.watching import judge  # noqa: PLC0415 - as above
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    state = State()
    if now.known and now.mark_at is not None:
        state, _ = judge(each.lines, state, {"distance": now.distance}, at=now.mark_at)
    if state.rank and each.state.rank:
        return replace(each, state=replace(state, since=each.state.since))
    kept.end_episode(work, each, now.mark_at or now.watched.stake.begun)
    return replace(each, state=state, episode=None)


def _said(now: Now, before: Watched, wish: Wish) -> Reply:
    each = now.watched
    parts = []
    if wish.keep:
        parts.append("still open, watched on" if before.doubt else "watched on")
    if wish.margin:
        more = each.stake.added - before.stake.added
        verb = "added" if more >= 0 else "taken out"
        parts.append(f"{_money(abs(more), each)} of margin {verb}, {_money(each.stake.margin, each)} in all")
    if wish.lines:
        parts.append(f"lines at {words.lines_said(each.lines)}")
    if wish.name:
        parts.append(f"called “{each.name}” now")
    lines: list[Block] = [Line(f"{words.title(replace(each, name=before.name))}: {'; '.join(parts)}.", "headline")]
    if now.price > 0.0:
        lines += [Line(liquidation_of(now)), Line(told_at(now, each.lines, now.distance, own=True))]
    if doubt := in_doubt(each):
        lines.append(Line(doubt, "caveat"))
    lines.append(_buttons(each.number))
    return Reply(tuple(lines), position_list.values_of(now, {}), stamp=words.stamp(now))


def _buttons(number: int | None) -> Buttons:
    return Buttons((Button("Positions", "/positions"), Button("Stop", f"/unwatch {number}")))


def _change_followed(deps: Deps, of: Followed, wish: Wish, held: Sequence[Watched]) -> Reply:
    """Change the lines or the name of a followed address; its positions take the lines over."""
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    if wish.margin or wish.keep:
        raise Refused(
            f"Number {of.number} is an address: Hyperliquid itself says what it holds. "
            f"Its lines and its name can be changed, like /watch {of.number} lines 15 8 3."
        )
    new = replace(of, name=wish.name or of.name, lines=wish.lines or of.lines)
    with deps.store.write() as work:
        kept.change_followed(work, new)
        if wish.lines:
            for now in now_of(deps, [replace(each, lines=wish.lines) for each in held]):
                kept.change(work, _judged_anew(work, now.watched, now))
    parts = []
    if wish.lines:
        parts.append(f"lines at {words.lines_said(new.lines)} from liquidation")
    if wish.name:
        parts.append(f"called “{new.name}” now")
    values = {"number": of.number, "address": of.address, "name": new.name, "new": False}
    head = Line(f"{words.short(of.address)} ({of.number}): {'; '.join(parts)}.", "headline")
    return Reply((head, _buttons(of.number)), values)
