"""Where each check of an asset stands, for /health: its level, its value in words, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from handlers.charts.content import say
from handlers.looking import stale_since
from handlers.readings import asset_of
from handlers.words import wording
from signals.alerts.condition import RANKS, held
from signals.alerts.rule import named, rules_of
from signals.metric import metrics
from storage.alerts import episodes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from handlers.command import Deps
    from handlers.looking import Look
    from signals.alerts.rule import AlertRule
    from signals.metric import Metric, Reading


@dataclass(frozen=True, slots=True)
class Standing:
    """One check. level: calm, a rank, or unknown with its `reason`. said: the value in words. since: of the episode."""

    metric: Metric
    level: str
    title: str
    said: str = ""
    value: float | None = None
    since: datetime | None = None
    reason: str = ""


def of(deps: Deps, look: Look) -> list[Standing]:
    """Return every check that the look holds."""
    kept = episodes.rule_states(deps.store)
    open_ = {(each.rule, each.asset): each for each in episodes.running(deps.store)}
    return [_of(metrics()[name], deps, look, kept, open_) for name in look.found]


def _of(
    metric: Metric,
    deps: Deps,
    look: Look,
    kept: Mapping[episodes.Key, episodes.RuleState],
    running: Mapping[episodes.Key, episodes.Episode],
) -> Standing:
    reading = look.get(metric.id)
    if reading is None:
        return Standing(metric, "unknown", metric.title, reason=look.why_not(metric.id))
    value = reading.values["value"]
    said = _said(value, metric)
    if stale := stale_since((reading,), deps):
        reason = f"{said}, but {wording.age(deps.now - stale)}"
        return Standing(metric, "unknown", metric.title, said, value, reason=reason)
    rank, since = 0, None
    for rule in rules_of(metric.id):
        key = (rule.id, asset_of(metric, look.asset))
        here = kept[key].state.rank if key in kept else _by_conditions(rule, reading)
        if here > rank:
            rank, since = here, running[key].since if key in running else None
    return Standing(metric, RANKS[rank - 1] if rank else "calm", metric.title, said, value, since)


def _said(value: float, metric: Metric) -> str:
    """Say a value so that its unit cannot be mistaken."""
    match metric.unit:
        case "fraction":
            return wording.percent(value * 100)
        case "z":
            return f"z {say(value, 'z')}"
        case "usd":
            return say(value, "usd") + metric.chart.axis.removeprefix("USD")
        case "index":
            return f"{say(value, 'index')} ({metric.chart.axis})"
        case unit:
            return say(value, unit)


def _by_conditions(rule: AlertRule, reading: Reading) -> int:
    """Return the highest rank whose conditions hold now: what can be said of a rule that was never judged."""
    values = named(reading.metric, reading.values)
    return max((RANKS.index(level.rank) + 1 for level in rule.levels if held(level.enter, values)), default=0)
