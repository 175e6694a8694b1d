"""From stored points to the panel that metrics read: summing venues or choosing one, deriving what is missing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from signals.inputs import EVERYWHERE, INPUTS
from signals.series import Panel
from signals.units import to_ms
from signals.venues import venue_order
from storage.market import points, sums
from storage.market.grid import Grid, floor, of_venue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signals.metric import Metric
    from signals.series import Array, Coverage
    from storage.engine.database import Store

DAY = timedelta(days=1)
NEARLY = 0.9  # of the fullest venue's points: as good as full
NEWEST = 64  # points that tell how fine a series is


def panel(
    store: Store,
    names: Sequence[str],
    assets: Sequence[str],
    *,
    step: timedelta,
    start: datetime,
    end: datetime,
    now: datetime | None = None,
) -> Panel:
    """Read inputs onto the grid of rows that open in [start, end) and are whole.

    With `now`, one more row is read: the unfinished one that holds `now`. In it flows are not known (a part of a day
    is not a day), everything else is its newest value while that is fresh.

    Open interest is summed over the venues that know the whole span, where there are such (see storage/market/sums.py);
    everything else, and open interest until then, is that of one venue.
    """
    first = floor(start, step)
    last = floor(now, step) + step if now else floor(end, step)
    grid = Grid(first, step, max(0, round((last - first) / step)))
    values = {name: np.full((grid.count, len(assets)), np.nan) for name in names}
    scope: dict[tuple[str, str], tuple[str, ...]] = {}
    coverage: dict[str, Coverage] = {}
    for column, asset in enumerate(assets):
        speakers = {name: venue for name in names if (venue := _speaker(store, asset, name, grid))}
        summed = [name for name in sums.SUMMED if speakers.get(name, EVERYWHERE) != EVERYWHERE]
        together = sums.together(store, asset, summed, grid, speakers[summed[0]], now) if summed else None
        if together:
            coverage[asset] = together.coverage
        for name, venue in speakers.items():
            if together and name in together.values:
                scope[name, asset] = together.coverage.venues
                values[name][:, column] = together.values[name]
            else:
                scope[name, asset] = (venue,)
                values[name][:, column] = of_venue(store, asset, venue, [name], grid, now)[name]
    derived = _derive(values, tuple(assets))
    index = pd.date_range(grid.start, periods=grid.count, freq=pd.Timedelta(step), tz=UTC)
    return Panel(step, index, tuple(assets), values, scope, frozenset(derived), coverage)


def _speaker(store: Store, asset: str, name: str, grid: Grid) -> str | None:
    """Choose the venue that speaks for an input: of those that are up to date at the grid's end, the fullest one.

    Of venues about as full as that the same one speaks every time, a sum over all first and then Binance: two that are
    asked side by side differ by a few points, and a speaker that changes with them would move every figure.

    One venue for the whole span: a sum whose members come and go would show their coming and going as news.
    """
    every = [each for each in points.stored(store, asset, name) if each.first < to_ms(grid.end)]
    venues = sorted({each.venue for each in every})
    if len(venues) < 2:
        return venues[0] if venues else None
    newest: dict[str, int] = {}
    for each in every:
        last = each.last if each.last < to_ms(grid.end) else points.last_before(store, asset, name, each, grid.end)
        newest[each.venue] = max(last, newest.get(each.venue, last))
    current = max(newest.values()) - round(DAY.total_seconds() * 1000)
    apart = max(grid.step, INPUTS[name].in_force)  # a rate that holds for eight hours is as full as one of each hour
    begin = floor(grid.start, apart)  # a stretch cut by the grid's start would count only for who speaks each hour
    counts = {
        venue: points.count(store, asset, venue, name, start=begin, end=grid.end, apart=apart)
        for venue in venues
        if newest[venue] >= current
    }
    full = [venue for venue in counts if counts[venue] >= NEARLY * max(counts.values())]
    return min(full, key=lambda venue: (venue_order(venue), -counts[venue], venue))


def _derive(values: dict[str, Array], assets: tuple[str, ...]) -> list[tuple[str, str]]:
    """Fill coins from dollars and price of the same row, or dollars from coins, where a provider gives only one."""
    usd, coin, price = (values.get(name) for name in ("open_interest_usd", "open_interest_coin", "close"))
    if usd is None or coin is None or price is None:
        return []
    derived = []
    for i, asset in enumerate(assets):
        if np.isnan(coin[:, i]).all() and not np.isnan(usd[:, i]).all():
            coin[:, i] = usd[:, i] / price[:, i]
            derived.append(("open_interest_coin", asset))
        elif np.isnan(usd[:, i]).all() and not np.isnan(coin[:, i]).all():
            usd[:, i] = coin[:, i] * price[:, i]
            derived.append(("open_interest_usd", asset))
    return derived


def step_for(store: Store, metric: Metric, asset: str, start: datetime, end: datetime) -> timedelta:
    """Return the step to judge a metric at: its own where the stored data is that fine, else a day.

    Imported history is often daily; an hourly rule is then judged at daily closes, and the stamp says so.
    """
    if metric.step >= DAY:
        return metric.step
    for name in metric.needs:
        venue = _speaker(store, asset, name, Grid(start, metric.step, max(1, round((end - start) / metric.step))))
        finest = None if venue is None else _finest(store, asset, venue, name, max(start, end - 60 * DAY), end)
        if finest and finest > max(metric.step, INPUTS[name].in_force) * 1.5:
            return DAY
    return metric.step


def _finest(store: Store, asset: str, venue: str, name: str, start: datetime, end: datetime) -> timedelta | None:
    """Return how far apart the newest values lie; None if there are none."""
    if INPUTS[name].kind == "bar":
        steps = [
            each.step
            for each in points.stored(store, asset, name)
            if each.venue == venue and each.first < to_ms(end) and each.last >= to_ms(start)
        ]
        return timedelta(seconds=min(steps)) if steps else None
    times = points.last_times(store, asset, venue, name, start=start, end=end, most=NEWEST)
    if not times:
        return None
    return timedelta(milliseconds=float(np.median(-np.diff(times)))) if len(times) > 1 else DAY


def needs(metric: Metric) -> tuple[str, ...]:
    """Return the inputs to read for a metric: its own, and what they are derived from."""
    extra = ("open_interest_usd", "close") if "open_interest_coin" in metric.needs else ()
    return tuple(dict.fromkeys((*metric.needs, *extra)))
