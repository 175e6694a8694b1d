"""/cost: what holding a position costs in funding, at the rate of now and at those of the past."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from handlers.command import Refused, command
from handlers.language.kinds import (
    DURATION,
    INSTRUMENT,
    LEVERAGE,
    PERCENT,
    PRICE,
    SIDE,
    SIZE,
    VENUE,
    Side,
    Size,
    argument,
)
from handlers.language.position import contract_name, instrument_of, typed, venue_of_chat
from handlers.reply import Button, Buttons, Line, Reply, Table
from handlers.words import wording
from handlers.words.liquidation import exchange
from signals.assets import Instrument, not_followed
from signals.liquidation import funding as paid
from signals.units import DAY, HOUR, HOUR_MS, HOURS_A_YEAR, from_ms, next_settlement, to_ms
from signals.venues import VENUES
from storage.engine.database import StoreError

if TYPE_CHECKING:
    from handlers.command import Deps
    from handlers.reply import Block
    from signals.liquidation.funding import FundingCost, RateCases

USUAL_HOURS = 8.0
LONGEST_HOLD = timedelta(days=3660)
FRESH = HOUR  # an older rate is asked for anew, where somebody can be asked
MONTH, YEAR = timedelta(days=30), timedelta(days=365)


@dataclass(frozen=True, slots=True)
class CostArgs:
    """What can be said to /cost."""

    size: Size = argument(SIZE, label="size")
    span: timedelta = argument(DURATION, label="time span")
    rate: float | None = argument(PERCENT, default=None, label="rate per payment")
    side: Side | None = argument(SIDE, default=None)
    leverage: float | None = argument(LEVERAGE, default=None)
    instrument: Instrument | None = argument(INSTRUMENT, default=None, label="asset")
    price: float | None = argument(PRICE, default=None)
    interval: timedelta | None = argument(DURATION, default=None, words="every per", label="every 8h")
    venue: str | None = argument(VENUE, default=None)


@dataclass(frozen=True, slots=True)
class _HeldRate:
    """A funding rate as a fraction per payment, the hours between payments, and where they come from."""

    value: float
    hours: float
    source: str
    typed: bool = False
    venue: str | None = None


@dataclass(frozen=True, slots=True)
class _CostRow:
    """One row of the answer: what a rate, as a fraction an hour, would make of the same hold."""

    name: str
    hourly: float
    cost: FundingCost


@command(
    subject="calculators",
    example="/cost 100k 7d btc long 25x 0.01%",
    words="funding cost, cost of holding, costs of holding, cost to hold, costs to hold, cost me, "
    "holding cost, holding costs, holding, to hold",
)
async def cost(deps: Deps, args: CostArgs) -> Reply:
    """Funding cost of holding a position.

    Type the size and how long: /cost 100k 7d btc long 25x. The rate of now is taken; beside it stand the mean of the
    last 30 days and the dearest 30 days of the last year, where rates are stored. Or type the rate of one payment:
    0.01%, and its interval if it is not 8 hours: every 4h.
    """
    named = instrument_of(deps, args.instrument, args.size)
    if why := not_followed(named):
        raise Refused(f"{contract_name(named)} {why}. Type {named.asset}.")
    asset = named.asset
    if args.span > LONGEST_HOLD:
        raise Refused("Ten years are the longest time that can be counted. Type a shorter one, like 30d.")
    outdated = (asset,) if args.rate is None and _is_old(deps, args, asset) else ()
    rate = _rate(deps, args, asset)
    notional, priced = _notional(deps, args, named)
    count = paid.settlements_between(deps.now, deps.now + args.span, rate.hours)

    def at(value: float) -> FundingCost:
        return paid.funding_cost(
            side=args.side or "long", notional=notional, rate=value, settlements=count, leverage=args.leverage
        )

    flow = at(rate.value)
    past = _past(deps, asset, rate)
    cases = [_CostRow("as typed" if rate.typed else "now", rate.value / rate.hours, flow)]
    cases += [_CostRow(name, hourly, at(hourly * rate.hours)) for name, hourly, _ in _named(past, args.side)]
    return Reply(
        blocks=_blocks(args, rate, notional, cases, past),
        values=_values(args, asset, rate, notional, cases, past),
        outdated=outdated,
        read_as=_read_as(args, asset, rate),
        stamp=" · ".join(
            filter(
                None,
                (
                    rate.source,
                    priced,
                    f"payments counted from {wording.clock(deps.now, dated=True)}",
                    deps.stamp_note if len(cases) > 1 or not rate.typed else None,
                ),
            )
        ),
    )


def _is_old(deps: Deps, args: CostArgs, asset: str) -> bool:
    newest, _ = _newest(deps, args, asset)
    return newest is None or deps.now - newest[1] > FRESH


# --- what is known ----------------------------------------------------------------------------------------------------


def _rate(deps: Deps, args: CostArgs, asset: str) -> _HeldRate:
    typed = args.interval / HOUR if args.interval else None
    if typed is not None and not 0.25 <= typed <= 24:
        raise Refused("Payments come every hour to every day. Type the interval like every 8h.")
    if args.rate is not None and abs(args.rate) > 10:
        raise Refused("No exchange pays more than a few percent at once. Type the rate of one payment, like 0.01%.")
    newest, hours = _newest(deps, args, asset)
    venue = newest[0] if newest else None
    usual = VENUES[args.venue].funding_hours if args.venue else USUAL_HOURS
    told = "" if typed or hours else f", every {usual:g} h assumed"
    if args.rate is not None:
        as_there = f", every {hours:g} h as on {exchange(venue or '')}" if hours and not typed else told
        return _HeldRate(args.rate / 100, typed or hours or usual, f"Rate as typed{as_there}", typed=True, venue=venue)
    if newest is None:
        at = f" on {exchange(args.venue)}" if args.venue else ""
        said = f"No funding rate of {asset} is stored{at} yet. Type it, like /cost 100k 7d btc long 25x 0.01%."
        raise Refused(said, outdated=(asset,)) if asset in deps.assets else Refused(said, unfollowed=asset)
    state = _paid_or_next(deps, asset, newest, hours or usual)
    source = f"{exchange(newest[0])} rate {state}, {wording.age(deps.now - newest[1])}{told}"
    return _HeldRate(newest[2], typed or hours or usual, source, venue=venue)


def _paid_or_next(deps: Deps, asset: str, newest: tuple[str, datetime, float], hours: float) -> str:
    """Tell a rate that was paid from one that funding is heading to."""
    from storage.market import settlements  # noqa: PLC0415 - as below

    venue, at, _ = newest
    paid = settlements.value_at(deps.store, asset, venue, "funding_rate", to_ms(at))
    if paid is not None:
        return "last paid"
    due = next_settlement(at, hours)
    return "to be paid next" if due > deps.now else f"that was due at {wording.clock(due, deps.zone)}"


def _newest(deps: Deps, args: CostArgs, asset: str) -> tuple[tuple[str, datetime, float] | None, float | None]:
    """Return (venue, time, value) of the newest stored rate, and the hours between payments there."""
    seen = deps.glances.get(asset)
    if seen and seen.funding_rate is not None and args.venue in (None, seen.venue):
        return (seen.venue, seen.at, seen.funding_rate), seen.interval_hours
    if not deps.store.exists:
        return None, None
    from storage.market import points  # noqa: PLC0415 - reads the database, where there is one only

    try:
        rate = points.newest(deps.store, asset, "funding_rate", args.venue or venue_of_chat(deps))
        if rate is None and args.venue is None:
            rate = points.newest(deps.store, asset, "funding_rate")  # of whichever exchange is stored
        if rate is None:
            return None, None
        hours = points.newest(deps.store, asset, "funding_interval_hours", rate.venue)
    except StoreError:
        if args.rate is None:
            raise
        return None, None  # a rate that is typed needs no database
    return (rate.venue, rate.at, rate.value), (hours.value if hours and hours.value > 0 else None)


def _notional(deps: Deps, args: CostArgs, named: Instrument) -> tuple[float, str | None]:
    """Return what the position is worth in dollars, and which stored price was taken for that, if one was."""
    if args.size.unit == "usd":
        return args.size.amount, None
    if args.price is not None:
        return args.size.amount * args.price / named.multiplier, None
    if seen := deps.glances.get(named.asset):
        return args.size.amount * seen.price, f"price {wording.price(seen.price)}"
    if deps.store.exists:
        from storage.market import points  # noqa: PLC0415 - as above

        stored = (points.newest(deps.store, named.asset, name) for name in ("mark_price", "close"))
        known = [price for price in stored if price]
        if known:
            newest = max(known, key=lambda price: price.at)
            told = f"price {wording.price(newest.value)}, {wording.age(deps.now - newest.at)}"
            return args.size.amount * newest.value, told
    raise Refused(f"The price of {named.asset} is missing. Type it like @95000, or the size in dollars like 100kusd.")


def _past(deps: Deps, asset: str, rate: _HeldRate) -> RateCases | None:
    """Return what funding has been at the venue of the rate; None where nothing of it is stored."""
    if rate.venue is None:
        return None
    from storage.market import settlements  # noqa: PLC0415 - as above

    before = deps.now - YEAR - DAY
    rates = settlements.hourly(deps.store, asset, rate.venue, start=before, end=deps.now)
    return paid.rate_cases(rates, to_ms(deps.now) // HOUR_MS) if rates else None


def _named(past: RateCases | None, side: Side | None) -> list[tuple[str, float, int | None]]:
    """Name the cases of the past that are known: (name, rate an hour, hour at which its 30 days end)."""
    if past is None:
        return []
    dearest, until = (past.lowest, past.lowest_until) if side == "short" else (past.highest, past.highest_until)
    cases = [("30-day mean", past.average, None), ("dearest 30 d", dearest, until)]
    return [(name, value, hour) for name, value, hour in cases if value is not None]


# --- said -------------------------------------------------------------------------------------------------------------


def _blocks(
    args: CostArgs, rate: _HeldRate, notional: float, cases: list[_CostRow], past: RateCases | None
) -> tuple[Block, ...]:
    flow = cases[0].cost
    apr = paid.funding_apr(rate=rate.value, interval_h=rate.hours) * 100
    payment = wording.dollars(abs(rate.value) * notional)
    blocks: list[Block] = [Line(_headline(args, flow.cash_flow), "headline")]
    payments = f"{wording.count(flow.settlements, 'payment')} of {payment}"
    blocks.append(Line(f"{payments}: {wording.rate(rate.value, rate.hours)}, {wording.apr(apr)}."))
    if args.leverage and flow.margin_share is not None:
        share = wording.share(abs(flow.margin_share) * 100, 2)
        more = ", more than all of it" if flow.cash_flow < 0 and abs(flow.margin_share) > 1 else ""
        blocks.append(Line(f"That is {share} of the {wording.dollars(notional / args.leverage)} margin{more}."))
    if len(cases) > 1:
        who = args.side or "long"
        blocks.append(Line(f"What a {who} would pay at other rates (minus: it would receive):"))
        blocks.append(_table(args, cases))
        blocks.append(Line(_explained(args, past), "caveat"))
    else:
        blocks.append(Line("The rate changes with every payment: this counts one rate for the whole time.", "caveat"))
    if args.side:
        other = "short" if args.side == "long" else "long"
        blocks.append(Buttons((Button(other.capitalize(), _line(args, other, rate)),)))
    return tuple(blocks)


def _headline(args: CostArgs, flow: float) -> str:
    total, span = wording.dollars(abs(flow)), wording.duration(args.span)
    if flow == 0:
        return f"Holding for {span} costs nothing: no payment falls into it, or the rate is zero."
    if args.side is None:
        pays, gets = ("long", "short") if flow < 0 else ("short", "long")
        return f"In {span} a {pays} pays {total}, a {gets} receives it."
    return f"This {args.side} {'pays' if flow < 0 else 'receives'} {total} in {span}."


def _table(args: CostArgs, cases: list[_CostRow]) -> Table:
    rows = []
    for case in cases:
        pays = -case.cost.cash_flow
        paying = wording.dollars(round(pays) if abs(pays) >= 1000 else pays)  # a phone shows forty characters
        row = [case.name, wording.apr(case.hourly * HOURS_A_YEAR * 100).removesuffix(" a year"), paying]
        if case.cost.margin_share is not None:
            row.append(wording.share(-case.cost.margin_share * 100, 1))
        rows.append(tuple(row))
    columns = ("Rate", "a year", wording.duration(args.span), "margin")
    return Table(columns if args.leverage else columns[:3], tuple(rows))


def _explained(args: CostArgs, past: RateCases | None) -> str:
    """Say what the dearest 30 days are, and what is left out."""
    text = "The rate changes with every payment."
    found = [hour for name, _, hour in _named(past, args.side) if hour is not None]
    if past is None or not found:
        return text
    end = from_ms((found[0] + 1) * HOUR_MS)
    of = "the last year" if past.days >= 350 else f"the {wording.count(round(past.days), 'stored day')}"
    span = f"{wording.day(end - MONTH)} to {wording.day(end)}"
    return f"Dearest: the 30 days of {of} in which a {args.side or 'long'} paid most, {span}. {text}"


def _read_as(args: CostArgs, asset: str, rate: _HeldRate) -> str:
    size = wording.coins(args.size.amount, asset) if args.size.unit == "coin" else wording.dollars(args.size.amount)
    parts = (
        asset,
        args.side or "both sides",
        size,
        f"price {wording.price(args.price)}{_of(args.instrument)}" if args.price and args.size.unit == "coin" else None,
        f"for {wording.duration(args.span)}",
        wording.leverage(args.leverage) if args.leverage else None,
        wording.rate(rate.value, rate.hours),
        exchange(args.venue) if args.venue else None,
    )
    return " · ".join(part for part in parts if part)


def _of(named: Instrument | None) -> str:
    return f" of {named.unit}" if named and named.multiplier != 1 else ""


def _line(args: CostArgs, side: str, rate: _HeldRate) -> str:
    """Return the command line that asks the same of the other side."""
    size = f"{args.size.amount:.10g}{args.size.asset.lower() if args.size.asset else 'usd'}"
    as_typed = f"{rate.value * 100:.10g}% every {rate.hours:g}h" if rate.typed or args.interval else ""
    parts = (
        f"/cost {size} {args.span / HOUR:.10g}h {side}",
        f"{args.leverage:.10g}x" if args.leverage else "",
        typed(args.instrument) if args.instrument else "",
        f"@{args.price:.10g}" if args.price else "",
        as_typed,
        args.venue or "",
    )
    return " ".join(part for part in parts if part)


def _values(
    args: CostArgs, asset: str, rate: _HeldRate, notional: float, cases: list[_CostRow], past: RateCases | None
) -> dict[str, Any]:
    flow = cases[0].cost
    named = dict(zip(("now", *(name for name, _, _ in _named(past, args.side))), cases, strict=True))
    keys = {"30-day mean": "average_30d", "dearest 30 d": "dearest_30d_of_year"}
    return {
        "asset": asset,
        "side": args.side,
        "notional_usd": notional,
        "rate": rate.value,
        "interval_hours": rate.hours,
        "apr_pct": paid.funding_apr(rate=rate.value, interval_h=rate.hours) * 100,
        "settlements": flow.settlements,
        "long_cash_flow_usd": flow.cash_flow if args.side != "short" else -flow.cash_flow,
        "cash_flow_usd": flow.cash_flow if args.side else None,
        "margin_pct": None if flow.margin_share is None else flow.margin_share * 100,
        "cases": {
            key: {
                "apr_pct": named[name].hourly * HOURS_A_YEAR * 100,
                "cash_flow_usd": named[name].cost.cash_flow,
                "margin_pct": None if (share := named[name].cost.margin_share) is None else share * 100,
            }
            for name, key in keys.items()
            if name in named
        },
        "days_of_rates": past.days if past else 0.0,
    }
