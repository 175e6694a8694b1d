"""The same rule with a line further out, so that it speaks about once a week."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from signals.alerts.derived import with_derived
from signals.alerts.rule import OWN
from signals.rules.compiled import derived_of, rule_from
from signals.rules.reading import meaning_of, read
from signals.rules.terms import exact, ordered, text_of
from signals.units import WEEK
from storage.queries.rules import preview

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from signals.rules.reading import OwnLine
    from signals.rules.terms import Meaning, Term
    from signals.series import Array
    from storage.queries.rules.preview import Preview

_STEPS: Final = 40  # lines that are tried between where it stands and the furthest value


def about_weekly(line: OwnLine, found: Preview) -> tuple[OwnLine, Preview] | None:
    """Return a stricter rule and what it would have said; None where it has no line to move, or none is calm enough.

    Of the lines that are further out, in round figures, it takes the first by which the rule would have spoken no more
    than once a week, and at least once.
    """
    meaning = meaning_of(line.rule.id.removeprefix(OWN))
    term = next((term for group in meaning.enter for term in group if term.way and not term.event), None)
    if term is None:
        return None
    bounds, most = _bounds(term, found), max(1, math.floor(found.span / WEEK))
    first, last, best = 0, len(bounds) - 1, None
    while first <= last:
        middle = (first + last) // 2
        stricter = _moved(meaning, term, bounds[middle])
        tried = preview.again(found, rule_from(stricter))
        if tried.spoken > most:
            first = middle + 1
            continue
        if tried.fires:
            best = stricter, tried
        last = middle - 1
    if best is None:
        return None
    text = line.line.replace(text_of(meaning, spoken=True), text_of(best[0], spoken=True), 1)
    assets = line.scope.assets
    return read(text, assets=assets, usual=assets[0] if assets else ""), best[1]


def _bounds(term: Term, found: Preview) -> list[float]:
    """Return round lines beyond that of a term, up to the furthest value, the nearest first."""
    beyond = [
        array[(array - term.bound) * term.way > 0]
        for looked in found.found
        for array in (_values(term, found, looked.values, looked.step),)
    ]
    every = np.concatenate(beyond) if beyond else np.empty(0)
    if not len(every):
        return []
    places = 1 - np.geomspace(1.0, 1 / len(every), _STEPS)  # the further out, the closer together
    lines = np.quantile(every * term.way, places) * term.way
    rounded = dict.fromkeys(_rounded(float(bound), term.way) for bound in lines)
    return [bound for bound in rounded if (bound - term.bound) * term.way > 0]


def _values(term: Term, found: Preview, values: Mapping[str, Array], step: timedelta) -> Array:
    known = with_derived(found.rule.derived, values, step)
    derived = derived_of(term)
    return known[derived.name if derived else term.value]


def _rounded(bound: float, way: int) -> float:
    """Return a line of three figures, further out than the one given."""
    if not bound:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(bound))) - 2)
    return exact((math.ceil if way > 0 else math.floor)(round(bound / unit, 6)) * unit)


def _moved(meaning: Meaning, term: Term, bound: float) -> Meaning:
    """Return a meaning in which one term has another line."""
    groups = tuple(tuple(replace(one, bound=bound) if one == term else one for one in group) for group in meaning.enter)
    return replace(meaning, enter=ordered(groups))
