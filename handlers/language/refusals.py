"""What a liquidation rule cannot answer, as one line that says what to type instead."""

from __future__ import annotations

import contextlib
import math
from dataclasses import replace
from typing import TYPE_CHECKING

from handlers.command import Refused
from handlers.language.position import CROSS_EXAMPLE, contract_name, line
from handlers.words import liquidation as words
from handlers.words import wording
from signals.assets import packed
from signals.language.spelling import sentence_case
from signals.liquidation import (
    Assumption,
    CrossNeedsAccount,
    LeverageAboveCap,
    LiquidationAnswer,
    LiquidationError,
    NoTierTable,
    SizeBeyondTable,
    UnknownVenue,
    compare,
    quote,
    tiers,
    venues_for,
)
from signals.units import DAY
from signals.venues import VENUES

if TYPE_CHECKING:
    from handlers.language.position import PositionQuestion
    from signals.liquidation import Position, TierTable

LONGEST_REFUSAL = 330  # characters of a refusal; make fuzz takes longer ones for a fault


def refused(
    question: PositionQuestion, position: Position, error: LiquidationError, *, command: str = "liq"
) -> Refused:
    """Turn an error about a position into one line that says what to type instead."""
    name = words.exchange(position.venue)
    if isinstance(error, LeverageAboveCap):
        held = ""
        if error.cap_notional is not None:
            held = f" up to {wording.usd(error.cap_notional)}"
        elif question.args.size is not None:
            held = " for this size"
        smaller = ""
        if error.max_notional:
            smaller = f" ({wording.leverage(position.leverage)} only up to {wording.usd(error.max_notional)})"
        lower = replace(question.args, leverage=max(1.0, math.floor(error.cap * 100) / 100))  # never above the cap
        allowed = replace(question, args=lower)
        on = contract_name(question.instrument)
        return Refused(
            f"{name} allows at most {wording.leverage(error.cap)} on {on}{held}{smaller}, by its table of "
            f"{wording.day(error.as_of)}. Type for example {line(allowed, command=command)}."
        )
    if isinstance(error, CrossNeedsAccount):
        return Refused(f"{sentence(error)} Type it like {CROSS_EXAMPLE}.")
    if isinstance(error, UnknownVenue):
        kind = "coin-margined" if position.contract == "inverse" else "USDT-margined"
        return Refused(
            f"No {kind} contracts of {name} are known here. Type another exchange, or leave the contract out."
        )
    if isinstance(error, SizeBeyondTable):
        held = f"(table of {wording.day(error.as_of)}). Type a smaller size, or another exchange"
        if error.partial:
            return Refused(_beyond(question, position, error))
        return Refused(f"{name} allows no position of that size on {contract_name(question.instrument)} {held}.")
    return Refused(sentence(error) + (_where_else(question, position) if isinstance(error, NoTierTable) else ""))


def _beyond(question: PositionQuestion, position: Position, error: SizeBeyondTable) -> str:
    """Say up to where the tiers are known, what an older table that held more gives, and who answers this size."""
    name = words.exchange(position.venue)
    table = _table(question, error.venue, position.quote)
    usd = question.usd
    within = usd is not None and table.units(usd, position.entry) <= table.limit
    text = (
        f"A position of that size {'grows' if within else 'is'} above the tiers of {name} that are known here, "
        f"up to {_limit(table)} (table of {wording.day(error.as_of)})."
    )
    by_older = ""
    with contextlib.suppress(LiquidationError):
        older = quote(position, on=error.as_of - DAY, renewed=question.renewed)
        fuller = question.args.leverage is not None and Assumption.BOUND_UNKNOWN not in older.assumptions
        if fuller and older.price is not None:
            at = f"{wording.price(older.shown)} ({words.distance(position.entry, older.price)})"
            by_older = (
                f" By the fuller table of {wording.day(older.table_as_of)}, since changed, liquidation is at {at}."
            )
    answering = [
        words.exchange(venue)
        for venue, answer in compare(position, renewed=question.renewed).items()
        if isinstance(answer, LiquidationAnswer) and not words.rough(answer)
    ]
    what = "Type a smaller size."
    if answering:
        what = f"Type a smaller size, or an exchange whose tiers reach that far: {wording.listing(answering)}."
    if len(text + by_older + what) >= LONGEST_REFUSAL:  # prices with twenty digits: nobody's position
        by_older = ""
    return f"{text}{by_older} {what}"


def _limit(table: TierTable) -> str:
    """Say the largest size a table knows: $2.6m, 300 BTC, 34,000,000 XRP."""
    size = table.limit * table.lot
    coins = (table.unit == "quote") is (table.contract == "inverse")
    return wording.coins(size, packed(table.asset, table.multiplier)) if coins else wording.usd(size)


def _where_else(question: PositionQuestion, position: Position) -> str:
    """Say what helps when a venue's table of an asset is missing: fetching it, or a venue whose table is here."""
    knowing = []
    for venue in venues_for(position.contract):
        with contextlib.suppress(LiquidationError):
            _table(question, venue, position.quote)
            knowing.append(words.exchange(venue))
    if not knowing:
        return " Check the symbol."
    fetched = f" Whoever runs this bot fetches it with: perpulse tiers refresh {position.venue}."
    if not _renewed(position) or position.quote == "USDC" or position.expiry:
        fetched = ""
    return f"{fetched} Known for {contract_name(question.instrument)}: {wording.listing(knowing)}."


def _renewed(position: Position) -> bool:
    """Tell whether `perpulse tiers refresh` brings tables of this kind."""
    declared = VENUES.get(position.venue)
    return declared is not None and position.contract in declared.renewed


def _table(question: PositionQuestion, venue: str, quote_: str | None) -> TierTable:
    named = question.instrument
    return tiers(
        venue,
        question.args.contract or "linear",
        named.asset,
        quote_,
        None,
        question.renewed,
        multiplier=named.multiplier,
        expiry=named.expiry,
    )


def sentence(error: LiquidationError) -> str:
    """Return an error's text as a sentence."""
    text = str(error).rstrip(".")
    return f"{sentence_case(text)}{'' if text.endswith('?') else '.'}"
