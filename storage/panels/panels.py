"""From stored points to the panel that metrics read: summing venues or letting one speak, deriving what is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from signals.inputs import EVERYWHERE, INPUTS, stored_under
from signals.series import Panel
from signals.units import DAY, floor, from_ms, in_ms, to_ms
from signals.venues import venue_order
from storage.market import points
from storage.panels import relay, sums
from storage.panels.grid import Grid
from storage.panels.reader import PanelReader
from storage.panels.weighted import WEIGHT, market_rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from signals.metric import Metric
    from signals.series import Array, Coverage, Speakers
    from storage.engine.database import Store
    from storage.market.points import StoredSeries
    from storage.panels.folded import Folded
    from storage.panels.relay import Relay
    from storage.panels.weighted import MarketRate

NEARLY = 0.9  # of the fullest venue's points: as good as full
NEWEST = 64  # points that tell how fine a series is
NEWLY = 60 * DAY  # and so long ago they may lie


def panel(
    source: Store | PanelReader,
    names: Sequence[str],
    assets: Sequence[str],
    *,
    step: timedelta,
    start: datetime,
    end: datetime,
    now: datetime | None = None,
    same_venue: bool = False,
    of_all_venues: bool = False,
) -> Panel:
    """Read inputs onto the grid of rows that open in [start, end) and are whole.

    With `now`, one more row is read: the unfinished one that holds `now`. In it flows are not known (a part of a day
    is not a day), everything else is its newest value while that is fresh.

    Open interest is summed over the venues that know the whole span, where there are such (see storage/panels/sums.py);
    everything else, and open interest until then or when too few of them answer, is that of one venue, and of the next
    one while it is silent (storage/panels/relay.py).

    same_venue: all inputs are those of one venue that has all of them, as a ratio of volume to open interest needs;
    where there is none, nothing is known. of_all_venues: funding is that of all venues (storage/panels/weighted.py).

    source: a reader where more is asked of the same assets. Rows before anything is stored of an asset cost nothing.
    """
    first = floor(start, step)
    last = floor(now, step) + step if now else floor(end, step)
    grid = Grid(first, step, max(0, round((last - first) / step)))
    values = {name: np.full((grid.count, len(assets)), np.nan) for name in names}
    scope: dict[tuple[str, str], tuple[str, ...]] = {}
    coverage: dict[str, Coverage] = {}
    spoke: dict[tuple[str, str], Speakers] = {}
    reader = PanelReader.of_source(source)
    weights = (WEIGHT,) if of_all_venues else ()
    for column, asset in enumerate(assets):
        under = {name: reader.of(stored_under(name, asset)) for name in (*names, *weights)}
        begun = _begun(under, grid)
        if not begun.count:
            continue
        found = _of_one_venue(under, names, begun, now) if same_venue else _of_asset(under, names, begun, now)
        if of_all_venues and (rate := market_rate(reader.of(asset), begun, now)):
            found.of_market(rate)
        unknown = grid.count - begun.count
        for name, rows_of in found.values.items():
            values[name][unknown:, column] = rows_of
        scope |= {(name, asset): venues for name, venues in found.scope.items()}
        for name, (venues, rows_by) in found.spoke.items():
            spoke[name, asset] = venues, np.pad(rows_by, (unknown, 0), constant_values=relay.NOT_KNOWN)
        if found.coverage:
            coverage[asset] = found.coverage
    derived = _derive(values, tuple(assets))
    index = pd.date_range(grid.start, periods=grid.count, freq=pd.Timedelta(step), tz=UTC)
    return Panel(step, index, tuple(assets), values, scope, frozenset(derived), coverage, spoke)


def _begun(under: Mapping[str, Folded], grid: Grid) -> Grid:
    """Return the rows of a grid from the one on in which the first of these inputs begins; none where it is later."""
    firsts = [series.first for name, folded in under.items() for series in folded.stored(name)]
    if not firsts:
        return Grid(grid.end, grid.step, 0)
    before = max(0, (min(firsts) - to_ms(grid.start)) // in_ms(grid.step))
    count = max(0, grid.count - before)
    return Grid(grid.end - count * grid.step, grid.step, count)


@dataclass(slots=True)
class _Found:
    """Inputs of an asset on a grid by name, whose they are, and how much of the market."""

    values: dict[str, Array] = field(default_factory=dict)
    scope: dict[str, tuple[str, ...]] = field(default_factory=dict)
    spoke: dict[str, Speakers] = field(default_factory=dict)
    coverage: Coverage | None = None

    def of_market(self, rate: MarketRate) -> None:
        """Put the funding of the whole market in the place of one venue's."""
        self.values |= rate.values
        self.scope |= dict.fromkeys(rate.values, rate.venues)
        for name in rate.values:
            self.spoke.pop(name, None)

    def take(self, told: Relay) -> None:
        """Add what was told by one venue after another."""
        self.values |= told.values
        for name in told.values:
            self.scope[name] = (told.last,)
            if told.changes:
                self.spoke[name] = told.speakers


