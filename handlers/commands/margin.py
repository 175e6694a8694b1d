"""/margin: how much margin puts the liquidation where it is wanted. No network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.command import Refused, command
from handlers.language.grammar import PRICE, argument
from handlers.language.position import Asked, LiqArgs, asked, line, read_as, refused, stamp
from handlers.reply import Button, Buttons, Line, Reply
from handlers.words import wording
from handlers.words.liquidation import distance
from signals.liquidation import LiquidationError, margin_for, quote

if TYPE_CHECKING:
    from handlers.command import Deps
    from handlers.reply import Block
    from signals.liquidation import LiquidationAnswer, MarginNeed


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
    question = asked(deps, args)
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
        now = quote(position, shelf=question.shelf)
        need = margin_for(position, args.target, shelf=question.shelf)
    except LiquidationError as error:
        raise refused(question, position, error, command="margin") from error
    return Reply(
        blocks=_blocks(question, args.target, now, need),
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
        },
        read_as=read_as(question, f"liq {wording.price(args.target)}"),
        stamp=stamp(now, deps.now),
    )


def _blocks(question: Asked, target: float, now: LiquidationAnswer, need: MarginNeed) -> tuple[Block, ...]:
    def money(amount: float) -> str:
        return wording.dollars(amount) if now.contract == "linear" else wording.coins(amount, question.asset)

    entry = question.args.entry
    wanted = f"{wording.price(target)} ({distance(entry, target)})"
    at = "nowhere" if now.price is None else f"{wording.price(now.shown)} ({distance(entry, now.price)})"
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


def _times(question: Asked, now: LiquidationAnswer, need: MarginNeed) -> str:
    """Say the margin as the leverage it amounts to."""
    value = now.notional or 0.0
    if now.contract == "inverse":
        value /= question.args.entry
    return f"{wording.leverage(value / need.needed)} in effect" if need.needed > 0 else "none"
