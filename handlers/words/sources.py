"""What became of a source, of one of its contracts or of its tier tables; and how a tier table is laid out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, assert_never

from handlers.words import wording
from handlers.words.delivery import token_told
from signals.assets import coin
from signals.assets import packed as packed_name
from signals.inputs import INPUTS
from signals.liquidation.renewal import MAIN_ASSETS, outline, symbol_of
from signals.venues import source_title, venue_title
from storage.sources.source_events import SourceEvent

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterable, Sequence

    from signals.liquidation import TierTable
    from signals.liquidation.renewal import Kind, Refusal, Renewal, TierChange, TierMove, TierOutline
    from storage.sources.source_events import AssetEvent
    from storage.sources.source_state import SourceHealth

_OF_PLATFORMS: Final = frozenset({"refused", "accepted"})
_A_SLIP: Final = 1.5  # times; a unit slips by ten or more, a contract by two or more
SHOWN: Final = 12  # changes that are told one by one; the files hold them all


def sentence(event: SourceEvent | AssetEvent, zone: str = "UTC") -> str:
    """Say what became of a source or of an asset there, with its times in a zone."""
    if isinstance(event, SourceEvent) and event.state in _OF_PLATFORMS:
        return token_told(event.source, event.since, event.reason, zone, accepted=event.state == "accepted")
    said = _source(event, zone) if isinstance(event, SourceEvent) else _asset(event)
    return said if event.calm_hours is None else f"{said} {_again(event.calm_hours)}"


def sentences(events: Sequence[SourceEvent | AssetEvent], zone: str = "UTC") -> list[str]:
    """Say what became of several sources: what has one cause is one sentence, in the order in which it began."""
    causes: dict[tuple[str, str], list[SourceEvent]] = {}
    alone: list[str] = []
    for event in events:
        if isinstance(event, SourceEvent) and event.state not in _OF_PLATFORMS:
            causes.setdefault((event.state, _cause(event)), []).append(event)
        else:
            alone.append(sentence(event, zone))
    return [*(_cause_of_all(state, cause, every, zone) for (state, cause), every in causes.items()), *alone]


def beginning(health: Iterable[SourceHealth]) -> str | None:
    """Say at a start who has not answered yet; None where all have. Why is news, and told as such within a minute."""
    every = list(health)
    silent = dict.fromkeys(source_title(topic.source) for topic in every if topic.state != "ok")
    if not silent:
        return None
    if not any(topic.state == "ok" for topic in every):
        return "No source has answered yet; perpulse keeps asking."
    return (
        f"{wording.listing([*silent])} {'has' if len(silent) == 1 else 'have'} not answered yet; perpulse keeps asking."
    )


def _again(hours: float) -> str:
    return f"It comes and goes; that it is over is told once it has been well for {wording.count(int(hours), 'hour')}."


def _cause(event: SourceEvent) -> str:
    """Return what makes causes alike; an end needs none."""
    return "" if event.state == "ok" else _alike(event.source, event.reason)


def _alike(source: str, reason: str) -> str:
    """Return a reason without the name of its source."""
    # A stream names its venue, and so may the reason of a source with a longer name.
    for name in (source_title(source), source_title(source).removesuffix(" liquidations")):
        if reason.startswith(f"{name} "):
            return reason.removeprefix(f"{name} ")
    return reason


def _cause_of_all(state: str, cause: str, events: Sequence[SourceEvent], zone: str) -> str:
    every = dict.fromkeys(source_title(event.source) for event in events)
    # Where a venue is gone, its stream of liquidations is no second loss.
    names = [name for name in every if name.removesuffix(" liquidations") not in every.keys() - {name}]
    if len(names) == 1:
        return sentence([event for event in events if source_title(event.source) == names[0]][-1], zone)
    who = wording.listing(names)
    since = wording.clock(min(event.since for event in events), zone, dated=True)
    match state:
        case "ok":
            return f"{who} answer again."
        case "blocked":
            return f"{who} refuse this server since {since}. Each of them: {cause}"
        case _:
            return f"{who} do not answer since {since}. Each of them: {cause}"


def _source(event: SourceEvent, zone: str) -> str:
    name = source_title(event.source)
    topics = wording.listing([topic.replace("_", " ") for topic in event.topics])
    which = f" ({topics})"
    if name.endswith(topics):  # "Bybit liquidations" is one stream, and its one topic
        name, which = f"The stream of {name}", ""
    since = wording.clock(event.since, zone, dated=True)
    match event.state:
        case "ok":
            return f"{name} answers again{which}."
        case "blocked":
            return f"{name} refuses this server{which} since {since}: {event.reason}"
        case _:
            return f"{name} does not answer{which} since {since}: {event.reason}"


def _asset(event: AssetEvent) -> str:
    name, asset = source_title(event.source), event.asset
    match event.kind:
        case "absent":
            return f"{name} has {asset} no longer: {event.reason}"
        case "listed" | "agrees" as kind:
            return f"{name} {'has' if kind == 'listed' else 'agrees on'} {asset} again."
        case "interval":
            return f"{name} now settles funding of {asset} every {event.hours:g} h instead of {event.hours_before:g} h."
        case "contradicts":
            left = f"{name} is left out of {asset}: {_contradiction(event)}."
            return f"{left} A unit or a contract has changed there." if _slipped(event.times) else left
        case "apart" | "joined":
            return _past(event)
        case "tiers":
            said = f"{event.tiers.symbol}: {tier_moved(event.tiers)}" if event.tiers else event.reason
            return f"{name} has moved its tiers. {said}"
        case _ as kind:
            assert_never(kind)


def _past(event: AssetEvent) -> str:
    name = source_title(event.source)
    if event.kind == "joined":
        return f"{name} tells a past of {event.asset} again that agrees with its present."
    return (
        f"{name} tells a past that is not its present: the {INPUTS[event.name].title} of {event.asset} is "
        f"{wording.times(event.times)} what it says live. Where that is so, its past is left out."
    )


def _slipped(times: float | None) -> bool:
    """Tell whether figures lie so far apart that it is no price which moves faster at one venue."""
    return times is None or not 1 / _A_SLIP < times < _A_SLIP


def _contradiction(event: AssetEvent) -> str:
    off = wording.times(event.times)
    if event.times is not None and not _slipped(event.times):
        off = f"{wording.percent(abs(event.times - 1) * 100, 0, plus=False)} {'above' if event.times > 1 else 'below'}"
    if event.name == "open_interest_usd":
        return f"its open interest of {event.asset} in dollars is {off} coins times price"
    return f"its price of {event.asset} is {off} that of the other venues"


# --- tier tables ------------------------------------------------------------------------------------------------------


def tiers_told(renewals: Iterable[Renewal]) -> list[str]:
    """Say what became of each venue, the changes below it, and what to do about what failed."""
    lines: list[str] = []
    for renewal in renewals:
        title = venue_title(renewal.venue)
        if renewal.error:
            lines.append(f"{title}: {renewal.error.removeprefix(f'{title} ')} Its tables stay as they are.")
            continue
        counted: dict[Kind, str] = {"new": "new", "changed": "changed", "same": "unchanged"}
        parts = [f"{renewal.count(kind):,} {word}" for kind, word in counted.items() if renewal.count(kind)]
        if renewal.refused:
            parts.append(f"{len(renewal.refused):,} not taken")
        lines.append(f"{title}: {', '.join(parts) or 'no table in the answer'}.")
        listed = [change for change in renewal.changes if change.kind != "same"]
        listed.sort(key=_weight)
        lines += [f"  {change.symbol}: {change.kind}, {tier_change(change)}" for change in listed[:SHOWN]]
        if len(listed) > SHOWN:
            lines.append(f"  and {len(listed) - SHOWN:,} more")
        lines += [f"  {refused.symbol}: not taken, {tier_refusal(refused)}." for refused in renewal.refused[:SHOWN]]
        if len(renewal.refused) > SHOWN:
            lines.append(f"  and {len(renewal.refused) - SHOWN:,} more not taken")
    return lines


def tier_refusal(refused: Refusal) -> str:
    """Say why a symbol has no new table, and what holds instead."""
    if not refused.sent:
        return refused.why
    if refused.stays is None:
        return f"{refused.why}; there is no older table of it"
    return f"{refused.why}; the table of {wording.day(refused.stays)} stays"


def _weight(change: TierChange) -> tuple[bool, int, str]:
    """Put changes before new tables and the main assets before the rest."""
    asset, _ = coin(change.symbol.split()[0].partition("-")[0])
    place = MAIN_ASSETS.index(asset) if asset in MAIN_ASSETS else len(MAIN_ASSETS)
    return change.kind != "changed", place, change.symbol


def tier_change(change: TierChange) -> str:
    """Say how a table differs from the one before it."""
    old, new = change.old, change.new
    if old is None:
        first = new.tiers[0]
        top = f", at most {wording.leverage(first.max_leverage)}" if first.max_leverage else ""
        return f"{wording.count(len(new.tiers), 'tier')} from {_rate(first.rate)}{top}"
    if change.kind == "same":
        return f"as in the table of {wording.day(old.as_of)}"
    return tier_moved(change.move) if change.move else ""


def tier_moved(move: TierMove) -> str:
    """Say how a table differs from the one before it, of which both are known."""
    old, new = move.old, move.new
    pairs = (
        ("first tier", _rate(old.rate), _rate(new.rate)),
        ("up to", _bound(old, old.cap), _bound(new, new.cap)),
        ("leverage", wording.leverage(old.max_leverage), wording.leverage(new.max_leverage)),
        ("tiers", _many(old), _many(new)),
        ("largest position", _bound(old, old.limit), _bound(new, new.limit)),
    )
    parts = [f"{name} {was} → {now}" for name, was, now in pairs if was != now]
    if not parts:
        parts = [f"tier {move.differs} and above differ (from {_bound(new, move.floor)})"]
    return ", ".join(parts)


def tiers_shown(table: TierTable, today: dt.date) -> list[str]:
    """Lay a tier table out for a terminal."""
    age = (today - table.checked).days
    seen = f", unchanged on {wording.day(table.checked)}" if table.checked > table.as_of else ""
    name = f"{table.venue} {symbol_of(table).split()[0]}/{table.quote} {table.contract}"
    lines = [
        f"{name}: table of {wording.day(table.as_of)}{seen}, {wording.count(max(age, 0), 'day')} old",
        f"Source: {table.source}",
        f"{'tier':>4}  {'up to':>20}  {'maintenance':>11}  {'amount':>14}  {'leverage':>8}",
    ]
    for tier in table.tiers:
        amount = wording.number(tier.amount, 0 if table.contract == "linear" else 4) if tier.amount else ""
        lines.append(
            f"{tier.number:>4}  {bound(table, tier.cap):>20}  {_rate(tier.rate):>11}  {amount:>14}  "
            f"{wording.leverage(tier.max_leverage):>8}"
        )
    if table.slope:
        lines.append(f"The rate grows by {table.slope * 100:g} percentage points with every {table.asset}.")
    if table.partial:
        lines.append("The venue has higher tiers that are not known here. Renew the table with: perpulse tiers refresh")
    return lines


def bound(table: TierTable, size: float) -> str:
    """Say a bound in the table's own unit: $300k, 1,000 contracts, 150 BTC."""
    return _bound(outline(table), size if math.isfinite(size) else None)


def _bound(table: TierOutline, size: float | None) -> str:
    if size is None:
        return "an unknown size" if table.partial else "any size"
    if table.unit == "contracts":
        return f"{wording.number(size)} contracts"
    if table.unit == "quote" and table.contract == "linear":
        return wording.usd(size)
    return wording.coins(size, packed_name(table.asset, table.multiplier))


def _many(table: TierOutline) -> str:
    return f"{table.count}{' known' if table.partial else ''}"


def _rate(rate: float) -> str:
    return wording.share(rate * 100, 2)
