"""How it is told what a watched position went through while nobody looked."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from handlers.reply import Button, Buttons, Line
from handlers.words import positions as words
from handlers.words import wording
from handlers.words.liquidation import NAMES
from signals.liquidation.moves import distance_to
from signals.liquidation.watching import FARTHER

if TYPE_CHECKING:
    from handlers.position_now import Now
    from handlers.position_past import Passed
    from handlers.reply import Block
    from storage.people.positions import Watched

_DAY: Final = timedelta(days=1)


def may_be_gone(now: Now, passed: Passed) -> tuple[Block, ...]:
    """Tell that a position may have been liquidated, by what evidence, and ask its owner what is true."""
    each = now.watched
    side = "below" if each.stake.side == "long" else "above"
    beyond = f"{side} its liquidation price {_liquidation(now, passed)}"
    past = passed.reached.span.start != now.mark_at or not passed.mark
    here = f" Mark price now {wording.price(now.mark)}." if now.known and past else ""
    return (
        Line(f"{words.title(each)} may have been liquidated: check your exchange.", "headline"),
        Line(f"{_moved(now, passed)}, {beyond}.{here}"),
        Line(_evidence(now, passed)),
        Line(f"It stays watched until you say. Still open: /watch {each.number} keep. Gone: /unwatch {each.number}."),
        Line(f"The liquidation price is computed, not read from an account. {words.assumed(now)}", "caveat"),
        Line(words.stamp(now), "stamp"),
        Buttons((Button("Still open", f"/watch {each.number} keep"), Button("Gone", f"/unwatch {each.number}"))),
    )


def came_near(now: Now, passed: Passed) -> tuple[Block, ...]:
    """Tell that a position came within a line and is still within its lines."""
    each = now.watched
    came, here = words.far(passed.reached.distance), words.far(now.distance)
    return (
        Line(f"{words.title(each)} came within {came} of its liquidation price; it is {here} away now.", "headline"),
        Line(f"{_moved(now, passed)}. {_here(now)}"),
        Line(_evidence(now, passed), "caveat"),
        Line(f"All clear above {words.lines_said([max(each.lines) * FARTHER])}.", "caveat"),
        Line(words.stamp(now), "stamp"),
    )


def came_and_went(now: Now, passed: Passed) -> tuple[tuple[Block, ...], str]:
    """Tell that a position came within a line and is outside its lines again: the message, and the one line of it."""
    came, here = words.far(passed.reached.distance), words.far(now.distance)
    head = f"{words.title(now.watched)} came within {came} of its liquidation price and is clear again: {here} away."
    blocks = (
        Line(head, "headline"),
        Line(f"{_moved(now, passed)}. {_here(now)}"),
        Line(_evidence(now, passed), "caveat"),
        Line(words.stamp(now), "stamp"),
    )
    return blocks, head


def in_doubt(each: Watched) -> str:
    """Say of a position that it may be gone and what settles it; nothing where that is not in doubt."""
    if each.doubt is None:
        return ""
    told = wording.clock(each.doubt, each.zone, dated=True)
    return f"May have been liquidated, told {told}. /watch {each.number} keep or /unwatch {each.number}."


def _liquidation(now: Now, passed: Passed) -> str:
    """Say the liquidation price of that time; where it has not moved since, as the venue would show it."""
    then = passed.reached.liquidation
    return words.liquidation(now) if math.isclose(then, now.price, rel_tol=1e-9) else wording.price(then)


def _here(now: Now) -> str:
    days = words.typical(now)
    return (
        f"Mark price now {wording.price(now.mark)}, liquidation at {words.liquidation(now)}"
        f"{f': {days} away' if days else ''}."
    )


def _moved(now: Now, passed: Passed) -> str:
    """Say where the price was, and when as far as that is known."""
    each, span = now.watched, passed.reached.span
    price, venue = wording.price(passed.reached.price), NAMES.get(passed.venue, passed.venue)
    if passed.mark:
        when = wording.clock(span.start, each.zone, dated=True)
        return f"The mark price of {each.stake.asset} on {venue} was {price} on {when}"
    down = "down" if each.stake.side == "long" else "up"
    first, last = wording.clock(span.start, each.zone, dated=True), wording.clock(span.end, each.zone)
    between = f"between {first.rsplit(' ', 1)[0]} and {last}"
    if span.end - span.start >= _DAY:
        between = f"on {wording.day(span.start)}"
    return f"{each.stake.asset} traded {down} to {price} on {venue} {between}"


def _evidence(now: Now, passed: Passed) -> str:
    """Say what the price that was seen proves, and what was seen of the one that decides."""
    if passed.mark:
        if now.own_mark:
            return "The mark price decides."
        venue = NAMES.get(now.watched.stake.venue, now.watched.stake.venue)
        return f"A sign, not proof: {venue}'s own mark price of this contract decides, and none is stored here."
    if passed.marks is None:
        return "Trades are a sign, not proof: the mark price decides, and none was seen then."
    side = now.watched.stake.side
    nearest = passed.marks.low if side == "long" else passed.marks.high
    away = words.far(distance_to(passed.reached.liquidation, side=side, mark=nearest))
    seen = "the mark price, which decides, came no nearer than" if passed.well_seen else "the mark price seen was at"
    gap = "" if passed.well_seen else ", but not all of that time was seen"
    return f"Trades are a sign, not proof: {seen} {wording.price(nearest)} ({away} away){gap}."
