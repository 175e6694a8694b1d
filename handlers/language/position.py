"""A position as somebody typed it: its arguments, what they mean, and the same said back or typed again."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from handlers.command import MissingValue, Refused
from handlers.language.entry import ask_about_slip, is_now, mark_of, price_now
from handlers.language.kinds import (
    CASH,
    CONTRACT,
    FILLERS,
    INSTRUMENT,
    LEVERAGE,
    MARGIN_MODE,
    PRICE,
    QUOTE,
    SIDE,
    SIZE,
    VENUE,
    Cash,
    Contract,
    MarginMode,
    Side,
    Size,
    argument,
    choice,
    plan_of,
)
from handlers.words import liquidation as words
from handlers.words import wording
from signals.assets import DOLLARS, Instrument
from signals.language.spelling import plainly
from signals.liquidation import VENUES, Position, venues_for
from signals.venues import exchange_of
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from handlers.command import Deps
    from signals.liquidation import RenewedTables
    from storage.queries.market.mark import MarkNow

_NEAR_PRICE, _NO_PRICE = 3.0, 50.0  # times off: an old entry may be the one, and is not the other
DEFAULT_VENUE = VENUES[0]  # by far the largest book
ALONE = choice("other positions", dict.fromkeys(("alone", "only", "single"), True))
EXACT = choice("word for a price that is meant as it stands", dict.fromkeys(("exact", "exactly"), True))
ASK_SIDE = MissingValue("Is it long or short?", (("Long", "long"), ("Short", "short")))
ASK_LEVERAGE = MissingValue(
    "With which leverage?", tuple((f"{times}x", f"{times}x") for times in (5, 10, 25, 50)), shape="{}x"
)
CROSS_EXAMPLE = "/liq 95000 25x long 0.5btc cross balance 5000 alone"


@dataclass(frozen=True, slots=True)
class LiqArgs:
    """What can be said of a position."""

    entry: float | None = argument(PRICE, default=None, label="entry price", expected=True)
    leverage: float | None = argument(LEVERAGE, default=None)
    side: Side | None = argument(SIDE, default=None)
    instrument: Instrument | None = argument(INSTRUMENT, default=None, label="asset")
    size: Size | None = argument(SIZE, default=None)
    venue: str | None = argument(VENUE, default=None)
    contract: Contract | None = argument(CONTRACT, default=None)
    quote: str | None = argument(QUOTE, default=None, label="USDT or USDC")
    margin_mode: MarginMode | None = argument(MARGIN_MODE, default=None, label="isolated or cross")
    collateral: Cash | None = argument(CASH, default=None, words="collateral")
    balance: Cash | None = argument(CASH, default=None, words="balance wallet", label="balance 5000")
    other_profit: Cash | None = argument(CASH, default=None, words="profit pnl upnl", label="other profit 120")
    other_maintenance: Cash | None = argument(CASH, default=None, words="maintenance maint", label="maintenance 50")
    others: Cash | None = argument(CASH, default=None, words="other others", label="other 0")
    alone: Literal[True] | None = argument(ALONE, default=None, label="alone")
    hedge: Cash | None = argument(CASH, default=None, words="hedge hedged", label="hedge 0.5btc")
    against: Cash | None = argument(CASH, default=None, words="against", label="against 61000")
    exact: Literal[True] | None = argument(EXACT, default=None, label="exact")


@dataclass(frozen=True, slots=True)
class TableArgs:
    """Which tier table: what can be said to `perpulse tiers show`."""

    instrument: Instrument | None = argument(INSTRUMENT, default=None, label="asset")
    venue: str | None = argument(VENUE, default=None)
    contract: Contract | None = argument(CONTRACT, default=None)
    quote: str | None = argument(QUOTE, default=None, label="USDT or USDC")


@dataclass(frozen=True, slots=True)
class PositionQuestion:
    """A question about a position: what was typed, and what goes without saying.

    entry: the price that was typed, or the newest known one where none was (at_mark). mark: that newest one; None where
    none is stored.
    """

    args: LiqArgs
    entry: float
    instrument: Instrument
    venue: str
    renewed: RenewedTables | None
    mark: MarkNow | None = None
    at_mark: bool = False

    @property
    def asset(self) -> str:
        """Return the asset, under which everything is stored."""
        return self.instrument.asset

    @property
    def unit(self) -> str:
        """Return what the entry is the price of: 1000PEPE."""
        return self.instrument.unit

    @property
    def coins(self) -> float | None:
        """Return the size in the contract's coins, packs of them where it counts so; None where it was not said so."""
        size = self.args.size
        return size.amount / self.instrument.multiplier if size and size.unit == "coin" else None

    @property
    def usd(self) -> float | None:
        """Return what the position is worth at its entry; None without a size."""
        coins, size = self.coins, self.args.size
        return coins * self.entry if coins is not None else size.amount if size else None

    @property
    def sides(self) -> tuple[Side, ...]:
        """Return the side that was named, or both."""
        return (self.args.side,) if self.args.side else ("long", "short")

    def position(self, side: Side, leverage: float | None = None) -> Position:
        """Return the position. Refused where an amount has no unit that can be known."""
        args, cross = self.args, self.args.margin_mode == "cross"
        size = args.size
        return Position(
            venue=self.venue,
            side=side,
            entry=self.entry,
            contract=args.contract or "linear",
            asset=self.asset,
            quote=self.instrument.quote,
            multiplier=self.instrument.multiplier,
            expiry=self.instrument.expiry,
            leverage=leverage or args.leverage,
            margin=self.settled(args.collateral, "collateral"),
            size_coins=self.coins,
            size_usd=size.amount if size and size.unit == "usd" else None,
            margin_mode=args.margin_mode or "isolated",
            wallet=self.settled(args.balance, "balance") if cross else None,
            other_profit=self._other(args.other_profit, "profit") if cross else None,
            other_maintenance=self._other(args.other_maintenance, "maintenance") if cross else None,
        )

    def settled(self, cash: Cash | None, name: str) -> float | None:
        """Return an amount in settle coin: dollars, or coins of a coin-margined contract. Refused where it is open."""
        if cash is None:
            return None
        inverse = self.args.contract == "inverse"
        coin = self.asset.lower()
        if inverse and cash.unit == "" and cash.amount:
            raise Refused(
                f"Is the {name} in {self.asset} or in dollars? "
                f"Type {name} {plainly(cash.amount)}{coin} or {name} {plainly(cash.amount)}usd."
            )
        if not inverse and cash.unit == "coin":
            raise Refused(
                f"This contract is margined in dollars, so the {name} is too. Type it like {name} 5000, "
                f"or add coin-m for a contract margined in {self.asset}."
            )
        return cash.amount / self.entry if inverse and cash.unit == "usd" else cash.amount

    def _other(self, cash: Cash | None, name: str) -> float | None:
        nothing = self.args.alone or (self.args.others is not None and not self.args.others.amount)
        return 0.0 if cash is None and nothing else self.settled(cash, name)


