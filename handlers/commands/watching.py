"""/watch: having a position or an address watched, and changing what is watched without giving it up."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.command import MissingValue, Refused, command
from handlers.commands.positions import owner_of, person_of, values_of
from handlers.language.grammar import parse
from handlers.language.kinds import ASSET, CASH, REST, SIZE, Cash, Size, argument
from handlers.language.position import LiqArgs, question_of, read_as
from handlers.language.spelling import shown
from handlers.language.watch import (
    EXAMPLE,
    added,
    check_against_mark,
    check_entry,
    check_own_margin,
    doubt_by_mark,
    holding_of,
    said_of,
    take_apart,
)
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import wording
from handlers.words.positions import shown as words
from signals.venues import of_accounts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from handlers.command import Deps
    from handlers.language.position import PositionQuestion
    from handlers.language.watch import WatchRequest
    from signals.liquidation import LiquidationAnswer
    from signals.liquidation.events import PositionNow
    from signals.liquidation.watching import Holding
    from storage.engine.work import Work
    from storage.people.positions import FollowedAddress, Owner, WatchedPosition

_HOW = "like /watch {0} lines 15 8 3, /watch {0} margin +500 or /watch {0} name hedge"
_HERE = " It is told here from now on."


@dataclass(frozen=True, slots=True)
class WatchArgs:
    """A position in the words of /liq, or an address; with own lines and a name."""

    what: str = argument(REST, default="", label="position or 0x address")


@dataclass(frozen=True, slots=True)
class AddedArgs:
    """Margin that was put to a position, below zero what was taken out of it."""

    margin: Cash = argument(CASH, words="margin", label="margin +500")
    asset: str | None = argument(ASSET, default=None)
    size: Size | None = argument(SIZE, default=None)  # so that an amount may be in coins; it is no size here


@command(
    subject="own",
    example=EXAMPLE,
    words="watch my, follow my, track, follow, keep an eye",
    private="person",
    text_of=LiqArgs,
)
async def watch(deps: Deps, args: WatchArgs) -> Reply:
    """Watch a position, or an address, for its liquidation.

    Type a position as for /liq: /watch btc long 95000 25x 0.5btc bybit. You are told at 20, 10 and 5 % from
    liquidation, at half and a quarter of the way where it is nearer, or at your own lines: lines 15 8 4. A name at the
    end helps to tell positions apart: name hedge.
    Change it later by its number: /watch 2 lines 15 8 3, /watch 2 margin +500, /watch 2 name hedge; lines usual and
    name none take that back.
    /watch and a Hyperliquid address (0x…) follows what that address holds in public. Only you see what you watch.
    """
    person_of(deps)  # first: where others read along nobody is asked for a position, or for the rest of one
    request = take_apart(args.what, deps.assets)
    if request.of_known:
        return _change(deps, request)
    owner, zone = owner_of(deps)
    if request.address:
        return _follow(deps, owner, request)
    typed = parse(LiqArgs, request.rest, command="watch", assets=deps.assets)
    check_own_margin(typed)
    check_entry(deps, typed)
    question = question_of(deps, typed, "watch")
    holding, answer = holding_of(deps, question)
    return _watch(deps, owner, zone, request, question, holding, answer)


# --- a new one --------------------------------------------------------------------------------------------------------


def _watch(
    deps: Deps,
    owner: Owner,
    zone: str,
    request: WatchRequest,
    question: PositionQuestion,
    holding: Holding,
    answer: LiquidationAnswer,
) -> Reply:
    from signals.alerts.episodes import State  # noqa: PLC0415 - what /watch alone needs
    from signals.liquidation.watching import judge, lines_for  # noqa: PLC0415 - as above
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database
    from storage.queries.positions import positions_now, stale_marks  # noqa: PLC0415 - as above

    draft = kept.WatchedPosition(
        id=0, destination=owner.destination, number=None, holding=holding, name=request.name, lines=(), state=State()
    )
    position = positions_now(deps.store, [draft], deps.now)[0]
    check_against_mark(position)
    begins = position.distance if position.known else abs(holding.entry - (answer.price or 0.0)) / holding.entry
    lines = request.lines or lines_for(begins)
    state = State()
    if position.known and position.mark_at is not None:
        state, _ = judge(lines, state, {"distance": position.distance}, at=position.mark_at)
    try:
        number, new = kept.add(
            deps.store, owner, holding, name=request.name, lines=lines, state=state, at=deps.now,
            table_of=answer.table_as_of,
        )  # fmt: skip
    except kept.TooMany:
        raise Refused(
            f"You watch {kept.MOST_POSITIONS} positions, which is as many as one person may. "
            "Take one away first, like /unwatch 1, then type this again."
        ) from None
    moved = not new and kept.tell_here(deps.store, owner, number)
    if not new and request.changes:
        return _change(deps, replace(request, number=number))

    def said(position: PositionNow) -> Reply:
        title = words.title(position if new else replace(position, name=None))
        blocks: list[Block] = [
            Line(f"Watching {title}." if new else f"Already watched: {title}.{_HERE if moved else ''}", "headline"),
            Line(words.liquidation_of(position, zone, answer)),
        ]
        if question.at_mark:
            blocks.append(Line(f"Taken as the entry: {question.unit} is at {wording.price(question.entry)}."))
        if doubt := doubt_by_mark(position):
            blocks.append(Line(doubt, "caveat"))
        elif new:
            blocks.append(Line(words.told_at(position, begins, own=bool(request.lines))))
        else:
            blocks.append(Line(f"To change it, type for example /watch {number} lines 15 8 3."))
        blocks += [Line(f"The mark price decides. {words.assumed(position)}", "caveat"), _buttons(number)]
        values = values_of(position, None) | {"new": new}
        return Reply(tuple(blocks), values, read_as=read_as(question), stamp=words.stamp(position, zone))

    reply = said(replace(position, number=number, lines=lines))
    stale = tuple(stale_marks(deps.store, [draft], deps.now))
    back = (f"/unwatch {number}",) if new else () if moved else None  # from a chat that tells of it no way leads
    return replace(reply, outdated=stale, again=_again(number, reply, said), back=back)


def _again(number: int | None, first: Reply, said: Callable[[PositionNow], Reply]) -> Callable[[Deps], Reply]:
    """Return how to say where a position stands once its price has come; the watch itself is written already."""

    def again(deps: Deps) -> Reply:
        from signals.liquidation.watching import judge  # noqa: PLC0415 - what /watch alone needs
        from storage.people import positions as kept  # noqa: PLC0415 - opens the database
        from storage.queries.positions import positions_now  # noqa: PLC0415 - as above

        watched = next((one for one in kept.of(deps.store, *person_of(deps)) if one.number == number), None)
        if watched is None:
            return first  # given up meanwhile
        position = positions_now(deps.store, [watched], deps.now)[0]
        if position.known and position.mark_at is not None and watched.state.at is None:
            # Never judged yet: the answer says which lines are crossed, so no message does.
            state, _ = judge(watched.lines, watched.state, {"distance": position.distance}, at=position.mark_at)
            with deps.store.write() as work:
                if kept.unchanged(work, watched):
                    kept.save(work, replace(watched, state=state))
        return said(position)

    return again


def _follow(deps: Deps, owner: Owner, request: WatchRequest) -> Reply:
    """Follow an address, or change one that is followed."""
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    address = request.address or ""
    try:
        number, new = kept.follow(deps.store, owner, address, name=request.name, lines=request.lines, at=deps.now)
    except kept.TooMany:
        raise Refused(
            f"This chat follows {kept.MOST_ADDRESSES} addresses, which is as many as it may. "
            "Take one away first, like /unwatch 0x…, then type this again."
        ) from None
    moved = not new and kept.tell_here(deps.store, owner, number)
    if not new and request.changes:
        return _change(deps, request)
    values = {"number": number, "address": address, "new": new}
    if not new:
        said = f"Already followed: {words.short(address)}, number {number}.{_HERE if moved else ''}"
        head = Line(said, "headline")
        return Reply((head, _buttons(number)), values, back=() if moved else None)
    lines = words.lines_said(request.lines) if request.lines else "20, 10 and 5 %"
    return Reply(
        (
            Line(f"Following {words.short(address)} on {of_accounts().title}, number {number}.", "headline"),
            Line("What it holds is told here within a minute or two, then what it opens and closes."),
            Line(f"You are told at {lines} from liquidation, by the price that {of_accounts().title} itself states."),
            Line("What an address holds is public there. That you follow it is stored here alone.", "caveat"),
            _buttons(number),
        ),
        values,
        back=(f"/unwatch {number}",),
    )


def _buttons(number: int | None) -> Buttons:
    return Buttons((Button("Positions", "/positions"), Button("Stop", f"/unwatch {number}")))


# --- changing one -----------------------------------------------------------------------------------------------------


def _change(deps: Deps, request: WatchRequest) -> Reply:
    """Change a position or a followed address of a person by its number, or by its asset where there is only one."""
    from signals.liquidation.watching import lines_for  # noqa: PLC0415 - what a change alone needs
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database
    from storage.queries.positions import positions_now, stale_marks  # noqa: PLC0415 - as above

    person = person_of(deps)
    every = kept.of(deps.store, *person) if deps.store.exists else []
    addresses = kept.followed_by(deps.store, *person) if deps.store.exists else []
    meant = _meant(request, every, addresses)
    if not request.changes:
        how = _HOW.format(meant.number)
        text = f"What is to be changed? Type it {how}. To end it: /unwatch {meant.number}."
        raise Refused(text, wanted=MissingValue(text, several=True, behind=True))
    if isinstance(meant, kept.FollowedAddress):
        return _change_followed(deps, meant, request, [held for held in every if held.followed == meant.id])
    holding = replace(meant.holding, added=_added(meant, request.margin)) if request.margin else meant.holding
    new = replace(meant, name=_named(request, meant.name), lines=request.lines or meant.lines, holding=holding)
    if request.keep or request.margin:  # nobody puts margin to a position that is gone
        new = replace(new, doubt=None)
    position = positions_now(deps.store, [new], deps.now)[0]
    if request.usual:
        new = replace(new, lines=lines_for(position.distance))
        position = replace(position, lines=new.lines)
    if request.margin:
        _check_margin(position, meant)
    with deps.store.write() as work:
        current = next((watched for watched in kept.of(deps.store, *person) if watched.id == meant.id), None)
        if current is None:
            raise Refused(f"{words.title(meant)} is not watched any more. See /positions.")
        new = replace(current, name=new.name, lines=new.lines, holding=new.holding, doubt=new.doubt)
        if request.lines or request.usual or request.margin or request.keep:
            new = replace(_judged_anew(work, new, position), looked=deps.now)
        kept.change(work, new)

    def said(position: PositionNow) -> Reply:
        return _changed(position, meant, request)

    stale = tuple(stale_marks(deps.store, [new], deps.now))
    return replace(
        said(position), outdated=stale, again=_again(meant.number, said(position), said), back=_back(meant, new)
    )


def _named(request: WatchRequest, before: str | None) -> str | None:
    return None if request.unnamed else request.name or before


def _back(before: WatchedPosition, after: WatchedPosition) -> tuple[str, ...] | None:
    """Return the line that changes a position back; none leads back from the word that it is still open."""
    more = before.holding.added - after.holding.added
    margin = added(more, before.holding) if more else ""
    lines = said_of(before.lines, None) if before.lines != after.lines else ""
    name = f"name {before.name or 'none'}" if before.name != after.name else ""
    said = " ".join(filter(None, (margin, lines, name)))
    if said:
        return (f"/watch {before.number} {said}",)
    return () if before.doubt != after.doubt else None


def _meant(
    request: WatchRequest, every: Sequence[WatchedPosition], addresses: Sequence[FollowedAddress]
) -> WatchedPosition | FollowedAddress:
    """Find the position or the address that is meant. Refused where there is none, or more than one."""
    typed = [watched for watched in every if watched.followed is None]
    found: list[WatchedPosition | FollowedAddress]
    if request.address:
        found = [followed for followed in addresses if followed.address == request.address]
    elif request.number is not None:
        found = [watched for watched in typed if watched.number == request.number]
        found += [followed for followed in addresses if followed.number == request.number]
    else:
        found = [watched for watched in typed if watched.holding.asset == request.asset]
    if len(found) == 1:
        return found[0]
    if found:
        numbers = wording.listing([str(watched.number) for watched in found])
        raise Refused(
            f"You watch {len(found)} positions in {request.asset}: {numbers}. "
            f"Type the number of one, {_HOW.format(found[0].number)}."
        )
    what = f"no position in {request.asset}"
    if request.number is not None:
        what = f"nothing with the number {request.number}"
    raise Refused(f"You watch {what}. See /positions, or type a whole position like {EXAMPLE}.")


def _added(watched: WatchedPosition, text: str) -> float:
    """Return the margin that has been added in all, in settle coin. Refused where the amount cannot be meant."""
    holding, number = watched.holding, watched.number
    inverse = holding.contract == "inverse"
    coin = holding.asset.lower()
    example = f"/watch {number} margin +0.01{coin}" if inverse else f"/watch {number} margin +500"
    if not holding.sized:
        raise Refused(
            f"The size of {words.title(watched)} is not known, so added margin cannot be counted. "
            f"Type /unwatch {number}, then the position with its size, like {EXAMPLE}."
        )
    if text[0] not in "+-":
        raise Refused(f"Is that to be added or taken out? Type {example} to add, with a minus to take out.")
    try:
        said = parse(AddedArgs, f"margin {text[1:]}", command="watch", assets=(holding.asset,))
    except Refused:
        raise Refused(f"“{shown(text)}” is no amount. Type it like {example}.") from None
    amount = said.margin
    if inverse != (amount.unit == "coin") or said.asset not in (None, holding.asset) or said.size:
        unit = f"in {holding.asset}" if inverse else "in dollars"
        raise Refused(f"The margin of {words.title(watched)} is {unit}. Type it like {example}.")
    added = holding.added + (amount.amount if text[0] == "+" else -amount.amount)
    if added < -1e-9 * holding.margin:
        was = words.money(holding.added, holding) if holding.added > 0.0 else "nothing yet"
        raise Refused(
            f"Only what was added can be taken out again, and that is {was}. For another leverage type "
            f"/unwatch {number}, then the position anew."
        )
    return max(added, 0.0)


def _check_margin(position: PositionNow, before: WatchedPosition) -> None:
    """Refuse margin with which there would be nothing to watch, or nothing left."""
    holding = position.holding
    if position.priced == "computed" and not position.liquidation > 0.0:
        raise Refused(
            f"With {words.money(holding.margin, holding)} of margin {words.title(before)} has no liquidation price, "
            f"so there is nothing to watch. Type less, or /unwatch {before.number}."
        )
    if position.known and position.distance <= 0.0:
        raise Refused(
            f"By the mark price of {wording.price(position.mark)} it would be beyond its liquidation at "
            f"{words.liquidation(position)} then, so this cannot be. Check the amount."
        )


def _judged_anew(work: Work, watched: WatchedPosition, position: PositionNow) -> WatchedPosition:
    """Judge a position by its new lines or margin; the answer says where it stands, so no message does.

    An episode goes on while it is within a line, so that its message is edited; else it is over.
    """
    from signals.alerts.episodes import State  # noqa: PLC0415 - what a change alone needs
    from signals.liquidation.watching import judge  # noqa: PLC0415 - as above
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database

    state = State()
    if position.known and position.mark_at is not None:
        state, _ = judge(watched.lines, state, {"distance": position.distance}, at=position.mark_at)
    if state.rank and watched.state.rank:
        return replace(watched, state=replace(state, since=watched.state.since))
    kept.end_episode(work, watched, position.since)
    return replace(watched, state=state, episode=None)


def _changed(position: PositionNow, before: WatchedPosition, request: WatchRequest) -> Reply:
    holding, zone = position.holding, before.zone
    parts = []
    if request.keep:
        parts.append("still open, watched on" if before.doubt else "watched on")
    if request.margin:
        more = holding.added - before.holding.added
        verb = "added" if more >= 0 else "taken out"
        amount, margin = words.money(abs(more), holding), words.money(holding.margin, holding)
        parts.append(f"{amount} of margin {verb}, {margin} in all")
    if request.lines or request.usual:
        parts.append(f"lines at {words.lines_said(position.lines)}")
    if request.name or request.unnamed:
        parts.append(_called(position.name))
    blocks: list[Block] = [Line(f"{words.title(before)}: {'; '.join(parts)}.", "headline")]
    if position.liquidation > 0.0:
        blocks.append(Line(words.liquidation_of(position, zone)))
        blocks.append(Line(words.told_at(position, position.distance, own=True)))
    if doubt := doubt_by_mark(position) or words.in_doubt(position, zone):
        blocks.append(Line(doubt, "caveat"))
    blocks.append(_buttons(position.number))
    return Reply(tuple(blocks), values_of(position, None), stamp=words.stamp(position, zone))


def _change_followed(
    deps: Deps, followed: FollowedAddress, request: WatchRequest, held: Sequence[WatchedPosition]
) -> Reply:
    """Change the lines or the name of a followed address; its positions take the lines over."""
    from signals.liquidation.watching import LINES, lines_for  # noqa: PLC0415 - what a change alone needs
    from storage.people import positions as kept  # noqa: PLC0415 - opens the database
    from storage.queries.positions import positions_now  # noqa: PLC0415 - as above

    if request.margin or request.keep:
        raise Refused(
            f"Number {followed.number} is an address: {of_accounts().title} itself says what it holds. "
            f"Its lines and its name can be changed, like /watch {followed.number} lines 15 8 3."
        )
    lines = () if request.usual else request.lines or followed.lines
    new = replace(followed, name=_named(request, followed.name), lines=lines)
    with deps.store.write() as work:
        kept.change_followed(work, new)
        if request.lines or request.usual:
            for watched, position in zip(held, positions_now(deps.store, held, deps.now), strict=True):
                changed = replace(watched, lines=lines or lines_for(position.distance))
                kept.change(work, _judged_anew(work, changed, position))
    parts = []
    if request.lines or request.usual:
        parts.append(f"lines at {words.lines_said(new.lines or LINES)} from liquidation")
    if request.name or request.unnamed:
        parts.append(_called(new.name))
    back = [said_of(followed.lines, None) or "lines usual"] if followed.lines != new.lines else []
    back += [f"name {followed.name or 'none'}"] if followed.name != new.name else []
    values = {"number": followed.number, "address": followed.address, "name": new.name, "new": False}
    head = Line(f"{words.short(followed.address)} ({followed.number}): {'; '.join(parts)}.", "headline")
    line = f"/watch {followed.number} {' '.join(back)}"
    return Reply((head, _buttons(followed.number)), values, back=(line,) if back else None)


def _called(name: str | None) -> str:
    return f"called “{name}” now" if name else "without a name now"
