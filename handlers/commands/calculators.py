"""Calculators beside /liq: what a move is worth, how large a position may be. No network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from handlers.command import MissingValue, Refused, command
from handlers.language.entry import UntypedPrice, ask_about_slip, example_with, is_now, mark_of, price_now
from handlers.language.kinds import (
    CONTRACT,
    INSTRUMENT,
    LEVERAGE,
    MONEY,
    NOW,
    PERCENT,
    PRICE,
    SIDE,
    SIZE,
    VENUE,
    Contract,
    Side,
    Size,
    argument,
)
from handlers.language.position import (
    DEFAULT_VENUE,
    EXACT,
    LiqArgs,
    PositionQuestion,
    contract_name,
    contract_of,
    instrument_of,
    outdated,
    question_of,
    typed,
    venue_of_chat,
)
from handlers.language.refusals import refused
from handlers.reply import Button, Buttons, Line, Reply
from handlers.words import wording
from handlers.words.liquidation import exchange, stamp
from signals.liquidation import LeverageAboveCap, LiquidationAnswer, LiquidationError, margin_for, quote
from signals.liquidation import calculators as sums

if TYPE_CHECKING:
    from handlers.command import Deps
    from handlers.reply import Block
    from signals.assets import Instrument
    from storage.queries.market.mark import MarkNow

NEARLY_GONE = -70.0  # percent of the margin: what is left is about the maintenance margin of high leverage
ROOM = 0.005  # share of the entry left between stop and liquidation: fees, slippage, mark against last price


def _read_as(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part)


def _said_size(size: Size, asset: str) -> str:
    return wording.coins(size.amount, asset) if size.unit == "coin" else wording.dollars(size.amount)


def _in_coins(size: Size | None) -> TypeGuard[Size]:
    return size is not None and size.unit == "coin"


def _move(share: float, decimals: int = 2) -> str:
    return wording.percent(share * 100, decimals)


# --- /pnl -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PnlArgs:
    """What can be said to /pnl."""

    entry: float | None = argument(PRICE, default=None, label="entry price", expected=True)
    exit: float | None = argument(PRICE, default=None, label="exit price", words="exit to close target tp")
    side: Side | None = argument(SIDE, default=None)
    leverage: float | None = argument(LEVERAGE, default=None)
    size: Size | None = argument(SIZE, default=None)
    fee: float | None = argument(PERCENT, default=None, words="fee fees", label="fee per side")
    instrument: Instrument | None = argument(INSTRUMENT, default=None, label="asset")
    contract: Contract | None = argument(CONTRACT, default=None)
    exact: Literal[True] | None = argument(EXACT, default=None, label="exact")


@command(
    subject="calculators",
    example="/pnl 95000 100000 25x long 0.5btc",
    words="profit, loss, gain, p&l, profit and loss, make if, made if, do i make, would i make, "
    "will i make, could i make, earn, win, lose, profits",
)
async def pnl(deps: Deps, args: PnlArgs) -> Reply:
    """Profit or loss of a position between two prices.

    Type the entry first, then the exit, or name it: to 100k. Without an exit, or with now, the price of now is taken:
    /pnl btc long 82000 now 0.5btc. Add a fee per side to count it and to see the
    break-even: /pnl 95000 100000 25x long 0.5btc fee 0.05%. With a fee and no exit the break-even is told alone.
    Add coin-m for a contract that pays in the coin.
    """
    venue = venue_of_chat(deps) or DEFAULT_VENUE
    named, contract = contract_of(instrument_of(deps, args.instrument, args.size), args.contract, venue)
    asset = named.unit
    size = replace(args.size, amount=args.size.amount / named.multiplier) if _in_coins(args.size) else args.size
    args, entry, at_now = _priced(deps, replace(args, contract=contract, size=size), named)
    if args.fee is not None and not 0 <= args.fee < 5:
        raise Refused("A fee is between 0 and 5 percent of the value. Type it like fee 0.05%.")
    sides: tuple[Side, ...] = (args.side,) if args.side else ("long", "short")
    values: dict[str, Any] = {
        "asset": asset,
        "side": args.side,
        "entry": entry,
        "exit": args.exit,
        "leverage": args.leverage,
        "contract": args.contract or "linear",
        "price_change_pct": None if args.exit is None else (args.exit / entry - 1) * 100,
    }
    blocks: list[Block] = []
    for side in sides:
        numbers = _pnl_numbers(args, entry, side)
        values |= numbers if args.side else {side: numbers}
        blocks += _pnl_lines(args, entry, asset, side, numbers)
    if at_now is not None:
        which = "exit" if args.exit == at_now.value else "entry"
        blocks.append(Line(f"Taken as the {which}: {asset} is at {wording.price(at_now.value)}."))
    left_out = "Fees and funding are left out."
    if args.fee is not None:
        left_out = f"Fees of {wording.share(args.fee, 3)} a side are counted, funding is left out."
    blocks.append(Line(left_out, "caveat"))
    inverse = args.contract == "inverse"
    return Reply(
        blocks=tuple(blocks),
        values=values,
        read_as=_read_as(
            contract_name(named),
            args.side or "both sides",
            f"entry {wording.price(entry)}",
            f"exit {wording.price(args.exit)}" if args.exit else None,
            wording.leverage(args.leverage) if args.leverage else None,
            _said_size(args.size, asset) if args.size else None,
            f"fee {wording.share(args.fee, 3)}" if args.fee is not None else None,
            "coin-margined" if inverse else None,
        ),
        stamp=f"{f'Inverse contract, margin in {asset}' if inverse else 'Linear contract, margin in dollars'} "
        "· no network needed",
        outdated=(named.asset,) if at_now is not None and at_now.outdated and named.asset in deps.assets else (),
    )


def _priced(deps: Deps, args: PnlArgs, named: Instrument) -> tuple[PnlArgs, float, MarkNow | None]:
    """Fill in the price of now where the entry or the exit was left out or typed as now, and return it, if it was.

    With a fee and no exit the break-even alone is asked for.
    """
    example, mark = "/pnl {now} {above} 25x long", mark_of(deps, named)
    if is_now(args.entry) and is_now(args.exit):
        text = f"The entry price is missing. Type it like {example_with(example, named, mark)}."
        raise Refused(text, wanted=MissingValue(text, several=True))
    _ask_about_slips(args, mark, named, args.exit)
    wanted = args.exit == NOW or (args.exit is None and args.fee is None)
    if not wanted and not is_now(args.entry):
        return args, args.entry or 0.0, None
    missing: UntypedPrice = "entry price" if is_now(args.entry) else "exit price"
    price = price_now(deps, mark, named, missing=missing, example=example)
    if is_now(args.entry):
        return args, price, mark
    return replace(args, exit=price), args.entry or 0.0, mark


def _ask_about_slips(args: PnlArgs | SizeArgs, mark: MarkNow | None, named: Instrument, other: float | None) -> None:
    """Ask about an entry, or the other price, that is a power of ten away from the known one."""
    for price in () if args.exact else (args.entry, other):
        if price is not None and not is_now(price):
            meant, kept = "{} in its place", "exact at the end"
            ask_about_slip(price, mark, unit=named.unit, named=True, meant=meant, kept=kept)


def _pnl_numbers(args: PnlArgs, entry: float, side: Side) -> dict[str, Any]:
    fee = (args.fee or 0.0) / 100
    contract = args.contract or "linear"
    inverse = contract == "inverse"
    even = sums.breakeven(contract=contract, side=side, entry=entry, fee_open=fee, fee_close=fee)
    numbers: dict[str, Any] = {"breakeven_price": even}
    if args.exit is None:
        return numbers
    size, worth, fees = _worth(args, entry, fee)
    before = sums.profit(contract=contract, side=side, entry=entry, exit_price=args.exit, size=size)
    after = before - fees
    known = args.size is not None
    return numbers | {
        "return_pct": after / worth * 100,
        "return_on_margin_pct": after / worth * 100 * args.leverage if args.leverage else None,
        "pnl_usd": (after * args.exit if inverse else after) if known else None,
        "pnl_coin": after if known and inverse else None,
        "fees_usd": (fees * args.exit if inverse else fees) if known else None,
        "fees_coin": fees if known and inverse else None,
    }


def _worth(args: PnlArgs, entry: float, fee: float) -> tuple[float, float, float]:
    """Return size (coins, inverse: USD; one coin where none was given), value at entry and fees, in settle coin."""
    exit_price = args.exit or entry
    coins = 1.0
    if args.size:
        coins = args.size.amount if args.size.unit == "coin" else args.size.amount / entry
    if args.contract != "inverse":
        return coins, coins * entry, fee * coins * (entry + exit_price)
    usd = coins * entry
    return usd, usd / entry, fee * usd * (1 / entry + 1 / exit_price)


def _pnl_lines(args: PnlArgs, entry: float, asset: str, side: Side, numbers: dict[str, Any]) -> list[Block]:
    lines: list[Block] = []
    if args.exit is not None:
        lines.append(Line(_pnl_headline(side, asset, numbers), "headline"))
        of_margin = numbers["return_on_margin_pct"] or 0.0
        if of_margin <= -100:
            lines.append(Line(f"That is more than the margin: the {side} is liquidated on the way, see /liq."))
        elif of_margin <= NEARLY_GONE:
            lines.append(Line(f"The margin is nearly gone: the {side} may be liquidated before this price, see /liq."))
    if args.fee is not None:
        share = _move(numbers["breakeven_price"] / entry - 1, 3)
        at = f"{wording.price(numbers['breakeven_price'])} ({share})"
        name = "Break-even" if args.side or args.exit is not None else f"{side.capitalize()}: break-even"
        lines.append(Line(f"{name} at {at}, both fees paid.", "body" if args.exit is not None else "headline"))
    return lines


def _pnl_headline(side: Side, asset: str, numbers: dict[str, Any]) -> str:
    parts = [f"{wording.percent(numbers['return_pct'], 2)} of the position"]
    if numbers["return_on_margin_pct"] is not None:
        parts.append(f"{wording.percent(numbers['return_on_margin_pct'])} of the margin")
    gain, coins = numbers["pnl_usd"], numbers["pnl_coin"]
    if gain is not None:
        plus = "+" if gain > 0 else ""
        told = f"{plus}{wording.dollars(gain)}"
        if coins is not None:
            told = f"{plus}{wording.coins(coins, asset)} ({told} at the exit)"
        parts.insert(0, told)
    return f"{side.capitalize()}: {', '.join(parts)}."


# --- /size ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeArgs:
    """What can be said to /size."""

    entry: float | None = argument(PRICE, default=None, label="entry price", expected=True)
    stop: float = argument(PRICE, label="stop price", words="stop sl")
    risk: Size | None = argument(SIZE, default=None, words="risk risking lose", label="risk 500usd")
    share: float | None = argument(PERCENT, default=None, words="risk risking lose", label="or 1%")
    balance: float | None = argument(
        MONEY, default=None, words="balance wallet of account acct equity capital", label="of balance 10000"
    )
    side: Side | None = argument(SIDE, default=None)
    instrument: Instrument | None = argument(INSTRUMENT, default=None, label="asset")
    venue: str | None = argument(VENUE, default=None)
    exact: Literal[True] | None = argument(EXACT, default=None, label="exact")


@command(
    subject="calculators",
    example="/size 95000 stop 93000 risk 500usd",
    words="position size, position sizing, how big, how large, how much can i, lot size, sizing",
)
async def size(deps: Deps, args: SizeArgs) -> Reply:
    """Position size for a risk and a stop.

    Type the entry, the stop and what may be lost: 500usd, or 1% balance 10000. Without an entry the price of now is
    taken: /size 1% of 10000 stop 93000. The highest leverage keeps the
    liquidation beyond the stop, by the exchange's tier table.
    """
    named = instrument_of(deps, args.instrument)
    at_mark = is_now(args.entry)
    mark = mark_of(deps, named)
    _ask_about_slips(args, mark, named, args.stop)
    entry = args.entry or price_now(
        deps, mark, named, missing="entry price", example="/size {now} stop {below} risk 500usd"
    )
    side = _side_of(args, entry, at_mark=at_mark)
    risk = _risk(args)
    coins = sums.size_from_risk(risk=risk, entry=entry, stop=args.stop)
    stop_share = abs(args.stop / entry - 1)
    bought = Size(coins * named.multiplier, "coin", named.asset)
    position = LiqArgs(entry, leverage=1.0, side=side, instrument=named, size=bought, venue=args.venue, exact=True)
    question = question_of(deps, position, "size")
    asset, venue = question.unit, question.venue
    if question.args.contract == "inverse":
        raise Refused(f"A size is told for contracts margined in dollars. Type {named.asset} for its one.")
    try:
        highest, roomy, answer = _highest(question, side, args.stop)
    except LiquidationError as error:
        raise refused(question, question.position(side), error) from error
    notional = coins * entry
    told = f"{wording.coins(coins, asset)} ({wording.dollars(notional)})"
    blocks: list[Block] = [
        Line(f"{told} loses {wording.dollars(risk)} at the stop.", "headline"),
        Line(f"The stop is {_move(args.stop / entry - 1)} from {_entry_said(question, at_mark=at_mark)}, {side}."),
        Line(_leverage_line(highest, roomy, notional, answer)),
        Line("Fees, slippage and funding are left out; a stop may be filled behind its price.", "caveat"),
        Buttons((Button("Liquidation", _liq_line(args, entry, side, coins, question.instrument, roomy)),)),
    ]
    return Reply(
        blocks=tuple(blocks),
        values={
            "asset": asset,
            "side": side,
            "entry": entry,
            "stop": args.stop,
            "venue": venue,
            "risk_usd": risk,
            "size": coins,
            "notional_usd": notional,
            "stop_pct": stop_share * 100,
            "max_leverage": highest,
            "max_leverage_with_room": roomy,
            "leverage_cap": answer.leverage_cap,
            "maintenance_rate": answer.rate,
            "table_date": answer.table_as_of.isoformat(),
        },
        read_as=_read_as(
            contract_name(question.instrument),
            side,
            f"entry {wording.price(entry)}",
            f"stop {wording.price(args.stop)}",
            f"risk {wording.dollars(risk)}",
            exchange(venue),
        ),
        stamp=stamp(answer, deps.now),
        outdated=outdated(deps, question) if at_mark else (),
    )


def _entry_said(question: PositionQuestion, *, at_mark: bool) -> str:
    return f"the price of now, {wording.price(question.entry)}" if at_mark else "the entry"


def _side_of(args: SizeArgs, entry: float, *, at_mark: bool) -> Side:
    if args.stop == entry:
        raise Refused("Entry and stop are the same price. Type a stop away from the entry, like stop 93000.")
    side: Side = "long" if args.stop < entry else "short"
    if args.side and args.side != side:
        where = "below" if args.side == "long" else "above"
        if at_mark:  # there is one price to be wrong about
            now, stop = wording.price(entry), wording.price(args.stop)
            raise Refused(
                f"The stop of a {args.side} lies {where} its entry, and the price of now is {now}: a stop at {stop} is "
                f"that of a {side}. Type {side}, an entry, or a stop {where} {now}."
            )
        raise Refused(f"The stop of a {args.side} lies {where} its entry. Swap the two prices, or type {side}.")
    return side


def _risk(args: SizeArgs) -> float:
    if args.risk is not None and args.risk.unit == "coin":
        raise Refused("The risk is counted in dollars. Type it like risk 500usd, or risk 1% balance 10000.")
    if args.risk is not None and args.share is not None:  # `risk 1% 10000usd`: of so much
        if args.balance is not None:
            raise Refused("The risk is given twice. Type it once, like risk 500usd, or risk 1% balance 10000.")
        if args.risk.amount == args.share:  # 1% of what? 1usd, as the question has it: nobody has a balance of $1
            return args.risk.amount
        return _risk(replace(args, risk=None, balance=args.risk.amount))
    if args.risk is not None:
        return args.risk.amount
    if args.balance is None and args.share is not None and args.share > 100:
        return args.share  # `risk 500`: nobody risks five times what they have
    if args.share is None:
        raise Refused(
            "What may be lost is missing. Type it like risk 500usd, or risk 1% balance 10000.",
            wanted=MissingValue(
                "How much may be lost? An amount like 500usd, or 1% balance 10000.", shape="risk {}usd"
            ),
        )
    if args.balance is None:
        share = f"{args.share:g}"
        question = f"{share}% of what? Type the balance, like 10000, or {share}usd if that is all that may be lost."
        raise Refused(
            f"{share}% of what? Add the balance, like risk {share}% balance 10000, or type dollars, like risk "
            f"{share}usd.",
            wanted=MissingValue(question, ((f"${share}", f"{share}usd"),), shape="balance {}"),
        )
    if not 0 < args.share <= 100:
        raise Refused("The risk is between 0 and 100 percent of the balance. Type it like risk 1% balance 10000.")
    return args.balance * args.share / 100


def _highest(question: PositionQuestion, side: Side, stop: float) -> tuple[float, float, LiquidationAnswer]:
    """Return the highest leverage that keeps the liquidation beyond the stop, the same with ROOM, and the answer at it.

    By the tier and the amount that hold at the stop, within the cap of the size. Below 1x: not even without leverage.
    """
    entry, sign = question.entry, 1 if side == "long" else -1
    position = question.position(side)

    def up_to(price: float) -> float:
        if price <= 0:
            return 1.0  # a long without leverage is not liquidated at all
        need = margin_for(position, price, renewed=question.renewed).needed
        return notional / need if need > 0 else math.inf

    notional = question.usd or 0.0
    highest, roomy = up_to(stop), up_to(stop - sign * ROOM * entry)
    try:
        answer = quote(replace(position, leverage=max(1.0, highest)), renewed=question.renewed)
    except LeverageAboveCap as error:
        answer = quote(replace(position, leverage=error.cap), renewed=question.renewed)
    cap = answer.leverage_cap or math.inf
    return min(highest, cap), min(roomy, cap), answer


def _leverage_line(highest: float, roomy: float, notional: float, answer: LiquidationAnswer) -> str:
    name = exchange(answer.venue)
    if answer.leverage_cap is not None and roomy >= answer.leverage_cap:
        cap = wording.leverage(answer.leverage_cap)
        return f"Any leverage that {name} allows for this size (up to {cap}) keeps the stop before the liquidation."
    if highest < 1:
        return "Even at 1x the liquidation comes before the stop: set a nearer stop."
    first = f"Up to {wording.leverage(_floored(highest))} the stop comes before the liquidation"
    if roomy < 1:
        return f"{first}."
    margin = wording.dollars(round(notional / _whole(roomy), 2))
    return f"{first}; {wording.leverage(_whole(roomy))} leaves {wording.share(ROOM * 100, 1)} of room, margin {margin}."


def _floored(leverage: float) -> float:
    return math.floor(leverage * 10) / 10


def _whole(leverage: float) -> float:
    return float(max(1, math.floor(leverage)))


def _liq_line(args: SizeArgs, entry: float, side: Side, coins: float, named: Instrument, roomy: float) -> str:
    venue = f" {args.venue}" if args.venue else ""
    contract = f" {typed(named)}" if typed(named) != named.asset.lower() else ""
    size = f"{coins * named.multiplier:.8g}{named.asset.lower()}"
    return f"/liq {entry:.10g} {_whole(roomy):g}x {side}{contract} {size}{venue}"
