"""What a chart shows: a value's history beside the price, and the alerts of that time."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from signals.metric import Chart, Metric
    from signals.series import Coverage, Panel
    from storage.engine.database import Store

PRICE_OF_THE_MARKET: Final = "BTC"  # whose price stands beside a figure of the whole market


@dataclass(frozen=True, slots=True)
class ChartData:
    """A chart's rows, oldest first.

    at: when each value was known (that of a metric at the open: when its row began). values, beside, price: one a row,
    NaN where not known; beside and price None where the chart has none. price_of: whose price, if not the asset's.
    episodes: start and end of each alert that was known at `end` of the span; end None while it lasts. day_named: how
    long before its time the day lies that a value bears: a daily close is stamped with the midnight after its day.
    """

    metric: Metric
    chart: Chart
    asset: str
    at: Sequence[datetime]
    values: Sequence[float]
    beside: Sequence[float] | None
    price: Sequence[float] | None
    price_of: str | None
    episodes: tuple[tuple[datetime, datetime | None], ...]
    venues: tuple[str, ...]
    coverage: Coverage | None
    end: datetime
    day_named: timedelta


def read(
    store: Store, metric_id: str, asset: str, *, until: datetime, days: float | None, value: str | None = None
) -> ChartData | None:
    """Read the chart of a metric's value (None: its main one) up to a time; None where nothing is stored.

    days: how far back it begins, None for all that is stored. KeyError for a metric or a chart that is not declared.
    """
    metric = metrics()[metric_id]
    chart = metric.chart_of(value)
    asset, until = metric.asset_of(asset), until.astimezone(UTC)
    spans = [span for name in metric.needs if (span := points.span(store, asset, name))]
    if not spans:
        return None
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    end = min(until, last + DAY)  # what is long over is shown at its own end, not beside an empty year
    start = first if days is None else max(first, end - timedelta(days=days))
    step = panels.step_for(store, metric, asset, end - max(metric.window, 3 * DAY), end)
    names = tuple(dict.fromkeys((*panels.needs(metric), "close")))
    panel = panels.panel(
        store, names, [asset], step=step, start=start - metric.bars_back(step) * step, end=end + step * metric.at_open
    )
    rows = min(len(panel), max(1, round((end - floor(start, step)) / step)))
    if not len(panel):
        return None
    # Only what is drawn is computed: the other values may look back over a year for every row.
    series = metric.compute(panel)
    price, price_of = _price(store, panel, rows, asset, step)
    return ChartData(
        metric,
        chart,
        asset,
        (panel.at if metric.at_open else panel.closes)[len(panel) - rows :].to_pydatetime().tolist(),
        series[chart.value].last(rows)[:, 0].tolist(),
        None if chart.beside is None else series[chart.beside[1]].last(rows)[:, 0].tolist(),
        price,
        price_of,
        _episodes(store, metric, asset, until),
        panel.venues(asset, metric.needs),
        panel.coverage.get(asset),
        end,
        timedelta(0) if metric.at_open or step < DAY else step,
    )


def _price(store: Store, panel: Panel, rows: int, asset: str, step: timedelta) -> tuple[list[float] | None, str | None]:
    """Return the closes beside the value: the asset's own, or for a figure of the whole market those of bitcoin."""
    if asset != MARKET:
        return panel.values["close"][len(panel) - rows :, 0].tolist(), None
    if points.span(store, PRICE_OF_THE_MARKET, "close") is None:
        return None, None
    start, end = panel.at[len(panel) - rows].to_pydatetime(), panel.closes[-1].to_pydatetime()
    of = panels.panel(store, ["close"], [PRICE_OF_THE_MARKET], step=step, start=start, end=end)
    return of.values["close"][:, 0].tolist(), PRICE_OF_THE_MARKET


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
