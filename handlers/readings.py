"""Metrics read for people: the newest value for an asset, with its age, its venues and what must be said of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from handlers.freshness import GRACE, usual_gap
from handlers.words import wording
from signals.inputs import INPUTS, MARKET
from signals.metric import Reading, metrics
from signals.venues import venue_order, venue_title
from storage.market import grid, panels, points

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from signals.metric import Metric
    from signals.series import Coverage, Panel
    from storage.engine.database import Store


@dataclass(frozen=True, slots=True)
class NotKnown:
    """Why a metric has no value: nothing is stored, or too little yet, or the newest is too old to be judged."""

    metric: str
    asset: str
    reason: str
    coverage: Coverage | None = None


def asset_of(metric: Metric, asset: str) -> str:
    """Return the asset that the metric is stored under: a market-wide figure has one for all."""
    return MARKET if metric.market_wide else asset


def read(store: Store, metric: Metric, asset: str, now: datetime) -> Reading | NotKnown:
    """Read a metric's newest value: of the unfinished row where the metric allows it, else of the last close."""
    asset = asset_of(metric, asset)
    newest = newest_inputs(store, metric, asset)
    if not newest:
        return NotKnown(metric.id, asset, f"nothing is stored of {_titles(metric)} for {asset}")
    last = min(each.at for each in newest.values())
    end = min(now, last + metric.step)
    # A few days at least: a shorter window would hold too few points to show how far apart they are.
    step = panels.step_for(store, metric, asset, end - max(metric.window, timedelta(days=3)), end)
    end = min(now, last + step)  # stored history that ends in the past is read at its own end, with its age
    moment = _running_at(store, metric, asset, newest, end)
    start = grid.floor(moment or end, step) - metric.bars_back(step) * step
    panel = panels.panel(
        store,
        panels.needs(metric),
        [asset],
        step=step,
        start=start,
        end=end,
        now=moment,
    )
    if not len(panel):
        return NotKnown(metric.id, asset, "no bar has closed yet")
    rows = metric.evaluate(panel, min(2, len(panel)))
    values, row = _newest_known(rows)
    values.update(_times(values, panel, len(panel) - 1 - row))
    coverage = panel.coverage.get(asset)
    if math.isnan(values["value"]):
        reason = _learning(panel, metric) if coverage is None or coverage.enough else too_little(coverage)
        return NotKnown(metric.id, asset, reason, coverage)
    at = panel.closes[len(panel) - 1 - row].to_pydatetime()
    return Reading(
        metric.id,
        asset,
        min(at, moment or now),
        step,
        values,
        {name: _used_of(store, asset, name, each, panel, len(panel) - 1 - row) for name, each in newest.items()},
        panel.venues(asset, metric.needs),
        tuple(sorted(name for name, one in panel.derived if one == asset and name in metric.needs)),
        _seen(panel, metric),
        coverage,
    )


def _running_at(
    store: Store, metric: Metric, asset: str, newest: Mapping[str, points.Newest], end: datetime
) -> datetime | None:
    """Return the moment whose unfinished row is read; None where the last close is read."""
    if not metric.running:
        return None
    last = min(each.at for each in newest.values())
    just_then = last + timedelta(milliseconds=1)
    if end - last > max(INPUTS[name].fresh_for for name in newest):
        # A live figure that stands still is shown as it last was, with its age. Of daily data the last whole row is.
        gaps = [usual_gap(store, asset, name, each) for name, each in newest.items()]
        return just_then if all(gap is not None and gap <= GRACE for gap in gaps) else None
    # What is published as its row begins is read in that row: carried into the next one, it would be compared with the
    # wrong day.
    return just_then if metric.at_open else end


def _used_of(store: Store, asset: str, name: str, newest: points.Newest, panel: Panel, row: int) -> datetime:
    """Return the time of the newest point that a row could use; of a sum that of its oldest part."""
    venues = panel.scope.get((name, asset), ())
    opened, closed = panel.at[row].to_pydatetime(), panel.closes[row].to_pydatetime()
    return panels.used_at(
        store, asset, name, venues if len(venues) > 1 else (newest.venue,), opened=opened, closed=closed
    )


def newest_inputs(store: Store, metric: Metric, asset: str) -> dict[str, points.Newest]:
    """Return the newest stored point of each input a metric needs; what is derived counts by what it is made of."""
    found = {name: points.newest(store, asset, name) for name in metric.needs}
    return {name: each for name, each in found.items() if each is not None}