def _unswapped(args: LiqArgs, mark: MarkNow | None) -> LiqArgs:
    """Return a position with entry and size the right way round: 95000 btc 0.5 is half a coin, bought at 95,000.

    That is certain where the number before the coin is near its price, and the other one nothing like it.
    """
    size, entry = args.size, args.entry
    if mark is None or size is None or size.unit != "coin" or entry is None or is_now(entry):
        return args
    near = mark.value / _NEAR_PRICE < size.amount < mark.value * _NEAR_PRICE
    if near and not mark.value / _NO_PRICE < entry < mark.value * _NO_PRICE:
        return replace(args, entry=size.amount, size=replace(size, amount=entry))
    return args


def question_of(deps: Deps, args: LiqArgs, command: str = "liq") -> PositionQuestion:
    """Fill in what goes without saying: the asset, the price of now, the exchange of this chat, renewed tier tables.

    Refused where the entry is missing and no price is known, and where it does not fit the known one.
    """
    from storage.market import tiers  # noqa: PLC0415 - looks into a folder

    venue = args.venue or venue_of_chat(deps) or DEFAULT_VENUE
    named = instrument_of(deps, args.instrument, args.size)
    if args.quote and named.quote not in (None, args.quote):
        raise Refused(f"Is it {named.unit}/{named.quote} or {named.unit}/{args.quote}? Type only one.")
    named = replace(named, quote=args.quote or named.quote)
    instrument, contract = contract_of(named, args.contract, venue)
    mark = mark_of(deps, instrument)
    args = _unswapped(replace(args, contract=contract), mark)
    at_mark = is_now(args.entry)
    example = f"/{command} {{now}} 25x long" + (" 1000usd liq {below}" if command == "margin" else "")
    entry = args.entry or price_now(deps, mark, instrument, missing="entry price", example=example)
    args = replace(args, entry=entry)
    question = PositionQuestion(args, entry, instrument, venue, tiers.renewed(deps.store), mark, at_mark)
    if not args.exact and not at_mark:
        _ask_about_slip(question, command, named=args.instrument is not None or bool(args.size and args.size.asset))
    _check(question)
    if args.leverage is None and args.collateral is not None and question.usd is not None:
        margin = question.settled(args.collateral, "collateral") or 0.0
        worth = question.usd / (entry if args.contract == "inverse" else 1.0)
        if 0.0 < margin <= worth:  # with more, no leverage is left to speak of
            return replace(question, args=replace(args, leverage=worth / margin))
    return question


