"""Metrics read for an answer: the newest value of an asset with its stamp, or as data why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from signals.inputs import INPUTS, MARKET, stored_under
from signals.metric import metrics
from signals.series import Panel
from signals.units import DAY, MILLISECOND, floor, from_ms
from storage.market import points
from storage.panels import panels
from storage.queries.freshness import GRACE, Stamp, any_floor, of_daily_data, oldest_stale, usual_gap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from signals.metric import Metric
    from signals.series import Coverage
    from storage.engine.database import Store
    from storage.market.points import Newest

_SHORTEST = 3 * DAY  # a shorter window would hold too few points to show how far apart they are


class Lack(StrEnum):
    """Why a metric has no value."""

    NOTHING_STORED = "nothing is stored of any of its inputs"
    INPUT_MISSING = "some of its inputs were never stored"
    NOTHING_CLOSED = "no bar has closed yet"
    LEARNING = "its window is not yet known"
    NEWEST_MISSING = "enough is known, but not the newest points"
    TOO_LITTLE = "too little of the market answers to be summed"
    APART = "all of its inputs are stored, but of no one venue"


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A metric without a value. asset: as it is stored under.

    inputs: those that were never stored. days: how much of its window is known, needed: how much it needs, while it
    learns. coverage: of open interest, where several venues have figures of it.
    """

    metric: str
    asset: str
    lack: Lack
    inputs: tuple[str, ...] = ()
    days: float = 0.0
    needed: int = 1
    coverage: Coverage | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """A metric's values for one asset at one time.

    at: when the newest row closed (or now, for an unfinished one). step: distance of two rows. values: by name; NaN
    where not known, and a time `x_at` for each `x_days_ago`. seen: how long a history its window has seen. unfinished:
    the newest row has not closed, so what counts closes counts one that is none yet.
    """

    metric: str
    asset: str
    at: datetime
    step: timedelta
    values: Mapping[str, Any]
    seen: timedelta
    stamp: Stamp
    unfinished: bool = False

    def get(self, name: str) -> float | None:
        """Return a value, None where it is not known."""
        value = self.values.get(name)
        return None if value is None or math.isnan(value) else float(value)


@dataclass(frozen=True, slots=True)
class Readings:
    """What is known of some metrics of one asset.

    asset: MARKET where all of them are figures of the whole market. nothing: not one of their inputs was ever stored.
    outdated: an input is missing, or too old to be called current, so that the venues may know more.
    """

    asset: str
    found: Mapping[str, Reading | NotKnown]
    nothing: bool
    outdated: bool

    def get(self, metric: str) -> Reading | None:
        """Return a reading, or None."""
        found = self.found[metric]
        return found if isinstance(found, Reading) else None

    def lacking(self, metric: str) -> NotKnown | None:
        """Return why there is no reading, or None."""
        found = self.found[metric]
        return found if isinstance(found, NotKnown) else None

    @property
    def known(self) -> tuple[Reading, ...]:
        """Return the readings that there are."""
        return tuple(found for found in self.found.values() if isinstance(found, Reading))


def of(store: Store, asset: str, ids: Sequence[str], now: datetime) -> Readings:
    """Read metrics of an asset; where there is no database nothing is known, and none is made."""
    wanted = [metrics()[metric_id] for metric_id in ids]
    newest = {metric.id: newest_inputs(store, metric, metric.asset_of(asset)) for metric in wanted}
    found = {metric.id: _read(store, metric, metric.asset_of(asset), now, newest[metric.id]) for metric in wanted}
    outdated = any(
        not newest[metric.id] or oldest_stale(store, metric.asset_of(asset), newest[metric.id], now) is not None
        for metric in wanted
    )
    whole = all(metric.market_wide for metric in wanted)
    return Readings(MARKET if whole else asset, found, not any(newest.values()), outdated)


