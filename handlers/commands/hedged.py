"""The answer to /liq for a hedge: a long and a short of one coin in one account have one price."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handlers.command import Refused
from handlers.language.position import outdated, read_as
from handlers.language.refusals import refused
from handlers.reply import Line, Reply
from handlers.words import liquidation as words
from handlers.words import wording
from signals.liquidation import LiquidationError
from signals.liquidation.calculators import quote_hedge
from signals.liquidation.condition import reached

if TYPE_CHECKING:
    from handlers.command import Deps
    from handlers.language.position import PositionQuestion

EXAMPLE = "/liq 60000 long 1btc cross balance 5000 alone hedge 0.5btc against 61000"


def hedged(deps: Deps, question: PositionQuestion) -> Reply:
    """Answer for both sides together. Refused where one of the two is not known whole."""
    args = question.args
    hedge, against = args.hedge, args.against
    whole = hedge and hedge.unit == "coin" and against and args.side and question.coins is not None
    if not whole or hedge is None or against is None or args.side is None or args.margin_mode != "cross":
        raise Refused(
            f"A hedge is told of one side, with both sizes in coins and both entries. Type it like {EXAMPLE}."
        )
    size, entry = hedge.amount / question.instrument.multiplier, against.amount
    if size <= 0.0 or entry <= 0.0:
        raise Refused(f"Size and entry of a hedge are above zero. Type it like {EXAMPLE}.")
    position = question.position(args.side)
    try:
        found = quote_hedge(position, size=size, entry=entry, renewed=question.renewed)
    except LiquidationError as error:
        raise refused(question, position, error) from error
    legs = " and ".join(f"{leg.side} {wording.coins(leg.size)} from {wording.price(leg.entry)}" for leg in found.legs)
    price = found.price
    at = "no price liquidates the account"
    if price is not None:
        at = f"one account, liquidation at {wording.price(price)} ({words.distance(question.entry, price)})"
    lines = [Line(f"{question.unit} {legs}: {at}", "headline")]
    mark = question.mark
    if mark is not None and mark.current:
        held = {leg.side: leg.size for leg in found.legs}
        net = "long" if held["long"] > held["short"] else "short"  # of equal legs the maintenance grows with the price
        away = "" if price is None else f": {wording.share(abs(price / mark.value - 1) * 100, 2)} away from it"
        away = ": this account is already past it" if reached(price, mark.value, net) else away
        lines.append(Line(f"{question.unit} is at {wording.price(mark.value)}{away}."))
    lines.append(Line("An estimate: the whole account decides.", "caveat"))
    return Reply(
        tuple(lines),
        values={
            "asset": question.asset,
            "side": args.side,
            "entry": question.entry,
            "venue": question.venue,
            "hedge_size": size,
            "hedge_entry": entry,
            "liquidation_price": price,
            "distance_pct": None if price is None else (price / question.entry - 1) * 100,
            "maintenance_rates": [leg.rate for leg in found.legs],
            "table_date": found.table.as_of.isoformat(),
        },
        read_as=read_as(question),
        stamp=f"{words.exchange(question.venue)}, cross · tiers of {wording.day(found.table.checked)}",
        outdated=outdated(deps, question),
        echoed=False,
    )
