"""Calculators for a position: where it is liquidated, by the venue's own dated rule and tier table. No network."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from handlers import liquidation_words as words
from handlers import wording
from handlers.command import Refused, command
from handlers.parsing import (
    ASSET,
    CONTRACT,
    LEVERAGE,
    MARGIN_MODE,
    MONEY,
    PRICE,
    SIDE,
    SIZE,
    VENUE,
    Contract,
    MarginMode,
    Side,
    Size,
    argument,
)
from handlers.reply import Button, Buttons, Line, Reply, Table
from signals.liquidation import (
    CrossNeedsAccount,
    LeverageAboveCap,
    LiquidationAnswer,
    LiquidationError,
    NoTierTable,
    Position,
    SizeBeyondTable,
    UnknownVenue,
    quote,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from handlers.command import Deps

VENUE_BY_DEFAULT = "binance"
LEVERAGES = (5.0, 10.0, 25.0, 50.0)  # shown where none is given
LARGER = (1e6, 5e6)  # US dollars: how the answer changes with size, where none is given
STALE_DAYS = 90  # venues change their tables several times a year


@dataclass(frozen=True, slots=True)
class LiqArgs:
    """What can be said to /liq."""

    entry: float = argument(PRICE, label="entry price")
    leverage: float | None = argument(LEVERAGE, default=None)
    side: Side | None = argument(SIDE, default=None)
    asset: str | None = argument(ASSET, default=None)
    size: Size | None = argument(SIZE, default=None)
    venue: str | None = argument(VENUE, default=None)
    contract: Contract | None = argument(CONTRACT, default=None)
    margin_mode: MarginMode | None = argument(MARGIN_MODE, default=None, label="isolated or cross")
    collateral: float | None = argument(MONEY, default=None, words="collateral")
    balance: float | None = argument(MONEY, default=None, words="balance wallet")


@command(subject="calculators", example="/liq 95000 25x long")
async def liq(deps: Deps, args: LiqArgs) -> Reply:
    """Liquidation price of a position, per exchange.

    Without a side both are shown, without a leverage 5x to 50x, without a size the smallest tier is taken. Name an
    exchange to ask for its own rule: /liq 95000 25x long bybit. Add a size for the right tier: 0.5btc or 1M usd. For
    cross margin give the wallet balance: /liq 95000 25x long 0.5btc cross balance 5000.
    """
    asset = args.asset or (deps.assets[0] if deps.assets else "BTC")
    _ask_about_thousands(deps, args, asset)
    _check_cross(args)
    if args.leverage is None and args.collateral is not None and args.size is not None:
        args = replace(args, leverage=_usd(args.size, args.entry) / args.collateral)
    sides: tuple[Side, ...] = (args.side,) if args.side else ("long", "short")
    if args.leverage is None and args.margin_mode != "cross":
        return _by_leverage(deps, args, asset, sides)
    answers = {side: _answer(args, _position(args, asset, side)) for side in sides}
    one = next(iter(answers.values()))
    others = {side: words.elsewhere(answer) for side, answer in answers.items()}
    numbers = {side: _numbers(answer) | {"elsewhere": _prices(others[side])} for side, answer in answers.items()}
    blocks = words.one_side(one, others[sides[0]]) if len(sides) == 1 else words.both_sides(answers, others)
    return Reply(
        blocks=(*blocks, _buttons(args, asset)),
        values=_said(args, one) | (numbers[sides[0]] if len(sides) == 1 else numbers),
        read_as=_read_as(args, asset, one),
        stamp=_stamp(deps, one),
    )


# --- asking -----------------------------------------------------------------------------------------------------------


def _position(args: LiqArgs, asset: str, side: Side, leverage: float | None = None) -> Position:
    cross = args.margin_mode == "cross"
    size = args.size
    return Position(
        venue=args.venue or VENUE_BY_DEFAULT,
        side=side,
        entry=args.entry,
        contract=args.contract or "linear",
        asset=asset,
        leverage=leverage or args.leverage,
        margin=args.collateral,
        size_coins=size.amount if size and size.unit == "coin" else None,
        size_usd=size.amount if size and size.unit == "usd" else None,
        margin_mode=args.margin_mode or "isolated",
        wallet=args.balance if cross else None,
        other_profit=0.0 if cross else None,  # the answer says that it counts no other positions
        other_maintenance=0.0 if cross else None,
    )


def _usd(size: Size, entry: float) -> float:
    return size.amount * entry if size.unit == "coin" else size.amount


def _check_cross(args: LiqArgs) -> None:
    if args.margin_mode == "cross" and (args.balance is None or args.size is None):
        missing = wording.listing(
            [name for name, value in (("the wallet balance", args.balance), ("the size", args.size)) if value is None]
        )
        raise Refused(
            f"In cross margin the whole wallet holds the position, so {missing} must be known. "
            "Type it like /liq 95000 25x long 0.5btc cross balance 5000, or leave out cross for isolated."
        )
    if args.margin_mode != "cross" and args.balance is not None:
        raise Refused(
            "A wallet balance counts in cross margin only. "
            "Add cross and a size, or leave the balance out, like /liq 95000 25x long."
        )


def _ask_about_thousands(deps: Deps, args: LiqArgs, asset: str) -> None:
    """Ask whether 95k was meant by 95, where a stored price says so; nothing is opened for any other entry."""
    if args.entry >= 1000 or not deps.store.exists:
        return
    from storage import points  # noqa: PLC0415 - only for a small price

    known = points.newest(deps.store, asset, "mark_price") or points.newest(deps.store, asset, "close")
    if known and known.value / 3 < args.entry * 1000 < known.value * 3:
        meant = wording.price(args.entry * 1000)
        raise Refused(
            f"Did you mean {args.entry:g}k? The last stored price of {asset} is {wording.price(known.value)}. "
            f"Type {args.entry:g}k for {meant}, like {_line(replace(args, entry=args.entry * 1000), asset)}."
        )


def _answer(args: LiqArgs, position: Position) -> LiquidationAnswer:
    try:
        return quote(position)
    except LiquidationError as error:
        raise _refused(args, position, error) from error


def _refused(args: LiqArgs, position: Position, error: LiquidationError) -> Refused:
    name = words.NAMES.get(position.venue, position.venue)
    if isinstance(error, LeverageAboveCap):
        held = ""
        if error.cap_notional is not None:
            held = f" up to {wording.usd(error.cap_notional)}"
        elif args.size is not None:
            held = " for this size"
        smaller = ""
        if error.max_notional:
            smaller = f" ({wording.leverage(position.leverage)} only up to {wording.usd(error.max_notional)})"
        allowed = replace(args, leverage=max(1.0, math.floor(error.cap * 100) / 100))  # never rounded above the cap
        return Refused(
            f"{name} allows at most {wording.leverage(error.cap)} on {position.asset}{held}{smaller}, by its table of "
            f"{wording.day(error.as_of)}. Type for example {_line(allowed, position.asset)}."
        )
    if isinstance(error, CrossNeedsAccount):
        return Refused(f"{_sentence(error)} Type it like /liq 95000 25x long 0.5btc cross balance 5000.")
    if isinstance(error, UnknownVenue):
        kind = "coin-margined" if position.contract == "inverse" else "USDT-margined"
        return Refused(
            f"No {kind} contracts of {name} are known here. Type another exchange, or leave the contract out."
        )
    if isinstance(error, SizeBeyondTable):
        return Refused(
            f"A position of that size is above the tiers of {name} that are known here (table of "
            f"{wording.day(error.as_of)}). Type a smaller size, or another exchange, like okx or hyperliquid."
        )
    if isinstance(error, NoTierTable):
        return Refused(f"{_sentence(error)} Check the symbol, or name another exchange, like okx or bybit.")
    return Refused(_sentence(error))


def _sentence(error: LiquidationError) -> str:
    text = str(error).rstrip(".")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('?') else '.'}"


# --- several answers --------------------------------------------------------------------------------------------------


def _by_leverage(deps: Deps, args: LiqArgs, asset: str, sides: tuple[Side, ...]) -> Reply:
    """Answer for the usual leverages where none is given."""
    rows, values = [], {}
    last: LiquidationAnswer | None = None
    refused: Refused | None = None
    for leverage in LEVERAGES:
        numbers: dict[str, Any] = {}
        cells = []
        for side in sides:
            position = _position(args, asset, side, leverage)
            try:
                last = quote(position)
                numbers[side] = _numbers(last)
                cells.append(words.shown(last) if last.price is not None else "none")
                if len(sides) == 1:
                    cells.append(words.distance(args.entry, last.price))
            except LiquidationError as error:
                refused = _refused(args, position, error)
                cap = f"at most {wording.leverage(error.cap)}" if isinstance(error, LeverageAboveCap) else "unknown"
                cells += [cap] if len(sides) == 2 else [cap, ""]
        rows.append((wording.leverage(leverage), *cells))
        values[f"{leverage:g}"] = numbers[sides[0]] if len(sides) == 1 and numbers else numbers
    if last is None:
        raise refused or Refused("No leverage can be answered. Type one, like /liq 95000 25x long.")
    columns = ("Leverage", "Long", "Short") if len(sides) == 2 else ("Leverage", "Liquidation", "Distance")
    title = f"{sides[0].capitalize()} from" if len(sides) == 1 else "From"
    return Reply(
        blocks=(
            Line(f"{title} {wording.price(args.entry)}, liquidation by leverage{words.up_to(last)}:", "headline"),
            Table(columns, tuple(rows)),
            Line(words.assumed(last), "caveat"),
            _buttons(args, asset),
        ),
        values=_said(args, last) | {"by_leverage": values},
        read_as=_read_as(args, asset, last),
        stamp=_stamp(deps, last),
    )


# --- the frame of every answer ----------------------------------------------------------------------------------------


def _read_as(args: LiqArgs, asset: str, answer: LiquidationAnswer) -> str:
    size = ""
    if args.size:
        size = wording.coins(args.size.amount, asset) if args.size.unit == "coin" else wording.usd(args.size.amount)
    parts = (
        asset,
        args.side or "both sides",
        f"entry {wording.price(args.entry)}",
        wording.leverage(args.leverage) if args.leverage else "",
        size,
        args.margin_mode or "isolated",
        words.NAMES.get(answer.venue, answer.title),
        "coin-margined" if answer.contract == "inverse" else "",
    )
    return " · ".join(part for part in parts if part)


def _stamp(deps: Deps, answer: LiquidationAnswer) -> str:
    days = (deps.now.date() - answer.table_as_of).days
    name = words.NAMES.get(answer.venue, answer.title)
    parts = [f"{name} tier table of {wording.day(answer.table_as_of)}"]
    if days > STALE_DAYS:
        parts.append(f"{wording.count(days, 'day')} old, may have changed since")
    elif days > 0:
        parts.append(f"{wording.count(days, 'day')} old")
    return " · ".join((*parts, "no network needed"))


def _line(args: LiqArgs, asset: str) -> str:
    """Return the command line that asks for these arguments."""
    size = ""
    if args.size:
        millions = args.size.unit == "usd" and args.size.amount % 1e5 == 0
        amount = f"{args.size.amount / 1e6:.10g}M" if millions else f"{args.size.amount:.10g}"
        size = f"{amount}{asset.lower() if args.size.unit == 'coin' else 'usd'}"
    parts = (
        f"{args.entry:.10g}",
        f"{args.leverage:.4g}x" if args.leverage else "",
        args.side or "",
        asset.lower() if args.asset and not (args.size and args.size.unit == "coin") else "",
        size,
        args.venue or "",
        args.contract or "",
        args.margin_mode or "",
        f"collateral {args.collateral:.10g}" if args.collateral else "",
        f"balance {args.balance:.10g}" if args.balance else "",
    )
    return f"/liq {' '.join(part for part in parts if part)}"


def _buttons(args: LiqArgs, asset: str) -> Buttons:
    sides: tuple[Side, ...] = ("short",) if args.side == "long" else ("long",) if args.side else ("long", "short")
    buttons = [Button(side.capitalize(), _line(replace(args, side=side), asset)) for side in sides]
    larger = replace(args, size=Size(1e6, "usd"))
    if args.size is None and args.leverage is not None and _can_be_answered(larger, asset, sides[0]):
        buttons.append(Button("At $1m", _line(larger, asset)))
    return Buttons(tuple(buttons))


def _can_be_answered(args: LiqArgs, asset: str, side: Side) -> bool:
    try:
        quote(_position(args, asset, args.side or side))
    except LiquidationError:
        return False
    return True


# --- numbers for programs ---------------------------------------------------------------------------------------------


def _said(args: LiqArgs, answer: LiquidationAnswer) -> dict[str, Any]:
    said = answer.position
    return {
        "asset": said.asset,
        "side": args.side,
        "entry": args.entry,
        "leverage": args.leverage,
        "venue": "binance" if answer.venue == "binance_coinm" else answer.venue,
        "contract": answer.contract,
        "margin_mode": said.margin_mode,
        "table_date": answer.table_as_of.isoformat(),
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
