"""/margin: what must be put to a position for a liquidation price of one's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.command import MissingValue, Refused, command
from handlers.commands.liquidation_price import unit_of
from handlers.language.kinds import PRICE, argument
from handlers.language.position import LiqArgs, PositionQuestion, line, question_of, read_as
from handlers.language.refusals import refused
from handlers.reply import Block, Button, Buttons, Line, Reply
from handlers.words import liquidation as words
from handlers.words import wording
from signals.liquidation import LiquidationAnswer, LiquidationError, margin_for, quote

if TYPE_CHECKING:
    from handlers.command import Deps
    from signals.liquidation import MarginNeed


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginArgs(LiqArgs):
    """A position, and the liquidation price that is wanted for it."""

    target: float = argument(PRICE, label="wanted liquidation price", words="liq liquidation target wanted")


@command(
    subject="calculators",
    example="/margin 95000 25x long 0.5btc liq 90000",
    words="add margin, more margin, margin to add, how much margin, top up",
)
async def margin(deps: Deps, args: MarginArgs) -> Reply:
    """Margin to add for a liquidation price of your choice.

    Type the position with its size, then liq and the price you want: /margin 95000 25x long 0.5btc liq 90000. For
    margin that is in the position already, say collateral: collateral 3000.
    """
    question = question_of(deps, args, "margin")
    entry = question.entry
    side = args.side or ("long" if args.target < entry else "short")
    question = replace(question, args=replace(question.args, side=side))
    if args.size is None or (question.args.leverage is None and args.margin_mode != "cross"):
        missing = "size" if args.size is None else "leverage"
        wanted = (
            MissingValue("How large is the position?")
            if missing == "size"
            else MissingValue("With which leverage?", (), "{}x")
        )
        raise Refused(f"The {missing} is missing. Type it like /margin 95000 25x long 0.5btc liq 90000.", wanted=wanted)
    if (args.target - entry) * (1 if side == "long" else -1) >= 0.0:
        where, example = ("below", entry * 0.9) if side == "long" else ("above", entry * 1.1)
        raise Refused(
            f"A {side} is liquidated {where} its entry. "
            f"Type a price {where} {wording.price(entry)}, like liq {example:.6g}."
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
            "entry": entry,
            "leverage": question.args.leverage,
            "venue": question.venue,
            "contract": now.contract,
            "target_price": args.target,
            "liquidation_price": now.price,
            "margin": need.there,
            "margin_needed": need.needed,
            "margin_to_add": need.add,
            "maintenance_rate": need.rate,
            "tier": None if now.slope else need.tier,
            "table_date": now.table_as_of.isoformat(),
        }
        | unit_of(question),
        read_as=read_as(question, f"liq {wording.price(args.target)}"),
        stamp=words.stamp(now, deps.now),
    )


def _margin_blocks(
    question: PositionQuestion, target: float, now: LiquidationAnswer, need: MarginNeed
) -> tuple[Block, ...]:
    def money(amount: float) -> str:
        return wording.dollars(amount) if now.contract == "linear" else wording.coins(amount, question.unit)

    entry = question.entry
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
            Line(f"Add {money(need.add)} and liquidation moves to {wanted}.", "headline"),
            Line(f"Now: {held} {money(need.there)}, liquidation at {at}."),
            Line(f"Then: {held} {money(need.needed)}, which is {_times(question, now, need)}."),
        ]
    tier = "" if now.slope else f" (tier {need.tier})"
    rate = f"Maintenance margin {wording.share(need.rate * 100, 2)} at that price{tier}"
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
        value /= question.entry
    return f"{wording.leverage(value / need.needed)} in effect" if need.needed > 0 else "none"
