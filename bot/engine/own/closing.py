"""Until which close each rule of one's own can be judged for each asset, as arrays: once all its inputs have spoken.

The same as closes.py finds for built-in rules, which are few, one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from bot.engine.closes import PATIENCE, known_until
from signals.inputs import INPUTS
from signals.metric import metrics
from signals.units import DAY, floor, from_ms, in_ms, to_ms
from storage.market import points
from storage.panels import panels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from signals.alerts.rule import AlertRule
    from signals.metric import Metric
    from signals.rules.many.truths import Bools
    from storage.engine.database import Store

    Instants: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.int64]]

NEVER: Final = -1
EVER: Final = 2**62


class Closing:
    """What is known of the closes of some assets at one moment. All times in ms; NEVER where there is no data.

    asked: the assets that anything is asked of; what is said of others means nothing.
    """

    def __init__(self, store: Store, assets: Sequence[str], asked: Bools, now: datetime) -> None:
        self._stored = points.directory(store)
        self._steps = store.beside(Steps)
        self._now, self._assets = now, tuple(assets)
        self._asked = np.flatnonzero(asked).tolist()
        self._inputs: dict[tuple[str, bool], Instants] = {}
        self._spoken: dict[str, tuple[Instants, Instants]] = {}

    def due(self, rules: Sequence[AlertRule], pairs: Bools) -> tuple[Instants, Instants]:
        """Return for each rule and asset the last close that can be judged, and how far its closes lie apart.

        pairs: (rules, assets), which are asked for.
        """
        due, step = np.full(pairs.shape, NEVER, dtype=np.int64), np.ones(pairs.shape, dtype=np.int64)
        alike: dict[tuple[tuple[str, ...], tuple[str, ...]], list[int]] = {}
        for i in np.flatnonzero(pairs.any(axis=1)).tolist():
            alike.setdefault((rules[i].metrics, rules[i].needed), []).append(i)
        for (every, needed), rows in alike.items():
            latest = np.full(len(self._assets), to_ms(self._now), dtype=np.int64)
            spoken = {name: self._spoken_of(metrics()[name]) for name in every}
            steps = np.max([of for _, of in spoken.values()], axis=0)
            for name, (until, _) in spoken.items():
                if name in needed:
                    latest = np.minimum(latest, until)
                else:
                    moment = np.maximum(until, to_ms(self._now - PATIENCE))
                    latest = np.minimum(latest, np.where(until == NEVER, EVER, moment))
            due[rows], step[rows] = np.where(latest < 0, NEVER, latest // steps * steps), steps
        return due, step

    def steps_of(self, metric: Metric) -> Instants:
        """Return how far apart the data of a metric lie for each asset."""
        return self._spoken_of(metric)[1]

    def _spoken_of(self, metric: Metric) -> tuple[Instants, Instants]:
        """Return until when all inputs of a metric have spoken, as closes.py says it, and its data's distance apart."""
        if metric.id not in self._spoken:
            known = {name: self._known(name, metric) for name in metric.needs}
            first = np.min([np.where(at == NEVER, EVER, at) for at in known.values()], axis=0)
            steps = self._steps.of(metric, self._assets, self._asked, first, self._now)
            if metric.at_open:
                spoken = np.where(first == EVER, NEVER, first // steps * steps + steps - 1)
            else:
                stays = {
                    name: 0 if INPUTS[name].kind == "bar" else np.maximum(steps, in_ms(INPUTS[name].in_force))
                    for name in known
                }
                until = np.min([np.where(at == NEVER, EVER, at + stays[name]) for name, at in known.items()], axis=0)
                spoken = np.where(first == EVER, NEVER, until)
            self._spoken[metric.id] = spoken, steps
        return self._spoken[metric.id]

    def _known(self, name: str, metric: Metric) -> Instants:
        """Return until when an input is known of each asset."""
        of = name, metric.market_wide
        if of not in self._inputs:
            found = np.full(len(self._assets), NEVER, dtype=np.int64)
            for i in self._asked:
                if every := self._stored.get((metric.asset_of(self._assets[i]), name)):
                    found[i] = to_ms(known_until(every, self._now))
            self._inputs[of] = found
        return self._inputs[of]


class Steps:
    """How far apart the data of a metric lie for each asset, in ms: looked up once a day, since it hardly changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: dict[tuple[str, str], int] = {}
        self._day: datetime | None = None

    def of(
        self, metric: Metric, assets: Sequence[str], asked: Iterable[int], newest: Instants, now: datetime
    ) -> Instants:
        """Return the steps of a metric, its own for assets that nobody asks of. newest: until when its data are."""
        found = np.full(len(assets), in_ms(metric.step), dtype=np.int64)
        if metric.step >= DAY:
            return found
        if self._day != floor(now, DAY):
            self._day, self._found = floor(now, DAY), {}
        for i in asked:
            of = metric.asset_of(assets[i])
            if newest[i] < EVER and (metric.id, of) not in self._found:
                end = from_ms(int(newest[i]))
                self._found[metric.id, of] = in_ms(panels.step_for(self._store, metric, of, end - metric.window, end))
            found[i] = self._found.get((metric.id, of), found[i])
        return found
