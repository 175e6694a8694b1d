"""From the short reference that a message carries to the picture: resolved when it is sent, from stored history.

A notice waits in the outbox with {"metric", "asset", "until"}; what it shows is read when it is drawn, so that a
thousand rows do not carry a thousand copies of a chart.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from handlers.charts import content
from handlers.readings import asset_of, coverage_words
from signals.alerts.rule import rules_of
from signals.inputs import MARKET
from signals.metric import metrics
from signals.venues import venue_title
from storage.alerts import episodes
from storage.engine.database import StoreError
from storage.market import grid, panels, points

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signals.metric import Metric
    from signals.series import Panel
    from storage.engine.database import Store

DEFAULT_DAYS = 365
_PRICE_OF_THE_MARKET = "BTC"  # whose price stands beside a figure of the whole market

_log = structlog.get_logger(__name__)


class Draws(Protocol):
    """Whoever turns a full chart into PNG; handlers/charts/process.py does."""

    async def draw(self, chart: Mapping[str, Any]) -> bytes | None:
        """Return the picture, or None."""
        ...


class Pictures:
    """Draws what a message refers to."""

    def __init__(self, store: Store, draughtsman: Draws) -> None:
        self._store = store
        self._draughtsman = draughtsman

    async def draw(self, chart: dict[str, Any]) -> bytes | None:
        """Return the chart as PNG, or None where nothing is known to draw. Never raises: the text goes without it.

        chart: a reference {"metric", "asset", "until", "days", "value"} (days 365 by default, or "all"; the value that
        the metric's main chart draws by default), or a full chart.
        """
        try:
            full = chart if "line" in chart else await asyncio.to_thread(resolve, self._store, chart)
        except (StoreError, KeyError, ValueError) as error:
            _log.warning("a chart cannot be resolved and is left out", error=str(error), metric=chart.get("metric"))
            return None
        return None if full is None else await self._draughtsman.draw(full)


async def in_words(store: Store, reference: Mapping[str, Any]) -> str | None:
    """Return what the chart of a reference shows, in words; None where nothing is known to draw."""
    full = await asyncio.to_thread(resolve, store, reference)
    return content.alt(full) if full is not None and content.drawable(full) else None


def resolve(store: Store, reference: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the full chart of a reference from stored history up to its `until`; None where nothing is stored.

    KeyError for a metric or a chart that this version does not know, ValueError for an unreadable time.
    """
    metric = metrics()[reference["metric"]]
    drawn = metric.chart_of(reference.get("value"))
    asset = asset_of(metric, str(reference["asset"]))
    until = datetime.fromisoformat(reference["until"]).astimezone(UTC)
    spans = [span for name in metric.needs if (span := points.span(store, asset, name))]
    if not spans:
        return None
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    days = reference.get("days", DEFAULT_DAYS)
    end = min(until, last + timedelta(days=1))  # what is long over is shown at its own end, not beside an empty year
    start = first if days == "all" else max(first, end - timedelta(days=int(days)))
    step = panels.step_for(store, metric, asset, end - max(metric.window, timedelta(days=3)), end)
    names = tuple(dict.fromkeys((*panels.needs(metric), "close")))
    panel = panels.panel(
        store, names, [asset], step=step, start=start - metric.bars_back(step) * step, end=end + step * metric.at_open
    )
    rows = min(len(panel), max(1, round((end - grid.floor(start, step)) / step)))
    if not len(panel):
        return None
    # Only what is drawn is computed: the other values may look back over a year for every row.
    series = metric.compute(panel)
    values = series[drawn.value].last(rows)[:, 0]
    price, price_of = _price(store, panel, rows, asset, step)
    return content.spec(
        metric,
        asset=asset,
        at=[each.to_pydatetime() for each in (panel.at if metric.at_open else panel.closes)[len(panel) - rows :]],
        values=values,
        price=price,
        price_of=price_of,
        episodes=_episodes(store, metric, asset, until),
        stamp=_stamp(panel, metric, asset, end, reference),
        which=drawn,
        beside=None if drawn.beside is None else series[drawn.beside[1]].last(rows)[:, 0],
        named=timedelta(0) if metric.at_open or step < timedelta(days=1) else step,
    )


def _price(store: Store, panel: Panel, rows: int, asset: str, step: timedelta) -> tuple[Any, str | None]:
    """Return the closes beside the value: the asset's own, or for a figure of the whole market those of bitcoin."""
    if asset != MARKET:
        return panel.values["close"][len(panel) - rows :, 0], None
    if points.span(store, _PRICE_OF_THE_MARKET, "close") is None:
        return None, None
    start, end = panel.at[len(panel) - rows].to_pydatetime(), panel.closes[-1].to_pydatetime()
    of = panels.panel(store, ["close"], [_PRICE_OF_THE_MARKET], step=step, start=start, end=end)
    return of.values["close"][:, 0], _PRICE_OF_THE_MARKET


def _episodes(store: Store, metric: Metric, asset: str, until: datetime) -> list[tuple[datetime, datetime | None]]:
    """Return the alerts that were known at `until`; one that ended later was still open then."""
    return [
        (each.since, each.ended if each.ended and each.ended <= until else None)
        for rule in rules_of(metric.id)
        for each in episodes.of(store, rule.id, asset)
        if each.fired <= until
    ]


def _stamp(panel: Panel, metric: Metric, asset: str, end: datetime, reference: Mapping[str, Any]) -> str:
    venues = panel.venues(asset, metric.needs)
    coverage = panel.coverage.get(asset)
    parts = [
        ", ".join(venue_title(venue) for venue in venues),
        coverage_words(coverage) if coverage else "",
        f"until {end:%Y-%m-%d %H:%M} UTC",
        str(reference.get("note", "")),
    ]
    return " · ".join(part for part in parts if part)
