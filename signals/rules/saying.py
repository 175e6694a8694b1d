"""Rules in plain words: their conditions, what ends them, and the whole line as the echo repeats it.

These are the words for lines that a person drew; the figures themselves are said by handlers/words/wording.py, through
the templates that are made here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from signals.language.spelling import plainly
from signals.rules.terms import centred, changes_by_part, declared_change, value_of
from signals.units import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from signals.metric import Value
    from signals.rules.terms import Alternatives, Meaning, Term, Test

MINUS: Final = "−"
_TESTS: Final[dict[Test, str]] = {">": "above", ">=": "at least", "<": "below", "<=": "at most", "is": "is"}
_SIZES: Final = ((1e12, "tn"), (1e9, "bn"), (1e6, "m"))


def number_words(number: float) -> str:
    """Say a number with a true minus and thousands apart: −2.5, 100,000."""
    whole, _, part = plainly(abs(number)).partition(".")
    sign = MINUS if number < 0 else ""
    return f"{sign}{int(whole):,}{'.' if part else ''}{part}"


def percent_words(fraction: float) -> str:
    """Say a fraction in percent: 2.5 %."""
    return f"{number_words(float(f'{fraction * 100:.10g}'))} %"


def line_words(number: float, value: Value) -> str:
    """Say a line of a value with its unit: 30 % a year, $10bn, −2."""
    unit = value.unit
    if unit == "code":
        place = int(number)
        return value.codes[place] if 0 <= place < len(value.codes) else number_words(number)
    if value.measure.percent:
        return percent_words(number) + {"apr": " a year", "rate": " a payment", "rate_8h": " per 8 h"}.get(unit, "")
    if unit == "usd":
        size, name = next(((size, name) for size, name in _SIZES if abs(number) >= size), (1.0, ""))
        scaled = number_words(abs(number) / size)
        return f"{MINUS if number < 0 else ''}${scaled}{name}"
    ending = {"days": " days", "hours": " hours", "points": " points", "times": " times"}
    return number_words(number) + {**ending, "percent_a_year": " %"}.get(unit, "")


def span_words(span: timedelta) -> str:
    """Say a span of time: 45 min, 2 h, 7 days."""
    if span % HOUR:
        return f"{plainly(span / MINUTE)} min"
    return f"{span // DAY} days" if span > 2 * DAY and not span % DAY else f"{span // HOUR} h"


# --- conditions -------------------------------------------------------------------------------------------------------


def said_term(term: Term, subject: str | None = None) -> str:
    """Say a term: "funding of all venues above 30 % a year". subject: another word for the figure."""
    value = value_of(term.value)
    if change := change_of(term):
        what, span = change
        return f"{subject or what} {_moved(term)} in {span_words(span)}"
    what = subject or title_of(term)
    if term.event:
        if term.bound == 0 and centred(value):
            turns = {
                "crosses": "changes its sign",
                "crosses above": "turns positive",
                "crosses below": "turns negative",
            }
            return f"{what} {turns[term.test]}"
        return f"{what} {term.test} {line_words(term.bound, value)}"
    return f"{what} {_TESTS[term.test]} {line_words(term.bound, value)}"


def change_of(term: Term) -> tuple[str, timedelta] | None:
    """Return of what a term is the change, told in percent up or down, and within which time; None for another one."""
    if term.over and changes_by_part(value := value_of(term.value)):
        return value.title, term.over
    change = declared_change(term)
    return (value_of(change[0]).title, change[1]) if change else None


def _moved(term: Term) -> str:
    """Say how far something moved: "down 5 % or more", "down less than 2.5 %", "up"."""
    size = percent_words(abs(term.bound))
    if term.bound == 0:
        return {">": "up", "<": "down", ">=": "not down", "<=": "not up"}[term.test]
    direction = "up" if term.bound > 0 else "down"
    beyond = (term.way > 0) == (term.bound > 0)
    if beyond:
        return f"{direction} more than {size}" if len(term.test) == 1 else f"{direction} {size} or more"
    return f"{direction} less than {size}" if len(term.test) == 1 else f"{direction} {size} or less"


def title_of(term: Term) -> str:
    """Name the figure that a term compares."""
    value = value_of(term.value)
    return f"change of {value.title} in {span_words(term.over)}" if term.over else value.title


def line_of(term: Term) -> str:
    """Say the line of a term beside its figure: "above 30 % a year", "100,000" of a crossing."""
    value = value_of(term.value)
    if term.event:
        return line_words(term.bound, value)
    by_part = term.over and changes_by_part(value)
    bound = percent_words(term.bound) if by_part else line_words(term.bound, value)
    return f"{_TESTS.get(term.test, term.test)} {bound}"


def said(alternatives: Alternatives) -> str:
    """Say alternatives of terms: "… and …, or …"."""
    groups = [" and ".join(said_term(term) for term in group) for group in alternatives]
    return ", or ".join(groups)


def listed(words: Sequence[str]) -> str:
    """Join words as one says them: BTC, ETH and SOL."""
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


# --- what ends it -----------------------------------------------------------------------------------------------------


def said_end(meaning: Meaning, by_itself: Alternatives) -> str:
    """Say when a rule is over, "" for one of moments alone. by_itself: its own end, where it is that of lines."""
    if not meaning.until and len(meaning.enter) == 1 and [term.test for term in meaning.enter[0]] == ["is"]:
        return "over when it is not"
    if not (ends := meaning.until or by_itself):
        if all(any(term.event for term in group) for group in meaning.enter):
            return ""
        return "over when none of these holds any more, each line half way back to the usual"
    entered = {(term.value, term.over) for group in meaning.enter for term in group}
    alone = len(entered) == 1
    words = ", or ".join(" and ".join(_end(term, entered, alone=alone) for term in group) for group in ends)
    return f"over {'when' if ends[0][0].event or words.startswith('back') else 'with'} {words}"


def _end(term: Term, entered: set[tuple[str, timedelta]], *, alone: bool) -> str:
    """Say a term of the end, shortly where there is but one figure that it can be of."""
    return (
        said_term(term, "back") if alone and not term.event and (term.value, term.over) in entered else said_term(term)
    )
