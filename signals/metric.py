"""What a metric is, as frozen data: one file under signals/metrics/ declares one and computes it.

Schedule, fetching, alerts, /health, charts and documents are loops over these declarations.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from signals.series import Array, Panel, Series

Unit = Literal["fraction", "z", "usd", "ratio", "apr", "index", "code"]
Rank = Literal["notice", "warning", "critical"]
RANKS: tuple[Rank, ...] = ("notice", "warning", "critical")


@dataclass(frozen=True, slots=True)
class Line:
    """One condition on a named value: `at_most("value", -0.30)`. `bound` may name another value of the metric."""

    field: str
    op: Literal["<=", "<", ">=", ">"]
    bound: float | str

    def holds(self, values: Mapping[str, float]) -> bool | None:
        """Tell whether the condition holds; None when a value it needs is not known."""
        value = values.get(self.field, math.nan)
        bound = values.get(self.bound, math.nan) if isinstance(self.bound, str) else self.bound
        if math.isnan(value) or math.isnan(bound):
            return None
        match self.op:
            case "<=":
                return value <= bound
            case "<":
                return value < bound
            case ">=":
                return value >= bound
            case ">":
                return value > bound


def at_most(bound: float | str, name: str = "value") -> Line:
    """Return the condition value ≤ bound."""
    return Line(name, "<=", bound)


def below(bound: float | str, name: str = "value") -> Line:
    """Return the condition value < bound."""
    return Line(name, "<", bound)


def at_least(bound: float | str, name: str = "value") -> Line:
    """Return the condition value ≥ bound."""
    return Line(name, ">=", bound)


def above(bound: float | str, name: str = "value") -> Line:
    """Return the condition value > bound."""
    return Line(name, ">", bound)


@dataclass(frozen=True, slots=True)
class Level:
    """A line to enter and another to leave.

    enter: groups of conditions; the level is entered when all conditions of any one group hold for `hold`.
    leave: groups likewise; the level is left when any one group holds for `hold_leave`. While a value that could
    decide a side is not known, nothing happens on that side. A hold is in time: at hourly closes 2 h are 2 closes.
    at_once: groups likewise, which end the level at the first close that any one holds, without waiting.
    """

    rank: Rank
    enter: tuple[tuple[Line, ...], ...]
    leave: tuple[tuple[Line, ...], ...]
    hold: timedelta
    hold_leave: timedelta
    at_once: tuple[tuple[Line, ...], ...] = ()

    def __post_init__(self) -> None:
        if set(self.enter) & set(self.leave):
            raise ValueError("a level is left on another line than it is entered, or the alert flickers")


def level(
    rank: Rank,
    *,
    enter: Line | tuple[Line, ...] | list[tuple[Line, ...]],
    leave: Line | tuple[Line, ...] | list[tuple[Line, ...]],
    hold: timedelta,
    hold_leave: timedelta | None = None,
    at_once: Line | tuple[Line, ...] | list[tuple[Line, ...]] = (),
) -> Level:
    """Declare a level. A tuple of lines must hold together; a list of tuples are alternatives."""
    held = hold if hold_leave is None else hold_leave
    return Level(rank, _groups(enter), _groups(leave), hold, held, _groups(at_once) if at_once else ())


def _groups(lines: Line | tuple[Line, ...] | list[tuple[Line, ...]]) -> tuple[tuple[Line, ...], ...]:
    if isinstance(lines, Line):
        return ((lines,),)
    return (lines,) if isinstance(lines, tuple) else tuple(lines)


@dataclass(frozen=True, slots=True)
class Watch:
    """One alarm that a metric can raise, with the words for it.

    id: unique over all metrics; what people subscribe to and what the record is kept under. levels: in rising rank.
    title: what the alarm is called in /sub. The sentences are templates over the metric's values (see
    handlers/words/wording.py for the words after the colon): headline, one plain sentence without jargon or
    instruction; legs, each one line of evidence; counter, what would make it wrong; resolved, one line for the
    all-clear. only_asked: another alarm tells the same fact, so who subscribes to everything is spared this one.
    """

    id: str
    title: str
    levels: tuple[Level, ...]
    headline: str
    legs: tuple[str, ...]
    counter: str
    resolved: str
    only_asked: bool = False


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

    id: as in the file's name. question: what a trader asks. unit: of `value`. needs: input names. step: how often it is
    judged (coarser data is judged at its own step). window: how far back one row looks. says: the template of the
    one-line reading shown by commands. running: an unfinished row may be read (never judged). market_wide: one figure
    for all assets. at_open: the value is published at the start of its row and is judged then. values: each name that
    compute returns, with its unit in words; the docs are made from it. charts: pictures of other values than the main
    one, which are asked for by the value's name.
    """

    id: str
    title: str
    question: str
    unit: Unit
    needs: tuple[str, ...]
    step: timedelta
    window: timedelta
    says: str
    chart: Chart
    values: Mapping[str, str]
    watches: tuple[Watch, ...] = ()
    running: bool = False
    market_wide: bool = False
    at_open: bool = False
    tells_not: str = ""  # what it does not tell, for /why and the docs
    charts: tuple[Chart, ...] = ()
    compute: Callable[[Panel], Mapping[str, Series]] = field(default=lambda _: {}, compare=False)

    def chart_of(self, value: str | None) -> Chart:
        """Return the chart that draws a value; None: the main one. KeyError where the metric declares none."""
        for chart in (self.chart, *self.charts):
            if value in {None, chart.value}:
                return chart
        raise KeyError(f"{self.id} has no chart of {value}")

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


def watches() -> dict[str, tuple[Metric, Watch]]:
    """Return every alarm by id, with the metric that raises it."""
    return {watch.id: (metric, watch) for metric in metrics().values() for watch in metric.watches}