def _of_asset(under: Mapping[str, Folded], names: Sequence[str], grid: Grid, now: datetime | None) -> _Found:
    """Read inputs of an asset: open interest as a sum where there is one, everything else as one venue tells it.

    under: where each is stored, since some are figures of the market as a whole.
    """
    found = _Found()
    speakers = {name: venue for name in names if (venue := _speaker(under[name], name, grid))}
    summed = [name for name in sums.SUMMED if speakers.get(name, EVERYWHERE) != EVERYWHERE]
    together = _together(under[summed[0]], tuple(summed), grid, speakers[summed[0]], now) if summed else None
    total = together.values if together and together.coverage.enough else {}
    price: tuple[str, ...] = ()
    for group in relay.groups([name for name in names if name in speakers and name not in total]):
        of_price = (price, found.values["close"]) if price else None
        for told in _told(under[group[0]], group, speakers, grid, now, of_price):
            found.take(told)
        price = group if "close" in group else price
    found.values |= total
    if together:
        found.coverage = together.coverage
        found.scope |= dict.fromkeys(total, together.coverage.venues)
        alone = next((found.scope[name] for name in summed if name not in total), ())
        if alone and set(alone) != set(together.coverage.venues):
            found.coverage = sums.alone(under[summed[0]], together.coverage, alone[0], grid, now)
    for name, other in (sums.SUMMED, sums.SUMMED[::-1]):  # what is derived of the other comes from where that does
        if name in names and name not in found.scope and other in found.scope:
            found.scope[name] = found.scope[other]
    return found


def _of_one_venue(under: Mapping[str, Folded], names: Sequence[str], grid: Grid, now: datetime | None) -> _Found:
    """Read inputs of an asset from one venue that has all of them, and from the next such one while it is silent.

    The one that knows most of the grid speaks; of those about as full the same one every time, as for a single input.
    """
    every = [{series.venue for series in under[name].stored(name) if series.first < to_ms(grid.end)} for name in names]
    venues = sorted(set.intersection(*every), key=lambda venue: (venue_order(venue), venue)) if every else []
    read = {venue: {name: under[name].on(venue, name, grid, now) for name in names} for venue in venues}
    known = {venue: int((~np.isnan(np.array(list(of.values())))).all(axis=0).sum()) for venue, of in read.items()}
    found = _Found()
    if venues:
        first = next(venue for venue in venues if known[venue] >= NEARLY * max(known.values()))
        order = [first, *(venue for venue in venues if venue != first)]
        found.take(relay.relayed(names, order, read.__getitem__))
    return found


def _together(
    folded: Folded, names: tuple[str, ...], grid: Grid, alone: str, now: datetime | None
) -> sums.Together | None:
    """Return what `sums.together` does, summed once: most metrics of one look begin where the data do."""
    key = ("together", names, grid, alone, now)
    return folded.once(key, lambda: sums.together(folded, names, grid, alone, now))


