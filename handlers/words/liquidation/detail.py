"""How a liquidation price is told: the blocks of an answer, and what it assumes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from handlers.reply import Line
from handlers.words import wording
from signals.liquidation import (
    Assumption,
    LeverageAboveCap,
    LiquidationAnswer,
    LiquidationError,
    SizeBeyondTable,
    compare,
    quote,
    rule_for,
    venues_for,
)
from signals.liquidation.rules import Family
from signals.units import DAY
from signals.venues import exchange_of, venue_title

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from handlers.language.kinds import Side
    from handlers.reply import Block
    from signals.liquidation import RenewedTables
    from signals.liquidation.moves import MoveFrequency
    from storage.queries.liquidation.liquidation_distance import PastDays

Others = dict[str, LiquidationAnswer | LiquidationError]

OLD_DAYS = 365  # an older table is marked wherever its price stands beside others
STALE_DAYS = 60  # venues change their tables several times a year
LARGER = (1e6, 5e6)  # US dollars: how the answer changes with size, where none is given
ASSUMED = {
    Assumption.FIRST_TIER: "the smallest size, as none was given",
    Assumption.NO_ADDED_MARGIN: "no margin added",
    Assumption.NO_FUNDING: "no funding paid",
    Assumption.USUAL_FEE: "the closing fee of the lowest fee level",
    Assumption.BOUND_UNKNOWN: "the first tier, the only one known here",
    Assumption.CAP_UNKNOWN: "that this leverage is allowed",
    Assumption.ACCOUNT_DECIDES: "this position alone, while the exchange judges the whole account",
    Assumption.NO_ISOLATED: "an account that holds just this margin, as there is no isolated margin here",
    Assumption.INFERRED_RULE: "the rule of its linear contracts, as none is published for these",
    Assumption.NEWER_TABLE: "a table newer than the day asked for",
}
SAID_APART = {Assumption.MARK_PRICE, Assumption.MARGIN_IS_SHARE, Assumption.REDUCED_FIRST}


def exchange(venue: str) -> str:
    """Name the exchange of a venue as people write it."""
    return venue_title(exchange_of(venue))


def distance(entry: float, price: float | None) -> str:
    """Say how far a price is from the entry: −3.61 %."""
    return wording.percent(None if price is None else (price / entry - 1) * 100, 2)


def shown(answer: LiquidationAnswer) -> str:
    """Say the liquidation price as the exchange would show it."""
    return wording.price(answer.shown)


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """One line of an answer. spare: what may go first where the message would be too long; 0 stays."""

    line: Line
    spare: int = 0


def within(parts: Iterable[AnswerLine], room: int) -> tuple[Block, ...]:
    """Return the lines, without those that can be spared while they are longer than `room` characters."""
    kept = list(parts)
    while sum(len(part.line.text) + 1 for part in kept) > room and any(part.spare for part in kept):
        kept.remove(max(kept, key=lambda part: part.spare))
    return tuple(part.line for part in kept)


def one_side(
    answer: LiquidationAnswer, others: Others, renewed: RenewedTables | None, now: datetime, near: str = ""
) -> tuple[AnswerLine, ...]:
    """Tell one liquidation price: where, how near that is, what it rests on, how size and exchange change it."""
    said = answer.position
    parts: list[AnswerLine] = []
    if answer.price is None:
        whose = "account" if said.cross else "margin"
        text = f"No liquidation: the {whose} covers every price of this {said.side}."
        parts.append(AnswerLine(Line(text, "headline")))
    else:
        text = f"Liquidation at {shown(answer)} ({distance(said.entry, answer.price)})"
        why = f": only the smallest tier of {exchange(answer.venue)} is known here" if rough(answer) else ""
        parts.append(AnswerLine(Line(f"{text}{up_to(answer)}{or_nearer(answer)}{why}.", "headline")))
    if near:
        parts.append(AnswerLine(Line(near), spare=2))
    if answer.bankruptcy is not None:
        at = f"{wording.price(answer.bankruptcy)} ({distance(said.entry, answer.bankruptcy)})"
        parts.append(AnswerLine(Line(f"The whole margin is gone at {at}, the bankruptcy price."), spare=4))
    parts.append(AnswerLine(Line(f"{_maintenance(answer)}.")))
    if answer.notional is not None and answer.margin is not None:
        parts.append(AnswerLine(Line(_size_and_margin(answer)), spare=1))
    elif answer.price is not None:
        parts.append(AnswerLine(Line(_with_size(answer, renewed)), spare=3))
    if told := _elsewhere(others, now):
        parts.append(AnswerLine(Line(told), spare=1))
    parts.append(AnswerLine(Line(assumed(answer), "caveat")))
    parts.append(AnswerLine(Line(formula(answer)), spare=1))
    return tuple(parts)


def formula(answer: LiquidationAnswer) -> str:
    """Write the rule with its numbers where they are few, else in words, with its source."""
    said, rule = answer.position, rule_for(answer.venue, answer.contract)
    plain = rule.contract == "linear" and rule.family is Family.AT_LIQUIDATION and not answer.amount
    if plain and not said.cross and said.leverage and said.margin is None and not said.extra_margin:
        sign, against = ("−", "−") if said.side == "long" else ("+", "+")
        fee = f" {against} {wording.share(answer.fee_rate * 100, 3)}" if answer.fee_rate else ""
        lever = f"{said.leverage:.4g}"
        rate = wording.share(answer.rate * 100, 2)
        text = f"{wording.price(said.entry)} × (1 {sign} 1/{lever}) / (1 {against} {rate}{fee})"
    else:
        text = "margin + profit = maintenance, at the mark price"
    return f"Formula: {text}; {rule.source}."


def up_to(answer: LiquidationAnswer) -> str:
    """Say up to which size a price without a size holds."""
    if answer.size is not None or answer.tier_cap_notional is None:
        return ""
    return f", for positions up to {wording.usd(answer.tier_cap_notional)}"


def or_nearer(answer: LiquidationAnswer) -> str:
    """Say of a size whose own tier is not known that it may be liquidated earlier: a higher tier asks for more."""
    return " or nearer" if rough(answer) else ""


def _maintenance(answer: LiquidationAnswer) -> str:
    text = f"Maintenance margin {wording.share(answer.rate * 100, 2)} of the position"
    if answer.slope:
        text += f", growing by {wording.share(answer.slope * 100, 4)} a {answer.position.unit}"
    if answer.fee_rate:
        text += f" + {wording.share(answer.fee_rate * 100, 3)} closing fee"
    if answer.amount:
        linear = answer.contract == "linear"
        text += f" − {wording.dollars(answer.amount) if linear else wording.coins(answer.amount, answer.position.unit)}"
    return text if answer.slope else f"{text} (tier {answer.tier})"


def _size_and_margin(answer: LiquidationAnswer) -> str:
    linear = answer.contract == "linear"
    asset = answer.position.unit
    margin = wording.dollars(answer.margin) if linear else wording.coins(answer.margin, asset)
    coins = wording.coins((answer.notional or 0.0) / answer.position.entry, asset)
    held = f"held by {margin} of the account" if answer.position.cross else f"margin {margin}"
    return f"Position {wording.dollars(answer.notional)} ({coins}), {held}."


_NOT_KNOWN = "The tiers of larger positions are not known here."


def _with_size(answer: LiquidationAnswer, renewed: RenewedTables | None) -> str:
    """Say how the price changes with the size."""
    if Assumption.BOUND_UNKNOWN in answer.assumptions:
        return _NOT_KNOWN
    parts = []
    same = known = 0
    for usd in LARGER:
        at = wording.usd(usd)
        try:
            larger = quote(replace(answer.position, size_usd=usd, margin=None), renewed=renewed)
            known += 1
            same += larger.shown == answer.shown
            parts.append(f"{shown(larger)} at {at}")
        except LeverageAboveCap as error:
            known += 1
            parts.append(f"at {at} only {wording.leverage(error.cap)} is allowed")
        except LiquidationError:
            parts.append(f"not known at {at}")
    if not known:
        return _NOT_KNOWN
    if same == len(LARGER):
        return f"The same for positions up to {wording.usd(LARGER[-1])}."
    return f"Larger positions: {', '.join(parts)}."


def elsewhere(answer: LiquidationAnswer, renewed: RenewedTables | None) -> Others:
    """Answer the same position at every other exchange; nothing for cross, where the account decides."""
    if answer.position.cross:
        return {}
    venues = [venue for venue in venues_for(answer.contract) if venue != answer.venue]
    return compare(answer.position, venues, renewed=renewed)


def rough(answer: LiquidationAnswer) -> bool:
    """Tell whether a price for a size rests on a first tier that is known without its bound."""
    return answer.size is not None and Assumption.BOUND_UNKNOWN in answer.assumptions


def comparable(every: Iterable[LiquidationAnswer | LiquidationError]) -> list[LiquidationAnswer]:
    """Return the prices that can be compared with one another."""
    return [
        answer
        for answer in every
        if isinstance(answer, LiquidationAnswer) and answer.price is not None and not rough(answer)
    ]


def aged(answer: LiquidationAnswer, now: datetime) -> str:
    """Say of a table in a comparison that it is old: its price may be another one by now."""
    days = (now.date() - answer.table_checked).days
    return f" (table of {answer.table_checked.year})" if days > OLD_DAYS else ""


def _elsewhere(others: Others, now: datetime) -> str:
    found = comparable(others.values())
    found.sort(key=lambda answer: -abs(answer.distance or 0.0))
    capped = [
        f"{exchange(venue)} allows at most {wording.leverage(answer.cap)}"
        for venue, answer in others.items()
        if isinstance(answer, LeverageAboveCap)
    ]
    text = ", ".join(f"{exchange(answer.venue)} {shown(answer)}{aged(answer, now)}" for answer in found)
    parts = [f"Elsewhere, farthest first: {text}"] if text else []
    unknown = [
        exchange(venue)
        for venue, answer in others.items()
        if (isinstance(answer, SizeBeyondTable) and answer.partial)
        or (isinstance(answer, LiquidationAnswer) and rough(answer))
    ]
    if unknown:
        parts.append(f"Tiers not known up to this size: {wording.listing(unknown)}")
    return "".join(f"{part}. " for part in (*parts, *capped)).rstrip()


def assumed(answer: LiquidationAnswer) -> str:
    """Say what the answer takes for granted."""
    facts = [ASSUMED[fact] for fact in answer.assumptions if fact not in SAID_APART]
    if Assumption.FIRST_TIER in answer.assumptions and Assumption.BOUND_UNKNOWN in answer.assumptions:
        facts.remove(ASSUMED[Assumption.FIRST_TIER])  # the other one says as much
    said = answer.position
    if said.cross and not said.other_profit and not said.other_maintenance:
        facts.append("no other positions in the wallet")
    parts = ["The mark price decides, not the last trade."]
    if facts:
        parts.append(f"Assumed: {'; '.join(facts)}.")
    if Assumption.REDUCED_FIRST in answer.assumptions:
        parts.append("In this tier the position may be reduced in steps instead of closed at once.")
    return " ".join(parts)


def span(answer: LiquidationAnswer, others: Others, now: datetime) -> str:
    """Say from which exchange to which the price differs; "" where only one can be asked."""
    found = comparable((answer, *others.values()))
    found.sort(key=lambda answer: answer.price or 0.0)
    if len(found) < 2:
        return ""
    low, high = found[0], found[-1]
    ends = [f"{shown(end)} ({exchange(end.venue)}){aged(end, now)}" for end in (low, high)]
    return " to ".join(ends)


def both_sides(
    answers: Mapping[Side, LiquidationAnswer], every: Mapping[Side, Others], now: datetime, near: str = ""
) -> tuple[AnswerLine, ...]:
    """Tell the prices of a long and a short, how near they are, and the span over all exchanges."""
    parts: list[AnswerLine] = []
    for side, answer in answers.items():
        where = f"liquidation at {shown(answer)} ({distance(answer.position.entry, answer.price)}){or_nearer(answer)}"
        text = where if answer.price is not None else "no liquidation"
        parts.append(AnswerLine(Line(f"{side.capitalize()}: {text}.", "headline")))
    first = next(iter(answers.values()))
    if near:
        parts.append(AnswerLine(Line(near), spare=2))
    known = {side: answer.bankruptcy for side, answer in answers.items() if answer.bankruptcy is not None}
    gone = [f"{wording.price(price)} ({side})" for side, price in known.items()]
    if gone:
        text = f"The whole margin is gone at {wording.listing(gone)}, the bankruptcy price."
        parts.append(AnswerLine(Line(text), spare=3))
    if len({answer.tier for answer in answers.values()}) > 1:  # a short is worth more at its liquidation than a long
        parts += [
            AnswerLine(Line(f"{_maintenance(answer)} for the {side}."), spare=1) for side, answer in answers.items()
        ]
    else:
        parts.append(AnswerLine(Line(f"{_maintenance(first)}{up_to(first)}.")))
    if first.notional is not None and first.margin is not None:
        parts.append(AnswerLine(Line(_size_and_margin(first)), spare=1))
    spans = [f"{side} {told}" for side, answer in answers.items() if (told := span(answer, every[side], now))]
    if spans:
        parts.append(AnswerLine(Line(f"Over all exchanges: {', '.join(spans)}."), spare=1))
    parts.append(AnswerLine(Line(assumed(max(answers.values(), key=lambda answer: answer.tier)), "caveat")))
    return tuple(parts)


# --- how near ---------------------------------------------------------------------------------------------------------


def how_near(past: PastDays, found: Mapping[Side, MoveFrequency], distances: Mapping[Side, float], asset: str) -> str:
    """Say on how many past days the price moved as far as the liquidation is away, from the day's start."""
    parts: list[str] = []
    for side, frequency in found.items():
        verb = "fell" if side == "long" else "rose"
        far = wording.share(abs(distances[side]) * 100, 2)
        of = f" of {frequency.days} days" if not parts else ""
        rare = f" ({wording.share(frequency.share * 100, 1)})" if frequency.hits else ""
        parts.append(f"{verb} {far} or more on {frequency.hits or 'none'}{of}{rare}")
    span = f"{wording.day(past.first)} to {wording.day(past.last - DAY)}"
    return f"Within a day {asset} {' and '.join(parts)}: {span}, {exchange(past.venue)}."


# --- what it rests on -------------------------------------------------------------------------------------------------


def stamp(answer: LiquidationAnswer, now: datetime) -> str:
    """Say which tier table an answer rests on, how old it is, and when it is stale."""
    days = (now.date() - answer.table_checked).days
    parts = [f"{exchange(answer.venue)} tier table of {wording.day(answer.table_as_of)}"]
    if answer.table_checked > answer.table_as_of:
        parts[0] += f", unchanged on {wording.day(answer.table_checked)}"
    if days > STALE_DAYS:
        parts.append(f"{wording.count(days, 'day')} old: stale, it may have changed since")
    elif days > 0:
        parts.append(f"{wording.count(days, 'day')} old")
    return " · ".join(parts)
