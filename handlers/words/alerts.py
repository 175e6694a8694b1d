"""From what happened to what is told: an event of an episode becomes blocks, by templates and numbers only.

Order of a message: one plain headline, the legs, what would make it wrong, what followed before, the record of the
rule, the stamp. At most 900 characters.
"""

from __future__ import annotations

import math
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from handlers.reply import Button, Buttons, Line, Picture
from handlers.words import wording
from handlers.words.evidence.odds import odds_line, record_line
from handlers.words.message import Message, shortened
from handlers.words.readings import coverage_words, derived_words
from handlers.words.rules import RULE
from handlers.words.stories import setups
from signals.alerts.burst import FEW
from signals.alerts.record import PastWords
from signals.alerts.rule import rule_of
from signals.evidence import Odds
from signals.inputs import MARKET
from signals.language.spelling import sentence_case
from signals.metric import metrics
from signals.units import DAY, MINUTE
from signals.venues import venue_credit
from storage.queries.market.charts import PRICE_OF_THE_MARKET
from storage.queries.market.readings import times_ago

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signals.alerts.burst import Burst, Past, Running
    from signals.alerts.event import Event
    from signals.alerts.rule import AlertRule
    from signals.metric import Metric

_DATED = re.compile(r" (?:on|of|since) \{\w+:date\}")
_LEAST_DRAWN, _MOST_DRAWN = 7.0, 90.0  # days of a rule, which is stepped anew for its picture
_HARDLY: Final = 0.01  # of the coins: says neither that positions were opened nor that they were closed
_RANK_WORDS = {"notice": "a notice", "warning": "a warning", "critical": "critical"}


def tell(event: Event, zone: str = "UTC") -> Message:
    """Write the message about an event, with its times in a zone. KeyError for a rule that is no longer declared."""
    rule, values = rule_of(event.rule), words_of(event)
    resolved = event.kind == "resolved"
    headline, counter = rule.setup.told(event.values) if rule.setup else (rule.headline, rule.counter)
    sentence = sentence_case(wording.template(rule.resolved if resolved else headline, values))
    if rule.setup and not resolved:
        sentence = " ".join(filter(None, (sentence, setups.how_many(rule.setup, event.values))))
    head = sentence_case(_head(event, rule, sentence))
    lines = [Line(head, "headline")]
    if resolved:  # the headline above it names the asset
        lines += [Line(text) for text in _ending(event, rule)]
        lines.append(Line(sentence_case(sentence.removeprefix(f"{event.asset}: "))))
    if event.offline:
        lines.append(Line(_offline(event, zone)))
    legs = [] if resolved else _evidence(event, rule, values)
    lines += [Line(sentence_case(leg)) for leg in legs]
    if not resolved:
        lines.append(Line(wording.template(counter, values), "caveat"))
        lines += _proof(event)
    lines.append(Line(stamp(event, zone), "stamp"))
    metric = _metric(rule)
    days = _days_shown(metric, event.at - event.since)
    what = f"{metric.id} {event.asset} {_span(days)}".lower()
    # Of a rule that somebody wrote what it compares is drawn: the main value of the metric may be another one.
    written = bool(rule.compares)
    more = Button("My rules", "/alerts") if written else Button("Chart", f"/chart {what}")
    buttons = Buttons((*_why(event, rule), more, Button("Health", f"/health {event.asset.lower()}")))
    drawn = {"picture": RULE, "rule": rule.id} if written else {"metric": metric.id}
    chart: dict[str, Any] = {
        **drawn,
        "asset": metric.asset_of(event.asset),
        "until": event.at.isoformat(),
        "days": min(max(days, _LEAST_DRAWN), _MOST_DRAWN) if written else days,
    }
    if event.note:
        chart["note"] = event.note
    picture = Picture(chart, rule.title if written else metric.chart.title)
    reply, brief = _reply(event, head, legs), _brief(event, rule, lines[0], legs, zone)
    return Message((*shortened(lines), picture, buttons), reply=reply, brief=brief)


def _proof(event: Event) -> list[Line]:
    """Say what followed before, and what the rule has said before, as it was known when it fired."""
    price_of = PRICE_OF_THE_MARKET if event.asset == MARKET else ""
    odds = [odds_line(Odds.from_json(event.evidence), price_of)] if event.evidence else []
    past = [record_line(PastWords.from_json(event.record), price_of)] if event.record else []
    return [Line(text, "evidence") for text in (*odds, *past)]


