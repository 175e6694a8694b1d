"""What a metric is, as frozen data: one file under signals/metrics/ declares one and computes it.

Schedule, fetching, /health, charts and documents are loops over these declarations. Alert rules stand on metrics
(signals/alerts/rule.py); a metric knows nothing of them.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from signals.inputs import MARKET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from signals.series import Array, Panel, Series
    from signals.values import Unit, Value


@dataclass(frozen=True, slots=True)
class Chart:
    """How a value of the metric is drawn: in which unit, with which fixed lines.

    beside: another value in the same unit, as (what it is called, its name), drawn as a thin line to compare with.
    over: the time that the value is about, such as a day for a change over a day; None for the metric's window. A
    picture of an alert shows three times as much.
    """

    title: str
    axis: str
    value: str = "value"
    unit: Unit = "fraction"
    lines: tuple[tuple[str, float], ...] = ()
    with_price: bool = True
    beside: tuple[str, str] | None = None
    over: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """A number computed from inputs.

    id: as in the file's name. question: what a trader asks. needs: input names. step: how often it is
    judged (coarser data is judged at its own step). window: how far back one row looks. says: the template of the
    one-line reading shown by commands. running: an unfinished row may be read (never judged). market_wide: one figure
    for all assets. at_open: the value is published at the start of its row and is judged then. values: what each name
    that compute returns is, with its unit (signals/values.py). charts: pictures of other values than the main
    one, which are asked for by the value's name. same_venue: the inputs are compared with each other, so they are read
    from one venue that has all of them. of_all_venues: funding is that of all venues, weighted by open interest.
    version: of the formula; whoever changes what it computes raises it, and every rule over it begins a new record
    (signals/alerts/record.py).
    """

    id: str
    title: str
    question: str
    needs: tuple[str, ...]
    step: timedelta
    window: timedelta
    says: str
    chart: Chart
    values: Mapping[str, Value]
    running: bool = False
    market_wide: bool = False
    at_open: bool = False
    same_venue: bool = False
    of_all_venues: bool = False
    tells_not: str = ""  # what it does not tell, for /why and the docs
    charts: tuple[Chart, ...] = ()
    version: int = 1
    compute: Callable[[Panel], Mapping[str, Series]] = field(default=lambda _: {}, compare=False)

    @property
    def unit(self) -> Unit:
        """Return the unit of the main value."""
        return self.values["value"].unit

    def chart_of(self, value: str | None) -> Chart:
        """Return the chart that draws a value; None: the main one. KeyError where the metric declares none."""
        for chart in (self.chart, *self.charts):
            if value in {None, chart.value}:
                return chart
        raise KeyError(f"{self.id} has no chart of {value}")

    def asset_of(self, asset: str) -> str:
        """Return the asset that the metric is stored under: a market-wide figure has one for all."""
        return MARKET if self.market_wide else asset

    def evaluate(self, panel: Panel, rows: int | None = None) -> dict[str, Array]:
        """Compute the newest `rows` rows (None: all), each value as (rows, assets).

        The cost for a few rows depends on the window, not on how much history the panel holds. NaN: not known, be it
        that an input is missing or that under 2/3 of a window has been seen.
        """
        count = len(panel) if rows is None else rows
        return {name: series.last(count) for name, series in self.compute(panel).items()}

    def bars_back(self, step: timedelta) -> int:
        """Return how many rows before the newest one the metric reads at this step."""
        return math.ceil(self.window / step) + 2


@cache
def metrics() -> dict[str, Metric]:
    """Return every metric by id: each file of signals/metrics/ declares one METRIC and one compute()."""
    from signals import metrics as folder  # noqa: PLC0415 - its files import this module

    found: dict[str, Metric] = {}
    for file in pkgutil.iter_modules(folder.__path__):
        module = importlib.import_module(f"{folder.__name__}.{file.name}")
        metric: Metric = module.METRIC
        found[metric.id] = metric
    return found
