"""The values that rules of one's own compare, at closes of their clock: one array a name, (closes, assets)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import structlog

from signals.alerts.derived import with_derived
from signals.metric import metrics
from signals.units import MILLISECOND
from storage.engine.database import StoreError
from storage.panels.computed import Computed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from bot.engine.own.closing import Closing
    from signals.alerts.rule import AlertRule
    from signals.metric import Metric
    from signals.series import Array
    from storage.engine.database import Store

log = structlog.get_logger(__name__)
TOGETHER: Final = 50  # assets whose panels are in memory at once


@dataclass(slots=True)
class ValuesAtCloses:
    """What is known at some closes, `step` apart.

    assets: the columns. of_metric: by the id of a metric or setup, its values by their whole names, (closes, assets).
    derived: what is computed from the rows of others, likewise. computed: each metric as it was computed, with the
    assets that it was computed of. failed: metrics that could not be. venues: of an asset, where
    nothing was computed that says it.
    """

    times: Sequence[datetime]
    step: timedelta
    assets: tuple[str, ...]
    of_metric: dict[str, dict[str, Array]] = field(default_factory=dict)
    derived: dict[str, Array] = field(default_factory=dict)
    computed: dict[str, list[tuple[frozenset[str], Computed]]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    venues: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _lists: tuple[int, dict[str, dict[str, list[float]]]] = (-1, {})  # of one close: numbers of Python come quicker

    @classmethod
    def of(
        cls,
        store: Store,
        rules: Sequence[AlertRule],
        closing: Closing,
        asked: Sequence[int],
        assets: tuple[str, ...],
        times: Sequence[datetime],
        step: timedelta,
    ) -> ValuesAtCloses:
        """Compute what some rules compare. asked: the columns of the assets that are judged; others are not known."""
        found = cls(times, step, assets)
        for name in dict.fromkeys(name for rule in rules for name in rule.metrics):
            steps = closing.steps_of(metrics()[name])
            try:
                for of in dict.fromkeys(steps[asked].tolist()):
                    alike = [i for i in asked if steps[i] == of]
                    for begin in range(0, len(alike), TOGETHER):
                        found._compute(store, metrics()[name], of * MILLISECOND, alike[begin : begin + TOGETHER])
            except StoreError:
                raise
            except Exception:
                # A metric that fails is a fault of ours; rules over others do not suffer for it.
                log.exception("rules of one's own could not be judged", metric=name, closes=len(times))
                found.failed.add(name)
        every = {name: rows for of_metric in found.of_metric.values() for name, rows in of_metric.items()}
        derived = list(dict.fromkeys(one for rule in rules for one in rule.derived if one.of in every))
        every = with_derived(derived, every, step)
        found.derived = {one.name: every[one.name] for one in derived}
        for setup in dict.fromkeys(rule.setup for rule in rules if rule.setup):
            shape = len(times), len(assets)
            counts = setup.counts(every)
            found.of_metric[setup.id] = {name: np.broadcast_to(rows, shape) for name, rows in counts.items()}
        return found

    def _compute(self, store: Store, metric: Metric, step: timedelta, columns: Sequence[int]) -> None:
        assets = tuple(self.assets[i] for i in columns)
        computed = Computed.of(store, metric, step, assets, self.times, self.step)
        self.computed.setdefault(metric.id, []).append((frozenset(assets), computed))
        within = [computed.panel.assets.index(metric.asset_of(asset)) for asset in assets]
        known = self.of_metric.setdefault(metric.id, {})
        for name, rows in computed.values.items():
            whole = f"{metric.id}.{name}"
            if whole not in known:
                known[whole] = np.full((len(self.times), len(self.assets)), np.nan)
            known[whole][:, columns] = rows[computed.rows][:, within]

    def at(self, i: int) -> dict[str, Array]:
        """Return the values of one close by name, one an asset. i: which of `times`."""
        found = {name: rows[i] for of in self.of_metric.values() for name, rows in of.items()}
        return found | {name: rows[i] for name, rows in self.derived.items()}

    def row(self, rule: AlertRule, column: int, i: int) -> dict[str, float]:
        """Return the values that a rule is told with at one close. column: of the asset."""
        if self._lists[0] != i:
            self._lists = i, {}
        lists = self._lists[1]
        found: dict[str, float] = {}
        for of in (*rule.metrics, rule.setup.id) if rule.setup else rule.metrics:
            if of not in lists:
                lists[of] = {name: rows[i].tolist() for name, rows in self.of_metric.get(of, {}).items()}
            for name, numbers in lists[of].items():
                found[name] = numbers[column]
        for one in rule.derived:
            if one.name in self.derived:
                found[one.name] = float(self.derived[one.name][i, column])
        return found

    def of_rule(self, rule: AlertRule, asset: str) -> list[Computed]:
        """Return the metrics of a rule as they were computed for an asset."""
        return [rows for name in rule.metrics for assets, rows in self.computed.get(name, ()) if asset in assets]
