"""What was said, and what became of it: how a rule is named so that its record cannot be borrowed, and how it reads.

A record is of one definition: the hash goes over its levels, its legs, what ends and continues it, and of each metric
the id, the inputs, the window, the step and the version of the formula, but over no sentence: words may be made
better. Whoever changes a level begins with an empty record. What was said in advance is judged by the yardstick of base
rates (signals/evidence.py): from the first daily close strictly after the fire, after 1, 7 and 30 days. The two are
never merged, since one is hindsight. NaN handling: an outcome that is not known is none.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from signals.alerts import burst
from signals.evidence import case_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from signals.alerts.condition import Condition, Groups, Level
    from signals.alerts.rule import AlertRule
    from signals.alerts.setup import Leg
    from signals.evidence import DailyCloses
    from signals.metric import Metric

AFTER: Final = (1, 7, 30)  # days; what is judged later than a month says little of what was said
LISTED: Final = 5  # outcomes that a line names one by one; of more it says how many were up


@dataclass(frozen=True, slots=True)
class Definition:
    """What a rule is as far as its record goes. text: as JSON, sorted. hash: its SHA-256, the first 16 digits."""

    rule: str
    text: str

    @property
    def hash(self) -> str:
        """Return what the record is kept under."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]


def definition_of(rule: AlertRule, metrics: Mapping[str, Metric]) -> Definition:
    """Return what a rule is. metrics: those that it needs, by id."""
    found = {
        "rule": rule.id,
        "levels": [_level(level) for level in rule.levels],
        "continues": rule.continues.total_seconds(),
        "lasts": rule.lasts.total_seconds() if rule.lasts else None,
        "legs": [_leg(leg) for leg in rule.setup.legs if leg.holds] if rule.setup else [],
        "needed": list(rule.needed),
        "metrics": {
            name: {
                "needs": list(metrics[name].needs),
                "window": metrics[name].window.total_seconds(),
                "step": metrics[name].step.total_seconds(),
                "version": metrics[name].version,
            }
            for name in rule.metrics
        },
    }
    if rule.derived:  # beside the others, whose definitions are kept, it would begin every record anew
        found["derived"] = [
            [one.name, one.of, one.kind, one.over.total_seconds(), one.line, one.band] for one in rule.derived
        ]
    return Definition(rule.id, json.dumps(found, sort_keys=True, separators=(",", ":")))


def definition_of_moves() -> Definition:
    """Return what a fast move is (signals/alerts/burst.py), whose lines are no levels of a metric."""
    found = {
        "rule": burst.BURST,
        "floors": {f"{window.total_seconds():.0f}": floor for window, floor in burst.FLOORS.items()},
        "usual": [burst.KNOWN_FOR.total_seconds(), burst.LEAST_HOURS, burst.BEYOND],
        "forced": [burst.FORCED, burst.LIQUIDATED, burst.THIN],
        "over": [burst.OVER_AFTER.total_seconds(), burst.TAKEN_BACK, burst.HALF_AS_DEEP_AGAIN],
    }
    return Definition(burst.BURST, json.dumps(found, sort_keys=True, separators=(",", ":")))


def _leg(leg: Leg) -> dict[str, Any]:
    return {"id": leg.id, "holds": _groups(leg.holds), "must": leg.must, "counted": leg.counted}


def _level(level: Level) -> dict[str, Any]:
    return {
        "rank": level.rank,
        "enter": _groups(level.enter),
        "leave": _groups(level.leave),
        "at_once": _groups(level.at_once),
        "hold": level.hold.total_seconds(),
        "hold_leave": level.hold_leave.total_seconds(),
    }


def _groups(groups: Groups) -> list[list[list[str | float]]]:
    return [[_condition(condition) for condition in group] for group in groups]


def _condition(condition: Condition) -> list[str | float]:
    return [condition.name, condition.op, condition.bound]


@dataclass(frozen=True, slots=True, kw_only=True)
class PastWords:
    """What a rule has said of an asset before, as plain data: it is frozen with what is told.

    fired: how often it was told. days: the horizon. judged: how many of them have an outcome by then; after `up` of
    those price was higher. changes: the newest outcomes, the oldest first, as fractions.
    """

    fired: int
    days: int
    judged: int = 0
    up: int = 0
    changes: tuple[float, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return plain data that `from_json` reads back equal."""
        return asdict(self) | {"changes": list(self.changes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PastWords:
        """Read it back; fields this version does not know are left out, optional ones may be missing."""
        known = {field.name for field in fields(cls)}
        found = {name: value for name, value in data.items() if name in known}
        return cls(**found | {"changes": tuple(found.get("changes", ()))})


def past_words(fired: int, days: int, changes: Sequence[float]) -> PastWords:
    """Return what is said of a record. changes: every outcome at that horizon, the oldest first."""
    up = sum(change > 0 for change in changes)
    return PastWords(fired=fired, days=days, judged=len(changes), up=up, changes=tuple(changes[-LISTED:]))


def outcomes(fires: Iterable[datetime], closes: DailyCloses, days: int) -> list[float]:
    """Return what followed each of some fires, however near they are, as far as it is known: fractions."""
    cases = (case_of(at, closes, (days,)) for at in fires)
    return [case.changes[days] for case in cases if days in case.changes]
