"""The record in words, and what was told as it was told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from handlers.reply import Line
from handlers.words import wording
from handlers.words.alerts import filled, tell_burst, words_of
from handlers.words.evidence.odds import later
from handlers.words.subscriptions import title
from signals.alerts.burst import BURST, Burst
from signals.alerts.event import Event
from signals.alerts.rule import rule_of
from signals.inputs import MARKET
from signals.language.spelling import sentence_case

if TYPE_CHECKING:
    from storage.alerts.record import Entry
    from storage.queries.evidence.record import JudgedEntry, RecordRead

MOST = 8  # entries of each kind that are listed


def headline(found: RecordRead, whose: str) -> str:
    """Say how much began, and how much of it is judged: an alarm that a story took in as a leg has its entry too."""
    count = len(found.judged) + len(found.waiting)
    since = f" since {wording.day(found.since)}" if found.since else ""
    began = "as it began" if count == 1 else "as they began"
    return f"{whose}: {wording.count(count, 'alarm')}{since}, {began}; {len(found.judged)} judged."


def summary(found: RecordRead) -> str:
    """Say of how many nothing came."""
    missed = sum(one.missed for one in found.judged)
    if len(found.judged) == 1:
        moved = "less" if missed else "more"
        return f"After it price moved {moved} than it usually does in so long a time."
    return f"After {missed} of {len(found.judged)} price moved less than it usually does in so long a time."


def entry_line(one: JudgedEntry) -> str:
    """Say one entry: when it was told, what price did, and what it usually does."""
    name = named(one.entry)
    when = wording.day(one.entry.at, year=True, short=False)
    if one.outcome is None:
        return f"{when}: {name}; not judged yet."
    usual = f", usual {wording.share(100 * one.usual)}" if one.usual is not None else ""
    reach = ""
    if one.outcome.days > 1 and one.outcome.worst is not None and one.outcome.best is not None:
        worst, best = (wording.percent(100 * value) for value in (one.outcome.worst, one.outcome.best))
        reach = f" (between {worst} and {best})"
    return f"{when}: {name}; {later(one.outcome.days)} {wording.percent(100 * one.outcome.change)}{reach}{usual}."


def named(entry: Entry) -> str:
    """Name what was told: BTC, price well below its recent high."""
    name = title(entry.rule)
    return name if entry.asset == MARKET else f"{entry.asset}, {name[:1].lower()}{name[1:]}"


def as_told(entry: Entry) -> str | None:
    """Return the text as it was told, with the sentences of that day; None for a rule that is no longer declared."""
    if entry.rule == BURST:
        return "\n".join(
            line.text for line in tell_burst(Burst.from_json(entry.event)).blocks if isinstance(line, Line)
        )
    try:
        rule = rule_of(entry.rule)
    except KeyError:
        return None
    event = Event.from_json(entry.event)
    told = replace(rule, **_sentences(entry))
    values = words_of(event)
    legs = [text for leg in told.legs if (text := filled(leg, values))]
    said = [wording.template(told.headline, values), *legs, wording.template(told.counter, values)]
    return "\n".join(sentence_case(text) for text in said)


def _sentences(entry: Entry) -> dict[str, Any]:
    found = {name: entry.sentences[name] for name in ("headline", "counter") if name in entry.sentences}
    return found | {"legs": tuple(entry.sentences.get("legs", ()))}
