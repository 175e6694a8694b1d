"""Rules that chats wrote, in words: how often one would have spoken, where it stands, and what became of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from handlers.words import wording
from handlers.words.evidence.odds import later
from handlers.words.stories import conditions
from handlers.words.stories.conditions import LINES
from signals.alerts.condition import judged
from signals.alerts.derived import CROSSINGS, with_derived
from signals.inputs import INPUTS, MARKET
from signals.language.spelling import sentence_case
from signals.metric import metrics
from signals.rules.live import PRICE
from signals.units import DAY, HOUR
from signals.venues import venue_title

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from signals.alerts.condition import Condition
    from signals.alerts.rule import AlertRule
    from storage.market.points import Newest
    from storage.people.rules import OwnRule
    from storage.queries.market.flows import RateAt
    from storage.queries.rules.preview import Looked, Preview
    from storage.queries.rules.standing import RuleStanding

RULE: Final = "rule"  # what a reference calls the picture of a rule
_NAMED: Final = 3  # assets that are named with their counts
_LISTED: Final = 5  # times that are named


# --- how often it would have spoken -----------------------------------------------------------------------------------


def would_have(found: Preview, now: datetime, zone: str) -> list[str]:
    """Say how often a rule would have fired, when most and when last, and for whom that is not known."""
    if not found.found:
        return [not_judged(found.rule, found.lacking)]
    fires, span = found.fires, f"{_span(found.span)}{_ended(found, now)}"
    lines = []
    if not fires:
        before = any(looked.held_before and not looked.holds for looked in found.found)
        lines.append(f"Would not have fired in {span}{': it held already when they began' if before else ''}.")
    else:
        busiest = found.busiest()
        last = _on(fires[-1][0], now, zone)
        most = ""
        if busiest and busiest[1] > 1 and len(fires) > 2:
            most = f", {busiest[1]} of them on {wording.day(busiest[0], year=False)}"
        times = _times(len(fires))
        when = f"on {last}" if len(fires) == 1 else f"last on {last}"
        lines.append(f"Would have fired {times} in {span}{most}; {when}.")
    if found.again:
        soon = wording.duration(found.rule.continues)
        lines.append(f"Within {soon} of an end it would have held again {_times(found.again)}: told as the same alert.")
    if len(found.found) > 1 and fires:
        lines.append(_by_asset(fires))
    if found.lacking:
        lines.append(f"Too little is stored to judge {_few(found.lacking)}.")
    return lines


def not_judged(rule: AlertRule, assets: Sequence[str]) -> str:
    """Say that a rule could not be judged, and of what too little is stored."""
    needs = wording.listing([wording.small(metrics()[name].title) for name in rule.needed])
    whose = "" if list(assets) == [MARKET] else f" for {_few(assets)}"
    return f"It could not be judged{whose}: too little is stored of {needs}."


def stricter(said: str, found: Preview) -> str:
    """Say what a stricter rule would have done."""
    times = _times(len(found.fires))
    return f"That is more than once a day. About once a week ({times}): {said.partition(': ')[2] or said}"


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _ended(found: Preview, now: datetime) -> str:
    """Say when the history that was looked at ended, where that is long ago."""
    return f" up to {wording.day(found.until)}" if now - found.until > 2 * DAY else ""


def _by_asset(fires: Sequence[tuple[datetime, str]]) -> str:
    counts = Counter(asset for _, asset in fires).most_common()
    named = [f"{asset} {count}" for asset, count in counts[:_NAMED]]
    more = len(counts) - _NAMED
    return f"By coin: {', '.join(named)}{f' and {more} more' if more > 0 else ''}."


def _span(span: timedelta) -> str:
    return wording.count(round(span / DAY), "day") if span >= 2 * DAY else wording.count(round(span / HOUR), "hour")


def _few(names: Sequence[str], most: int = 4) -> str:
    shown = ["the market" if name == MARKET else name for name in names]
    if len(shown) <= most:
        return wording.listing(shown)
    return f"{', '.join(shown[:most])} and {len(shown) - most} more"


def _on(at: datetime, now: datetime, zone: str) -> str:
    """Return the day of a fire; its time as well where that is of the last two days."""
    if now - at < 2 * DAY:
        return wording.clock(at, zone, dated=True)
    return wording.day(at, year=at.year != now.year)


# --- where it stands --------------------------------------------------------------------------------------------------


def stands(found: Preview, zone: str, rate: RateAt | None = None) -> str:
    """Say where a rule stands at the last close, and at which that is; nothing where it is not known.

    What is asked for meanwhile may be newer. rate: the funding that its figure is, to say whether it was paid.
    """
    if not found.found:
        return ""
    if len(found.found) == 1:
        looked = found.found[0]
        said, close = distance(found.rule, looked), _close(looked, zone)
        said += _which(rate, zone) if said and rate else ""
        if looked.holds and said and _only_not_over(found.rule, looked):
            return f"It is still on, but would not begin at {close}: {said}."
        if looked.holds:
            since = "" if looked.spans else ", as it did when those days began" if looked.held_before else ""
            return f"At {close} it holds: {said}{since}." if said else f"At {close} it holds{since}."
        return f"At {close}: {said}." if said else ""
    holds = [looked.asset for looked in found.found if looked.holds]
    if not holds:
        return f"At the last close it holds for none of {len(found.found)}."
    return f"At the last close it holds for {_few(holds)}."


def _close(looked: Looked, zone: str) -> str:
    """Name the last close. A day closes at the midnight, in UTC, that already bears the next date."""
    at = looked.times[-1]
    if looked.step >= DAY:
        return f"the daily close of {wording.day(at - looked.step)}"
    return f"the close of {wording.clock(at, zone, dated=True)}"


def _which(rate: RateAt, zone: str) -> str:
    return f", paid at {wording.clock(rate.at, zone)}" if rate.paid else ", where funding was heading"


def distance(rule: AlertRule, looked: Looked, price: Newest | None = None) -> str:
    """Say the newest values beside their lines: 12 % a year (line above 30 % a year); nothing where none is known.

    Of several groups of conditions the one is said of which most hold. price: the newest one, where that is what the
    rule compares, in the place of that of the last close.
    """
    values = _newest(rule, looked) | ({} if price is None else {PRICE: price.value})
    groups = rule.levels[0].enter
    best = max(groups, key=lambda group: _holding(group, values))
    return "; ".join(_against(rule, one, values) for one in best if _is_known(one, values))


def _against(rule: AlertRule, one: Condition, values: Mapping[str, float]) -> str:
    """Say a value and its line; of a crossing the figure that crosses."""
    derived, unit = rule.made(one.name), conditions.unit_within(rule, one.name)
    if derived is None:
        return conditions.against([(one, values[one.name], float(one.bound))])
    if derived.kind in CROSSINGS:
        return f"{conditions.figure(values[derived.of], unit)} (line {conditions.bound(derived.line, unit)})"
    value, line = conditions.figure(values[one.name], unit), conditions.bound(float(one.bound), unit)
    return f"{value} in {wording.duration(derived.over)} (line {LINES[one.op]} {line})"


def _holding(group: Sequence[Condition], values: Mapping[str, float]) -> float:
    return sum(bool(judged(((one,),), values)[0]) for one in group) / len(group)


def _is_known(one: Condition, values: Mapping[str, float]) -> bool:
    value = values.get(one.name)
    return value is not None and value == value and not isinstance(one.bound, str)  # noqa: PLR0124 - NaN


def _only_not_over(rule: AlertRule, looked: Looked) -> bool:
    """Tell whether a rule that is on stands between its lines: neither where it begins nor where it is over."""
    return bool(judged(rule.levels[0].enter, _newest(rule, looked))[1])


def _newest(rule: AlertRule, looked: Looked) -> dict[str, float]:
    known = with_derived(rule.derived, looked.values, looked.step)
    return {name: float(array[-1]) for name, array in known.items() if len(array)}


# --- beside it --------------------------------------------------------------------------------------------------------


def picture(found: Preview, note: str | None) -> tuple[dict[str, Any], str] | None:
    """Return the reference of the picture of when a rule would have fired, and the same in words; None: nothing."""
    if not found.found:
        return None
    fires = Counter(asset for _, asset in found.fires)
    asset = fires.most_common(1)[0][0] if fires else found.found[0].asset
    reference: dict[str, Any] = {
        "picture": RULE,
        "rule": found.rule.id,
        "asset": asset,
        "until": found.until.isoformat(),
        "days": (found.until - found.since) / DAY,
    }
    whose = "" if asset == MARKET else f" of {asset}"
    alt = f"{found.rule.title}{whose}: {wording.count(len(found.fires), 'time')} in {_span(found.span)}"
    return reference | ({"note": note} if note else {}), alt


def stamp(found: Preview, note: str | None) -> str:
    """Say whose figures were looked at, and until when."""
    if not found.found:
        return note or ""
    venues = list(dict.fromkeys(venue_title(venue) for looked in found.found for venue in looked.venues))
    step = max(looked.step for looked in found.found)
    closes = "daily closes" if step >= DAY else "hourly closes" if step == HOUR else "closes"
    newest = max(looked.times[-1] for looked in found.found)
    to = wording.moment(newest) if step < DAY else wording.day(newest - step)
    parts = [_few(venues), f"{closes} to {to}"]
    return " · ".join(part for part in (*parts, note or "") if part)


# --- the rules of a chat ----------------------------------------------------------------------------------------------


def standing(one: RuleStanding, now: datetime, zone: str) -> str:
    """Say where a rule of a chat stands: on or calm, how far from its line, and how often it has spoken."""
    rule = one.rule
    parts = []
    if one.newest is None:
        parts.append("what it stands on went away")
    elif rule.paused is not None:
        parts.append(_paused(rule, now))
    elif one.running:
        since = min(episode.since for episode in one.running)
        parts.append(f"on{_whose(one)} since {_on(since, now, zone)}")
    elif not one.newest.found:
        parts.append(wording.small(not_judged(one.newest.rule, one.newest.lacking)).removesuffix("."))
    else:
        parts.append("calm")
    if (
        one.newest is not None
        and len(one.newest.found) == 1
        and (said := distance(one.newest.rule, one.newest.found[0], one.price))
    ):
        parts.append(f"{_when(one, now, zone)} {said}")
    if one.newest is not None:
        parts.append(_spoken(one, now, zone))
    if one.judged:
        parts.append(f"{later(one.days)} up {one.up} of {one.judged}")
    return " · ".join(parts)


def _when(one: RuleStanding, now: datetime, zone: str) -> str:
    """Say of which moment the figure is that a rule is held against."""
    if one.price is not None:  # it is judged by the minute, and no close is waited for
        return (
            "now"
            if now - one.price.at <= INPUTS["mark_price"].fresh_for
            else f"at {wording.clock(one.price.at, zone, dated=True)}"
        )
    assert one.newest is not None  # noqa: S101 - there is a figure
    return f"on {wording.day(one.newest.until)}" if now - one.newest.until > 2 * DAY else "last close"


def history(one: RuleStanding, now: datetime, zone: str) -> list[str]:
    """Say when a rule of a chat has spoken, and what came of it."""
    lines = [f"Made on {wording.day(one.rule.created, year=one.rule.created.year != now.year)}."]
    if one.fired:
        newest = [_on(at, now, zone) for at in one.fired[-_LISTED:]]
        more = len(one.fired) - len(newest)
        lines.append(f"Fired {'before and ' if more else ''}on {wording.listing(newest)}.")
    if one.judged:
        lines.append(f"{sentence_case(later(one.days))} price was higher in {one.up} of {one.judged}.")
    elif one.fired:
        lines.append(f"Not judged yet: what came of it is said {later(one.days)}.")
    if one.rule.worded.once:
        lines.append("It is told once, and then paused.")
    if one.rule.worded.at_most:
        lines.append(f"It is told every {wording.duration(one.rule.worded.at_most)} at most.")
    return lines


def standing_stamp(one: RuleStanding, note: str | None) -> str:
    """Say whose figures a rule was held against."""
    return stamp(one.newest, note) if one.newest else note or ""


def said(rule: OwnRule) -> str:
    """Say in plain words what a rule of a chat says; as it was typed where that is no longer understood."""
    from signals.rules.errors import RuleError  # noqa: PLC0415 - brings lark along
    from signals.rules.reading import read  # noqa: PLC0415 - as above

    try:
        return read(rule.worded.line, assets=rule.worded.scope.get("assets", ()), usual="BTC").said
    except RuleError:
        return rule.worded.line


def _paused(rule: OwnRule, now: datetime) -> str:
    since = wording.day(rule.paused, year=rule.paused is not None and rule.paused.year != now.year)
    match rule.paused_for:
        case "once":
            return f"paused since {since}, as it was to be told once"
        case "gone":
            return f"paused since {since}, as what it stands on went away"
        case _:
            return f"paused since {since}"


def _whose(one: RuleStanding) -> str:
    alone = one.newest is not None and len(one.newest.found) + len(one.newest.lacking) == 1
    return "" if alone else f" for {_few(one.holding)}"


def _spoken(one: RuleStanding, now: datetime, zone: str) -> str:
    if not one.fired:
        return "never fired"
    return f"fired {_times(len(one.fired))}, last {_on(one.fired[-1], now, zone)}"
