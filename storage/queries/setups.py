"""Where each setup of an asset stands now: which legs hold, how far the others are from their line, since when."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from signals.alerts.condition import RANKS, held
from signals.alerts.rule import named, rules
from signals.alerts.setup import Leg, setups
from storage.alerts import episodes
from storage.queries.market import readings
from storage.queries.market.readings import Reading

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

    from signals.alerts.condition import Condition, Rank
    from signals.alerts.rule import AlertRule
    from signals.alerts.setup import Setup
    from storage.alerts.episodes import Key, RuleState
    from storage.engine.database import Store
    from storage.queries.market.readings import NotKnown, Readings


@dataclass(frozen=True, slots=True)
class LegNow:
    """How a leg stands. holds: None where that is not known; `lacking` then says why, if the metric has no value.

    closest: the conditions of the group that is nearest to holding, each with the value now (NaN where not known) and
    the number that it is held against.
    """

    leg: Leg
    holds: bool | None
    closest: tuple[tuple[Condition, float, float], ...]
    lacking: NotKnown | None = None


@dataclass(frozen=True, slots=True)
class SetupNow:
    """How a setup stands. rank: None while it is calm; since: when its open episode began. values: by whole names."""

    setup: Setup
    asset: str
    legs: tuple[LegNow, ...]
    rank: Rank | None
    since: datetime | None
    values: Mapping[str, float]

    @property
    def holding(self) -> int:
        """Return how many counted legs hold."""
        return sum(one.holds is True for one in self.legs if one.leg.counted)

    @property
    def unknown(self) -> int:
        """Return of how many counted legs it is not known."""
        return sum(one.holds is None for one in self.legs if one.leg.counted)


@dataclass(frozen=True, slots=True)
class Setups:
    """Every setup that was asked for, those that are on first, then those nearest to it."""

    asset: str
    found: tuple[SetupNow, ...]
    readings: Readings


def read(store: Store, asset: str, now: datetime, ids: Collection[str] | None = None) -> Setups:
    """Read setups of an asset by their ids, all of them by default. KeyError for an id that is none."""
    wanted = [setups()[name] for name in ids] if ids is not None else list(setups().values())
    needed = dict.fromkeys(metric for setup in wanted for metric in rules()[setup.id].metrics)
    found = readings.of(store, asset, list(needed), now)
    values = _values(found)
    standing = _Standing.of(store)
    every = []
    for setup in wanted:
        key = (setup.id, rules()[setup.id].asset_of(asset))
        every.append(
            SetupNow(
                setup,
                key[1],
                tuple(_leg(leg, values, found) for leg in setup.legs),
                *standing.of_rule(key),
                {**values, **{name: float(value) for name, value in setup.counts(values).items()}},
            )
        )
    every.sort(key=lambda one: (-RANKS.index(one.rank) - 1 if one.rank else 0, _far(one)))
    return Setups(asset, tuple(every), found)


@dataclass(frozen=True, slots=True)
class AlarmNow:
    """How a single alarm stands, as SetupNow; its levels are told as legs are, each by what it is entered by."""

    rule: AlertRule
    asset: str
    levels: tuple[LegNow, ...]
    rank: Rank | None
    since: datetime | None
    values: Mapping[str, float]
    readings: Readings


def read_alarm(store: Store, name: str, asset: str, now: datetime) -> AlarmNow:
    """Read an alarm that is no setup, by its id. KeyError for an id that is none."""
    rule = rules()[name]
    found = readings.of(store, asset, list(rule.metrics), now)
    values = _values(found)
    key = (name, rule.asset_of(asset))
    return AlarmNow(
        rule,
        key[1],
        tuple(_leg(Leg(id=one.rank, title=one.rank, holds=one.enter, says=""), values, found) for one in rule.levels),
        *_Standing.of(store).of_rule(key),
        values,
        found,
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where every rule stands, and since when the episodes that are open run."""

    states: Mapping[Key, RuleState]
    running: Mapping[Key, datetime]

    @classmethod
    def of(cls, store: Store) -> Self:
        """Read it; nothing where there is no database."""
        if not store.exists:
            return cls({}, {})
        return cls(episodes.rule_states(store), {(one.rule, one.asset): one.since for one in episodes.running(store)})

    def of_rule(self, key: Key) -> tuple[Rank | None, datetime | None]:
        """Return the rank of a rule of an asset, None while it is calm, and since when its open episode runs."""
        rank = self.states[key].state.rank if key in self.states else 0
        return (RANKS[rank - 1], self.running.get(key)) if rank else (None, None)


def _values(found: Readings) -> dict[str, float]:
    values: dict[str, float] = {}
    for reading in found.known:
        numbers = {name: value for name, value in reading.values.items() if isinstance(value, float)}
        values |= named(reading.metric, numbers)
    return values


def _far(one: SetupNow) -> int:
    """Return how many legs are missing."""
    return one.setup.stages[0].legs - one.holding


def _leg(leg: Leg, values: Mapping[str, float], found: Readings) -> LegNow:
    holds = held(leg.holds, values) if leg.holds else None
    compared = [[(one, *_numbers(one, values)) for one in group] for group in leg.holds]
    closest = min(compared, key=lambda group: sum(_beyond(*one) for one in group), default=[])
    names = dict.fromkeys(one.name.partition(".")[0] for one, _, _ in closest)
    lacking = next((known for name in names if not isinstance(known := found.found[name], Reading)), None)
    return LegNow(leg, holds, tuple(closest), lacking if holds is None else None)


def _numbers(condition: Condition, values: Mapping[str, float]) -> tuple[float, float]:
    bound = values.get(condition.bound, math.nan) if isinstance(condition.bound, str) else condition.bound
    return values.get(condition.name, math.nan), bound


def _beyond(condition: Condition, value: float, bound: float) -> float:
    """Return how far a condition is from holding, as a part of its line; 0 where it holds, much where not known."""
    if math.isnan(value) or math.isnan(bound):
        return 1e9
    gap = value - bound if condition.op in ("<=", "<") else bound - value
    return max(0.0, gap) / (abs(bound) or 1.0)
