"""How a watched position is told: in a list, when it crosses a line, and when it is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.reply import Line
from handlers.words import wording
from handlers.words.liquidation import NAMES
from signals.liquidation.watching import FARTHER, line_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from handlers.position_now import Now
    from handlers.reply import Block
    from signals.alerts.episodes import Transition
    from storage.people.positions import Followed, Watched

ASSUMED = "isolated, no margin added, funding is taken from the margin"
_RANKS = {"notice": "a notice", "warning": "a warning", "critical": "critical"}


def short(address: str) -> str:
    """Return an address as people know it: 0x12ab…cd34."""
    return f"{address[:6]}…{address[-4:]}"


def title(each: Watched, of: Followed | None = None) -> str:
    """Name a position: BTC long (2), BTC long “hedge” (2), BTC long of 0x12ab…cd34."""
    said = f"{each.stake.asset} {each.stake.side}"
    if each.name:
        said += f" “{each.name}”"
    if each.number is not None:
        said += f" ({each.number})"
    return f"{said} of {whose(of)}" if of else said


def whose(of: Followed) -> str:
    """Name an address, by its own name where it has one."""
    return f"“{of.name}” {short(of.address)}" if of.name else short(of.address)


def far(distance: float) -> str:
    """Say a distance given as a fraction: 9.8 %, 0.93 %."""
    return wording.share(distance * 100, 1 if abs(distance) >= 0.0995 else 2)


def lines_said(lines: Sequence[float]) -> str:
    """Say the lines of a position: 20, 10 and 5 %."""
    numbers = [wording.number(each * 100, 2).rstrip("0").rstrip(".") for each in sorted(lines, reverse=True)]
    return f"{wording.listing(numbers)} %"


def typical(now: Now, *, whole: bool = True) -> str:
    """Say a distance in typical days of movement; nothing where that is not known."""
    days = now.typical_days
    if days is None or days <= 0:
        return ""
    return f"{'under 0.1' if days < 0.1 else wording.number(days, 1)} typical days{' of movement' if whole else ''}"


def liquidation(now: Now) -> str:
    """Say the liquidation price as the venue would show it."""
    answer = now.worth.answer if now.worth else None
    return wording.price(answer.shown if answer and answer.shown is not None else now.price)


def profit(now: Now, *, share: bool = True) -> str:
    """Say the unrealised profit: +$120 (+6 % of the margin); without a size only its share of the margin."""
    stake = now.watched.stake
    part = wording.percent(now.profit_share * 100, 0 if abs(now.profit_share) >= 0.1 else 1)
    if not stake.sized:
        return f"{part} of the margin"
    if stake.contract == "linear":
        money = f"{'+' if round(now.profit) > 0 else ''}{wording.dollars(round(now.profit))}"
    else:
        money = f"{'+' if now.profit > 0 else ''}{wording.coins(now.profit, stake.asset)}"
    return f"{money} ({part} of the margin)" if share else money


def opened(each: Watched) -> str:
    """Say how a position was opened: 0.5 BTC from 95,000, 25x."""
    stake = each.stake
    size = ""
    if stake.size_coins is not None:
        size = f"{wording.coins(stake.size_coins, stake.asset)} "
    elif stake.size_usd is not None:
        size = f"{wording.usd(stake.size_usd)} "
    return f"{size}from {wording.price(stake.entry)}, {wording.leverage(stake.leverage)}"


def entry_of_list(now: Now, *, of: Followed | None = None) -> str:
    """Say a position in one line of the list."""
    each = now.watched
    number = f"{each.number}. " if each.number is not None else "– "
    name = f" “{each.name}”" if each.name else ""
    venue = "" if of else f", {NAMES.get(each.stake.venue, each.stake.venue)}"
    head = f"{number}{each.stake.asset} {each.stake.side}{name} {opened(each)}{venue}"
    if not now.price > 0.0:
        return f"{head}: {_no_price(now)}"
    at = f"liquidation at {liquidation(now)}"
    if not now.known:
        return f"{head}: {at}; {_no_mark(now)}"
    days = typical(now, whole=False)
    return f"{head}: {at}, {far(now.distance)} away{f' ({days})' if days else ''}, {profit(now, share=False)}"


def _no_price(now: Now) -> str:
    if now.reason:
        return "liquidation unknown, its tier table is not known here"
    return "no liquidation price, its margin covers every price"


def _no_mark(now: Now) -> str:
    if now.mark_at is None:
        return "distance unknown, no mark price is stored"
    return f"distance unknown, the last mark price is from {wording.clock(now.mark_at, now.watched.zone, dated=True)}"


# --- notices ----------------------------------------------------------------------------------------------------------


def crossed(now: Now, transition: Transition, of: Followed | None = None) -> tuple[Block, ...]:
    """Tell that a position has come within a line."""
    each = now.watched
    what = f"{title(each, of)} is {far(now.distance)} from its liquidation price."
    head = f"Now {_RANKS[transition.rank]}: {what}" if transition.kind == "escalated" else what
    line = line_of(each.lines, transition.rank)
    nearer = sorted((one for one in each.lines if one < line), reverse=True)
    nearer_said = f" Nearer lines: {lines_said(nearer)}." if nearer else ""
    return (
        Line(head, "headline"),
        Line(_where(now)),
        Line(f"Opened {opened(each)}; unrealised {profit(now)}."),
        *_funding(now),
        Line(
            f"Its line of {lines_said([line])} is crossed; all clear above "
            f"{lines_said([max(each.lines) * FARTHER])}.{nearer_said}",
            "caveat",
        ),
        Line(stamp(now), "stamp"),
    )


def cleared(now: Now, transition: Transition, of: Followed | None = None) -> tuple[tuple[Block, ...], str]:
    """Tell that a position is outside its lines again: the message, and the one line that answers it."""
    each = now.watched
    over = wording.duration(transition.at - transition.since)
    again = f"{title(each, of)} is {far(now.distance)} from its liquidation price again, outside its lines."
    if not now.price > 0.0:
        again = f"{title(each, of)} has no liquidation price any more: its margin covers every price."
    blocks = (
        Line(f"{title(each, of)}: over after {over}, outside its lines again.", "headline"),
        Line(_where(now) if now.price > 0.0 else again),
        Line(stamp(now), "stamp"),
    )
    return blocks, again


def ended(now: Now) -> tuple[Block, ...]:
    """Tell that the mark price has reached the liquidation price."""
    each = now.watched
    return (
        Line(f"{title(each)} would have been liquidated at {liquidation(now)} by the mark price.", "headline"),
        Line(
            f"The mark price of {_market(now)} was {wording.price(now.mark)} at "
            f"{wording.clock(now.mark_at, each.zone, dated=True)}. The watch of this position ends here."
        ),
        Line(f"This is computed, not read from an account. {assumed(now)}", "caveat"),
        Line(stamp(now), "stamp"),
    )


def moved(now: Now, before: float, old: date, new: date) -> tuple[Block, ...]:
    """Tell that a new tier table has moved the liquidation price."""
    each = now.watched
    venue = NAMES.get(each.stake.venue, each.stake.venue)
    return (
        Line(f"{title(each)}: liquidation now at {liquidation(now)}, before at {wording.price(before)}.", "headline"),
        Line(
            f"{venue} has a new tier table: that of {wording.day(old)} gave the old price, that of "
            f"{wording.day(new)} gives the new one. Nothing else about the position has changed."
        ),
        Line(stamp(now), "stamp"),
    )


def silence(asset: str, every: Sequence[Now]) -> tuple[Block, ...]:
    """Tell once that positions are not judged, because no fresh mark price is known."""
    one = every[0]
    zone = one.watched.zone
    last = "No mark price of it is stored."
    if one.mark_at is not None:
        last = f"The last one is from {wording.clock(one.mark_at, zone, dated=True)} ({_market(one)})."
    plural = len(every) > 1
    return (
        Line(
            f"{asset}: no fresh mark price, so {_numbers(every)} {'are' if plural else 'is'} not watched.", "headline"
        ),
        Line(f"{last} You are told when it is back."),
    )


def back(asset: str, every: Sequence[Now]) -> tuple[Block, ...]:
    """Tell that positions are judged again."""
    away = [f"{title(each.watched)} {far(each.distance)}" for each in every]
    return (
        Line(f"{asset}: the mark price is back, {wording.price(every[0].mark)}.", "headline"),
        Line(f"From liquidation: {wording.listing(away)}."),
    )


def _numbers(every: Sequence[Now]) -> str:
    numbers = [str(each.watched.number) for each in every]
    return f"your position{'s' if len(numbers) > 1 else ''} {wording.listing(numbers)}"


# --- addresses --------------------------------------------------------------------------------------------------------

_MOST_SAID = 8


def first_look(of: Followed, every: Sequence[Now]) -> tuple[Block, ...]:
    """Tell what a newly followed address holds."""
    if not every:
        return (Line(f"{whose(of)} holds no open positions. You are told when it opens one.", "headline"),)
    count = wording.count(len(every), "open position")
    return (Line(f"{whose(of)} holds {count}:", "headline"), *_listed([_held(each) for each in every]))


def changed(of: Followed, opened_: Sequence[Now], closed: Sequence[Watched]) -> tuple[Block, ...]:
    """Tell which positions an address has opened and closed, one line each."""
    lines = [f"Opened {_held(each)}" for each in opened_]
    lines += [f"Closed {each.stake.asset} {each.stake.side}, was {opened(each)}." for each in closed]
    if len(lines) == 1:
        return (Line(f"{whose(of)}: {lines[0][:1].lower()}{lines[0][1:]}", "headline"),)
    return (Line(f"{whose(of)} has changed its positions:", "headline"), *_listed(lines))


def no_answer(of: Sequence[Followed], since: datetime, reason: str) -> tuple[Block, ...]:
    """Tell once that addresses are not followed, because the venue does not answer."""
    names = wording.listing([whose(each) for each in of])
    clock = wording.clock(since, of[0].zone, dated=True)
    return (
        Line(f"No answer about {names} since {clock}, so nothing there is watched.", "headline"),
        Line(f"{reason} You are told when it answers again."),
    )


def answers_again(of: Followed) -> tuple[Block, ...]:
    """Tell that an address is followed again."""
    return (Line(f"{whose(of)} is followed again: Hyperliquid answers.", "headline"),)


def _held(now: Now) -> str:
    each = now.watched
    head = f"{each.stake.asset} {each.stake.side} {opened(each)}"
    if not now.price > 0.0:
        return f"{head}: no liquidation price."
    return f"{head}: liquidation at {wording.price(now.price)}, {far(now.distance)} away."


def _listed(lines: Sequence[str]) -> list[Block]:
    more = len(lines) - _MOST_SAID
    kept: list[Block] = [Line(f"– {each}") for each in lines[:_MOST_SAID]]
    return [*kept, Line(f"and {more} more, see /positions")] if more > 0 else kept


# --- parts ------------------------------------------------------------------------------------------------------------


def _where(now: Now) -> str:
    days = typical(now)
    away = f"{far(now.distance)} away{f', {days}' if days else ''}"
    return f"Mark price {wording.price(now.mark)}, liquidation at {liquidation(now)}: {away}."


def assumed(now: Now) -> str:
    """Say what a computed price takes for granted."""
    stake = now.watched.stake
    margin = "no margin added"
    if stake.added:
        coin = wording.coins(abs(stake.added), stake.asset)
        amount = wording.dollars(abs(stake.added)) if stake.contract == "linear" else coin
        margin = f"{amount} of margin {'added' if stake.added > 0 else 'taken out'}"
    if now.worth is not None and now.worth.settled is None:
        venue = NAMES.get(stake.venue, stake.venue)
        return f"Assumed: isolated, {margin}. Funding is not counted: no rates of {venue} are stored."
    return f"Assumed: isolated, {margin}, funding is taken from the margin."


def _funding(now: Now) -> list[Block]:
    """Say what funding has done to the margin since the watch began; nothing where it has done nothing."""
    found, stake = now.worth, now.watched.stake
    if found is None:
        return []
    if found.settled is None:
        venue = NAMES.get(stake.venue, stake.venue)
        return [Line(f"Funding is not counted: no rates of {venue} for this contract are stored.")]
    if not found.taken > 0.0:
        return []
    share = wording.share(found.taken / stake.margin * 100, 1)
    money = f"{wording.dollars(found.taken)}, " if stake.sized else ""
    times = wording.count(found.settled, "payment")
    since = wording.day(stake.begun, year=False)
    return [Line(f"Funding since {since}, {times}: {money}{share} of the margin, counted as taken from it.")]


def _market(now: Now) -> str:
    """Name the market of a mark price; that of a linear contract where an inverse one is held."""
    venue, stake = NAMES.get(now.mark_venue, now.mark_venue), now.watched.stake
    own = now.mark_venue == stake.listed != stake.venue
    return f"{venue}'s USDT contract" if stake.contract == "inverse" and not own else venue


def stamp(now: Now) -> str:
    """Say whose mark price and whose tier table a message rests on."""
    each = now.watched
    parts = [f"mark price of {_market(now)}, {wording.clock(now.mark_at, each.zone)}"]
    if now.mark_at is None:
        parts = ["no mark price"]
    if now.worth:
        venue = NAMES.get(each.stake.venue, each.stake.venue)
        parts.append(f"{venue} tier table of {wording.day(now.worth.answer.table_as_of)}")
    else:
        parts.append("liquidation price by Hyperliquid")
    return " · ".join(parts)
