"""Where a position is liquidated, by the venue's own dated rule and tier table. No network."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from handlers import nearness
from handlers.command import Refused, command, commands
from handlers.language.grammar import Size
from handlers.language.position import Asked, LiqArgs, asked, line, read_as, refused, stamp
from handlers.reply import Block, Button, Buttons, Line, Reply, Table, plain_text
from handlers.words import liquidation as words
from handlers.words import wording
from signals.liquidation import LeverageAboveCap, LiquidationAnswer, LiquidationError, quote
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.command import Deps
    from handlers.language.grammar import Side
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
    question = asked(deps, args)
    _ask_about_thousands(deps, question)
    funded = args.collateral is not None and args.size is not None
    if question.args.leverage is None and args.margin_mode != "cross" and not funded:
        return _by_leverage(deps, question)
    answers = {side: _answer(question, side) for side in question.sides}
    one = next(iter(answers.values()))
    others = {side: words.elsewhere(answer, question.shelf) for side, answer in answers.items()}
    near = _near(deps, question, answers)
    numbers = {
        side: _numbers(answer) | {"elsewhere": _prices(others[side])} | near.numbers.get(side, {})
        for side, answer in answers.items()
    }
    if args.side:
        parts = words.one_side(one, others[args.side], question.shelf, near.said)
    else:
        parts = words.both_sides(answers, others, near.said)
    frame = Reply(
        blocks=(_buttons(question, watched=one.price is not None),),
        values=_said(question, one) | (numbers[args.side] if args.side else numbers),
        read_as=read_as(question),
        stamp=stamp(one, deps.now) + (f" · past days {deps.stamp_note}" if near.said and deps.stamp_note else ""),
    )
    room = LONGEST - len(plain_text(frame.all_blocks()))
    return replace(frame, blocks=(*words.within(parts, room), *frame.blocks))


def _answer(question: Asked, side: Side, leverage: float | None = None) -> LiquidationAnswer:
    position = question.position(side, leverage)
    try:
        return quote(position, shelf=question.shelf)
    except LiquidationError as error:
        raise refused(question, position, error) from error


def _ask_about_thousands(deps: Deps, question: Asked) -> None:
    """Ask whether 95k was meant by 95, where a stored price says so; nothing is opened for any other entry."""
    args, asset = question.args, question.asset
    if args.entry >= 1000 or not deps.store.exists:
        return
    from storage.market import points  # noqa: PLC0415 - only for a small price

    try:
        known = points.newest(deps.store, asset, "mark_price") or points.newest(deps.store, asset, "close")
    except StoreError:
        return  # a calculator answers without a database too
    if known and known.value / 3 < args.entry * 1000 < known.value * 3:
        meant = replace(question, args=replace(args, entry=args.entry * 1000))
        raise Refused(
            f"Did you mean {args.entry:g}k? The last stored price of {asset} is {wording.price(known.value)}. "
            f"Type {args.entry:g}k for {wording.price(args.entry * 1000)}, like {line(meant)}."
        )


# --- how near ---------------------------------------------------------------------------------------------------------


class _Near:
    """How near the liquidation is in past days: a sentence ("" where no history is stored), and numbers by side."""

    def __init__(self, said: str, found: Mapping[str, MoveFrequency]) -> None:
        self.said = said
        self.numbers: dict[str, dict[str, Any]] = {
            side: {"days_that_far": each.hits, "days_known": each.days} for side, each in found.items()
        }


def _near(deps: Deps, question: Asked, answers: Mapping[Side, LiquidationAnswer]) -> _Near:
    distances: dict[str, float | None] = {side: answer.distance for side, answer in answers.items() if answer.distance}
    past = nearness.past_days(deps, question.asset) if distances else None
    if past is None:
        return _Near("", {})
    found = nearness.count(past, distances)
    return _Near(nearness.sentence(past, found, distances, question.asset), found)


# --- several answers --------------------------------------------------------------------------------------------------


def _by_leverage(deps: Deps, question: Asked) -> Reply:
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
                last = quote(position, shelf=question.shelf)
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
        stamp=stamp(last, deps.now),
    )


def _spread(question: Asked, side: Side) -> tuple[Block, ...]:
    """Say at one leverage how far the exchanges are apart, where none was named."""
    if question.args.venue is not None:
        return ()
    try:
        answer = quote(question.position(side, 10.0), shelf=question.shelf)
    except LiquidationError:
        return ()
    span = words.span(answer, words.elsewhere(answer, question.shelf))
    return (Line(f"Over all exchanges, {side} at 10x: {span}."),) if span else ()


def _buttons(question: Asked, *, watched: bool = True) -> Buttons:
    args = question.args
    sides: tuple[Side, ...] = ("short",) if args.side == "long" else ("long",) if args.side else ("long", "short")
    buttons = [Button(side.capitalize(), line(replace(question, args=replace(args, side=side)))) for side in sides]
    larger = replace(question, args=replace(args, size=Size(1e6, "usd")))
    if args.size is None and args.leverage is not None and _can_be_answered(larger, args.side or sides[0]):
        buttons.append(Button("At $1m", line(larger)))
    whole = args.side and args.leverage is not None and args.margin_mode != "cross"
    if watched and whole and "watch" in commands():
        buttons.append(Button("Watch", watch_line(question)))
    return Buttons(tuple(buttons))


def watch_line(question: Asked) -> str:
    """Return the command line that watches this position: /watch long btc 95000 25x."""
    args = question.args
    rest = line(replace(question, args=replace(args, side=None, asset=None)), command="").removeprefix("/ ")
    return f"/watch {args.side} {question.asset.lower()} {rest}"


def _can_be_answered(question: Asked, side: Side) -> bool:
    try:
        quote(question.position(side), shelf=question.shelf)
    except LiquidationError:
        return False
    return True


# --- numbers for programs ---------------------------------------------------------------------------------------------


def _said(question: Asked, answer: LiquidationAnswer) -> dict[str, Any]:
    said = answer.position
    return {
        "asset": said.asset,
        "side": question.args.side,
        "entry": question.args.entry,
        "leverage": question.args.leverage,
        "venue": "binance" if answer.venue == "binance_coinm" else answer.venue,
        "contract": answer.contract,
        "margin_mode": said.margin_mode,
        "table_date": answer.table_as_of.isoformat(),
        "table_checked": answer.table_checked.isoformat(),
    }


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


def _prices(others: Mapping[str, LiquidationAnswer | LiquidationError]) -> dict[str, float | None]:
    return {venue: each.price for venue, each in others.items() if isinstance(each, LiquidationAnswer)}
