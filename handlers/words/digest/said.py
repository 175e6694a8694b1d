"""What a digest says: ten short lines at most, and on a quiet day one sentence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from handlers.charts.figures import say
from handlers.reply import Button, Buttons, Line, Picture
from handlers.words import wording
from handlers.words.message import Message
from handlers.words.positions.shown import far
from handlers.words.subscriptions import title
from signals.alerts.burst import BURST
from signals.inputs import MARKET
from signals.metric import metrics
from signals.units import DAY, MINUTE, WEEK
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import date, datetime, timedelta

    from handlers.reply import Block
    from signals.digest import Alarm, Digest, Near, Said, Silence, Yours
    from signals.unusual import FigureChange

MOST_LINES: Final = 10
LONGEST: Final = 76  # characters of a list: two rows of forty, broken between words
_UNUSUAL: Final = 3
_NAMED: Final = 4  # assets in the first line
_LATE: Final = 30 * MINUTE
_PICTURE_DAYS: Final = {"daily": 7, "weekly": 30}


@dataclass(frozen=True, slots=True)
class _Told:
    """A line, and how soon it is left out where there is no room for all: the lowest weight first."""

    text: str
    weight: int


def tell(found: Digest, zone: str) -> Message:
    """Put a digest into words, with its times in a zone."""
    buttons = Buttons(tuple(_buttons(found)))
    stamp = Line(_stamp(found, zone), "stamp")
    if found.quiet:
        return Message((Line(_quiet(found), "headline"), stamp, buttons))
    told = [one for one in _lines(found, zone) if one.text]
    while len(told) > MOST_LINES - 2:
        told.remove(min(reversed(told), key=lambda one: one.weight))
    lines: list[Block] = [Line(_moves(found), "headline"), *(Line(one.text) for one in told), stamp]
    if any(price.value is not None for price in found.prices):
        lines.append(_picture(found))
    return Message((*lines, buttons))


def _lines(found: Digest, zone: str) -> list[_Told]:
    """Return every line that there is, in the order in which they are read.

    The weights leave one line of each kind first: what happened, what is on, near, one's own, coming, held back.
    """
    alike: dict[str, list[FigureChange]] = {}
    for change in found.unusual:
        alike.setdefault(change.what, []).append(change)
    groups = list(alike.values())[:_UNUSUAL]
    shown = {(change.what, change.asset) for group in groups for change in group}
    return [
        *(_Told(_unusual(group, found), weight) for group, weight in zip(groups, (90, 64, 63), strict=False)),
        _Told(_listed("New", [_alarm(one, found, zone, at=one.at) for one in reversed(found.began)]), 95),
        _Told(_listed("Over", [_alarm(one, found, zone, at=one.ended) for one in reversed(found.over)]), 60),
        _Told(_still_on(found), 88),
        _Told(_funding(found, shown), 30),
        _Told(_liquidated(found, shown), 62),
        _Told(_listed("Near", [_near(one) for one in found.near]), 87),
        _Told(_yours(found.yours), 94),
        _Told(_expiry(found, zone), 86),
        _Told(_settlement(found, zone), 45),
        _Told(_held(found), 85),
        _Told(_silent(found.silent, found, zone), 61),
        *(_Told(line, weight) for line, weight in zip(_record(found, zone), (92, 84, 65), strict=False)),
    ]


# --- the first line ---------------------------------------------------------------------------------------------------


def _moves(found: Digest) -> str:
    """Say how far each asset came; the first with its price."""
    prices = _named(found)
    if all(price.value is None for price in prices):
        return f"No current price of {wording.listing([price.asset for price in prices], 'or')} is stored."
    parts = []
    for place, price in enumerate(prices):
        if price.change is None:  # it was not known then, or is not now
            parts.append(f"{price.asset} {_price(price)}")
        else:
            to = f" to {_price(price)}" if place == 0 else ""
            parts.append(f"{price.asset} {_percent(price.change)}{to}")
    return ", ".join(parts)


def _quiet(found: Digest) -> str:
    what = "A quiet week" if found.kind == "weekly" else "A quiet day"
    parts = [f"{price.asset} {_price(price)} ({_percent(price.change)})" for price in _named(found)]
    return f"{what}: {', '.join(parts)}."


def _named(found: Digest) -> list[FigureChange]:
    """Return the assets of the first line: the first asked for, then those that moved most unusually."""
    first, rest = found.prices[:1], found.prices[1:]
    if len(found.prices) > _NAMED:
        rest = tuple(sorted(rest, key=lambda price: price.rarity or 2.0)[: _NAMED - 1])
    return [*first, *rest]


def _price(price: FigureChange) -> str:
    return wording.price(price.value, 1 if (price.value or 0) >= 1000 else None)


# --- what happened ----------------------------------------------------------------------------------------------------


def _unusual(every: Sequence[FigureChange], found: Digest) -> str:
    """Say one change with how seldom it is as large, or several of one kind in one line."""
    first, asset, rare = every[0], every[0].asset, _rarely(every[0], found)
    if len(every) > 1:
        return _alike(every)
    match first.what:
        case "price":
            return f"{asset} {_size(first)}: {rare}."
        case "open_interest":
            return f"{asset} open interest {_size(first)} in coins: {rare}."
        case "funding":
            return f"{asset} funding {_paid(first.paid)}{_size(first)} a year, was {_before(first)}: {rare}."
        case "takers":
            side = "sold" if (first.value or 0) < 0 else "bought"
            return f"{asset} takers {side} {wording.usd(abs(first.value or 0))} net: {rare}."
        case "liquidated":
            return f"{_liquidations(first)}: {rare}."


def _alike(every: Sequence[FigureChange]) -> str:
    """Say several changes of one kind: as many as fit into a line, and how many there are besides; at least two."""
    what = every[0].what
    begin, end = _ALIKE[what]
    told = every[:_NAMED]
    alike = len({one.paid for one in told}) == 1
    parts = [f"{one.asset} {_size(one)}{_was(one, told=alike)}" for one in told]
    if what == "funding" and alike:
        begin += _paid(told[0].paid)
    while True:
        more = len(every) - len(parts)
        line = f"{begin}{', '.join(parts)}{end}{f', {more} more' if more else ''}: unusual."
        if len(line) <= LONGEST or len(parts) == 2:
            return line
        parts.pop()


_ALIKE: Final = {
    "price": ("", ""),
    "open_interest": ("Open interest ", " in coins"),
    "funding": ("Funding ", " a year"),
    "takers": ("Takers net ", ""),
    "liquidated": ("Liquidated ", ""),
}


def _paid(paid: bool | None) -> str:  # noqa: FBT001 - what is known of a rate: paid, building, or neither
    """Say before a rate whether it was paid, or is where funding is heading; "" where that is not known."""
    return {True: "paid ", False: "heading to ", None: ""}[paid]


def _size(change: FigureChange) -> str:
    match change.what:
        case "funding":
            return _rate(change.value)
        case "takers":
            return wording.usd(change.value, plus=True)
        case "liquidated":
            return f"{'at least ' if change.at_least else ''}{wording.usd(change.value)}"
        case _:
            return _percent(change.change)


def _was(change: FigureChange, *, told: bool) -> str:
    """Say behind a rate what it was, and that it was paid where the line has not told so; "" of other figures."""
    if change.what != "funding":
        return ""
    return f" ({'paid, ' if change.paid and not told else ''}was {_before(change)})"


def _before(change: FigureChange) -> str:
    """Say what a rate was."""
    return _rate(None if change.value is None or change.change is None else change.value - change.change)


def _rarely(change: FigureChange, found: Digest) -> str:
    """Say how seldom it moves as far, or flows as much."""
    rare, past = change.rare or 0, change.past
    if not rare:
        return f"the most in {past} days"
    less = "it was less" if change.what in {"takers", "liquidated"} else "it moved less"
    if _about(found, DAY):
        return f"{less} on {past - rare} of {past} days"
    what = "weeks" if _about(found, WEEK) else "spans as long"
    return f"{less} in {min(99, round(100 * (1 - rare / past)))} % of {what}"


def _about(found: Digest, span: timedelta) -> bool:
    return abs(found.until - found.since - span) < span / 8


def _alarm(alarm: Alarm, found: Digest, zone: str, *, at: datetime | None) -> str:
    said = _alarm_title(alarm.rule, alarm.asset, alarm.move)
    return said if at is None else f"{said} ({_when(at, found.until, zone)})"


def _alarm_title(rule: str, asset: str, move: float | None) -> str:
    """Say an alarm in a few words: BTC positions closed unusually fast."""
    if rule == BURST and move is not None:
        return f"{asset} {'fell' if move < 0 else 'rose'} {wording.share(abs(move) * 100, 1)}"
    name = title(rule)
    return name if asset == MARKET else f"{asset} {name[:1].lower()}{name[1:]}"


def _still_on(found: Digest) -> str:
    if not found.oldest:
        return ""
    whole = f"Still on: {found.on} ({_alarm_title(found.oldest.rule, found.oldest.asset, found.oldest.move)}"
    lasted = f"{wording.duration(found.until - found.oldest.at)})."
    if found.on == 1 and len(f"{whole}, {lasted}") <= LONGEST:
        return f"Still on: {whole.partition('(')[2]}, {lasted}".replace(").", ".")
    return f"Still on: {wording.count(found.on, 'alarm')}, the oldest for {lasted}".replace(").", ".")


def _funding(found: Digest, shown: Collection[tuple[str, str]]) -> str:
    rates = {
        change.asset: change
        for price in found.prices
        for change in found.changes
        if change.what == "funding" and change.asset == price.asset and ("funding", change.asset) not in shown
    }
    known = [change for change in rates.values() if change.value is not None][:_NAMED]
    alike = known[0].paid if len({change.paid for change in known}) == 1 else None
    parts = [
        f"{change.asset} {_rate(change.value)}{' (paid)' if change.paid and alike is None else ''}" for change in known
    ]
    told = [change.value or 0.0 for change in known]
    who = ": shorts pay" if max(told, default=0.0) < 0 else ": longs pay" if min(told, default=0.0) > 0 else ""
    begin = f"Funding {_paid(alike)}"
    lines = (f"{begin}{', '.join(parts[:count])} a year{who}." for count in range(len(parts), 0, -1))
    return next((line for line in lines if len(line) <= LONGEST), "")


def _liquidated(found: Digest, shown: Collection[tuple[str, str]]) -> str:
    rows = [change for change in found.changes if change.what == "liquidated"]
    rows = [change for change in rows if ("liquidated", change.asset) not in shown]
    most = max(rows, key=lambda change: change.value or 0.0, default=None)
    return f"{_liquidations(most)}." if most else ""


def _liquidations(change: FigureChange) -> str:
    least = "at least " if change.at_least else ""
    longs = wording.share((change.change or 0.0) * 100)
    return f"{change.asset}: {least}{wording.usd(change.value)} liquidated, {longs} longs"


# --- what is near, one's own, coming ----------------------------------------------------------------------------------


def _near(near: Near) -> str:
    metric = metrics()[near.metric]
    name = metric.title if near.asset == MARKET else f"{near.asset} {metric.title[:1].lower()}{metric.title[1:]}"
    value, line = (say(number, metric.unit) for number in (near.value, near.line))
    return f"{name} {value} (line {line})"


def _yours(every: Sequence[Yours]) -> str:
    if not every:
        return ""
    first = every[0]
    was = f" (was {far(first.was)})" if first.was is not None and far(first.was) != far(first.distance) else ""
    more = f", {len(every) - 1} more" if len(every) > 1 else ""
    return f"Yours: {_whose(first.unit, first.side, first.number)} {far(first.distance)} from liquidation{was}{more}."


def _whose(unit: str, side: str, number: int | None) -> str:
    return f"{unit} {side}" if number is None else f"{unit} {side} ({number})"


def _expiry(found: Digest, zone: str) -> str:
    if not (expiry := found.expiry):
        return ""
    coins, strike = wording.coins(round(expiry.coins), expiry.asset), wording.price(expiry.strike)
    return f"{venue_title(expiry.venue)} expiry {_when(expiry.at, found.until, zone)}: {coins}, most at {strike}."


def _settlement(found: Digest, zone: str) -> str:
    if not (due := found.settlement):
        return ""
    verb = "pays" if due.usd >= 0 else "gets"
    whose = _whose(due.unit, due.side, due.number)
    return f"Funding {_when(due.at, found.until, zone)}: your {whose} {verb} {wording.usd(abs(due.usd))}."


# --- what was not told, what was silent, what was said ----------------------------------------------------------------


def _held(found: Digest) -> str:
    parts = [
        f"{count} {why}"
        for count, why in (
            (found.held.quiet, "in quiet hours"),
            (found.held.budget, "by your limit"),
            (found.held.late, "too late to be news"),
        )
        if count
    ]
    return f"Held back: {', '.join(parts)}." if parts else ""


def _silent(silent: Sequence[Silence], found: Digest, zone: str) -> str:
    return _listed(
        "Silent", [_silence(one, found, zone) for one in sorted(silent, key=lambda one: one.at, reverse=True)]
    )


def _silence(one: Silence, found: Digest, zone: str) -> str:
    name = f"{venue_title(one.source.partition(' ')[0])}{one.source[len(one.source.partition(' ')[0]) :]}"
    if one.ended is None:
        return f"{name} since {_when(one.at, found.until, zone)}"
    return f"{name} {wording.duration(one.ended - one.at)} from {_when(one.at, found.until, zone)}"


def _record(found: Digest, zone: str) -> list[str]:
    """Say what became of what was said, a line for what was said of one asset on one day, misses first."""
    days: dict[tuple[str, date], list[Said]] = {}
    for said in found.said:
        days.setdefault((said.asset, said.at.astimezone(ZoneInfo(zone)).date()), []).append(said)
    lines = []
    for (_, day), same in days.items():
        first = same[0]
        what = _alarm_title(first.rule, first.asset, first.move)
        more = f" and {len(same) - 1} more" if len(same) > 1 else ""
        when = "since" if first.days is None else "a day later" if first.days == 1 else f"{first.days} d later"
        became = f"{when} {_percent(first.change)}, usual {wording.share(first.usual * 100)}"
        whole, short = (f"Said {day.day} {day:%b}: {what}{also}; {became}." for also in (more, ""))
        lines.append(whole if len(whole) <= LONGEST else short)  # what became of it is worth more than how many
    return lines


# --- parts ------------------------------------------------------------------------------------------------------------


def _listed(head: str, parts: Sequence[str]) -> str:
    """Say as many of the parts as fit into a line, and how many there are besides; at least the first."""
    said = list(parts)
    while said:
        more = len(parts) - len(said)
        line = f"{head}: {'; '.join(said)}{f'; {more} more' if more else ''}."
        if len(line) <= LONGEST or len(said) == 1:
            return line
        said.pop()
    return ""


def _when(at: datetime, now: datetime, zone: str) -> str:
    """Say a time within a day of now by the clock alone, else with its day of the week, else the date."""
    here = ZoneInfo(zone)
    local, today = at.astimezone(here), now.astimezone(here)
    if abs(at - now) < DAY:
        return f"{local:%H:%M}"
    if abs(local.date() - today.date()) < WEEK:
        return f"{local:%a %H:%M}"
    return f"{local.day} {local:%b}"


def _percent(change: float | None) -> str:
    return wording.percent(None if change is None else change * 100)


def _rate(apr: float | None) -> str:
    """Say a yearly rate shortly: +11 %, −3.6 %."""
    return wording.percent(None if apr is None else apr * 100, 0 if apr is not None and abs(apr) >= 0.0995 else 1)


def _stamp(found: Digest, zone: str) -> str:
    since = wording.clock(found.since, zone, dated=True)
    if found.due is None or found.until - found.due < _LATE:
        return f"Since {since}."
    return f"Due {_when(found.due, found.until, zone)}, told {_when(found.until, found.until, zone)}. Since {since}."


def _buttons(found: Digest) -> list[Button]:
    asset = found.prices[0].asset.lower() if found.prices else ""
    buttons = [Button("Health", f"/health {asset}".rstrip()), Button("Chart", f"/chart {asset}".rstrip())]
    if found.due is None:
        return buttons  # it was asked for, and none may be on
    return [*buttons, Button("Off", f"/digest off {found.kind}")]


def _picture(found: Digest) -> Picture:
    asset = found.prices[0].asset
    days = _PICTURE_DAYS[found.kind]
    reference = {"picture": "digest", "asset": asset, "until": found.until.isoformat(), "days": days}
    return Picture(reference, f"{asset}: price, open interest in coins, funding and net taker flow of {days} days.")
