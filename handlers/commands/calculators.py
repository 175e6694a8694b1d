"""Calculators beside /liq: what holding costs, what a move is worth, how large a position may be. No network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from handlers import wording
from handlers.command import Refused, command
from handlers.liquidation_words import NAMES
from handlers.parsing import (
    ASSET,
    DURATION,
    LEVERAGE,
    MONEY,
    PERCENT,
    PRICE,
    SIDE,
    SIZE,
    VENUE,
    Side,
    Size,
    argument,
)
from handlers.reply import Button, Buttons, Line, Reply
from signals.liquidation import LiquidationAnswer, LiquidationError, Position, quote
from signals.liquidation import calculators as sums
from signals.liquidation import funding as paid

if TYPE_CHECKING:
    from handlers.command import Deps
    from handlers.reply import Block

USUAL_INTERVAL = timedelta(hours=8)
ROOM = 0.005  # share of the entry left between stop and liquidation: fees, slippage, mark against last price
_LONGEST_HOLD = timedelta(days=3660)


def _asset(deps: Deps, asset: str | None, size: Size | None = None) -> str:
    return asset or (size.asset if size and size.asset else None) or (deps.assets[0] if deps.assets else "BTC")


def _read_as(*parts: str | None) -> str:
    return " · ".join(part for part in parts if part)


def _said_size(size: Size, asset: str) -> str:
    return wording.coins(size.amount, asset) if size.unit == "coin" else wording.dollars(size.amount)


def _move(share: float, decimals: int = 2) -> str:
    return wording.percent(share * 100, decimals)


# --- /cost ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CostArgs:
    """What can be said to /cost."""

    size: Size = argument(SIZE, label="size")
    span: timedelta = argument(DURATION, label="time span")
    rate: float | None = argument(PERCENT, default=None, label="rate per payment")
    side: Side | None = argument(SIDE, default=None)
    leverage: float | None = argument(LEVERAGE, default=None)
    asset: str | None = argument(ASSET, default=None)
    price: float | None = argument(PRICE, default=None)
    interval: timedelta | None = argument(DURATION, default=None, words="every per", label="every 8h")
    venue: str | None = argument(VENUE, default=None)


@dataclass(frozen=True, slots=True)
class _Rate:
    """A funding rate as a fraction per payment, the hours between payments, and where they come from."""

    value: float
    hours: float
    source: str


@command(subject="calculators", example="/cost 100k 7d btc long 25x 0.01%")
async def cost(deps: Deps, args: CostArgs) -> Reply:
    """Funding cost of holding a position.

    Type the size, how long, and the rate of one payment: /cost 100k 7d 0.01%. Payments come every 8 hours unless you
    say so: every 4h. Without a rate the newest stored one of the asset is taken.
    """
    asset = _asset(deps, args.asset, args.size)
    if args.span > _LONGEST_HOLD:
        raise Refused("Ten years are the longest time that can be counted. Type a shorter one, like 30d.")
    rate = _rate(deps, args, asset)
    notional = args.size.amount
    if args.size.unit == "coin":
        if args.price is None:
            raise Refused(f"The price of {asset} is missing. Type it like @95000, or the size in dollars like 100kusd.")
        notional *= args.price
    count = paid.settlements_between(deps.now, deps.now + args.span, rate.hours)
    flow = paid.funding_cost(
        side=args.side or "long", notional=notional, rate=rate.value, settlements=count, leverage=args.leverage
    )
    apr = paid.funding_apr_simple(rate=rate.value, interval_h=rate.hours) * 100
    blocks: list[Block] = [Line(_cost_headline(args, flow.cash_flow), "headline")]
    each = abs(rate.value) * notional
    blocks.append(
        Line(
            f"{wording.count(count, 'payment')} of {wording.dollars(each)}: "
            f"{wording.rate(rate.value, rate.hours)}, {wording.apr(apr)}."
        )
    )
    if args.leverage and flow.margin_share is not None:
        share = wording.share(abs(flow.margin_share) * 100, 2)
        blocks.append(Line(f"That is {share} of the {wording.dollars(notional / args.leverage)} margin."))
    blocks.append(Line("The rate changes with every payment: this counts one rate for the whole time.", "caveat"))
    if args.side:
        other = "short" if args.side == "long" else "long"
        blocks.append(Buttons((Button(other.capitalize(), _cost_line(args, other, rate)),)))
    return Reply(
        blocks=tuple(blocks),
        values={
            "asset": asset,
            "side": args.side,
            "notional_usd": notional,
            "rate": rate.value,
            "interval_hours": rate.hours,
            "apr_pct": apr,
            "settlements": count,
            "long_cash_flow_usd": flow.cash_flow if args.side != "short" else -flow.cash_flow,
            "cash_flow_usd": flow.cash_flow if args.side else None,
            "margin_pct": None if flow.margin_share is None else flow.margin_share * 100,
        },
        read_as=_read_as(
            asset,
            args.side or "both sides",
            _said_size(args.size, asset),
            f"for {wording.duration(args.span)}",
            wording.leverage(args.leverage) if args.leverage else None,
            wording.rate(rate.value, rate.hours),
        ),
        stamp=f"{rate.source} · payments counted from {wording.clock(deps.now, dated=True)}",
    )


def _cost_headline(args: CostArgs, flow: float) -> str:
    total, span = wording.dollars(abs(flow)), wording.duration(args.span)
    if flow == 0:
        return f"Holding for {span} costs nothing: no payment falls into it, or the rate is zero."
    if args.side is None:
        pays, gets = ("long", "short") if flow < 0 else ("short", "long")
        return f"In {span} a {pays} pays {total}, a {gets} receives it."
    return f"This {args.side} {'pays' if flow < 0 else 'receives'} {total} in {span}."


def _rate(deps: Deps, args: CostArgs, asset: str) -> _Rate:
    typed = args.interval.total_seconds() / 3600 if args.interval else None
    if typed is not None and not 0.25 <= typed <= 24:
        raise Refused("Payments come every hour to every day. Type the interval like every 8h.")
    usual = USUAL_INTERVAL.total_seconds() / 3600
    if args.rate is not None:
        if abs(args.rate) > 10:
            raise Refused("No exchange pays more than a few percent at once. Type the rate of one payment, like 0.01%.")
        return _Rate(args.rate / 100, typed or usual, "Rate as typed" if typed else "Rate as typed, every 8 h assumed")
    if deps.store.exists:
        from storage import points  # noqa: PLC0415 - reads the database, where no rate is typed only

        rate = points.newest(deps.store, asset, "funding_rate", args.venue)
        if rate is not None:
            hours = points.newest(deps.store, asset, "funding_interval_hours", rate.venue)
            told = f"{NAMES.get(rate.venue, rate.venue)} rate, {wording.age(deps.now - rate.at)}"
            if hours is None and typed is None:
                told += ", every 8 h assumed"
            return _Rate(rate.value, typed or (hours.value if hours else usual), told)
    raise Refused(f"No funding rate of {asset} is stored yet. Type it, like /cost 100k 7d btc long 25x 0.01%.")


def _cost_line(args: CostArgs, side: str, rate: _Rate) -> str:
    size = f"{args.size.amount:.10g}{args.size.asset.lower() if args.size.asset else 'usd'}"
    parts = (
        f"/cost {size} {args.span.total_seconds() / 3600:.10g}h {side}",
        f"{args.leverage:.10g}x" if args.leverage else "",
        args.asset.lower() if args.asset and args.size.unit == "usd" else "",
        f"@{args.price:.10g}" if args.price else "",
        f"{rate.value * 100:.10g}% every {rate.hours:g}h",
    )
    return " ".join(part for part in parts if part)


# --- /pnl -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PnlArgs:
    """What can be said to /pnl."""

    entry: float = argument(PRICE, label="entry price")
    exit: float = argument(PRICE, label="exit price", words="exit to close target tp")
    side: Side | None = argument(SIDE, default=None)
    leverage: float | None = argument(LEVERAGE, default=None)
    size: Size | None = argument(SIZE, default=None)
    fee: float | None = argument(PERCENT, default=None, words="fee fees", label="fee per side")
    asset: str | None = argument(ASSET, default=None)


@command(subject="calculators", example="/pnl 95000 100000 25x long 0.5btc")
async def pnl(deps: Deps, args: PnlArgs) -> Reply:
    """Profit or loss of a position between two prices.

    Type the entry first, then the exit, or name it: to 100k. Add a fee per side to count it and to see the
    break-even: /pnl 95000 100000 25x long 0.5btc fee 0.05%.
    """
    asset = _asset(deps, args.asset, args.size)
    if args.fee is not None and not 0 <= args.fee < 5:
        raise Refused("A fee is between 0 and 5 percent of the value. Type it like fee 0.05%.")
    fee = (args.fee or 0.0) / 100
    sides: tuple[Side, ...] = (args.side,) if args.side else ("long", "short")
    values: dict[str, Any] = {
        "asset": asset,
        "side": args.side,
        "entry": args.entry,
        "exit": args.exit,
        "leverage": args.leverage,
        "price_change_pct": (args.exit / args.entry - 1) * 100,
    }
    blocks: list[Block] = []
    for side in sides:
        numbers = _pnl_numbers(args, side, fee)
        values |= numbers if args.side else {side: numbers}
        blocks.append(Line(_pnl_headline(side, numbers), "headline"))
        if (numbers["return_on_margin_pct"] or 0.0) <= -100:
            blocks.append(Line(f"That is more than the margin: the {side} is liquidated on the way, see /liq."))
        if args.fee is not None:
            share = _move(numbers["breakeven_price"] / args.entry - 1)
            blocks.append(Line(f"Break-even at {wording.price(numbers['breakeven_price'])} ({share}), both fees paid."))
    left_out = "Fees and funding are left out."
    if args.fee is not None:
        left_out = f"Fees of {wording.share(args.fee, 3)} a side are counted, funding is left out."
    blocks.append(Line(left_out, "caveat"))
    return Reply(
        blocks=tuple(blocks),
        values=values,
        read_as=_read_as(
            asset,
            args.side or "both sides",
            f"entry {wording.price(args.entry)}",
            f"exit {wording.price(args.exit)}",
            wording.leverage(args.leverage) if args.leverage else None,
            _said_size(args.size, asset) if args.size else None,
        ),
        stamp="Linear contract, margin in dollars · no network needed",
    )


def _pnl_numbers(args: PnlArgs, side: Side, fee: float) -> dict[str, Any]:
    one = sums.pnl_linear(side=side, entry=args.entry, exit_price=args.exit, size=1.0)  # of one coin
    after = one - fee * (args.entry + args.exit)
    coins = None
    if args.size:
        coins = args.size.amount if args.size.unit == "coin" else args.size.amount / args.entry
    return {
        "return_pct": after / args.entry * 100,
        "return_on_margin_pct": after / args.entry * 100 * args.leverage if args.leverage else None,
        "pnl_usd": after * coins if coins is not None else None,
        "fees_usd": fee * (args.entry + args.exit) * coins if coins is not None else None,
        "breakeven_price": sums.breakeven_exact(side=side, entry=args.entry, fee_open=fee, fee_close=fee),
    }


def _pnl_headline(side: Side, numbers: dict[str, Any]) -> str:
    parts = [f"{wording.percent(numbers['return_pct'], 2)} of the position"]
    if numbers["return_on_margin_pct"] is not None:
        parts.append(f"{wording.percent(numbers['return_on_margin_pct'])} of the margin")
    if numbers["pnl_usd"] is not None:
        gain = numbers["pnl_usd"]
        parts.insert(0, f"{'+' if gain > 0 else ''}{wording.dollars(gain)}")
    return f"{side.capitalize()}: {', '.join(parts)}."


# --- /size ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SizeArgs:
    """What can be said to /size."""

    entry: float = argument(PRICE, label="entry price")
    stop: float = argument(PRICE, label="stop price", words="stop sl")
    risk: Size | None = argument(SIZE, default=None, words="risk risking lose", label="risk 500usd")
    share: float | None = argument(PERCENT, default=None, words="risk risking lose", label="or 1%")
    balance: float | None = argument(MONEY, default=None, words="balance wallet of account", label="of balance 10000")
    side: Side | None = argument(SIDE, default=None)
    asset: str | None = argument(ASSET, default=None)
    venue: str | None = argument(VENUE, default=None)


@command(subject="calculators", example="/size 95000 stop 93000 risk 500usd")
async def size(deps: Deps, args: SizeArgs) -> Reply:
    """Position size for a risk and a stop.

    Type the entry, the stop and what may be lost: 500usd, or 1% balance 10000. The highest leverage keeps the
    liquidation beyond the stop, by the exchange's tier table.
    """
    asset = _asset(deps, args.asset)
    side = _side_of(args)
    risk = _risk(args)
    coins = sums.size_from_risk(risk=risk, entry=args.entry, stop=args.stop)
    stop_share = abs(args.stop / args.entry - 1)
    venue = args.venue or "binance"
    base = Position(venue=venue, side=side, entry=args.entry, asset=asset, leverage=1.0, size_coins=coins)
    try:
        answer = quote(base)
    except LiquidationError as error:
        text = str(error)
        raise Refused(f"{text[:1].upper()}{text[1:].rstrip('.')}. Type a smaller risk, or another exchange.") from error
    highest = _highest(answer, side, stop_share)
    roomy = _highest(answer, side, stop_share + ROOM)
    notional = coins * args.entry
    held = f"{wording.coins(coins, asset)} ({wording.dollars(notional)})"
    blocks: list[Block] = [
        Line(f"{held} loses {wording.dollars(risk)} at the stop.", "headline"),
        Line(f"The stop is {_move(args.stop / args.entry - 1)} from the entry, {side}."),
        Line(_leverage_line(highest, roomy, notional, answer)),
        Line("Fees, slippage and funding are left out; a stop may be filled behind its price.", "caveat"),
        Buttons((Button("Liquidation", _liq_line(args, side, coins, asset, roomy)),)),
    ]
    return Reply(
        blocks=tuple(blocks),
        values={
            "asset": asset,
            "side": side,
            "entry": args.entry,
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
            asset,
            side,
            f"entry {wording.price(args.entry)}",
            f"stop {wording.price(args.stop)}",
            f"risk {wording.dollars(risk)}",
            NAMES.get(venue, venue),
        ),
        stamp=f"{NAMES.get(venue, venue)} tier table of {wording.day(answer.table_as_of)} · no network needed",
    )


def _side_of(args: SizeArgs) -> Side:
    if args.stop == args.entry:
        raise Refused("Entry and stop are the same price. Type a stop away from the entry, like stop 93000.")
    side: Side = "long" if args.stop < args.entry else "short"
    if args.side and args.side != side:
        where = "below" if args.side == "long" else "above"
        raise Refused(f"The stop of a {args.side} lies {where} its entry. Swap the two prices, or type {side}.")
    return side


def _risk(args: SizeArgs) -> float:
    if args.risk is not None and args.risk.unit == "coin":
        raise Refused("The risk is counted in dollars. Type it like risk 500usd, or risk 1% balance 10000.")
    if args.risk is not None:
        return args.risk.amount
    if args.share is None:
        raise Refused("What may be lost is missing. Type it like risk 500usd, or risk 1% balance 10000.")
    if args.balance is None:
        raise Refused(f"{args.share:g}% of what? Add the balance, like risk {args.share:g}% balance 10000.")
    if not 0 < args.share <= 100:
        raise Refused("The risk is between 0 and 100 percent of the balance. Type it like risk 1% balance 10000.")
    return args.balance * args.share / 100


def _highest(answer: LiquidationAnswer, side: Side, distance: float) -> float:
    """Return the highest leverage whose liquidation lies beyond `distance`, within the tier's cap; at least 1x.

    The maintenance amount is left out, which errs to the safe side.
    """
    if side == "long" and distance >= 1:
        return 1.0
    free = sums.max_leverage_for_stop(side=side, stop_pct=distance, mmr=answer.rate, fee=answer.fee_rate)
    return max(1.0, min(free, answer.leverage_cap or math.inf))


def _leverage_line(highest: float, roomy: float, notional: float, answer: LiquidationAnswer) -> str:
    margin = wording.dollars(round(notional / _whole(roomy), 2))
    name = NAMES.get(answer.venue, answer.title)
    if answer.leverage_cap is not None and roomy >= answer.leverage_cap:
        cap = wording.leverage(answer.leverage_cap)
        return f"Any leverage that {name} allows for this size (up to {cap}) keeps the stop before the liquidation."
    return (
        f"Up to {wording.leverage(_floored(highest))} the stop comes before the liquidation; "
        f"{wording.leverage(_whole(roomy))} leaves {wording.share(ROOM * 100, 1)} of room, margin {margin}."
    )


def _floored(leverage: float) -> float:
    return math.floor(leverage * 10) / 10


def _whole(leverage: float) -> float:
    return float(max(1, math.floor(leverage)))


def _liq_line(args: SizeArgs, side: Side, coins: float, asset: str, roomy: float) -> str:
    venue = f" {args.venue}" if args.venue else ""
    return f"/liq {args.entry:.10g} {_whole(roomy):g}x {side} {coins:.8g}{asset.lower()}{venue}"
