"""The short answer to /liq: where, how far from the price, how often that happened; eight lines of a phone.

What it rests on stands in the long form, `/liq ... how` (detail.py).
"""

from __future__ import annotations

import math
import textwrap
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from handlers.reply import Line, Table
from handlers.words import wording
from handlers.words.liquidation.detail import STALE_DAYS, aged, comparable, distance, exchange, or_nearer, rough, shown
from signals.liquidation import Assumption
from signals.liquidation.condition import reached

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from handlers.language.kinds import Side
    from handlers.reply import Block
    from handlers.words.liquidation.detail import Others
    from signals.liquidation import LiquidationAnswer
    from signals.liquidation.moves import MoveFrequency
    from storage.queries.market.mark import MarkNow

WIDTH: Final = 40  # columns of a phone
MOST_ROWS: Final = 8
_MOST_VENUES: Final = 4
_YEAR = timedelta(days=365)
_DIGITS: Final = 5  # of a price that is only compared with another


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What a short answer is made of: answers, the other exchanges', and those from the price of now, by side.

    past: the sides whose liquidation the price of now has reached; from_here has those that can be told anew.
    days: how often the price moved as far.
    """

    answers: Mapping[Side, LiquidationAnswer]
    others: Mapping[Side, Others]
    past: frozenset[Side]
    from_here: Mapping[Side, LiquidationAnswer]
    days: Mapping[Side, MoveFrequency]
    mark: MarkNow | None
    at_mark: bool
    now: datetime
    zone: str
    note: str | None = None

    @property
    def first(self) -> LiquidationAnswer:
        """Give one of the answers, for what both sides share."""
        return next(iter(self.answers.values()))


def rows(texts: Iterable[str]) -> int:
    """Count the rows that lines take on a phone."""
    return sum(max(1, len(textwrap.wrap(text, WIDTH, break_on_hyphens=False))) for text in texts)


def brief(told: Brief) -> tuple[tuple[Block, ...], str]:
    """Return the lines of a short answer and its stamp, in as many rows as a phone shows at a glance.

    Other exchanges are left out first, then the past days: both stand in the long form.
    """
    stamp = stamp_of(told)
    lines: list[Line] = []
    for venues, with_days in ((_MOST_VENUES, True), (2, True), (0, True), (0, False)):
        lines = [
            *_where(told),
            *(Line(text) for text in _price(told)),
            *(Line(text) for text in _size(told.first)),
            *(Line(text) for text in _elsewhere(told, venues)),
            *(Line(text) for text in _days(told) if with_days),
            *(Line(text, "caveat") for text in _doubts(told.first)),
        ]
        if rows([*(line.text for line in lines), stamp]) <= MOST_ROWS:
            break
    return tuple(lines), stamp


def table(told: Brief, title: str, by_leverage: Table) -> tuple[tuple[Block, ...], str]:
    """Return the answer for several leverages: a title, the price, the table."""
    prices = tuple(Line(text) for text in _price(told, beside_table=True))
    return (Line(title, "headline"), *prices, by_leverage), stamp_of(told)


def stamp_of(told: Brief) -> str:
    """Say whose rule and which tiers an answer rests on: Binance, up to $300k · tiers of 29 Sep."""
    answer = told.first
    name = exchange(answer.venue)
    held = "" if answer.size is not None or not answer.tier_cap_notional else wording.usd(answer.tier_cap_notional)
    mode = ", cross" if answer.position.cross else ""
    old = (told.now.date() - answer.table_checked).days
    stale = f", {old} days old: stale" if old > STALE_DAYS else ""
    up_to = f", up to {held}" if held else ""
    past = f" · past days {told.note}" if told.note and told.days else ""
    return f"{name}{mode}{up_to} · tiers of {day(answer.table_checked, told.now)}{stale}{past}"


def day(value: date, now: datetime) -> str:
    """Say a date in few letters: 29 Sep, and the year where it is not within the last twelve months."""
    said = wording.day(value, year=False)
    number, month = said.split(" ", 1)
    return f"{number} {month[:3]}" + ("" if now.date() - value < _YEAR else f" {value.year}")


def _rounded(price: float | None) -> str:
    """Say a price that is only compared: 91,566, 0.0078812."""
    if price is None:
        return "none"
    if price <= 0.0:  # nothing is left of it on the tick of this market
        return wording.price(price)
    whole = math.floor(math.log10(price)) + 1
    return wording.price(float(f"{price:.{max(_DIGITS, whole)}g}"))


def _where(told: Brief) -> list[Line]:
    first = told.first
    said = first.position
    lever = f" {wording.leverage(said.leverage)}" if said.leverage else ""
    entry = f"{wording.price(said.entry)}{', its price now' if told.at_mark else ''}"
    if len(told.answers) == 1:
        opened = f"{said.unit} {said.side}{lever} from {entry}"
        if first.price is None:
            whose = "account" if said.cross else "margin"
            return [Line(f"{opened}: no liquidation, the {whose} covers every price.", "headline")]
        at = f"{shown(first)} ({distance(said.entry, first.price)})"
        if reached(first.price, said.entry, said.side):
            return [Line(f"{opened} cannot be opened: it is liquidated at {at} already.", "headline")]
        return [Line(f"{opened}: liquidation at {at}{or_nearer(first)}", "headline")]
    lines = [Line(f"{said.unit}{lever} from {entry}, liquidation:", "headline")]
    for side, answer in told.answers.items():
        at = f"{shown(answer)} ({distance(answer.position.entry, answer.price)}){or_nearer(answer)}"
        lines.append(Line(f"{side.capitalize()} {at if answer.price is not None else 'none'}", "headline"))
    return lines


def _price(told: Brief, *, beside_table: bool = False) -> list[str]:
    """Say where the price is, and what that means for the position."""
    mark = told.mark
    if mark is None or (told.at_mark and mark.current and not beside_table):
        return []
    unit, price = told.first.position.unit, _rounded(mark.value)
    if not mark.current:
        return [f"{unit} was at {price} on {wording.clock(mark.at, told.zone, dated=True)}."]
    if beside_table:
        return [f"{unit} is at {price}."]
    if told.past:
        sides = [side for side in told.answers if side in told.past]
        which = "this position is" if len(told.answers) == 1 else f"the {sides[0]} is"
        which = "both sides are" if len(sides) > 1 else which
        new = ", ".join(_rounded(told.from_here[side].shown) for side in sides if side in told.from_here)
        return [f"{unit} is at {price}: {which} already past it.{f' From here: {new}.' if new else ''}"]
    if len(told.answers) == 1 and told.first.price is not None:
        away = wording.share(abs(told.first.price / mark.value - 1) * 100, 2)
        return [f"{unit} is at {price}: {away} away from it."]
    return [f"{unit} is at {price}."]


def _size(answer: LiquidationAnswer) -> list[str]:
    if answer.notional is None or answer.margin is None:
        return []
    linear, unit = answer.contract == "linear", answer.position.unit
    margin = wording.dollars(answer.margin) if linear else wording.coins(answer.margin, unit)
    held = "account" if answer.position.cross else "margin"
    return [f"{wording.dollars(answer.notional)}, {held} {margin}"]


def _elsewhere(told: Brief, most: int) -> list[str]:
    if not most:
        return []
    if len(told.answers) > 1:
        spans = []
        for side, answer in told.answers.items():
            found = sorted(one.shown or 0.0 for one in comparable((answer, *told.others[side].values())))
            if len(found) > 1:
                spans.append(f"{side} {_rounded(found[0])} to {_rounded(found[-1])}")
        return [f"All exchanges: {', '.join(spans)}"] if spans else []
    found_here = comparable(next(iter(told.others.values())).values())[:most]
    found_here.sort(key=lambda answer: -abs(answer.distance or 0.0))
    texts = [f"{exchange(answer.venue)} {_rounded(answer.shown)}{aged(answer, told.now)}" for answer in found_here]
    return [" · ".join(texts)] if texts else []


def _days(told: Brief) -> list[str]:
    if not told.days:
        return []
    if len(told.days) == 1:
        side, found = next(iter(told.days.items()))
        verb = "Fell" if side == "long" else "Rose"
        return [f"{verb} that far in a day: {found.hits or 'none'} of {found.days} days."]
    counts = ", ".join(f"{found.hits} {'down' if side == 'long' else 'up'}" for side, found in told.days.items())
    return [f"Such days: {counts}, of {next(iter(told.days.values())).days}."]


def _doubts(answer: LiquidationAnswer) -> list[str]:
    """Say what would make the price itself wrong, and not only a little."""
    if rough(answer):
        return [f"Only the smallest tier of {exchange(answer.venue)} is known here."]
    if Assumption.ACCOUNT_DECIDES in answer.assumptions:
        return ["An estimate: the whole account decides."]
    return []