def _why(event: Event, rule: AlertRule) -> tuple[Button, ...]:
    """Return the button that tells why: the legs of a setup with their lines, else what moved the asset."""
    asset = "" if event.asset == MARKET else event.asset.lower()
    if rule.setup:
        return (Button("Why", f"/why {rule.id} {asset}".rstrip()),)
    return (Button("Why", f"/why {asset}"),) if asset else ()


def _reply(event: Event, head: str, legs: list[str]) -> str | None:
    """Return the line that answers the message of an episode: an edit makes no sound, and nobody scrolls up.

    What begins is told in such a line where it goes on in the message of its alarms; else its own message says it.
    An end says that it is one; what was and what is now stand in the message, which it quotes. A restart that is no
    more than a notice goes on in its message and says nothing beside it.
    """
    if event.kind == "resolved":
        return head
    if (
        event.kind == "escalated"
        or (event.kind == "fired" and event.takes_in)
        or (event.kind == "resumed" and event.rank != "notice")
    ):
        return " ".join([head, *(sentence_case(leg) for leg in legs[:1])])
    return None


def _brief(event: Event, rule: AlertRule, head: Line, legs: Sequence[str], zone: str) -> tuple[Line, ...]:
    """Return what is left of it where its message goes on to newer things: its end, or a figure with its time."""
    if event.kind == "resolved":
        return (Line(_over(event, rule, zone), "echo"),)
    told = Line(f"{head.text.rstrip('.')} ({wording.clock(event.at, zone, dated=True)}).", head.role)
    return (told, *(Line(f"{sentence_case(_venues(event))}: {wording.small(leg)}") for leg in legs[:1]))


def _evidence(event: Event, rule: AlertRule, values: Mapping[str, Any]) -> list[str]:
    """Return the lines of evidence that something of is known."""
    if rule.setup:
        return setups.evidence(rule.setup, event, values, filled)
    return [text for leg in rule.legs if (text := filled(leg, values))]


def _ending(event: Event, rule: AlertRule) -> list[str]:
    """Say of an end what was, and of a setup what ended it and what price did."""
    if rule.setup:
        said = (setups.ended_by(rule.setup, event), setups.price_since(event.told, event.values))
        return [text for text in said if text]
    return [was] if (was := _was(event, rule)) else []


def _was(event: Event, rule: AlertRule) -> str | None:
    """Say what was told last, since the edit that closes a message takes it away."""
    told = {**rule.named(event.told), "asset": event.asset} if event.told else {}
    # Dates are counted back from the close at which it was told, which is not known here.
    legs = (_DATED.sub("", leg) for leg in rule.legs)
    was = next((text for leg in legs if told and (text := filled(leg, told))), None)
    if was is None:
        return None
    return " ".join([f"Was: {was}", *_price_since(told, rule.named(event.values))])


