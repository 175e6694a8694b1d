"""How events of watched positions and followed addresses are told: words made when they are sent, in a chat's zone.

`blocks_of` has one function for each kind of event.
"""

from __future__ import annotations

import math
from functools import singledispatch
from typing import TYPE_CHECKING, Final

from handlers.reply import Block, Button, Buttons, Line
from handlers.words import wording
from handlers.words.liquidation import exchange
from handlers.words.positions.shown import (
    assumed,
    far,
    in_doubt,
    lines_said,
    liquidation,
    market,
    money,
    opened,
    profit,
    stamp,
    standing_in,
    title,
    typical,
    whose,
)
from signals.liquidation.events import (
    CameNear,
    DexBack,
    DexSilent,
    FirstLook,
    HolderBack,
    HolderSilent,
    HoldingsChanged,
    LineCrossed,
    LinesLeft,
    Liquidated,
    MayBeLiquidated,
    PriceBack,
    PriceSilent,
    TableMoved,
)
from signals.liquidation.moves import distance_to
from signals.liquidation.watching import FARTHER, LEAST, half_within, line_of
from signals.units import DAY
from signals.venues import of_accounts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.liquidation.events import PastPrice, PositionEvent, PositionNow

Blocks = tuple[Block, ...]

_MOST_SAID: Final = 8
_RANKS: Final = {"notice": "a notice", "warning": "a warning", "critical": "critical"}


@singledispatch
def blocks_of(event: PositionEvent, zone: str) -> Blocks:  # noqa: ARG001 - the signature of every one
    """Tell an event as a message for a chat whose times are those of `zone`."""
    raise TypeError(f"no words for {event!r}")


def reply_of(event: LinesLeft | CameNear | LineCrossed) -> str:
    """Say in one line how an episode went on: it answers the message that told of its beginning."""
    position = event.position
    name = title(position, position.holder)
    if isinstance(event, LineCrossed):
        now = f"Now {_RANKS[event.rank]}: {name} is {far(position.distance)} from its liquidation price."
        return f"{now} {_where(position)}"
    if isinstance(event, CameNear):
        came, here = far(event.past.worst.distance), far(position.distance)
        return f"{name} is safe again: {here} away; came within {came} of its liquidation price."
    if not position.liquidation > 0.0:
        return f"{name} has no liquidation price any more: its margin covers every price."
    within = f"within {lines_said([max(position.lines)])} for {wording.duration(event.lasted)}"
    return f"{name} is safe again: {far(position.distance)} away; {within}."


# --- where a position stands ------------------------------------------------------------------------------------------


@blocks_of.register
def _(event: LineCrossed, zone: str) -> Blocks:
    position, lines = event.position, event.position.lines
    what = f"{title(position, position.holder)} is {far(position.distance)} from its liquidation price."
    line = line_of(lines, event.rank)
    nearer = [other for other in lines if other < line]
    half = half_within(lines, position.judged) if not nearer else None
    told_next = lines_said([(half or line) / 2.0])
    nearer_said = f" Nearer lines: {lines_said(nearer)}." if nearer else f" Told again within {told_next}."
    if not nearer and (half or line) / 2.0 < LEAST:
        nearer_said = ""
    crossed = f"It is within {lines_said([half])}" if half else f"Its line of {lines_said([line])} is crossed"
    if position.distance > (half or line):  # by a price that stands in
        crossed = f"Its line of {lines_said([half or line])} counts as crossed"
    clear = lines_said([max(lines) * FARTHER])
    doubt = in_doubt(position, zone)
    return (
        Line(f"Now {_RANKS[event.rank]}: {what}" if event.escalated else what, "headline"),
        Line(_where(position)),
        Line(f"Opened {opened(position.holding)}; unrealised {profit(position)}."),
        *_relief(event),
        *_funding(position),
        Line(f"{crossed}; all clear above {clear}.{nearer_said}", "caveat"),
        *([Line(standing_in(position), "caveat")] if position.stood_in_for else []),
        Line(stamp(position, zone), "stamp"),
        *([Line(doubt, "caveat")] if doubt else []),
    )


@blocks_of.register
def _(event: LinesLeft, zone: str) -> Blocks:
    position = event.position
    where = (Line(_where(position)),) if position.liquidation > 0.0 else ()
    return (
        Line(reply_of(event), "headline"),
        *where,
        Line(stamp(position, zone), "stamp"),
    )


@blocks_of.register
def _(event: Liquidated, zone: str) -> Blocks:
    position = event.position
    at = wording.clock(position.mark_at, zone, dated=True)
    return (
        Line(f"{title(position)} would have been liquidated at {liquidation(position)} by the mark price.", "headline"),
        Line(
            f"The mark price of {market(position)} was {wording.price(position.mark)} at {at}. "
            "The watch of this position ends here."
        ),
        Line(f"This is computed, not read from an account. {assumed(position)}", "caveat"),
        Line(stamp(position, zone), "stamp"),
    )