def outdated(deps: Deps, question: PositionQuestion) -> tuple[str, ...]:
    """Return the asset whose price was shown and is too old to be called current, for Reply.outdated."""
    old = question.mark is not None and question.mark.outdated and question.asset in deps.assets
    return (question.asset,) if old else ()


def _ask_about_slip(question: PositionQuestion, command: str, *, named: bool) -> None:
    entry = question.entry
    ask_about_slip(
        entry,
        question.mark,
        unit=question.unit,
        named=named,
        meant=line(replace(question, entry=0.0), command=command).replace(" 0 ", " {} ", 1),
        kept=line(replace(question, args=replace(question.args, exact=True)), command=command),
    )


def instrument_of(deps: Deps, named: Instrument | None, size: Size | None = None) -> Instrument:
    """Return the contract that was named, else the coin of the size, else the first that is followed."""
    asset = size.asset if size else None
    return named or Instrument(asset=asset or (deps.assets[0] if deps.assets else "BTC"))


def contract_of(named: Instrument, said: Contract | None, venue: str) -> tuple[Instrument, Contract | None]:
    """Return the contract that is meant at an exchange, and how it is margined. Refused, with the reason, for others.

    said: how it is margined, in a word of its own; None where nothing says so, which means in dollars.
    """
    name, coin = contract_name(named), named.asset
    if named.kind in ("option", "spot"):
        what = "an option" if named.kind == "option" else "a spot pair"
        raise Refused(f"{name} is {what}, and only futures and perpetuals are covered. Type {coin} for its perpetual.")
    if named.quote and named.quote not in DOLLARS:
        raise Refused(
            f"{coin}/{named.quote} is priced in {named.quote}, and prices and sizes here are in dollars. "
            f"Type {coin} for its contract in dollars."
        )
    margin = named.margin
    if margin == "quanto":
        raise Refused(f"{name} is paid in {named.settle}, and such contracts are not covered. Type {coin} instead.")
    if margin is None and named.quote == "USD":
        if venue in map(exchange_of, venues_for("inverse")):
            margin = "inverse"
        else:  # Hyperliquid's contracts are in dollars, whichever coin they are paid in
            named = replace(named, quote=None)
    if said and margin and said != margin:
        kind, other = ("coin-margined", "usdt") if margin == "inverse" else ("margined in dollars", "coin-m")
        raise Refused(f"{name} is {kind}. Leave out {said if said == 'inverse' else other}, or type {coin} alone.")
    return named, said or ("inverse" if margin == "inverse" else None)


def contract_name(named: Instrument) -> str:
    """Name a contract as people write it, as far as it is not the usual one: BTC/USDC, 1000PEPE, BTC-261225."""
    quote = f"/{named.quote}" if named.quote not in (None, "USDT", "USD") else ""
    return f"{named.unit}{quote}" + (f"-{named.expiry:%y%m%d}" if named.expiry else "")


def typed(named: Instrument) -> str:
    """Return a contract as it can be typed: in small letters, marked where its name is also a word."""
    text = contract_name(named).lower()
    plan = plan_of(LiqArgs)
    return f"${text}" if len(text) < 2 or text in plan.words or text in plan.markers or text in FILLERS else text


def venue_of_chat(deps: Deps) -> str | None:
    """Return the exchange that this chat has chosen with /venue; None where it has not."""
    if not deps.store.exists:
        return None
    from storage.people import destinations  # noqa: PLC0415 - opens the database, where there is one only

    to = deps.asker.address
    try:
        here = destinations.find(deps.store, deps.asker.platform, to.chat, to.topic)
    except StoreError:
        return None  # a calculator answers without a database too; /status says what is wrong with it
    return here.venue if here else None