def _newest_known(rows: Mapping[str, Any]) -> tuple[dict[str, float], int]:
    """Return the values of the newest row whose main value is known, and how many rows before the last it is."""
    count = len(rows["value"])
    for back in range(count):
        values = {name: float(array[count - 1 - back, 0]) for name, array in rows.items()}
        if not math.isnan(values["value"]):
            return values, back
    return {name: float(array[-1, 0]) for name, array in rows.items()}, 0


def _times(values: Mapping[str, float], panel: Panel, row: int) -> dict[str, Any]:
    return dates(values, panel.at[row].to_pydatetime())


def dates(values: Mapping[str, float], opened: datetime) -> dict[str, Any]:
    """Return a date `x_at` for each value `x_days_ago`, counted back from the open of the row it was read in."""
    return {
        f"{name.removesuffix('_days_ago')}_at": opened - timedelta(days=ago)
        for name, ago in values.items()
        if name.endswith("_days_ago") and not math.isnan(ago)
    }


def _seen(panel: Panel, metric: Metric) -> timedelta:
    import numpy as np  # noqa: PLC0415 - keeps commands light that read no metric

    missing = [_nan(panel, name) for name in metric.needs]
    return int(np.sum(~np.any(missing, axis=0))) * panel.step


def _nan(panel: Panel, name: str) -> Any:
    import numpy as np  # noqa: PLC0415 - as above

    values = panel.values.get(name)
    return np.ones(len(panel), dtype=bool) if values is None else np.isnan(values[:, 0])


def _learning(panel: Panel, metric: Metric) -> str:
    import numpy as np  # noqa: PLC0415 - as above

    missing = [name for name in metric.needs if bool(_nan(panel, name).all())]
    if missing:
        return f"nothing is stored of {wording.listing([INPUTS[name].title for name in missing])}"
    days = min(float(np.sum(~_nan(panel, name))) for name in metric.needs) * (panel.step / timedelta(days=1))
    need = needed_days(metric.id, panel.step)
    if days >= need:
        return "the newest points are missing"
    return f"learning, {days:.0f} of {need:.0f} days"


@cache
def needed_days(metric_id: str, step: timedelta) -> int:
    """Return how many days of history a metric needs before it has a value, for "learning, 9 of 30 days".

    The metric is asked itself, on a made-up history: its window also counts what only its side values look back on.
    """
    import numpy as np  # noqa: PLC0415 - as above
    import pandas as pd  # noqa: PLC0415 - as above

    from signals.series import Panel  # noqa: PLC0415 - as above

    metric = metrics()[metric_id]
    rows = metric.bars_back(step)
    # Waves of different lengths: nothing stands still, and no two inputs move as one.
    moments = np.arange(rows, dtype=float)[:, None]
    sizes = {"taker_buy_usd": 50.0}  # a part of the volume
    values = {name: sizes.get(name, 100.0) + np.sin(moments / (i + 1.3)) for i, name in enumerate(panels.needs(metric))}
    index = pd.date_range("2025-01-01", periods=rows, freq=pd.Timedelta(step), tz="UTC")
    known = ~np.isnan(metric.compute(Panel(step, index, ("X",), values))["value"].last(rows)[:, 0])
    first = int(np.argmax(known)) + 1 if known.any() else rows
    return math.ceil(first * step / timedelta(days=1))


def too_little(coverage: Coverage) -> str:
    """Say that there is no total, who alone answers, and who does not."""
    who = wording.listing(named(coverage.venues)) if coverage.venues else "nobody"
    # Rounded down: what is too little is never said to be 60 %.
    part = "" if coverage.share is None else f", {math.floor(coverage.share * 100)} % of usual open interest"
    return f"too little of the market answers for a total (only {who}{part}, {_without(coverage)})"


def coverage_words(coverage: Coverage) -> str:
    """Say how much of the market a figure of open interest is, and who is not in it."""
    count, missing = len(coverage.venues), len(coverage.left_out)
    words = f"{count} of {count + missing} venues"
    if coverage.share is not None:
        # While somebody is missing it is not all of it.
        words += f", {min(round(coverage.share * 100), 99 if missing else 100)} % of usual open interest"
    return f"{words} · {_without(coverage)}" if missing else words


def _without(coverage: Coverage) -> str:
    return f"without {', '.join(named(sorted(coverage.left_out, key=venue_order)))}"


def named(venues: Iterable[str]) -> list[str]:
    """Return venues as people write them."""
    return [venue_title(venue) for venue in venues]


def _titles(metric: Metric) -> str:
    return wording.listing([INPUTS[name].title for name in metric.needs[:2]])