def _price_since(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say what became of the price since open interest was told of, which is valued at it; of others nothing."""
    prices = [_valued(values) for values in (then, now)]
    if not all(prices):
        return []
    return [wording.price_then_now(*prices)]


def _valued(values: Mapping[str, Any]) -> float:
    """Return the price at which open interest is valued; 0 where it is not known."""
    usd, coins = (values.get(name) or math.nan for name in ("usd", "coins_now"))
    return usd / coins if usd / coins > 0 else 0.0


def words_of(event: Event) -> dict[str, Any]:
    """Return every value that the sentences of a rule may use: those of its first metric by their short names too."""
    rule = rule_of(event.rule)
    metric, values = _metric(rule), rule.named(event.values)
    return {
        **values,
        **times_ago(values, event.at - (timedelta(0) if metric.at_open else event.step)),
        "asset": "the market" if event.asset == MARKET else event.asset,
        "at": event.at,
        "since": event.since,
        "duration": event.at - event.since,
    }


def _metric(rule: AlertRule) -> Metric:
    """Return the metric whose chart shows what a rule is about."""
    return metrics()[rule.metrics[0]]


def _head(event: Event, rule: AlertRule, sentence: str) -> str:
    match event.kind:
        case "fired" | "changed":
            return sentence
        case "escalated" | "resumed":
            worse = f"now {_RANK_WORDS[event.rank]}" if event.kind == "escalated" else ""
            change = " and ".join(filter(None, ("again" if event.again or not worse else "", worse)))
            whose = f"{event.asset}: "
            if not sentence.startswith(whose):
                return f"{change}: {wording.small(sentence)}"
            return f"{event.asset}, {change}: {sentence.removeprefix(whose)}"
        case "resolved":
            return _over(event, rule)


def _over(event: Event, rule: AlertRule, zone: str | None = None) -> str:
    """Say that an episode is over and after how long; with a zone also when, for a message that goes on without it."""
    when = f" ({wording.clock(event.at, zone, dated=True)})" if zone else ""
    asset = "" if event.asset == MARKET else f"{event.asset}: "
    goes_on = rule.setup is not None and setups.outlasted(rule.setup, event)
    state = "no longer told" if goes_on else "over"
    return f"{asset}{state} after {wording.duration(event.at - event.since)}{when}: {wording.small(rule.title)}."


def _days_shown(metric: Metric, lasted: timedelta) -> float:
    """Return how many days the picture shows: three times what the value is about, and how it began; a year at most."""
    about = metric.chart.over or metric.window
    return min(365.0, round(max(3 * about, lasted + about) / DAY, 2))


def _span(days: float) -> str:
    """Return a span as it is typed."""
    return f"{math.ceil(days * 24)}h" if days < 2 else f"{math.ceil(days)}d"


def stamp(event: Event, zone: str = "UTC") -> str:
    """Say where the numbers come from, of what time they are, and what must be known of them."""
    rule = rule_of(event.rule)
    coarser = event.step.days >= 1 > max(metrics()[name].step for name in rule.metrics).days
    parts = [
        _venues(event),
        f"for {', '.join(venue_credit(venue) for venue in event.silent)}, silent" if event.silent else "",
        _of(event, _metric(rule), zone),
        coverage_words(event.coverage) if event.coverage else "",
        "daily data" if coarser else "",
        derived_words(event.derived),
        event.note or "",
    ]
    return " · ".join(part for part in parts if part)


def _venues(event: Event) -> str:
    return ", ".join(venue_credit(venue) for venue in event.venues)


def _of(event: Event, metric: Metric, zone: str) -> str:
    """Say which close was judged. A day closes at the midnight, in UTC, that already bears the next date."""
    if metric.at_open:
        return f"of {wording.day(event.at)}"
    if event.step.days >= 1:
        return f"daily close of {wording.day(event.at - event.step)}"
    return f"close of {wording.moment(event.at, zone)}"


def filled(leg: str, values: Mapping[str, Any]) -> str | None:
    """Fill one line of evidence, sentence by sentence; a sentence whose number is not known is left out."""
    sentences = re.split(r"(?<=[.!?]) (?=[A-Z{])", leg)
    kept = [sentence for sentence in sentences if not _lacks(sentence, values)]
    return wording.template(" ".join(kept), values) if kept else None


def _lacks(sentence: str, values: Mapping[str, Any]) -> bool:
    for name in wording.template_fields(sentence):
        value = values.get(name)
        if value is None:  # also what an earlier version did not store
            return True
        if isinstance(value, float) and value != value:  # noqa: PLR0124 - the plain test for NaN
            return True
    return False


def _offline(event: Event, zone: str) -> str:
    when = wording.clock(event.at, zone, dated=True)
    if event.came_and_went:
        since = wording.clock(event.since, zone, dated=True)
        return f"This began on {since} and ended on {when}, while perpulse was not running."
    return f"This happened on {when}, while perpulse was not running."


# --- fast moves -------------------------------------------------------------------------------------------------------


def tell_burst(burst: Burst, zone: str = "UTC") -> Message:
    """Write the message about a move, with its times in a zone."""
    over = burst.kind == "resolved"
    lines = _burst_ended(burst) if over else _burst_running(burst, zone)
    stamp = f"{', '.join(venue_credit(venue) for venue in burst.venues)} · {wording.clock(burst.at, zone)}"
    lines.append(Line(stamp, "stamp"))
    name = burst.asset.lower()
    buttons = Buttons(
        (
            Button("Why", f"/why {name} 4h"),
            Button("Chart 24 h", f"/chart {name} 24h"),
            Button("Liquidations", f"/liqs {name}"),
        )
    )
    chart = {"picture": "market", "asset": burst.asset, "until": burst.at.isoformat(), "days": 1.0}
    reply = None
    if over:
        reply = lines[0].text  # how far it went and what is now stand in the message that this one quotes
    elif burst.kind == "escalated":
        reply = " ".join(line.text for line in lines[:2] if line.role in ("headline", "body"))
    return Message((*shortened(lines), Picture(chart, f"{burst.asset}, 24 hours"), buttons), reply=reply)


def moving(asset: str, running: Running) -> str:
    """Say in one line how far a move that is not over has gone."""
    return f"{asset} {moved(running)}"


def moved(running: Running) -> str:
    """Say the same without the asset: fell 6.1 %: 80,530 → 75,604."""
    change = running.extreme / running.start - 1
    way = "fell" if change < 0 else "rose"
    far = wording.share(100 * abs(change), 1)
    return f"{way} {far}: {wording.whole_price(running.start)} → {wording.whole_price(running.extreme)}."


def _burst_running(burst: Burst, zone: str) -> list[Line]:
    way = "fell" if burst.change < 0 else "rose"
    subject = f"{burst.asset}, now further:" if burst.kind == "escalated" else burst.asset
    head = f"{subject} {way} {_how_far(burst)} in {_in_minutes(burst.at - burst.since)}: {_from_to(burst)}."
    lines = [Line(head, "headline")]
    if burst.coins is not None:
        lines.append(Line(_coins_changed(burst.coins)))
    if burst.longs_usd is not None and burst.shorts_usd is not None and burst.liquidated_since:
        both = burst.longs_usd + burst.shorts_usd
        side, of = max((burst.longs_usd, "longs"), (burst.shorts_usd, "shorts"))
        whole = burst.liquidated_since <= burst.since  # else a restart has cut it off
        when = (
            f"in {_in_minutes(burst.at - burst.since)}"
            if whole
            else (f"since {wording.clock(burst.liquidated_since, zone)}")
        )
        lines.append(Line(f"Liquidated {when}: at least {wording.usd(both)}, {round(100 * side / both)} % {of}."))
    if burst.past:
        lines.append(Line(_happened_before(burst.past, "fall" if burst.change < 0 else "rise")))
    beyond = "above" if burst.change < 0 else "below"
    lines.append(Line(f"Wrong if price is back {beyond} {_about(burst.back)} within the hour.", "caveat"))
    return lines


def _burst_ended(burst: Burst) -> list[Line]:
    what = "fall" if burst.change < 0 else "rise"
    now = math.nan if burst.now is None else burst.now
    returned = now >= burst.back if burst.change < 0 else now <= burst.back
    kept = ", so it did not last" if returned else ""
    return [
        Line(f"{burst.asset}: the fast {what} is over after {wording.duration(burst.at - burst.since)}.", "headline"),
        Line(f"Was: {wording.percent(100 * burst.change)}, {_from_to(burst)}."),
        Line(f"Price is now {wording.whole_price(now)}{kept}."),
    ]


def _how_far(burst: Burst) -> str:
    return wording.share(100 * abs(burst.change), 1)


def _from_to(burst: Burst) -> str:
    return f"{wording.whole_price(burst.start)} → {wording.whole_price(burst.end)}"


def _in_minutes(lasted: timedelta) -> str:
    minutes = max(1, round(lasted / MINUTE))
    if minutes >= 100:
        return wording.duration(lasted)
    return "a minute" if minutes == 1 else f"{minutes} minutes"


def _coins_changed(change: float) -> str:
    said = f"Open interest {wording.percent(100 * change)} in coins"
    if abs(change) < _HARDLY:
        return f"{said}: positions hardly changed."
    return f"{said}: positions were {'closed, not opened' if change < 0 else 'opened, not closed'}."


def _happened_before(past: Past, what: str) -> str:
    days = wording.count(past.days, "day")
    if past.cases == 0:
        return f"A {what} like this within an hour: never in {days} of hourly closes."
    few = " (too few to lean on)" if past.cases < FEW else ""
    often = wording.count(past.cases, "time")
    return (
        f"A {what} like this within an hour: {often} in {days} of hourly closes; "
        f"an hour later price was higher after {past.higher}{few}."
    )


def _about(value: float) -> str:
    """Say a price in three digits: nobody waits for the last dollar."""
    return wording.whole_price(round(value, 2 - math.floor(math.log10(value))))
