"""What a rule judges, when every word of it is understood: terms over named values, and the text that says them.

The text is canonical: it parses back to the same terms, and equal meanings have one text, whatever was typed. The id of
a rule is made of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from signals.metric import metrics
from signals.spelling import plainly
from signals.units import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    from signals.values import Value

DIGITS: Final = 10  # of a number in a rule; what is typed has fewer, and arithmetic leaves noise behind them
Test = Literal[">", ">=", "<", "<=", "crosses", "crosses above", "crosses below", "is"]
EVENTS: Final[frozenset[Test]] = frozenset({"crosses", "crosses above", "crosses below"})


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
        return (
            1 if self.test in {">", ">=", "crosses above"} else -1 if self.test[0] in "<" or "below" in self.test else 0
        )


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


# --- the text ---------------------------------------------------------------------------------------------------------


def text_of(meaning: Meaning) -> str:
    """Return the canonical text of a rule."""
    if meaning.built_in:
        text = meaning.built_in
    elif meaning.distance:
        text = f"my position within {plainly(meaning.distance * 100)}%"
    else:
        text = alternatives_text(meaning.enter)
    if meaning.hold:
        text += f" for {span_text(meaning.hold)}"
    if meaning.until:
        text += f" until {alternatives_text(meaning.until)}"
    return f"{text} quiet" if meaning.quiet else text


def alternatives_text(alternatives: Alternatives) -> str:
    """Return alternatives as they are typed."""
    return " or ".join(" and ".join(term_text(term) for term in group) for group in alternatives)


def term_text(term: Term) -> str:
    """Return a term as it is typed."""
    name = term.value.removesuffix(".value")
    value = value_of(term.value)
    if term.over:
        amount = f"{plainly(term.bound * 100)}%" if changes_by_part(value) else amount_text(term.bound, value)
        return f"{name} change {term.test} {amount} in {span_text(term.over)}"
    return f"{name} {term.test} {amount_text(term.bound, value)}"


def amount_text(number: float, value: Value) -> str:
    """Return a number of a value as it is typed, with the unit that it needs."""
    if value.measure.percent:
        percent = plainly(number * 100)
        return percent + {"apr": "% apr", "rate": "% per payment", "rate_8h": "% per 8h"}.get(value.unit, "%")
    if value.unit in {"usd", "coins", "price"}:
        for size, letter in ((1e9, "bn"), (1e6, "m")):
            short = plainly(number / size)
            if abs(number) >= size and len(short) <= 6:
                return f"{short}{letter}"
    return plainly(number)


def span_text(span: timedelta) -> str:
    """Return a span of time as it is typed: 45min, 3h, 24h, 7d."""
    if span % HOUR:
        return f"{plainly(span / MINUTE)}min"
    return f"{span // DAY}d" if span > 2 * DAY and not span % DAY else f"{span // HOUR}h"