def read(store: Store, metric: Metric, asset: str, now: datetime) -> Reading | NotKnown:
    """Read a metric's newest value: of the unfinished row where the metric allows it, else of the last close."""
    asset = metric.asset_of(asset)
    return _read(store, metric, asset, now, newest_inputs(store, metric, asset))


def newest_inputs(store: Store, metric: Metric, asset: str) -> dict[str, Newest]:
    """Return the newest stored point of each input a metric needs; what is derived counts by what it is made of."""
    needs = metric.needs if store.exists else ()
    found = {name: points.newest(store, stored_under(name, asset), name) for name in needs}
    return {name: point for name, point in found.items() if point is not None}


def _read(store: Store, metric: Metric, asset: str, now: datetime, newest: Mapping[str, Newest]) -> Reading | NotKnown:
    if not newest:
        return NotKnown(metric.id, asset, Lack.NOTHING_STORED, metric.needs)
    last = min(point.at for point in newest.values())
    end = min(now, last + metric.step)
    step = panels.step_for(store, metric, asset, end - max(metric.window, _SHORTEST), end)
    end = min(now, last + step)  # stored history that ends in the past is read at its own end, with its age
    moment = running_at(store, metric, asset, newest, end)
    if moment == floor(end, step) and max(point.at for point in newest.values()) < moment:
        moment = None  # a row that begins now holds nothing of its own: what is carried into it would count twice
    start = floor(moment or end, step) - metric.bars_back(step) * step
    panel = panels.of(store, metric, [asset], step=step, start=start, end=end, now=moment)
    if not len(panel):
        return NotKnown(metric.id, asset, Lack.NOTHING_CLOSED)
    values, back = _newest_known(metric.evaluate(panel, min(2, len(panel))))
    row = len(panel) - 1 - back
    values.update(times_ago(values, panel.at[row].to_pydatetime()))
    coverage, venues = panel.coverage.get(asset), panel.venues(asset, metric.needs)
    if math.isnan(values["value"]):
        if metric.same_venue and len(newest) == len(metric.needs) and not venues:
            return NotKnown(metric.id, asset, Lack.APART, metric.needs)
        if coverage is None or coverage.enough:
            return _learning(panel, metric, asset, coverage)
        return NotKnown(metric.id, asset, Lack.TOO_LITTLE, coverage=coverage)
    seen = _seen(panel, metric)
    stamp = Stamp(
        venues,
        min(_used_of(store, asset, name, point, panel, row) for name, point in newest.items()),
        oldest_stale(store, asset, newest, now),
        not metric.market_wide and step >= DAY and (metric.step < DAY or of_daily_data(store, asset, newest)),
        tuple(sorted(name for name, owner in panel.derived if owner == asset and name in metric.needs)),
        any_floor(newest, venues),
        coverage,
        metric.window if seen else timedelta(0),
    )
    closed = panel.closes[row].to_pydatetime()
    at = min(closed, moment or now)
    return Reading(metric.id, asset, at, step, values, seen, stamp, unfinished=at < closed)


def running_at(
    store: Store, metric: Metric, asset: str, newest: Mapping[str, Newest], end: datetime
) -> datetime | None:
    """Return the moment whose unfinished row is read; None where the last close is read."""
    if not metric.running:
        return None
    last = min(_latest(store, asset, name, point) for name, point in newest.items())
    just_then = last + MILLISECOND
    if end - last > max(INPUTS[name].fresh_for for name in newest):
        # A live figure that stands still is shown as it last was, with its age. Of daily data the last whole row is.
        gaps = [usual_gap(store, asset, name, point) for name, point in newest.items()]
        return just_then if all(gap is not None and gap <= GRACE for gap in gaps) else None
    # What is published as its row begins is read in that row: carried into the next one, it would be compared with the
    # wrong day.
    return just_then if metric.at_open else end


def _latest(store: Store, asset: str, name: str, newest: Newest) -> datetime:
    """Return when the last of the venues spoke that speak about when the newest point was told.

    A sum that is read a moment earlier would take the newest of one venue and the last but one of the others.
    """
    together = [from_ms(series.known) for series in points.stored(store, stored_under(name, asset), name)]
    return max([newest.at, *(at for at in together if at - newest.at <= INPUTS[name].fresh_for)])


