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
from typing import TYPE_CHECKING, Final, Literal

from signals.inputs import MARKET

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from signals.series import Array, Panel, Series


Unit = Literal[
    "fraction",
    "share",
    "rank",
    "apr",
    "rate",
    "rate_8h",
    "z",
    "usd",
    "price",
    "coins",
    "ratio",
    "times",
    "hours",
    "days",
    "count",
    "points",
    "index",
    "percent_a_year",
    "code",
]
REST: Final = 0.1095  # of funding: 0.01 % per 8 h, which most venues ask while nobody leans either way


@dataclass(frozen=True, slots=True)
class Measure:
    """One unit. words: as the docs name it. spec: the word of handlers/words/wording.py that says a figure in it.

    usual: where figures in it lie while nothing is the matter; None where that depends on the asset or the day. back:
    of those, the part of a line that a figure must come back by before an alarm is over. band: around a line, the least
    that counts as being on its other side; relative: it is a part of the line. percent: people count it in percent.
    """

    words: str
    spec: str
    usual: float | None = None
    back: float = 0.02
    band: float = 0.0
    relative: bool = False
    percent: bool = False


# A band is about half of what the figure moves from one close to the next on a usual day; 2 % is two usual hours of
# price, and of open interest two usual days.
MEASURES: Final[Mapping[Unit, Measure]] = {
    "fraction": Measure("fraction", "change", usual=0.0, band=0.005, percent=True),
    "share": Measure("part of a whole, fraction", "part1", back=0.1, band=0.01, percent=True),
    "rank": Measure("rank, fraction", "part", usual=0.5, band=0.02, percent=True),
    "apr": Measure("a year, fraction", "yearly", usual=0.0, band=0.01, percent=True),
    "rate": Measure("per payment, fraction", "rate", usual=0.0, band=0.00001, percent=True),
    "rate_8h": Measure("per 8 h, fraction", "rate 8", usual=0.0, band=0.00001, percent=True),
    "z": Measure("standard deviations", "zscore", usual=0.0, band=0.25),
    "usd": Measure("USD", "usd", band=0.005, relative=True),
    "price": Measure("USD per coin", "price", band=0.005, relative=True),
    "coins": Measure("coins", "coins", band=0.005, relative=True),
    "ratio": Measure("ratio", "ratio", usual=1.0, band=0.02),
    "times": Measure("times", "ratio", back=0.1, band=0.1),
    "hours": Measure("hours", "number", back=0.0, band=1.0),
    "days": Measure("days", "number", back=0.0, band=1.0),
    "count": Measure("count", "number", back=0.0, band=1.0),
    "points": Measure("points", "points", usual=0.0, band=1.0),
    "index": Measure("0 to 100", "number", usual=50.0, band=2.0),
    "percent_a_year": Measure("% a year", "share", back=0.05, band=1.0),
    "code": Measure("code", "number"),
}


@dataclass(frozen=True, slots=True)
class Value:
    """One value that a metric computes.

    title: what it is, as it stands within a sentence and by itself ("open interest in coins"). note: what the docs say
    beside it. usual, band: see `Measure`, where those of the unit do not suit. of, over: it is the change of that other
    value of the metric over that time. codes: of a code what each number from 0 on is called; None is no number of it.
    """

    unit: Unit
    title: str
    note: str = ""
    usual: float | None = None
    band: float | None = None
    of: str = ""
    over: timedelta | None = None
    codes: tuple[str, ...] = ()

    @property
    def measure(self) -> Measure:
        """Return its unit."""
        return MEASURES[self.unit]

    @property
    def words(self) -> str:
        """Return the whole of it in words, as the docs say it."""
        note = f"; {self.note}" if self.note else ""
        return f"{self.title}, {self.measure.words}{note}"

    def band_at(self, line: float) -> float:
        """Return how far on the other side of a line a figure must be to have been there."""
        measure = self.measure
        band = measure.band if self.band is None else self.band
        return band * abs(line) if measure.relative and line else band

    def leave_line(self, line: float, way: int) -> float:
        """Return where an alarm that begins beyond a line is over: half way back to where the figure usually lies.

        way: 1 where it begins above the line, −1 below. A figure without a usual place comes back by a small part of
        the line, and so does one whose line lies on the usual side already. Funding rests anywhere between nothing and
        `REST`, so of a line above that it never has to come nearer than half way to `REST`. Said to four
        digits: nobody means the fifth.
        """
        usual = self.measure.usual if self.usual is None else self.usual
        if usual is None:
            gap = max(self.measure.back * abs(line), self.band_at(line))
        elif way * (line - usual) <= 0:
            gap = self.band_at(line)
        else:
            gap = abs(line - usual) / 2
            if self.unit == "apr" and line > REST > line - gap:
                gap = (line - REST) / 2
        exact, short = line - way * gap, float(f"{line - way * gap:.4g}")
        return short if way * (line - short) > gap / 2 else float(f"{exact:.10g}")


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
    that compute returns is, with its unit. charts: pictures of other values than the main
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
