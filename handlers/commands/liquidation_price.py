"""/liq and /margin: where a position is liquidated by the venue's own dated rule and tier table, and what moves it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from handlers.command import Refused, command
from handlers.language.kinds import PRICE, Size, argument
from handlers.language.position import LiqArgs, PositionQuestion, line, question_of, read_as, refused, typed
from handlers.reply import Block, Button, Buttons, Line, Reply, Table, plain_text
from handlers.words import liquidation as words
from handlers.words import wording
from signals.assets import Instrument
from signals.liquidation import (
    LeverageAboveCap,
    LiquidationAnswer,
    LiquidationError,
    exchange_of,
    margin_for,
    quote,
)
from signals.liquidation.moves import move_frequency
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.command import Deps
    from handlers.language.kinds import Side
    from signals.liquidation import MarginNeed
    from signals.liquidation.moves import MoveFrequency

LONGEST = 900  # characters of a message, its buttons written out included
LEVERAGES = (5.0, 10.0, 25.0, 50.0)  # shown where none is given


@command(subject="calculators", example="/liq 95000 25x long")
async def liq(deps: Deps, args: LiqArgs) -> Reply:
    """Liquidation price of a position, per exchange.

    Without a side both are shown, without a leverage 5x to 50x, without a size the smallest tier is taken. Name an
    exchange to ask for its own rule: /liq 95000 25x long bybit. Add a size for the right tier: 0.5btc or 1M usd. For
    cross margin give the wallet balance and the other positions: 0.5btc cross balance 5000 other profit 120
    maintenance 50, or alone where there are none.
    """
    question = question_of(deps, args)
    _ask_about_thousands(deps, question)
    funded = args.collateral is not None and args.size is not None
    if question.args.leverage is None and args.margin_mode != "cross" and not funded:
        return _by_leverage(deps, question)
    answers = {side: _answer(question, side) for side in question.sides}
    first = next(iter(answers.values()))
    others = {side: words.elsewhere(answer, question.renewed) for side, answer in answers.items()}
    near, days = _how_near(deps, question, answers)
    numbers = {
        side: _numbers(answer) | {"elsewhere": _prices(others[side])} | _days(days.get(side))
        for side, answer in answers.items()
    }
    if args.side:
        parts = words.one_side(first, others[args.side], question.renewed, near)
    else:
        parts = words.both_sides(answers, others, near)
    frame = Reply(
        blocks=(_buttons(question, watched=first.price is not None),),
        values=_said(question, first) | (numbers[args.side] if args.side else numbers),
        read_as=read_as(question),
        stamp=words.stamp(first, deps.now) + (f" · past days {deps.stamp_note}" if near and deps.stamp_note else ""),
    )
    room = LONGEST - len(plain_text(frame.all_blocks()))
    return replace(frame, blocks=(*words.within(parts, room), *frame.blocks))


def _answer(question: PositionQuestion, side: Side, leverage: float | None = None) -> LiquidationAnswer:
    position = question.position(side, leverage)
    try:
        return quote(position, renewed=question.renewed)
    except LiquidationError as error:
        raise refused(question, position, error) from error


def _ask_about_thousands(deps: Deps, question: PositionQuestion) -> None:
    """Ask whether 95k was meant by 95, where a stored price says so; nothing is opened for any other entry."""
    args, asset = question.args, question.asset
    if args.entry >= 1000 or not deps.store.exists:
        return
    from storage.market import points  # noqa: PLC0415 - only for a small price

    try:
        known = points.newest(deps.store, asset, "mark_price") or points.newest(deps.store, asset, "close")
    except StoreError:
        return  # a calculator answers without a database too
    price = known.value * question.instrument.multiplier if known else 0.0
    if price / 3 < args.entry * 1000 < price * 3:
        meant = replace(question, args=replace(args, entry=args.entry * 1000))
        raise Refused(
            f"Did you mean {args.entry:g}k? The last stored price of {question.unit} is {wording.price(price)}. "
            f"Type {args.entry:g}k for {wording.price(args.entry * 1000)}, like {line(meant)}."
        )


# --- how near ---------------------------------------------------------------------------------------------------------


def _how_near(
    deps: Deps, question: PositionQuestion, answers: Mapping[Side, LiquidationAnswer]
) -> tuple[str, Mapping[Side, MoveFrequency]]:
    """Return how near the liquidation is in past days: a sentence ("" where no history is stored), and by side."""
    distances = {side: answer.distance for side, answer in answers.items() if answer.distance}
    if not distances or not deps.store.exists:
        return "", {}
    from storage.queries.market.liquidation_distance import past_days  # noqa: PLC0415 - opens the database

    try:
        past = past_days(deps.store, question.asset, deps.now)
    except StoreError:
        return "", {}  # a calculator answers without a database too
    if past is None:
        return "", {}
    found = {side: move_frequency(past.days, side=side, distance=abs(far)) for side, far in distances.items()}
    return words.how_near(past, found, distances, question.asset), found


# --- several answers --------------------------------------------------------------------------------------------------


def _by_leverage(deps: Deps, question: PositionQuestion) -> Reply:
    """Answer for the usual leverages where none is given."""
    args, sides = question.args, question.sides
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
                    cells.append(words.distance(args.entry, last.price))
            except LiquidationError as error:
                why_not = refused(question, position, error)
                cap = f"at most {wording.leverage(error.cap)}" if isinstance(error, LeverageAboveCap) else "unknown"
                cells += [cap] if len(sides) == 2 else [cap, ""]
        rows.append((wording.leverage(leverage), *cells))
        values[f"{leverage:g}"] = numbers[sides[0]] if len(sides) == 1 and numbers else numbers
    if last is None:
        raise why_not or Refused("No leverage can be answered. Type one, like /liq 95000 25x long.")
    columns = ("Leverage", "Long", "Short") if len(sides) == 2 else ("Leverage", "Liquidation", "Distance")
    title = f"{sides[0].capitalize()} from" if len(sides) == 1 else "From"
    held = f"{words.up_to(last)}{words.or_nearer(last)}"
    return Reply(
        blocks=(
            Line(f"{title} {wording.price(args.entry)}, liquidation by leverage{held}:", "headline"),
            Table(columns, tuple(rows)),
            *_spread(question, sides[0]),
            Line(words.assumed(last), "caveat"),
            _buttons(question),
        ),
        values=_said(question, last) | {"by_leverage": values},
        read_as=read_as(question),
        stamp=words.stamp(last, deps.now),
    )


def _spread(question: PositionQuestion, side: Side) -> tuple[Block, ...]:
    """Say at one leverage how far the exchanges are apart, where none was named."""
    if question.args.venue is not None:
        return ()
    try:
        answer = quote(question.position(side, 10.0), renewed=question.renewed)
    except LiquidationError:
        return ()
    span = words.span(answer, words.elsewhere(answer, question.renewed))
    return (Line(f"Over all exchanges, {side} at 10x: {span}."),) if span else ()


def _buttons(question: PositionQuestion, *, watched: bool = True) -> Buttons:
    args = question.args
    sides: tuple[Side, ...] = ("short",) if args.side == "long" else ("long",) if args.side else ("long", "short")
    buttons = [Button(side.capitalize(), line(replace(question, args=replace(args, side=side)))) for side in sides]
    larger = replace(question, args=replace(args, size=Size(1e6, "usd")))
    if args.size is None and args.leverage is not None and _can_be_answered(larger, args.side or sides[0]):
        buttons.append(Button("At $1m", line(larger)))
    whole = args.side and args.leverage is not None and args.margin_mode != "cross"
    if watched and whole and question.instrument.expiry is None:
        buttons.append(Button("Watch", watch_line(question)))
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
        "entry": question.args.entry,
        "leverage": question.args.leverage,
        "venue": exchange_of(answer.venue),
        "contract": answer.contract,
        "margin_mode": said.margin_mode,
        "table_date": answer.table_as_of.isoformat(),
        "table_checked": answer.table_checked.isoformat(),
    } | _unit(question)


def _unit(question: PositionQuestion) -> dict[str, Any]:
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
        "tier": answer.tier,
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


# --- /margin ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginArgs(LiqArgs):
    """A position, and the liquidation price that is wanted for it."""

    target: float = argument(PRICE, label="liq price", words="liq liquidation target wanted")


@command(subject="calculators", example="/margin 95000 25x long 0.5btc liq 90000")
async def margin(deps: Deps, args: MarginArgs) -> Reply:
    """Margin to add for a liquidation price of your choice.

    Type the position with its size, then liq and the price you want: /margin 95000 25x long 0.5btc liq 90000. For
    margin that is in the position already, say collateral: collateral 3000.
    """
    question = question_of(deps, args)
    side = args.side or ("long" if args.target < args.entry else "short")
    question = replace(question, args=replace(question.args, side=side))
    if args.size is None or (question.args.leverage is None and args.margin_mode != "cross"):
        missing = "size" if args.size is None else "leverage"
        raise Refused(f"The {missing} is missing. Type it like /margin 95000 25x long 0.5btc liq 90000.")
    if (args.target - args.entry) * (1 if side == "long" else -1) >= 0.0:
        where, example = ("below", args.entry * 0.9) if side == "long" else ("above", args.entry * 1.1)
        raise Refused(
            f"A {side} is liquidated {where} its entry. "
            f"Type a price {where} {wording.price(args.entry)}, like liq {example:.6g}."
        )
    position = question.position(side)
    try:
        now = quote(position, renewed=question.renewed)
        need = margin_for(position, args.target, renewed=question.renewed)
    except LiquidationError as error:
        raise refused(question, position, error, command="margin") from error
    return Reply(
        blocks=_margin_blocks(question, args.target, now, need),
        values={
            "asset": question.asset,
            "side": side,
            "entry": args.entry,
            "leverage": question.args.leverage,
            "venue": question.venue,
            "contract": now.contract,
            "target_price": args.target,
            "liquidation_price": now.price,
            "margin": need.there,
            "margin_needed": need.needed,
            "margin_to_add": need.add,
            "maintenance_rate": need.rate,
            "tier": need.tier,
            "table_date": now.table_as_of.isoformat(),
        }
        | _unit(question),
        read_as=read_as(question, f"liq {wording.price(args.target)}"),
        stamp=words.stamp(now, deps.now),
    )


def _margin_blocks(
    question: PositionQuestion, target: float, now: LiquidationAnswer, need: MarginNeed
) -> tuple[Block, ...]:
    def money(amount: float) -> str:
        return wording.dollars(amount) if now.contract == "linear" else wording.coins(amount, question.unit)

    entry = question.args.entry
    wanted = f"{wording.price(target)} ({words.distance(entry, target)})"
    at = "nowhere" if now.price is None else f"{wording.price(now.shown)} ({words.distance(entry, now.price)})"
    held = "wallet and other positions" if question.args.margin_mode == "cross" else "margin"
    if need.add <= 0:
        lines = [
            Line(f"Nothing to add: with {money(need.there)} the liquidation is already beyond {wanted}.", "headline"),
            Line(f"It is at {at} now; {wording.price(target)} would need {money(need.needed)}."),
        ]
    else:
        lines = [
            Line(f"Add {money(need.add)} to move the liquidation to {wanted}.", "headline"),
            Line(f"Now: {held} {money(need.there)}, liquidation at {at}."),
            Line(f"Then: {held} {money(need.needed)}, which is {_times(question, now, need)}."),
        ]
    rate = f"Maintenance margin {wording.share(need.rate * 100, 2)} at that price (tier {need.tier})"
    fee = f" + {wording.share(now.fee_rate * 100, 3)} closing fee" if now.fee_rate else ""
    return (
        *lines,
        Line(f"{rate}{fee}, the mark price decides."),
        Line("Funding is taken from the margin when the wallet is empty: leave some room.", "caveat"),
        Buttons((Button("Liquidation", line(question)),)),
    )


def _times(question: PositionQuestion, now: LiquidationAnswer, need: MarginNeed) -> str:
    """Say the margin as the leverage it amounts to."""
    value = now.notional or 0.0
    if now.contract == "inverse":
        value /= question.args.entry
    return f"{wording.leverage(value / need.needed)} in effect" if need.needed > 0 else "none"
