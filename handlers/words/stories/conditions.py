"""Conditions and how far a value is from their line, in words: −0.31 (line at most −0.75)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from handlers.charts.figures import say
from handlers.words import wording
from signals.metric import metrics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.alerts.condition import Condition
    from signals.alerts.rule import AlertRule
    from signals.metric import Unit

LINES: Final = {"<=": "at most", "<": "below", ">=": "at least", ">": "above"}


def unit_of(name: str) -> Unit:
    """Return the unit of a value by its whole name; a plain number, such as how many legs hold, is said as one."""
    metric, _, value = name.partition(".")
    declared = metrics().get(metric)
    return declared.values[value].unit if declared and value in declared.values else "count"


def unit_within(rule: AlertRule, name: str) -> Unit:
    """Return the unit of a value that a rule compares, also of one that it derives: a change by part is a fraction."""
    made = rule.made(name)
    if made is None:
        return unit_of(name)
    return "fraction" if made.kind == "change" else unit_of(made.of)


def number(value: float, name: str) -> str:
    """Say a value in its unit; what is not known is said so."""
    return wording.UNKNOWN if math.isnan(value) else say(value, unit_of(name))


def title_of(name: str) -> str:
    """Return what a value is called within a sentence, by its whole name; the name itself where nothing declares it."""
    metric, _, value = name.partition(".")
    declared = metrics().get(metric)
    return wording.small(declared.values[value].title) if declared and value in declared.values else name


def against(compared: Sequence[tuple[Condition, float, float]]) -> str:
    """Say values with the lines that they are held against: −2.28 (line at most −2.00).

    Of several figures each is named, as nobody could tell them apart.
    """
    several = len({one.name for one, _, _ in compared}) > 1
    return "; ".join(
        f"{f'{title_of(one.name)} is ' if several else ''}{_apart(value, bound, one.name)} "
        f"(line {LINES[one.op]} {number(bound, one.name)})"
        for one, value, bound in compared
    )


def _apart(value: float, bound: float, name: str) -> str:
    """Say a value so exactly that it can be told from its line."""
    said = number(value, name)
    if said != number(bound, name) or value == bound or unit_of(name) not in {"fraction", "apr"}:
        return said
    return wording.percent(100 * value, 3, plus=False)


def line(condition: Condition) -> str:
    """Say a condition: at most −0.75."""
    bound = condition.bound
    return f"{LINES[condition.op]} {'a line of its own' if isinstance(bound, str) else number(bound, condition.name)}"
