"""Conditions and how far a value is from their line, in words: z −0.31 (line at most −0.75)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from handlers.charts.figures import say
from handlers.words import wording
from signals.metric import metrics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def figure(value: float, unit: Unit) -> str:
    """Say a value in its unit: a change with its sign, a time with its unit. What is not known is said so."""
    if math.isnan(value):
        return wording.UNKNOWN
    match unit:
        case "fraction":
            return wording.percent(100 * value)
        case "days" | "hours":  # beside a line a bare 3.5 could be anything
            return f"{_trimmed(wording.number(value, 1))} {unit}"
        case _:
            return say(value, unit)


def bound(value: float, unit: Unit) -> str:
    """Say a line, as people write one: −5 %, 30 % a year, −0.75."""
    if math.isnan(value):
        return wording.UNKNOWN
    match unit:
        case "fraction" | "share" | "rank":
            text = wording.percent(100 * value, 3, plus=False)
        case "apr":
            text = f"{wording.percent(100 * value, 3, plus=False)} a year"
        case _:
            text = figure(value, unit).removeprefix("+")
    return _trimmed(text)


def _trimmed(text: str) -> str:
    """Leave out the zeros that end decimals."""
    return re.sub(r"\.\d+", lambda decimals: decimals[0].rstrip("0").rstrip("."), text)


def title_of(name: str) -> str:
    """Return what a value is called within a sentence, by its whole name; the name itself where nothing declares it."""
    metric, _, value = name.partition(".")
    declared = metrics().get(metric)
    return wording.small(declared.values[value].title) if declared and value in declared.values else name


def against(compared: Sequence[tuple[Condition, float, float]]) -> str:
    """Say values with the lines that they are held against: z −2.28 (line at most −2).

    Of several figures each is named, as nobody could tell them apart; one that has two lines is said once.
    """
    figures: dict[str, list[tuple[Condition, float, float]]] = {}
    for row in compared:
        figures.setdefault(row[0].name, []).append(row)
    said = []
    for name, rows in figures.items():
        value = _apart(rows[0][1], [row[2] for row in rows], unit_of(name))
        if len(figures) > 1:
            value = f"{title_of(name)} is {value}"
        elif unit_of(name) == "z" and value != wording.UNKNOWN:
            value = f"z {value}"
        said.append(f"{value} (line {_lines([(one, line) for one, _, line in rows])})")
    return "; ".join(said)


def _apart(value: float, lines: Sequence[float], unit: Unit) -> str:
    """Say a value so exactly that it can be told from its lines."""
    said = figure(value, unit)
    alike = any(said == figure(line, unit) and value != line for line in lines)
    if not alike or unit not in {"fraction", "apr"}:
        return said
    return f"{wording.percent(100 * value, 3)}{' a year' if unit == 'apr' else ''}"


def _lines(lines: Sequence[tuple[Condition, float]]) -> str:
    """Say the lines of one figure: at most −0.75; or, of two that it lies between, both."""
    if len(lines) == 2:
        (low, one), (high, other) = sorted(lines, key=lambda line: line[1])
        if low.op in {">", ">="} and high.op in {"<", "<="}:
            return f"between {bound(one, unit_of(low.name))} and {bound(other, unit_of(low.name))}"
    return wording.listing([f"{LINES[one.op]} {bound(line, unit_of(one.name))}" for one, line in lines])


def all_of(group: Sequence[Condition], values: Mapping[str, float]) -> list[str]:
    """Say conditions that hold together, one entry a figure: "z of depth is above −0.4". values: those that are lines.

    The verb parts a title that ends in "below price" from the line that it is below.
    """
    figures: dict[str, list[tuple[Condition, float]]] = {}
    for one in group:
        line = values.get(one.bound, math.nan) if isinstance(one.bound, str) else one.bound
        figures.setdefault(one.name, []).append((one, line))
    return [f"{title_of(name)} is {_lines(lines)}" for name, lines in figures.items()]
