"""What an asset costs now, and how that has changed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signals.metric import metrics
from signals.units import DAY, MINUTE, floor
from storage.panels import panels
from storage.queries.freshness import Stamp, of_daily_data, stamp_of
from storage.queries.market import readings
from storage.queries.market.known_at import price_by_input

if TYPE_CHECKING:
    from datetime import datetime

    from storage.engine.database import Store
    from storage.market import points
    from storage.queries.market.readings import Readings

FALL = "price_drawdown"
_YOUNG = 2 * MINUTE  # bars may be current, but a price of minutes ago is not the price


@dataclass(frozen=True, slots=True)
class Price:
    """The newest price of an asset in USD: its mark price where that is younger than the last close.

    change_1d, change_7d: as fractions, against the closes of that time. high: the highest close of 16 days, at high_at,
    or this price where it is higher; below: how far the price is from it, as a fraction. Each None where not known.
    readings: of the fall.
    """

    asset: str
    value: float
    at: datetime
    change_1d: float | None
    change_7d: float | None
    high: float | None
    high_at: datetime | None
    below: float | None
    readings: Readings
    stamp: Stamp
    outdated: bool


def read(store: Store, asset: str, now: datetime) -> Price | None:
    """Read the price; None where none is stored."""
    priced = price_by_input(store, asset, now) if store.exists else {}
    if not priced:
        return None
    (last,) = priced.values()
    found = readings.of(store, asset, (FALL,), now)
    fall = found.get(FALL)
    high = fall.get("high") if fall else None
    high = None if high is None else max(high, last.value)
    end = last.at if last.at + _YOUNG < now else now  # the same moment from which every answer of now counts back
    day, week = (change_since(store, asset, last, end - back) for back in (DAY, 7 * DAY))
    metric = metrics()[FALL]
    step = fall.step if fall else metric.step
    daily = step >= DAY and (
        metric.step < DAY or of_daily_data(store, asset, readings.newest_inputs(store, metric, asset))
    )
    return Price(
        asset,
        last.value,
        last.at,
        day,
        week,
        high,
        fall.values.get("high_at") if fall else None,
        last.value / high - 1 if high else None,
        found,
        stamp_of(store, asset, priced, now, daily=daily),
        found.outdated or last.at + _YOUNG < now,
    )


def change_since(store: Store, asset: str, last: points.Newest, since: datetime) -> float | None:
    """Return how far price came since a time, as a fraction, against the last close before it; None if unknown.

    Every answer that tells a change asks here, so that no two begin at two prices of one day.
    """
    metric = metrics()[FALL]
    step = panels.step_for(store, metric, asset, last.at - metric.window, last.at)
    then = floor(since, step)
    panel = panels.panel(store, ["close"], [asset], step=step, start=then - step, end=then)
    close = panel.values["close"][-1, 0] if len(panel) else math.nan
    return None if math.isnan(close) else float(last.value / close - 1)