@blocks_of.register
def _(event: TableMoved, zone: str) -> Blocks:
    position = event.position
    before = wording.price(event.before)
    old, new = wording.day(event.table_before), wording.day(position.table_as_of)
    return (
        Line(f"{title(position)}: liquidation now at {liquidation(position)}, before at {before}.", "headline"),
        Line(
            f"{exchange(position.holding.venue)} has a new tier table: that of {old} gave the old price, that of {new} "
            "gives the new one. Nothing else about the position has changed."
        ),
        Line(stamp(position, zone), "stamp"),
    )


@blocks_of.register
def _(event: PriceSilent, zone: str) -> Blocks:
    asset, positions = event.asset, event.positions
    first = positions[0]
    last = "No mark price of it is stored."
    if first.mark_at is not None:
        last = f"The last one is from {wording.clock(first.mark_at, zone, dated=True)} ({market(first)})."
    several = len(positions) > 1
    numbers = wording.listing([str(position.number) for position in positions])
    yours = f"your position{'s' if several else ''} {numbers} {'are' if several else 'is'} not watched"
    return (
        Line(f"{asset}: no fresh mark price, so {yours}.", "headline"),
        Line(f"{last} You are told when it is back."),
    )


@blocks_of.register
def _(event: PriceBack, zone: str) -> Blocks:  # noqa: ARG001 - as above
    away = [f"{title(position)} {far(position.distance)}" for position in event.positions]
    mark = wording.price(event.positions[0].mark)
    return (
        Line(f"{event.asset}: the mark price is back, {mark}.", "headline"),
        Line(f"From liquidation: {wording.listing(away)}."),
    )


def _where(position: PositionNow) -> str:
    days = typical(position)
    away = f"{far(position.distance)} away{f', {days}' if days else ''}"
    return f"Mark price {wording.price(position.mark)}, liquidation at {liquidation(position)}: {away}."


def _relief(event: LineCrossed) -> Blocks:
    """Say what would move the liquidation away; nothing where money cannot be named."""
    found = event.relief
    if found is None:
        return ()
    amount = money(math.ceil(found.add) if found.add >= 100.0 else found.add, event.position.holding)
    far_away = wording.percent(found.distance * 100, 1)
    return (Line(f"Add {amount} and liquidation moves to {wording.price(found.price)} ({far_away})."),)


def _funding(position: PositionNow) -> Blocks:
    """Say what funding has done to the margin since the watch began; nothing where it has done nothing."""
    holding = position.holding
    if position.priced != "computed":
        return ()
    if position.settled is None:
        rates = f"no rates of {exchange(holding.venue)} for this contract are stored"
        return (Line(f"Funding is not counted: {rates}."),)
    if not position.taken > 0.0:
        return ()
    share = wording.share(position.taken / holding.margin * 100, 1)
    amount = f"{money(position.taken, holding)}, " if holding.sized else ""
    times = wording.count(position.settled, "payment")
    since = wording.day(holding.begun, year=False)
    return (Line(f"Funding since {since}, {times}: {amount}{share} of the margin, counted as taken from it."),)


# --- what a position went through while nobody looked -----------------------------------------------------------------


@blocks_of.register
def _(event: MayBeLiquidated, zone: str) -> Blocks:  # with what its owner may say to it
    position, past = event.position, event.past
    number = position.number
    then = past.worst.liquidation
    unmoved = math.isclose(then, position.liquidation, rel_tol=1e-9)  # then it is said as the venue would show it
    at = liquidation(position) if unmoved else wording.price(then)
    side = "below" if position.holding.side == "long" else "above"
    earlier = past.worst.span.start != position.mark_at or not past.by_mark
    here = f" Mark price now {wording.price(position.mark)}." if position.known and earlier else ""
    return (
        Line(f"{title(position)} may have been liquidated: check your exchange.", "headline"),
        Line(f"{_price_then(position, past, zone)}, {side} its liquidation price {at}.{here}"),
        Line(_evidence(position, past)),
        Line(f"It stays watched until you say. Still open: /watch {number} keep. Gone: /unwatch {number}."),
        Line(f"The liquidation price is computed, not read from an account. {assumed(position)}", "caveat"),
        Line(stamp(position, zone), "stamp"),
        Buttons((Button("Still open", f"/watch {number} keep"), Button("Gone", f"/unwatch {number}"))),
    )


@blocks_of.register
def _(event: CameNear, zone: str) -> Blocks:
    position, past = event.position, event.past
    came, here = far(past.worst.distance), far(position.distance)
    head = f"{title(position)} came within {came} of its liquidation price; it is {here} away now."
    clear = f"All clear above {lines_said([max(position.lines) * FARTHER])}."
    return (
        Line(reply_of(event) if event.went else head, "headline"),
        Line(f"{_price_then(position, past, zone)}. {_price_now(position)}"),
        Line(_evidence(position, past), "caveat"),
        *([] if event.went else [Line(clear, "caveat")]),
        Line(stamp(position, zone), "stamp"),
    )


def _price_now(position: PositionNow) -> str:
    days = typical(position)
    mark = wording.price(position.mark)
    return f"Mark price now {mark}, liquidation at {liquidation(position)}{f': {days} away' if days else ''}."