def _used_of(store: Store, asset: str, name: str, newest: Newest, panel: Panel, row: int) -> datetime:
    """Return the time of the newest point that a row could use; of a sum that of its oldest part."""
    venues = panel.scope.get((name, asset), ())
    speakers = venues if len(venues) > 1 else (newest.venue,)
    opened, closed = panel.at[row].to_pydatetime(), panel.closes[row].to_pydatetime()
    return panels.used_at(store, asset, name, speakers, opened=opened, closed=closed)


def _newest_known(rows: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """Return the values of the newest row whose main value is known, and how many rows before the last it is."""
    count = len(rows["value"])
    for back in range(count):
        values = {name: float(array[count - 1 - back, 0]) for name, array in rows.items()}
        if not math.isnan(values["value"]):
            return values, back
    return {name: float(array[-1, 0]) for name, array in rows.items()}, 0


def times_ago(values: Mapping[str, float], opened: datetime) -> dict[str, datetime]:
    """Return a time `x_at` for each value `x_days_ago`, counted back from the open of the row it was read in."""
    return {
        f"{name.removesuffix('_days_ago')}_at": opened - timedelta(days=ago)
        for name, ago in values.items()
        if name.endswith("_days_ago") and not math.isnan(ago)
    }


def _unknown(panel: Panel, name: str) -> Any:
    values = panel.values.get(name)
    return np.ones(len(panel), dtype=bool) if values is None else np.isnan(values[:, 0])


def _seen(panel: Panel, metric: Metric) -> timedelta:
    known = ~np.any([_unknown(panel, name) for name in metric.needs], axis=0)
    return int(known.sum()) * panel.step


def _learning(panel: Panel, metric: Metric, asset: str, coverage: Coverage | None) -> NotKnown:
    """Say why nothing is known of the newest rows although something is stored."""
    unknown = {name: _unknown(panel, name) for name in metric.needs}
    missing = tuple(name for name, rows in unknown.items() if rows.all())
    if missing:
        return NotKnown(metric.id, asset, Lack.INPUT_MISSING, missing, coverage=coverage)
    known = min(int(np.sum(~rows)) for rows in unknown.values())
    lack = Lack.LEARNING if known < _needed_rows(metric.id, panel.step) else Lack.NEWEST_MISSING
    days, needed = known * panel.step / DAY, needed_days(metric.id, panel.step)
    return NotKnown(metric.id, asset, lack, days=days, needed=needed, coverage=coverage)


def needed_days(metric_id: str, step: timedelta) -> int:
    """Return how many days of history a metric needs before it has a value, as in "9 of 30 days".

    To the nearest: two thirds of 90 days and the hour that is compared with them are 60 days.
    """
    return max(1, round(_needed_rows(metric_id, step) * step / DAY))


@cache
def _needed_rows(metric_id: str, step: timedelta) -> int:
    """Return how many rows of history a metric needs before it has a value.

    The metric is asked itself, on a made-up history: its window also counts what only its side values look back on.
    """
    import pandas as pd  # noqa: PLC0415 - here alone, and once a metric

    metric = metrics()[metric_id]
    rows = metric.bars_back(step)
    # Waves of different lengths: nothing stands still, and no two inputs move as one.
    moments = np.arange(rows, dtype=float)[:, None]
    sizes = {"taker_buy_usd": 50.0}  # a part of the volume
    values = {name: sizes.get(name, 100.0) + np.sin(moments / (i + 1.3)) for i, name in enumerate(panels.needs(metric))}
    index = pd.date_range("2025-01-01", periods=rows, freq=pd.Timedelta(step), tz="UTC")
    known = ~np.isnan(metric.compute(Panel(step, index, ("X",), values))["value"].last(rows)[:, 0])
    return int(np.argmax(known)) + 1 if known.any() else rows
