"""What a rule judges, when every word of it is understood: terms over named values, and the text that says them.

The text is canonical: it parses back to the same terms, and equal meanings have one text, whatever was typed. The id of
a rule is made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from signals.language.spelling import plainly
from signals.metric import metrics
from signals.rules.naming import spoken_name
from signals.units import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signals.metric import Value

_SHORT: Final = 5  # characters of a number with a letter for its size; 98,765 is not 98.765k to anybody
DIGITS: Final = 10  # of a number in a rule; what is typed has fewer, and arithmetic leaves noise behind them
Test = Literal[">", ">=", "<", "<=", "crosses", "crosses above", "crosses below", "is"]
EVENTS: Final[frozenset[Test]] = frozenset({"crosses", "crosses above", "crosses below"})
_WAYS: Final[Mapping[Test, int]] = {">": 1, ">=": 1, "crosses above": 1, "<": -1, "<=": -1, "crosses below": -1}


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """One thing that must hold. value: a whole name (`oi_coins.value`). over: of a change of it, within which time."""

    value: str
    test: Test
    bound: float
    over: timedelta = timedelta(0)

    @property
    def event(self) -> bool:
        """Tell whether it is a moment and not a state."""
        return self.test in EVENTS

    @property
    def way(self) -> int:
        """Return 1 where it begins above its line, −1 below; 0 where it has no side."""
        return _WAYS.get(self.test, 0)


Alternatives: TypeAlias = tuple[tuple[Term, ...], ...]


@dataclass(frozen=True, slots=True)
class Meaning:
    """All that a rule judges.

    enter: alternatives of terms that must hold together, for `hold`. until: what ends it; empty where it ends by
    itself. quiet: a notice, else a warning. built_in: the rule that it is instead, with all its levels. distance: of a
    position to its liquidation, instead.
    """

    enter: Alternatives = ()
    until: Alternatives = ()
    hold: timedelta = timedelta(0)
    quiet: bool = False
    built_in: str = ""
    distance: float = 0.0


def exact(number: float) -> float:
    """Return a number without the noise of arithmetic, so that equal lines are equal numbers."""
    return float(f"{number:.{DIGITS}g}") + 0.0  # no minus zero


def ordered(alternatives: Alternatives) -> Alternatives:
    """Return alternatives in one order, each term and each alternative once; what another one implies is left out."""
    sets = {frozenset(group) for group in alternatives}
    least = [group for group in sets if not any(other < group for other in sets)]
    return tuple(sorted(tuple(sorted(group)) for group in least))


def value_of(name: str) -> Value:
    """Return what a value is by its whole name. KeyError for what is none."""
    metric, _, value = name.partition(".")
    return metrics()[metric].values[value]


def changes_by_part(value: Value) -> bool:
    """Tell whether a change of a value is told as a part of it, and not as a difference."""
    return value.unit in {"price", "usd", "coins", "ratio", "times"} and value.usual is None


def centred(value: Value) -> bool:
    """Tell whether a value lies on either side of zero."""
    return (value.measure.usual if value.usual is None else value.usual) == 0


# --- the text ---------------------------------------------------------------------------------------------------------


def text_of(meaning: Meaning, *, spoken: bool = False) -> str:
    """Return the canonical text of a rule. spoken: with the words that people use; an id has the names of values."""
    if meaning.built_in:
        text = meaning.built_in
    elif meaning.distance:
        text = f"my position within {plainly(meaning.distance * 100)}%"
    else:
        text = alternatives_text(meaning.enter, spoken=spoken)
    if meaning.hold:
        text += f" for {span_text(meaning.hold)}"
    if meaning.until:
        text += f" until {alternatives_text(meaning.until, spoken=spoken)}"
    return f"{text} quiet" if meaning.quiet else text


def alternatives_text(alternatives: Alternatives, *, spoken: bool) -> str:
    """Return alternatives as they are typed."""
    return " or ".join(" and ".join(term_text(term, spoken=spoken) for term in group) for group in alternatives)


def term_text(term: Term, *, spoken: bool) -> str:
    """Return a term as it is typed: `funding > 30% apr`, `oi coins <= -5% in 3h`, `taker_zscore change > 1 in 3h`."""
    value, over, name, bound = value_of(term.value), term.over, term.value, term.bound
    if spoken and (change := declared_change(term)):
        name, over = change
    said = spoken_name(name) if spoken else name.removesuffix(".value")
    if spoken and term.event and bound == 0 and centred(value):
        return (
            f"{said} {term.test.replace('crosses', 'flips').replace('above', 'positive').replace('below', 'negative')}"
        )
    if over:
        part = changes_by_part(value_of(name))
        amount = f"{plainly(bound * 100)}%" if part else amount_text(bound, value_of(name))
        said = said if part else f"{name.removesuffix('.value')} change"
        return f"{said} {term.test} {amount} in {span_text(over)}"
    if spoken and value.codes:
        return f"{said} {term.test} {value.codes[int(bound)]}"
    return f"{said} {term.test} {amount_text(bound, value)}"


def declared_change(term: Term) -> tuple[str, timedelta] | None:
    """Return of what a term is a change by a part, and within which time, where it compares a value that says so."""
    value = value_of(term.value)
    name = f"{term.value.partition('.')[0]}.{value.of}"
    if term.event or term.over or not value.of or value.over is None or value.unit != "fraction":
        return None
    return (name, value.over) if changes_by_part(value_of(name)) else None


def amount_text(number: float, value: Value) -> str:
    """Return a number of a value as it is typed, with the unit that it needs; zero needs none."""
    if number == 0:
        return "0"
    if value.measure.percent:
        percent = plainly(number * 100)
        return percent + {"apr": "% apr", "rate": "% per payment", "rate_8h": "% per 8h"}.get(value.unit, "%")
    if value.unit in {"usd", "coins", "price"}:
        for size, letter in ((1e12, "tn"), (1e9, "bn"), (1e6, "m"), (1e3, "k")):
            short = plainly(number / size)
            if abs(number) >= size and len(short) <= _SHORT:
                return f"{short}{letter}"
    return plainly(number)


def span_text(span: timedelta) -> str:
    """Return a span of time as it is typed: 45min, 3h, 24h, 7d."""
    if span % HOUR:
        return f"{plainly(span / MINUTE)}min"
    return f"{span // DAY}d" if span > 2 * DAY and not span % DAY else f"{span // HOUR}h"
