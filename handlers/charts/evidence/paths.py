"""How price went after each past fire of a rule: every path from its entry, and the middle of them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from handlers.words import wording
from handlers.words.evidence.odds import later
from handlers.words.subscriptions import title
from signals.evidence import INSIDE, TOO_FEW, paths
from signals.inputs import MARKET
from signals.units import DAY_S
from signals.venues import venue_title
from storage.queries.evidence import past as evidence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signals.series import Array
    from storage.engine.database import Store
    from storage.queries.evidence.past import Evidence

PAST = "past"  # what a reference calls such a picture
HEIGHT = 560


def resolve(store: Store, reference: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the full picture of a reference to a rule and an asset; None where no case has a path.

    KeyError for a rule that this version does not know, ValueError for an unreadable time.
    """
    until = datetime.fromisoformat(reference["until"])
    found = evidence.read(store, str(reference["rule"]), str(reference["asset"]), until)
    if found is None:
        return None
    return spec(found, light=bool(reference.get("light")), note=str(reference.get("note", "")))


def spec(found: Evidence, *, light: bool = False, note: str = "") -> dict[str, Any] | None:
    """Return the picture as JSON-able data; None where no case has a second day."""
    every = [path for path in paths(found.rate.cases, found.closes) if np.count_nonzero(~np.isnan(path)) > 1]
    if not every:
        return None
    middle = _middle(np.array(every))
    count = wording.count(len(every), "case")
    name = title(found.rule.id)
    whose = found.asset if found.asset != MARKET else f"{found.price_of} after"
    head = f"{whose}: {name[:1].lower()}{name[1:]}"
    words = [["Price after each case, from the first daily close", "muted"]]
    if middle:
        words = [["Each case", "muted"], ["· the middle of them", "value"]]
    panel = {
        "kind": "paths",
        "height": HEIGHT,
        "head": words,
        "unit": "fraction",
        "paths": [_line(path) for path in every],
        "middle": middle,
    }
    exchanges = ", ".join(venue_title(venue) for venue in found.price_venues)
    since = f"history from {found.since:%b %Y}"
    stamp = " · ".join(part for part in (f"Price: {exchanges}", since, note) if part)
    lead = f"{count}, {INSIDE} days from the entry"
    return {
        "title": head,
        "lead": lead,
        "panels": [panel],
        "stamp": [stamp],
        "from": 0.0,
        "to": float(INSIDE),
        "across": [[float(day), f"day {day}" if day else "entry"] for day in range(0, INSIDE + 1, 10)],
        "light": light,
        "alt": _alt(head, count, every, middle),
    }


def _line(path: Array) -> list[list[float]]:
    return [[day * DAY_S, round(float(value), 5)] for day, value in enumerate(path) if not np.isnan(value)]


def _middle(every: Array) -> list[list[float]]:
    """Return the median of each day that enough cases have reached; too few cases have no middle."""
    if len(every) < TOO_FEW:
        return []
    enough = (~np.isnan(every)).sum(axis=0) >= TOO_FEW
    return [[day * DAY_S, round(float(np.nanmedian(every[:, day])), 5)] for day in range(every.shape[1]) if enough[day]]


def _alt(head: str, count: str, every: list[Array], middle: list[list[float]]) -> str:
    """Say the picture in words."""
    ends = [float(path[~np.isnan(path)][-1]) for path in every]
    low, high = min(float(np.nanmin(path)) for path in every), max(float(np.nanmax(path)) for path in every)
    said = f"{head}: {count}, between {wording.percent(100 * low)} and {wording.percent(100 * high)} of the entry"
    if middle:
        return f"{said}; the middle {later(round(middle[-1][0] / DAY_S))} at {wording.percent(100 * middle[-1][1])}."
    return f"{said}; at the end {', '.join(wording.percent(100 * end) for end in ends)}."
