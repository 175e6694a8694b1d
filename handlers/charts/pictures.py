"""From the short reference that a message carries to the picture: resolved when it is sent, from stored history.

A notice waits in the outbox with {"metric", "asset", "until"}, or "picture" in place of "metric"; what it shows is read
when it is drawn, so that a thousand rows do not carry a thousand copies of a chart.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol

import structlog

from handlers.charts import content, liq_map, market, options
from handlers.charts.evidence import paths, when
from handlers.words import wording
from handlers.words.readings import coverage_words, stamp_words
from signals.venues import venue_title
from storage.engine.database import StoreError
from storage.queries.derivatives import option_chain
from storage.queries.liquidation import liquidation_map
from storage.queries.market import charts, market_charts, readings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from storage.engine.database import Store
    from storage.queries.market.charts import ChartData
    from storage.queries.market.market_charts import MarketChart

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

        chart: a reference, or a full chart. A reference holds "asset" and "until", and may hold "days" (or "all"),
        "note", "light" and "low" (see PictureSheet); it names a "metric" (and may name a "value", if not that of its
        main chart), or as a "picture" one of the market: a key of market.PARTS, the liquidation map, "options" with its
        "expiry", or paths.PAST with a "rule".
        """
        try:
            full = (
                chart if "line" in chart or "panels" in chart else await asyncio.to_thread(resolve, self._store, chart)
            )
        except (StoreError, KeyError, ValueError) as error:
            _log.warning("a chart cannot be resolved and is left out", error=str(error), metric=_name(chart))
            return None
        if full is None:
            return None
        return await self._renderer.draw({**full, "low": True} if chart.get("low") else full)


async def in_words(store: Store, reference: Mapping[str, Any]) -> str | None:
    """Return what the chart of a reference shows, in words; None where nothing is known to draw."""
    full = await asyncio.to_thread(resolve, store, reference)
    if full is None or not content.drawable(full):
        return None
    return str(full["alt"]) if "panels" in full else content.alt(full)


def _name(reference: Mapping[str, Any]) -> Any:
    return reference.get("metric") or reference.get("picture")


def resolve(store: Store, reference: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the full chart of a reference from stored history up to its `until`; None where nothing is stored.

    KeyError for a metric or a chart that this version does not know, ValueError for an unreadable time.
    """
    if "picture" in reference:
        return _KINDS.get(str(reference["picture"]), _market)(store, reference)
    until = datetime.fromisoformat(reference["until"])
    days, light, note = reference.get("days"), bool(reference.get("light")), str(reference.get("note", ""))
    days = DEFAULT_DAYS if days is None else None if days == "all" else float(days)
    metric, value = reference["metric"], reference.get("value")
    data = charts.read(store, metric, str(reference["asset"]), until=until, days=days, value=value)
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
        stamp=_stamp(data, note),
        which=data.chart,
        beside=data.beside,
        named=data.day_named,
        window=_window(data, days),
        live=data.live,
        light=light,
    )


def _market(store: Store, reference: Mapping[str, Any]) -> dict[str, Any] | None:
    read = read_market(store, reference)
    return None if read is None else market_spec(read, reference)


def _options(store: Store, reference: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the chart of one option expiry as it stood at the reference's time; None where it is not stored."""
    found = option_chain.read(
        store, str(reference["asset"]), datetime.fromisoformat(reference["until"]).astimezone(UTC)
    )
    meant = datetime.fromisoformat(reference["expiry"])
    expiry = next((one for one in found.expiries if one.at == meant), None) if found else None
    if found is None or expiry is None:
        return None
    return options.spec(found, expiry, light=bool(reference.get("light")), note=str(reference.get("note", "")))


def _map_of(store: Store, reference: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the liquidation map of a reference; None where there was none."""
    until = datetime.fromisoformat(reference["until"]).astimezone(UTC)
    asset = str(reference["asset"])
    reading = readings.of(store, asset, (liquidation_map.METRIC,), until).get(liquidation_map.METRIC)
    bins = None if reading is None else liquidation_map.bins_of(store, reading)
    if reading is None or bins is None:
        return None
    stamp = stamp_words((reading.stamp,), until, str(reference.get("note", "")) or None)
    return liq_map.spec(reading, bins, stamp or "", light=bool(reference.get("light")))


def read_market(store: Store, reference: Mapping[str, Any]) -> MarketChart | None:
    """Read what a reference to a picture of the market shows; errors as in `resolve`."""
    days, whole = reference.get("days"), reference.get("days") == "all"
    return market_charts.read(
        store,
        str(reference["asset"]),
        market.PARTS[reference["picture"]],
        until=datetime.fromisoformat(reference["until"]).astimezone(UTC),
        span=None if days is None or whole else timedelta(days=float(days)),
        whole=whole,
    )


def market_spec(data: MarketChart, reference: Mapping[str, Any]) -> dict[str, Any]:
    """Return the full chart of what was read for a reference."""
    light, note = bool(reference.get("light")), str(reference.get("note", ""))
    return market.spec(data, reference["picture"], light=light, note=note)


def _window(data: ChartData, days: float | None) -> timedelta | None:
    """Return the span that was asked for where that is what is shown; None where it is another one."""
    if days is None or not data.at:
        return None
    asked = timedelta(days=days)
    return asked if abs(data.at[-1] - data.at[0] - asked) <= 1.5 * data.step else None


def _stamp(data: ChartData, note: str) -> str:
    at = data.last or data.end
    day = data.day_named and not data.live
    parts = [
        ", ".join(venue_title(venue) for venue in data.venues),
        coverage_words(data.coverage) if data.coverage else "",
        f"last close {wording.day(at - data.day_named)}" if day else f"last point {wording.moment(at)}",
        note,
    ]
    return " · ".join(part for part in parts if part)


_KINDS: Final[Mapping[str, Callable[[Store, Mapping[str, Any]], dict[str, Any] | None]]] = {
    paths.PAST: paths.resolve,
    when.PICTURE: when.resolve,
    "options": _options,
    liq_map.PICTURE: _map_of,
}