def _told(
    folded: Folded,
    group: tuple[str, ...],
    speakers: Mapping[str, str],
    grid: Grid,
    now: datetime | None,
    price: tuple[tuple[str, ...], Array] | None,
) -> list[Relay]:
    """Read inputs that belong together as they were told, those with another first speaker apart; once, as a sum is.

    price: the closes, and with which inputs they were told.
    """
    first = tuple(speakers[name] for name in group)
    prices = None if price is None or set(group) != set(sums.SUMMED) else price
    key = ("told", group, first, grid, now, prices and (prices[0], tuple(speakers[name] for name in prices[0])))
    return folded.once(key, lambda: _telling(folded, group, speakers, grid, now, prices and prices[1]))


def _telling(
    folded: Folded,
    group: tuple[str, ...],
    speakers: Mapping[str, str],
    grid: Grid,
    now: datetime | None,
    price: Array | None,
) -> list[Relay]:
    def read(venue: str, names: Sequence[str]) -> dict[str, Array]:
        of = {name: folded.on(venue, name, grid, now) for name in names}
        if price is not None and set(names) == set(sums.SUMMED):
            panes = {name: rows[:, None].copy() for name, rows in (of | {"close": price}).items()}
            _derive(panes, (folded.asset,))
            of = {name: panes[name][:, 0] for name in names}
        return of

    if group in relay.INSEPARABLE:
        known = [{series.venue for series in folded.stored(name)} for name in group]
        venues = sorted(set.intersection(*known), key=lambda venue: (venue != speakers[group[0]], venue_order(venue)))
        return [relay.relayed(group, venues, partial(read, names=group), whole=True)] if venues else []
    found = []
    for first in dict.fromkeys(speakers[name] for name in group):
        names = [name for name in group if speakers[name] == first]
        others = {series.venue for name in names for series in folded.stored(name) if series.first < to_ms(grid.end)}
        order = [first, *sorted(others - {first}, key=lambda venue: (venue_order(venue), venue))]
        found.append(relay.relayed(names, order, partial(read, names=names)))
    return found


def _speaker(folded: Folded, name: str, grid: Grid) -> str | None:
    """Return the venue that is chosen for a grid; once for all that begin before the input does."""
    begin = max(to_ms(grid.start), min((series.first for series in folded.stored(name)), default=0))
    return folded.once(("speaker", name, grid.step, begin, grid.end), lambda: _chosen(folded, name, grid))


def _chosen(folded: Folded, name: str, grid: Grid) -> str | None:
    """Choose the venue that speaks for an input as a rule: the fullest one in the grid.

    Of venues about as full as that the same one speaks every time, a sum over all first and then Binance: two that are
    asked side by side differ by a few points, and a speaker that changes with them would move every figure.

    One venue for the whole span: a sum whose members come and go would show their coming and going as news. Where it is
    silent another one stands in for it, at its scale.
    """
    by_venue: dict[str, list[StoredSeries]] = {}
    for series in folded.stored(name):
        if series.first < to_ms(grid.end):
            by_venue.setdefault(series.venue, []).append(series)
    if len(by_venue) < 2:
        return next(iter(by_venue), None)
    apart = max(grid.step, INPUTS[name].in_force)  # a rate that holds for eight hours is as full as one of each hour
    begin = floor(grid.start, apart)  # a stretch cut by the grid's start would count only for who speaks each hour
    venues = sorted(by_venue, key=venue_order)
    counts: dict[str, int] = {}
    for venue in venues:
        counts[venue] = folded.count(venue, name, start=begin, end=grid.end, step=grid.step, apart=apart)
        if len(counts) == 1 and venue_order(venue) < min(map(venue_order, venues[1:]), default=math.inf):
            fullest = max(_most(by_venue[other], begin, grid.end, apart) for other in venues)
            if counts[venue] >= NEARLY * fullest:
                return venue  # whatever the others know, they come after it and cannot be so much fuller
    full = [venue for venue in counts if counts[venue] >= NEARLY * max(counts.values())]
    return min(full, key=lambda venue: (venue_order(venue), -counts[venue], venue))


