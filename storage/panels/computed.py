"""A metric computed from what is stored, at the closes of a clock that several metrics share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from signals.alerts.rule import named
from signals.units import MILLISECOND, floor
from storage.panels import panels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from signals.metric import Metric
    from signals.series import Array, Panel
    from storage.engine.database import Store
    from storage.panels.reader import PanelReader


@dataclass(frozen=True, slots=True)
class Computed:
    """The values of one metric at the times of a common clock, as alarms are judged by them.

    A finer metric gives its row that closes at the same time, a coarser one its last row that has closed: it is current
    until the next one has.

    panel: where the numbers come from; the inputs themselves are gone, since of a year of hours they are ten times what
    is computed of them.
    """

    metric: Metric
    panel: Panel
    values: Mapping[str, Array]
    rows: np.ndarray[tuple[int], np.dtype[np.int64]]  # of `values`, one a time of the clock

    @classmethod
    def of(
        cls,
        source: Store | PanelReader,
        metric: Metric,
        step: timedelta,
        assets: Sequence[str],
        times: Sequence[datetime],
        clock_step: timedelta,
    ) -> Computed:
        """Compute a metric of some assets at times `clock_step` apart. step: of its own data, at most `clock_step`."""
        known_after = timedelta(0) if metric.at_open else step
        first = floor(times[0] - known_after, step)
        end = floor(times[-1] - known_after, step) + step
        panel = panels.of(
            source,
            metric,
            tuple(dict.fromkeys(metric.asset_of(asset) for asset in assets)),
            step=step,
            start=first - metric.bars_back(step) * step,
            end=end,
        )
        behind = (times[0] - known_after - first) // MILLISECOND
        elapsed = np.arange(len(times), dtype=np.int64) * (clock_step // MILLISECOND) + behind
        rows = elapsed // (step // MILLISECOND)
        count = round((end - first) / step)
        if len(rows) < count:  # as of an hourly metric at daily closes
            read = np.zeros(count, dtype=bool)
            read[rows] = True
            panel = replace(panel, read=read)
        return cls(metric, replace(panel, values={}), metric.evaluate(panel, count), rows)

    def of_asset(self, asset: str) -> dict[str, Array]:
        """Return the values of an asset by their whole names."""
        column = self.panel.assets.index(self.metric.asset_of(asset))
        return named(self.metric.id, {name: array[self.rows, column] for name, array in self.values.items()})

    def venues(self, asset: str, i: int) -> tuple[str, ...]:
        """Return the venues that the numbers of an asset at a time come from."""
        return self.panel.venues(self.metric.asset_of(asset), self.metric.needs, self._row(i))

    def silent(self, asset: str, i: int) -> tuple[str, ...]:
        """Return the venues that were silent at a time, so that another one speaks for them."""
        return self.panel.stood_in(self.metric.asset_of(asset), self.metric.needs, self._row(i))

    def _row(self, i: int) -> int:
        """Return the row of the panel at a time of the clock."""
        computed = len(next(iter(self.values.values())))
        return len(self.panel) - computed + int(self.rows[i])

    def derived(self, asset: str) -> list[str]:
        """Return the inputs of an asset that were computed from others."""
        stored = self.metric.asset_of(asset)
        return sorted(name for name, one in self.panel.derived if one == stored and name in self.metric.needs)
