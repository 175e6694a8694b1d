"""/liq: where a position is liquidated by the venue's own dated rule and tiers, and how far that is from the price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from handlers.command import Refused, command
from handlers.commands.hedged import hedged
from handlers.language.kinds import Size, argument, choice
from handlers.language.position import LiqArgs, PositionQuestion, line, outdated, question_of, read_as, typed
from handlers.language.refusals import refused
from handlers.reply import Block, Button, Buttons, Line, Reply, Table, plain_text
from handlers.words import liquidation as words
from handlers.words import wording
from handlers.words.liquidation.brief import Brief, brief, table
from signals.assets import Instrument
from signals.liquidation import LeverageAboveCap, LiquidationAnswer, LiquidationError, quote
from signals.liquidation.condition import reached
from signals.liquidation.moves import move_frequency
from signals.venues import exchange_of
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from handlers.command import Deps
    from handlers.language.kinds import Side
    from signals.liquidation.moves import MoveFrequency
    from storage.queries.liquidation.liquidation_distance import PastDays

LONGEST = 900  # characters of a message, its buttons written out included
LEVERAGES = (5.0, 10.0, 25.0, 50.0)  # shown where none is given
HOW = choice("word for the long answer", dict.fromkeys(("how", "details"), True))


@dataclass(frozen=True, slots=True)
class LiqAsked(LiqArgs):
    """A position, and whether the long answer is wanted."""

    how: Literal[True] | None = argument(HOW, default=None, label="how")


@command(
    subject="calculators",
    example="/liq 95000 25x long",
    examples=(
        "/liq 95000 25x long",
        "/liq short eth 3000 10x bybit",
        "/liq 95000 25x long 0.5btc okx",
        "/liq 95000 long 0.5btc cross balance 5000 alone",
    ),
    words="<position>, liquidation price, liquidation, liquidated, get liquidated, liquidate, liq price, blow up, rekt",
)
async def liq(deps: Deps, args: LiqAsked) -> Reply:
    """Liquidation price of a position, per exchange.

    Without an entry, or with now, the price of now is taken: /liq btc 25x. Without a side both are shown, without a
    leverage 5x to 50x, without a size the smallest tier is taken. Name an exchange to ask for its own rule: /liq 95000
    25x long bybit. Add a size for the right tier: 0.5btc or 1M usd; add how for formula, tier and fee. For cross margin
    give the wallet balance and the other positions: 0.5btc cross balance 5000 other profit 120 maintenance 50, or alone
    where there are none. A long and a short of one coin in one account have one price: hedge 0.5btc against 61000.
    """
    question = question_of(deps, args)
    if args.hedge or args.against:
        return hedged(deps, question)
    how = bool(args.how)
    funded = args.collateral is not None and args.size is not None
    if question.args.leverage is None and args.margin_mode != "cross" and not funded:
        return _by_leverage(deps, question, how=how)
    answers = {side: answer_for(question, side) for side in question.sides}
    others = {side: words.elsewhere(answer, question.renewed) for side, answer in answers.items()}
    past_days, days = _how_near(deps, question, answers)
    past = _past(question, answers)
    from_here = _from_here(question, past)
    numbers = {
        side: _numbers(answer)
        | {"elsewhere": _prices(others[side])}
        | _days(days.get(side))
        | _now(question, answer, from_here.get(side), past=side in past)
        for side, answer in answers.items()
    }
    told = Brief(
        answers=answers, others=others, past=past, from_here=from_here, days=days, mark=question.mark,
        at_mark=question.at_mark, now=deps.now, zone=deps.zone if question.mark else "UTC", note=deps.stamp_note,
    )  # fmt: skip
    first = told.first
    values = _said(question, first) | (numbers[args.side] if args.side else numbers)
    watched = first.price is not None and not past
    frame = Reply(
        blocks=(_buttons(question, watched=watched, how=how),),
        values=values,
        read_as=read_as(question),
        outdated=outdated(deps, question),
    )
    if how:
        return _long(frame, question, told, past_days)
    blocks, stamp = brief(told)
    return replace(frame, blocks=(*blocks, *frame.blocks), stamp=stamp, echoed=False)


def _long(frame: Reply, question: PositionQuestion, told: Brief, past: PastDays | None) -> Reply:
    """Tell what the price rests on: how the line was read, tier, fee, formula, size, every exchange."""
    near = ""
    if past is not None:
        distances = {side: answer.distance or 0.0 for side, answer in told.answers.items() if side in told.days}
        near = words.how_near(past, told.days, distances, question.asset)
    if len(told.answers) == 1:
        parts = words.one_side(told.first, next(iter(told.others.values())), question.renewed, told.now, near)
    else:
        parts = words.both_sides(told.answers, told.others, told.now, near)
    stamp = words.stamp(told.first, told.now) + (f" · past days {told.note}" if near and told.note else "")
    frame = replace(frame, stamp=stamp)
    room = LONGEST - len(plain_text(frame.all_blocks()))
    return replace(frame, blocks=(*words.within(parts, room), *frame.blocks))


def answer_for(question: PositionQuestion, side: Side, leverage: float | None = None) -> LiquidationAnswer:
    """Return where a position is liquidated. Refused, with what to type instead, where its venue would not have it."""
    position = question.position(side, leverage)
    try:
        return quote(position, renewed=question.renewed)
    except LiquidationError as error:
        raise refused(question, position, error) from error


# --- how near ---------------------------------------------------------------------------------------------------------


def _past(question: PositionQuestion, answers: Mapping[Side, LiquidationAnswer]) -> frozenset[Side]:
    """Return the sides whose liquidation the price of now has reached; none by an old price."""
    mark = question.mark
    if mark is None or not mark.current:
        return frozenset()
    return frozenset(side for side, answer in answers.items() if reached(answer.price, mark.value, side))


def _from_here(question: PositionQuestion, past: frozenset[Side]) -> dict[Side, LiquidationAnswer]:
    """Answer for the price of now, for the sides that are past their liquidation.

    Empty where the margin is an amount and not a part of the position: that amount may not be there any more.
    """
    mark, args = question.mark, question.args
    if mark is None or args.leverage is None or args.margin_mode == "cross":
        return {}
    found: dict[Side, LiquidationAnswer] = {}
    for side in past:
        here = replace(question.position(side), entry=mark.value, margin=None)
        try:
            found[side] = quote(here, renewed=question.renewed)
        except LiquidationError:
            continue
    return found


def _how_near(
    deps: Deps, question: PositionQuestion, answers: Mapping[Side, LiquidationAnswer]
) -> tuple[PastDays | None, Mapping[Side, MoveFrequency]]:
    """Return the past days that are stored, and by side on how many the price moved as far as the liquidation is."""
    distances = {
        side: answer.distance
        for side, answer in answers.items()
        if answer.distance and not reached(answer.price, question.entry, side)
    }
    if not distances or not deps.store.exists:
        return None, {}
    from storage.queries.liquidation.liquidation_distance import past_days  # noqa: PLC0415 - opens the database

    try:
        past = past_days(deps.store, question.asset, deps.now)
    except StoreError:
        return None, {}  # a calculator answers without a database too
    if past is None:
        return None, {}
    return past, {side: move_frequency(past.days, side=side, distance=abs(far)) for side, far in distances.items()}


# --- several answers --------------------------------------------------------------------------------------------------


def _by_leverage(deps: Deps, question: PositionQuestion, *, how: bool) -> Reply:
    """Answer for the usual leverages where none is given."""
    sides = question.sides
    rows, values = [], {}
    last: LiquidationAnswer | None = None
    why_not: Refused | None = None
    for leverage in LEVERAGES:
        numbers: dict[str, Any] = {}
        cells = []
        for side in sides:
            position = question.position(side, leverage)
            try:
                last = quote(position, renewed=question.renewed)
                numbers[side] = _numbers(last)
                cells.append(words.shown(last) if last.price is not None else "none")
                if len(sides) == 1:
                    cells.append(words.distance(question.entry, last.price))
            except LiquidationError as error:
                why_not = refused(question, position, error)
                cap = f"at most {wording.leverage(error.cap)}" if isinstance(error, LeverageAboveCap) else "unknown"
                cells += [cap] if len(sides) == 2 else [cap, ""]
        rows.append((wording.leverage(leverage), *cells))
        values[f"{leverage:g}"] = numbers[sides[0]] if len(sides) == 1 and numbers else numbers
    if last is None:
        raise why_not or Refused("No leverage can be answered. Type one, like /liq 95000 25x long.")
    told = Brief(
        answers={sides[0]: last}, others={}, past=frozenset(), from_here={}, days={}, mark=question.mark,
        at_mark=question.at_mark, now=deps.now, zone=deps.zone if question.mark else "UTC",
    )  # fmt: skip
    columns = ("Leverage", "Long", "Short") if len(sides) == 2 else ("Leverage", "Liquidation", "Distance")
    which = f" {sides[0]}" if len(sides) == 1 else ""
    title = f"{question.unit}{which} from {wording.price(question.entry)}{words.or_nearer(last)}, liquidation:"
    blocks, stamp = table(told, title, Table(columns, tuple(rows)))
    if how:
        blocks = (*blocks, *_spread(question, sides[0], deps.now), Line(words.assumed(last), "caveat"))
        stamp = words.stamp(last, deps.now)
    return Reply(
        blocks=(*blocks, _buttons(question, how=how)),
        values=_said(question, last) | {"by_leverage": values},
        read_as=read_as(question),
        stamp=stamp,
        outdated=outdated(deps, question),
        echoed=how,
    )


def _spread(question: PositionQuestion, side: Side, now: datetime) -> tuple[Block, ...]:
    """Say at one leverage how far the exchanges are apart, where none was named."""
    if question.args.venue is not None:
        return ()
    try:
        answer = quote(question.position(side, 10.0), renewed=question.renewed)
    except LiquidationError:
        return ()
    span = words.span(answer, words.elsewhere(answer, question.renewed), now)
    return (Line(f"Over all exchanges, {side} at 10x: {span}."),) if span else ()


def _buttons(question: PositionQuestion, *, watched: bool = True, how: bool = False) -> Buttons:
    args = question.args
    sides: tuple[Side, ...] = ("short",) if args.side == "long" else ("long",) if args.side else ("long", "short")
    buttons = [Button(side.capitalize(), line(replace(question, args=replace(args, side=side)))) for side in sides]
    larger = replace(question, args=replace(args, size=Size(1e6, "usd")))
    if args.size is None and args.leverage is not None and _can_be_answered(larger, args.side or sides[0]):
        buttons.append(Button("At $1m", line(larger)))
    whole = args.side and args.leverage is not None and args.margin_mode != "cross"
    if watched and whole and question.instrument.expiry is None:
        buttons.append(Button("Watch", watch_line(question)))
    if not how:
        buttons.append(Button("How", line(question, more="how")))
    return Buttons(tuple(buttons))


def watch_line(question: PositionQuestion) -> str:
    """Return the command line that watches this position: /watch long btc 95000 25x."""
    args = question.args
    named = typed(question.instrument)
    bare = replace(
        question, args=replace(args, side=None, instrument=None), instrument=Instrument(asset=question.asset)
    )
    rest = line(bare, command="").removeprefix("/ ")
    return f"/watch {args.side} {named} {rest}"


def _can_be_answered(question: PositionQuestion, side: Side) -> bool:
    try:
        quote(question.position(side), renewed=question.renewed)
    except LiquidationError:
        return False
    return True


# --- numbers for programs ---------------------------------------------------------------------------------------------


def _said(question: PositionQuestion, answer: LiquidationAnswer) -> dict[str, Any]:
    said = answer.position
    return {
        "asset": said.asset,
        "side": question.args.side,
        "entry": question.entry,
        "leverage": question.args.leverage,
        "venue": exchange_of(answer.venue),
        "contract": answer.contract,
        "margin_mode": said.margin_mode,
        "table_date": answer.table_as_of.isoformat(),
        "table_checked": answer.table_checked.isoformat(),
    } | unit_of(question)


def unit_of(question: PositionQuestion) -> dict[str, Any]:
    """Return of how many coins the prices are, where they are not of one."""
    multiplier = question.instrument.multiplier
    return {"multiplier": multiplier} if multiplier != 1 else {}


def _numbers(answer: LiquidationAnswer) -> dict[str, Any]:
    return {
        "liquidation_price": answer.price,
        "shown_price": answer.shown,
        "distance_pct": None if answer.distance is None else answer.distance * 100,
        "bankruptcy_price": answer.bankruptcy,
        "maintenance_rate": answer.rate,
        "maintenance_amount": answer.amount,
        "fee_rate": answer.fee_rate,
        "tier": None if answer.slope else answer.tier,
        "leverage_cap": answer.leverage_cap,
        "size": answer.size,
        "notional_usd": answer.notional,
        "margin": answer.margin,
        "assumptions": [fact.value for fact in answer.assumptions],
    }


def _days(frequency: MoveFrequency | None) -> dict[str, int]:
    return {"days_that_far": frequency.hits, "days_known": frequency.days} if frequency else {}


def _prices(others: Mapping[str, LiquidationAnswer | LiquidationError]) -> dict[str, float | None]:
    return {venue: answer.price for venue, answer in others.items() if isinstance(answer, LiquidationAnswer)}


def _now(
    question: PositionQuestion, answer: LiquidationAnswer, from_here: LiquidationAnswer | None, *, past: bool
) -> dict[str, Any]:
    """Return where the price is now, and what the position would be from there; nothing where no price is known."""
    mark = question.mark
    if mark is None:
        return {}
    known = {"mark_price": mark.value, "mark_at": mark.at, "entry_is_mark": question.at_mark}
    if not mark.current:
        return known
    return known | {
        "from_mark_pct": None if answer.price is None else (answer.price / mark.value - 1) * 100,
        "already_past": past,
        "liquidation_from_here": from_here.price if from_here else None,
    }
