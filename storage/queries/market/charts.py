"""What a chart shows: a value's history beside the price, and the alerts of that time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Final

from signals.alerts.rule import rules_of
from signals.inputs import MARKET
from signals.metric import metrics
from signals.units import DAY, floor
from storage.alerts import episodes
from storage.market import points
from storage.panels import panels
from storage.queries.market.known_at import newest_by, newest_price
from storage.queries.market.readings import newest_inputs, running_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from signals.metric import Chart, Metric
    from signals.series import Coverage, Panel
    from storage.engine.database import Store

FEWEST: Final = 14  # rows that make a line: of what is told once a day a shorter span is widened to two weeks
PRICE_OF_THE_MARKET: Final = "BTC"  # whose price stands beside a figure of the whole market


@dataclass(frozen=True, slots=True)
class ChartData:
    """A chart's rows, oldest first.

    at: when each value was known (that of a metric at the open: when its row began). values, beside: one a row, NaN
    where not known; beside None where the chart has none. price: rows of their own, each with the time it was known,
    the last one as /price tells it at `end`. price_of: whose price, if not the asset's.
    episodes: start and end of each alert that was known at `end` of the span; end None while it lasts. day_named: how
    long before its time the day lies that a value bears: a daily close is stamped with the midnight after its day.
    """

    metric: Metric
    chart: Chart
    asset: str
    at: Sequence[datetime]
    values: Sequence[float]
    beside: Sequence[float] | None
    price: Sequence[tuple[datetime, float]]
    price_of: str | None
    episodes: tuple[tuple[datetime, datetime | None], ...]
    venues: tuple[str, ...]
    coverage: Coverage | None
    end: datetime
    day_named: timedelta
    step: timedelta
    live: bool = False
    last: datetime | None = None


def read(
    store: Store, metric_id: str, asset: str, *, until: datetime, days: float | None, value: str | None = None
) -> ChartData | None:
    """Read the chart of a metric's value (None: its main one) up to a time; None where nothing is stored.

    The last row is the one that commands tell at that time: the unfinished one where the metric allows it.
    days: how far back it begins, None for all that is stored; never fewer rows than make a line. KeyError for a metric
    or a chart that is not declared.
    """
    metric = metrics()[metric_id]
    chart = metric.chart_of(value)
    asset, until = metric.asset_of(asset), until.astimezone(UTC)
    spans = [span for name in metric.needs if (span := points.span(store, asset, name))]
    if not spans:
        return None
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    end = min(until, last + DAY)  # what is long over is shown at its own end, not beside an empty year
    step = panels.step_for(store, metric, asset, end - max(metric.window, 3 * DAY), end)
    asked = None if days is None else max(timedelta(days=days), FEWEST * step)
    start = first if asked is None else max(first, end - asked)
    moment = _unfinished(store, metric, asset, end, step)
    panel = panels.of(
        store,
        metric,
        [asset],
        step=step,
        start=start - metric.bars_back(step) * step,
        end=end + step * metric.at_open,
        now=moment,
    )
    if not len(panel):
        return None
    rows = min(len(panel), max(1, round((end - floor(start, step)) / step) + (moment is not None)))
    # Only what is drawn is computed: the other values may look back over a year for every row.
    series = metric.compute(panel)
    values = series[chart.value].last(rows)[:, 0].tolist()
    live = moment is not None and not math.isnan(values[-1])
    venues = panel.venues(asset, metric.needs)
    newest = _last(store, metric, asset, panel, end)
    at = (panel.at if metric.at_open else panel.closes)[len(panel) - rows :].to_pydatetime().tolist()
    if moment is not None:
        at[-1] = newest if live and newest else end
    price, price_of = price_beside(store, asset, step, max(first, at[0]), end)
    known = [row for row, number in enumerate(values) if not math.isnan(number)]
    # A row that closed after the newest point says the same once more, at a later time.
    kept = [row for row in range(rows) if at[row] < at[-1]] + [rows - 1]
    beside = None if chart.beside is None else series[chart.beside[1]].last(rows)[:, 0].tolist()
    return ChartData(
        metric,
        chart,
        asset,
        [at[row] for row in kept],
        [values[row] for row in kept],
        None if beside is None else [beside[row] for row in kept],
        price,
        price_of,
        _episodes(store, metric, asset, until),
        venues,
        panel.coverage.get(asset),
        end,
        timedelta(0) if metric.at_open or step < DAY else step,
        step,
        live,
        at[known[-1]] if known else None,
    )


def _unfinished(store: Store, metric: Metric, asset: str, end: datetime, step: timedelta) -> datetime | None:
    """Return the moment whose unfinished row is drawn; None where the last close is, as for a close that was judged."""
    if metric.at_open or floor(end, step) == end:
        return None
    moment = running_at(store, metric, asset, newest_inputs(store, metric, asset), end)
    return None if moment is None else min(moment, end)


def _last(store: Store, metric: Metric, asset: str, panel: Panel, end: datetime) -> datetime | None:
    """Return the time of the oldest of the newest points that a figure of now rests on."""
    found = [
        point.at
        for name in metric.needs
        for venue in panel.scope.get((name, asset), ())
        if (point := newest_by(store, asset, name, end, venue))
    ]
    return min(found, default=None)


def price_beside(
    store: Store, asset: str, step: timedelta, start: datetime, end: datetime
) -> tuple[list[tuple[datetime, float]], str | None]:
    """Return the closes beside the value, and the newest price; for a figure of the whole market those of bitcoin.

    Where bars as fine as the value are stored of less than half of the span, days are read: funding of a year stands
    beside prices of a year, although hours are kept for weeks.
    """
    whose = PRICE_OF_THE_MARKET if asset == MARKET else asset
    if points.span(store, whose, "close") is None:
        return [], None
    closes = _closes(store, whose, step, start, end)
    if step < DAY and len(closes) < (end - start) / step / 2:
        days = _closes(store, whose, DAY, start, end)
        closes = days if days and (not closes or days[0][0] < closes[0][0]) else closes
    if (live := newest_price(store, whose, end)) and (not closes or live.at > closes[-1][0]):
        closes.append((live.at, live.value))
    return closes, None if whose == asset else whose


def _closes(store: Store, asset: str, step: timedelta, start: datetime, end: datetime) -> list[tuple[datetime, float]]:
    """Return the closes that are known in a span, each with the time of its close."""
    panel = panels.panel(store, ["close"], [asset], step=step, start=start - step, end=end)
    rows = zip(panel.closes.to_pydatetime(), panel.values["close"][:, 0].tolist(), strict=True)
    return [(at, close) for at, close in rows if start <= at <= end and not math.isnan(close)]


def _episodes(
    store: Store, metric: Metric, asset: str, until: datetime
) -> tuple[tuple[datetime, datetime | None], ...]:
    """Return the alerts that were known at `until`; one that ended later was still open then."""
    return tuple(
        (episode.since, episode.ended if episode.ended and episode.ended <= until else None)
        for rule in rules_of(metric.id)
        for episode in episodes.of(store, rule.id, asset)
        if episode.fired <= until
    )