def _most(every: Sequence[StoredSeries], begin: datetime, end: datetime, apart: timedelta) -> int:
    """Return in how many stretches of length `apart` in [begin, end) these series can have values at most."""
    whole = in_ms(apart)
    first = max(to_ms(begin), min(series.first for series in every))
    last = min(to_ms(end) - 1, max(series.last for series in every))
    return max(0, last // whole - first // whole + 1)


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


def step_for(source: Store | PanelReader, metric: Metric, asset: str, start: datetime, end: datetime) -> timedelta:
    """Return the step to judge a metric at: its own where the stored data is that fine, else a day.

    Imported history is often daily; an hourly rule is then judged at daily closes, and the stamp says so.
    """
    if metric.step >= DAY:
        return metric.step
    newest = max(start, end - NEWLY)
    grid = Grid(newest, metric.step, max(1, round((end - newest) / metric.step)))
    reader = PanelReader.of_source(source)
    for name in metric.needs:
        folded, most = reader.of(stored_under(name, asset)), max(metric.step, INPUTS[name].in_force) * 1.5
        if INPUTS[name].kind == "bar" and all(series.step <= most.total_seconds() for series in folded.stored(name)):
            continue  # whoever speaks
        venue = _speaker(folded, name, grid)
        finest = None if venue is None else _finest(folded, venue, name, newest, end)
        if finest and finest > most:
            return DAY
    return metric.step


def _finest(folded: Folded, venue: str, name: str, start: datetime, end: datetime) -> timedelta | None:
    """Return how far apart the newest values lie; None if there are none."""
    if INPUTS[name].kind == "bar":
        steps = [
            series.step
            for series in folded.series(venue, name)
            if series.first < to_ms(end) and series.last >= to_ms(start)
        ]
        return timedelta(seconds=min(steps)) if steps else None

    def read() -> list[int]:
        return points.last_times(folded.store, folded.asset, venue, name, start=end - NEWLY, end=end, most=NEWEST)

    begin = to_ms(start)
    times = [at for at in folded.once(("times", venue, name, end), read) if at >= begin]
    if not times:
        return None
    return timedelta(milliseconds=float(np.median(-np.diff(times)))) if len(times) > 1 else DAY


def used_at(
    store: Store, asset: str, name: str, venues: Sequence[str], *, opened: datetime, closed: datetime
) -> datetime:
    """Return when the newest point became known that a row could use, of several venues that of the oldest of them.

    Not one that came after the row closed; where there is none, the time at which the row opens.
    """
    folded = PanelReader(store).of(stored_under(name, asset))
    before = opened - max(INPUTS[name].in_force, closed - opened)
    used = []
    for venue in venues:
        known = max((series.known for series in folded.series(venue, name)), default=None)
        if known is not None and known >= to_ms(closed) + (INPUTS[name].kind == "bar"):
            known = folded.known_by(venue, name, before, closed) or to_ms(opened)
        if known is not None:
            used.append(known)
    return from_ms(min(used, default=to_ms(opened)))


def of(
    source: Store | PanelReader,
    metric: Metric,
    assets: Sequence[str],
    *,
    step: timedelta,
    start: datetime,
    end: datetime,
    now: datetime | None = None,
) -> Panel:
    """Read what a metric needs; see `panel`."""
    how = {"same_venue": metric.same_venue, "of_all_venues": metric.of_all_venues}
    return panel(source, needs(metric), assets, step=step, start=start, end=end, now=now, **how)


def want(reader: PanelReader, metric: Metric, asset: str, *, step: timedelta, start: datetime, end: datetime) -> None:
    """Say that a metric of an asset will be read, see `of`: what several metrics need is then read together."""
    weights = (WEIGHT,) if metric.of_all_venues else ()
    for name in (*needs(metric), *weights):
        reader.of(stored_under(name, metric.asset_of(asset))).want(name, step, start, end)


def needs(metric: Metric) -> tuple[str, ...]:
    """Return the inputs to read for a metric: its own, and what they are derived from."""
    extra = ("open_interest_usd", "close") if "open_interest_coin" in metric.needs else ()
    return tuple(dict.fromkeys((*metric.needs, *extra)))