def _price_then(position: PositionNow, past: PastPrice, zone: str) -> str:
    """Say where the price was, and when as far as that is known."""
    holding, span = position.holding, past.worst.span
    price, venue = wording.price(past.worst.price), exchange(past.venue)
    first = wording.clock(span.start, zone, dated=True)
    if past.by_mark:
        return f"The mark price of {holding.unit} on {venue} was {price} on {first}"
    down = "down" if holding.side == "long" else "up"
    between = f"between {first.rsplit(' ', 1)[0]} and {wording.clock(span.end, zone)}"
    if span.end - span.start >= DAY:
        between = f"on {wording.day(span.start)}"
    return f"{holding.unit} traded {down} to {price} on {venue} {between}"


def _evidence(position: PositionNow, past: PastPrice) -> str:
    """Say what the price that was seen proves, and what was seen of the one that decides."""
    if past.by_mark:
        if position.own_mark:
            return "The mark price decides."
        venue = exchange(position.holding.venue)
        return f"A sign, not proof: {venue}'s own mark price of this contract decides, and it is not known now."
    if past.marks is None:
        return "Trades are a sign, not proof: the mark price decides, and none was seen then."
    side = position.holding.side
    nearest = past.marks.low if side == "long" else past.marks.high
    away = far(distance_to(past.worst.liquidation, side=side, mark=nearest))
    seen = "the mark price, which decides, came no nearer than" if past.well_seen else "the mark price seen was at"
    gap = "" if past.well_seen else ", but not all of that time was seen"
    return f"Trades are a sign, not proof: {seen} {wording.price(nearest)} ({away} away){gap}."


# --- addresses --------------------------------------------------------------------------------------------------------


@blocks_of.register
def _(event: FirstLook, zone: str) -> Blocks:  # noqa: ARG001 - as above
    name = whose(event.holder)
    part = Line(f"Not the whole account: {_dexes(event.unasked)} gave no answer.", "caveat")
    doubt = (part,) if event.unasked else ()
    if not event.positions:
        where = f" where {of_accounts().title} answered" if event.unasked else ""
        head = f"{name} holds no open positions{where}. You are told when it opens one."
        return (Line(head, "headline"), *doubt)
    count = wording.count(len(event.positions), "open position")
    held = _few([_held(position) for position in event.positions])
    return (Line(f"{name} holds {count}:", "headline"), *held, *doubt)


def _dexes(names: Sequence[str]) -> str:
    if "*" in names:
        return "the dexes of others"
    return f"{'dex' if len(names) == 1 else 'the dexes'} {wording.listing(list(names))}"


@blocks_of.register
def _(event: HoldingsChanged, zone: str) -> Blocks:  # noqa: ARG001 - as above
    name = whose(event.holder)
    lines = [f"Opened {_held(position)}" for position in event.opened]
    lines += [f"Closed {holding.unit} {holding.side}, was {opened(holding)}." for holding in event.closed]
    if len(lines) == 1:
        return (Line(f"{name}: {lines[0][:1].lower()}{lines[0][1:]}", "headline"),)
    return Line(f"{name} has changed its positions:", "headline"), *_few(lines)


@blocks_of.register
def _(event: HolderSilent, zone: str) -> Blocks:
    names = wording.listing([whose(holder) for holder in event.holders])
    clock = wording.clock(event.since, zone, dated=True)
    return (
        Line(f"No answer about {names} since {clock}, so nothing there is watched.", "headline"),
        Line(f"{event.reason} You are told when it answers again."),
    )


@blocks_of.register
def _(event: HolderBack, zone: str) -> Blocks:  # noqa: ARG001 - as above
    return (Line(f"{whose(event.holder)} is followed again: {of_accounts().title} answers.", "headline"),)


@blocks_of.register
def _(event: DexSilent, zone: str) -> Blocks:
    clock = wording.clock(event.since, zone, dated=True)
    held = wording.listing([f"{holding.unit} {holding.side}" for holding in event.positions])
    verb = "is" if len(event.positions) == 1 else "are"
    return (
        Line(f"{whose(event.holder)}: no answer of dex {event.dex} since {clock}.", "headline"),
        Line(f"{held} {verb} not watched meanwhile. You are told when it answers again."),
    )


@blocks_of.register
def _(event: DexBack, zone: str) -> Blocks:  # noqa: ARG001 - as above
    return (Line(f"{whose(event.holder)}: dex {event.dex} answers again.", "headline"),)


def _held(position: PositionNow) -> str:
    head = f"{position.holding.unit} {position.holding.side} {opened(position.holding)}"
    if not position.liquidation > 0.0:
        return f"{head}: no liquidation price."
    return f"{head}: liquidation at {wording.price(position.liquidation)}, {far(position.distance)} away."


def _few(lines: Sequence[str]) -> Blocks:
    more = len(lines) - _MOST_SAID
    said = [Line(f"– {line}") for line in lines[:_MOST_SAID]]
    return (*said, Line(f"and {more} more, see /positions")) if more > 0 else tuple(said)