def _check(question: PositionQuestion) -> None:
    """Refuse what cannot be computed without a guess."""
    args = question.args
    if args.collateral is not None and not args.collateral.amount > 0.0:
        raise Refused("The collateral must be above zero. Type it like collateral 4000.")
    if args.margin_mode != "cross":
        if (args.balance, args.other_profit, args.other_maintenance, args.others, args.alone) != (None,) * 5:
            raise Refused(
                "A wallet balance and other positions count in cross margin only. "
                "Add cross and a size, or leave them out, like /liq 95000 25x long."
            )
        return
    if args.others is not None and args.others.amount:
        raise Refused(
            "Of other positions their profit and their maintenance margin must be known. "
            "Type them like other profit 120 maintenance 50, or other 0 where there are none."
        )
    nothing = bool(args.alone or args.others)
    names = {
        "the wallet balance": args.balance,
        "the size": args.size,
        "the profit of the other positions": args.other_profit or nothing or None,
        "their maintenance margin": args.other_maintenance or nothing or None,
    }
    missing = [name for name, value in names.items() if value is None]
    if missing:
        raise Refused(
            f"In cross margin the whole wallet holds the position, so {wording.listing(missing)} must be known too. "
            f"Type it like {CROSS_EXAMPLE}, or in place of alone: other profit 120 maintenance 50."
        )
    if args.other_maintenance is not None and args.other_maintenance.amount < 0.0:
        raise Refused("A maintenance margin is zero or more. Type it like other profit 120 maintenance 50.")


# --- said back --------------------------------------------------------------------------------------------------------


def _money(cash: Cash | None, asset: str) -> str:
    if cash is None:
        return ""
    return wording.coins(cash.amount, asset) if cash.unit == "coin" else wording.dollars(cash.amount)


def read_as(question: PositionQuestion, *more: str) -> str:
    """Say how the line was understood; typed again, it means the same."""
    args, asset = question.args, question.asset
    size = ""
    if args.size:
        size = wording.coins(args.size.amount, asset) if args.size.unit == "coin" else wording.usd(args.size.amount)
    labelled = {
        "collateral": args.collateral,
        "balance": args.balance,
        "other profit": args.other_profit,
        "maintenance": args.other_maintenance,
        "hedge": args.hedge,
        "against": args.against,
    }
    parts = (
        contract_name(question.instrument),
        args.side or "both sides",
        f"entry {wording.price(question.entry)}",
        wording.leverage(args.leverage) if args.leverage else "",
        size,
        *more,
        args.margin_mode or "isolated",
        *(f"{name} {_money(cash, asset)}" for name, cash in labelled.items() if cash),
        "alone" if args.alone or args.others else "",
        "exact" if args.exact else "",
        words.exchange(question.venue),
        "coin-margined" if args.contract == "inverse" else "",
    )
    return " · ".join(part for part in parts if part)


def line(question: PositionQuestion, *, command: str = "liq", more: str = "") -> str:
    """Return the command line that asks the same."""
    args, asset, named = question.args, question.asset.lower(), typed(question.instrument)
    by_size = args.size is not None and args.size.unit == "coin" and named == asset
    labelled = {
        "collateral": args.collateral,
        "balance": args.balance,
        "profit": args.other_profit,
        "maintenance": args.other_maintenance,
        "hedge": args.hedge,
        "against": args.against,
    }
    parts = (
        f"/{command} {plainly(question.entry)}",
        f"{math.floor(args.leverage * 1e4) / 1e4:.10g}x" if args.leverage else "",
        args.side or "",
        named if (args.instrument or named != asset) and not by_size else "",
        _size(args.size, asset),
        args.venue or "",
        args.contract or "",
        args.margin_mode or "",
        *(f"{name} {plainly(cash.amount)}{_UNIT[cash.unit] or ''}" for name, cash in labelled.items() if cash),
        "alone" if args.alone or args.others else "",
        "exact" if args.exact else "",
        more,
    )
    return " ".join(part for part in parts if part).replace("COIN", asset)


_UNIT = {"": "", "usd": "usd", "coin": "COIN"}


def _size(size: Size | None, asset: str) -> str:
    if size is None:
        return ""
    millions = size.unit == "usd" and size.amount % 1e5 == 0
    amount = f"{size.amount / 1e6:.10g}M" if millions and size.amount >= 1e6 else plainly(size.amount)
    return f"{amount}{asset if size.unit == 'coin' else 'usd'}"
