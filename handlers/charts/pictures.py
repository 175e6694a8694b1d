"""From the short reference that a message carries to the picture: resolved when it is sent, from stored history.

A notice waits in the outbox with {"metric", "asset", "until"}; what it shows is read when it is drawn, so that a
thousand rows do not carry a thousand copies of a chart.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from handlers.charts import content
from handlers.words.readings import coverage_words
from signals.venues import venue_title
from storage.engine.database import StoreError
from storage.queries.market import charts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from storage.engine.database import Store
    from storage.queries.market.charts import ChartData

DEFAULT_DAYS = 365

_log = structlog.get_logger(__name__)


class Renders(Protocol):
    """Whoever turns a full chart into PNG; handlers/charts/process.py does."""

    async def draw(self, chart: Mapping[str, Any]) -> bytes | None:
        """Return the picture, or None."""
        ...


class Pictures:
    """Draws what a message refers to."""

    def __init__(self, store: Store, renderer: Renders) -> None:
        self._store = store
        self._renderer = renderer

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
        return None if full is None else await self._renderer.draw(full)


async def in_words(store: Store, reference: Mapping[str, Any]) -> str | None:
    """Return what the chart of a reference shows, in words; None where nothing is known to draw."""
    full = await asyncio.to_thread(resolve, store, reference)
    return content.alt(full) if full is not None and content.drawable(full) else None


def resolve(store: Store, reference: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the full chart of a reference from stored history up to its `until`; None where nothing is stored.

    KeyError for a metric or a chart that this version does not know, ValueError for an unreadable time.
    """
    days = reference.get("days", DEFAULT_DAYS)
    data = charts.read(
        store,
        reference["metric"],
        str(reference["asset"]),
        until=datetime.fromisoformat(reference["until"]),
        days=None if days == "all" else int(days),
        value=reference.get("value"),
    )
    if data is None:
        return None
    return content.spec(
        data.metric,
        asset=data.asset,
        at=data.at,
        values=data.values,
        price=data.price,
        price_of=data.price_of,
        episodes=data.episodes,
        stamp=_stamp(data, str(reference.get("note", ""))),
        which=data.chart,
        beside=data.beside,
        named=data.day_named,
    )


def _stamp(data: ChartData, note: str) -> str:
    parts = [
        ", ".join(venue_title(venue) for venue in data.venues),
        coverage_words(data.coverage) if data.coverage else "",
        f"until {data.end:%Y-%m-%d %H:%M} UTC",
        note,
    ]
    return " · ".join(part for part in parts if part)
